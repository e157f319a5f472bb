"""The settings' hash of a batch follows every file that decides a result, not only the files' names."""

import json
import shutil
from importlib.resources import files

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner
from test_batch_options import given

from wbtools.batch.state.export import as_json, from_json
from wbtools.cli import main
from wbtools.cli.batch.payload import ExportPayload
from wbtools.errors import InputError, SubjectError


def write_scan(path, value):
    nibabel.save(nibabel.Nifti1Image(np.full((2, 2, 2), value, np.float32), np.eye(4)), path)


def identity(out, *words):
    return ExportPayload(as_json(given(*words)), out, 1).identity()


def test_another_image_under_the_same_name_is_another_batch(tmp_path):
    other = tmp_path / "other.nii.gz"
    write_scan(other, 1)
    words = "--target", "pair", "--other", str(other)
    before = identity(tmp_path, *words)
    assert identity(tmp_path, *words) == before
    write_scan(other, 2)
    assert identity(tmp_path, *words) != before


def test_another_card_beside_the_same_checkpoint_is_another_batch(tmp_path):
    for file in files("wbtools.data").iterdir():
        if file.name.startswith("demo_unet"):
            shutil.copy(str(file), tmp_path / file.name)
    words = "--model", str(tmp_path / "demo_unet.pt")
    before = identity(tmp_path, *words)
    card = json.loads((tmp_path / "demo_unet.json").read_text())
    (tmp_path / "demo_unet.json").write_text(json.dumps({**card, "orientation": "RAS"}))
    assert identity(tmp_path, *words) != before


def test_a_person_to_compare_with_who_is_not_there_is_told_before_anything_begins(tmp_path):
    with pytest.raises(SubjectError):
        identity(tmp_path, "--target", "pair", "--other", "100408", "--study-folder", str(tmp_path))


@pytest.mark.parametrize(("content", "word"), [(b"no image at all", "NIfTI"), (b"", "empty")])
def test_an_image_to_compare_with_that_is_none_is_told_before_anything_begins(tmp_path, content, word):
    other = tmp_path / "other.nii.gz"
    other.write_bytes(content)
    with pytest.raises(InputError, match="--other") as caught:
        identity(tmp_path, "--target", "pair", "--other", str(other))
    assert word in str(caught.value)


def test_another_image_among_the_listed_references_is_another_batch(tmp_path):
    people = tmp_path / "people"
    people.mkdir()
    write_scan(people / "a.nii.gz", 1)
    words = "--method", "deviation", "--references", str(people)
    before = identity(tmp_path, *words)
    assert identity(tmp_path, *words) == before
    write_scan(people / "b.nii.gz", 2)
    assert identity(tmp_path, *words) != before


def test_references_that_no_method_would_use_are_told_before_anything_begins(tmp_path):
    with pytest.raises(InputError, match="--references made-up is not used: the method lrp"):
        identity(tmp_path, "--method", "lrp", "--references", "made-up")


def test_too_few_people_for_so_many_references_are_told_before_anything_begins(tmp_path):
    for number in range(3):
        (tmp_path / f"sub-{number}" / "anat").mkdir(parents=True)
        write_scan(tmp_path / f"sub-{number}" / "anat" / f"sub-{number}_T1w.nii.gz", number)
    words = "--method", "deviation", "--study-folder", str(tmp_path), "--references"
    assert identity(tmp_path, *words, "2")
    with pytest.raises(InputError, match=r"--references 3: .* has 2 other people"):
        identity(tmp_path, *words, "3")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--work", "/proc/x"), "--work /proc/x cannot be made"),
        (("--references", "{people}", "--out", "{people}"), "is the folder of --references"),
    ],
)
def test_places_that_cannot_be_written_are_told_before_anything_begins(tmp_path, options, words):
    people = tmp_path / "people"
    people.mkdir()
    write_scan(people / "a.nii.gz", 1)
    given = [option.format(people=people) for option in options]
    out = () if "--out" in given else ("--out", str(tmp_path / "out"))
    done = CliRunner().invoke(main, ["batch", "run", "100307", "--study-folder", str(tmp_path), *out, *given])
    assert done.exit_code == 3 and words in " ".join(done.output.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people"] and len(list(people.iterdir())) == 1


def test_references_of_a_batch_are_conformed_once_where_no_folder_of_caches_is_named(tmp_path):
    job = from_json(as_json(given("--references", "3"))).job("100307", tmp_path / "out")
    assert job.cache == tmp_path / "out" / ".wbtools" / "references"
