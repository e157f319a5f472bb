"""`wbtools train`: runs, what they leave, and what they refuse."""

import dataclasses
import json
import os
import re
import resource
import shlex
import shutil
from functools import partial

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from forked import wbtools
from made_learning import (
    SHAPE,
    killed_after,
    lines,
    made_classes,
    made_pictures,
    made_slices,
    made_twins,
    same_weights,
    train,
    weights,
)

from wbtools import model as models
from wbtools.cli import main
from wbtools.datasets import Item, Kind, open_data, write_data
from wbtools.errors import CheckpointError, InputError
from wbtools.images import nifti
from wbtools.training.recipes import RECIPES, recipe_named
from wbtools.training.runs import training as runs
from wbtools.training.runs.folder import RunFolder
from wbtools.training.runs.starting import Asked, plan
from wbtools.training.settings import Settings, described

QUICK = ("--backbone", "unet-tiny", "--epochs", "3", "--rate", "2e-3", "--batch", "12", "--set", "accumulate=2")


@pytest.fixture(scope="module")
def run(twins, tmp_path_factory):
    """A finished run, and what it printed."""
    folder = tmp_path_factory.mktemp("run") / "run"
    result = train("twins", twins, "--out", folder, *QUICK)
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_the_commands_that_follow_a_run_whose_folder_begins_with_a_dash_can_be_typed(twins, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = train("twins", twins, "--out=-run", *QUICK, "--epochs", "1")
    assert result.exit_code == 0, result.output
    lines = re.findall(r"(?:Next|Then):  wbtools (.*)", result.output)
    assert lines[0] == f"evaluate ./-run {twins} --split test --out ./-run-evaluated" and " ./-run/best-" in lines[1]
    done = CliRunner().invoke(main, [*shlex.split(lines[0]), "--split", "train", "--dry-run"])
    assert done.exit_code == 0, done.output


def said(result):
    return " ".join(result.output.split())


def test_a_run_leaves_a_checkpoint_and_a_card_for_each_of_five_criteria_and_the_last_epoch(run):
    folder, printed = run
    names = {f"best-{name}" for name in ("auc", "f1", "gap", "separability", "loss")} | {"last"}
    assert {path.stem for path in folder.glob("*.pt")} == names | {"state"}
    assert {path.stem for path in folder.glob("*.json")} == names | {"run"}
    for name in names:
        loaded = models.load(folder / f"{name}.pt")
        assert not loaded.card.assumed and loaded.family == "unet"
        assert (loaded.card.shape, loaded.card.orientation, loaded.card.intensity) == (SHAPE, "LAS", "minmax")
        assert 0 <= loaded.threshold <= 2
    assert "wbtools export-subject SUBJECT --model" in printed


def test_a_checkpoint_says_what_the_network_said_when_it_was_validated(run, twins):
    folder, _ = run
    network, data = models.load(folder / "last.pt").network, open_data(twins)
    rows = list(json.loads((folder / "run.json").read_text())["split"]["parts"]["val"])
    with torch.no_grad():
        embeddings = network(torch.from_numpy(np.array(data.images[rows])))
    distance = 1 - embeddings @ embeddings.T
    twin = np.array([data.items[row].labels["twin"] for row in rows])
    together = distance[np.triu(twin[:, None] == twin, 1)]
    assert lines(folder)[-1]["val"]["together_mean"] == pytest.approx(float(together.mean()), rel=1e-4)


def test_the_log_has_a_line_for_every_epoch_and_the_schedule_ends_where_it_was_planned_to(run):
    folder, _ = run
    log = lines(folder)
    assert [line["epoch"] for line in log] == [1, 2, 3]
    assert set(log[0]["train"]) == {"loss", "triplets", "spread"}
    assert log[-1]["rate"] == pytest.approx(2e-3 / 50 / 1000)


def test_the_reference_is_the_mean_of_the_training_brains_and_nobody_is_given_away(run, twins):
    folder, _ = run
    parts = json.loads((folder / "run.json").read_text())["split"]["parts"]
    images = np.array(open_data(twins).images[parts["train"], 0])
    mean = nifti.read_volume(folder / "reference.nii.gz")
    assert mean.data == pytest.approx(images.mean(0), abs=1e-5)
    loaded = models.load(folder / "last.pt")
    assert loaded.reference == folder / "reference.nii.gz"
    assert 1 <= len(loaded.reference_set) < len(images) / 2
    made = [nifti.read_volume(path).data for path in loaded.reference_files]
    nearest = max(np.corrcoef(other.ravel(), image.ravel())[0, 1] for other in made[1:] for image in images)
    assert nearest < 0.9


def test_a_card_of_a_run_with_another_shape_than_the_training_images_had_is_refused(run, tmp_path):
    folder = shutil.copytree(run[0], tmp_path / "run")
    card = folder / "last.json"
    kept = json.loads(card.read_text())
    for brain in folder.glob("reference*"):  # the record alone is enough
        brain.unlink()
    for shape in ([24, 28, 24], list(SHAPE)):
        card.write_text(json.dumps({**kept, "shape": shape, "reference": "", "reference_components": []}))
        if shape == list(SHAPE):
            assert models.load(folder / "last.pt").card.shape == SHAPE
            continue
        with pytest.raises(CheckpointError, match="was trained on images of 12 x 14 x 12 voxels, as run") as said:
            models.load(folder / "last.pt")
        assert said.value.exit_code == 3 and str(list(SHAPE)) in said.value.hint
    alone = {"reference": "", "reference_components": [], "provenance": {}}
    card.write_text(json.dumps({**kept, "shape": [24, 28, 24], **alone}))
    assert models.load(folder / "last.pt").card.shape == (24, 28, 24)  # of whichever data
    card.unlink()
    assert models.load(folder / "last.pt").card.assumed  # nobody knows whether it belongs to the run


def test_some_training_brains_are_written_when_they_are_asked_for(twins, tmp_path):
    result = train("twins", twins, "--out", tmp_path / "run", *QUICK[:2], "--epochs", "1", "--references", "brains")
    assert result.exit_code == 0, result.output
    loaded = models.load(tmp_path / "run/last.pt")
    parts = json.loads((tmp_path / "run/run.json").read_text())["split"]["parts"]
    known = [open_data(twins).images[row, 0] for row in parts["train"]]
    for path in loaded.reference_set:
        assert min(np.abs(nifti.read_volume(path).data - brain).max() for brain in known) < 1e-6
    assert not loaded.card.reference_components


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_is_explained_in_words_that_need_no_source(name):
    recipe = recipe_named(name)
    for value in (recipe.settings, recipe.options):
        meant = described(value)
        assert list(meant) == [field.name for field in dataclasses.fields(value)]
        assert all(text.endswith(".") and not re.search("[A-Z]{3}", text) for text in meant.values())


def test_a_dry_run_lists_all_settings_and_writes_nothing(twins, tmp_path):
    result = train("twins", twins, "--out", tmp_path / "run", "--dry-run", "--set", "mining=semi-hard")
    assert result.exit_code == 0, result.output
    for name in [field.name for field in dataclasses.fields(Settings)] + ["margin"]:
        assert f"\n  {name}=" in result.output
    assert "mining=semi-hard" in result.output and not (tmp_path / "run").exists()
    meant = " ".join(result.output.partition("settings (--set NAME=VALUE):")[2].split())
    assert re.search(r"accumulate=\d+ Batches whose gradients make one step of the optimiser\.", meant)
    assert "margin=0.1 By which a twin should be closer, cosine distance." in meant
    (backbones,) = (row for row in result.output.splitlines() if row.startswith("backbone:"))
    named = [word.strip() for word in re.split("[,;:]|also", backbones)]
    assert named.count("unet") == 1 and "resnet-18" in named


def test_best_is_said_of_an_epoch_only_by_criteria_that_it_improved(twins, tmp_path):
    result = train("twins", twins, "--out", tmp_path / "run", *QUICK[:2], "--epochs", "4")
    told = [row.partition("best by ")[2].split(" (")[0] for row in result.output.splitlines() if "epoch " in row]
    log, best = lines(tmp_path / "run"), {}
    for row, words in zip(log, told[: len(log)], strict=True):
        figures = row["val"]
        named = set(filter(None, words.split(", ")))
        assert named <= set(row["best"]) and (not named or row["epoch"] > 1)
        for name in row["best"]:
            assert row["epoch"] == 1 or (name in named) == (figures[name] != best[name])
            best[name] = figures[name]


def test_the_end_names_the_command_that_judges_and_then_the_export(run, twins):
    folder, output = run
    output = " ".join(output.split())
    assert f"Next: wbtools evaluate {folder} {twins} --split test --out {folder}-evaluated" in output
    assert f"Then: wbtools export-subject SUBJECT --model {folder}/best-auc.pt" in output


def test_models_takes_the_folder_of_a_run_and_calls_its_figures_those_of_validation(run):
    folder, _ = run
    result = CliRunner().invoke(main, ["models", str(folder)], terminal_width=200)
    assert result.exit_code == 0 and "best-auc.pt" in result.output
    rows = dict(row.strip().split("  ", 1) for row in result.output.splitlines() if "  " in row.strip())
    assert rows["held-out performance"].strip() == "not stated"
    assert "auc" in rows["on validation data"] and "validation_" not in result.output
    result = CliRunner().invoke(main, ["models", str(folder / "best-f1.json")])
    refused(result, "is a card", f"give the network: {folder / 'best-f1.pt'}")


# ------------------------------------------------------------------------------------------------------ interruptions


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "make", "how"),
    [
        ("twins", made_twins, ("--backbone", "unet-tiny", "--batch", "6", "--set", "accumulate=2")),
        ("classes", made_classes, ("--backbone", "mrinet-small", "--batch", "4", "--set", "milestones=1,2")),
        ("classes", made_classes, ("--backbone", "stack-resnet-tiny", "--batch", "4", "--set", "plane=coronal")),
        ("hashing", made_classes, ("--batch", "4", "--set", "queue=12")),
        (
            "symmetry",
            partial(made_slices, people=7),
            ("--backbone", "halves-resnet-tiny", "--batch", "5", "--set", "sizes=40"),
        ),
        (
            "contrastive",
            partial(made_pictures, each=14),
            ("--backbone", "densenet2d-tiny", "--batch", "3", "--set", "examples=2", "--set", "pairs=12"),
        ),
    ],
)
def test_a_run_killed_in_an_epoch_and_short_of_disk_later_ends_as_one_that_was_never_stopped(
    recipe, make, how, tmp_path
):
    make(tmp_path / "data")
    words, how = (recipe, tmp_path / "data", "--out"), (*how, "--epochs", "3", "--set", "average=.9")
    whole = train(*words, tmp_path / "whole", *how)
    assert whole.exit_code == 0, whole.output

    run = tmp_path / "stopped"
    killed_after(wbtools("train", *words, run, *how), run, 1)
    kept = {path: path.read_bytes() for path in run.glob("*.pt")}

    short = wbtools("train", *words, run, *how, "--resume", limits={resource.RLIMIT_FSIZE: 20_000})
    output = " ".join(short.communicate()[0].split())
    assert short.returncode == 75 and "epochs that were finished are kept" in output and "--resume" in output
    assert {path: path.read_bytes() for path in run.glob("*.pt")} == kept

    again = train(*words, run, *how, "--resume")
    assert again.exit_code == 0, again.output
    assert lines(run) == lines(tmp_path / "whole")
    for path in sorted((tmp_path / "whole").glob("*.pt")):
        if path.stem != "state":
            assert same_weights(path, run / path.name), path.name


