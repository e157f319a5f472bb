"""Networks of slices: as torchvision computes them, one slice at a time, and safe to hang hooks on."""

from copy import deepcopy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from wbtools.errors import CheckpointError
from wbtools.model import card as cards
from wbtools.model import known_families, load
from wbtools.model.families import contrastive, hemispheres
from wbtools.model.families.contrastive import Contrastive
from wbtools.model.families.hemispheres import Hemispheres
from wbtools.space.grid import Grid, Volume, reorient
from wbtools.training.backbones import BACKBONES, Sizes

SIDE, SLICES = 64, 3
IMAGE = (52, SIDE, SLICES)
CARD = cards.Card(name="slices", title="slices", family="hemispheres", shape=IMAGE)
FIRST = {  # torchvision's first convolution, and the name and last units the study gave the network
    "resnet18": ("conv1", "resnet", (256, 1)),
    "resnext101_64x4d": ("conv1", "resnext", (512, 256, 16, 1)),
    "mobilenet_v3_large": ("features.0.0", "mobnet", (256, 1)),
    "efficientnet_v2_l": ("features.0.0", "effnet", (256, 1)),
    "vgg19": ("features.0", "vggnet", (4096, 4096, 1024, 1)),
    "resnet_tiny": ("conv1", "resnet", (64, 1)),
}
SMALL = ("resnet18", "mobilenet_v3_large", "resnet_tiny")
LARGE = [pytest.param(n, marks=pytest.mark.slow) for n in ("resnext101_64x4d", "efficientnet_v2_l", "vgg19")]


def torchvisions(backbone):
    """torchvision's network; the tiny one is its ResNet with one block a layer, made narrower by its own means."""
    if backbone != "resnet_tiny":
        return getattr(torchvision.models, backbone)(weights=None)
    block = torchvision.models.resnet.BasicBlock
    network = torchvision.models.ResNet(block, [1, 1, 1, 1])
    network.conv1, network.bn1, network.inplanes = nn.Conv2d(3, 16, 7, 2, 3, bias=False), nn.BatchNorm2d(16), 16
    for n in range(4):
        setattr(network, f"layer{n + 1}", network._make_layer(block, 16 * 2**n, 1, stride=2 if n else 1))
    return network


class Published(nn.Module):
    """The study's Siamese network: torchvision without its last child, features of both halves side by side, `fc`."""

    def __init__(self, backbone):
        super().__init__()
        network = torchvisions(backbone)
        place, self.name, units = FIRST[backbone]
        conv = network.get_submodule(place)
        first = nn.Conv2d(1, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, bias=conv.bias is not None)
        network.set_submodule(place, first)
        setattr(self, self.name, nn.Sequential(*list(network.children())[:-1]))
        with torch.no_grad():
            features = self.once(torch.zeros(2, 1, SIDE, SIDE)).shape[1]  # batch norm trains: it needs two
        layers = []
        for inputs, outputs in zip((2 * features, *units), units, strict=False):
            layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
        self.fc = nn.Sequential(*layers[:-1])

    def once(self, x):
        x = getattr(self, self.name)(x)
        return x.view(x.size()[0], -1)

    def forward(self, first, second):
        return self.fc(torch.cat((self.once(first), self.once(second)), 1))


def published(backbone):
    """The study's network with weights that are quick to draw."""
    with torch.device("meta"):
        network = Published(backbone)
    network.to_empty(device="cpu")
    for parameter in network.parameters():
        scale = (6 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.1
        parameter.data.uniform_(-scale, scale)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5)
            module.num_batches_tracked.zero_()
    return trained(network)


