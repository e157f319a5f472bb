"""What a network may be called: a run, a checkpoint or the built-in one, wherever a command asks for one."""

import json
import shutil

import pytest
import torch
from made_asking import PEOPLE, RUN, ask, image_of, made_place

from wbtools import model
from wbtools.errors import InputError
from wbtools.training.runs.chosen import place_of


@pytest.fixture(scope="module")
def place(made_once):
    """A study, its data set and three networks, for reading only."""
    return made_once("asked_about", made_place)


@pytest.fixture(scope="module")
def run(place, tmp_path_factory):
    """A finished run whose first criterion is `f1`, with the U-Net as its best; its other checkpoints hold nothing."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    for name in ("best-f1", "best-auc", "last"):
        shutil.copy(place / "unet.json", folder / f"{name}.json")
        (folder / f"{name}.pt").write_bytes(b"no network")
    shutil.copy(place / "unet.pt", folder / "best-f1.pt")
    best = {name: {"epoch": 0, "value": 0.5, "loss": 1.0} for name in ("f1", "auc")}
    (folder / "run.json").write_text(json.dumps({**RUN, "finished": {"epochs": 1, "best": best}}))
    return folder


def test_a_run_is_its_best_checkpoint_by_the_first_criterion(run):
    assert place_of(run) == run / "best-f1.pt"


def test_everything_but_a_folder_and_the_built_in_name_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(place_of("lab.networks:build")) == "lab.networks:build"
    assert place_of("demo") == model.built_in_file()
    (tmp_path / "demo").mkdir()  # where somebody keeps people, perhaps
    assert place_of("demo") == model.built_in_file()
    (tmp_path / "demo").rmdir()
    (tmp_path / "demo").write_bytes(b"somebody's own")
    assert str(place_of("demo")) == "demo"


def test_a_folder_without_a_run_is_said_with_what_to_give(tmp_path):
    with pytest.raises(InputError, match="is no run") as caught:
        place_of(tmp_path)
    assert "--out of wbtools train, or a checkpoint" in caught.value.hint


WORDS = {
    "compare": ("compare", "100", "105", "--study-folder", "{study}"),
    "classify": ("classify", "100", "--study-folder", "{study}", "--examples", "{data}", "--label", "sex"),
    "index": ("index", "{data}", "--out", "{out}", "--dry-run"),
    "query": ("query", "100", "--study-folder", "{study}", "--index", "{index}"),
    "export-subject": ("export-subject", "{image}", "--dry-run", "--out", "{out}"),
    "make-references": ("make-references", "{images}", "--out", "{out}", "--dry-run"),
}


@pytest.mark.parametrize("command", WORDS)
def test_every_command_takes_a_run_as_it_takes_its_checkpoint(command, place, run, tmp_path):
    index = tmp_path / "index.npz"
    if command == "query":
        assert ask("index", place / "data", "--model", run, "--out", index).exit_code == 0
    images = tmp_path / "images"
    images.mkdir()
    for person in PEOPLE[:4]:
        shutil.copy(image_of(place / "study", person), images / f"{person}.nii.gz")
    known = {"study": place / "study", "data": place / "data", "out": tmp_path / "out", "index": index}
    known |= {"images": images, "image": images / "100.nii.gz"}
    words = [word.format(**known) for word in WORDS[command]]
    by_run, by_file = (ask(*words, "--model", network) for network in (run, run / "best-f1.pt"))
    assert by_file.exit_code == 0, by_file.output
    assert by_run.output.replace(f"{run} ", "") == by_file.output.replace(f"{run / 'best-f1.pt'} ", "")
    assert by_run.exit_code == 0


def test_whom_a_run_learned_from_is_said_when_the_run_is_named(place, run):
    said = ask("compare", "100", "101", "--study-folder", place / "study", "--model", run).output
    assert "101 is among the training people" in said


def test_a_dry_run_says_that_the_network_learned_from_the_person(place, run, tmp_path):
    image = tmp_path / "101.nii.gz"
    shutil.copy(image_of(place / "study", "101"), image)
    said = ask("export-subject", image, "--dry-run", "--out", tmp_path / "out", "--model", run)
    assert said.exit_code == 0 and "note: 101 is among the training people" in said.output


def test_a_run_in_the_working_directory_says_nothing_of_a_network_that_python_builds(place, run, monkeypatch):
    from wbtools.subject.training_record import said_of

    monkeypatch.chdir(run)
    assert said_of(place_of("lab.networks:build"), ("101",)) == ()


def test_the_built_in_network_compares_people_by_its_name(place):
    from wbtools.asking.people import find, shown

    words = ("compare", "100", "105", "--study-folder", place / "study", "--model", "demo")
    run = ask(*words)
    network = model.built_in()
    images = [shown(person, network).image.data for person in find(place / "study", ("100", "105"))]
    with torch.no_grad():
        mine, its = (network.network.raw(torch.from_numpy(image)).double() for image in images)
    assert run.exit_code == 0, run.output
    assert f"cosine distance to 105 {1 - float(torch.cosine_similarity(mine, its)):.4f}" in run.output
    assert "built-in demonstration network" in run.output


def test_the_built_in_network_is_refused_in_a_sentence_where_it_does_not_fit(place, tmp_path):
    run = ask("index", place / "data", "--model", "demo", "--out", tmp_path / "index.npz")
    assert run.exit_code == 3 and "shape 30 x 36 x 30, not 43 x 51 x 43" in run.output
    run = ask("classify", "100", "--study-folder", place / "study", "--model", "demo")
    assert run.exit_code == 3 and "has no classes" in run.output


def test_a_run_without_checkpoint_is_told_to_wait(run, tmp_path):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("*.pt", "*.json"))
    (tmp_path / "run" / "run.json").write_text(json.dumps(RUN))
    found = ask("models", tmp_path / "run")
    assert found.exit_code == 3 and "has no checkpoint yet" in found.output


def test_a_finished_run_without_its_best_checkpoint_is_not_taken_for_another(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "best-f1.pt").unlink()
    found = ask("models", tmp_path / "run")
    assert found.exit_code == 3 and "has no best-f1.pt any more" in found.output


@pytest.mark.parametrize(
    "damage",
    [{"finished": {"best": None}}, {"split": {**RUN["split"], "people": {"train": [{}], "val": [], "test": []}}}],
)
def test_a_damaged_record_of_a_run_is_said(damage, run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text(json.dumps({**RUN, **damage}))
    found = ask("models", tmp_path / "run")
    assert found.exit_code == 3 and ("is damaged" in found.output or "does not say who" in found.output), found.output