def test_a_finished_run_can_be_resumed_and_stays_as_it_is(run, twins):
    folder, _ = run
    before = {path.name: path.read_bytes() for path in folder.glob("*.pt")}
    result = train("twins", twins, "--out", folder, "--resume")
    assert result.exit_code == 0, result.output
    assert {path.name: path.read_bytes() for path in folder.glob("*.pt")} == before


def test_early_stopping_ends_a_run_whose_first_criterion_gets_no_better(twins, tmp_path):
    how = (*QUICK[:2], "--epochs", "40", "--rate", "1e-12", "--set", "patience=2", "--set", "settle=0")
    result = train("twins", twins, "--out", tmp_path / "run", *how, "--set", "augment=no")
    assert result.exit_code == 0, result.output
    assert len(lines(tmp_path / "run")) < 40


def test_training_can_begin_with_the_weights_of_a_checkpoint(run, twins, tmp_path):
    folder, _ = run
    how = (*QUICK[:2], "--epochs", "1", "--rate", "1e-12", "--set", "weight_decay=0")
    result = train("twins", twins, "--out", tmp_path / "run", *how, "--init", folder / "last.pt")
    assert result.exit_code == 0, result.output
    name = "encoders.3.block.conv1.weight"
    assert torch.allclose(weights(tmp_path / "run/last.pt")[name], weights(folder / "last.pt")[name], atol=1e-6)