def trained(network, seed=0):
    """Batch norms and biases as far from trivial as after training."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.1)
    return network.eval().requires_grad_(False)


def square(half):
    """A half slice as the study shows it: midline at the bottom, 195/290 down a black square."""
    shown = np.zeros((SIDE, SIDE), np.float32)
    bottom = round(195 / 290 * SIDE)
    shown[bottom - len(half) : bottom] = half
    return shown


def halves(image):
    """Left and right halves of all slices of an LAS image (X, Y, Z), (S, 1, side, side) each."""
    middle = image.shape[0] // 2
    left = [square(image[middle:, :, k][::-1]) for k in range(image.shape[2])]
    right = [square(image[:middle, :, k]) for k in range(image.shape[2])]
    return (torch.from_numpy(np.stack(side)[:, None]) for side in (left, right))


@pytest.fixture
def brain():
    torch.manual_seed(1)
    return torch.rand(1, 1, *IMAGE)


@pytest.mark.parametrize("backbone", [*SMALL, *LARGE])
def test_values_of_slices_are_those_of_torchvisions_network(brain, backbone):
    reference = published(backbone)
    state = reference.state_dict()
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    assert [family.name for family in known_families() if family.recognises(shapes)] == ["hemispheres"]
    with torch.device("meta"):
        network = hemispheres.FAMILY.build(shapes)
    assert list(network.state_dict()) == list(state)
    network.load_state_dict(state, assign=True)
    assert network.architecture.backbone == backbone
    with torch.no_grad():
        expected = reference(*halves(brain[0, 0].numpy()))
        found = network.eval().logits(brain)
        assert found.shape == (1, SLICES)
        torch.testing.assert_close(found, expected.T, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(network(brain), expected.T.sigmoid())


def saved(tmp_path, state, **card):
    torch.save(state, tmp_path / "net.pt")
    cards.write(tmp_path / "net.json", replace(CARD, **card))
    return tmp_path / "net.pt"


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_hemisphere_checkpoint_loads_bare_and_wrapped(tmp_path, brain, wrapped):
    reference = published("resnet18")
    state = reference.state_dict()
    content = {"model_state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 3} if wrapped else state
    model = load(saved(tmp_path, content))
    assert model.description["backbone"] == "resnet18"
    assert model.description["units"] == [1024, 256, 1]
    with torch.no_grad():
        expected = reference(*halves(brain[0, 0].numpy()))
        torch.testing.assert_close(model.network.raw(brain), expected.T, rtol=1e-5, atol=1e-6)


def embed(densenet, image, channels):
    """Embeddings of all slices of an LAS image: front up, the person's right on the left."""
    slices = torch.stack([image[:, :, k].flip(1).T for k in range(image.shape[2])])
    with torch.no_grad():
        return densenet(slices[:, None].expand(-1, channels, -1, -1))


