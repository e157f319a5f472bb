"""Slices with midlines become pairs of halves that look alike, as hemisphere networks take them."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from made_data import made_study
from PIL import Image

from wbtools.cli import main
from wbtools.datasets import open_data, split_of
from wbtools.datasets.images.slices import halves, levelled
from wbtools.datasets.sources.midlines import points_of
from wbtools.errors import InputError
from wbtools.model.families.hemispheres import Hemispheres, HemispheresArchitecture


def head(height=290, width=290, seed=0):
    """A head that is the same above and below the middle of the rows."""
    y, x = np.mgrid[:height, :width] + 0.5
    inside = ((x - width / 2) / (0.42 * width)) ** 2 + ((y - height / 2) / (0.35 * height)) ** 2 < 1
    rng = np.random.default_rng(seed)
    waves = sum(
        np.cos(2 * np.pi * (a * x / width + p)) * np.cos(2 * np.pi * b * (y - height / 2) / height)
        for a, b, p in rng.uniform(1, 4, (4, 3))
    )
    return np.asarray(np.where(inside, 120 + 20 * waves, 0).clip(0, 255), np.uint8)


def turned(plane, degrees, shift=(0.0, 0.0)):
    """The head as a scanner may have it, and two points on its midline; by Pillow's own rotation."""
    image = Image.fromarray(plane).rotate(degrees, Image.Resampling.BICUBIC, translate=tuple(map(round, shift)))
    centre = np.array([plane.shape[1] / 2 + round(shift[0]), plane.shape[0] / 2 + round(shift[1])])
    angle = np.deg2rad(-degrees)  # rotate turns counterclockwise, and rows go down
    along = np.array([np.cos(angle), np.sin(angle)])
    return np.asarray(image), [tuple((centre - 90 * along).tolist()), tuple((centre + 40 * along).tolist())]


def prepare(*arguments, code=0):
    result = CliRunner().invoke(main, ["prepare", "symmetry", *map(str, arguments), "--jobs", "1"])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.mark.parametrize("degrees", [0, 7, -23, 90])
@pytest.mark.parametrize("shift", [(0, 0), (9, -14)])
def test_halves_of_a_symmetric_head_are_alike_however_it_lies(degrees, shift):
    plane, midline = turned(head(), degrees, shift)
    level = levelled(plane, midline)
    lower, upper = halves(level).astype(int)
    assert np.abs(lower - upper).mean() < 1.0
    crooked = halves(levelled(plane, [midline[0], (midline[1][0] + 12, midline[1][1] + 12)])).astype(int)
    assert np.abs(crooked[0] - crooked[1]).mean() > 2.0


def test_a_level_midline_in_the_middle_changes_nothing():
    assert np.array_equal(levelled(head(), [(3, 145), (250, 145)]), head())
    assert np.array_equal(levelled(head(), [(250, 145), (3, 145), (99, 145)]), head())


def test_halves_are_those_that_the_network_makes_itself():
    network = Hemispheres(HemispheresArchitecture())
    volume = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (20, 24, 3)).astype(np.float32))
    shown = network.pictures(volume[None, None]).numpy()
    for level in range(3):
        made = halves(volume[:, :, level].numpy().astype(np.uint8))
        assert np.array_equal(made[0], shown[level, 0])
        assert np.array_equal(made[1], shown[3 + level, 0])


def test_the_published_squares_have_the_half_at_row_50():
    plane = np.zeros((290, 290), np.uint8)
    plane[144], plane[145] = 7, 9  # the rows beside the midline
    lower, upper = halves(plane)
    assert lower.shape == (290, 290)
    assert (lower[194] == 9).all() and (upper[194] == 7).all()
    assert not lower[:50].any() and not lower[195:].any()


