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
from wbtools.workbench.scene.elements import ColourBar, Layer, Rectangle
from wbtools.workbench.scene.scene import Scene, VolumeView

CENTRE, EDGE, BETWEEN = (3.0, -4.0, 5.0), (-19.1, 21.5, 17.5), (3.5, -4.0, 5.0)
FIGURE = Output(OutputKind.FIGURE, "unet", scene="overview")
RAS = np.array([[1.4, 0, 0, -21], [0, 1.5, 0, -30], [0, 0, 1.3, -20], [0, 0, 0, 1]])
OBLIQUE = np.array([[1.4, 0.3, 0, -21], [-0.3, 1.5, 0, -30], [0, 0, 1.3, -20], [0, 0, 0, 1]])
LIA = np.array([[-1.4, 0, 0, 21], [0, 0, 1.4, -20], [0, -1.4, 0, 20], [0, 0, 0, 1]])


def shown(folder, affine, centre=CENTRE):
    """A scene of an image below a map, half transparent, and both volumes with their files."""
    grid = Grid((30, 40, 31), affine)
    grey, colours = Palette(PaletteName.GRAY_INTERP_POSITIVE, 0, 1), Palette(PaletteName.MAGMA, 0, 1, threshold=0.6)
    rng, volumes = np.random.default_rng(3), []
    for name, kind, palette in (("t1w", OutputKind.T1W, grey), ("map", OutputKind.RELEVANCE, colours)):
        volume = Volume(rng.random(grid.shape, np.float32), grid, Unit.INTENSITY)
        path = folder / f"{name}.nii.gz"
        nifti.write_volume(path, volume, palette_xml=palette.xml(), map_name=name)
        volumes.append((Written(Output(kind), path, {name: palette}), volume))
    (below, grey), (above, colours) = ((file.path, *file.maps.values()) for file, _ in volumes)
    layers = (Layer(above, palette=colours, opacity=0.5), Layer(below, palette=grey))
    return {FIGURE: Scene("overview", (VolumeView("slices", layers, centre=centre),), size=(600, 200))}, volumes


def drawn(scene, folder, name):
    png = folder / f"{name}.png"
    render_sheet(Workbench.find(), {png: scene}, folder)
    return np.array(Image.open(png))


@pytest.mark.parametrize("centre", [CENTRE, EDGE], ids=["middle", "edge"])
@pytest.mark.parametrize("affine", [RAS, LIA], ids=["RAS", "LIA"])
def test_workbench_draws_the_same_picture_of_the_slices_alone(tmp_path, affine, centre):
    scenes, volumes = shown(tmp_path, affine, centre)
    whole = drawn(scenes[FIGURE], tmp_path, "whole")
    with slices_alone(scenes, volumes, tmp_path) as thin:
        assert len(thin[FIGURE].views[0].layers) == 2 * 3 + 1
        np.testing.assert_array_equal(drawn(thin[FIGURE], tmp_path, "thin"), whole)
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".gz"}  # nothing else is left


def leaning(radians):
    affine = RAS.copy()
    affine[0, 1] = radians
    return affine


WHOLE = [(OBLIQUE, CENTRE), (leaning(5e-5), CENTRE), (leaning(1e-12), CENTRE), (RAS, (100.0, 0.0, 0.0)), (RAS, BETWEEN)]


@pytest.mark.parametrize("affine, centre", WHOLE)
def test_what_is_not_a_plane_of_voxels_is_drawn_from_the_whole_volume(tmp_path, affine, centre):
    scenes, volumes = shown(tmp_path, affine, centre)
    with slices_alone(scenes, volumes, tmp_path) as thin:
        assert thin == scenes


def test_a_plane_holds_the_voxels_that_the_view_cuts_where_it_cuts_them(tmp_path):
    scenes, volumes = shown(tmp_path, RAS)
    # (3 + 21) / 1.4 = 17.1, (-4 + 30) / 1.5 = 17.3, (5 + 20) / 1.3 = 19.2
    voxels, spacings = (17, 17, 19), (1.4, 1.5, 1.3)
    with slices_alone(scenes, volumes, tmp_path) as thin:
        paths = [layer.path for layer in thin[FIGURE].views[0].layers]
        for (_, volume), planes in zip(volumes[::-1], (paths[:3], paths[3:6]), strict=True):
            for axis, path in enumerate(planes):
                plane = nib.load(path)
                np.testing.assert_array_equal(plane.get_fdata(dtype=np.float32), volume.data.take([voxels[axis]], axis))
                first = [CENTRE[i] if i == axis else RAS[i, 3] for i in range(3)]
                np.testing.assert_allclose(plane.affine[:3, 3], first, atol=1e-6)  # a file has float32
                thickness = [1e-4 if i == axis else spacing for i, spacing in enumerate(spacings)]
                np.testing.assert_allclose(plane.header.get_zooms(), thickness, rtol=1e-6)
        field = nib.load(paths[-1])
        edges = field.affine @ [[-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5], [1, 1]]
        np.testing.assert_allclose(edges, RAS @ [[-0.5, 29.5], [-0.5, 39.5], [-0.5, 30.5], [1, 1]], atol=1e-5)


def test_a_view_without_slices_shows_a_field_of_view_with_the_colour_bar_of_its_map(tmp_path):
    scenes, volumes = shown(tmp_path, RAS)
    (view,) = (replace(view, rectangle=Rectangle(0, 100, 50, 100)) for view in scenes[FIGURE].views)
    map_ = replace(view.layers[0], colour_bar=ColourBar(Rectangle(2, 98, 10, 90), letters=20))
    legend = replace(view, layers=(map_,), rectangle=Rectangle(0, 100, 0, 50), letters=False, centre=(1e5, 1e5, 1e5))
    scenes = {FIGURE: replace(scenes[FIGURE], views=(view, legend), size=(600, 400))}
    whole = drawn(scenes[FIGURE], tmp_path, "whole")
    with slices_alone(scenes, volumes, tmp_path) as thin:
        np.testing.assert_array_equal(drawn(thin[FIGURE], tmp_path, "thin"), whole)


def test_a_volume_that_no_scene_shows_is_not_written(tmp_path):
    scenes, volumes = shown(tmp_path, RAS)
    other = (replace(volumes[0][0], path=tmp_path / "other.nii.gz"), volumes[0][1])
    with slices_alone(scenes, [other, *volumes], tmp_path):
        (folder,) = tmp_path.glob(".slices-*")
        assert {path.name for path in folder.iterdir()} == {"1", "2"}
