"""The reference brain: its place, its size, its intensities, and what is said where it cannot be registered."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from wbtools.attribution.reference import TEMPLATE, matched, reference_brain, share_inside, template_on
from wbtools.errors import InputError
from wbtools.images import nifti
from wbtools.model import ModelInput
from wbtools.model.families.unet import FAMILY
from wbtools.model.input import FIELD_OF_VIEW
from wbtools.space.grid import Grid, Volume

GRID = Grid((36, 44, 36), np.array([[-5.0, 0, 0, 90], [0, 5, 0, -126], [0, 0, 5, -72], [0, 0, 0, 1]]))
"""The field of view of HCP images in voxels of 5 mm."""


def image_of(brain, grid=GRID):
    return ModelInput((brain / brain.max())[None, None].astype(np.float32), grid)


def turned(degrees, scale):
    """A turn about the left-right axis and a scale, both about the middle of the MNI brain."""
    matrix = np.diag([scale, scale, scale, 1.0])
    cosine, sine = scale * np.cos(np.deg2rad(degrees)), scale * np.sin(np.deg2rad(degrees))
    matrix[1:3, 1:3] = [[cosine, -sine], [sine, cosine]]
    middle = np.array([0, -18, 10])
    matrix[:3, 3] = middle - matrix[:3, :3] @ middle + (4, 8, -6)
    return matrix


@pytest.fixture(scope="module")
def person():
    """The template turned, shrunk and shifted, with another contrast and noise."""
    fine = GRID.covering((72, 88, 72))
    to_index = np.linalg.inv(turned(14, 0.9) @ fine.affine) @ fine.affine
    brain = affine_transform(template_on(fine), to_index[:3, :3], to_index[:3, 3], fine.shape, order=1)
    brain = brain.reshape(36, 2, 44, 2, 36, 2).mean((1, 3, 5))
    noise = np.random.default_rng(0).normal(1, 0.05, brain.shape)
    return image_of(np.sqrt(brain) * noise * (brain > 0.02))


def correlation(image, other):
    either = (image > 0) | (other > 0)
    return np.corrcoef(image[either], other[either])[0, 1]


def test_template_is_registered_to_the_person(person):
    found = reference_brain(FAMILY.card, person)
    by_world = matched(template_on(GRID), person.data[0, 0])
    assert found.grid is person.grid
    assert found.source == TEMPLATE and not found.note
    # The noise alone leaves a correlation of .98; the turn and the scale are undone.
    assert correlation(person.data[0, 0], found.data[0, 0]) > 0.95 > 0.8 > correlation(person.data[0, 0], by_world)
    assert np.allclose(found.alignment.matrix, turned(14, 0.9), atol=0.02 * np.array([1, 1, 1, 50]))  # 2 %, 1 mm
    assert found.as_record()["placed"]["correlation_after"] > 0.9


def test_how_the_head_lay_in_the_scanner_does_not_matter(person):
    """The same voxels are registered in the same place: not even rounding is left."""
    card = replace(FAMILY.card, shape=(36, 44, 36))
    grid = FIELD_OF_VIEW.reoriented(card.orientation).covering(card.shape)
    pose = turned(25, 1.0)
    level = reference_brain(card, ModelInput(person.data, grid))
    found = reference_brain(card, ModelInput(person.data, Grid(grid.shape, pose @ grid.affine)))
    assert np.array_equal(found.data, level.data)
    np.testing.assert_allclose(found.alignment.matrix, pose @ level.alignment.matrix, atol=1e-9)


def test_the_reference_of_an_image_is_made_once_for_all_networks_that_see_it_alike(person):
    first = reference_brain(FAMILY.card, person)
    assert reference_brain(replace(FAMILY.card, name="another"), person) is first
    again = reference_brain(FAMILY.card, replace(person))
    assert again is not first
    np.testing.assert_array_equal(again.data, first.data)


def test_card_names_another_brain_than_the_template(person, tmp_path):
    file = tmp_path / "mean_brain.nii.gz"
    brain = template_on(GRID)
    brain[:, :, 25:] = 0  # a brain without its top, which no template has
    nifti.write_volume(file, Volume(400 * brain, GRID))
    found = reference_brain(FAMILY.card, person, file)
    assert found.source == "mean_brain.nii.gz"
    whole = reference_brain(FAMILY.card, person)
    top = (whole.data > 0) & (found.data == 0)
    assert 0.05 < top.sum() / (whole.data > 0).sum() < 0.35
    head = replace(FAMILY.card, skull_stripped=False)
    assert reference_brain(head, person, file).source == "mean_brain.nii.gz"


def test_what_cannot_be_registered_lies_by_world_coordinates_and_says_so(monkeypatch, person):
    from wbtools.space import registration

    monkeypatch.setattr(registration, "_LEAST_CORRELATION", 1.0)  # no two images agree as much
    found = reference_brain(FAMILY.card, replace(person))  # a copy: of one image the reference is made once
    assert found.alignment is None
    assert "by world coordinates" in found.note and "correlation" in found.note
    assert found.as_record()["placed"] == "by world coordinates"
    np.testing.assert_array_equal(found.data[0, 0], matched(template_on(GRID), person.data[0, 0]))


def test_reference_ends_where_the_scan_ends(person):
    scan = Grid((36, 44, 30), GRID.affine @ np.block([[np.eye(3), np.array([[0], [0], [6]])], [np.zeros((1, 3)), 1]]))
    found = reference_brain(FAMILY.card, replace(person, scan=scan))
    whole = reference_brain(FAMILY.card, person)
    assert not found.data[..., :6].any() and whole.data[..., :6].any()
    np.testing.assert_array_equal(found.data[..., 6:], whole.data[..., 6:])


def test_brain_that_is_the_reference_stays_where_it_is_and_says_so():
    found = reference_brain(FAMILY.card, image_of(template_on(GRID)))
    assert "itself" in found.note and found.alignment is None


def test_template_lies_at_its_world_coordinates_on_any_grid():
    ras = GRID.reoriented("RAS")
    np.testing.assert_allclose(template_on(ras)[::-1], template_on(GRID), atol=1e-5)
    brain = template_on(GRID)
    centre = GRID.to_world(np.argwhere(brain > 0).astype(float)).mean(0)
    # the centre of the MNI brain: on the midline, behind and above the anterior commissure
    assert np.abs(centre - (0, -20, 10)).max() < 6
    volume = float((brain > 0.2).sum()) * GRID.voxel_volume / 1e6
    assert 1.5 < volume < 2.3  # litres


def test_gain_and_contrast_of_the_person_are_taken_over_and_the_background_is_kept(person):
    brain = template_on(GRID)
    for change in (lambda x: 0.3 * x, np.sqrt):
        image = np.asarray(change(brain), np.float32)
        # Between the 200 quantiles the change of contrast is followed linearly.
        np.testing.assert_allclose(matched(brain, image), image, atol=0.01 * float(image.max()))
    other = reference_brain(FAMILY.card, person)
    shared = (other.data > 0) & (person.data > 0)
    assert 0.8 < shared.sum() / (person.data > 0).sum() < (other.data == 0).sum()
    for q in (0.1, 0.5, 0.9):
        assert np.quantile(other.data[shared], q) == pytest.approx(np.quantile(person.data[shared], q), abs=0.005)


def test_heads_with_a_skull_and_images_without_a_brain_are_refused(person):
    with pytest.raises(InputError, match="skull"):
        reference_brain(replace(FAMILY.card, skull_stripped=False), person)
    with pytest.raises(InputError, match="does not lie where"):
        reference_brain(FAMILY.card, ModelInput(np.zeros_like(person.data), GRID))
    assert share_inside(np.ones(2), np.ones(2)) == 1