@pytest.fixture
def folder(tmp_path):
    lines = {}
    for number in range(6):
        plane, midline = turned(head(seed=number), 4 * number - 10, (number, -number))
        (tmp_path / "slices").mkdir(exist_ok=True)
        Image.fromarray(plane).save(tmp_path / "slices" / f"s{number}.png")
        lines[f"s{number}.png"] = [{"x": x, "y": y} for x, y in midline]
    return tmp_path / "slices", lines


def as_mapping(place, lines):
    (place / "lines.json").write_text(json.dumps(lines))


def as_files(place, lines):
    for name, points in lines.items():
        (place / name).with_suffix(".json").write_text(json.dumps(points))


def as_files_of_objects(place, lines):
    for name, points in lines.items():
        (place / name).with_suffix(".json").write_text(json.dumps({"line": [[p["x"], p["y"]] for p in points]}))


def as_json_lines(place, lines):
    rows = [json.dumps({"file_name": name, "line": str(points)}) for name, points in lines.items()]
    (place / "metadata.jsonl").write_text("\n".join(rows) + "\n")


@pytest.mark.parametrize("form", [as_mapping, as_files, as_files_of_objects, as_json_lines])
def test_midlines_are_read_in_every_form(folder, tmp_path, form):
    place, lines = folder
    form(place, lines)
    said = prepare(place, "--out", tmp_path / "data")
    data = open_data(tmp_path / "data")
    assert data.images.shape == (6, 2, 224, 224) and data.images.dtype == np.uint8
    images = data.images.astype(int)
    assert np.abs(images[:, 0] - images[:, 1]).mean() < 1.0
    assert np.abs(images[0, 0] - images[1, 0]).mean() > 2.0
    assert "Nothing says whose 6 slices of 6 are" in said


def test_records_say_whose_slice_it_is_and_what_else_is_known(folder, tmp_path):
    place, lines = folder
    records = [
        {"image": name, "midline": points, "session": 7000 + number // 3, "contrast": "T1"}
        for number, (name, points) in enumerate(lines.items())
    ]
    (place / "all.json").write_text(json.dumps(records))
    said = prepare(place, "--out", tmp_path / "data")
    data = open_data(tmp_path / "data")
    assert data.people == ("7000", "7001")
    assert data.labels("contrast") == ("T1",) * 6
    assert "Nothing says" not in said
    assert {len(part) for part in split_of(data, (0.5, 0.5, 0)).parts.values()} == {0, 3}


def test_a_slice_without_midline_is_named_or_left_out(folder, tmp_path):
    place, lines = folder
    del lines["s2.png"]
    lines["s3.png"] = lines["s3.png"][:1]
    lines["s4.png"] = [lines["s4.png"][0]] * 2
    as_mapping(place, lines)
    said = prepare(place, "--out", tmp_path / "data", code=3)
    assert "s2.png: no midline is given for it" in said
    assert "s3.png: its midline has fewer than two points" in said
    prepare(place, "--out", tmp_path / "data", "--skip-bad")
    data = open_data(tmp_path / "data")
    assert set(data.manifest.left_out) == {"s2.png", "s3.png", "s4.png"}
    assert "less than a pixel apart" in data.manifest.left_out["s4.png"]


@pytest.mark.parametrize("content", ["{", "[1, 2]", '[{"line": []}]'])
def test_json_that_is_no_table_of_midlines_is_refused(folder, tmp_path, content):
    place, _ = folder
    (place / "lines.json").write_text(content)
    prepare(place, "--out", tmp_path / "data", code=3)


def test_midlines_as_python_and_numpy_print_them_are_read_without_running_them():
    assert points_of("[{'x': 1.5, 'y': 2}\n {'x': -3e1, 'y': 4}]") == ((1.5, 2.0), (-30.0, 4.0))
    with pytest.raises(InputError, match="fewer than two points"):
        points_of("__import__('os').abort()")


def test_scans_give_slices_that_stay_with_their_head(tmp_path):
    study = made_study(tmp_path / "study", ("100", "101", "102"))
    prepare(study, "--out", tmp_path / "data")
    data = open_data(tmp_path / "data")
    assert data.people == ("100", "101", "102")
    per_person = len(data) // 3
    assert per_person >= 10
    assert data.images.reshape(len(data), -1).max(1).min() > 100
    assert all(len(part) == per_person for part in split_of(data, (0.4, 0.3, 0.3)).parts.values())
    left, right = data.images[:, 0].astype(float), data.images[:, 1].astype(float)
    alike = np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(left, right, strict=True)])
    assert alike > 0.9


