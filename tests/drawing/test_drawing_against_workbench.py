"""Pictures that wbtools draws beside those that wb_command draws of the same scenes.

Both follow the same rules, so surfaces and slices agree pixel by pixel but for rounding along edges. Letters are those
of another rasteriser: their edges, a pixel wide, are greyer in one than in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from made_drawings import box, head, likeness, pixels
from scipy.ndimage import distance_transform_edt
from workbench_session import Session

from wbtools.anatomy import Hemisphere
from wbtools.drawing.renderer import draw_sheet
from wbtools.images import cifti
from wbtools.workbench import render
from wbtools.workbench.command import Command
from wbtools.workbench.palette import Palette, PaletteName
from wbtools.workbench.runner import Workbench
from wbtools.workbench.scene.elements import (
    Align,
    ColourBar,
    LabelDrawing,
    LabelStyle,
    Layer,
    Rectangle,
    Text,
)
from wbtools.workbench.scene.figure import Slices, Surfaces, figure
from wbtools.workbench.scene.legend import Legend
from wbtools.workbench.scene.scene import MontageView, Scene, View, VolumeView

pytestmark = pytest.mark.workbench

FAR = (1e5, 1e5, 1e5)
Both = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def both(wb: Workbench, tmp_path: Path) -> Callable[[Scene], Both]:
    """`both(scene)` is the picture by Workbench and the one by wbtools, of one size."""

    return lambda scene: drawn(wb, tmp_path, [scene])[0]


@pytest.fixture
def each(wb: Workbench, tmp_path: Path) -> Callable[[Sequence[Scene]], list[Both]]:
    """`each(scenes)` is `both` of every scene, drawn at once: most of Workbench's time goes into starting."""
    return lambda scenes: drawn(wb, tmp_path, scenes)


def drawn(wb: Workbench, folder: Path, scenes: Sequence[Scene]) -> list[Both]:
    """The pictures of scenes that can be shown together, by Workbench and by wbtools."""
    theirs, ours = ([folder / f"{who}{n}.png" for n in range(len(scenes))] for who in ("theirs", "ours"))
    render.render_sheet(wb, dict(zip(theirs, scenes, strict=True)), folder, coloured=False, threads=2)
    draw_sheet(dict(zip(ours, scenes, strict=True)), folder, coloured=False)
    found = [(pixels(first), pixels(second)) for first, second in zip(theirs, ours, strict=True)]
    for scene, (first, second) in zip(scenes, found, strict=True):
        assert first.shape == second.shape == (*scene.size[::-1], 3)
    return found


def montage(session: Session, *layers: Layer, sides: str = "LR", **settings: object) -> Scene:
    surfaces = tuple(path for side, path in session.surfaces.items() if side.letter in sides)
    return Scene("s", (MontageView("Surfaces", layers, surfaces=surfaces, **settings),), size=(901, 333))


def below_a_brain(session: Session, view: View) -> Scene:
    """A view of 800 x 106 pixels below something that keeps the picture from being blank."""
    above = VolumeView("Slices", (session.anatomy,), rectangle=Rectangle(0, 100, 50, 100))
    return Scene("s", (above, replace(view, rectangle=Rectangle(0, 100, 0, 50))), size=(800, 212))


@pytest.mark.parametrize("which", ["volume", "montage", "overview"])
def test_a_figure_is_the_same(session: Session, both: Callable[[Scene], Both], which: str) -> None:
    alike = likeness(*both(getattr(session, which)()))
    assert alike.overlap > 0.99  # measured .994 to .997: all but the edges of letters
    assert alike.apart < 0.6  # measured .2 to .4


def test_slices_do_not_depend_on_the_order_of_axes(
    each: Callable[[Sequence[Scene]], list[Both]], tmp_path: Path
) -> None:
    orders = {
        "RAS": ((0, 1, 2), (False, False, False)),
        "LAS": ((0, 1, 2), (True, False, False)),
        "PSR": ((1, 2, 0), (True, False, False)),
        "AIL": ((1, 2, 0), (False, True, True)),
    }
    pictures = each([head(tmp_path, *order) for order in orders.values()])
    for name, picture in zip(orders, pictures, strict=True):
        alike = likeness(*picture)
        assert alike.overlap > 0.99, name
        assert alike.apart < 0.5, name


def test_slices_that_are_zoomed_and_cut_off_are_the_same(both: Callable[[Scene], Both], tmp_path: Path) -> None:
    layers = head(tmp_path, (0, 1, 2), (True, False, False)).views[0].layers
    view = VolumeView("Slices", layers, zoom=1.3, centre=(10.0, 5.0, -4.0))
    theirs, ours = both(Scene("s", (view,), size=(503, 299)))
    assert likeness(theirs, ours).overlap > 0.98  # letters take more of so small a picture
    assert likeness(theirs, ours).apart < 1.5


