"""Maps judged by answers to their most relevant voxels alone, and by overlap: networks that look at a known block."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from made_learning import LARGER, brains, evaluate, made_classes, train
from sklearn.metrics import f1_score

from wbtools.datasets import Item, Kind, write_data
from wbtools.errors import InputError
from wbtools.evaluating.bootstrap import Resampling
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.maps import of_classes, volumes
from wbtools.evaluating.maps.most_relevant import SHARES, ClassMaps, counts_of, kept, means_of, overlaps, random_order
from wbtools.evaluating.recipes.evaluation import Answered, Bench, Options
from wbtools.evaluating.recipes.votes import answer
from wbtools.images import nifti
from wbtools.model import model_input
from wbtools.model.checkpoint import Model
from wbtools.model.families.mrinet import FAMILY
from wbtools.model.family import Classifier
from wbtools.output.ownership import PROVENANCE
from wbtools.space.grid import Grid, Volume

FEW = ("--resamples", "100")
CLASSES = ("dim", "bright")
BLOCK = (slice(8, 12), slice(10, 14), slice(9, 13))
ALIKE = (slice(14, 18), slice(10, 14), slice(9, 13))
CARD = replace(FAMILY.card, shape=LARGER, classes=CLASSES, intensity="raw")


class Looking(Classifier):
    """A network that sees the mean of one block, and calls it bright from 0.8 on."""

    def logits(self, x):
        mean = x[(slice(None), 0, *BLOCK)].mean((1, 2, 3))[:, None]
        return torch.cat([0.8 - mean, mean - 0.8], 1)

    def batch_norms(self):
        return []


class Choosing(Looking):
    """A network with a block for each class, which looks alike in everybody for the first."""

    def logits(self, x):
        return torch.stack([x[(slice(None), 0, *block)].mean((1, 2, 3)) for block in (ALIKE, BLOCK)], 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Brains whose block has the value 0.5 or 2; nothing else tells the class."""
    images = brains(12, 3, LARGER)[:, None].clip(0)
    images[(slice(None), 0, *BLOCK)] = 0.5 + 1.5 * (np.arange(12)[:, None, None, None] % 2)
    images[(slice(None), 0, *ALIKE)] = 1
    families = [f"f{n // 3}" if n < 6 else "" for n in range(12)]
    items = [
        Item(n, f"p{n}", f"p{n}.nii", family, labels={"block": CLASSES[n % 2]}) for n, family in enumerate(families)
    ]
    return write_data(tmp_path_factory.mktemp("blocks") / "data", Kind.VOLUMES, images, items)


def judged(data, tmp_path, *methods, kind=Looking):
    """What is found of a network that looks at the block."""
    network = kind().eval()
    with torch.no_grad():
        said = answer(network, torch.from_numpy(np.array(data.images))).numpy()
    contestant = Contestant("looking", tmp_path, Model(network, CARD, {}, "none"), None)
    options = Options(resampling=Resampling(100), explain=methods)
    rows = np.arange(12)
    asked = Bench(data, rows, (Answered(contestant, rows, said, {}),), options, "test", (rows[:0],))
    return of_classes.measure(asked, lambda rows: [data.items[row].labels["block"] for row in rows])


def test_a_network_that_looks_at_a_block_is_right_by_its_relevant_voxels_and_not_by_random_ones(data, tmp_path):
    found = judged(data, tmp_path, "gradient", "gradient-x-input")
    values = {name: each.value for name, each in found.estimates["looking"].items()}
    brain = (np.array(data.images[0, 0]) != 0).sum()
    assert 0.01 * brain < np.prod([part.stop - part.start for part in BLOCK]) < 0.05 * brain
    for said in ("1%", "5%", "20%"):
        assert values[f"map gradient: right answers to {said}"] == 1
        assert values[f"map gradient-x-input: right answers to {said}"] == 1
        # A block of which most is hidden is dim.
        assert values[f"map random voxels: right answers to {said}"] == 0.5
        assert values[f"map no voxels: right answers to {said}"] == 0.5
        assert values[f"map whole image: right answers to {said}"] == 1
    half = found.estimates["looking"]["map random voxels: right answers to 5%"]
    assert half.low < 0.5 < half.high


