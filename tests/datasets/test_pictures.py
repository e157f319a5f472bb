"""Folders of pictures become a data set of one size, with the class that the folder says."""

import os

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from wbtools.cli import main
from wbtools.datasets import open_data, split_of
from wbtools.datasets.images.pictures import PictureFile, grey_of
from wbtools.errors import InputError


def noise(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def prepare(*arguments, code=0):
    result = CliRunner().invoke(main, ["prepare", "contrastive", *map(str, arguments), "--jobs", "1"])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.fixture
def digits(tmp_path):
    for number in range(12):
        write(tmp_path / "digits" / "ab"[number % 2] / f"{number}.png", noise(number, 9, 7))
    return tmp_path / "digits"


def test_small_pictures_of_one_size_are_taken_as_they_are(digits, tmp_path):
    said = prepare(digits, "--out", tmp_path / "data")
    data = open_data(tmp_path / "data")
    assert data.images.shape == (12, 1, 9, 7) and data.images.dtype == np.uint8
    for item in data.items:
        number = int(item.source.split("/")[1].removesuffix(".png"))
        assert np.array_equal(data.images[item.row, 0], noise(number, 9, 7))
        assert item.labels == {"class": "ab"[number % 2]}
    assert "class: a 6, b 6" in said


def test_pictures_of_several_sizes_and_colours_become_alike(digits, tmp_path):
    write(digits / "c" / "photo.jpg", noise(1, 300, 400, 3))
    prepare(digits, "--out", tmp_path / "data")
    assert open_data(tmp_path / "data").images.shape == (13, 3, 224, 224)
    prepare(digits, "--out", tmp_path / "small", "--shape", "20,30")
    data = open_data(tmp_path / "small")
    assert data.images.shape == (13, 3, 20, 30)
    stored = np.asarray(Image.open(digits / "a" / "0.png").resize((30, 20), Image.Resampling.BILINEAR))
    assert all(np.array_equal(plane, stored) for plane in data.images[0])


def test_parts_are_taken_from_the_folders_whatever_their_word(tmp_path):
    for number in range(20):
        part = "Testing" if number >= 16 else "Training"
        write(tmp_path / "tumours" / part / "xy"[number % 2] / f"{number}.png", noise(number, 8, 8))
    prepare(tmp_path / "tumours", "--out", tmp_path / "data")
    split = split_of(open_data(tmp_path / "data"), (0.75, 0.25, 0))
    assert {part: len(rows) for part, rows in split.parts.items()} == {"train": 12, "val": 4, "test": 4}


def test_a_pattern_says_whose_picture_it_is(tmp_path):
    for number in range(8):
        write(tmp_path / "xray" / "ab"[number % 2] / f"person{number // 4}_virus_{number}.png", noise(number, 8, 8))
    prepare(tmp_path / "xray", "--out", tmp_path / "data", "--person", r"^(person\d+)_")
    assert set(open_data(tmp_path / "data").people) == {"person0", "person1"}
    said = prepare(tmp_path / "xray", "--out", tmp_path / "other", "--person", r"^(patient\d+)_", code=3)
    assert "does not match person0_virus_0.png" in said
    assert "has no group" in prepare(tmp_path / "xray", "--out", tmp_path / "other", "--person", "a", code=3)
    assert "is no regular expression" in prepare(tmp_path / "xray", "--out", tmp_path / "o", "--person", "(", code=3)


def test_a_damaged_picture_is_named_or_left_out(digits, tmp_path):
    (digits / "a" / "666.jpg").write_bytes(b"")
    (digits / "b" / "cut.png").write_bytes((digits / "b" / "1.png").read_bytes()[:60])
    (digits / "b" / "._1.png").write_bytes(b"of a Macintosh")
    (digits / "b" / "Thumbs.db").write_bytes(b"of Windows")
    write(digits / "b" / "black.png", np.zeros((9, 7), np.uint8))
    said = prepare(digits, "--out", tmp_path / "data", code=3)
    assert "666.jpg" in said
    prepare(digits, "--out", tmp_path / "data", "--skip-bad")
    data = open_data(tmp_path / "data")
    assert set(data.manifest.left_out) == {"a/666.jpg", "b/cut.png", "b/black.png"}
    assert len(data) == 12


def test_a_folder_of_pictures_is_recognised_by_a_recipe_of_scans(digits, tmp_path):
    result = CliRunner().invoke(main, ["prepare", "classes", str(digits), "--out", str(tmp_path / "data")])
    told = " ".join(result.output.split())
    assert result.exit_code == 3 and "holds pictures" in told and "not volumes" in told
    assert "prepare them for contrastive" in told and "--source" not in told


def test_one_class_alone_is_refused(tmp_path):
    write(tmp_path / "cats" / "cat" / "1.png", noise(0, 8, 8))
    assert "there is one class only: class is cat" in prepare(tmp_path / "cats", "--out", tmp_path / "data", code=3)


def test_options_of_scans_are_refused(digits, tmp_path):
    said = prepare(digits, "--out", tmp_path / "data", "--intensity", "raw", code=3)
    assert "--intensity is about scans, not pictures" in said
    said = prepare(digits, "--out", tmp_path / "data", "--shape", "8,8,8", code=3)
    assert "--shape 8,8,8 is a volume's" in said


def test_a_table_may_name_pictures(digits, tmp_path):
    rows = [f"digits/{'ab'[n % 2]}/{n}.png,{'odd' if n % 2 else 'even'}" for n in range(12)]
    (tmp_path / "list.csv").write_text("\n".join(["filename,parity", *rows]) + "\n")
    prepare(tmp_path / "list.csv", "--out", tmp_path / "data")
    data = open_data(tmp_path / "data")
    assert data.labels("parity")[:2] == ("even", "odd")
    assert data.items[3].person == "digits/b/3.png"


def test_equal_pictures_are_kept_together_in_a_split(digits, tmp_path):
    write(digits / "a" / "copy.png", noise(0, 9, 7))
    prepare(digits, "--out", tmp_path / "data")
    data = open_data(tmp_path / "data")
    rows = {item.row for item in data.items if item.source in ("a/0.png", "a/copy.png")}
    for seed in range(5):
        parts = split_of(data, seed=seed).parts.values()
        assert any(rows <= set(part) for part in parts)


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        ("I;16", np.array([[0, 256], [512, 65535]], np.uint16), [[0, 1], [2, 255]]),
        ("L", np.array([[0, 7], [9, 255]], np.uint8), [[0, 7], [9, 255]]),
        ("F", np.array([[0, 1], [0.5, 1]], np.float32), [[0, 255], [128, 255]]),
    ],
)
def test_more_than_eight_bits_become_eight(tmp_path, mode, values, expected):
    Image.fromarray(values).save(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as image:
        assert image.mode == mode
        assert grey_of(image).tolist() == expected


def test_a_picture_of_a_camera_that_was_turned_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(0, 10, 20)).save(tmp_path / "a.png", exif=exif)
    look = PictureFile(tmp_path / "a.png").look()
    assert (look.height, look.width) == (20, 10) == PictureFile(tmp_path / "a.png").grey().shape


