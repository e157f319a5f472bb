"""Pictures of volumes are drawn from the slices alone; by Workbench's own pictures, nothing else shows."""

from __future__ import annotations

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from wbtools.exporting.session.drawn_slices import slices_alone
from wbtools.images import nifti
from wbtools.output.kinds import Output, OutputKind
from wbtools.output.written import Written
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.workbench.palette import Palette, PaletteName
from wbtools.workbench.render import render_sheet
from wbtools.workbench.runner import Workbench
from wbtools.workbench.scene.elements import Layer
from wbtools.workbench.scene.scene import Scene, VolumeView

CENTRES = ((3.0, -4.0, 5.0), (100.0, 100.0, 100.0))
FIGURE = Output(OutputKind.FIGURE, "unet", scene="overview")
RAS = np.array([[1.4, 0, 0, -21], [0, 1.5, 0, -30], [0, 0, 1.3, -20], [0, 0, 0, 1]])
OBLIQUE = np.array([[1.4, 0.3, 0, -21], [-0.3, 1.5, 0, -30], [0, 0, 1.3, -20], [0, 0, 0, 1]])
PERMUTED = RAS @ np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, -1, 0, 39], [0, 0, 0, 1]])


def shown(folder, affine):
    """A scene of an image below a map, and both volumes with their files."""
    grid = Grid((30, 40, 31), affine)
    grey, colours = Palette(PaletteName.GRAY_INTERP_POSITIVE, 0, 1), Palette(PaletteName.MAGMA, 0, 1, threshold=0.6)
    rng, volumes = np.random.default_rng(3), []
    for name, kind, palette in (("t1w", OutputKind.T1W, grey), ("map", OutputKind.RELEVANCE, colours)):
        volume = Volume(rng.random(grid.shape, np.float32), grid, Unit.INTENSITY)
        path = folder / f"{name}.nii.gz"
        nifti.write_volume(path, volume, palette_xml=palette.xml(), map_name=name)
        volumes.append((Written(Output(kind), path, {name: palette}), volume))
    layers = tuple(Layer(file.path, palette=palette) for file, _ in volumes for palette in file.maps.values())
    views = tuple(VolumeView(f"slices {i}", layers[::-1], centre=centre) for i, centre in enumerate(CENTRES[:1]))
    return {FIGURE: Scene("overview", views, size=(600, 200))}, volumes


def drawn(scene, folder, name):
    png = folder / f"{name}.png"
    render_sheet(Workbench.find(), {png: scene}, folder)
    return np.array(Image.open(png))


@pytest.mark.parametrize("affine", [RAS, PERMUTED, OBLIQUE], ids=["ras", "permuted", "oblique"])
def test_workbench_draws_the_same_picture_of_the_slices_alone(tmp_path, affine):
    scenes, volumes = shown(tmp_path, affine)
    whole = drawn(scenes[FIGURE], tmp_path, "whole")
    with slices_alone(scenes, volumes, tmp_path) as thin:
        assert (thin[FIGURE] == scenes[FIGURE]) == (affine is OBLIQUE)
        np.testing.assert_array_equal(drawn(thin[FIGURE], tmp_path, "thin"), whole)
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".gz"}  # nothing else is left


def test_a_thin_volume_holds_the_slices_at_their_places_and_zeros(tmp_path):
    scenes, volumes = shown(tmp_path, RAS)
    far = replace(scenes[FIGURE], views=(replace(scenes[FIGURE].views[0], centre=CENTRES[1]),))
    with slices_alone({**scenes, Output(OutputKind.FIGURE, "unet", scene="far"): far}, volumes, tmp_path) as thin:
        for layer, (_, volume) in zip(thin[FIGURE].views[0].layers[::-1], volumes, strict=True):
            image = nib.load(layer.path)
            np.testing.assert_allclose(image.affine, RAS, atol=1e-6)  # a file has float32
            kept = np.zeros(volume.data.shape, bool)
            # (3 + 21) / 1.4 = 17.1, (-4 + 30) / 1.5 = 17.3, (5 + 20) / 1.3 = 19.2; the far centre lies behind the last.
            kept[16:19], kept[:, 16:19], kept[:, :, 18:21] = True, True, True
            kept[-2:], kept[:, -2:], kept[:, :, -2:] = True, True, True
            np.testing.assert_array_equal(image.get_fdata(dtype=np.float32), np.where(kept, volume.data, 0))


def test_a_volume_that_no_scene_shows_is_not_written(tmp_path):
    scenes, volumes = shown(tmp_path, RAS)
    other = (replace(volumes[0][0], path=tmp_path / "other.nii.gz"), volumes[0][1])
    with slices_alone(scenes, [other, *volumes], tmp_path):
        (folder,) = tmp_path.glob(".slices-*")
        assert len(list(folder.iterdir())) == 2
