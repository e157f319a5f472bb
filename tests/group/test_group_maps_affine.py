"""People in MNI space by their surfaces: against affines that are known, and nilearn's resampling."""

import numpy as np
import pytest
from made_group_maps import affine_near_identity, average_surfaces, moved, write_elsewhere
from nilearn.image import resample_img

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.group.maps import MEAN, average_maps
from wbtools.group.maps.normalised import median_region
from wbtools.group.maps.standard_rows import brain
from wbtools.reading import open_export
from wbtools.space.grid import Grid, Volume
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.standard import cortex_32k
from wbtools.surfaces.standard_affine import MNI_2MM, affine_to_average, to_mni


@pytest.mark.parametrize("seed", range(5))
def test_the_affine_by_which_the_average_was_moved_is_found_again(seed):
    affine = affine_near_identity(seed)
    person = moved(average_surfaces(), np.linalg.inv(affine))
    # Vertices are float32: 1e-5 mm in 100 mm.
    assert np.abs(affine_to_average(person) - affine).max() < 1e-4


def test_no_other_affine_brings_a_deformed_brain_nearer_to_the_average():
    average = average_surfaces()
    bent = {
        side: Mesh(mesh.vertices + 3 * np.sin(mesh.vertices / 20), mesh.triangles, side)
        for side, mesh in average.items()
    }

    def distance(affine):
        there = moved(bent, affine)
        rows = [(there[side].vertices - average[side].vertices)[cortex_32k(side)] for side in Hemisphere]
        return (np.concatenate(rows).astype(float) ** 2).sum()

    found = affine_to_average(bent)
    dice = np.random.default_rng(0)
    for _ in range(20):
        other = found.copy()
        other[:3] += dice.normal(0, [[1e-3, 1e-3, 1e-3, 0.1]] * 3)
        assert distance(other) > distance(found)


@pytest.mark.parametrize("surfaces", [{}, {side: icosphere(8, hemisphere=side) for side in Hemisphere}])
def test_surfaces_of_another_mesh_are_refused(surfaces):
    with pytest.raises(InputError, match="32k_fs_LR"):
        affine_to_average(surfaces)


def test_flat_surfaces_are_refused():
    flat = moved(average_surfaces(), np.diag([1.0, 1.0, 0.0, 1.0]))
    with pytest.raises(InputError, match="flat"):
        affine_to_average(flat)


def test_voxels_of_two_millimetres_are_resampled_as_by_nilearn():
    from nibabel import Nifti1Image

    dice, affine = np.random.default_rng(0), affine_near_identity(3)
    data = dice.random((90, 100, 80)).astype(np.float32)
    data[[0, -1]] = data[:, [0, -1]] = data[:, :, [0, -1]] = 0  # both end at 0, not in the same half voxel
    grid = Grid(data.shape, np.array([[2.0, 0, 0, -88], [0, 2.0, 0, -110], [0, 0, 2.0, -70], [0, 0, 0, 1]]))
    expected = resample_img(
        Nifti1Image(data, affine @ grid.affine), MNI_2MM.affine, MNI_2MM.shape, interpolation="linear"
    )
    assert np.abs(to_mni(Volume(data, grid), affine).data - expected.get_fdata()).max() < 1e-5


def test_fine_voxels_are_averaged_before_they_are_sampled():
    # A checkerboard of 0.5 mm voxels is grey at 2 mm; sampled alone, it would be black and white.
    grid = Grid((120, 120, 120), np.array([[0.5, 0, 0, -30], [0, 0.5, 0, -30], [0, 0, 0.5, -30], [0, 0, 0, 1]]))
    board = (np.indices(grid.shape).sum(axis=0) % 2).astype(np.float32)
    inside = to_mni(Volume(board, grid), affine_near_identity(1)).data[40:50, 58:68, 31:41]
    assert np.abs(inside - 0.5).max() < 1e-5


def test_people_who_are_affine_transforms_of_each_other_have_the_mean_that_all_of_them_have(tmp_path):
    def density(points):
        """A smooth map in MNI space, 25 mm wide."""
        return 1e-6 * np.exp(-((points - [10, -20, 10]) ** 2).sum(axis=-1) / (2 * 25**2))

    people = []
    for seed in range(2):
        affine = affine_near_identity(seed)
        grid = Grid((150, 170, 150), np.array([[-1.5, 0, 0, 112], [0, 1.5, 0, -150], [0, 0, 1.5, -112], [0, 0, 0, 1]]))
        own = grid.to_world(np.stack(np.indices(grid.shape), axis=-1))
        data = density(own @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32)
        write_elsewhere(tmp_path, f"p{seed}", affine, data, grid)
        people.append(open_export(tmp_path / f"p{seed}").network("unet"))
    mean = average_maps(people).maps[MEAN].volume.data
    scale = np.mean([1 / median_region(each) for each in people])
    expected = density(MNI_2MM.to_world(np.stack(np.indices(MNI_2MM.shape), axis=-1))) * scale
    # Linear interpolation between means over 2 mm of a map 25 mm wide errs by less than h2 / 4 of its curvature.
    assert np.abs(mean - expected)[brain()].max() < 0.01 * expected.max()
