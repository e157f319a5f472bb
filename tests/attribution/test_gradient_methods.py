"""Gradient methods on networks whose maps are known: linear, quadratic, or with features made by hand."""

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES, OTHERS, Hand, balls, linear, pointwise
from questions import along, noise, question_about
from random_networks import random_network
from torch import nn

from wbtools.attribution.methods import class_activation, gradient_products, guided_backprop, integrated_gradients
from wbtools.errors import InputError
from wbtools.model import ModelInput
from wbtools.model.card import Card
from wbtools.space.grid import Grid

CUBE = (4, 4, 4)
INPUT, DIFFERENCE = gradient_products.INPUT, gradient_products.DIFFERENCE
TEMPLATE, ZERO, BLURRED = (
    integrated_gradients.TEMPLATE,
    integrated_gradients.ZERO,
    integrated_gradients.BLURRED,
)
GRAD_CAM, HIRES_CAM = class_activation.GRAD_CAM, class_activation.HIRES_CAM


def _reading(weights):
    """A linear network with one weight for each voxel of a cube."""
    network = Hand(nn.Flatten(), linear([weights.flatten().tolist()], [0.7]))
    return question_about(network, noise(1, 1, *CUBE), torch.ones(1, 1), noise(1, 1, *CUBE, seed=1))


def test_linear_network_owes_each_voxel_its_weight_times_what_is_there():
    weights = noise(*CUBE, seed=2) - 0.5
    question = _reading(weights)
    image, change = question.image[0, 0], (question.image - question.reference)[0, 0]
    np.testing.assert_allclose(INPUT.explain(question).relevance, weights * image, rtol=1e-5)
    for method in (DIFFERENCE, TEMPLATE):
        found = method.explain(question)
        np.testing.assert_allclose(found.relevance, weights * change, rtol=1e-4, atol=1e-7)
        assert found.expected_sum == pytest.approx(float((weights * change).sum()), rel=1e-5)
        assert found.conservation == pytest.approx(1, rel=1e-4)


class Square(nn.Module):
    """Squares its input."""

    def forward(self, x):
        return x * x


def test_integrated_gradients_of_a_square_are_those_worked_out_by_hand():
    # f = (w . x)^2: the gradient 2 w (w . x) has its mean half way, where w . x is (w . x0 + w . x) / 2
    weights = noise(*CUBE, seed=2) - 0.5
    question = _reading(weights)
    question.network.layers.append(Square())
    question.network.layers[1].bias.data.zero_()
    image, reference = question.image[0, 0], question.reference[0, 0]
    whole = float((weights * (image + reference)).sum())
    found = TEMPLATE.explain(question)
    np.testing.assert_allclose(found.relevance, weights * (image - reference) * whole, rtol=1e-4, atol=1e-6)
    assert found.conservation == pytest.approx(1, rel=1e-4)
    assert DIFFERENCE.explain(question).conservation != pytest.approx(1, abs=0.1)


