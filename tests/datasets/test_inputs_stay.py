"""Outputs stay out of data sets and subjects' folders, and damaged arrays end in a sentence, not the process."""

import json
import os
import shutil

import numpy as np
import pytest
from made_asking import RUN, ask, made_place

from wbtools.errors import InputError
from wbtools.images import arrays

ODD = [b"<M8[25s/0]", b"<M8[s/0]", b"()", b"((", b"|V8", b"O", b"<f4', 'descr': '<M8[s/0]"]
"""Types that headers name; the last is named after a plain one, and is the one that numpy takes."""


@pytest.fixture(scope="module")
def place(made_once):
    """A study, its data set and three networks, for reading only."""
    return made_once("asked_about", made_place)


@pytest.fixture
def own(place, tmp_path):
    """A copy of the place, with a run."""
    shutil.copytree(place, tmp_path / "own")
    (tmp_path / "own" / "run").mkdir()
    (tmp_path / "own" / "run" / "run.json").write_text(json.dumps(RUN))
    return tmp_path / "own"


def content(folder):
    return {path.relative_to(folder): path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.mark.parametrize("inside", ["data", "data/new", "study/100", "study/100/T1w/new", "run", "run/new"])
@pytest.mark.parametrize(
    "words",
    [
        ("index", "data", "--model", "unet.pt", "--out", "{}/i.npz"),
        ("query", "103", "--index", "i.npz", "--model", "unet.pt", "--study-folder", "study", "--out", "{}/q"),
        ("evaluate", "classes.pt", "data", "--split", "all", "--label", "sex", "--out", "{}/e"),
        ("classify", "103", "--model", "classes.pt", "--study-folder", "study", "--tsv", "{}/t.tsv"),
        ("train", "classes", "data", "--out", "{}/r"),
        ("prepare", "twins", "other", "--out", "{}/p"),
    ],
)
def test_nothing_is_written_into_a_data_set_a_run_or_a_subjects_folder(own, monkeypatch, inside, words):
    monkeypatch.chdir(own)
    assert ask("index", "data", "--model", "unet.pt", "--out", "i.npz").exit_code == 0
    if words[0] == "prepare":
        shutil.copytree("study", "other")
    if words[0] == "classify":  # its folder has to be there
        (own / inside).mkdir(exist_ok=True)
    before = content(own)
    run = ask(*(word.format(inside) for word in words))
    said = " ".join(run.output.split())
    assert run.exit_code == 3 and ("stays as it is" in said or "never written to" in said), said
    assert "Hint: choose another --" in said and f"{words[-2]} {words[-1].format(inside)} lies in" in said
    assert content(own) == before


@pytest.mark.parametrize(
    "words",
    [
        ("index", "data", "--model", "unet.pt", "--out", "new.npz"),
        ("evaluate", "classes.pt", "data", "--split", "all", "--label", "sex", "--out", "new"),
        (
            "train",
            "classes",
            "data",
            "--out",
            "new",
            "--backbone",
            "mrinet-small",
            "--epochs",
            "1",
            "--fractions",
            ".4",
            ".4",
            ".2",
        ),
    ],
)
def test_images_that_have_changed_are_noticed_before_anything_is_written(own, monkeypatch, words):
    monkeypatch.chdir(own)
    with (own / "data" / "images.npy").open("r+b") as stream:
        stream.seek(-5, os.SEEK_END)
        stream.write(b"\x01")
    before = content(own)
    run = ask(*words)
    assert run.exit_code == 3 and "images.npy has changed since it was made" in " ".join(run.output.split()), run.output
    assert content(own) == before


def damaged(path, described):
    header = b"{'descr': '" + described + b"', 'fortran_order': False, 'shape': (2,), }\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16))


@pytest.mark.parametrize("described", ODD)
def test_an_array_of_no_plain_numbers_is_refused_before_numpy_reads_its_header(tmp_path, described):
    damaged(tmp_path / "a.npy", described)
    with pytest.raises(ValueError, match="what kind of numbers"):
        arrays.load(tmp_path / "a.npy")


@pytest.mark.parametrize("kind", ["<f4", ">f8", "|u1", "|b1", "<i2", "<c8"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_arrays_of_plain_numbers_are_read_as_numpy_reads_them(tmp_path, kind, version):
    values = np.arange(6).reshape(2, 3).astype(kind)
    with (tmp_path / "a.npy").open("wb") as stream:
        np.lib.format.write_array(stream, values, version)
    for mapped in (None, "r"):
        found = arrays.load(tmp_path / "a.npy", mapped)
        np.testing.assert_array_equal(found, values)
        assert found.dtype == values.dtype


@pytest.mark.parametrize("described", ODD)
def test_a_data_set_with_such_an_array_is_damaged(own, described):
    from wbtools.datasets import open_data

    damaged(own / "data" / "images.npy", described)
    with pytest.raises(InputError, match="damaged"):
        open_data(own / "data")


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<M8[s/0]', 'fortran_order': False, 'shape': (2,)} # 'descr': '<f4'",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (True, 2)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 4000000000)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': " + b"(" * 3000 + b")" * 3000 + b"}",
        b"[1, 2]",
    ],
)
def test_what_a_header_says_is_read_as_numpy_reads_it(tmp_path, header):
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16)
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"does not say (what kind of|how many) numbers it holds"):
        arrays.load(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["images.npy", "items.tsv"])
def test_a_pipe_in_place_of_a_file_of_a_data_set_is_not_waited_for(own, name):
    from wbtools.datasets import open_data

    (own / "data" / name).unlink()
    os.mkfifo(own / "data" / name)
    with pytest.raises(InputError, match="no ordinary file"):
        open_data(own / "data")


@pytest.mark.parametrize("where", ["data", "run"])
def test_an_export_stays_out_of_a_data_set_and_a_run(own, small_study, where):
    out = own / where / "exports"
    run = ask("export-subject", "100307", "--study-folder", str(small_study("LAS")), "--out", str(out))
    assert run.exit_code == 3 and "stays as it is" in " ".join(run.output.split()), run.output
    assert not out.exists()


@pytest.mark.parametrize("text", ["[]", '{"run": 7}', "no json", '{"recipe": "of a cake", "run": 1}'])
def test_another_programs_file_called_run_json_keeps_nothing_out(own, monkeypatch, text):
    monkeypatch.chdir(own)
    (own / "run" / "run.json").write_text(text)
    assert ask("index", "data", "--model", "unet.pt", "--out", "run/i.npz").exit_code == 0


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("index", "data", "--model", "unet.pt", "--out", "unet.pt/i.npz"), "--out unet.pt/i.npz: "),
        (("query", "103", "--index", "i.npz", "--model", "unet.pt", "--out", "unet.pt/q"), "--out unet.pt/q: "),
        (("evaluate", "classes.pt", "data", "--split", "all", "--out", "unet.pt/e"), "--out unet.pt/e: "),
        (
            ("index", "data", "--model", "unet.pt", "--out", "/proc/i.npz"),
            "--out /proc/i.npz cannot be made, since /proc",
        ),
    ],
)
def test_what_cannot_be_made_is_named_itself_not_the_folder_around_it(own, monkeypatch, words, named):
    monkeypatch.chdir(own)
    assert ask("index", "data", "--model", "unet.pt", "--out", "i.npz").exit_code == 0
    run = ask(*words, *(("--study-folder", "study") if words[0] == "query" else ()))
    assert run.exit_code == 3 and named in " ".join(run.output.split()), run.output