def test_letters_stand_where_workbench_has_them(both: Callable[[Scene], Both], tmp_path: Path) -> None:
    scene = replace(head(tmp_path, (0, 1, 2), (False, False, False)), size=(1600, 410))
    view = replace(scene.views[0], rectangle=None, layers=scene.views[0].layers[1:])  # without colours
    theirs, ours = both(replace(scene, views=(view,)))
    for colour in range(3):  # each slice has four letters, two of them in one colour
        marks = [picture[..., colour] - picture.sum(axis=2) / 3 > 64 for picture in (theirs, ours)]
        assert marks[0].any()
        for start in (0, 534, 1068):
            for half in (slice(start, start + 266), slice(start + 266, start + 532)):
                parts = [mark[:, half] for mark in marks]
                if parts[0].any():
                    assert np.abs(box(parts[0]) - box(parts[1])).max() <= 1, "letters are 15 pixels high"


@pytest.mark.parametrize(
    "shown",
    [
        Palette(PaletteName.MAGMA, 0.2, 1, threshold=0.5),
        Palette(PaletteName.ROY_BIG_BL, 0, 6.4e-6, threshold=1e-6, negative=True),
        Palette(PaletteName.ROY_BIG_BL, 0.5, 2, negative=True),
        Palette(PaletteName.ROY_BIG, 0, 2, negative=True),
        Palette(PaletteName.GRAY_INTERP_POSITIVE, 0, 800),
    ],
    ids=lambda palette: f"{palette.name.value}-{palette.low:g}-{palette.high:g}",
)
def test_a_colour_bar_is_the_same(session: Session, both: Callable[[Scene], Both], shown: Palette) -> None:
    bar = ColourBar(Rectangle(2, 42, 8, 66), letters=20)
    layer = replace(session.overlay, palette=shown, colour_bar=bar)
    view = VolumeView("Legend", (layer,), letters=False, centre=FAR)
    theirs, ours = (picture[106:] for picture in both(below_a_brain(session, view)))
    strips = [picture[70:98, 16:336] for picture in (theirs, ours)]
    # A pixel's colour is taken at its middle or at its edge.
    assert np.abs(strips[0] - strips[1]).mean() < 1.5
    numbers = [picture[:60].max(axis=2) > 60 for picture in (theirs, ours)]
    assert np.abs(box(numbers[0]) - box(numbers[1])).max() <= 1
    assert np.abs(box(theirs.max(axis=2) > 60) - box(ours.max(axis=2) > 60)).max() <= 1


def test_texts_stand_where_workbench_has_them(session: Session, each: Callable[[Sequence[Scene]], list[Both]]) -> None:
    texts = (
        Text("xxx gap Über", x, 50, 20, align) for align, x in ((Align.LEFT, 5), (Align.CENTER, 50), (Align.RIGHT, 95))
    )
    views = (VolumeView("Text", (session.anatomy,), (text,), letters=False, centre=FAR) for text in texts)
    for pictures in each([below_a_brain(session, view) for view in views]):
        words = [picture[106:].max(axis=2) > 60 for picture in pictures]
        assert np.abs(box(words[0]) - box(words[1])).max() <= 1, "the words are 120 pixels wide"


@pytest.mark.parametrize("drawing", LabelDrawing)
def test_labels_are_drawn_alike(session: Session, both: Callable[[Scene], Both], drawing: LabelDrawing) -> None:
    halves = {
        side: np.where(nibabel.load(session.surfaces[side]).darrays[0].data[:, 2] > 5, 1, 0) for side in Hemisphere
    }
    rows = cifti.Greyordinates({side: np.ones(642, bool) for side in Hemisphere})
    image = nibabel.load(session.areas)
    values = rows.gather(halves)[None].astype(np.float32)
    nibabel.save(nibabel.Cifti2Image(values, image.header), session.areas)
    theirs, ours = both(montage(session, Layer(session.areas, label_style=LabelStyle(drawing)), *session.metrics))
    assert likeness(theirs, ours).overlap > 0.99
    assert likeness(theirs, ours).apart < 0.7


def test_opacity_and_threshold_mix_colours_alike(
    session: Session, each: Callable[[Sequence[Scene]], list[Both]]
) -> None:
    half = Palette(PaletteName.MAGMA, 0.0, 1e-7, threshold=5e-8)
    scalars = replace(session.scalars, opacity=0.6, palette=half)
    for theirs, ours in each([montage(session, scalars, *session.metrics), montage(session, scalars)]):
        assert likeness(theirs, ours).overlap > 0.99
        assert likeness(theirs, ours).apart < 0.7


def test_one_hemisphere_takes_the_whole_row(session: Session, each: Callable[[Sequence[Scene]], list[Both]]) -> None:
    letters = [side.letter for side in Hemisphere]
    layers = {side: [layer for layer in session.metrics if layer.path.name.startswith(side)] for side in letters}
    for theirs, ours in each([montage(session, *layers[side], sides=side) for side in letters]):
        assert likeness(theirs, ours).overlap > 0.99
        assert likeness(theirs, ours).apart < 0.7


