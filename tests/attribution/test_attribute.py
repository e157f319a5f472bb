"""Maps conserve, keep out of the background, repeat, and leave the network as it was."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_networks import random_unet

from wbtools.attribution import METHODS, Target, attribute, default, method
from wbtools.attribution.autograd.propagation import merged
from wbtools.attribution.methods import lrp, smoothgrad
from wbtools.attribution.noise import Noise
from wbtools.attribution.runtime.threads import torch_threads
from wbtools.errors import CheckError, InputError
from wbtools.model import ModelInput, built_in
from wbtools.model.checkpoint import Model
from wbtools.model.families.unet import FAMILY, UNetArchitecture
from wbtools.space.grid import Grid, Unit

LAYOUTS = [
    UNetArchitecture((16, 16, 32)),
    UNetArchitecture((16, 32, 32), block="double"),
    UNetArchitecture((16, 16), attention=()),
    UNetArchitecture((16, 32, 32, 48), attention=(0, 1, 2, 3), embedding=12),
]


@pytest.fixture
def image():
    """A textured ball on an empty background, in voxels of 2 x 2 x 3 mm."""
    rng = np.random.default_rng(0)
    places = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in (26, 30, 24)), indexing="ij"))
    ball = (np.linalg.norm(places, axis=0) < 0.6) * rng.uniform(0.2, 1, (26, 30, 24))
    return ModelInput(ball[None, None].astype(np.float32), Grid((26, 30, 24), np.diag([-2.0, 2, 3, 1])))


def _model(network):
    return Model(network, FAMILY.card, {}, "")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_relevance_is_conserved_with_biases_and_none_lies_in_the_background(layout, image):
    found = attribute(_model(random_unet(layout)), image, "lrp")
    # Float32 sums over large cancelling terms; stock z-plus composites are off by 10 to 60 % here.
    assert found.conservation == pytest.approx(1, abs=0.01)
    assert found.background == 0
    assert found.score == pytest.approx(1, abs=1e-5)
    assert found.cancellation == pytest.approx(1, abs=0.02)
    assert found.relevance.unit is Unit.DENSITY
    assert found.relevance.data.dtype == np.float32
    assert found.relevance.total() == pytest.approx(found.conservation, rel=1e-4)


def test_without_biases_stock_rules_and_ours_agree(image):
    """With no bias anywhere biases contribute nothing, and the map is that of zennit's own rules."""
    from torch import nn
    from zennit.composites import NameMapComposite
    from zennit.rules import Gamma, Norm, Pass, ZPlus

    network = random_unet(UNetArchitecture((16, 16), attention=(), block="double"))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.bias.zero_()
            module.running_mean.zero_()
        elif isinstance(module, nn.Linear):
            module.bias.zero_()
    kinds = {nn.Conv3d: ZPlus(1e-12), nn.Linear: Gamma(1e3, 1e-9), nn.AdaptiveAvgPool3d: Norm(1e-12), nn.ReLU: Pass()}
    named = [([n], rule) for n, m in network.named_modules() for kind, rule in kinds.items() if isinstance(m, kind)]
    x = torch.from_numpy(image.data)
    with merged(network).context(network), NameMapComposite(named).context(network):
        watched = x.clone().requires_grad_()
        v = network.raw(watched)
        (stock,) = torch.autograd.grad(v, watched, (v / v.norm()).detach() ** 2)
    model = _model(network)
    ours = lrp.explain(lrp.METHOD.ask(model, [image], default(model))).relevance
    np.testing.assert_allclose(ours, stock[0, 0].numpy(), atol=2e-4 * float(stock.abs().max()))


def test_same_input_same_map_on_any_number_of_threads_asked_for(image):
    model = _model(random_unet(LAYOUTS[0]))
    before = torch.get_num_threads()
    with torch_threads(2):
        first, second = (attribute(model, image, "lrp").relevance.data for _ in range(2))
    np.testing.assert_array_equal(first, second)
    with torch_threads(1):
        assert torch.get_num_threads() == 1
        single = attribute(model, image, "lrp").relevance.data
    np.testing.assert_allclose(single, first, atol=1e-3 * np.abs(first).max())
    assert torch.get_num_threads() == before


def test_density_does_not_depend_on_how_large_voxels_are_said_to_be_but_its_total_does_not_change(image):
    model = _model(random_unet(LAYOUTS[0]))
    wide = replace(image, grid=Grid(image.grid.shape, np.diag([4.0, 4, 6, 1])))
    near, far = attribute(model, image, "lrp").relevance, attribute(model, wide, "lrp").relevance
    np.testing.assert_allclose(near.data, far.data * 8, rtol=1e-5, atol=1e-12)
    assert near.total() == pytest.approx(far.total(), rel=1e-5)


def test_network_is_left_as_it_was(image):
    network = random_unet(LAYOUTS[0])
    before = {key: value.clone() for key, value in network.state_dict().items()}
    attribute(_model(network), image, "lrp")
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_map_that_is_not_finite_is_refused(image):
    network = random_unet(LAYOUTS[0])
    network.fc2.weight.data.fill_(float("inf"))
    with pytest.raises(CheckError, match="not finite"):
        attribute(_model(network), image, "lrp")


def test_unknown_method_is_refused_and_known_ones_describe_themselves(image):
    with pytest.raises(InputError, match="voodoo"):
        attribute(_model(random_unet()), image, "voodoo")
    for name in METHODS:
        found = method(name)
        assert found.name == name
        assert found.rules
        assert found.caution


def test_built_in_network_conserves_on_a_ball(image):
    found = attribute(built_in(), image, "lrp")
    assert found.conservation == pytest.approx(1, abs=0.01)
    assert found.as_record()["method"] == "lrp"


def test_sign_and_noise_are_on_the_record(image):
    network = random_unet(LAYOUTS[0])
    signed, magnitudes = (attribute(_model(network), image, name) for name in ("lrp", "grad-cam"))
    assert signed.as_record()["signed"] is True and "above 0 for what is explained" in signed.meaning
    assert magnitudes.as_record()["signed"] is False and "not whether for or against" in magnitudes.meaning
    assert signed.as_record()["noise"] is None
    several = attribute(_model(random_unet(LAYOUTS[3])), image, "gradient-x-input", Target("dimension"))
    assert not several.signed and several.relevance.data.min() >= 0
    assert method("gradient-x-input").signed


def test_a_magnitude_keeps_its_noise_on_record(image, monkeypatch):
    monkeypatch.setattr(smoothgrad, "NOISE", Noise(draws=2, level=0.1))
    record = attribute(_model(random_unet(LAYOUTS[2])), image, "vargrad").as_record()
    assert record["signed"] is False and record["put_in"] is None
    assert record["noise"]["seed"] == 0 and record["noise"]["standard_deviation"] == pytest.approx(0.1, rel=0.01)
