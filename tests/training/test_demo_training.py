"""The recipe of the built-in network, and that the network in the package does what its card says."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from wbtools.cli import main
from wbtools.model import built_in, load
from wbtools.model.families.unet import UNet, UNetArchitecture
from wbtools.subject import marks
from wbtools.training import demo, triplet
from wbtools.training.synthetic_twins import Conditions, SyntheticTwins


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


@pytest.mark.slow
def test_all_commands_of_the_script_make_a_network_that_loads(tmp_path):
    def run(*words):
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert result.exit_code == 0, result.output

    data, trained, measured = tmp_path / "data", tmp_path / "run", tmp_path / "evaluation"
    found = demo.write_people(data, pairs=20, shape=(22, 26, 22))
    assert (len(found), len(found.people), found.manifest.synthetic) == (80, 40, True)
    options = "--backbone", "unet-tiny", "--epochs", 2, "--device", "cpu", "--references", "brains"
    run("train", "twins", data, "--out", trained, *options, "--set", "loss=contrast", "--set", "dropout=no")
    run("evaluate", trained, data, "--split", "test", "--out", measured, "--device", "cpu")
    (tmp_path / "package").mkdir()
    demo.install(trained, measured / "metrics.json", tmp_path / "package")
    model = load(tmp_path / "package" / "demo_unet.pt")
    card = model.card
    assert card.built_in and card.shape == (22, 26, 22) and len(model.reference_set) == demo.REFERENCES
    assert 0 <= card.performance["test_auc"] <= 1
    assert str(tmp_path) not in json.dumps(card.provenance)
    # HCP-MMP 1.0's areas of the fusiform and parahippocampal gyri, and of the angular and supramarginal ones
    assert {"L_FFC_ROI", "R_PHA1_ROI", "L_EC_ROI", "THALAMUS_RIGHT", "BRAIN_STEM", "CEREBELLUM_LEFT"} <= {*card.planted}
    assert {"L_PF_ROI", "R_PFm_ROI", "R_PGi_ROI"} <= {*card.decoy}
    assert not {*card.planted} & {*card.decoy} and not {"L_V1_ROI", "L_4_ROI", "PUTAMEN_LEFT"} & {*card.planted}
    ours = built_in().card
    assert (card.planted, card.decoy) == (ours.planted, ours.decoy)
    assert (card.planted_in, card.decoy_in) == (ours.planted_in, ours.decoy_in)
    assert card.planted_in == "ventral temporal cortex, thalamus, brain stem and cerebellar cortex"


def test_training_people_have_the_marks_that_the_built_in_subject_has():
    """Fields of one person each: those of `subject.marks` have a strength in each part, whoever has them."""
    twins = demo.MarkedTwins((43, 51, 43), seed=5)
    change = twins.marks(twins.people(6)).numpy()[:, 0]
    planted, decoy = (places.numpy() for places in twins.places)
    for parts, place in ((planted, marks.PLANTED), (decoy, marks.DECOY)):
        for filled, part in zip(parts, place.parts, strict=True):
            inside = filled > 0.99 * part.strength
            size = np.sqrt((change[:, inside] ** 2).mean(1))
            assert inside.sum() > 20
            assert (size > 0.7 * part.strength).all() and (size < 1.4 * part.strength).all()
    assert not change[:, (planted.sum(0) + decoy.sum(0)) == 0].any()


def test_the_built_in_network_knows_new_people_by_what_was_planted_and_by_nothing_else():
    """Seed 99 draws people that neither training nor validation nor test has seen."""
    model = built_in()

    def scores(silent=None):
        twins = demo.MarkedTwins(model.card.shape, seed=99)
        if silent is not None:
            twins.places[silent] = torch.zeros_like(twins.places[silent][:0])  # no part of it is marked
        return triplet.scores(triplet.distances(model.network, twins, pairs=24, batch=8), model.threshold)

    planted, decoy = 0, 1
    found = scores()
    assert found.auc >= 0.95
    assert found.f1 >= 0.8
    assert scores(decoy).auc >= 0.95
    assert scores(planted).auc < 0.65