def test_a_picture_of_absurd_size_is_not_decoded(tmp_path):
    Image.new("1", (30000, 30000)).save(tmp_path / "bomb.png")
    with pytest.raises(InputError, match=r"too many|exceeds limit"):
        PictureFile(tmp_path / "bomb.png").check()


@pytest.mark.parametrize(("link", "target"), [("b/loop", ".."), ("b/other", "../a"), ("c", "a")])
def test_a_link_that_would_show_pictures_twice_is_refused(tmp_path, link, target):
    for name in ("a/1.png", "b/2.png"):
        write(tmp_path / "pics" / name, noise(1, 8, 8))
    (tmp_path / "pics" / link).symlink_to(target)
    said = prepare(tmp_path / "pics", "--out", tmp_path / "data", code=3)
    assert f"{link} leads to" in said and "read under another name" in said


def test_a_class_whose_folder_is_elsewhere_is_read_through_its_link(tmp_path):
    write(tmp_path / "pics" / "a" / "1.png", noise(1, 8, 8))
    write(tmp_path / "elsewhere" / "2.png", noise(2, 8, 8))
    (tmp_path / "pics" / "b").symlink_to("../elsewhere")
    assert "images: 2" in prepare(tmp_path / "pics", "--out", tmp_path / "data", "--shape", "8,8", "--dry-run")


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (["--person", "("], "is no regular expression", 3),
        (["--layout", "bids"], "--layout does not apply to the form folders", 3),
        (["--jobs", "0"], "--jobs", 3),
        (["--jobs", "-3"], "--jobs", 3),
        (["--labels", "FIFO"], "FIFO", 3),
    ],
)
def test_options_that_cannot_be_followed_are_refused_before_anything_is_made(
    tmp_path, monkeypatch, options, said, code
):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("FIFO")
    for name in ("a/1.png", "b/2.png"):
        write(tmp_path / "pics" / name, noise(1, 8, 8))
    found = CliRunner().invoke(main, ["prepare", "contrastive", "pics", "--out", "data", "--dry-run", *options])
    assert found.exit_code == code and said in found.output, found.output