def test_a_run_that_began_with_a_checkpoint_and_has_no_state_yet_asks_for_the_same_one_again(run, twins, tmp_path):
    folder, _ = run
    given = folder / "last.pt"
    how = (*QUICK[:2], "--epochs", "1", "--rate", "1e-12", "--set", "weight_decay=0")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert train("twins", twins, "--out", whole, *how, "--init", given).exit_code == 0
    cut.mkdir()
    shutil.copy(whole / "run.json", cut)  # all that a run leaves that is killed before its first state
    refused(train("twins", twins, "--out", cut, "--resume"), "has finished no epoch", "give the same --init again")
    refused(train("twins", twins, "--out", cut, "--resume", "--init", folder / "best-f1.json"), "--init cannot be")
    assert train("twins", twins, "--out", cut, "--resume", "--init", given).exit_code == 0
    assert same_weights(cut / "last.pt", whole / "last.pt")
    assert train("twins", twins, "--out", cut, "--resume").exit_code == 0  # its weights are in the state now


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_weights_to_begin_with_are_looked_at_before_anything_is_written(twins, tmp_path, dry):
    out = tmp_path / "run"
    how = ("--out", out, *QUICK[:2], *dry)
    refused(train("twins", twins, *how, "--init", tmp_path / "nowhere.pt"), "does not exist")
    (tmp_path / "text.pt").write_text("no checkpoint")
    refused(train("twins", twins, *how, "--init", tmp_path / "text.pt"), "text.pt")
    torch.save({"model_state_dict": {"layer.weight": torch.zeros(2)}}, tmp_path / "other.pt")
    refused(train("twins", twins, *how, "--init", tmp_path / "other.pt"), "other.pt")
    assert not out.exists()


