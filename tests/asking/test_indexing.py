"""`wbtools index`: one file that says what the network says, and that is neither made of nor put in place of others."""

import io
import json
import subprocess
import sys
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_asking import ask, made_place
from made_data import made_items

from wbtools import model
from wbtools.asking import index as files
from wbtools.asking import indexing
from wbtools.asking.embedding import Kind
from wbtools.datasets import Kind as Images
from wbtools.datasets import open_data, write_data
from wbtools.errors import InputError
from wbtools.model.conventions import STANDARD_SPACE


@pytest.fixture(scope="module")
def place(made_once):
    """A study, its data set and three networks, for reading only."""
    return made_once("asked_about", made_place)


def made(place, out, network="unet", *words):
    return ask("index", place / "data", "--model", place / f"{network}.pt", "--out", out, *words)


@pytest.fixture(scope="module")
def indexed(place, tmp_path_factory):
    folder = tmp_path_factory.mktemp("indexed")
    for network in ("unet", "codes"):
        run = made(place, folder / f"{network}.npz", network, "--batch", 3)
        assert run.exit_code == 0, run.output
    return folder


def answers(place, network):
    images = torch.from_numpy(np.array(open_data(place / "data").images))
    with torch.no_grad():
        return model.load(place / f"{network}.pt").network.raw(images)


def test_an_index_holds_the_networks_embeddings_at_length_1(place, indexed):
    found = files.read(indexed / "unet.npz")
    known = torch.nn.functional.normalize(answers(place, "unet"), dim=1)
    assert found.header.kind is Kind.EMBEDDINGS and found.header.length == 16
    np.testing.assert_allclose(found.vectors, known, atol=1e-5)


def test_an_index_of_codes_holds_the_signs_of_the_answers_bit_by_bit(place, indexed):
    found = files.read(indexed / "codes.npz")
    assert found.header.kind is Kind.CODES and found.header.length == 12
    np.testing.assert_array_equal(np.unpackbits(found.vectors, axis=1, count=12), answers(place, "codes") > 0)


def test_an_index_knows_network_notice_data_set_people_and_labels(place, indexed):
    found, data = files.read(indexed / "unet.npz"), open_data(place / "data")
    network = model.load(place / "unet.pt")
    assert found.header.model_sha256 == network.sha256 and found.header.notice == network.card.notice
    assert found.header.data_sha256 == data.sha256
    assert found.items == data.items


def test_numpy_opens_an_index_without_unpickling_anything(indexed):
    with np.load(indexed / "unet.npz", allow_pickle=False) as archive:
        assert archive["pictures"].shape[0] == 8
        assert json.loads(archive["header"].tobytes())["index"] == files.FORMAT


def test_the_size_of_batches_changes_nothing_but_roundings_and_the_same_command_gives_the_same_file(
    place, indexed, tmp_path
):
    assert made(place, tmp_path / "a.npz", "unet", "--batch", 3).exit_code == 0
    assert made(place, tmp_path / "b.npz", "unet", "--batch", 8).exit_code == 0
    assert (tmp_path / "a.npz").read_bytes() == (indexed / "unet.npz").read_bytes()
    np.testing.assert_allclose(
        files.read(tmp_path / "b.npz").vectors, files.read(tmp_path / "a.npz").vectors, atol=1e-5
    )


def test_pictures_are_read_row_by_row_and_can_be_left_out(place, indexed, tmp_path):
    found = files.read(indexed / "unet.npz")
    with np.load(indexed / "unet.npz") as archive:
        np.testing.assert_array_equal(found.pictures([5, 0]), archive["pictures"][[5, 0]])
    assert made(place, tmp_path / "a.npz", "unet", "--no-pictures").exit_code == 0
    assert files.read(tmp_path / "a.npz").pictures([0]) is None


def test_an_index_in_memory_is_that_of_the_file(place, indexed):
    work = indexing.Work(open_data(place / "data"), model.load(place / "codes.pt"), batch=3)
    found, known = indexing.in_memory(work), files.read(indexed / "codes.npz")
    np.testing.assert_array_equal(found.vectors, known.vectors)
    np.testing.assert_array_equal(found.fingerprints, known.fingerprints)