FEATURES = 69  # of the narrow DenseNet
HEADS = {
    "as it is": (lambda: None, "", 1000),
    "one layer": (lambda: nn.Linear(FEATURES, 16), "base.", 16),
    "two layers": (lambda: nn.Sequential(nn.Linear(FEATURES, 32), nn.ReLU(), nn.Linear(32, 8)), "model.", 8),
    "no layer": (nn.Identity, "backbone.net.", FEATURES),
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("channels", [1, 3])
def test_embeddings_of_slices_are_those_of_torchvisions_densenet(tmp_path, brain, head, channels):
    """The published DenseNet-121 as it is, a narrow one with other last layers."""
    make, prefix, size = HEADS[head]
    if head == "as it is":
        densenet = torchvision.models.densenet121(weights=None)
    else:
        densenet = torchvision.models.DenseNet(12, (3, 3, 3), 24)
        densenet.classifier = make()
    if channels == 1:
        stem = densenet.features.conv0.out_channels
        densenet.features.conv0 = nn.Conv2d(1, stem, 7, stride=2, padding=3, bias=False)
    trained(densenet)
    path = saved(tmp_path, {prefix + key: value for key, value in densenet.state_dict().items()}, family="contrastive")
    model = load(path)
    assert (model.family, model.description["embedding"]) == ("contrastive", size)
    expected = embed(densenet, brain[0, 0], channels).flatten()[None]
    with torch.no_grad():
        torch.testing.assert_close(model.network.raw(brain), expected, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(model.network(brain), expected / expected.norm())


@pytest.mark.parametrize(
    ("layers", "growth", "inner", "stem", "name"),
    [
        ((3, 3, 3), 12, 48, 24, "densenet"),
        ((6, 12, 32, 32), 32, 128, 64, "densenet169"),
        ((2, 4), 8, 16, 8, "densenet"),
    ],
)
def test_narrower_and_deeper_densenets_of_torchvision_are_read_from_their_weights(
    tmp_path, brain, layers, growth, inner, stem, name
):
    densenet = trained(torchvision.models.DenseNet(growth, layers, stem, inner // growth, num_classes=8))
    model = load(saved(tmp_path, densenet.state_dict(), family="contrastive"))
    found = model.network.architecture
    assert (found.layers, found.growth, found.inner, found.stem) == (layers, growth, inner, stem)
    assert (model.family, model.description["backbone"], model.description["embedding"]) == ("contrastive", name, 8)
    with torch.no_grad():
        expected = embed(densenet, brain[0, 0], 3).flatten()[None]
        torch.testing.assert_close(model.network.raw(brain), expected, rtol=1e-5, atol=1e-6)


BUILT = {
    "hemispheres": lambda: trained(Hemispheres(hemispheres.HemispheresArchitecture())),
    "contrastive": lambda: trained(
        Contrastive(contrastive.ContrastiveArchitecture(head=("classifier",), units=(1024, 8)))
    ),
    "densenet2d-tiny": lambda: trained(BACKBONES["densenet2d-tiny"].build(Sizes((3, SIDE, SIDE), code=8))),
}
NETWORKS = {name: lambda name=name: deepcopy(made(name)) for name in BUILT}


@cache
def made(name):
    """A network as it was drawn: to draw millions of weights takes longer than to copy them."""
    return BUILT[name]()


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "PIR", "SLA"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_order_of_the_images_axes_does_not_matter(brain, name, orientation):
    network = NETWORKS[name]()
    turned = reorient(Volume(brain[0, 0].numpy(), Grid(IMAGE, np.diag([-1.0, 1, 1, 1]))), orientation)
    with torch.no_grad():
        expected = network.raw(brain).view(SLICES, -1)
        network.adapt(replace(CARD, shape=turned.grid.shape, orientation=orientation))
        found = network.raw(torch.from_numpy(np.ascontiguousarray(turned.data))[None, None]).view(SLICES, -1)
    expected = expected.flip(0) if "I" in orientation else expected  # slices come in the image's own order
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_slices_are_independent_and_can_be_explained_one_after_the_other(brain, name):
    network = NETWORKS[name]()
    answer = network.raw(brain)
    directions = torch.rand(2, answer.shape[1])
    with torch.no_grad():
        parts = list(network.parts(tuple(brain.shape), directions))
        assert [piece[4] for piece, _ in parts] == [slice(0, 2), slice(2, 3)]
        summed = sum(part @ network.raw(brain[piece])[0] for piece, part in parts)
    torch.testing.assert_close(summed, directions @ answer[0], rtol=1e-4, atol=1e-5)
    watched = brain.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network.raw(watched).view(SLICES, -1)[1].sum(), watched)
    assert gradient[..., 1].abs().max() > 0
    assert gradient[..., [0, 2]].abs().max() == 0


@pytest.mark.parametrize("name", [*NETWORKS, "mobilenet_v3_large"])
def test_no_module_is_called_twice_and_no_input_is_overwritten(brain, name):
    mobile = hemispheres.HemispheresArchitecture("mobilenet_v3_large", "mobnet", (1920, 256, 1))
    network = NETWORKS[name]() if name in NETWORKS else trained(Hemispheres(mobile))
    calls, inputs = [], []
    for place, module in network.named_modules():
        if not list(module.children()):

            def note(module, given, place=place):
                calls.append(place)
                inputs.extend((tensor, tensor.clone()) for tensor in given)

            module.register_forward_pre_hook(note)
    with torch.no_grad():
        network(brain)
    assert len(calls) == len(set(calls))
    assert len(calls) > 40
    assert all(torch.equal(now, then) for now, then in inputs)


@pytest.mark.parametrize("name", NETWORKS)
def test_merging_the_named_batch_norms_changes_nothing(brain, name):
    from zennit.canonizers import NamedMergeBatchNorm
    from zennit.core import Composite

    network = NETWORKS[name]()
    pairs = [([conv], norm) for conv, norm in network.batch_norms()]
    with torch.no_grad():
        expected = network.raw(brain)
        with Composite(canonizers=[NamedMergeBatchNorm(pairs)]).context(network):
            assert all(network.get_submodule(norm).running_mean.eq(0).all() for _, norm in pairs)
            torch.testing.assert_close(network.raw(brain), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("resnet.7.1.bn2.weight", "lacks resnet.7.1.bn2.weight"),
        ("fc.0.weight", "no known family"),
        ("fc.2.weight", "no hemisphere network"),
    ],
)
def test_a_missing_tensor_ends_in_one_sentence(tmp_path, key, words):
    state = made("hemispheres").state_dict()
    del state[key]
    with pytest.raises(CheckpointError, match=words) as caught:
        load(saved(tmp_path, state))
    assert "net.pt" in str(caught.value)
    assert caught.value.hint


def test_a_name_that_no_module_can_have_ends_in_one_sentence(tmp_path):
    state = made("contrastive").state_dict()
    state = {f"training.{key}": value for key, value in state.items()}
    with pytest.raises(CheckpointError, match=r"net\.pt"):
        load(saved(tmp_path, state, family="contrastive"))


def test_without_a_card_the_familys_slices_are_assumed(tmp_path):
    torch.save(made("contrastive").state_dict(), tmp_path / "net.pt")
    model = load(tmp_path / "net.pt")
    assert model.card.assumed
    assert model.card.shape == (188, 224, 32)