def test_of_two_runs_planned_for_one_new_folder_the_later_is_refused(twins, tmp_path):
    out = tmp_path / "run"
    late = plan(Asked("twins", twins, out, "unet-tiny", {"epochs": "1"}))
    assert train("twins", twins, "--out", out, *QUICK[:2], "--epochs", "1", "--seed", "7").exit_code == 0
    before = (out / "run.json").read_bytes()
    with pytest.raises(InputError, match="holds a run already"):
        runs.train(late)
    assert (out / "run.json").read_bytes() == before


# ------------------------------------------------------------------------------------------------------------ refusals


def refused(result, sentence, hint=""):
    assert result.exit_code == 3, result.output
    assert sentence in said(result) and hint in said(result)
    assert "Traceback" not in result.output


def test_a_run_is_not_overwritten_and_not_mixed_with_other_settings(run, twins, tmp_path):
    folder, _ = run
    refused(train("twins", twins, "--out", folder, *QUICK), "holds a run already", "add --resume to go on")
    refused(train("twins", twins, "--out", folder, *QUICK), "to train anew, choose another --out, or remove that")
    refused(
        train("twins", twins, "--out", folder, "--resume", "--epochs", "9"),
        "began with epochs=3, not 9",
        "planned for all",
    )
    refused(
        train("twins", twins, "--out", folder, "--resume", "--set", "mining=random"), "with mining=hard, not random"
    )
    refused(train("twins", twins, "--out", folder, "--resume", "--backbone", "resnet"), "--backbone cannot be changed")
    refused(train("twins", twins, "--out", tmp_path, "--resume"), "holds no run to resume")
    (tmp_path / "notes.txt").write_text("mine")
    refused(train("twins", twins, "--out", tmp_path), "is not empty")


def test_the_same_parts_may_be_asked_for_again_on_resume_and_others_may_not(twins, tmp_path):
    words = ("twins", twins, "--out", tmp_path / "run", *QUICK, "--fractions")
    assert train(*words, ".6", ".2", ".2").exit_code == 0
    again = train(*words, ".6", ".2", ".2", "--resume")
    assert again.exit_code == 0, again.output
    refused(train(*words, ".5", ".3", ".2", "--resume"), "--fractions cannot be changed")
    refused(train(*words[:-1], "--fold", "1/3", "--resume"), "--fold or --fractions cannot be changed")


