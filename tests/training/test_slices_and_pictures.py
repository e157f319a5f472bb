"""The recipes of symmetry and contrastive: constants, losses, lesions, pairs; and that they learn."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from made_learning import lines, made_pictures, made_slices, train

from wbtools import model as models
from wbtools.cli import main
from wbtools.datasets import Item, Kind, split_of, write_data
from wbtools.model.families.contrastive import Contrastive, ContrastiveArchitecture
from wbtools.model.families.hemispheres import Hemispheres, HemispheresArchitecture
from wbtools.training.augmentation import Dice
from wbtools.training.backbones import BACKBONES, Sizes
from wbtools.training.loop.learner import Learner
from wbtools.training.recipes import recipe_named
from wbtools.training.recipes.contrastive import contrastive_loss
from wbtools.training.recipes.recipe import Material
from wbtools.training.recipes.symmetry import bent, varied
from wbtools.training.settings import changed
from wbtools.training.simulated import SIZES, Lesion, lesioned

CPU = torch.device("cpu")


def task(name, data, **options):
    recipe = recipe_named(name)
    told = changed(recipe.options, {key: str(value) for key, value in options.items()})
    stratify = recipe.stratify(told) or None
    return recipe.task(Material(data, split_of(data, stratify=stratify), recipe.settings, told), CPU)


def said(result):
    return " ".join(result.output.split())


# ----------------------------------------------------------------------------------------------------------- symmetry


def test_the_constants_of_symmetry_are_the_published_ones():
    recipe = recipe_named("symmetry")
    told = recipe.settings
    assert (told.optimiser, told.rate, told.epochs, told.batch) == ("adadelta", 0.01, 5, 32)
    assert (told.schedule, told.milestones, told.factor) == ("steps", (1, 2, 3, 4), 0.7)
    assert SIZES == (2, 6, 10, 14, 18, 23, 27, 31, 35, 40) and recipe.options.sizes == SIZES


@pytest.mark.parametrize("name", recipe_named("symmetry").backbones)
def test_backbones_of_symmetry_have_layers_that_fit_their_features_and_are_recognised(name):
    with torch.device("meta"):
        network = BACKBONES[name].build(Sizes((2, 224, 224))).eval()
        assert network.compared(torch.empty(2, 1, 224, 224)).shape == (1, 1)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert BACKBONES[name].known.recognises(shapes)
    assert HemispheresArchitecture.of(shapes) == network.architecture


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 10_000),
    st.integers(1, 50),
    st.sampled_from(["disc", "square"]),
    st.sampled_from(["flat", "textured"]),
)
def test_lesions_are_of_their_size_and_grey_and_inside_tissue(seed, size, shape, texture):
    dice = np.random.default_rng(seed)
    half = np.zeros((60, 50), np.uint8)
    half[5:55, 5:45] = 90
    half[30, 20] = 0  # a hole
    changed, mask = lesioned(half, Lesion(size, shape, texture, 170.0), dice)
    assert mask.any() and not (mask & (half == 0)).any()
    assert (changed[~mask] == half[~mask]).all()
    if texture == "flat":
        assert set(changed[mask]) == {170}
    else:
        assert abs(changed[mask].mean() - 170) < 0.5  # of rounding
        assert changed[mask].std() > 3 or mask.sum() <= 300
    area = np.pi * size**2 / 4 if shape == "disc" else size**2
    if 6 <= size <= 14:  # fits in many places
        assert mask.sum() == (area if shape == "square" else pytest.approx(area, rel=0.35))
    rows, columns = np.nonzero(mask)
    assert np.ptp(rows) <= size and np.ptp(columns) <= size


def test_half_of_the_slices_get_a_lesion_in_one_half_and_other_ones_in_the_next_epoch(tmp_path):
    data = made_slices(tmp_path / "data")
    made = task("symmetry", data, sizes="40")
    seen = []
    for epoch in (0, 0, 1):
        plans = made.plans(epoch)
        rows = np.concatenate([plan.rows for plan in plans])
        sick = np.concatenate([plan.targets["lesion"] for plan in plans])
        assert sorted(rows) == sorted(made.material.split.parts["train"]) and sick.sum() == len(rows) // 2
        halves = np.concatenate([made.halves(plan) for plan in plans])
        differing = (halves != data.images[rows]).any((2, 3))
        assert differing.sum(1).tolist() == sick.tolist()
        seen.append(halves[np.argsort(rows)])
    assert (seen[0] == seen[1]).all() and not (seen[0] == seen[2]).all()


def test_halves_are_shown_first_ones_then_second_ones_in_their_own_grey_values(tmp_path):
    data = made_slices(tmp_path / "data")
    made = task("symmetry", data)
    plan = made.plans(0)[0]
    images = made.show(plan).images.numpy()
    count = len(plan.rows)
    sound = plan.targets["lesion"] == 0
    assert (images[:count, 0][sound] == data.images[plan.rows, 0][sound]).all()
    assert (images[count:, 0][sound] == data.images[plan.rows, 1][sound]).all()


@pytest.mark.slow
def test_both_halves_of_a_slice_are_changed_alike_and_black_stays_black():
    half = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (64, 1, 9, 7)).astype(np.float32))
    half[:, :, :3] = 0
    first, second = varied(half.repeat(1, 2, 1, 1), Dice(3)).split(1, 1)
    torch.testing.assert_close(first, second, rtol=0, atol=1e-4)  # powers are rounded by place in memory
    assert (first[:, :, :3] == 0).all() and first.max() <= 255
    grey = half[:, 0, 3:].flatten(1)
    kept = [
        bool((np.diff(new[old.argsort()]) > -1e-3).all())
        for old, new in zip(grey, first[:, 0, 3:].flatten(1), strict=True)
    ]
    turned = [
        bool((np.diff(new[old.argsort()]) > -1e-3).all())
        for old, new in zip(grey, first.flip(3)[:, 0, 3:].flatten(1), strict=True)
    ]
    assert all(
        a != b for a, b in zip(kept, turned, strict=True)
    )  # darker stays darker, as it lay or from back to front
    assert 16 < sum(turned) < 48


def test_validation_looks_at_slices_as_they_are(tmp_path):
    data = made_slices(tmp_path / "data")
    asked = task("symmetry", data)
    assert not asked.settings.augment
    figures = []
    for augment in (False, True):
        asked.settings = replace(asked.settings, augment=augment)
        torch.manual_seed(0)
        learner = Learner(BACKBONES["resnet18"].build(asked.sizes))
        figures.append(asked.validate(learner))
    assert figures[0] == figures[1]


def test_both_halves_are_bent_nearly_alike_by_a_few_pixels_and_grow_no_new_grey_values():
    plane = np.zeros((47, 145), np.float32)
    plane[8:40, 20:125] = 60 + np.add.outer(np.arange(32), np.arange(105))  # grey values tell places
    halves = np.broadcast_to(plane.astype(np.uint8), (40, 2, *plane.shape)).copy()
    found = bent(halves, Dice(2))
    assert found.dtype == np.uint8 and found.shape == halves.shape
    assert (found == bent(halves, Dice(2))).all() and not (found == bent(halves, Dice(3))).all()
    assert found.max() <= halves.max() and (found[..., :8] == 0).all()
    inside = (slice(None), slice(None), slice(16, 32), slice(40, 105))
    moved = found[inside].astype(float) - halves[inside]
    alone = found[:, 0].astype(float)[:, 16:32, 40:105] - found[:, 1].astype(float)[:, 16:32, 40:105]
    assert 1 < moved.std() < 6 and 0.3 < alone.std() < 0.7 * moved.std()
    assert all(abs(moved[n] - moved[n + 1]).max() > 1 for n in range(39))  # each slice in a way of its own


def test_lesions_shrink_to_their_sizes_in_three_quarters_of_the_epochs(tmp_path):
    made = task("symmetry", made_slices(tmp_path / "data", 40), sizes="20,40", begin="60")
    across = []
    for epoch in range(made.settings.epochs):
        plans = made.plans(epoch)
        changed = [made.halves(plan) != made.data.images[plan.rows] for plan in plans]
        widths = np.concatenate([each.any(2).sum(-1).max(1) for each in changed])
        across.append(sorted(set((widths[widths > 0] * 290 / max(made.data.images.shape[2:])).round(-1))))
    assert max(across[0]) > 80 and max(across[-1]) <= 50
    plain = task("symmetry", made.data, sizes="20,40")
    for plan, shrunk in zip(plain.plans(4), made.plans(4), strict=True):
        assert (plain.halves(plan) == made.halves(shrunk)).all()
    result = train("symmetry", tmp_path / "data", "--out", tmp_path / "run", "--set", "begin=1")
    assert result.exit_code == 3 and "lesions that begin with 1 pixel cannot shrink to 2" in said(result)


def test_symmetry_is_learned(tmp_path):
    made_slices(tmp_path / "data", 28)
    how = ("--set", "sizes=90", "--epochs", "1", "--set", "optimiser=adam", "--rate", "1e-3", "--batch", "8")
    result = train("symmetry", tmp_path / "data", "--out", tmp_path / "run", *how)
    assert result.exit_code == 0, result.output
    assert max(line["val"]["auc"] for line in lines(tmp_path / "run")) > 0.9
    loaded = models.load(tmp_path / "run/best-auc.pt")
    assert loaded.family == "hemispheres" and loaded.card.intensity == "uint8"
    assert "fc.0.weight" in torch.load(tmp_path / "run/last.pt", weights_only=True)


# --------------------------------------------------------------------------------------------------------- contrastive


@given(st.integers(0, 1000))
def test_the_contrastive_loss_is_that_of_its_definition(seed):
    dice = np.random.default_rng(seed)
    first, second, same = dice.normal(size=(6, 4)), dice.normal(size=(6, 4)), dice.random(6) < 0.5
    found = contrastive_loss(*map(torch.from_numpy, (first, second, same)), 1.2)
    each = []
    for a, b, alike in zip(first, second, same, strict=True):
        distance = np.linalg.norm(a / np.linalg.norm(a) - b / np.linalg.norm(b))
        each.append(distance**2 if alike else max(0, 1.2 - distance) ** 2)
    assert float(found) == pytest.approx(np.mean(each), rel=1e-6)


def test_pairs_are_drawn_anew_each_epoch_half_of_them_of_one_class(tmp_path):
    made = task("contrastive", made_pictures(tmp_path / "data", 60), pairs=4)
    drawn = []
    for epoch in (0, 0, 1):
        both = [plan.rows.reshape(2, -1) for plan in made.plans(epoch)]
        drawn.append(np.concatenate(both, axis=1))
    first, second = drawn[0]
    classes = np.array([item.labels["class"] for item in made.data.items])
    assert (first != second).all() and 0.4 < (classes[first] == classes[second]).mean() < 0.6
    assert set(second) <= set(made.material.split.parts["train"])
    assert (drawn[0] == drawn[1]).all() and not (drawn[0] == drawn[2]).all()


def test_as_many_examples_of_each_class_are_used_as_are_wanted(tmp_path):
    made = task("contrastive", made_pictures(tmp_path / "data"), examples=3)
    rows = np.unique(np.concatenate([plan.rows for plan in made.plans(0)]))
    classes = [made.data.items[row].labels["class"] for row in rows]
    assert sorted(classes) == sorted(["across", "down", "slant"] * 3)


@pytest.mark.parametrize("plain", ["no", "yes"])
def test_epochs_of_so_many_steps_cost_the_same_whatever_the_examples(plain, tmp_path):
    data = made_pictures(tmp_path / "data", 40)
    for examples in (2, 20):
        made = task("contrastive", data, examples=examples, steps=7, plain=plain)
        plans = made.plans(3)
        first = np.concatenate([plan.rows[:32] for plan in plans])
        assert made.batches == len(plans) == 7
        assert {len(plan.rows) for plan in plans} == {32 if plain == "yes" else 64}
        times = np.unique(first, return_counts=True)[1]  # each as often as any other, or once more
        assert len(times) == 3 * examples and times.max() - times.min() <= 1
        assert not np.array_equal(first, np.concatenate([plan.rows[:32] for plan in made.plans(4)]))


@pytest.mark.parametrize("name", recipe_named("contrastive").backbones)
def test_backbones_of_contrastive_are_recognised_and_read_from_their_weights(name):
    with torch.device("meta"):
        network = BACKBONES[name].build(Sizes((1, 28, 28), code=16)).eval()
        assert network.of_pictures(torch.empty(2, 3, 32, 32)).shape == (2, 16)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert BACKBONES[name].known.recognises(shapes)
    assert ContrastiveArchitecture.of(shapes) == network.architecture


def test_pictures_are_from_0_to_1_in_three_channels_and_large_enough(tmp_path):
    made = task("contrastive", made_pictures(tmp_path / "data"))
    pictures = made.read(np.array([0, 5]))
    assert pictures.shape == (2, 3, 32, 40) and float(pictures.min()) >= 0 and float(pictures.max()) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("plain", ["no", "yes"])
def test_classes_of_pictures_are_learned_by_distances_and_by_themselves(plain, tmp_path):
    made_pictures(tmp_path / "data", 16)
    how = ("--backbone", "densenet2d-tiny", "--epochs", "2", "--rate", "5e-3", "--batch", "12")
    how += ("--set", "embedding=16", "--set", f"plain={plain}")
    result = train("contrastive", tmp_path / "data", "--out", tmp_path / "run", *how)
    assert result.exit_code == 0, result.output
    assert max(line["val"]["accuracy"] for line in lines(tmp_path / "run")) > 0.8
    loaded = models.load(tmp_path / "run/best-accuracy.pt")
    assert loaded.family == "contrastive" and 0 <= loaded.threshold <= 2
    assert loaded.description["embedding"] == (3 if plain == "yes" else 16)
    assert json.loads((tmp_path / "run/run.json").read_text())["references"] == "none"


def test_a_network_of_pictures_claims_nothing_of_brains_and_says_so_in_its_notice(tmp_path):
    made_pictures(tmp_path / "data", 16)
    how = ("--epochs", "1", "--batch", "12", "--set", "embedding=4", "--set", "settle=1", "--set", "examples=2")
    result = train("contrastive", tmp_path / "data", "--out", tmp_path / "run", *how)
    assert "wbtools evaluate" in said(result) and "export-subject" not in said(result), result.output
    card = models.load(tmp_path / "run/last.pt").card
    assert card.pictures and "trained on pictures" in card.notice
    assert ": 6 pictures, data set" in card.training_data
    described = said(CliRunner().invoke(main, ["models", str(tmp_path / "run")]))
    for claim in ("skull-stripped", "MNI152", "field of view", "template"):
        assert claim not in described
    assert "trained on pictures" in described


def test_slices_of_one_half_and_references_without_brains_are_refused(tmp_path):
    slices = made_slices(tmp_path / "slices", 12)
    halves = np.array(slices.images)[:, :1]
    write_data(tmp_path / "single", Kind.SLICES, halves, slices.items)
    result = train("symmetry", tmp_path / "single", "--out", tmp_path / "run")
    assert result.exit_code == 3 and "have 1 halves, not 2" in said(result)
    result = train("symmetry", tmp_path / "slices", "--out", tmp_path / "run", "--references", "components")
    assert result.exit_code == 3 and "needs brains" in said(result)
    items = [Item(row, f"p{row}", f"{row}.png") for row in range(12)]
    write_data(tmp_path / "bare", Kind.PICTURES, np.zeros((12, 1, 8, 8), np.uint8), items)
    result = train("contrastive", tmp_path / "bare", "--out", tmp_path / "run")
    assert result.exit_code == 3 and "has no labels, class is needed" in said(result)


# ------------------------------------------------------------------------------------------------ slices and volumes


def test_networks_say_of_slices_alone_what_they_say_of_them_in_a_volume():
    torch.manual_seed(0)
    image = torch.rand(1, 1, 64, 70, 3)
    contrastive = Contrastive(ContrastiveArchitecture(head=("classifier",), units=(1024, 5))).eval()
    hemispheres = Hemispheres(HemispheresArchitecture()).eval()
    with torch.no_grad():
        alone = [contrastive.of_pictures(contrastive.pictures(image[..., n : n + 1])) for n in range(3)]
        assert torch.allclose(contrastive.raw(image), torch.cat(alone, 1), atol=1e-5)
        pair = [hemispheres.compared(hemispheres.pictures(image[..., n : n + 1])) for n in range(3)]
        assert torch.allclose(hemispheres.raw(image), torch.cat(pair, 1), atol=1e-5)
