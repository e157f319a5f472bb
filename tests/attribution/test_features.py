"""Feature maps are found among a network's layers, and laid where the features look."""

import pytest
import torch
from engine_networks import FAMILIES, OTHERS, SHAPE, Hand, pointwise
from questions import noise, question_about
from random_networks import random_network
from torch import nn
from torch.nn.functional import interpolate

from wbtools.attribution.autograd.features import (
    Placement,
    calls,
    last_features,
    placements,
    put_back,
    reading,
    shown,
    spread,
)
from wbtools.errors import InputError

BUILD = {**FAMILIES, **{name: build for name, (build, _) in OTHERS.items()}}


def _traced(network):
    made = calls(question_about(network, noise(1, 1, *SHAPE)))
    return made, reading(made, "test"), last_features(made)


@pytest.mark.parametrize("name", BUILD)
def test_last_features_are_the_last_activation_before_features_are_pooled_or_put_in_a_row(name):
    network = random_network(BUILD[name])
    _, first, last = _traced(network)
    names = {module: place for place, module in network.named_modules()}
    assert names[first.layer] in {"conv1", "features.conv1", "hidden1.0", "features.0", "feature_extractor.0"}
    expected = {
        "U-Net, attention everywhere": "encoders.3.block.relu",
        "U-Net, double blocks": "encoders.2.block.conv2.gates.1",
        "ResNet 10": "layer4.0.relu",
        "ResNet of bottlenecks": "layer4.0.relu",
        "DenseNet": "features.relu5",
        "MriNet": "hidden3.2",
        "MriNet, second form": "features.10",
        "AD_3DCNN": "feature_extractor.12",
    }
    assert names[last.layer] == expected[name]


class Careless(nn.Module):
    """One ReLU for everything, and attention that is no module: a hook on the ReLU would see the last layer."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.relu = nn.Conv3d(1, 4, 3), nn.BatchNorm3d(4), nn.ReLU(inplace=True)
        self.one, self.last = nn.Conv3d(4, 1, 1), nn.Linear(4, 3)

    def forward(self, x):
        x = self.relu(self.norm(self.conv(x)))
        return self.relu(self.last((x * torch.sigmoid(self.one(x))).mean((2, 3, 4))))


def test_layer_that_is_called_again_is_not_taken():
    network = Hand(Careless())
    _, _, last = _traced(network)
    assert last.layer is network.layers[0].norm


def test_network_without_visible_convolutions_is_refused_by_name_of_the_method():
    network = Hand(nn.Flatten(), nn.Linear(8, 2))
    made = calls(question_about(network, noise(1, 1, 2, 2, 2)))
    with pytest.raises(InputError, match="--method grad-cam needs a network whose convolutions") as caught:
        reading(made, "grad-cam")
    assert "integrated-gradients" in caught.value.hint


class Averaged(nn.AvgPool3d):
    """Stands in for a maximum pool: of the same geometry, and linear."""


def _all_ones(network):
    """The same geometry, but linear and with equal weights everywhere: gradients then show what a feature sees."""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.MaxPool3d):
            network.set_submodule(name, Averaged(module.kernel_size, module.stride, module.padding))
        elif isinstance(module, nn.BatchNorm3d):
            network.set_submodule(name, nn.Identity())
        elif isinstance(module, nn.Conv3d):
            module.weight.data.fill_(1 / module.weight[0].numel())
            if module.bias is not None:
                module.bias.data.zero_()
    return network


@pytest.mark.parametrize("name", BUILD)
def test_features_lie_at_the_centre_of_what_they_see(name):
    network = _all_ones(random_network(BUILD[name]))
    image = noise(1, 1, *SHAPE) + 1
    made = calls(question_about(network, image))
    last = last_features(made)
    place = placements(made, reading(made, "test"))[last.after[2:]]
    noted = {}
    handle = last.layer.register_forward_hook(lambda module, inputs, output: noted.update(output=output))
    watched = image.clone().requires_grad_()
    getattr(network, network.answers[0])(watched)
    handle.remove()
    middle = tuple(n // 2 for n in last.after[2:])
    (gradient,) = torch.autograd.grad(noted["output"][(0, slice(None), *middle)].sum(), watched)
    gradient = gradient[0, 0].abs()
    for axis in range(3):
        seen = gradient.sum([other for other in range(3) if other != axis])
        indices = torch.arange(len(seen))
        if seen[0] > 0 or seen[-1] > 0:
            continue  # cut off by the edge of the image: its centre of mass is another
        centre = float((seen * indices).sum() / seen.sum())
        expected = place.offset[axis] + place.step[axis] * middle[axis]
        # Gates weigh what is seen, so that attention moves the centre a little.
        assert centre == pytest.approx(expected, abs=0.5 if "U-Net" in name or "Dense" in name else 0.2)


def test_padding_in_words_is_not_known_and_the_map_is_stretched_instead():
    assert Placement((1, 1, 1), (0, 0, 0)).after(nn.Conv3d(1, 1, 3, padding="valid")) is None
    maps = noise(1, 3, 4, 5)
    stretched = interpolate(maps[None], (9, 8, 7), mode="trilinear")[0]
    torch.testing.assert_close(spread(maps, None, (9, 8, 7)), stretched)


class Sliced(nn.Module):
    """Slices of a volume, turned over and framed, through a convolution of planes."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1, bias=False)

    def forward(self, x):
        planes = nn.functional.pad(x[0].permute(3, 0, 1, 2).flip(2), (1, 0, 0, 2)).expand(-1, 3, -1, -1)
        return self.conv(planes).relu().mean((2, 3)).flatten()[None]


def test_maps_of_slices_are_put_back_to_where_the_slices_were_taken_from():
    network = Hand(Sliced())
    image = noise(1, 1, 4, 5, 6).requires_grad_()
    with shown(network.layers[0].conv) as given:
        network.raw(image)
    assert given[0].shape == (6, 3, 6, 6)
    # a map that is what was shown has to be the image again
    found = put_back(given[0][:, 0].detach(), given[0], image)
    torch.testing.assert_close(found, image.detach())
    made = calls(question_about(network, image.detach()))
    assert reading(made, "test").before == (6, 3, 6, 6)


def test_volume_is_its_own_image():
    network = Hand(pointwise([[1.0]]), nn.Flatten())
    image = noise(1, 1, 2, 3, 4).requires_grad_()
    with shown(network.layers[0]) as given:
        network.raw(image)
    maps = noise(1, 2, 3, 4, seed=1)
    torch.testing.assert_close(put_back(maps, given[0], image), maps[None])
