from __future__ import annotations

import logging
import resource
import shutil
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image
from workbench_session import Session, file_information

from wbtools.drawing.renderer_choice import Renderer
from wbtools.errors import CheckError
from wbtools.workbench import render
from wbtools.workbench.command import Command
from wbtools.workbench.palette import Palette
from wbtools.workbench.runner import Workbench
from wbtools.workbench.scene import file
from wbtools.workbench.scene.figure import Slices, Surfaces, figure
from wbtools.workbench.scene.legend import Legend
from wbtools.workbench.scene.scene import Scene, View
from wbtools.workbench.scene.sheet import sheet

pytestmark = pytest.mark.workbench


def pixels(png: Path) -> np.ndarray:
    with Image.open(png) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("which", ["volume", "montage", "overview"])
def test_scenes_become_pictures(session: Session, wb: Workbench, tmp_path: Path, which: str) -> None:
    scene: Scene = getattr(session, which)()
    picture = render.render(wb, scene, session.folder, tmp_path / "p.png", threads=2)
    assert picture.size == scene.size
    assert picture.drawn > 0.1
    assert picture.coloured > 0.005
    assert picture.path.stat().st_size < np.prod(scene.size)  # Workbench's own file is three times as large
    assert not list(session.folder.glob(".*")), "the twin is removed"
    assert {path.name for path in session.folder.iterdir()} == {path.name for path in make_names(session)}


def make_names(session: Session) -> list[Path]:
    metrics = [layer.path for layer in session.metrics]
    volumes = [session.anatomy.path, session.overlay.path, session.scalars.path, session.areas]
    return [*session.surfaces.values(), *metrics, *volumes]


