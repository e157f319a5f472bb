"""What wbtools' own pictures show, without Workbench to compare with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib
import nibabel
import numpy as np
import pytest
from made_drawings import head, likeness, pixels
from PIL import Image
from scipy.spatial.transform import Rotation
from workbench_session import Session, icosphere

from wbtools.anatomy import Hemisphere
from wbtools.drawing import colouring, fonts, ramps
from wbtools.drawing.lettering import Words, place
from wbtools.drawing.renderer import draw_sheet
from wbtools.errors import CheckError, InputError
from wbtools.images import cifti_document, gifti_document, nifti
from wbtools.surfaces.mesh import write
from wbtools.workbench.palette import Palette, PaletteName
from wbtools.workbench.scene.elements import Layer
from wbtools.workbench.scene.figure import Slices, Surfaces, figure
from wbtools.workbench.scene.legend import Legend
from wbtools.workbench.scene.scene import MontageView, Scene, View, VolumeView


def draw(scene: Scene, folder: Path, **settings: bool) -> np.ndarray:
    draw_sheet({folder / "p.png": scene}, folder, **settings)
    return pixels(folder / "p.png")


# ------------------------------------------------------------------------------------------------------------- colours


def test_magma_is_that_of_matplotlib() -> None:
    places = np.linspace(0, 1, 256)
    theirs = 255 * matplotlib.colormaps["magma"](places)[:, :3]
    assert (
        np.abs(ramps.colours(PaletteName.MAGMA, places) - theirs).max() < 4
    )  # lines through 16 points, and Workbench's darkest colour


def test_a_palette_hides_what_it_says() -> None:
    values = np.linspace(-2, 2, 41)
    for shown in (Palette(threshold=0.5), Palette(threshold=0.5, negative=True), Palette(negative=True), Palette()):
        scale = colouring.scale(shown.xml(), np.empty(0), "x")
        np.testing.assert_array_equal(scale.drawn(values), shown.shows(values))


def test_a_palette_without_a_scale_takes_percentiles_of_both_signs() -> None:
    values = np.concatenate([np.linspace(-50, 0, 501), np.linspace(0, 10, 101)])
    scale = colouring.scale("", values, "x")
    assert scale.name is PaletteName.ROY_BIG_BL
    np.testing.assert_allclose(scale.ends, (-49, -1.1, 0.3, 9.8), atol=0.15)


@pytest.mark.parametrize(
    "xml", ["<a", "<P><PaletteName>videen_style</PaletteName></P>", "<P><ScaleMode>MODE_USER_SCALE"]
)
def test_a_palette_that_is_not_known_is_told(xml: str) -> None:
    with pytest.raises(InputError, match="x has a palette that is not known"):
        colouring.scale(xml, np.zeros(2), "x")


# --------------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize("text", ["Größe", "αβγ", "Кириллица", "中文", "a\nb", "\x00", "\udc80", "😀"])
def test_letters_are_drawn_whatever_they_are(text: str) -> None:
    picture = Image.new("RGB", (300, 60))
    place(picture, Words(text, 20), (10, 30), (0, 0.5))
    assert (np.asarray(picture).max(axis=2) > 128).sum() > 20, "a letter that the font lacks is a box"


def fontconfig(folder: Path, answer: str) -> None:
    """An fc-match that names a font."""
    (folder / "fc-match").write_text(f"#!/bin/sh\nprintf '{answer}'\n")
    (folder / "fc-match").chmod(0o755)


@pytest.fixture
def fresh_fonts() -> Iterator[None]:
    """What is kept of fonts is of this machine."""
    kept = (fonts._elsewhere, fonts._say)
    for function in kept:
        function.cache_clear()
    yield
    for function in kept:
        function.cache_clear()


@pytest.mark.usefixtures("fresh_fonts")
def test_letters_that_dejavu_lacks_are_those_of_a_font_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stix = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "STIXGeneral.ttf"
    monkeypatch.setenv("PATH", str(tmp_path))
    fontconfig(tmp_path, f"0 {stix}")
    assert fonts.font_of("\u1d81", 20).getname()[0] == "STIXGeneral"
    assert fonts.font_of("\u00e9", 20).getname()[0] == "DejaVu Sans", "it has this letter"
    assert not caplog.records


@pytest.mark.usefixtures("fresh_fonts")
@pytest.mark.parametrize("answer", ["0 DejaVuSans.ttf", "0 /nonexistent", "", "no number", None])
def test_boxes_for_letters_that_no_font_has_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answer: str | None
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if answer is not None:
        fontconfig(tmp_path, answer.replace("DejaVuSans.ttf", str(Path(fonts.__file__).with_name("DejaVuSans.ttf"))))
    for text in ("\u4e2d", "\u6587"):
        assert fonts.font_of(text, 20).getname()[0] == "DejaVu Sans"
    assert [record.getMessage() for record in caplog.records] == [
        "words on pictures have letters that no font here has, and show boxes for them"
    ]


def test_an_empty_text_draws_nothing() -> None:
    picture = Image.new("RGB", (30, 30))
    for text in ("", "  "):
        place(picture, Words(text, 20), (10, 15), (0.5, 0.5))
    assert not np.asarray(picture).any()


def test_words_that_leave_the_picture_are_cut() -> None:
    picture = Image.new("RGB", (30, 30))
    place(picture, Words("a long title", 20), (15, 2), (0.5, 0.5))
    assert np.asarray(picture).any()


# -------------------------------------------------------------------------------------------------------------- slices


def test_a_spot_is_drawn_where_it_lies_however_the_volume_is_turned(tmp_path: Path) -> None:
    spot = np.array([28.0, 12, 30])
    for name, degrees in (("level", 0.0), ("turned", 20.0)):
        affine = np.diag([3.0, 3, 3, 1])
        affine[:3, :3] = Rotation.from_euler("xyz", [degrees, -degrees, degrees], degrees=True).as_matrix() * 3
        affine[:3, 3] = -affine[:3, :3] @ np.full(3, 29.5)
        away = np.moveaxis(np.indices((60, 60, 60)), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
        for kind, data in (
            ("T1w", np.linalg.norm(away, axis=-1) < 70),
            ("map", np.linalg.norm(away - spot, axis=-1) < 8),
        ):
            nibabel.save(nibabel.Nifti1Image(data.astype(np.float32), affine), tmp_path / f"{name}.{kind}.nii.gz")
        layers = (
            Layer(tmp_path / f"{name}.T1w.nii.gz", palette=Palette(PaletteName.GRAY_INTERP_POSITIVE)),
            Layer(tmp_path / f"{name}.map.nii.gz", palette=Palette(high=2.0, threshold=0.5)),
        )
        slices = Slices(*layers, centre=(28.0, 12.0, 30.0), room=222.0)
        scene = Scene("s", (slices.view(534),), size=(1602, 534))
        picture = draw(scene, tmp_path, coloured=False)
        pink = (picture[..., 0] - picture[..., 1] > 60) & (picture[..., 2] > 60)
        scale = 532 / 222  # pixels per mm
        middles = {0: (-12.0, 30.0), 1: (28.0, 30.0), 2: (28.0, 12.0)}  # to the right, upwards, mm
        for panel, (right, up) in middles.items():
            rows, columns = np.nonzero(pink[:, panel * 534 : panel * 534 + 532])
            found = np.array([columns.mean() - 266, 267 - rows.mean()]) / scale
            assert np.abs(found - (right, up)).max() < 1.5, "half a voxel"


def test_stretched_voxels_of_any_order_are_drawn_in_their_shape(tmp_path: Path) -> None:
    """Workbench 1.5 gives the edges of the first, second and third index to x, y and z."""
    affine = np.zeros((4, 4))
    affine[1, 0], affine[2, 1], affine[0, 2], affine[3, 3] = 2, 3, 6, 1
    affine[:3, 3] = [-87, -89, -88.5]
    away = np.moveaxis(np.indices((90, 60, 30)), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    ball = 1.0 * (np.linalg.norm(away, axis=-1) < 60)
    nibabel.save(nibabel.Nifti1Image(ball.astype(np.float32), affine), tmp_path / "v.nii.gz")
    layer = Layer(tmp_path / "v.nii.gz", palette=Palette(PaletteName.GRAY_INTERP_POSITIVE))
    picture = draw(Scene("s", (Slices(layer, layer).view(534),), size=(1602, 534)), tmp_path, coloured=False)
    for panel in range(3):
        grey = picture[:, panel * 534 : panel * 534 + 532].min(axis=2) > 100
        high, wide = grey.any(axis=1).sum(), grey.any(axis=0).sum()
        assert abs(high - wide) <= 2 * 6 * 532 / 222, "a ball is round, to a voxel at each end"


# -------------------------------------------------------------------------------------------------------------- sheets


def test_pictures_are_checked_as_those_of_workbench_are(session: Session, tmp_path: Path) -> None:
    empty = Scene("s", (View("nothing"),), also_load=(session.anatomy.path,))
    files = {tmp_path / "good.png": session.volume(), tmp_path / "blank.png": empty}
    with pytest.raises(CheckError, match=r"blank\.png is blank: 0\.00% of it"):
        draw_sheet(files, session.folder, coloured=False)
    hidden = Palette(high=1.0, threshold=0.5)
    scene = figure(
        "s",
        Legend("t"),
        surfaces=Surfaces(session.surfaces, [replace(each, palette=hidden) for each in session.metrics]),
    )
    with pytest.raises(CheckError, match="lacks its overlay"):
        draw_sheet({tmp_path / "p.png": scene}, session.folder)
    assert not list(tmp_path.glob("*.png"))
    assert draw_sheet({tmp_path / "p.png": replace(scene, sparse=True)}, session.folder)[0].coloured == 0


@pytest.mark.parametrize("lost", ["relevance.nii.gz", "L.pial.surf.gii", "maps.dscalar.nii"])
def test_a_file_that_is_missing_is_told(session: Session, tmp_path: Path, lost: str) -> None:
    scene = session.overview()
    (session.folder / lost).unlink()
    with pytest.raises(InputError, match=lost):
        draw_sheet({tmp_path / "p.png": scene}, session.folder)


def test_a_map_of_another_mesh_is_refused(session: Session, tmp_path: Path) -> None:
    write(session.surfaces[Hemisphere.LEFT], icosphere(Hemisphere.LEFT, 2), "pial")
    with pytest.raises(InputError, match="vertices"):
        draw_sheet({tmp_path / "p.png": session.montage()}, session.folder)


def test_a_map_of_the_cortex_is_not_sliced(session: Session, tmp_path: Path) -> None:
    scene = Scene("s", (VolumeView("Slices", (session.scalars, session.anatomy)),))
    with pytest.raises(InputError, match=r"maps\.dscalar\.nii is no volume"):
        draw_sheet({tmp_path / "p.png": scene}, session.folder)


def test_each_file_is_read_once(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: Counter[str] = Counter()

    def counted(real: Callable[..., object], path: Path, *more: object) -> object:
        counts[path.name] += 1
        return real(path, *more)

    for module, name in ((nifti, "read_volume"), (gifti_document, "read"), (cifti_document, "read")):
        monkeypatch.setattr(module, name, partial(counted, getattr(module, name)))
    made = {"a": session.volume(), "b": session.montage(), "c": session.overview()}
    draw_sheet({tmp_path / f"{name}.png": scene for name, scene in made.items()}, session.folder, threads=2)
    assert len(counts) == 8
    assert set(counts.values()) == {1}


def test_threads_change_no_pixel(session: Session, tmp_path: Path) -> None:
    scenes = {name: getattr(session, name)() for name in ("volume", "montage", "overview")}
    for threads in (1, 3):
        paths = {tmp_path / f"{name}{threads}.png": scene for name, scene in scenes.items()}
        pictures = draw_sheet(paths, session.folder, threads=threads)
        assert [picture.path for picture in pictures] == list(paths)
    for name in scenes:
        assert (tmp_path / f"{name}1.png").read_bytes() == (tmp_path / f"{name}3.png").read_bytes()


def test_left_is_drawn_on_the_left(tmp_path: Path) -> None:
    scene = head(tmp_path, (0, 1, 2), (True, False, False))  # its red spot lies on the right, the blue one on the left
    picture = draw(scene, tmp_path)
    axial = picture[120:-140, 2 * 1600 // 3 :]
    red, blue = (np.nonzero(axial[..., a] - axial[..., b] > 60)[1].mean() for a, b in ((0, 2), (2, 0)))
    assert blue < axial.shape[1] / 2 < red


def test_a_sphere_is_lit_from_the_viewer(session: Session, tmp_path: Path) -> None:
    side = Hemisphere.LEFT
    mesh = icosphere(side, 5)
    ball = (mesh.vertices - mesh.vertices.mean(axis=0)) / [30, 60, 45] * 50
    write(session.surfaces[side], replace(mesh, vertices=ball), "pial")
    view = MontageView("Surfaces", surfaces=(session.surfaces[side],))
    picture = draw(Scene("s", (view,), size=(800, 400)), tmp_path, coloured=False)
    row = picture[200, 4:396, 0]
    facing = np.sqrt(np.maximum(0, 1 - ((np.arange(392) + 0.5 - 196) / 196) ** 2))
    inner = slice(20, -20)  # at the edge a facet is as wide as the curve
    assert np.abs(row - (40.8 + 0.9 * 178.5 * facing))[inner].max() < 3
    assert likeness(picture[:, :400], picture[:, 400:]).apart < 1, "it is the same from inside"