def test_a_row_of_a_scan_is_what_the_network_is_shown(tmp_path):
    from wbtools.datasets.images.volumes import ScanImage, VolumePreparation
    from wbtools.model.families.hemispheres import FAMILY

    study = made_study(tmp_path / "study", ("100",))
    prepare(study, "--out", tmp_path / "data")
    data = open_data(tmp_path / "data")
    scan = ScanImage(study / "100" / "T1w" / "T1w_acpc_dc_restore_brain.nii.gz")
    volume = VolumePreparation(FAMILY.card).make(scan).array
    shown = Hemispheres(HemispheresArchitecture()).pictures(torch.from_numpy(volume[None])).numpy()
    slices = shown.shape[0] // 2
    for item in data.items:
        level = int(item.source.split("#")[1])
        both = np.stack([shown[level, 0], shown[slices + level, 0]])
        assert np.abs(data.images[item.row] - both).max() <= 0.51


# -------------------------------------------------------------------------------------------------------- Parquet


def write_parquet(path, columns, metadata=None):
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    table = arrow.table(columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table.replace_schema_metadata(metadata), path, row_group_size=4)


def cells(place, names):
    return [{"bytes": (place / name).read_bytes(), "path": None} for name in names]


def test_the_public_slices_are_read_from_parquet(folder, tmp_path):
    pytest.importorskip("pyarrow")
    place, lines = folder
    texts = [str(points).replace("}, {", "}\n {") for points in lines.values()]
    pictures = cells(place, lines)
    write_parquet(
        tmp_path / "sym" / "data" / "train-00000-of-00001.parquet", {"image": pictures[:5], "line": texts[:5]}
    )
    write_parquet(tmp_path / "sym" / "data" / "test-00000-of-00001.parquet", {"image": pictures[5:], "line": texts[5:]})
    prepare(tmp_path / "sym", "--out", tmp_path / "data")
    as_mapping(place, lines)
    prepare(place, "--out", tmp_path / "other")
    data, other = open_data(tmp_path / "data"), open_data(tmp_path / "other")
    assert np.array_equal(data.images, other.images[[5, 0, 1, 2, 3, 4]])
    assert data.labels("part") == ("test", *["train"] * 5)
    assert not any(item.split for item in data.items)  # T1w and T2w scans of the same babies


def test_pictures_with_classes_are_read_from_parquet(folder, tmp_path):
    pytest.importorskip("pyarrow")
    place, lines = folder
    known = {"info": {"features": {"image": {"_type": "Image"}, "label": {"names": ["no", "yes"]}}}}
    for part in ("train", "test"):
        write_parquet(
            tmp_path / "tumours" / f"{part}-0.parquet",
            {"image": cells(place, lines), "label": [0, 1] * 3},
            {"huggingface": json.dumps(known)},
        )
    arguments = ["prepare", "contrastive", tmp_path / "tumours" / "train-0.parquet", "--out", tmp_path / "data"]
    result = CliRunner().invoke(main, [*map(str, arguments), "--jobs", "1", "--shape", "32,32"])
    assert result.exit_code == 0, result.output
    data = open_data(tmp_path / "data")
    assert data.images.shape == (6, 1, 32, 32)
    assert data.labels("label") == ("no", "yes") * 3
    assert {item.split for item in data.items} == {"train"}


def test_a_damaged_parquet_file_is_refused(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and then nothing")
    assert "is no Parquet file that can be read" in prepare(tmp_path / "a.parquet", "--out", tmp_path / "data", code=3)
