"""Twins whose identity is planted in one region, and maps that have to find it in a network trained on them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn.functional import normalize

from wbtools.attribution import Answers, Objective, Question, Target, method
from wbtools.attribution.evaluation.randomisation import settle
from wbtools.attribution.objective import through_length
from wbtools.attribution.reference import matched
from wbtools.errors import InputError
from wbtools.model.checkpoint import Model
from wbtools.model.families import resnet
from wbtools.training import planted, triplet
from wbtools.training.planted import Head, Plant, PlantedTwins
from wbtools.training.synthetic_twins import Conditions

STILL = Conditions(spacing=6, per_scan=0, degrees=0, shift=0, gain=0, bias=0, noise=0)
REGION, DECOY = (3,), (5,)


@pytest.fixture(scope="module")
def cube():
    """A textured block of 16 x 18 x 16 voxels with a region on one side and a decoy on the other."""
    template = np.zeros((16, 18, 16), np.float32)
    template[2:14, 2:16, 2:14] = np.random.default_rng(1).uniform(0.3, 0.5, (12, 14, 12))
    template[8, 9, 8] = 1.0  # the maximum, which intensities are brought to, lies in neither
    labels = np.zeros(template.shape, np.int32)
    labels[2:14, 2:16, 2:14] = 1
    labels[3:7, 4:9, 4:12], labels[9:13, 10:15, 4:12] = REGION[0], DECOY[0]
    return Head(template, labels)


def changed(first, second):
    return ((first - second).abs() > 1e-4)[0].numpy()


@pytest.mark.parametrize("kind", ["intensity", "shape"])
def test_people_differ_in_the_region_and_twins_only_in_the_decoy(cube, kind):
    twins = PlantedTwins(cube, Plant(REGION, DECOY, kind, strength=0.2), STILL, seed=2)
    people = twins.people(2)
    first, second = twins.scans(people), twins.scans(people)
    region, decoy = (cube.labels == key for key in (3, 5))
    other = changed(first[0], first[1])
    twin = changed(first[0], second[0])
    assert other[region].mean() > 0.8
    assert twin[decoy].mean() > 0.8
    assert not twin[~decoy].any()
    assert not other[~(region | decoy)].any()


def test_region_and_decoy_vary_alike(cube):
    twins = PlantedTwins(cube, Plant(REGION, DECOY, strength=0.1), STILL, seed=3)
    ratio = twins.scans(twins.people(300))[:, 0].numpy() / np.where(cube.template > 0, cube.template, 1)
    region, decoy = (ratio[:, cube.labels == key].std() for key in (3, 5))
    # 300 fields of some ten independent values each: a standard deviation is known to about 2 %
    assert region == pytest.approx(0.1, rel=0.1)
    assert decoy == pytest.approx(region, rel=0.1)


def test_labels_move_with_the_head(cube):
    moving = replace(STILL, shift=2.0, degrees=8.0)
    twins = PlantedTwins(cube, Plant(REGION, DECOY, strength=0.0), moving, seed=4)
    scans, origins = twins.scans_and_origins(twins.people(3))
    labels = twins.labels(origins)
    assert not torch.equal(labels[0], torch.from_numpy(cube.labels))
    inside = (scans[:, 0] > 0).numpy()
    # the block's rim is interpolated: labels of the nearest voxel end half a voxel before the intensities do
    assert (inside[labels.numpy() > 0]).mean() == 1
    assert (labels.numpy()[inside] > 0).mean() > 0.7


def test_region_and_decoy_must_be_distinct_and_not_empty(cube):
    for plant in (Plant((77,), DECOY), Plant(REGION, REGION)):
        with pytest.raises(InputError, match="voxels of their own"):
            PlantedTwins(cube, plant)
    with pytest.raises(InputError, match="shape"):
        Head(cube.template, cube.labels[1:])


def test_contrast_by_hand():
    def unit(degrees):
        angle = torch.deg2rad(torch.tensor(degrees))
        return torch.stack((torch.cos(angle), torch.sin(angle)), 1)

    cosines = np.cos(np.deg2rad(np.subtract.outer([0, 90, 30, 90], [0, 90, 30, 90]))) / 0.25
    np.fill_diagonal(cosines, -np.inf)
    twin = cosines[np.arange(4), [2, 3, 0, 1]]
    expected = np.mean(np.log(np.exp(cosines).sum(1)) - twin)
    found = planted.contrast(unit([0.0, 90.0]), unit([30.0, 90.0]), planted.RECIPE)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_the_head_has_all_planted_regions():
    head = planted.mni_head()
    assert head.template.max() == 1
    assert (head.template[head.labels > 0] > 0).mean() > 0.95
    assert set(head.keys()) >= {key for keys in planted.REGIONS.values() for key in keys}


def small_network():
    layout = resnet.ResNetArchitecture(planes=(8, 8, 16, 16), stem=8, attention=(4,), hidden=32, embedding=16)
    return resnet.ResNet(layout)


def figures(network, people, name):
    """Over people: share with the region ahead of the decoy, and mean voxel AUC of |R|."""
    head, ahead, aucs = people.head, [], []
    answers = Answers(Model(network, resnet.FAMILY.card, {}, ""))
    scans, origins = people.scans_and_origins(people.people(10))
    for scan, where in zip(scans[:, None], people.labels(origins).numpy(), strict=True):
        with torch.no_grad():
            reference = torch.from_numpy(matched(head.template, scan[0, 0].numpy()))[None, None]
            embedding, before = network.raw(scan), network.raw(reference)
            unit = normalize(embedding)
            direction = through_length(unit, embedding, before) if method(name).reference else unit / embedding.norm()
        objective = Objective("raw", direction, "embedding", 1.0)
        question = Question(answers, scan, Target("embedding"), objective, reference=reference)
        size = np.abs(method(name).explain(question).relevance)
        brain = scan[0, 0].numpy() > 0
        region, decoy = (np.isin(where, keys) & brain for keys in (people.plant.region, people.plant.decoy))
        ahead.append(size[region].mean() > size[decoy].mean())
        aucs.append(roc_auc_score(region[brain], size[brain]))
    return np.mean(ahead), np.mean(aucs)


@pytest.mark.slow
def test_deviation_finds_the_planted_region_and_nothing_in_an_untrained_network():
    """The small form of benchmarks/planted.py: an easy plant on a coarse grid, trained in 15 seconds."""
    head = planted.mni_head(8.0)
    plant = replace(Plant.named("superior frontal", "lateral occipital"), strength=0.8, spacing=4.0)
    conditions = Conditions(spacing=7, per_scan=0.1, degrees=1.5, shift=0.2)
    people, unseen = (PlantedTwins(head, plant, conditions, seed) for seed in (1, 2))
    torch.manual_seed(0)
    untrained = small_network().eval().requires_grad_(False)
    settle(untrained, people.scans(people.people(16)), untrained.modules())
    torch.manual_seed(0)
    network = small_network()
    triplet.fit(network, people, triplet.Recipe(steps=150, pairs=12, rate=5e-3, clip=1.0), planted.contrast)
    assert triplet.scores(triplet.distances(network, unseen, 60)).auc >= 0.85
    network.requires_grad_(False)
    ahead, auc = figures(network, unseen, "deviation")
    _, plain = figures(network, unseen, "lrp")
    null_ahead, null = figures(untrained, unseen, "deviation")
    assert ahead >= 0.9 > null_ahead
    assert auc > plain + 0.05
    assert auc > null + 0.05
