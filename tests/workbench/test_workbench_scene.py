from __future__ import annotations

import base64
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from workbench_session import Session, icosphere, write_metric

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.surfaces.mesh import write
from wbtools.workbench import palette
from wbtools.workbench.palette import Palette
from wbtools.workbench.scene import file
from wbtools.workbench.scene.elements import LabelStyle, Layer, Rectangle
from wbtools.workbench.scene.figure import Slices, Surfaces, figure
from wbtools.workbench.scene.legend import NOTICE, Legend
from wbtools.workbench.scene.scene import MontageView, Scene, View, VolumeView
from wbtools.workbench.scene.sheet import boxes, sheet


def written(session: Session, *scenes: Scene) -> ET.Element:
    path = session.folder / "s.scene"
    file.write(path, scenes)
    return ET.parse(path).getroot()


def objects(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if element.get("Name") == name]


def texts(root: ET.Element, name: str) -> list[str]:
    return [element.text or "" for element in objects(root, name)]


def test_a_scene_file_has_every_object_whose_absence_crashes_the_program(session: Session) -> None:
    root = written(session, session.volume(), session.montage(), session.overview())
    assert (root.tag, root.attrib) == ("SceneFile", {"Version": "3"})
    scenes = root.findall("Scene")
    assert [(scene.get("Index"), scene.get("Type"), scene.findtext("Name")) for scene in scenes] == [
        ("0", "SCENE_TYPE_FULL", "Slices"),
        ("1", "SCENE_TYPE_FULL", "Montage"),
        ("2", "SCENE_TYPE_FULL", "Overview"),
    ]
    for scene in scenes:
        for name, kind, version in (
            ("guiManager", "GuiManager", "1"),
            ("m_sessionManager", "SessionManager", "1"),
            ("models", "Model", "1"),
            ("m_browserTabs", "BrowserTabContent", "7"),
            ("m_volumeSliceSettings", "VolumeSliceSettings", "2"),
            ("m_browserWindowContent", "BrowserWindowContent", "2"),
            ("m_brainBrowserWindows", "BrainBrowserWindow", "2"),
        ):
            found = [element for element in objects(scene, name) if element.tag == "Object"]
            assert found, name
            assert {(element.get("Class"), element.get("Version")) for element in found} == {(kind, version)}
        for name in ("m_brains", "m_brainStructures", "m_sceneTabIndices", "dataFilesArray"):
            assert objects(scene, name), name
    for scene in scenes[1:]:  # those with a montage
        for name in ("m_cerebellarConfiguration", "m_cerebralConfiguration", "m_flatMapsConfiguration"):
            assert [element.tag for element in objects(scene, name)] == ["ObjectMap"]


def test_array_lengths_are_true(session: Session) -> None:
    for array in written(session, session.overview()).iter("ObjectArray"):
        assert int(array.attrib["Length"]) == len(array)
        assert [element.get("Index") for element in array] == [str(i) for i in range(len(array))]


def test_every_path_is_relative_and_every_layer_is_loaded(session: Session) -> None:
    root = written(session, session.overview())
    paths = [element.text or "" for element in root.iter("Object") if element.get("Type") == "pathName"]
    loaded = set(texts(root, "fileName"))
    assert len(paths) > 10
    assert set(paths) == loaded
    assert loaded == {path.name for path in session.overview().paths}
    assert str(session.folder) not in (session.folder / "s.scene").read_text()
    assert set(texts(root, "selected")) == {"true"}


def test_the_same_scenes_give_the_same_bytes(session: Session) -> None:
    files = [session.folder / "one.scene", session.folder / "two.scene"]
    for path in files:
        file.write(path, [session.overview(), session.volume()])
    assert files[0].read_bytes() == files[1].read_bytes()
    assert not list(session.folder.glob(".*"))


