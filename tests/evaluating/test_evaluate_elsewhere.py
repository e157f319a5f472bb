"""Checkpoints asked by Slurm and Dask: the evaluation of a single machine, whoever computed its answers."""

import json

import pytest
import torch
from click.testing import CliRunner
from made_learning import made_twins, train

from wbtools.attribution.runtime.threads import Shared, in_order
from wbtools.cli import main
from wbtools.evaluating import piecewise
from wbtools.evaluating.planning import Asked
from wbtools.evaluating.recipes.evaluation import Options
from wbtools.model.family import Network
from wbtools.output.ownership import PROVENANCE

QUICK = ("--backbone", "unet-tiny", "--epochs", "1", "--rate", "2e-3", "--batch", "12", "--set", "accumulate=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set and a run."""
    place = tmp_path_factory.mktemp("evaluate")
    made_twins(place / "data", pairs=12)
    result = train("twins", place / "data", "--out", place / "run", *QUICK, "--fractions", ".4", ".3", ".3")
    assert result.exit_code == 0, result.output
    return place


def evaluate(folder, out, *words, cluster=None):
    asked = ["evaluate", folder / "run", folder / "data", "--out", out, "--resamples", 100, *words]
    asked += cluster.words if cluster else ()
    result = CliRunner(env=dict(cluster.environment) if cluster else None).invoke(main, [*map(str, asked)])
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def contents(folder):
    """All but the record, which has the time."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != PROVENANCE}


@pytest.fixture(scope="module")
def here(folder):
    """What this machine evaluates by itself, an image at a time."""
    evaluate(folder, folder / "here", "--jobs", 1)
    return contents(folder / "here")


@pytest.mark.parametrize("engine", ["slurm", "dask"])
def test_tables_and_figures_are_those_of_a_single_machine_and_nothing_else_is_left(
    folder, here, tmp_path, cluster, engine
):
    evaluate(folder, tmp_path / "there", "--piece", 1, cluster=cluster(engine))
    assert contents(tmp_path / "there") == here
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_dry_run_shows_the_script_and_writes_nothing(folder, tmp_path, cluster):
    said = evaluate(folder, tmp_path / "there", "--dry-run", cluster=cluster("slurm"))
    assert "engine: slurm, 1 piece" in said and "#SBATCH --array=0-0" in said and "there.pieces" in said
    assert not list(tmp_path.iterdir())


def test_what_a_job_is_made_of_survives_being_kept(tmp_path):
    asked = Asked((tmp_path / "run",), tmp_path, tmp_path / "out", "val", "twins", Options(least_recall=0.5), "cuda:1")
    found = piecewise.job(json.loads(json.dumps(piecewise.as_json(asked))))
    assert (found.asked.places, found.asked.options, found.device) == (asked.places, asked.options, "cuda:1")
    assert found.asked.device == "cpu", "a process that forks must not wake a card"


class Remembering(Network):
    """Somebody's network that keeps what it was shown until it answers."""

    movable = False

    def forward(self, x):
        self.seen = x
        torch.linalg.inv(torch.rand(200, 200))  # others get a turn
        return self.seen.mean((1, 2))


def test_networks_that_keep_things_as_they_run_answer_each_thread_about_its_own_image():
    shared = Shared(Remembering())

    def ask(value):
        with shared.lent() as network, torch.inference_mode():
            return network(torch.full((1, 4, 4), float(value))).item()

    assert list(in_order(ask, range(200), 8)) == list(range(200))


def test_networks_that_cannot_be_copied_take_turns():
    network = Remembering()
    network.kept = torch.ones(2, requires_grad=True) * 2  # torch copies no results
    shared = Shared(network)

    def ask(value):
        with shared.lent() as lent, torch.inference_mode():
            assert lent is network
            return lent(torch.full((1, 4, 4), float(value))).item()

    assert list(in_order(ask, range(100), 8)) == list(range(100))


def test_results_come_in_order_one_thread_each_and_an_error_ends_the_rest():
    counts, begun = [], []

    def work(number):
        begun.append(number)
        counts.append(torch.get_num_threads())
        if number == 5:
            raise ValueError(number)
        return number

    before, seen = torch.get_num_threads(), []
    with pytest.raises(ValueError, match="5"):
        seen.extend(in_order(work, range(1000), 2))
    assert max(begun) < 12 and set(counts) == {1} and torch.get_num_threads() == before


def test_answers_of_a_batch_do_not_depend_on_how_many_are_computed_at_a_time(folder, here, tmp_path):
    evaluate(folder, tmp_path / "three", "--jobs", 3)
    assert contents(tmp_path / "three") == here
