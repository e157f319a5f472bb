"""Meaningful perturbation finds what alone decides, and its parts do what the method's description says."""

import numpy as np
import pytest
import torch
from engine_networks import Hand, linear
from questions import noise, question_about
from scipy.ndimage import correlate1d, shift
from torch import nn
from torch.nn.functional import interpolate

from wbtools.attribution.methods import perturbation
from wbtools.attribution.methods.perturbation import PUBLISHED, Settings, laid_over, search, shifted, smoothed
from wbtools.errors import InputError
from wbtools.model.family import Classifier

SHAPE = (20, 16, 24)
USED = (slice(4, 8), slice(8, 12), slice(12, 16))
FEW = Settings(steps=60, ramp=30, jitters=2, reach=1)


class Texture(nn.Module):
    """How rough an image is inside one region: what blurring takes away."""

    def forward(self, x):
        return x[0, 0][USED].var()[None, None]


class Deciding(Classifier):
    """Two classes; the second is likely only if the region is rough."""

    def __init__(self):
        super().__init__()
        self.texture = Texture()
        self.eval()

    def logits(self, x):
        rough = 100 * self.texture(x) - 4
        return torch.cat((-rough, rough), 1)


@pytest.mark.parametrize("network", [Hand(Texture()), Deciding()], ids=["embedding", "class"])
def test_mask_covers_the_only_region_that_is_read(network):
    image = noise(1, 1, *SHAPE)
    found = perturbation.explain(question_about(network, image), FEW).relevance
    assert found.shape == SHAPE
    assert found.min() >= -1e-6
    assert found.max() <= 1
    inside = np.zeros(SHAPE, bool)
    inside[USED] = True
    assert found[inside].mean() > 0.3
    # the mask has voxels of four, is laid over linearly, smoothed over five, and the image is moved by one
    far = np.ones(SHAPE, bool)
    far[:16, :, 4:24] = False
    assert found[far].max() < 0.05


def test_little_is_left_of_the_class_under_the_mask_that_is_found():
    network, image = Deciding(), noise(1, 1, *SHAPE)
    over = 1 - torch.from_numpy(perturbation.explain(question_about(network, image), FEW).relevance)
    mixed = over * image + (1 - over) * smoothed(image)
    before, after = (float(network.logits(shown).softmax(1)[0, 1]) for shown in (image, mixed))
    assert before > 0.9
    assert after < 0.2


def test_loss_decreases_and_the_last_steps_change_nothing():
    network, image = Deciding(), noise(1, 1, *SHAPE)

    def left(x):
        return network.logits(x).softmax(1)[0, 1]

    still = Settings(jitters=1, reach=0)
    mask, losses = search(image, left, still)
    assert losses[0] == pytest.approx(float(left(image)) - 0.05, abs=1e-5)
    assert losses[-1] < 0.6 * losses[0]
    assert losses[-1] == pytest.approx(losses[-30], abs=1e-2)
    assert 0 <= mask.min() <= mask.max() <= 1
    longer, _ = search(image, left, Settings(steps=180, jitters=1, reach=0))
    assert float((longer - mask).abs().max()) < 0.003


def test_published_numbers():
    assert (PUBLISHED.steps, PUBLISHED.ramp, PUBLISHED.jitters, PUBLISHED.reach) == (120, 60, 10, 5)
    assert search(noise(1, 1, *SHAPE), lambda x: x.sum() * 0, Settings(1))[0].shape == (1, 1, 5, 4, 6)


def test_regulariser_is_three_times_the_mean_of_what_is_blurred_and_the_seventh_power_of_steps():
    mask = noise(1, 1, 5, 4, 6)
    over = laid_over(mask, noise(1, 1, *SHAPE)).numpy()
    ragged = sum((np.abs(np.diff(over, axis=axis)) ** 7).mean() for axis in (2, 3, 4))
    expected = 3 * (1 - mask).mean() + ragged
    assert float(perturbation._cost(mask, noise(1, 1, *SHAPE))) == pytest.approx(float(expected), rel=1e-5)


def test_smoothing_is_scipys_with_a_gaussian_of_five_voxels():
    image = noise(1, 1, 9, 8, 7)
    weights = np.exp(-0.5 * (np.arange(-2, 3) / 10.0) ** 2)
    expected = image[0, 0].numpy()
    for axis in range(3):
        expected = correlate1d(expected, weights / weights.sum(), axis=axis, mode="nearest")
    np.testing.assert_allclose(smoothed(image)[0, 0], expected, atol=1e-6)
    stretched = interpolate(noise(1, 1, 2, 2, 2), (9, 8, 7), mode="trilinear")
    torch.testing.assert_close(laid_over(noise(1, 1, 2, 2, 2), image), smoothed(stretched))


@pytest.mark.parametrize("by", [[2, -1, 0], [-3, 0, 2]])
def test_jitter_moves_the_image_and_fills_with_nothing(by):
    image = noise(1, 1, 6, 5, 4)
    expected = shift(image[0, 0].numpy(), by, order=0)
    np.testing.assert_array_equal(shifted(image, by)[0, 0], expected)


def test_part_that_is_left_is_one_for_the_image_and_nothing_for_its_blurred_copy():
    torch.manual_seed(0)
    network = Hand(nn.Conv3d(1, 3, 3), nn.Tanh(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(3, 4))
    image = noise(1, 1, *SHAPE)
    with torch.no_grad():
        left = perturbation._part_left(question_about(network, image), smoothed(image))
        assert float(left(image)) == pytest.approx(1)
        assert float(left(smoothed(image))) == pytest.approx(0, abs=1e-6)


def test_only_logit_of_a_network_stands_for_one_of_two_classes():
    class Single(Deciding):
        """Says yes or no."""

        def logits(self, x):
            return super().logits(x)[:, 1:]

    image = noise(1, 1, *SHAPE)
    left = perturbation._part_left(question_about(Single(), image), smoothed(image))
    assert float(left(image)) == pytest.approx(float(torch.sigmoid(Single().logits(image))))


def test_answer_that_blurring_cannot_take_away_is_refused():
    image = noise(1, 1, *SHAPE)
    unlikely = question_about(Deciding(), image, torch.eye(2)[:1])
    with pytest.raises(InputError, match="nothing to take away"):
        perturbation.explain(unlikely)
    constant = Hand(nn.AdaptiveAvgPool3d(1), nn.Flatten(), linear([[0.0]], [1.0]))
    with pytest.raises(InputError, match="blurring the image does not change"):
        perturbation.explain(question_about(constant, image))


def test_same_question_same_mask():
    network, image = Hand(Texture()), noise(1, 1, *SHAPE)
    few = Settings(steps=5, ramp=2, jitters=3, reach=2)
    first = perturbation.explain(question_about(network, image), few).relevance
    torch.manual_seed(123)
    np.testing.assert_array_equal(first, perturbation.explain(question_about(network, image), few).relevance)
