"""Matrices that answer clicks in wb_view, while the picture shows a plain map of the same numbers."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import nibabel
import numpy as np
import pytest
from PIL import Image

from wbtools.errors import InputError
from wbtools.workbench import palette, render
from wbtools.workbench.palette import Palette
from wbtools.workbench.scene import file
from wbtools.workbench.scene.describing import Description
from wbtools.workbench.scene.elements import Layer, Rectangle
from wbtools.workbench.scene.figure import Surfaces, figure
from wbtools.workbench.scene.legend import Legend
from wbtools.workbench.scene.loading import loaded
from wbtools.workbench.scene.sheet import sheet

PALETTE = Palette(palette.PaletteName.ROY_BIG_BL, 0.0, 4.0, threshold=0.5, negative=True)
MATRIX = np.array([[1, 2, 3, 4], [-1, -2, -3, -4], [4, 3, 2, 1], [-4, 4, -4, 4]], np.float32)
ROW = 1


@pytest.fixture
def pairs(session):
    """A matrix of four parcels, and its row, as Workbench counts them, as a plain map."""
    corners = {
        f"{side[0]}{half}": {f"CIFTI_STRUCTURE_CORTEX_{side}": np.arange(321 * half, 321 * (half + 1))}
        for side in ("LEFT", "RIGHT")
        for half in (0, 1)
    }
    sizes = {f"CIFTI_STRUCTURE_CORTEX_{side}": 642 for side in ("LEFT", "RIGHT")}
    none = [np.empty((0, 3), int)] * 4
    parcels = nibabel.cifti2.ParcelsAxis(list(corners), none, list(corners.values()), None, None, sizes)
    matrix, plain = session.folder / "x.pconn.nii", session.folder / "x.pscalar.nii"
    image = nibabel.cifti2.Cifti2Image(MATRIX, (parcels, parcels))
    image.header.matrix.metadata = nibabel.cifti2.Cifti2MetaData({"PaletteColorMapping": PALETTE.xml()})
    nibabel.save(image, matrix)
    nibabel.save(nibabel.cifti2.Cifti2Image(MATRIX[:, [ROW]].T, (nibabel.cifti2.ScalarAxis(["m"]), parcels)), plain)
    live = Layer(matrix, row=ROW)
    return figure("Pairs", Legend("t"), surfaces=Surfaces(session.surfaces, [Layer(plain, palette=PALETTE, live=live)]))


def named(scene):
    return {path.name for path in scene.paths}


def test_a_picture_loads_the_map_and_a_window_the_matrix_as_well(pairs):
    assert "x.pscalar.nii" in named(pairs) and "x.pconn.nii" not in named(pairs)
    assert {"x.pscalar.nii", "x.pconn.nii"} <= named(pairs.in_window())
    assert "x.pconn.nii" not in named(sheet([pairs]).in_window())
    (view,) = [view for view in pairs.in_window().views if view.name == "Surfaces"]
    assert [layer.path.name for layer in view.layers] == ["x.pconn.nii"]
    assert view.layers[0].opacity == next(v for v in pairs.views if v.name == "Surfaces").layers[0].opacity


def test_the_scene_file_says_which_row_is_chosen(pairs, session):
    file.write(session.folder / "s.scene", [pairs])
    root = ET.parse(session.folder / "s.scene").getroot()
    (state,) = [each for each in root.iter("Object") if each.get("Name") == "m_connectivityDataLoaded"]
    assert {each.get("Name"): each.text for each in state} == {
        "m_mode": "MODE_ROW",
        "m_rowIndex": str(ROW),
        "m_columnIndex": "-1",
    }


@pytest.mark.parametrize("change", [{"row": None}, {"row": ROW, "path": "x.pscalar.nii"}])
def test_a_row_is_chosen_of_matrices_and_of_nothing_else(pairs, session, change):
    change = {key: session.folder / value if key == "path" else value for key, value in change.items()}
    (view,) = [view for view in pairs.in_window().views if view.name == "Surfaces"]
    wrong = replace(view, layers=(replace(view.layers[0], **change),), rectangle=None)
    with pytest.raises(InputError, match="a row is chosen"):
        loaded(replace(pairs, views=(wrong,)))


def test_a_matrix_is_given_no_palette_as_workbench_would_not_read_it(pairs):
    (view,) = [view for view in pairs.in_window().views if view.name == "Surfaces"]
    wrong = replace(view, layers=(replace(view.layers[0], palette=PALETTE),), rectangle=None)
    with pytest.raises(InputError, match="carries its palette itself"):
        loaded(replace(pairs, views=(wrong,)))


@pytest.mark.workbench
def test_workbench_draws_the_chosen_row_in_the_colours_of_the_picture(pairs, session, wb):
    png, live = session.folder / "p.png", session.folder / "live.png"
    render.render(wb, pairs, session.folder, png)
    scene = session.folder / "s.scene"
    surfaces = replace(next(v for v in pairs.views if v.name == "Surfaces"), rectangle=Rectangle(0, 100, 0, 100))
    file.write(scene, [replace(pairs, views=(surfaces,), size=(800, 400))])
    render.capture(wb, scene, 1, live, (800, 400))
    plain = session.folder / "plain.png"
    file.write(scene, [replace(pairs, views=(replace(surfaces, layers=tuple(
        replace(layer, live=None) for layer in surfaces.layers)),), size=(800, 400))])  # fmt: skip
    render.capture(wb, scene, 1, plain, (800, 400))
    drawn, expected = (np.asarray(Image.open(path).convert("RGB")) for path in (live, plain))
    assert (expected.max(2).astype(int) - expected.min(2) > 60).mean() > 0.05  # colours are there at all
    right = slice(400, None)  # the chosen parcel lies on the left, and Workbench draws it in white
    np.testing.assert_array_equal(drawn[:, right], expected[:, right])
    chosen = (drawn != expected).any(2)
    assert 0.02 < chosen.mean() < 0.2
    assert (np.ptp(drawn[chosen].astype(int), axis=1) < np.ptp(expected[chosen].astype(int), axis=1)).mean() > 0.9


def test_a_description_says_what_is_shown_on_what_in_which_colours():
    made = Description("Pairs", ("slices", "the inflated surfaces"), "T1w space", "mm", PALETTE, "HCP-MMP 1.0")
    assert made.sentences() == (
        "Pairs on slices, and on the inflated surfaces, in T1w space.",
        "Colours (ROY-BIG-BL) show mm from -4 to 4; what is nearer to zero than 0.5 is transparent.",
        "Black lines are borders of HCP-MMP 1.0 areas, grey is sulcal depth.",
    )
    bare = Description("Relevance", ("slices",), "T1w space", "1/mm3", Palette(threshold=0.1))
    assert bare.sentences()[1:] == ("Colours (magma) show 1/mm3 from 0 to 1; what is below 0.1 is transparent.",)


def test_a_description_has_title_sentences_decision_and_notice_as_lines_of_their_own():
    legend = Legend("Title & <more>", "Decision: yes", "A notice.", "mm", ("One.", "Two."))
    assert legend.description.splitlines() == ["Title & <more>", "One. Two.", "Decision: yes.", "A notice."]
    assert [text.text for text in legend.header()[0].texts] == ["Title & <more>", "Decision: yes"]
