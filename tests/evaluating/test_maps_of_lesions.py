"""Maps judged by simulated lesions, against maps that are known, quantus and scikit-learn."""

import json

import numpy as np
import pytest
import torch
from made_learning import evaluate, made_slices, made_twins, train
from sklearn import metrics

from wbtools.cli import progress
from wbtools.datasets import Item, Kind, open_data, write_data
from wbtools.errors import InputError
from wbtools.evaluating.bootstrap import Resampling
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.maps import halves, of_lesions
from wbtools.evaluating.maps.explaining import Counting, Explainer
from wbtools.evaluating.maps.lesions import with_lesions
from wbtools.evaluating.maps.localisation import MEASURED, located
from wbtools.evaluating.recipes.evaluation import Answered, Bench, Options
from wbtools.model.checkpoint import Model
from wbtools.model.families.hemispheres import FAMILY, Halves, Hemispheres
from wbtools.model.families.slices import SliceNetwork
from wbtools.output.ownership import PROVENANCE
from wbtools.training.simulated import SIZES

FEW = ("--resamples", "100", "--explain-images", "1")


class Weighing(Hemispheres):
    """A network whose value is a weighted sum of the halves' difference: its relevance is known."""

    def __init__(self, weights):
        SliceNetwork.__init__(self, Halves())
        self.register_buffer("weights", weights)

    def batch_norms(self):
        return []

    def compared(self, given):
        first, second = given.chunk(2)
        return ((first - second) * self.weights).sum((1, 2, 3))[:, None]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return made_slices(tmp_path_factory.mktemp("slices") / "data", 8)


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(4).normal(size=(48, 48)).astype(np.float32)


@pytest.fixture(scope="module")
def network(weights):
    return Model(Weighing(torch.from_numpy(weights)).eval(), FAMILY.card, {}, "none")


def bench(data, network, tmp_path, *methods, images=4):
    rows = np.arange(4, 12)
    judged = np.tile(np.linspace(-1, 1, 1 + len(SIZES), dtype=np.float32), (len(rows), 1))
    answered = Answered(Contestant("weighing", tmp_path, network, None), rows, judged, {})
    options = Options(resampling=Resampling(100), explain=methods, explain_images=images)
    return Bench(data, rows, (answered,), options, "test", (np.arange(4),))


def uncounted():
    return Counting(lambda done, total: None, images=1, methods=1)


def values(found):
    return {name: each.value for name, each in found.estimates["weighing"].items()}


def test_relevance_that_is_known_lies_in_the_very_lesions_that_networks_are_judged_by(data, network, weights, tmp_path):
    asked = bench(data, network, tmp_path, "gradient", "gradient-x-input", "integrated-gradients-zero", images=100)
    found = values(of_lesions.measure(asked))
    expected = {name: [] for name in MEASURED}
    for size in range(len(SIZES)):
        shown, lesions = with_lesions(np.array(data.images[asked.rows]), asked.rows, size)
        for image, lesion in zip(shown.astype(float), lesions, strict=True):
            relevance, tissue = abs(weights * image), image > 0
            half = lesion.any((1, 2)).argmax()
            expected["inside"].append(relevance[lesion].sum() / relevance.sum())
            expected["chance"].append(lesion.sum() / tissue.sum())
            expected["half"].append(relevance[half].sum() / relevance.sum())
            expected["half_chance"].append(tissue[half].sum() / tissue.sum())
            expected["auc"].append(metrics.roc_auc_score(lesion[tissue], relevance[tissue]))
            order = np.argsort(-relevance[tissue])[: lesion.sum()]
            expected["precision"].append(lesion[tissue][order].mean())
            expected["background"].append(0)
    for name in MEASURED:
        assert found[f"map gradient-x-input: {name}"] == pytest.approx(np.mean(expected[name]), rel=1e-5)
        # The answer is linear: from an empty image its change is the same product.
        assert found[f"map integrated-gradients-zero: {name}"] == pytest.approx(np.mean(expected[name]), rel=1e-3)
    ratio = np.mean(expected["inside"]) / np.mean(expected["chance"])
    assert found["map gradient-x-input: times_chance"] == pytest.approx(ratio, rel=1e-5)
    shown, lesions = zip(
        *(with_lesions(np.array(data.images[asked.rows]), asked.rows, n) for n in range(10)), strict=True
    )
    differences = [abs(image[0].astype(float) - image[1]) for each in shown for image in each]
    inside = [
        both[lesion.any(0)].sum() / sum(both[tissue].sum() for tissue in image > 0)
        for both, image, lesion in zip(differences, np.concatenate(shown), np.concatenate(lesions), strict=True)
    ]
    assert found["map no network: difference of the halves: inside"] == pytest.approx(np.mean(inside), rel=1e-5)
    tissue = np.array(data.images[asked.rows]) > 0
    outside = np.mean([abs(weights)[None].repeat(2, 0)[~each].sum() / (2 * abs(weights).sum()) for each in tissue])
    assert found["map gradient: background"] == pytest.approx(outside, rel=1e-5)