def test_titles_may_hold_any_letters(session: Session) -> None:
    title = 'Émilie & Ödön <"1" µm³> 脳'
    root = written(session, session.volume(title))
    inner = ET.fromstring(texts(root, "AnnotationFileContent")[0])
    shown = " ".join(element.text or "" for element in inner.iter("textData"))
    assert title in shown
    assert title in (root.find("Scene/Description").text or "")  # type: ignore[union-attr]


def test_a_control_character_is_refused(session: Session) -> None:
    with pytest.raises(InputError, match="control character"):
        written(session, session.volume("bell \a"))


def test_palettes_are_found_by_file_name_path_map_and_count(session: Session) -> None:
    scene = written(session, session.montage())
    states = objects(scene, "allCaretDataFiles_V2")[0].findall("Element/Object")
    assert [state.get("Name") for state in states] == ["L.maps.func.gii", "R.maps.func.gii"]
    for state in states:
        assert texts(state, "dataFileName_V2") == [state.get("Name")]
        assert texts(state, "mapIndex") == ["1"]
        assert texts(state, "mapCount") == ["2"]  # with another count Workbench drops the palette
        assert texts(state, "mapColorMapping") == [session.overlay.palette.xml()]  # type: ignore[union-attr]


def test_areas_are_drawn_as_black_lines_on_top(session: Session) -> None:
    scene = session.overview()
    root = written(session, scene)
    assert texts(root, "m_drawingType") == ["DRAW_OUTLINE_COLOR"]
    assert texts(root, "m_outlineColor") == ["BLACK"]
    assert [layer.path.name for layer in scene.views[1].layers] == ["areas.dlabel.nii", "maps.dscalar.nii"]


def test_the_overlay_is_translucent_and_has_the_colour_bar(session: Session) -> None:
    slices, legend, _ = session.volume().views
    top, below = slices.layers
    assert (top.path, top.opacity, below.opacity) == (session.overlay.path, 0.75, 1.0)
    assert not top.colour_bar and not below.colour_bar, "a head may fill its panel"
    assert legend.layers[0].colour_bar and legend.layers[0].path == top.path
    root = written(session, session.overview())
    assert len(objects(root, "m_colorBar")) == 1
    assert texts(root, "m_positionMode") == ["MANUAL"]


def test_structures_come_from_the_files_not_from_their_names(session: Session) -> None:
    odd = session.folder / "thing.surf.gii"
    write(odd, icosphere(Hemisphere.RIGHT), "pial")
    scene = Scene("s", (MontageView("m", (session.metrics[1],), surfaces=(odd,)),))
    root = written(session, scene)
    assert texts(root, "structure") == ["CORTEX_RIGHT", "CORTEX_RIGHT"]
    assert texts(root, "m_rightSurfaceEnabled") == []
    assert (texts(root, "m_leftEnabled")[0], texts(root, "m_rightEnabled")[0]) == ("false", "true")


def test_thumbnails_are_carried(session: Session) -> None:
    root = written(session, replace(session.volume(), thumbnail=b"\x89PNG..."), session.montage())
    images = root.findall("SceneInfoDirectory/SceneInfo/Image")
    assert [base64.b64decode(image.text or "") for image in images] == [b"\x89PNG..."]
    assert images[0].attrib == {"Encoding": "Base64", "Format": "png"}
    assert root.findtext("SceneInfoDirectory/BasePathType") == "AUTOMATIC"


def test_a_sheet_shows_scenes_below_one_another_and_ends_in_an_empty_corner(session: Session) -> None:
    scenes = [session.volume(), session.overview()]
    made = sheet(scenes)
    width, height = made.size
    assert made.tiled
    *shown, corner = made.views
    assert [view.layers for view in shown] == [view.layers for scene in scenes for view in scene.views]
    assert corner.layers == ()
    assert corner.rectangle
    assert (corner.rectangle.right - corner.rectangle.left) * width / 100 == pytest.approx(3)
    assert set(made.paths) == {path for scene in scenes for path in scene.paths}
    first = len(scenes[0].views)
    for view, (_, upper, _, lower) in zip((shown[0], shown[first]), boxes(scenes), strict=True):
        place = view.rectangle
        assert place
        assert int(place.bottom * height / 100) >= height - lower
        assert height - int(place.top * height / 100) >= upper
    assert boxes(scenes)[0][1] >= 3, "the corner hides nothing"


