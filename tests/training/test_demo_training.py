"""The recipe of the built-in network, and that the network in the package does what its card says."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from wbtools.model import built_in, load
from wbtools.model.families.unet import UNet, UNetArchitecture
from wbtools.training import demo, triplet
from wbtools.training.synthetic_twins import Conditions, SyntheticTwins, mni_template


@pytest.fixture(scope="module")
def brain():
    """A smooth textured ellipsoid of 20 x 24 x 20 voxels."""
    rng = np.random.default_rng(1)
    texture = nn.functional.interpolate(
        torch.from_numpy(rng.uniform(0.3, 1, (1, 1, 6, 7, 6)).astype(np.float32)), (20, 24, 20), mode="trilinear"
    )[0, 0].numpy()
    places = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in (20, 24, 20)), indexing="ij"))
    brain = texture * (np.linalg.norm(places, axis=0) < 0.8)
    return (brain / brain.max()).astype(np.float32)


STILL = Conditions(spacing=6, per_scan=0, degrees=0, shift=0, gain=0, bias=0, noise=0)


def test_without_a_person_or_conditions_a_scan_is_the_template(brain):
    twins = SyntheticTwins(brain, STILL)
    np.testing.assert_allclose(twins.scans(twins.people(1) * 0)[0, 0].numpy(), brain, atol=1e-5)


def test_twins_under_equal_conditions_are_equal_and_others_are_not(brain):
    twins = SyntheticTwins(brain, STILL)
    people = twins.people(2)
    first, second = twins.scans(people), twins.scans(people)
    assert torch.equal(first, second)
    assert (first[0] - first[1]).abs().max() > 0.05


def test_personal_deformations_have_the_stated_size(brain):
    twins = SyntheticTwins(brain, Conditions(spacing=6, identity=1.4), seed=3)
    # 200 draws of some hundred control points: the standard deviation is known to a few per cent
    assert float(twins._field(twins.people(200)).std()) == pytest.approx(1.4, rel=0.05)


def test_draws_repeat_by_seed(brain):
    def scan(seed):
        twins = SyntheticTwins(brain, Conditions(), seed=seed)
        return twins.scans(twins.people(1))

    assert torch.equal(scan(1), scan(1))
    assert not torch.equal(scan(1), scan(2))


def test_a_shift_moves_the_head(brain):
    class Shifted(SyntheticTwins):
        def _normal(self, *shape):
            return torch.ones(shape) if shape == (1, 3, 1, 1, 1) else torch.zeros(shape)

    twins = Shifted(brain, Conditions(spacing=6, shift=2.0))
    scan = twins.scans(twins.people(1))[0, 0].numpy()
    np.testing.assert_allclose(scan[:-2, :-2, :-2], brain[2:, 2:, 2:] / brain[2:, 2:, 2:].max(), atol=1e-5)


def test_loss_by_hand():
    def unit(degrees):
        angle = torch.deg2rad(torch.tensor(degrees))
        return torch.stack((torch.cos(angle), torch.sin(angle)), 1)

    recipe = triplet.Recipe(margin=0.1, negatives=1, spread=0.01)
    first, second = unit([0.0, 90.0]), unit([60.0, 90.0])
    distance = 1 - torch.cat((first, second)) @ torch.cat((first, second)).T
    # people 0, 90, 60, 90 degrees; twins are (0, 60) and (90, 90); nearest others at 90, 30, 30, 30 degrees
    near = 1 - np.cos(np.deg2rad(30))
    triplets = np.mean([max(0, 0.5 - 1 + 0.1), max(0, 0 - near + 0.1), 0.5 - near + 0.1, max(0, 0 - near + 0.1)])
    others = distance[[0, 0, 1, 1, 2, 2, 3, 3], [1, 3, 0, 2, 1, 3, 0, 2]]
    expected = triplets + 0.01 * float(torch.exp(-others).mean())
    assert float(triplet.loss(first, second, recipe)) == pytest.approx(expected, rel=1e-5)


def test_scores_by_hand():
    distance = torch.tensor([[0.1, 0.5, 0.9], [0.6, 0.2, 0.7], [0.8, 0.3, 0.4]])
    found = triplet.scores(distance)
    assert found.auc == pytest.approx(17 / 18, abs=1e-4)  # one of 18 comparisons is wrong: twin 0.4 and other 0.3
    # matched others are 0.9, 0.6 and 0.3: at a threshold of 0.5 three hits and one false, F1 = 6 / 7
    assert (found.f1, found.threshold) == (pytest.approx(6 / 7, abs=1e-4), pytest.approx(0.5))
    assert triplet.scores(distance, 0.25).f1 == pytest.approx(4 / 5, abs=1e-4)


def test_training_merges_its_batch_norms_into_the_published_layers(brain):
    torch.manual_seed(0)
    network = UNet(UNetArchitecture((8, 16), attention=(1,), hidden=12, embedding=6))
    twins = SyntheticTwins(brain, Conditions(spacing=6), seed=1)
    probe = twins.scans(twins.people(3))
    merge, seen = triplet.merge, []

    def watched(layer, norm):
        if not seen:
            pairs = ((network.fc1, network.bn_fc1), (network.fc2, network.bn_fc2))
            hooks = [module.register_forward_hook(lambda m, x, y, after=after: after(y)) for module, after in pairs]
            seen.append(network.eval()(probe).detach())
            for hook in hooks:
                hook.remove()
        merge(layer, norm)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(triplet, "merge", watched)
        triplet.fit(network, twins, triplet.Recipe(steps=3, pairs=3))
    torch.testing.assert_close(network(probe).detach(), seen[0], atol=1e-5, rtol=1e-4)
    assert torch.equal(network.bn_fc1.running_mean, torch.zeros(12))


def test_a_short_training_writes_a_checkpoint_that_loads(tmp_path, brain):
    np.savez(tmp_path / "template.npz", template=brain)
    recipe = triplet.Recipe(steps=2, pairs=2)
    found = demo.train(tmp_path, recipe, tmp_path / "template.npz", held_out=3, device="cpu", seed=0)
    model = load(tmp_path / "demo_unet.pt")
    assert model.card.built_in
    assert model.threshold == pytest.approx(found.threshold)
    assert model.description["widths"] == list(demo.WIDTHS)
    assert str(tmp_path) not in json.dumps(model.card.provenance)


def test_the_built_in_network_distinguishes_new_people_from_twins():
    """Seed 99 draws people that neither training nor validation nor test has seen."""
    model = built_in()
    template = mni_template(model.card)
    assert template.shape == model.card.shape
    torch.manual_seed(0)
    distance = triplet.distances(model.network, SyntheticTwins(template, Conditions(), seed=99), pairs=6, batch=3)
    found = triplet.scores(distance, model.threshold)
    assert found.auc >= 0.95
    assert found.f1 >= 0.8
