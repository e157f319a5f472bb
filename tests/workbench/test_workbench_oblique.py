"""Oblique volumes: told by their header, cut along the world's axes, and drawn where they lie."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import nibabel
import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation
from workbench_session import Session

from wbtools.workbench import datafile, palette, render
from wbtools.workbench.runner import Workbench
from wbtools.workbench.scene import file as scene_file
from wbtools.workbench.scene.elements import Layer
from wbtools.workbench.scene.figure import Slices, figure
from wbtools.workbench.scene.legend import Legend
from wbtools.workbench.scene.scene import Scene

SPOT = np.array([28.0, 12, 30])
"""In the front, on the right, above the middle; mm."""


def head(folder: Path, name: str, degrees: float) -> Scene:
    """Slices of one head with one spot, on a grid of 6 mm that is turned about all axes."""
    affine = np.diag([6.0, 6, 6, 1])
    affine[:3, :3] = Rotation.from_euler("xyz", [degrees, -degrees / 2, degrees / 3], degrees=True).as_matrix() * 6
    affine[:3, 3] = -affine[:3, :3] @ np.full(3, 19.5)
    place = np.moveaxis(np.indices((40, 40, 40)), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    volumes = {
        f"{name}.nii.gz": 1000.0 * (np.linalg.norm(place / [70, 80, 60], axis=-1) < 1),
        f"{name}.relevance.nii.gz": np.exp(-(((place - SPOT) / 14) ** 2).sum(-1)),
    }
    for file, data in volumes.items():
        nibabel.save(nibabel.Nifti1Image(data.astype(np.float32), affine), folder / file)
    shown, over = (
        Layer(folder / file, palette=make(data))
        for (file, data), make in zip(volumes.items(), (palette.anatomy, palette.positive), strict=True)
    )
    return figure(name, Legend("A title"), Slices(shown, over, centre=(28.0, 12.0, 30.0)))


def test_a_header_tells_an_oblique_volume_and_the_box_that_holds_it(tmp_path: Path) -> None:
    for name, degrees in (("level", 0.0), ("turned", 20.0)):
        head(tmp_path, name, degrees)
        image = nibabel.load(tmp_path / f"{name}.nii.gz")
        corners = np.array(np.meshgrid(*[[-0.5, 39.5]] * 3)).reshape(3, 8).T @ image.affine[:3, :3].T
        found = datafile.read(tmp_path / f"{name}.nii.gz")
        assert found.oblique == (degrees > 0)
        assert found.extent == pytest.approx(np.ptp(corners, axis=0).max(), rel=1e-5)


def test_a_volume_without_sform_is_measured_by_its_voxels(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.float32), None)
    image.header.set_zooms((2, 3, 4))
    nibabel.save(image, tmp_path / "v.nii")
    found = datafile.read(tmp_path / "v.nii")
    assert (found.extent, found.oblique) == (24, False)


@pytest.mark.parametrize(("degrees", "projection"), [(0.0, "ORTHOGONAL"), (20.0, "OBLIQUE")])
def test_only_oblique_volumes_are_cut_obliquely(tmp_path: Path, degrees: float, projection: str) -> None:
    scene_file.write(tmp_path / "s.scene", [head(tmp_path, "head", degrees)])
    root = ElementTree.parse(tmp_path / "s.scene").getroot()
    found = [node.text for node in root.iter("Object") if node.get("Name") == "m_sliceProjectionType"]
    # The slices, then the colour bar and the title, which have no slices.
    assert found == [f"VOLUME_SLICE_PROJECTION_{name}" for name in (projection, "ORTHOGONAL", "ORTHOGONAL")]


def test_scenes_of_level_volumes_stay_as_they_were(session: Session) -> None:
    scene_file.write(session.folder / "s.scene", [session.overview()])
    assert "OBLIQUE" not in (session.folder / "s.scene").read_text()


def coloured(png: Path) -> np.ndarray:
    """Pixels in the palette's colours, without the colour bar at the foot, (H, W)."""
    with Image.open(png) as image:
        low, middle, high = np.moveaxis(np.sort(np.asarray(image.convert("RGB")).astype(int), axis=2), 2, 0)
    found = (high > 60) & (high - low > 40) & (middle > 0.25 * high)
    found[int(len(found) * 0.85) :] = False
    return found


@pytest.mark.workbench
def test_an_oblique_volume_is_drawn_where_a_level_one_is(wb: Workbench, tmp_path: Path) -> None:
    spots = []
    for name, degrees in (("level", 0.0), ("turned", 20.0)):
        render.render(wb, head(tmp_path, name, degrees), tmp_path, tmp_path / f"{name}.png", threads=2)
        spots.append(coloured(tmp_path / f"{name}.png"))
    width = spots[0].shape[1] // 3
    for panel in range(3):
        centres = [np.argwhere(spot[:, panel * width : (panel + 1) * width]).mean(axis=0) for spot in spots]
        # Both fit the head into 222 mm; 8 pixels are 4 mm, less than a voxel.
        assert np.abs(centres[0] - centres[1]).max() < 8