def test_slices_fit_their_panels_whatever_the_field_of_view(session: Session) -> None:
    # Workbench fits the longest edge (here 180 mm) to 98 % of the view's height; a panel must hold 222 mm, or as told.
    for room, options in ((222, {}), (260, {"room": 260.0})):
        scene = figure("s", Legend("A title"), Slices(session.anatomy, session.overlay, **options))
        place = scene.views[0].rectangle
        assert place
        height = scene.size[1] * (place.top - place.bottom) / 100
        pixels_per_mm = 0.98 * height / 180 * scene.views[0].zoom
        assert pixels_per_mm * room == pytest.approx(min(scene.size[0] / 3, height), rel=0.01)  # zoom has 3 digits


def test_no_crosshairs_are_drawn_and_letters_only_beside_slices(session: Session) -> None:
    root = written(session, session.overview())
    assert set(texts(root, "m_displayVolumeAxesCrosshairs")) == {"false"}
    assert texts(root, "m_displayVolumeAxesCrosshairLabels") == ["true", "false", "false", "false"]


METHODS = ("deviation", "occlusion")


@pytest.mark.parametrize("kind", ["volume", "montage", "overview", "two methods"])
def test_no_text_and_no_colour_bar_lies_on_a_brain(session: Session, kind: str) -> None:
    long = Legend("A title " * 40, "Decision: " + "a class " * 80, "A notice. " * 300 + NOTICE, "1/mm3")
    slices = Slices(session.anatomy, session.overlay)
    two_methods = [Surfaces(session.surfaces, session.metrics, about=name) for name in METHODS]
    made = {
        "volume": lambda: figure("s", long, slices),
        "montage": lambda: figure("s", long, surfaces=Surfaces(session.surfaces, session.metrics)),
        "overview": lambda: figure("s", long, slices, Surfaces(session.surfaces, [session.scalars])),
        "two methods": lambda: figure("s", long, None, *two_methods),
    }[kind]()
    tiles = sorted((view.rectangle for view in made.views if view.rectangle), key=lambda place: place.bottom)
    assert len(tiles) == len(made.views)
    assert all(low.top == pytest.approx(high.bottom, abs=0.01) for low, high in pairwise(tiles))
    for view in made.views:
        worded = [text for text in view.texts if text.text not in ("Left", "Right", *METHODS)]
        assert not worded or view.name in ("Title", "Legend")
        assert all(text.y - text.height / 2 > 0 and text.y + text.height / 2 < 100 for text in view.texts)
        assert not any(layer.colour_bar for layer in view.layers) or view.name == "Legend"
    said = " ".join(text.text for view in made.views for text in view.texts)
    assert "Decision: a class" in said and "Not for diagnosis." in said
    assert made.size[1] < 1400


def test_maps_of_two_methods_stand_below_one_another_and_say_whose_they_are(session: Session) -> None:
    rows = [Surfaces(session.surfaces, session.metrics, about=name) for name in METHODS]
    scene = figure("s", Legend("A title"), None, *rows)
    views = sorted(
        (view for view in scene.views if view.name == "Surfaces" and view.rectangle),
        key=lambda view: -view.rectangle.top if view.rectangle else 0,
    )
    assert [[text.text for text in view.texts] for view in views] == [["Left", name, "Right"] for name in METHODS]
    assert [text.text for text in figure("s", Legend("t"), surfaces=rows[0]).views[0].texts] != ["Left", "Right"]
    other = replace(session.metrics[0], palette=replace(session.metrics[0].palette, high=7.0))
    with pytest.raises(InputError, match="one colour bar"):
        figure("s", Legend("A title"), None, rows[0], replace(rows[1], overlays=[other]))