@pytest.mark.parametrize("kind", ["pscalar", "dscalar", "metric", "volume"])
def test_the_palette_that_a_file_carries_is_read(session: Session, both: Callable[[Scene], Both], kind: str) -> None:
    shown = Palette(PaletteName.ROY_BIG_BL, 0.0, 1e-7, threshold=2e-8).xml()
    if kind == "volume":
        image = nibabel.load(session.overlay.path)
        content = f'<CaretExtension><VolumeInformation Index="0">{shown}</VolumeInformation></CaretExtension>'
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(30, content.encode()))
        nibabel.save(image, session.overlay.path)
        scene = figure("s", Legend("t"), Slices(session.anatomy, replace(session.overlay, palette=None)))
    elif kind == "metric":
        for layer in session.metrics:
            image = nibabel.load(layer.path)
            image.darrays[1].meta["PaletteColorMapping"] = shown
            nibabel.save(image, layer.path)
        scene = figure(
            "s",
            Legend("t"),
            surfaces=Surfaces(session.surfaces, [replace(each, palette=None) for each in session.metrics]),
        )
    else:
        image = nibabel.load(session.scalars.path)
        axis, values = image.header.get_axis(1), image.get_fdata(dtype=np.float32)
        if kind == "pscalar":
            parcels = [(f"p{n}", axis[n * 107 : (n + 1) * 107]) for n in range(12)]
            axis, values = nibabel.cifti2.ParcelsAxis.from_brain_models(parcels), values[:, 50::107]
        maps = nibabel.cifti2.ScalarAxis(["relevance"], [{"PaletteColorMapping": shown}])
        path = session.folder / f"own.{kind}.nii"
        nibabel.save(nibabel.Cifti2Image(values, (maps, axis)), path)
        scene = figure("s", Legend("t"), surfaces=Surfaces(session.surfaces, [Layer(path)]))
    theirs, ours = both(scene)
    red = [(picture[..., 0] > 150) & (picture[..., 1] < 90) for picture in (theirs, ours)]
    assert red[0].mean() > 0.002
    assert likeness(theirs, ours).overlap > 0.99
    assert likeness(theirs, ours).apart < 0.7


def test_palettes_that_workbench_writes_are_read(
    session: Session, wb: Workbench, each: Callable[[Sequence[Scene]], list[Both]]
) -> None:
    scale = ("-pos-user", "2e-8", "8e-8", "-neg-user", "-1e-8", "-9e-8", "-palette-name", "ROY-BIG-BL")
    limits = ("-thresholding", "THRESHOLD_TYPE_NORMAL", "THRESHOLD_TEST_SHOW_OUTSIDE", "-1e-8", "4e-8")
    for layer in session.metrics:
        path = layer.path
        wb.run(Command(("-metric-palette", str(path), "MODE_USER_SCALE", *scale, *limits), (path,), ()))
    path = session.scalars.path
    again = path.with_name("again.dscalar.nii")
    wb.run(Command(("-cifti-palette", str(path), "MODE_AUTO_SCALE_PERCENTAGE", str(again)), (path,), (again,)))
    own = [replace(layer, palette=None) for layer in session.metrics]
    for theirs, ours in each([montage(session, *own), montage(session, Layer(again))]):
        assert likeness(theirs, ours).overlap > 0.99
        assert likeness(theirs, ours).apart < 0.7


def test_borders_of_areas_run_where_workbench_has_them(session: Session, both: Callable[[Scene], Both]) -> None:
    place = nibabel.load(session.surfaces[Hemisphere.LEFT]).darrays[0].data
    stripes = (1 + (np.floor(place[:, 1] / 25) % 2)).astype(np.float32)
    image = nibabel.load(session.areas)
    nibabel.save(nibabel.Cifti2Image(np.tile(stripes, 2)[None], image.header), session.areas)
    theirs, ours = both(montage(session, Layer(session.areas, label_style=LabelStyle())))
    inside = theirs.max(axis=2) > 12
    black = [inside & (picture.max(axis=2) < 60) for picture in (theirs, ours)]
    assert black[0].mean() > 0.01
    for first, second in (black, black[::-1]):
        assert (distance_transform_edt(~second)[first] <= 3).mean() > 0.99
        assert (distance_transform_edt(~second)[first] <= 1).mean() > 0.98


@pytest.mark.slow
def test_the_pictures_of_an_export_are_the_same(
    wb: Workbench, exported: tuple[str, Path], exported_again: Path
) -> None:
    folders = exported[1] / "figures", exported_again / "figures"
    names = [sorted(path.name for path in folder.glob("*.png")) for folder in folders]
    assert names[0] == names[1]
    assert len(names[0]) >= 5
    for name in names[0]:
        theirs, ours = (pixels(folder / name) for folder in folders)
        assert theirs.shape == ours.shape
        # Words are a third of what is drawn in the flattest figures, and half of a letter is edge.
        assert likeness(theirs, ours).overlap > 0.95, name
        brains = [picture[140:-140] for picture in (theirs, ours)]
        assert likeness(*brains).overlap > 0.98, name
        assert likeness(*brains).apart < 1.0, name