# ------------------------------------------------------------------------------------------------------ what it refuses


@pytest.mark.parametrize(
    ("card", "shape", "said"),
    [
        ({"intensity": "raw"}, (30, 36, 30), "intensity raw, not minmax"),
        ({"orientation": "RAS"}, (30, 36, 30), "orientation RAS, not LAS"),
        ({"skull_stripped": False}, (30, 36, 30), "skull stripped False, not True"),
        ({}, (4, 5, 6), "shape 4 x 5 x 6, not 30 x 36 x 30"),
    ],
)
def test_images_that_were_prepared_otherwise_are_refused(place, tmp_path, card, shape, said):
    images = np.random.default_rng(0).random((2, 1, *shape), np.float32)
    usual = {"orientation": "LAS", "intensity": "minmax", "skull_stripped": True}
    data = write_data(tmp_path / "data", Images.VOLUMES, images, made_items(2), {**usual, **card})
    with pytest.raises(InputError, match=said) as caught:
        indexing.Work(data, model.load(place / "unet.pt"))
    assert "wbtools prepare twins or classes ... --shape 30,36,30 --intensity minmax" in caught.value.hint


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({"resampling": STANDARD_SPACE}, "wbtools prepare hashing ... --shape 30,36,30"),
        ({"orientation": "PIR"}, "wbtools prepare lays no scans like that"),
    ],
)
def test_the_hint_names_the_recipe_that_lays_scans_as_the_network_takes_them(place, card, said):
    network = model.load(place / "unet.pt")
    network = replace(network, card=replace(network.card, **card))
    with pytest.raises(InputError, match="was not prepared as unet takes images") as caught:
        indexing.Work(open_data(place / "data"), network)
    assert said in caught.value.hint


def test_pictures_and_networks_without_embedding_are_refused(place, tmp_path):
    data = write_data(tmp_path / "data", Images.PICTURES, np.zeros((2, 1, 8, 8), np.uint8), made_items(2))
    with pytest.raises(InputError, match="holds pictures, and unet takes T1w volumes"):
        indexing.Work(data, model.load(place / "unet.pt"))
    run = made(place, tmp_path / "a.npz", "classes")
    assert run.exit_code == 3 and "has no embedding" in run.output


def test_a_value_that_is_no_number_ends_it_and_nothing_is_left(place, tmp_path):
    images = np.random.default_rng(0).random((4, 1, 30, 36, 30), np.float32)
    images[3, 0, 2, 2, 2] = np.nan
    write_data(tmp_path / "data", Images.VOLUMES, images, made_items(4))
    run = ask("index", tmp_path / "data", "--model", place / "unet.pt", "--out", tmp_path / "a.npz", "--batch", 1)
    assert run.exit_code == 3 and "the image of p3/3.nii.gz has values that are no numbers" in run.output
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_comes_to_an_index_s_place_while_it_is_made_stays(place, tmp_path, monkeypatch):
    out, write = tmp_path / "a.npz", files.write

    def slow(*words):
        out.write_text("my thesis")
        write(*words)

    monkeypatch.setattr(files, "write", slow)
    run = made(place, out, "unet", "--overwrite")
    assert run.exit_code == 3 and "is no index, so it is not wbtools' to replace" in run.output
    assert out.read_text() == "my thesis" and [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_what_is_no_index_is_never_replaced_and_an_index_only_if_asked(place, tmp_path):
    out = tmp_path / "a.npz"
    out.write_text("my thesis")
    assert "no index" in made(place, out, "unet", "--overwrite").output and out.read_text() == "my thesis"
    np.savez(tmp_path / "b.npz", header=np.zeros(3))
    assert made(place, tmp_path / "b.npz", "unet", "--overwrite").exit_code == 3
    out.unlink()
    assert made(place, out).exit_code == 0
    assert "add --overwrite" in made(place, out).output
    assert made(place, out, "codes", "--overwrite").exit_code == 0
    assert files.read(out).header.kind is Kind.CODES
    (tmp_path / "link.npz").symlink_to(out)
    assert made(place, tmp_path / "link.npz", "unet", "--overwrite").exit_code == 3


def test_what_a_killed_index_left_is_removed_by_the_next_one_and_somebody_elses_file_is_not(place, tmp_path):
    words = [sys.executable, "-m", "wbtools.cli", "index", place / "data", "--model", place / "unet.pt", "--batch", "1"]
    with subprocess.Popen([*words, "--out", tmp_path / "a.npz"], stderr=subprocess.DEVNULL) as process:
        while not list(tmp_path.iterdir()) and process.poll() is None:
            time.sleep(0.002)
        process.kill()
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".a.npz.")
    theirs = left.with_name(f".a.npz.{'0' * 32}")
    theirs.write_text("my thesis")
    assert made(place, tmp_path / "a.npz").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [theirs.name, "a.npz"]