def test_methods_that_both_see_the_block_overlap_wholly_as_do_classes(data, tmp_path):
    record = judged(data, tmp_path, "gradient", "integrated-gradients-zero").more["maps"]["looking"]
    (pair,) = record["dice_of_methods"]
    assert pair["methods"] == ["gradient", "integrated-gradients-zero"]
    assert pair["0.05"]["value"] == pair["0.2"]["value"] == 1  # voxels without relevance are not counted
    for each in record["dice_of_classes"]:
        assert each["classes"] == list(CLASSES) and each["0.2"]["value"] == 1


def test_the_map_explains_the_class_that_the_network_names(data, tmp_path):
    record = judged(data, tmp_path, "gradient", kind=Choosing).more["maps"]["looking"]
    assert record["right"]["whole image"]["0.05"]["value"] == 1
    (dice,) = record["dice_of_classes"]  # each class has its own block
    assert [dice[share]["value"] for share in ("0.01", "0.05", "0.2")] == [0, 0, 0]


def test_an_image_that_shows_nothing_is_named_as_it_has_no_map(data, tmp_path):
    images = np.array(data.images)
    images[4] = 0
    empty = write_data(tmp_path / "empty", Kind.VOLUMES, images, data.items)
    with pytest.raises(InputError, match=r"p4\.nii is 0 everywhere, and has no map") as refused:
        judged(empty, tmp_path, "gradient")
    assert "--explain" in refused.value.hint


def test_the_most_relevant_voxels_are_nested_counted_and_equal_ones_are_taken_in_random_order():
    dice = np.random.default_rng(0)
    brain = dice.random((10, 11, 12)) < 0.7
    relevance, order = dice.integers(0, 4, brain.shape).astype(float), random_order(brain, 3, 0)
    masks = list(kept(relevance, brain, order))
    assert [mask.sum() for mask in masks] == list(counts_of(brain.sum()))
    for small, large in pairwise(masks):
        assert not (small & ~large).any()
    for mask in masks:
        assert not (mask & ~brain).any() and relevance[mask].min() >= relevance[brain & ~mask].max()
    ties = brain & (relevance == 3)
    assert order[masks[0]].max() < order[ties & ~masks[0]].min()
    assert np.array_equal(order, random_order(brain, 3, 0)) and not np.array_equal(order, random_order(brain, 4, 0))


def test_overlap_is_f1_of_one_mask_told_by_the_other_and_1_with_itself():
    masks = np.random.default_rng(2).random((4, 300)) < 0.3
    expected = [f1_score(masks[a], masks[b]) for a in range(4) for b in range(a + 1, 4)]
    np.testing.assert_allclose(overlaps(masks), expected)
    assert overlaps(np.stack([masks[0], masks[0]])).tolist() == [1]


