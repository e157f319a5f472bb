"""Several processes that train together: what they see, what they learn, and how they end."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import trained_together
from forked import MAIN
from made_learning import (
    lines,
    made_classes,
    made_pictures,
    made_slices,
    made_twins,
    same_weights,
    train,
    weights,
)
from torchrun import children, launcher, together
from trained_together import HALVES

from wbtools.datasets import Kind, split_of, write_data
from wbtools.errors import InputError
from wbtools.training.augmentation import RETRIEVAL, TWINS, Dice, augmented
from wbtools.training.loop.feeding import Plan, Share
from wbtools.training.loop.joining import joined
from wbtools.training.loop.ranks import ALONE, Place
from wbtools.training.recipes import recipe_named
from wbtools.training.recipes.recipe import Material
from wbtools.training.runs.starting import device_named

EXACT = {"precision": "double", "epochs": "2"}
"""In single precision optimisers make steps of what rounding leaves of a gradient of 0."""
TINY = ("--backbone", "unet-tiny", "--batch", "6", "--epochs", "3", "--set", "accumulate=2")
AS_ALONE = (*TINY, "--rate", "1e-3", "--set", "average=.9", "--set", "precision=double")

RUNS = {  # the first word is the recipe
    "hashing": (made_classes, 12, None, {"batch": "2", "queue": "8", "rate": "1e-3"}),
    "classes": (made_classes, 12, "mrinet-small", {"batch": "5", "average": "0.9"}),
    "classes stacks": (made_classes, 12, "stack-resnet-tiny", {"batch": "5", "epochs": "1"}),
    "symmetry": (made_slices, 4, "mobilenet_v3_large", {"batch": "3", "sizes": "90", "epochs": "1"}),
    "contrastive": (made_pictures, 4, None, {"batch": "5", "epochs": "1"}),
}


@pytest.fixture(scope="module")
def pair(twins, tmp_path_factory):
    """A run of two processes, and what they printed."""
    run = tmp_path_factory.mktemp("pair") / "run"
    process = together(2, MAIN, "train", "twins", twins, "--out", run, *AS_ALONE)
    printed = process.communicate(timeout=300)[0]
    assert process.returncode == 0, printed
    return run, printed


def require_equal(run, alone):
    """Losses, all figures and weights, in as many digits as are written."""
    for mine, its in zip(lines(run), lines(alone), strict=True):
        assert mine["best"] == its["best"]
        for part in ("train", "val"):
            assert mine[part].keys() == its[part].keys()
            for name, value in its[part].items():
                assert mine[part][name] == pytest.approx(value, rel=1e-5, abs=1e-7), (part, name)
    for path in alone.glob("*.pt"):
        if path.stem != "state":
            found, expected = weights(run / path.name), weights(path)
            assert found.keys() == expected.keys()
            for name, value in expected.items():
                assert torch.allclose(found[name], value, rtol=1e-5, atol=1e-6), (path.name, name)


# ------------------------------------------------------------------------------------------------------------ equality


@pytest.mark.slow
def test_shares_of_a_batch_give_the_gradient_queue_and_weights_of_a_single_process(tmp_path):
    asked = []
    for name, (make, people, backbone, words) in RUNS.items():
        data, out, (recipe, *_) = str(tmp_path / f"{name}-data"), str(tmp_path / name), name.split()
        make(tmp_path / f"{name}-data", people)
        asked.append((recipe, data, out, backbone, {**EXACT, **words}))
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    process = together(3, trained_together.__file__, tmp_path / "asked.json")
    for recipe, data, out, backbone, words in asked:
        told = [word for name, value in words.items() for word in ("--set", f"{name}={value}")]
        told += ["--backbone", backbone] if backbone else []
        result = train(recipe, data, "--out", f"{out}-alone", "--device", "cpu", "--fractions", *HALVES, *told)
        assert result.exit_code == 0, result.output
    printed = process.communicate(timeout=300)[0]
    assert process.returncode == 0, printed
    for name in RUNS:
        require_equal(tmp_path / name, tmp_path / f"{name}-alone")


def test_hard_triplets_are_mined_and_learned_by_two_processes_as_by_a_single_one(pair, twins, tmp_path):
    run, printed = pair
    result = train("twins", twins, "--out", tmp_path / "run", *AS_ALONE)
    assert result.exit_code == 0, result.output
    require_equal(run, tmp_path / "run")
    assert printed.count("epoch 1:") == printed.count("Trained 3 epochs") == 1
    assert json.loads((run / "run.json").read_text())["ranks"] == 2


@pytest.mark.parametrize("changes", [TWINS, RETRIEVAL])
def test_shares_of_a_batch_are_changed_at_random_as_in_the_whole_batch(changes):
    torch.manual_seed(0)
    images = torch.rand(5, 1, 7, 8, 9)
    whole = augmented(images, changes, Dice(4))
    for start, stop in ((0, 2), (2, 3), (3, 5)):
        share = Share(start, stop, 5)
        assert torch.allclose(augmented(images[share.own], changes, Dice(4, share=share)), whole[share.own], atol=1e-5)


def test_slices_of_a_share_have_the_lesions_that_they_have_in_the_whole_batch(tmp_path):
    data, recipe = made_slices(tmp_path / "data"), recipe_named("symmetry")
    made = recipe.task(Material(data, split_of(data), recipe.settings, recipe.options), torch.device("cpu"))
    plan = made.plans(0)[0]
    whole = made.halves(plan)
    shares = [Share(0, 5, len(plan.rows)), Share(5, len(plan.rows), len(plan.rows)), Share(5, 5, len(plan.rows))]
    parts = [made.halves(Plan(plan.rows, plan.seed, plan.targets, share)) for share in shares]
    assert (np.concatenate(parts) == whole).all() and len(parts[2]) == 0


# ----------------------------------------------------------------------------------------------------------- their ends


def wait_for(run, epochs, process):
    end = time.monotonic() + 200
    while len(lines(run)) < epochs and time.monotonic() < end and process.poll() is None:
        time.sleep(0.02)
    assert process.poll() is None and len(lines(run)) >= epochs


@pytest.mark.slow
def test_after_sigkill_in_an_epoch_the_other_process_says_so_and_the_run_resumes_to_the_bit_and_alone_to_rounding(
    pair, twins, tmp_path
):
    run, alone = tmp_path / "run", tmp_path / "alone"
    words = (MAIN, "train", "twins", twins, "--out", run, *AS_ALONE)
    process = together(2, *words)
    wait_for(run, 1, process)
    os.kill(children(process)[0], signal.SIGKILL)  # the one that writes
    printed = process.communicate(timeout=100)[0]
    assert process.returncode != 0 and len(re.findall("^Error: ", printed, re.MULTILINE)) == 1, printed
    (sentence,) = re.findall("^Error: .*\nHint: .*", printed, re.MULTILINE)
    assert "epochs that were finished are kept" in sentence and "--resume" in sentence
    assert "wbtools/training" not in printed  # no traceback
    shutil.copytree(run, alone)

    process = together(2, *words, "--resume")
    printed = process.communicate(timeout=300)[0]
    assert process.returncode == 0, printed
    assert lines(run) == lines(pair[0])
    for path in pair[0].glob("*.pt"):
        assert path.stem == "state" or same_weights(path, run / path.name), path.name
    result = train("twins", twins, "--out", alone, "--resume")
    assert result.exit_code == 0, result.output
    require_equal(run, alone)


@pytest.mark.slow
def test_what_a_single_process_finds_wrong_is_said_once_and_ends_all_before_anything_is_written(twins, tmp_path):
    data = made_twins(tmp_path / "data")
    images = np.array(data.images)
    last = split_of(data, (0.7, 0.15, 0.15), 42).parts["val"][-1]
    images[last, 0, 6, 6, 6] = np.nan  # in the share of the second process
    write_data(tmp_path / "nan", Kind.VOLUMES, images, data.items, data.manifest.card)
    run = tmp_path / "run"
    words = map(str, ("train", "twins", tmp_path / "nan", "--out", run, *TINY))
    torchrun = [sys.executable, "-m", *launcher(2), "-m", "wbtools.cli", *words]  # by processes that are started
    done = subprocess.run(torchrun, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100)
    printed = done.stdout
    assert len(re.findall("^(Error|Hint): ", printed, re.MULTILINE)) == 2
    assert f"the image of {data.items[last].source} has values that are no numbers" in printed
    root = printed[printed.index("Root Cause") :]  # of torchrun, whose own exit code is always 1
    assert re.search(r"exitcode *: 3 ", root) and "wbtools/training" not in printed
    assert not run.exists()


@pytest.mark.parametrize(
    "words",
    [
        {"RANK": "2", "WORLD_SIZE": "2", "MASTER_ADDR": "node"},
        {"RANK": "x", "WORLD_SIZE": "2", "MASTER_ADDR": "node"},
        {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "-1", "MASTER_ADDR": "node"},
        {"RANK": "1", "WORLD_SIZE": "2"},
    ],
)
def test_an_environment_that_is_no_place_among_processes_is_refused(words):
    with pytest.raises(InputError, match="in the environment") as told:
        joined(words)
    assert "torchrun" in told.value.hint


@pytest.mark.parametrize("words", [{}, {"WORLD_SIZE": "4"}, {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "here"}])
def test_a_process_without_others_trains_alone(words):
    assert joined(words) is ALONE


def test_each_of_several_processes_has_a_card_of_its_own_or_says_what_is_missing():
    with pytest.raises(InputError, match="is a single card for 4 processes"):
        device_named("cuda:1", Place(1, 4, 1))
    assert device_named("cpu", Place(1, 4, 1)) == torch.device("cpu")
    count = torch.cuda.device_count()
    with pytest.raises(InputError, match=f"which has {count} graphics cards") as told:
        device_named("cuda", Place(7, 8, count))
    assert "--nproc-per-node" in told.value.hint
