"""`wbtools make-references`: a set for a network's card; what cannot work is refused before any brain is read."""

import json
import re
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from made_heads import write_network
from test_reference_people import brain_with, turned
from test_reference_sets import GRID

from wbtools.attribution.reference import template_on
from wbtools.attribution.references.of_card import drawn
from wbtools.cli import main
from wbtools.images import nifti
from wbtools.model import load
from wbtools.space.grid import Volume


def make(folder, *options, out="set"):
    return CliRunner().invoke(main, ["make-references", str(folder), "--out", str(out), *options])


@pytest.mark.slow
def test_the_command_makes_a_mean_and_components_that_a_card_can_name(tmp_path):
    """Of five people who lie differently; the mean has their common anatomy, and the card draws references from it."""
    (tmp_path / "people").mkdir()
    network = write_network(tmp_path)
    for seed in range(5):
        place = turned(3.0 * seed - 9, 1 + 0.01 * seed, (seed - 3, 2, 0))
        brain = brain_with(seed, place)
        brain[(brain < 0.05) & (seed > 0)] = 0  # the first is taken for a head; deepbet takes seconds for each
        nifti.write_volume(tmp_path / "people" / f"P{seed}.nii.gz", Volume(900 * brain, GRID))
    arguments = ["make-references", str(tmp_path / "people"), "--model", str(network), "--out", str(tmp_path / "set")]
    run = CliRunner().invoke(main, arguments)
    assert run.exit_code == 0, run.output
    names = ["small-component-01.nii.gz", "small-component-02.nii.gz", "small-mean.nii.gz"]
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == names
    mean = nifti.read_volume(tmp_path / "set" / "small-mean.nii.gz")
    both = (mean.data > 0) & (template_on(mean.grid) > 0)
    assert both.sum() > 0.9 * (template_on(mean.grid) > 0).sum()
    assert np.corrcoef(mean.data[both], template_on(mean.grid)[both])[0, 1] > 0.8
    for name in names:
        shutil.copy(tmp_path / "set" / name, tmp_path / name)
    content = json.loads(network.with_suffix(".json").read_text())
    printed = json.loads("{" + run.output[run.output.index('"reference"') :].strip() + "}")
    assert printed == {"reference": names[2], "reference_components": names[:2]}
    network.with_suffix(".json").write_text(json.dumps({**content, **printed}))
    assert len(list(drawn(load(network), 2))) == 2
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 3 and "exists already" in " ".join(again.output.split())
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == names


@pytest.fixture
def people(tmp_path):
    """`people(7)` is a folder of images whose headers can be read and whose voxels are not there."""

    def write(count):
        folder = tmp_path / "people"
        folder.mkdir()
        nifti.write_volume(tmp_path / "whole.nii", Volume(np.ones(GRID.shape, np.float32), GRID))
        whole = (tmp_path / "whole.nii").read_bytes()
        for number in range(count):
            (folder / f"P{number}.nii").write_bytes(whole[: 400 + number])
        return folder

    return write


@pytest.mark.parametrize(
    ("count", "options", "words"),
    [
        (1, (), "people holds too few people: 1; components need 3 at least"),
        (2, (), "people holds too few people: 2; components need 3 at least"),
        (3, ("--components", "2"), "--components 2 is too many: .*people holds 3 people, 1 is the most"),
        (7, ("--components", "4"), "--components 4 is too many: .*people holds 7 people, 3 is the most"),
        (7, ("--components", "0"), "--components 0 is not a number of components"),
        (7, ("--components", "-2"), "--components -2 is not a number of components"),
        (7, ("--out", "/proc/x"), "--out /proc/x cannot be made in /proc"),
        (7, ("--out", __file__), "is no folder"),
        (7, ("--out", "{people}"), "is the folder of the people, which is never written to"),
        (7, ("--out", "{study}"), "is a study folder: it holds 100307"),
        (7, ("--out", "{study}/100307/set"), "lies in .*100307, a subject's folder"),
        (7, ("--model", "nothere.pt"), "nothere.pt"),
        (0, (), "people holds neither subjects nor images"),
    ],
)
def test_what_cannot_work_is_refused_before_any_brain_is_read(people, small_study, tmp_path, count, options, words):
    """Of the images, nothing but the headers can be read: any attempt to read a brain has another error."""
    folder, study = people(count), small_study("LAS")
    refused = make(folder, *(option.format(people=folder, study=study) for option in options), out=tmp_path / "set")
    said = " ".join(refused.output.split())
    assert refused.exit_code == 3 and re.search(words, said), said
    assert "--references" not in said and "Error: " in said
    assert not (tmp_path / "set").exists() and len(list(folder.iterdir())) == count


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nothere", None, "nothere does not exist"),
        ("image.nii.gz", "", "image.nii.gz is one image"),
        ("list.txt", "# nobody\n", "list.txt lists nobody"),
        ("list.txt", "nobody\n", "list.txt: .* has no subject nobody"),
        ("list.txt", "people/P0.nii\npeople/P1.nii\n", "too few people: 2"),
        ("list.txt", "people/P0.nii\npeople/P0.nii # again\npeople/./P0.nii\npeople/P1.nii\n", "too few people: 2"),
    ],
)
def test_errors_speak_of_the_commands_own_words(people, tmp_path, name, content, words):
    people(2)
    if content is not None:
        (tmp_path / name).write_text(content)
    refused = make(tmp_path / name, "--study-folder", str(tmp_path), out=tmp_path / "set")
    said = " ".join(refused.output.split())
    assert refused.exit_code == 3 and re.search(words, said) and "--references" not in said, said


def test_a_dry_run_says_what_would_be_read_and_written_and_reads_headers_only(people, tmp_path):
    folder = people(7)
    done = make(folder, "--dry-run", "--model", str(write_network(tmp_path)), out=tmp_path / "set")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[:2] == ["network: small (grid 30 x 36 x 30 LAS)", "people: 7"]
    assert [line.strip() for line in lines[2:9]] == [str(folder / f"P{number}.nii") for number in range(7)]
    names = ["mean", "component-01", "component-02", "component-03"]
    assert lines[9] == "will make: the mean and 3 components"
    assert lines[10:] == [f"would write: {tmp_path / 'set' / f'small-{name}.nii.gz'}" for name in names]
    assert not (tmp_path / "set").exists()


def test_a_brain_that_cannot_be_read_is_named_and_leaves_nothing(people, tmp_path):
    failed = make(people(3), "--model", str(write_network(tmp_path)), out=tmp_path / "set")
    assert failed.exit_code == 3 and re.search(r"the reference .*P0\.nii", " ".join(failed.output.split()))
    assert "--references" not in failed.output and not (tmp_path / "set").exists()