def test_figures_of_each_size_are_in_the_record_with_the_lesions_that_the_network_finds(data, network, tmp_path):
    found = of_lesions.measure(bench(data, network, tmp_path, "gradient-x-input", images=3))
    record = found.more["maps"]["weighing"]
    each = [record["methods"]["gradient-x-input"][str(size)]["chance"]["value"] for size in SIZES]
    assert each == sorted(each)
    assert list(record["lesions_found"].values()) == [0] * 5 + [1] * 5  # values above 0
    assert found.more["maps"]["slices"] == 3


def test_methods_with_references_compare_a_slice_with_those_of_other_families_alone(data, network, weights):
    others = halves.Others.of(data, np.arange(len(data)), 5, seed=0)
    rows = [row for row in range(len(data)) if any(np.array_equal(data.images[row], each) for each in others.slices)]
    assert len(rows) == 8 and not {4, 5} & set(rows)  # both slices of one person
    image = np.array(data.images[5]).astype(float)
    explainer = Explainer(halves.explained(network), ["gradient-x-difference"], uncounted())
    (relevance,) = explainer.maps(halves.image_of(image), others.adapted).values()
    expected = abs(weights * (image - others.slices.mean(0)))
    np.testing.assert_allclose(halves.halves_of(relevance), expected, rtol=1e-4, atol=1e-3)
    alone = halves.Others.of(data, np.array([4, 5]), 5, seed=0)
    with pytest.raises(InputError, match="there are none"):
        explainer.maps(halves.image_of(image), alone.adapted)


def test_a_network_says_of_halves_below_each_other_what_it_says_of_halves(data):
    torch.manual_seed(0)
    network = Hemispheres(FAMILY.architecture()).eval()
    pair = np.array(data.images[:3]).astype(np.float32)
    below = np.concatenate([halves.image_of(each).data for each in pair])
    with torch.no_grad():
        apart = network.compared(torch.from_numpy(np.concatenate([pair[:, :1], pair[:, 1:]])))
        np.testing.assert_allclose(network.of_halves().raw(torch.from_numpy(below)), apart, rtol=1e-5, atol=1e-6)


def test_shares_auc_and_precision_are_those_of_quantus():
    quantus = pytest.importorskip("quantus")
    dice = np.random.default_rng(5)
    for _ in range(5):
        relevance, lesion = dice.gamma(1, size=(2, 20, 25)), np.zeros((2, 20, 25), bool)
        lesion[1, 4:9, 5:12] = dice.random((5, 7)) < 0.8
        found = dict(zip(MEASURED, located(relevance, np.ones_like(lesion), lesion), strict=True))
        shape = (1, 1, 40, 25)
        given = {"x_batch": np.ones(shape), "y_batch": np.zeros(1, int), "model": None}
        given |= {"a_batch": relevance.reshape(shape), "s_batch": lesion.reshape(shape)}
        options = {"disable_warnings": True, "abs": True, "normalise": False}
        assert found["inside"] == pytest.approx(quantus.RelevanceMassAccuracy(**options)(**given)[0])
        assert found["precision"] == pytest.approx(quantus.RelevanceRankAccuracy(**options)(**given)[0])
        assert found["auc"] == pytest.approx(quantus.AUC(**options)(**given)[0])


def test_the_lesion_itself_is_the_best_map_and_an_empty_map_is_chance():
    lesion = np.zeros((2, 10, 10), bool)
    lesion[0, 2:5, 3:6] = True
    tissue = np.ones_like(lesion)
    best, empty = (
        dict(zip(MEASURED, located(each, tissue, lesion), strict=True)) for each in (lesion.astype(float), lesion * 0.0)
    )
    assert [best[name] for name in ("inside", "half", "auc", "precision")] == [1] * 4
    assert (empty["inside"], empty["auc"], empty["precision"]) == (0, 0.5, pytest.approx(9 / 200))
    assert np.isnan(located(lesion * 1.0, tissue, lesion & False)).all()