def test_classes_are_compared_by_the_largest_voxels_of_their_mean_maps():
    dice = np.random.default_rng(6)
    maps, truth = dice.random((9, 400)).astype(np.float32), np.array([0, 1, 2] * 3)
    found = ClassMaps(maps, truth, np.arange(9) // 3).estimates(Resampling(20))
    means = [maps[truth == number].mean(0) for number in range(3)]
    for (a, b), each in found.items():
        for share, estimate in zip(SHARES, each, strict=True):
            first, second = (means[k] >= np.sort(means[k])[-round(share * 400)] for k in (a, b))
            assert estimate.value == pytest.approx(f1_score(first, second))
    assert list(found) == [(0, 1), (0, 2), (1, 2)]


def test_maps_of_a_class_of_few_families_have_no_interval():
    maps, truth = np.random.default_rng(7).random((18, 400)).astype(np.float32), np.array([0, 1, 2] * 6)
    group = np.where(truth == 2, 18 + np.arange(18) // 9, np.arange(18))  # the last class: two families
    found = ClassMaps(maps, truth, np.unique(group, return_inverse=True)[1]).estimates(Resampling(20))
    assert {pair: all(each.sure for each in of) for pair, of in found.items()} == {
        (0, 1): True, (0, 2): False, (1, 2): False,
    }  # fmt: skip


def test_means_count_people_as_often_as_their_families_and_leave_out_what_is_not_known():
    values = np.array([[1.0, np.nan], [0.0, 1.0], [1.0, 0.0]])
    first, second = means_of(values, np.array([0, 0, 1]), Resampling(50))
    assert (first.value, second.value) == (pytest.approx(2 / 3), 0.5)
    assert {round(value, 6) for value in first.drawn} <= {0.5, round(2 / 3, 6), 1.0}


# -------------------------------------------------------------------------------------------------------------- images


@pytest.mark.parametrize("intensity", ["raw", "minmax", "uint8", "zscore", "percentile:1,99"])
def test_a_stored_scan_is_the_input_that_it_was_prepared_as(intensity):
    card = replace(CARD, shape=(20, 22, 18), intensity=intensity)
    grid = Grid((260, 311, 260), np.array([[-0.7, 0, 0, 90], [0, 0.7, 0, -126], [0, 0, 0.7, -72], [0, 0, 0, 1]]))
    brain = brains(1, 5, (52, 62, 52))[0].clip(0).repeat(5, 0).repeat(5, 1).repeat(5, 2)
    t1w = np.pad(900 * brain, [(0, 0), (0, 1), (0, 0)])
    made = model_input(Volume(t1w.astype(np.float32), grid), card)
    found = volumes.image_of(made.data[0], card)
    np.testing.assert_array_equal(found.data, made.data)
    np.testing.assert_allclose(found.grid.affine, made.grid.affine)
    assert (found.brain != made.brain).mean() < 0.02  # the darkest voxels may count as none
    np.testing.assert_allclose(
        found.taken(found.plain)[0, 0][found.brain], made.data[0, 0][found.brain], rtol=1e-4, atol=1e-4
    )
    assert found.empty == pytest.approx(made.empty)


def test_what_is_hidden_looks_alike_in_everybody_and_has_the_networks_intensities(tmp_path):
    images = 1000 * brains(4, 7, LARGER)[:, None].clip(0)
    shown = [volumes.image_of(image, CARD) for image in images]
    nifti.write_volume(tmp_path / "reference.nii.gz", Volume(shown[2].plain, shown[0].grid))
    network = Model(Looking(), CARD, {}, "none", reference=tmp_path / "reference.nii.gz")
    alike = volumes.filler(network, [shown[2]] * 3)
    assert np.corrcoef(alike.ravel(), images[2, 0].ravel())[0, 1] > 0.99
    assert np.median(alike[alike > 0]) == pytest.approx(np.median(images[2, 0][images[2, 0] > 0]), rel=0.05)
    assert not volumes.filler(replace(network, reference=None), shown).any()


# ------------------------------------------------------------------------------------------------------------ commands


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("classes")
    made_classes(place / "data", 36)
    how = ("--backbone", "mrinet-small", "--epochs", "2", "--batch", "8")
    for fold in (1, 2, 3):
        result = train("classes", place / "data", "--out", place / f"fold-{fold}", *how, "--fold", f"{fold}/3")
        assert result.exit_code == 0, result.output
    return place


def contents(folder):
    """All but the record, which has the time."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != PROVENANCE}


@pytest.mark.slow
def test_folds_explain_everybody_by_the_network_that_has_not_seen_them_twice_to_the_byte(runs, tmp_path):
    folds = [runs / f"fold-{fold}" for fold in (1, 2, 3)]
    words = (*FEW, "--folds", "--explain", "gradient", "--explain", "grad-cam", "--explain-images", "100")
    for name in ("a", "b"):
        result = evaluate(*folds, runs / "data", "--out", tmp_path / name, *words)
        assert result.exit_code == 0, result.output
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    record = json.loads((tmp_path / "a/metrics.json").read_text())
    assert record["maps"]["images"] == 36
    whole = record["maps"]["all folds"]["right"]["whole image"]["0.05"]
    assert whole == record["folds"]["accuracy"]
    assert {"maps-1.tsv", "maps-dice-5-1.tsv", "maps-dice-classes-1.tsv", "maps-shown-1.png"} <= set(
        contents(tmp_path / "a")
    )


@pytest.mark.slow
def test_a_single_run_has_maps_and_all_methods_say_what_is_left_out(runs, tmp_path):
    words = (*FEW, "--explain", "gradient", "--explain", "deviation", "--explain-images", "3")
    result = evaluate(runs / "fold-1", runs / "data", "--out", tmp_path / "e", *words)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "e/index.html").read_text()
    assert "Maps of 3 images" in page and "no voxels" in page
    said = " ".join(result.output.split())
    assert "share of right answers to the most relevant 5% of voxels: gradient" in said
    figures = json.loads((tmp_path / "e/metrics.json").read_text())["checkpoints"]
    assert "map deviation: right answers to 20%" in next(iter(figures.values()))["figures"]
