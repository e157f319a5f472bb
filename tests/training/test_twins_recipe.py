"""The recipe of twins: its constants, its loss, whom it compares with, and its figures, against oracles."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_learning import made_twins

from wbtools.datasets import Item, Kind, split_of, write_data
from wbtools.training import pairs
from wbtools.training.mining import Candidates, negatives
from wbtools.training.recipes import recipe_named
from wbtools.training.recipes.recipe import Material
from wbtools.training.recipes.twins import ContrastLoss, Options, TripletLoss, with_nearest

CPU = torch.device("cpu")


def task(data, **options):
    recipe = recipe_named("twins")
    return recipe.task(Material(data, split_of(data), recipe.settings, Options(**options)), CPU)


def test_the_constants_are_the_published_ones():
    recipe = recipe_named("twins")
    told = recipe.settings
    assert (told.optimiser, told.rate, told.weight_decay, told.clip) == ("adamw", 1e-4, 5e-4, 0.5)
    assert (told.schedule, told.rise, told.start_divisor, told.end_divisor) == ("one-cycle", 0.3, 50, 1000)
    assert (told.epochs, told.batch * told.accumulate, told.seed) == (2000, 512, 42)
    assert (recipe.options.margin, recipe.options.spread, recipe.options.negatives) == (0.1, 0.01, 3)
    assert recipe.backbones[0] == "unet"


def test_the_loss_is_that_of_its_definition():
    dice = np.random.default_rng(3)
    embeddings = dice.normal(size=(7, 5))
    group = np.array([0, 0, 1, 1, 2, 2, 3])
    triplets = np.array([[0, 1, 2], [1, 0, 4], [2, 3, 6], [3, 2, 0]])
    found = TripletLoss(Options())(*map(torch.from_numpy, (embeddings, group, triplets)))

    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    each = [max(0, (1 - units[a] @ units[p]) - (1 - units[a] @ units[n]) + 0.1) for a, p, n in triplets]
    near = [np.exp(-np.linalg.norm(units[i] - units[j])) for i in range(7) for j in range(7) if group[i] != group[j]]
    assert float(found["loss"]) == pytest.approx(np.mean(each) + 0.01 * np.mean(near), rel=1e-6)


def test_the_nearest_others_of_a_batch_are_further_negatives_of_each_couple_once():
    dice = np.random.default_rng(5)
    group = np.array([0, 0, 1, 1, 2, 2, 3])
    embeddings = dice.normal(size=(7, 5))
    triplets = np.array([[0, 1, 2], [0, 1, 4], [3, 2, 6]])
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    distance = 1 - units @ units.T
    near = {a: sorted(np.flatnonzero(group != group[a]), key=lambda n, a=a: distance[a, n])[:2] for a in (0, 3)}
    more = [[a, p, int(n)] for a, p in ((0, 1), (3, 2)) for n in near[a]]
    apart = torch.from_numpy(distance).masked_fill(torch.from_numpy(group[:, None] == group[None]), torch.inf)
    assert with_nearest(apart, torch.from_numpy(triplets[:, :2]), 2).tolist() == more

    everything = [torch.from_numpy(np.concatenate([triplets, more])), torch.from_numpy(triplets)]
    told = [torch.from_numpy(embeddings), torch.from_numpy(group)]
    expected = TripletLoss(Options())(*told, everything[0])
    found = TripletLoss(Options(nearest=2))(*told, everything[1])
    assert float(found["loss"]) == pytest.approx(float(expected["loss"]), rel=1e-12)


def test_equal_embeddings_have_a_gradient_that_is_a_number():
    embeddings = torch.ones(4, 3, requires_grad=True)
    found = TripletLoss(Options())(embeddings, torch.tensor([0, 0, 1, 1]), torch.tensor([[0, 1, 2]]))
    found["loss"].backward()
    assert torch.isfinite(embeddings.grad).all()


def test_the_contrast_is_the_cross_entropy_of_finding_the_twin_among_others():
    dice = np.random.default_rng(4)
    embeddings = dice.normal(size=(7, 5))
    group = np.array([0, 0, 1, 1, 2, 2, 0])  # the last is another scan of the first pair's: nobody to tell them from
    both = np.array([[0, 1], [1, 0], [2, 3], [3, 2]])
    found = ContrastLoss(Options(temperature=0.5))(*map(torch.from_numpy, (embeddings, group, both)))

    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    alike = np.exp(units @ units.T / 0.5)
    each = [
        -np.log(alike[a, p] / (alike[a, p] + sum(alike[a, n] for n in range(7) if group[n] != group[a])))
        for a, p in both
    ]
    assert float(found["loss"]) == pytest.approx(np.mean(each), rel=1e-6)


def test_with_contrast_every_pair_is_shown_once_in_an_epoch_and_nobody_is_mined(tmp_path):
    twins = task(made_twins(tmp_path / "data"), loss="contrast")
    twins.begin(None, 0)  # no network is asked
    plans = twins.plans(0)
    assert len(plans) == twins.batches
    rows = np.concatenate([plan.rows for plan in plans])
    assert sorted(rows) == sorted(twins.material.rows("train"))
    names = [item.labels["twin"] for item in twins.material.data.items]
    for plan in plans:
        for anchor, positive in plan.rows[plan.targets["triplets"]]:
            assert anchor != positive and names[anchor] == names[positive]


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["hard", "semi-hard", "random"]))
def test_negatives_are_different_people_of_other_groups_and_the_nearest_that_are_allowed(seed, how):
    dice = np.random.default_rng(seed)
    people, scans = 9, 2
    person = np.repeat(np.arange(people), scans)
    group = person // 2
    places = dice.normal(size=(len(person), 2))
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    anchor, positive = np.array([0, 5, 9]), np.array([2, 6, 10])
    found = negatives(Candidates(distance, person, group), anchor, positive, how, (3, seed))

    assert found.shape == (3, 3)
    for a, p, line in zip(anchor, positive, found, strict=True):
        assert len(set(person[line])) == 3 and (group[line] != group[a]).all()
        nearest = {}  # of every other person, the scan that comes first
        for place in range(len(person)):
            if group[place] != group[a]:
                key = (how == "semi-hard" and distance[a, place] <= distance[a, p], distance[a, place])
                nearest[person[place]] = min(nearest.get(person[place], (key, place)), (key, place))
        if how != "random":
            assert line.tolist() == [place for _, place in sorted(nearest.values())[:3]]


def test_fewer_negatives_are_taken_where_there_are_not_as_many_people():
    person = np.arange(4)
    known = Candidates(np.ones((4, 4)), person, person // 2)
    assert negatives(known, np.array([0]), np.array([1]), "hard", (3, 0)).tolist() == [[2, 3]]


def test_triplets_go_in_both_directions_and_twins_with_two_scans_and_families_are_kept_apart(tmp_path):
    items, images = [], []
    for pair, side, scan in itertools.product(range(8), "ab", range(2)):
        labels = {"twin": f"t{pair}"}
        items.append(Item(len(items), f"{pair}{side}", f"{pair}{side}{scan}.nii", f"f{pair // 2}", labels=labels))
        images.append(np.full((1, 4, 4, 4), len(items), np.float32))
    data = write_data(tmp_path / "data", Kind.VOLUMES, np.array(images), items)
    made = task(data, mining="random")
    made.begin(None, 0)
    rows = np.concatenate([plan.rows[plan.targets["triplets"]] for plan in made.plans(0)])
    people = [item.person for item in data.items]
    couples = {(people[a], people[p]) for a, p, _ in rows}
    assert couples == {(b, a) for a, b in couples} and all(a[:-1] == b[:-1] and a != b for a, b in couples)
    assert all(data.items[a].family != data.items[n].family for a, _, n in rows)
    assert set(rows.ravel()) <= set(made.material.split.parts["train"])
    made.begin(None, 1)
    assert np.concatenate([plan.rows for plan in made.plans(1)]).tolist() != np.unique(rows).tolist()


def test_an_image_in_several_triplets_of_a_batch_is_shown_once(tmp_path):
    made = task(made_twins(tmp_path / "data"), mining="random")
    made.begin(None, 0)
    plans = made.plans(0)
    assert len(plans) == made.batches
    assert sum(len(plan.targets["triplets"]) for plan in plans) == 2 * 3 * 7
    assert all(len(set(plan.rows)) == len(plan.rows) for plan in plans)


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_figures_of_distances_agree_with_their_definitions(seed):
    dice = np.random.default_rng(seed)
    together, apart = dice.normal(0.3, 0.2, 12).round(2), dice.normal(0.6, 0.2, 40).round(2)
    found = pairs.figures(together, apart)
    wins = [(t < a) + 0.5 * (t == a) for t in together for a in apart]
    assert found["auc"] == pytest.approx(np.mean(wins))
    assert found["gap"] == pytest.approx(apart.mean() - together.mean())
    hits = [(together < cut).mean() for cut in np.arange(-1, 2, 0.005)]
    false = [(apart < cut).mean() for cut in np.arange(-1, 2, 0.005)]
    best = max(2 * hit / (1 + hit + wrong) for hit, wrong in zip(hits, false, strict=True))
    assert found["f1"] == pytest.approx(best, abs=1e-6)
    hit, wrong = (together < found["threshold"]).mean(), (apart < found["threshold"]).mean()
    assert 2 * hit / (1 + hit + wrong) == pytest.approx(best, abs=1e-6)