# ------------------------------------------------------------------------------------------------------------ commands


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("symmetry")
    made_slices(place / "data", 12)
    how = ("--backbone", "halves-resnet-tiny", "--epochs", "1", "--batch", "8", "--fractions", ".4", ".2", ".4")
    result = train("symmetry", place / "data", "--out", place / "run", *how)
    assert result.exit_code == 0, result.output
    return place


def contents(folder):
    """All but the record, which has the time."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != PROVENANCE}


def said(result):
    return " ".join(result.output.split())


@pytest.mark.slow
def test_maps_have_a_section_tables_and_a_figure_and_two_evaluations_are_the_same_to_the_byte(
    run, tmp_path, monkeypatch
):
    monkeypatch.setattr(progress, "_LINE_EVERY", 0.0)
    words = ("--explain", "gradient", "--explain", "deviation", *FEW)
    for name in ("a", "b"):
        result = evaluate(run / "run", run / "data", "--out", tmp_path / name, *words)
        assert result.exit_code == 0, result.output
    assert "share of relevance inside the lesion (chance" in said(result)
    assert all(f" {done} of {2 * len(SIZES)} maps" in result.output for done in range(2 * len(SIZES) + 1))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    names = set(contents(tmp_path / "a"))
    assert {"maps-1.tsv", "maps-inside-1.tsv", "maps-auc-1.tsv", "maps-by-size-1.png", "maps-by-size-1.svg"} <= names
    page = (tmp_path / "a/index.html").read_text()
    assert "Maps of 1 slice" in page and "deviation" in page
    record = json.loads((tmp_path / "a/metrics.json").read_text())
    assert record["settings"]["explain"] == ["gradient", "deviation"]
    figures = record["checkpoints"]["run/best-auc"]["figures"]
    inside = figures["map deviation: inside"]
    assert 0 <= inside["value"] <= 1 and inside["low"] is inside["high"] is None  # of a single family


def test_all_methods_leave_out_those_that_cannot_and_say_why(data, network):
    explainer = Explainer(halves.explained(network), ["all"], uncounted())
    image = halves.image_of(np.array(data.images[0]))
    found = explainer.maps(image, halves.Others.of(data, np.arange(len(data)), 0, 0).adapted)
    assert set(found) == set(explainer.methods) and "gradient" in found and "occlusion" not in found
    assert "pieces of" in explainer.left_out["meaningful-perturbation"]
    assert "needs a network whose ReLUs" in explainer.left_out["guided-backprop"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--explain", "voodoo"), "--explain voodoo: there is no such method"),
        (("--explain", "occlusion"), "needs the regions of an atlas"),
        (("--explain", "gradient", "--engine", "dask"), "on this machine only, not by --engine dask"),
        (("--explain", "meaningful-perturbation"), "--explain meaningful-perturbation:"),
    ],
)
def test_what_cannot_be_explained_is_refused_in_a_sentence(run, tmp_path, words, expected):
    result = evaluate(run / "run", run / "data", "--out", tmp_path / "e", *words, *FEW)
    assert result.exit_code == 3 and expected in said(result), result.output
    assert not (tmp_path / "e").exists()


def test_a_dry_run_says_how_many_maps_there_would_be(run, tmp_path):
    words = ("--out", tmp_path / "e", "--explain", "gradient", "--explain", "lrp", "--explain-images", "4", "--dry-run")
    result = evaluate(run / "run", run / "data", *words)
    assert result.exit_code == 0 and "maps: 4 images by 2 methods, gradient, lrp" in said(result)


def test_other_recipes_say_which_have_maps(tmp_path):
    made_twins(tmp_path / "data", pairs=12)
    how = ("--backbone", "unet-tiny", "--epochs", "1", "--batch", "12", "--fractions", ".4", ".3", ".3")
    train("twins", tmp_path / "data", "--out", tmp_path / "run", *how)
    result = evaluate(tmp_path / "run", tmp_path / "data", "--out", tmp_path / "e", "--explain", "gradient")
    assert result.exit_code == 3 and "judges maps of symmetry" in said(result) and "not of twins" in said(result)


def test_slices_of_a_single_person_have_nobody_to_be_compared_with(run, tmp_path):
    whole = open_data(run / "data")
    items = [Item(n, "somebody", f"{n}.png") for n in range(6)]
    write_data(tmp_path / "d", Kind.SLICES, np.array(whole.images[:6]), items)
    words = ("--split", "all", "--out", tmp_path / "e", *FEW)
    result = evaluate(run / "run", tmp_path / "d", *words, "--explain", "deviation-smooth")
    assert result.exit_code == 3 and "slices of other people, and there are none" in said(result)
    result = evaluate(run / "run", tmp_path / "d", *words, "--explain", "gradient")
    assert result.exit_code == 0, result.output