def test_a_changed_data_set_is_refused_on_resume(run, tmp_path):
    folder, _ = run
    made_twins(tmp_path / "other", seed=5)
    refused(train("twins", tmp_path / "other", "--out", folder, "--resume"), "is not the data set that the run")


def test_a_single_changed_voxel_is_refused_on_resume(twins, tmp_path):
    made_twins(tmp_path / "data")
    assert train("twins", tmp_path / "data", "--out", tmp_path / "run", *QUICK[:2], "--epochs", "1").exit_code == 0
    images = np.load(tmp_path / "data/images.npy", mmap_mode="r+")
    images[3, 0, 5, 5, 5] += 0.1
    images.flush()
    refused(train("twins", tmp_path / "data", "--out", tmp_path / "run", "--resume"), "has changed since it was made")


def test_weights_that_grow_without_limit_end_in_a_sentence(twins, tmp_path):
    result = train("twins", twins, "--out", tmp_path / "run", *QUICK[:2], "--epochs", "1", "--rate", "1e30")
    assert result.exit_code == 5 and "no number any more" in said(result) and "--rate" in said(result), result.output


def test_images_that_are_no_numbers_are_refused_before_anything_is_written(tmp_path):
    data = made_twins(tmp_path / "data")
    images = np.array(data.images)
    images[:, 0, 6, 6, 6] = np.nan
    write_data(tmp_path / "nan", Kind.VOLUMES, images, data.items, data.manifest.card)
    result = train("twins", tmp_path / "nan", "--out", tmp_path / "run", *QUICK)
    refused(result, "has values that are no numbers")
    assert not (tmp_path / "run").exists()


def test_a_split_that_leaks_is_refused(tmp_path):
    data = made_twins(tmp_path / "data")
    parts = ["train"] * 12 + ["val"] * 8
    parts[11] = "val"  # the second twin of a pair
    items = [dataclasses.replace(item, split=part) for item, part in zip(data.items, parts, strict=True)]
    write_data(tmp_path / "leaks", Kind.VOLUMES, np.array(data.images), items, data.manifest.card)
    refused(train("twins", tmp_path / "leaks", "--out", tmp_path / "run"), "is in two parts of the split")


@pytest.mark.parametrize(
    ("pairs", "fractions"), [(3, None), (4, ".5 .5 0"), (5, ".4 .4 .2"), (6, ".5 .25 .25"), (8, ".6 .2 .2"), (9, "")]
)
def test_of_few_pairs_it_is_said_how_many_are_enough_or_which_fractions_are(tmp_path, pairs, fractions):
    asked = ("twins", made_twins(tmp_path / "data", pairs).folder, "--out", tmp_path / "run", *QUICK, "--dry-run")
    result = train(*asked)
    if fractions is None:
        refused(result, "has 3 pairs of twins, too few to train on", "4 are the least")
        refused(result, "9 are enough for the usual fractions")
        return
    if fractions:
        refused(result, f"has 1 pair of twins, and needs 2; there are {pairs} in all", f"give --fractions {fractions}")
        result = train(*asked, "--fractions", *fractions.split())
    assert result.exit_code == 0, result.output


def test_with_folds_it_is_their_number_that_has_to_change(tmp_path):
    data = made_twins(tmp_path / "data", 5).folder
    refused(train("twins", data, "--out", tmp_path / "run", "--fold", "1/4"), "needs 2; there are 5", "fewer folds")


def test_of_a_rare_class_it_is_said_how_many_images_are_the_least(tmp_path):
    data = made_classes(tmp_path / "data", 12)
    items = [dataclasses.replace(item, labels={"sex": "M" if item.row else "F"}) for item in data.items]
    write_data(tmp_path / "rare", Kind.VOLUMES, np.array(data.images), items, data.manifest.card)
    said = ("whose sex is F, 1 is the least", "prepare more images whose sex is F: there are 1, and 2 are the least")
    refused(train("classes", tmp_path / "rare", "--out", tmp_path / "run"), *said)