@pytest.mark.parametrize("words", [(), ("--no-pictures",)])
def test_every_beginning_of_an_index_is_known_as_one(place, tmp_path, words):
    assert made(place, tmp_path / "a.npz", "unet", *words).exit_code == 0
    head = (tmp_path / "a.npz").read_bytes()[:512]
    assert files.begins_as_index(head) and not files.begins_as_index(head[1:])
    np.savez(tmp_path / "b.npz", other=np.zeros(3))
    assert not files.begins_as_index((tmp_path / "b.npz").read_bytes()[:512])


def test_neither_the_data_set_nor_a_subjects_folder_receives_an_index(place):
    assert "a data set, which stays as it is" in made(place, place / "data" / "a.npz").output
    assert "a subject's folder" in made(place, place / "study" / "100" / "T1w" / "a.npz").output


# ----------------------------------------------------------------------------------------------------------- damage


def rewritten(source, target, change=None, drop="", compression=zipfile.ZIP_STORED):
    """A copy of an index, with members changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for name in old.namelist():
            if name != drop:
                new.writestr(name, (change or {}).get(name, lambda content: content)(old.read(name)))


def as_array(values):
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=True)
    return stream.getvalue()


def header(**changed):
    def change(content):
        record = {**json.loads(np.load(io.BytesIO(content)).tobytes()), **changed}
        return as_array(np.frombuffer(json.dumps(record).encode(), np.uint8))

    return {"header.npy": change}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (header(index=99), "this wbtools reads 1"),
        (header(count=7), "8 lines for 7 images"),
        (header(count=10**12), "no index"),
        (header(length=17), "vectors.npy has the shape"),
        (header(kind="faces"), "is damaged"),
        (header(model=None), "is damaged"),
        (header(preparation={"shape": "half a character: \udcff"}), "is damaged"),
        ({"header.npy": lambda old: as_array(np.frombuffer(b"[" * 9000, np.uint8))}, "is damaged"),
        ({"header.npy": lambda old: as_array(np.zeros(2 << 20, np.uint8))}, "is damaged"),
        ({"items.npy": lambda old: as_array(np.frombuffer(b"\xff\xfe", np.uint8))}, "is damaged"),
        ({"vectors.npy": lambda old: as_array(np.array([{"a": 1}] * 8, object))}, "is damaged"),
        ({"vectors.npy": lambda old: old[:-4]}, "shorter or longer than it says"),
        ({"vectors.npy": lambda old: as_array(np.full((8, 16), np.nan, np.float32))}, "that no network gives"),
        ({"vectors.npy": lambda old: as_array(np.zeros((8, 16), np.float32))}, "that no network gives"),
        ({"vectors.npy": lambda old: as_array(np.full((8, 16), 3e38, np.float32))}, "that no network gives"),
        ({"fingerprints.npy": lambda old: as_array(np.full((8, 64), np.nan, np.float32))}, "that no network gives"),
        (header(count=float("inf")), "damaged"),
        ({"pictures.npy": lambda old: as_array(np.zeros((8, 1, 1), np.uint8))}, "pictures.npy has the shape"),
        ({"fingerprints.npy": lambda old: as_array(np.zeros((8, 3), np.float32))}, "fingerprints.npy has the shape"),
    ],
)
def test_files_that_do_not_fit_their_header_are_refused_in_one_sentence(indexed, tmp_path, change, said):
    rewritten(indexed / "unet.npz", tmp_path / "a.npz", change)
    with pytest.raises(InputError, match=said):
        files.read(tmp_path / "a.npz")


def test_missing_and_compressed_members_are_refused(indexed, tmp_path):
    rewritten(indexed / "unet.npz", tmp_path / "a.npz", drop="vectors.npy")
    with pytest.raises(InputError, match="is no index of wbtools"):
        files.read(tmp_path / "a.npz")
    rewritten(indexed / "unet.npz", tmp_path / "b.npz", compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="not stored as wbtools stores it"):
        files.read(tmp_path / "b.npz")


def test_every_truncation_and_many_changed_bytes_end_in_a_sentence_or_change_nothing_but_pictures(indexed, tmp_path):
    content, known = (indexed / "codes.npz").read_bytes(), files.read(indexed / "codes.npz")
    dice = np.random.default_rng(0)
    out = tmp_path / "a.npz"
    for end in dice.integers(1, len(content), 25):
        out.write_bytes(content[:end])
        with pytest.raises(InputError):
            files.read(out)
    for at in dice.integers(0, len(content), 150):
        out.write_bytes(content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :])
        try:
            found = files.read(out)
        except InputError:
            continue
        np.testing.assert_array_equal(found.vectors, known.vectors)
        assert found.items == known.items and found.header == known.header


def test_another_file_and_a_missing_one_are_named(place, tmp_path):
    with pytest.raises(InputError, match=r"unet\.json is no index of wbtools"):
        files.read(place / "unet.json")
    with pytest.raises(InputError, match=r"unet\.pt is no index of wbtools$"):  # it is a zip archive, too
        files.read(place / "unet.pt")
    with pytest.raises(InputError, match="does not exist") as caught:
        files.read(tmp_path / "none.npz")
    assert caught.value.hint == "give the file that wbtools index made"


def test_a_folder_in_place_of_an_index_and_a_file_in_place_of_a_data_set_are_told_what_to_give(place, tmp_path):
    asked = ("query", "103", "--model", place / "unet.pt", "--study-folder", place / "study", "--index")
    said = " ".join(ask(*asked, place / "data").output.split())
    assert "data is a folder, and an index is a file" in said and "of this data set: wbtools index " in said
    said = " ".join(ask(*asked, place / "study").output.split())
    assert "study is a folder, and an index is a file Hint: give the file that wbtools index made" in said
    words = ("index", place / "unet.pt", "--model", place / "unet.pt", "--out", tmp_path / "x.npz")
    said = " ".join(ask(*words).output.split())
    assert "unet.pt is no folder Hint: give the folder that wbtools prepare made" in said


def test_codes_with_bits_beyond_the_last_one_and_of_another_length_than_the_networks_are_damaged(
    place, indexed, tmp_path
):
    codes = files.read(indexed / "codes.npz").vectors
    rewritten(indexed / "codes.npz", tmp_path / "a.npz", {"vectors.npy": lambda old: as_array(codes | 1)})
    with pytest.raises(InputError, match="that no network gives"):
        files.read(tmp_path / "a.npz")
    longer = np.zeros_like(codes)
    rewritten(
        indexed / "codes.npz", tmp_path / "b.npz", {"vectors.npy": lambda old: as_array(longer), **header(length=9)}
    )
    words = ("--index", tmp_path / "b.npz", "--study-folder", place / "study", "--model", place / "codes.pt")
    run = ask("query", "103", *words)
    assert run.exit_code == 3 and "it holds 9 values for each image, and codes gives 12" in " ".join(run.output.split())


@pytest.mark.parametrize("described", [b"<M8[25s/0]", b"()", b"((", b"<f4"])
def test_an_index_whose_arrays_say_odd_things_of_their_type_is_damaged(tmp_path, described):
    path = tmp_path / "odd.npz"
    header = b"{'descr': '" + described + b"', 'fortran_order': False, 'shape': (2,), }"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"xx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.npy", content)
    with pytest.raises(InputError):
        files.read(path)
    assert not files.is_index(path)