def test_title_and_colour_bar_reach_the_picture(session: Session, wb: Workbench, tmp_path: Path) -> None:
    scene = session.montage()
    render.render(wb, scene, session.folder, tmp_path / "p.png", threads=2)
    picture = pixels(tmp_path / "p.png")
    height, width = picture.shape[:2]
    top, corner = picture[: height // 9], picture[-height // 8 :, : width // 4]
    assert (top.min(axis=2) > 200).sum() > 200, "white letters of the title"
    assert (np.ptp(corner, axis=2) > 60).sum() > 2000, "colours of the bar"


def test_left_is_drawn_on_the_left(session: Session, wb: Workbench, tmp_path: Path) -> None:
    image = nibabel.load(session.overlay.path)
    x = np.indices(image.shape)[0] * image.affine[0, 0] + image.affine[0, 3]
    left_only = np.where((x < 0) & (nibabel.load(session.anatomy.path).get_fdata() > 0), 1e-7, 0)
    nibabel.save(nibabel.Nifti1Image(left_only.astype(np.float32), image.affine), session.overlay.path)
    scene = session.volume()
    render.render(wb, scene, session.folder, tmp_path / "p.png", threads=2)
    picture = pixels(tmp_path / "p.png")
    axial = picture[150:-150, 2 * 1600 // 3 :]
    colour = (np.ptp(axial, axis=2) > 40) & (np.sort(axial, axis=2)[..., 1] > 0.25 * axial.max(axis=2))
    middle = axial.shape[1] // 2
    assert colour[:, :middle].sum() > 20 * colour[:, middle:].sum()


def test_the_palette_of_a_later_map_is_used(session: Session, wb: Workbench, tmp_path: Path) -> None:
    hidden = Palette(high=1.0, threshold=0.5)  # above all numbers of the map
    scene = session.montage()
    view = scene.views[0]
    layers = tuple(replace(layer, palette=hidden) for layer in view.layers)  # the bar alone proves no overlay
    scene = replace(scene, views=(replace(view, layers=layers),))
    with pytest.raises(CheckError, match="lacks its overlay"):
        render.render(wb, scene, session.folder, tmp_path / "p.png", threads=2)
    assert not (tmp_path / "p.png").exists()
    picture = render.render(wb, scene, session.folder, tmp_path / "p.png", coloured=False, threads=2)
    assert picture.coloured == 0
    picture = render.render(wb, replace(scene, sparse=True), session.folder, tmp_path / "p.png", threads=2)
    assert picture.coloured == 0


def test_a_blank_picture_is_no_picture(session: Session, wb: Workbench, tmp_path: Path) -> None:
    scene = Scene("s", (View("nothing"),), also_load=(session.anatomy.path,))
    with pytest.raises(CheckError, match=r"is blank: 0\.00% of it"):
        render.render(wb, scene, session.folder, tmp_path / "p.png", coloured=False, threads=2)
    assert not (tmp_path / "p.png").exists()


@pytest.mark.parametrize("lost", ["relevance.nii.gz", "L.pial.surf.gii"])
def test_a_file_that_vanished_is_noticed(session: Session, wb: Workbench, tmp_path: Path, lost: str) -> None:
    path = session.folder / "s.scene"
    file.write(path, [sheet([session.overview()])])
    (session.folder / lost).unlink()
    with pytest.raises(CheckError, match="after an error"):
        render.capture(wb, path, 1, tmp_path / "p.png", (400, 300), threads=2)
    assert not (tmp_path / "p.png").exists()


def test_a_full_disk_is_not_told_as_a_failure_of_workbench(
    session: Session, wb: Workbench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if not wb.compared:
        pytest.skip("this version packs its picture itself: no file of it is large")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    caplog.set_level(logging.INFO)
    renderer, png = Renderer(wb), tmp_path / "p.png"
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, usual[1]))  # less than the sheet that Workbench draws
    try:
        with pytest.raises(OSError, match="File too large"):
            Renderer(wb, insists=True).draw({png: session.volume()}, session.folder)
        renderer.draw({png: session.volume()}, session.folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert png.is_file() and renderer.workbench is None
    assert renderer.reason == "there is no room for what Workbench draws before it is packed (File too large)"
    assert "failed" not in caplog.text


def test_a_folder_can_be_moved_and_zipped(session: Session, wb: Workbench, tmp_path: Path) -> None:
    path = session.folder / "s.scene"
    file.write(path, [session.volume(), sheet([session.overview()])])
    first, second, third = (tmp_path / f"{name}.png" for name in "abc")
    render.capture(wb, path, 2, first, (800, 470), threads=2)
    assert render.measure(pixels(first))[0] > 0.1
    words = ("-zip-scene-file", str(path), "session", str(tmp_path / "s.zip"), "-base-dir", str(session.folder))
    wb.run(Command(words, (path,), (tmp_path / "s.zip",)))
    moved = tmp_path / "else where & more"
    shutil.move(session.folder, moved)
    render.capture(wb, moved / "s.scene", 2, second, (800, 470), threads=2)
    assert (pixels(first) == pixels(second)).all()
    with zipfile.ZipFile(tmp_path / "s.zip") as archive:
        archive.extractall(tmp_path / "unzipped")
    render.capture(wb, tmp_path / "unzipped" / "session" / "s.scene", 2, third, (800, 470), threads=2)
    assert (pixels(first) == pixels(third)).all()


def test_pictures_drawn_together_are_those_drawn_alone(session: Session, wb: Workbench, tmp_path: Path) -> None:
    scenes = {"volume": session.volume(), "montage": session.montage(), "overview": session.overview()}
    assert render.together(scenes) == [scenes]
    files = {tmp_path / f"{name}.png": scene for name, scene in scenes.items()}
    for picture, (name, scene) in zip(render.render_sheet(wb, files, session.folder), scenes.items(), strict=True):
        alone = render.render(wb, scene, session.folder, tmp_path / "alone.png")
        assert (picture.path.stem, picture.size) == (name, scene.size)
        # Antialiased edges may be rounded another way.
        assert np.abs(pixels(picture.path) - pixels(alone.path)).max() <= 2
    assert {path.name for path in tmp_path.glob("*.png")} == {"volume.png", "montage.png", "overview.png", "alone.png"}
    assert not list(tmp_path.glob(".*"))


def test_one_bad_picture_on_a_sheet_leaves_none(session: Session, wb: Workbench, tmp_path: Path) -> None:
    empty = Scene("s", (View("nothing"),), also_load=(session.anatomy.path,))
    files = {tmp_path / "good.png": session.volume(), tmp_path / "blank.png": empty}
    with pytest.raises(CheckError, match=r"blank\.png is blank"):
        render.render_sheet(wb, files, session.folder, coloured=False)
    assert not list(tmp_path.rglob("*.png"))


def test_what_cannot_be_shown_together_is_drawn_on_sheets_of_its_own(session: Session) -> None:
    hidden = Palette(high=1.0, threshold=0.5)
    scene = session.montage()
    layers = tuple(replace(layer, palette=hidden) for layer in scene.views[0].layers)
    other = replace(scene, views=(replace(scene.views[0], layers=layers),))
    scenes = {"a": scene, "other palette": other, "c": session.volume()}
    assert [list(sheet) for sheet in render.together(scenes)] == [["a", "c"], ["other palette"]]
    many = {str(number): scene for number in range(12)}
    sizes = [sum(picture.size[1] for picture in part.values()) for part in render.together(many)]
    assert len(sizes) == 2
    assert max(sizes) <= 5000


def test_workbench_lists_the_scenes_without_a_complaint(session: Session, wb: Workbench) -> None:
    path = session.folder / "s.scene"
    file.write(path, [session.volume('Ö & <"x">'), session.montage()])
    told = wb.run(file_information(path))
    assert "Slices" in told.stdout
    assert "Montage" in told.stdout
    assert not told.stderr


def test_a_thumbnail_is_small(session: Session, wb: Workbench, tmp_path: Path) -> None:
    render.render(wb, session.volume(), session.folder, tmp_path / "p.png", threads=2)
    small = render.thumbnail(tmp_path / "p.png")
    with Image.open(BytesIO(small)) as image:
        assert (image.format, image.width) == ("PNG", 360)
    assert len(small) < 40_000


@pytest.mark.parametrize("kind", ["metric", "dscalar", "volume"])
def test_a_palette_that_the_file_itself_carries_is_used(
    session: Session, wb: Workbench, tmp_path: Path, kind: str
) -> None:
    hidden = Palette(high=1.0, threshold=0.5).xml()  # above all numbers: nothing is coloured
    bare = replace(session.scalars, palette=None)
    if kind == "metric":
        for layer in session.metrics:
            image = nibabel.load(layer.path)
            image.darrays[1].meta["PaletteColorMapping"] = hidden
            nibabel.save(image, layer.path)
        layers = [replace(layer, palette=None) for layer in session.metrics]
        scene = figure("s", Legend("t"), surfaces=Surfaces(session.surfaces, layers))
    elif kind == "dscalar":
        image = nibabel.load(bare.path)
        axis = nibabel.cifti2.ScalarAxis(["relevance"], [{"PaletteColorMapping": hidden}])
        nibabel.save(nibabel.Cifti2Image(image.get_fdata(), (axis, image.header.get_axis(1))), bare.path)
        scene = figure("s", Legend("t"), surfaces=Surfaces(session.surfaces, [bare]))
    else:
        image = nibabel.load(session.overlay.path)
        content = f'<CaretExtension><VolumeInformation Index="0">{hidden}</VolumeInformation></CaretExtension>'
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(30, content.encode()))
        nibabel.save(image, session.overlay.path)
        scene = figure("s", Legend("t"), Slices(session.anatomy, replace(session.overlay, palette=None)))
    picture = render.render(wb, scene, session.folder, tmp_path / "p.png", coloured=False, threads=2)
    assert picture.coloured == 0