def test_gradients_are_those_of_finite_differences():
    network = random_network(FAMILIES["U-Net, double blocks"]).double()
    image = balls((17, 19, 18))[:1].double()
    question = question_about(network, image)
    direction = question.objective.directions[0]
    relevance = INPUT.explain(question).relevance
    step = 1e-6
    for place in torch.nonzero(image[0, 0])[::97]:
        moved = [image.clone(), image.clone()]
        for shifted, by in zip(moved, (step, -step), strict=True):
            shifted[0, 0][tuple(place)] += by
        with torch.no_grad():
            up, down = (float(network.raw(shifted)[0] @ direction) for shifted in moved)
        expected = (up - down) / (2 * step) * float(image[0, 0][tuple(place)])
        assert relevance[tuple(place)] == pytest.approx(expected, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("name", ["ResNet 10", "AD_3DCNN"])
def test_integrated_gradients_sum_to_the_change_of_the_score(name):
    build = FAMILIES.get(name) or OTHERS[name][0]
    network = random_network(build)
    image = balls()[:1]
    found = TEMPLATE.explain(question_about(network, image, reference=image * 0.5))
    # 32 steps through thousands of kinks
    assert found.conservation == pytest.approx(1, abs=0.05)
    with torch.no_grad():
        change = network.raw(image) - network.raw(image * 0.5)
        expected = float(change[0] @ along(network.raw(image))[0])
    assert found.expected_sum == pytest.approx(expected, rel=1e-4)


def test_baselines_are_nothing_and_the_brain_without_detail():
    card = Card(name="unet", title="", family="unet", shape=(20, 20, 20))
    data = np.zeros((20, 20, 20), np.float32)
    data[4:16, 4:16, 4:16] = 0.5
    data[10, 10, 10] = 1
    image = ModelInput(data[None, None], Grid(data.shape, np.diag([2.0, 2, 2, 1])))
    assert not ZERO.reference(card, image).data.any()
    blurred = BLURRED.reference(card, image).data[0, 0]
    assert not blurred[data == 0].any()
    # constant inside but for one voxel, whose excess is spread: edges do not fade into the background
    assert blurred[data > 0].min() == pytest.approx(0.5, abs=1e-3)
    assert blurred[10, 10, 10] < 0.51


def _pooling(weights, bias=None):
    """Two features of an image, averaged over the image, and weighed."""
    return Hand(
        pointwise([[1.0], [-1.0]], [-0.5, 0.5]),
        nn.ReLU(),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        linear([weights], bias),
    )


def test_grad_cam_and_hires_cam_of_features_worked_out_by_hand():
    image = noise(1, 1, *CUBE)
    bright, dark = (image - 0.5).clamp(min=0)[0, 0], (0.5 - image).clamp(min=0)[0, 0]
    question = question_about(_pooling([3.0, -2.0], [0.3]), image, torch.ones(1, 1))
    expected = (3 * bright - 2 * dark) / image.numel()
    found = HIRES_CAM.explain(question)
    np.testing.assert_allclose(found.relevance, expected, atol=1e-7)
    with torch.no_grad():
        assert found.relevance.sum() == pytest.approx(float(question.network.raw(image)) - 0.3, rel=1e-5)
    np.testing.assert_allclose(GRAD_CAM.explain(question).relevance, expected.clamp(min=0), atol=1e-7)


def test_hires_cam_follows_gradients_that_differ_from_voxel_to_voxel_and_grad_cam_their_mean():
    image, weights = noise(1, 1, *CUBE), noise(*CUBE, seed=3) - 0.5
    network = Hand(pointwise([[2.0]]), nn.ReLU(), nn.Flatten(), linear([weights.flatten().tolist()]))
    question = question_about(network, image, torch.ones(1, 1))
    np.testing.assert_allclose(HIRES_CAM.explain(question).relevance, 2 * image[0, 0] * weights, rtol=1e-5)
    expected = (2 * image[0, 0] * weights.mean()).clamp(min=0)
    np.testing.assert_allclose(GRAD_CAM.explain(question).relevance, expected, rtol=1e-5, atol=1e-9)


def test_grad_cam_lies_over_the_only_place_that_matters_and_not_beside_it():
    # Without padding features start at the voxel (2, 2, 2); stretched over the image, the place would move.
    network = Hand(nn.Conv3d(1, 1, 5, bias=False), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    network.layers[0].weight.data.zero_()
    network.layers[0].weight.data[0, 0, 2, 2, 2] = 1
    image = torch.zeros(1, 1, 12, 12, 12)
    image[0, 0, 3, 4, 8] = 1
    for method in (GRAD_CAM, HIRES_CAM):
        relevance = method.explain(question_about(network, image, torch.ones(1, 1))).relevance
        assert np.argwhere(relevance > 0).tolist() == [[3, 4, 8]]


def test_guided_backpropagation_lets_only_positive_gradients_pass():
    # hidden = (x, 2 x) and answer = 3 relu(x) - 5 relu(2 x): the second path's gradient is cut off at its ReLU
    network = Hand(
        pointwise([[1.0], [2.0]]),
        nn.ReLU(),
        nn.Flatten(),
        linear([[3.0] * 64 + [-5.0] * 64]),
    )
    question = question_about(network, noise(1, 1, *CUBE), torch.ones(1, 1))
    np.testing.assert_allclose(guided_backprop.METHOD.explain(question).relevance, 3.0, rtol=1e-6)


def test_guided_backpropagation_refuses_networks_whose_relus_cannot_be_seen():
    question = question_about(
        Hand(pointwise([[1.0]]), nn.Flatten()),
        noise(1, 1, *CUBE),
        torch.ones(1, 64) / 64,
    )
    with pytest.raises(InputError, match="ReLUs are layers"):
        guided_backprop.METHOD.explain(question)


class Cut(nn.Module):
    """An answer that gradients cannot pass."""

    def forward(self, x):
        return x.detach().flatten(1)


def test_network_without_gradients_is_refused_in_one_sentence():
    question = question_about(Hand(Cut()), noise(1, 1, *CUBE), torch.ones(1, 64))
    with pytest.raises(InputError, match="no gradient"):
        INPUT.explain(question)


class Planes(nn.Module):
    """Each plane of a volume alone through a convolution of planes."""

    def __init__(self):
        super().__init__()
        self.conv, self.relu = nn.Conv2d(1, 1, 3, bias=False), nn.ReLU()
        self.conv.weight.data.zero_()
        self.conv.weight.data[0, 0, 1, 1] = 1

    def forward(self, x):
        return self.relu(self.conv(x[0].permute(3, 0, 2, 1).flip(2))).mean((1, 2, 3))[None]


def test_class_activation_of_networks_that_look_at_planes_is_a_volume():
    image = torch.zeros(1, 1, 7, 8, 6)
    image[0, 0, 2, 5, 4] = 1
    question = question_about(Hand(Planes()), image, torch.ones(1, 6))
    for method in (GRAD_CAM, HIRES_CAM):
        relevance = method.explain(question).relevance
        assert np.argwhere(relevance > 0).tolist() == [[2, 5, 4]]
