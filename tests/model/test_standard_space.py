"""Images are brought to MNI152's space and freed of the scanner's bias field, as networks for retrieval have them."""

from dataclasses import replace

import numpy as np
import pytest

from wbtools.errors import CheckpointError, InputError
from wbtools.images.template import mni152
from wbtools.model.card import Card
from wbtools.model.conventions import CONVENTION, STANDARD_SPACE
from wbtools.model.input import FIELD_OF_VIEW, model_input
from wbtools.model.standard_space import field_on_template, without_bias
from wbtools.space.grid import Grid, Volume, reorient
from wbtools.space.resampling import average


def brain(millimetres):
    grid = FIELD_OF_VIEW.with_spacing(millimetres)
    return average(reorient(mni152(), grid.orientation), grid)


def moved(volume):
    """The brain larger, sheared, turned and elsewhere, in the same voxels; and the map that did it."""
    angle = np.deg2rad(12)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.array([[1.08, 0.04, 0], [0, 0.93, 0], [0, 0.03, 1.05]])
    matrix[:3, 3] = 9, -14, 6
    return Volume(volume.data, Grid(volume.grid.shape, matrix @ volume.grid.affine)), matrix


def test_the_field_of_view_follows_an_affine_change_of_the_brain():
    volume, matrix = moved(brain(4.0))
    found = field_on_template(volume, FIELD_OF_VIEW)
    expected = Grid(FIELD_OF_VIEW.shape, matrix @ FIELD_OF_VIEW.affine)
    assert np.abs(found.corners() - expected.corners()).max() < 3.0  # mm, at the far corners of the field of view


def test_what_shows_no_brain_is_refused():
    empty = Volume(np.zeros((20, 20, 20), np.float32), Grid((20, 20, 20), np.diag([8.0, 8, 8, 1])))
    with pytest.raises(InputError, match="cannot be brought to MNI152"):
        field_on_template(empty, FIELD_OF_VIEW)


def slow_field(shape):
    """A bias of 2 to 1 from one side to the other, mean 1 in the logarithm."""
    return np.exp(0.35 * np.linspace(-1, 1, shape[0]))[:, None, None] * np.ones(shape)


@pytest.mark.slow
def test_with_or_without_a_bias_field_an_image_becomes_the_same():
    volume = brain(12.0)
    tissue = volume.data > 0.3
    biased = replace(volume, data=(volume.data * slow_field(volume.data.shape) * 700).astype(np.float32))
    one_way, other_way = without_bias(volume), without_bias(biased)
    before, after = (np.log(a.data[tissue] / b.data[tissue]).std() for a, b in ((biased, volume), (other_way, one_way)))
    assert before > 0.1 and after < 0.25 * before
    assert np.array_equal(other_way.data == 0, biased.data == 0)
    assert np.array_equal(other_way.data, without_bias(replace(biased)).data)


@pytest.mark.slow
def test_a_network_is_shown_the_same_whatever_the_pose_and_the_coil():
    card = Card(name="net", title="net", family="unet", shape=(30, 36, 30), resampling=STANDARD_SPACE)
    straight = brain(10.0)
    other, _ = moved(straight)
    other = replace(other, data=(other.data * slow_field(other.data.shape)).astype(np.float32))
    images = [
        [model_input(each, used).data for each in (straight, other)]
        for used in (card, replace(card, resampling=CONVENTION))
    ]
    alike, otherwise = (np.corrcoef(first.ravel(), second.ravel())[0, 1] for first, second in images)
    assert alike > 0.98 > otherwise
    assert images[0][0].min() == 0 and images[0][0].max() == 1


def test_a_card_may_ask_for_nothing_else():
    with pytest.raises(CheckpointError, match="the card asks for 'corner-aligned'") as error:
        Card(name="net", title="net", family="unet", resampling="corner-aligned")
    assert CONVENTION in error.value.hint and STANDARD_SPACE in error.value.hint
