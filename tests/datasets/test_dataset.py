"""A data set on disk: what was written is read back, and what does not belong together is refused in one sentence."""

import json
import shutil

import numpy as np
import pytest
from made_data import made_items, made_volumes

from wbtools.datasets import Item, Kind, open_data, write_data
from wbtools.datasets import items as table
from wbtools.errors import InputError
from wbtools.provenance import sha256


@pytest.fixture
def data(tmp_path):
    labels = [{"sex": sex, "shift": shift} for sex, shift in zip("FMFMF", ("-1", "+2", "=3", "", "'4"), strict=True)]
    return made_volumes(tmp_path / "data", made_items(5, labels=labels))


def test_images_and_what_is_known_of_them_are_read_back(data):
    again = open_data(data.folder)
    expected = np.random.default_rng(0).random((5, 1, 4, 5, 6), np.float32)
    assert np.array_equal(again.images, expected)
    assert again.labels("sex") == ("F", "M", "F", "M", "F")
    assert again.labels("shift") == ("-1", "+2", "=3", "", "'4")
    assert again.people == ("p0", "p1", "p2", "p3", "p4")
    assert again.manifest.card == {"orientation": "LAS", "shape": [4, 5, 6]}
    assert again.sha256 == data.sha256


def test_the_array_is_a_plain_file_of_numpy_that_cannot_be_written_through_the_data_set(data):
    assert np.array_equal(np.load(data.folder / "images.npy"), data.images)
    with pytest.raises(ValueError, match="read-only"):
        data.images[0] = 0


def test_a_spreadsheet_computes_nothing_in_the_table(data):
    cells = [cell for row in (data.folder / "items.tsv").read_text().splitlines() for cell in row.split("\t")]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]


def test_the_record_names_the_hash_of_every_other_file(data):
    record = json.loads((data.folder / "dataset.json").read_text())
    assert record["outputs_sha256"] == {name: sha256(data.folder / name) for name in ("images.npy", "items.tsv")}
    assert sorted(path.name for path in data.folder.iterdir()) == ["dataset.json", "images.npy", "items.tsv"]
    data.verify()


def test_equal_content_gives_equal_bytes(data, tmp_path):
    again = made_volumes(tmp_path / "again", data.items)
    for name in ("dataset.json", "images.npy", "items.tsv"):
        assert (again.folder / name).read_bytes() == (data.folder / name).read_bytes()


def test_a_changed_voxel_is_found_by_verifying(data):
    with (data.folder / "images.npy").open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x01")
    with pytest.raises(InputError, match=r"images\.npy has changed since it was made"):
        open_data(data.folder).verify()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("dataset.json", None, "it has no dataset.json"),
        ("dataset.json", b"{", "is not valid JSON"),
        ("dataset.json", b"[]", "is no record of a data set"),
        ("dataset.json", b'{"dataset": 2}', "has the form 2, this wbtools reads 1"),
        ("dataset.json", b'{"dataset": 1}', "is damaged"),
        ("items.tsv", b"item\n", "has changed since it was made"),
        ("items.tsv", None, "cannot be read: No such file"),
        ("images.npy", None, "cannot be read: No such file"),
        ("images.npy", b"", "is damaged"),
        ("images.npy", b"\x93NUMPY\x01\x00", "is damaged"),
    ],
)
def test_a_damaged_data_set_is_refused_with_the_file_that_is(data, name, change, said):
    path = data.folder / name
    path.unlink() if change is None else path.write_bytes(change)
    with pytest.raises(InputError, match=said) as error:
        open_data(data.folder)
    assert error.value.hint


def test_an_array_of_another_data_set_is_refused(data, tmp_path):
    other = made_volumes(tmp_path / "other", made_items(4))
    shutil.copy(other.folder / "images.npy", data.folder / "images.npy")
    with pytest.raises(InputError, match=r"holds 4 x 1 x 4 x 5 x 6 float32, not 5 x 1 x 4 x 5 x 6 float32"):
        open_data(data.folder)


def test_objects_in_an_array_are_never_unpickled(data):
    np.save(data.folder / "images.npy", np.array([{}], dtype=object))
    with pytest.raises(InputError, match="is damaged"):
        open_data(data.folder)


def test_a_folder_that_is_missing_is_said_to_be(tmp_path):
    with pytest.raises(InputError, match="nowhere does not exist"):
        open_data(tmp_path / "nowhere")


def test_classes_are_refused_where_a_label_is_missing_or_the_same_for_all(tmp_path):
    labels = [{"sex": "F", "hand": "R"}, {"sex": "", "hand": "R"}]
    data = made_volumes(tmp_path / "data", made_items(2, labels=labels))
    with pytest.raises(InputError, match=r"1 image of .* lacks the label sex, the first is p1/1\.nii\.gz"):
        data.classes("sex")
    with pytest.raises(InputError, match="have the same hand, R"):
        data.classes("hand")
    with pytest.raises(InputError, match="'sexx' is no label") as error:
        data.classes("sexx")
    assert error.value.hint.startswith("did you mean sex?")


def test_a_data_set_without_labels_says_so(tmp_path):
    data = made_volumes(tmp_path / "data", made_items(2))
    with pytest.raises(InputError, match="has no labels, sex is needed"):
        data.classes("sex")


def test_pictures_are_bytes_of_any_number_of_channels(tmp_path):
    images = np.arange(2 * 3 * 4 * 4, dtype=np.uint8).reshape(2, 3, 4, 4)
    data = write_data(tmp_path / "data", Kind.PICTURES, images, made_items(2))
    assert np.array_equal(open_data(data.folder).images, images)
    assert data.images.dtype == np.uint8


def test_an_item_cannot_forge_another_line():
    with pytest.raises(InputError, match="line breaks"):
        Item(0, "a\nb", "a.nii")
    with pytest.raises(InputError, match="a label is called 'person'"):
        Item(0, "a", "a.nii", labels={"person": "b"})
    with pytest.raises(InputError, match="is put into the part 'tset'"):
        Item(0, "a", "a.nii", split="tset")


def test_a_table_whose_lines_are_out_of_order_is_refused():
    text = table.dumps(made_items(3))
    first, second, *rest = text.splitlines(keepends=True)
    with pytest.raises(InputError, match="line 2 does not fit"):
        table.loads("".join([first, *rest, second]))
