"""Affine registration, against known maps of a real brain and of a made head."""

from functools import cache

import numpy as np
import pytest
from scipy.ndimage import affine_transform, binary_dilation, gaussian_filter

from wbtools.errors import CheckError
from wbtools.space.foreground import background, is_stripped
from wbtools.space.grid import Grid, Volume
from wbtools.space.registration import affine_between
from wbtools.space.resampling import average

WORLD = Grid(
    (84, 100, 84),
    np.array([[2.6, 0, 0, -108], [0, 2.6, 0, -144], [0, 0, 2.6, -110], [0, 0, 0, 1.0]]),
)


@cache
def template():
    """Nilearn's MNI152 brain on 2 mm voxels."""
    from nilearn.datasets import load_mni152_template

    image = load_mni152_template(resolution=1)
    fine = Volume(
        np.clip(np.asarray(image.dataobj, np.float32), 0, None),
        Grid(image.shape, image.affine),
    )
    return average(fine, fine.grid.covering((98, 116, 94)))


def brain_points():
    return template().grid.to_world(np.argwhere(template().data > 0)[::97])


def turn(degrees, axis):
    first, second = (other for other in range(3) if other != axis)
    matrix = np.eye(4)
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix[[first, first, second, second], [first, second, first, second]] = (
        cosine,
        -sine,
        sine,
        cosine,
    )
    return matrix


def known_affine():
    """15 degrees about the left-right axis, 10 % larger, sheared, and 20 mm away."""
    shear = np.eye(4)
    shear[0, 1], shear[1, 2] = 0.06, -0.04
    matrix = turn(15, 0) @ np.diag([1.1, 1.1, 1.1, 1]) @ shear
    matrix[:3, 3] = 12, -14, 8
    return matrix


def moved(volume, matrix, grid):
    """The image after a movement of the world, as a scanner with this grid would show it."""
    back = np.linalg.inv(matrix @ volume.grid.affine) @ grid.affine
    data = affine_transform(
        volume.data,
        back[:3, :3],
        back[:3, 3],
        grid.shape,
        order=1,
        cval=background(volume),
    )
    return Volume(data.astype(np.float32), grid)


def mean_error(alignment, truth):
    """Mean distance, mm, of brain points carried by both."""
    points = brain_points()
    return np.linalg.norm(alignment.apply_to_points(points) - (points @ truth[:3, :3].T + truth[:3, 3]), axis=1).mean()


def head(brain):
    """The brain in dark bone, bright scalp and a neck, on the same grid with noise in the air."""
    data, inside = brain.data.copy(), brain.data > 0
    bone, skin = (
        binary_dilation(inside, iterations=3),
        binary_dilation(inside, iterations=6),
    )
    k = np.arange(data.shape[2])
    neck = (np.hypot(*np.meshgrid(*(np.arange(n) - n / 2 for n in data.shape[:2]), indexing="ij")) < 26)[..., None]
    data[skin & ~bone] = 0.9
    data[(neck & (k < 30)) & ~bone] = 0.7
    noise = np.abs(np.random.default_rng(5).normal(0, 0.02, data.shape))
    return Volume((gaussian_filter(data, 0.5) + noise).astype(np.float32), brain.grid)


def oblique(grid):
    return Grid(grid.shape, turn(20, 0) @ turn(-12, 1) @ turn(8, 2) @ grid.affine)


GRIDS = {
    "plain": WORLD,
    "another order and direction": WORLD.reoriented("PSR"),
    "oblique": oblique(WORLD),
    "long voxels": WORLD.covering((168, 180, 44)),
}


@cache
def registered(grid):
    """The template's registration onto the moved template."""
    return affine_between(moved(template(), known_affine(), GRIDS[grid]), template())


@pytest.mark.parametrize("grid", GRIDS)
def test_a_known_affine_is_recovered_on_any_grid(grid):
    alignment = registered(grid)
    # 0.11 mm on average for 2 mm voxels; slices of 5 mm know less.
    assert mean_error(alignment, known_affine()) < 0.5
    assert alignment.after > 0.95 > alignment.before
    assert alignment.overlap > 0.95


def test_both_directions_agree():
    person = moved(template(), known_affine(), WORLD)
    there, back = registered("plain"), affine_between(template(), person)
    # Not exact: each way has its own samples.
    assert np.abs(back.apply_to_points(there.apply_to_points(brain_points())) - brain_points()).max() < 1


def test_a_stripped_brain_is_registered_to_a_head():
    person = moved(head(template()), known_affine(), WORLD)
    assert not is_stripped(person) and is_stripped(template())
    assert mean_error(affine_between(person, template()), known_affine()) < 1


def tilted(factor):
    """Turned by 20 degrees about two axes, of another size, and 20 mm away."""
    matrix = turn(20, 0) @ turn(20, 2) @ np.diag([factor, factor, factor, 1])
    matrix[:3, 3] = 12, -14, 8
    return matrix


@pytest.mark.parametrize("factor", [0.75, 1.0])
def test_a_stripped_brain_is_registered_to_a_tilted_head_and_to_a_childs(factor):
    # Real heads are harder than this one; docs/reference/layouts/t1w.md says how those end.
    person = moved(head(template()), tilted(factor), WORLD)
    assert mean_error(affine_between(person, template()), tilted(factor)) < 1


def test_contrast_bias_noise_and_a_negative_background_do_not_matter():
    rng = np.random.default_rng(1)
    person = moved(template(), known_affine(), WORLD)
    brain = person.data > 0
    bias = np.exp(0.2 * np.sin(np.linspace(0, 3, WORLD.shape[0])))[:, None, None]
    data = 700 * person.data**1.3 * bias + rng.normal(0, 20, WORLD.shape)
    scan = Volume(np.where(brain, data, -1000).astype(np.float32), WORLD)
    assert mean_error(affine_between(scan, template()), known_affine()) < 1


def test_registration_is_reproducible_whatever_the_number_of_threads():
    import SimpleITK

    threads = SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads()
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(threads + 3)
    try:
        again = affine_between(moved(template(), known_affine(), WORLD), template())
        assert SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads() == threads + 3
    finally:
        SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    assert np.array_equal(again.matrix, registered("plain").matrix)


def test_an_image_without_a_brain_is_rejected():
    noise = Volume(
        np.random.default_rng(0).random((40, 40, 40), np.float32),
        Grid((40, 40, 40), np.diag([5.0, 5, 5, 1])),
    )
    with pytest.raises(CheckError, match="could not be registered"):
        affine_between(noise, template())
    flat = Volume(
        np.full((20, 20, 20), 3, np.float32),
        Grid((20, 20, 20), np.diag([5.0, 5, 5, 1])),
    )
    with pytest.raises(CheckError, match="without contrast"):
        affine_between(flat, template())


def test_a_slice_is_no_head_and_refused_before_anything_is_computed():
    brain = template()
    slice_alone = brain.within((slice(0, 98), slice(0, 116), slice(40, 41)))
    with pytest.raises(CheckError, match=r"an image of 98 x 116 x 1 voxels, .* mm, holds no whole head"):
        affine_between(slice_alone, brain)