def test_what_a_recipe_needs_is_said_in_a_sentence(twins, tmp_path):
    data, out = made_classes(tmp_path / "classes", 12), ("--out", tmp_path / "run")
    refused(train("twins", data.folder, *out), "does not say who is whose twin", "wbtools prepare twins")
    record = json.loads((data.folder / "dataset.json").read_text())
    record["settings"] = {"recipe": "classes"}
    (data.folder / "dataset.json").write_text(json.dumps(record))
    refused(train("twins", data.folder, *out), "was made for classes, and does not say", "wbtools prepare twins")
    few = [Item(row, f"p{row}", f"{row}.nii.gz", labels={"twin": str(row // 3)}) for row in range(12)]
    write_data(tmp_path / "three", Kind.VOLUMES, np.array(data.images), few)
    refused(train("twins", tmp_path / "three", *out), "3 people of the twin pair")
    pictures = [Item(row, f"p{row}", f"{row}.png", labels={"twin": str(row // 2)}) for row in range(12)]
    write_data(tmp_path / "pictures", Kind.PICTURES, np.zeros((12, 1, 8, 8), np.uint8), pictures)
    refused(train("twins", tmp_path / "pictures", *out), "holds pictures, and twins learns from volumes")
    refused(train("twins", tmp_path / "none", *out), "does not exist")
    refused(train("twin", twins, *out), "'twin' is no recipe", "did you mean twins?")
    refused(train("twins", twins, *out, "--backbone", "vgg"), "'vgg' is no backbone of twins")
    refused(train("twins", twins, *out, "--set", "colour=red"), "'colour' is no setting")
    refused(train("twins", twins, *out, "--epochs", "many"), "epochs=many cannot be read", "give a whole number")
    refused(train("twins", twins, *out, "--set", "mining=soft"), "'soft' is no mining")
    refused(train("twins", twins, *out, "--device", "cuda:7"), "--device cuda:7 is not there")
    for name in ("meta", "mps", "cpu:5", "cuda:-1", "gpu"):
        refused(train("twins", twins, *out, "--device", name), f"--device {name} is no device that can train")
    refused(train("twins", twins, *out, "--device", "cuda:99999"), "--device cuda:99999 is not there")
    refused(train("twins", twins, *out, "--fold", "1/1000000000"), "more folds than there are images")
    for word in ("nan", "inf", "-inf"):
        refused(train("twins", twins, *out, "--rate", word), f"rate={word} is not finite")
        refused(train("twins", twins, *out, "--set", f"margin={word}", "--dry-run"), "margin=")
    refused(train("twins", twins, *out, "--seed", str(2**63)), "seed has more than 64 bits")
    refused(train("twins", twins, *out, "--epochs", "1e23"), "epochs=1e23 cannot be read")
    refused(train("twins", twins, *out, "--epochs", "9" * 23), "epochs has more than 64 bits")
    refused(
        train("twins", twins, "--out", twins / "run", "--dry-run"),
        "a data set, which stays as it is",
        "choose another --out",
    )
    refused(train("twins", twins, *out, "--fold", "4/3"), "--fold 4 of 3 does not exist")
    refused(train("twins", twins, *out, "--references", "all"), "'all' is no kind of references")
    assert not (tmp_path / "run").exists()


def test_names_of_classes_that_no_card_can_have_are_refused_before_anything_is_written(tmp_path):
    data = made_classes(tmp_path / "classes", 12)
    items = [dataclasses.replace(item, labels={"sex": item.labels["sex"] * 1500}) for item in data.items]
    write_data(tmp_path / "long", Kind.VOLUMES, np.array(data.images), items, data.manifest.card)
    how = ("--out", tmp_path / "run", "--references", "none")
    refused(train("classes", tmp_path / "long", *how, "--dry-run"), "classes have names of more than")
    refused(train("classes", tmp_path / "long", *how), "classes have names of more than", "shorten them")
    assert not (tmp_path / "run").exists()


def test_what_a_killed_run_was_writing_is_in_nobodys_way(twins, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / f".run.json.{32 * 'a'}").write_text("{")
    how = (*QUICK[:2], "--epochs", "1")
    assert train("twins", twins, "--out", run, *how).exit_code == 0
    (run / f".state.pt.{32 * 'b'}").write_text("half")
    (run / f".notes.txt.{32 * 'c'}").write_text("mine")
    assert train("twins", twins, "--out", run, "--resume").exit_code == 0
    assert [path.name[:11] for path in run.glob(".*")] == [".notes.txt."]


def test_without_the_extra_a_sentence_says_what_to_install(twins, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = train("twins", twins, "--out", tmp_path / "run")
    refused(result, "training needs pytorch-metric-learning", "pip install pytorch-metric-learning")


def test_two_processes_do_not_train_in_one_folder(run, twins):
    folder, _ = run
    with RunFolder(folder).locked():
        refused(train("twins", twins, "--out", folder, "--resume"), "another process is training in")


def test_a_damaged_state_is_refused(twins, tmp_path):
    run = tmp_path / "run"
    assert train("twins", twins, "--out", run, *QUICK[:2], "--epochs", "1").exit_code == 0
    (run / "state.pt").write_bytes((run / "state.pt").read_bytes()[:5000])
    refused(train("twins", twins, "--out", run, "--resume"), "state.pt is damaged")


def test_a_damaged_record_is_refused_whichever_key_is_missing_or_of_another_kind(run, twins, tmp_path):
    whole = json.loads((run[0] / "run.json").read_text())
    needed = (
        "recipe",
        "backbone",
        "settings",
        "options",
        "references",
        "split",
        "data_sha256",
        "init_sha256",
        "threads",
    )
    wrong = [{**whole, name: value} for name in (*needed, "reference_files") for value in (None, 1.5, [1])]
    wrong += [{key: value for key, value in whole.items() if key != name} for name in needed]
    wrong += [
        {**whole, "settings": {**whole["settings"], **given}} for given in ({"epochs": "3"}, {"rate": [1]}, {"a": 1})
    ]
    wrong += [{**whole, "backbone": "../x"}, {**whole, "threads": 0}, {**whole, "references": "x"}]
    for record in wrong:
        (tmp_path / "run.json").write_text(json.dumps(record))
        with pytest.raises(InputError):
            plan(Asked("twins", twins, tmp_path, resume=True))


@pytest.mark.parametrize("content", [{"a": 1}, [1], 5])
def test_a_state_that_is_none_is_refused(run, twins, tmp_path, content):
    shutil.copy(run[0] / "run.json", tmp_path)
    torch.save(content, tmp_path / "state.pt")
    refused(train("twins", twins, "--out", tmp_path, "--resume"), "state.pt is no state of a run")


def test_a_state_of_another_network_is_refused(run, twins, tmp_path):
    shutil.copytree(run[0], tmp_path / "run")
    state = torch.load(tmp_path / "run/state.pt", weights_only=True)
    for name in ("learner", "stepper"):
        torch.save({**state, name: {"other": torch.zeros(1)}}, tmp_path / "run/state.pt")
        refused(train("twins", twins, "--out", tmp_path / "run", "--resume"), "state.pt does not fit the run")


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"5\n", b"{}\n", b"{\n", b"[" * 100_000 + b"\n"])
def test_a_damaged_log_is_refused_and_not_needed(run, twins, tmp_path, content):
    shutil.copy(run[0] / "log.jsonl", tmp_path)
    log = (tmp_path / "log.jsonl").read_bytes()
    (tmp_path / "log.jsonl").write_bytes(log + content)
    with pytest.raises(InputError, match=r"log\.jsonl (cannot be read|is damaged)") as told:
        RunFolder(tmp_path).epochs()
    assert "move log.jsonl away" in told.value.hint
    (tmp_path / "log.jsonl").write_bytes(log + b'{"epoch": 4, "tr')  # what a crash cut off
    assert [line["epoch"] for line in RunFolder(tmp_path).epochs()] == [1, 2, 3]


def test_pipes_in_place_of_files_of_a_run_are_not_waited_for(tmp_path):
    for name in ("run.json", "state.pt", "log.jsonl"):
        os.mkfifo(tmp_path / name)
    folder = RunFolder(tmp_path)
    for read in (folder.record, folder.state, folder.epochs):
        with pytest.raises(InputError, match="plain file"):
            read()


def test_folds_of_a_cross_validation_test_everybody_once(twins, tmp_path):
    tested = []
    for number in (1, 2, 3):
        out = tmp_path / f"run{number}"
        how = ("--fold", f"{number}/3", *QUICK[:2], "--epochs", "1")
        assert train("twins", twins, "--out", out, *how).exit_code == 0
        tested += json.loads((out / "run.json").read_text())["split"]["parts"]["test"]
    assert sorted(tested) == list(range(20))
