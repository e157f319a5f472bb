"""Networks on stacks of slices answer as torchvision's network does, asked place by place."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision
from click.testing import CliRunner
from random_networks import random_network
from torch import nn

from wbtools.cli import main
from wbtools.errors import CheckpointError, InputError
from wbtools.model import Card, known_families, load
from wbtools.model import card as cards
from wbtools.model.families.stacks import StackNetwork, StacksArchitecture
from wbtools.model.pictures import Stacks
from wbtools.space.grid import Grid, Volume, reorient

SHAPE = (34, 41, 37)
CARD = Card("net", "net", "stacks", shape=SHAPE, classes=("F", "M"), plane="axial", places=4)
TINY = StacksArchitecture((1, 2), 4, 3)


def torchvisions(stack):
    """ResNet-18 of torchvision whose first convolution reads a stack, with two classes."""

    def build():
        network = torchvision.models.resnet18(weights=None, num_classes=2)
        network.conv1 = nn.Conv2d(stack, 64, 7, stride=2, padding=3, bias=False)
        return network

    return random_network(build)


def asked_place_by_place(network, image, stack, plane, places):
    """A network's answers (P, K) to each stack of an LAS image (X, Y, Z)."""
    axis = {"sagittal": 0, "coronal": 1, "axial": 2}[plane]
    slices = [image.take(n, axis) for n in range(image.shape[axis])]
    edges = np.linspace(0.2, 0.8, places + 1) * len(slices)
    answers = []
    for place in ((edges[1:] + edges[:-1]) / 2).astype(int):
        shown = np.stack(slices[place - stack // 2 : place + stack // 2 + 1])
        with torch.no_grad():
            answers.append(network(torch.from_numpy(shown[None])))
    return torch.cat(answers)


def saved(folder, state, card=CARD):
    torch.save(state, folder / "net.pt")
    cards.write(folder / "net.json", card)
    return folder / "net.pt"


def brain(seed=1):
    return torch.rand(1, 1, *SHAPE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("stack", "plane", "places"), [(3, "axial", 4), (5, "coronal", 3), (3, "sagittal", 7), (5, "axial", 1)]
)
def test_the_answer_is_the_mean_of_what_torchvisions_network_says_of_each_stack(tmp_path, stack, plane, places):
    reference = torchvisions(stack)
    path = saved(tmp_path, reference.state_dict(), replace(CARD, plane=plane, places=places))
    model = load(path)
    assert list(model.network.state_dict()) == list(reference.state_dict())
    assert (model.description["stack"], model.description["blocks"]) == (stack, [2, 2, 2, 2])
    each = asked_place_by_place(reference, brain()[0, 0].numpy(), stack, plane, places)
    expected = each.mean(0, keepdim=True)
    with torch.no_grad():
        torch.testing.assert_close(model.network.each_place(brain()), each[None], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model.network.logits(brain()), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model.network(brain()), expected, rtol=1e-4, atol=1e-5)


def test_each_image_of_a_batch_has_its_own_answer():
    network = random_network(lambda: StackNetwork(TINY))
    images = torch.cat([brain(1), brain(2), brain(3)])
    with torch.no_grad():
        together = network.logits(images)
        torch.testing.assert_close(together, torch.cat([network.logits(image[None]) for image in images]))
        assert network.logits(images[:0]).shape == (0, 2) and network.each_place(images[:0]).shape == (0, 8, 2)
        torch.testing.assert_close(network.each_place(images).mean(1), together)
    assert not torch.allclose(together[0], together[1])


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("orientation", ["RAS", "LPI", "PIR", "SLA"])
def test_the_order_of_the_images_axes_does_not_matter(orientation, plane):
    network = random_network(lambda: StackNetwork(TINY))
    turned = reorient(Volume(brain()[0, 0].numpy(), Grid(SHAPE, np.diag([-1.0, 1, 1, 1]))), orientation)
    with torch.no_grad():
        network.adapt(replace(CARD, plane=plane))
        expected = network.logits(brain())
        network.adapt(replace(CARD, plane=plane, shape=turned.grid.shape, orientation=orientation))
        found = network.logits(torch.from_numpy(np.ascontiguousarray(turned.data))[None, None])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_only_the_slices_of_the_stacks_matter(plane):
    network = random_network(lambda: StackNetwork(TINY))
    network.adapt(replace(CARD, plane=plane))
    image = brain().requires_grad_()
    (gradient,) = torch.autograd.grad(network.logits(image)[0, 0], image)
    axis = {"sagittal": 0, "coronal": 1, "axial": 2}[plane]
    seen = gradient[0, 0].abs().movedim(axis, 0).flatten(1).amax(1) > 0
    edges = np.linspace(0.2, 0.8, 5) * SHAPE[axis]
    places = ((edges[1:] + edges[:-1]) / 2).astype(int)
    assert set(np.flatnonzero(seen.numpy())) == {int(place) + n for place in places for n in (-1, 0, 1)}


def test_without_a_card_and_without_its_fields_eight_axial_places_are_meant(tmp_path):
    reference = torchvisions(3)
    torch.save(reference.state_dict(), tmp_path / "net.pt")
    bare = load(tmp_path / "net.pt")
    assert bare.card.assumed and (bare.card.plane, bare.card.places) == ("axial", 8)
    expected = asked_place_by_place(reference, brain()[0, 0].numpy(), 3, "axial", 8).mean(0, keepdim=True)
    named = load(saved(tmp_path, reference.state_dict(), replace(CARD, plane="", places=0)))
    for network in (bare.network, named.network):
        torch.testing.assert_close(network.logits(brain()), expected, rtol=1e-4, atol=1e-5)


def test_the_networks_of_photographs_of_other_studies_stay_theirs():
    shapes = {key: tuple(value.shape) for key, value in torchvisions(3).state_dict().items()}
    assert [family.name for family in known_families() if family.recognises(shapes)] == ["stacks"]
    with torch.device("meta"):
        deeper = torchvision.models.resnet50(weights=None)
    shapes = {key: tuple(value.shape) for key, value in deeper.state_dict().items()}
    assert not [family.name for family in known_families() if family.recognises(shapes)]


def test_merging_the_named_batch_norms_changes_nothing():
    from zennit.canonizers import NamedMergeBatchNorm
    from zennit.core import Composite

    network = random_network(lambda: StackNetwork(TINY))
    pairs = [([conv], norm) for conv, norm in network.batch_norms()]
    norms = [name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert sorted(norm for _, norm in pairs) == sorted(norms)
    with torch.no_grad():
        expected = network.logits(brain())
        with Composite(canonizers=[NamedMergeBatchNorm(pairs)]).context(network):
            torch.testing.assert_close(network.logits(brain()), expected, rtol=1e-4, atol=1e-5)


def refused(tmp_path, words, network=TINY, **card):
    path = saved(tmp_path, StackNetwork(network).state_dict(), CARD)
    content = path.with_suffix(".json").read_text()
    for name, value in card.items():
        content = content.replace(f'"{name}": {name_of(getattr(CARD, name))}', f'"{name}": {value}')
    path.with_suffix(".json").write_text(content)
    with pytest.raises(CheckpointError, match=words) as caught:
        load(path)
    assert "net." in str(caught.value) and caught.value.hint


def name_of(value):
    return f'"{value}"' if isinstance(value, str) else value


def test_a_card_that_cannot_be_meant_is_refused_in_a_sentence(tmp_path):
    refused(tmp_path, "plane 'oblique' is unknown", plane='"oblique"')
    refused(tmp_path, "has a int as plane", plane="2")
    refused(tmp_path, "has a str as places", places='"8"')
    refused(tmp_path, "places are -1", places="-1")
    refused(tmp_path, "places are True", places="true")
    refused(tmp_path, "37 axial slices are too few for stacks of 3 at 4097 places in the", places="4097")
    refused(tmp_path, "37 axial slices are too few for stacks of 3 at 23 places", places="23")


def test_a_stack_of_four_slices_is_refused_in_a_sentence(tmp_path):
    state = StackNetwork(TINY).state_dict()
    state["conv1.weight"] = torch.zeros(4, 4, 7, 7)
    with pytest.raises(CheckpointError, match=r"net\.pt.*reads 4 channels, and stacks have 3 or 5 slices") as caught:
        load(saved(tmp_path, state))
    assert caught.value.hint


@pytest.mark.parametrize(("depth", "places", "count", "fits"), [(3, 1, 3, True), (5, 1, 4, False), (3, 6, 10, True)])
def test_places_lie_in_the_middle_of_the_image_and_have_all_their_slices(depth, places, count, fits):
    stacks = Stacks(depth, "axial", places)
    if not fits:
        with pytest.raises(InputError, match="too few"):
            stacks.middles(count)
        return
    middles = stacks.middles(count)
    assert len(set(middles)) == places and middles == sorted(middles)
    assert middles[0] >= depth // 2 and middles[-1] + depth // 2 < count


def test_one_slice_and_one_place_are_said_in_the_singular():
    with pytest.raises(InputError, match="1 axial slice is too few for stacks of 3 at 1 place in the middle 60%"):
        Stacks(3, "axial", 1).middles(1)


def test_models_says_what_a_network_of_stacks_is_shown_where_its_card_leaves_that_out(tmp_path):
    for plane, places, said in (("", 0, "axial ones at 8 places"), ("coronal", 1, "coronal ones at 1 place")):
        path = saved(tmp_path, StackNetwork(TINY).state_dict(), replace(CARD, plane=plane, places=places))
        result = CliRunner().invoke(main, ["models", str(path)])
        assert f"slices neighbouring {said} intensities" in " ".join(result.output.split()), result.output


def test_an_empty_weight_is_called_empty(tmp_path):
    state = {**StackNetwork(TINY).state_dict(), "fc.weight": torch.zeros(0, 8)}
    with pytest.raises(CheckpointError, match=r"fc\.weight is empty: its axes have 0 x 8 values"):
        load(saved(tmp_path, state))