def refused(session: Session, scene: Scene, match: str) -> None:
    with pytest.raises(InputError, match=match):
        written(session, scene)
    assert not list(session.folder.glob("*.scene"))
    assert not list(session.folder.glob(".*"))


def test_a_file_that_does_not_exist_is_refused(session: Session) -> None:
    scene = session.overview()
    session.scalars.path.unlink()
    refused(session, scene, r"maps\.dscalar\.nii does not exist")


def test_a_file_outside_the_scenes_folder_is_refused(session: Session, tmp_path: Path) -> None:
    moved = session.anatomy.path.rename(tmp_path / "T1w.nii.gz")
    scene = Scene("s", (VolumeView("v", (Layer(moved),)),))
    refused(session, scene, "lies outside")


def test_two_meshes_of_a_hemisphere_are_refused(session: Session) -> None:
    native = session.folder / "L.native.surf.gii"
    write(native, icosphere(Hemisphere.LEFT, 2), "pial")
    refused(session, replace(session.montage(), also_load=(native,)), "162 vertices in CORTEX_LEFT")


def test_a_map_for_another_mesh_is_refused(session: Session) -> None:
    metric = session.folder / "L.native.func.gii"
    write_metric(metric, Hemisphere.LEFT, np.zeros(162))
    view = MontageView("m", (Layer(metric),), surfaces=tuple(session.surfaces.values()))
    refused(session, Scene("s", (view,)), r"L\.native\.func\.gii has 162 vertices|but L\.native\.func\.gii has 162")


def test_a_map_that_the_file_lacks_is_refused(session: Session) -> None:
    layer = replace(session.metrics[0], map_index=2)
    view = MontageView("m", (layer,), surfaces=(session.surfaces[Hemisphere.LEFT],))
    refused(session, Scene("s", (view,)), "has 2 maps")


def test_two_palettes_for_one_map_are_refused(session: Session) -> None:
    other = replace(session.overlay, palette=Palette(high=2.0))
    refused(session, Scene("s", (VolumeView("v", (session.overlay, other)),)), "two palettes")


def test_two_ways_to_draw_labels_are_refused(session: Session) -> None:
    layers = (Layer(session.areas), Layer(session.areas, label_style=LabelStyle()))
    view = MontageView("m", layers, surfaces=(session.surfaces[Hemisphere.LEFT],))
    refused(session, Scene("s", (view,)), "in two ways")


def test_layers_and_surfaces_must_be_of_their_kind(session: Session) -> None:
    left = session.surfaces[Hemisphere.LEFT]
    refused(session, Scene("s", (VolumeView("v", (Layer(left),)),)), "holds no map")
    refused(session, Scene("s", (MontageView("m", surfaces=(session.areas,)),)), "is not a surface")
    refused(session, Scene("s", (MontageView("m", surfaces=(left, left)),)), "one surface for each hemisphere")
    refused(session, Scene("s", (MontageView("m"),)), "one surface for each hemisphere")


def test_scenes_need_different_names(session: Session) -> None:
    with pytest.raises(InputError, match="share a name"):
        written(session, session.volume(), session.volume())


def test_an_overview_has_one_colour_bar_for_one_palette(session: Session) -> None:
    other = replace(session.scalars, palette=palette.REGION_SCORES)
    with pytest.raises(InputError, match="one colour bar"):
        figure("s", Legend("t"), Slices(session.anatomy, session.overlay), Surfaces(session.surfaces, [other]))


def test_a_figure_shows_something() -> None:
    with pytest.raises(InputError, match="shows nothing"):
        figure("s", Legend("t"))


def test_impossible_values_are_refused() -> None:
    with pytest.raises(InputError, match="opacity"):
        Layer(Path("x.nii"), opacity=1.5)
    with pytest.raises(InputError, match="not a part"):
        Rectangle(50, 40, 0, 100)
    with pytest.raises(InputError, match="shows nothing"):
        Scene("s", ())
    with pytest.raises(InputError, match="places only some"):
        Scene("s", (View("a"), View("b", rectangle=Rectangle(0, 50, 0, 50))))
