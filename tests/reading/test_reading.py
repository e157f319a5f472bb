"""Finished exports are read again, wherever they lie, against the files themselves."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile

import nibabel
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

import wbtools
from wbtools.anatomy import Hemisphere
from wbtools.cli import main
from wbtools.errors import InputError, MissingFile, UnknownChoice
from wbtools.reading import inline, open_batch, open_export
from wbtools.reading.participants import read_participants
from wbtools.reading.table import OUTSIDE, read_rows, read_table
from wbtools.reading.zipped import Zipped
from wbtools.sharing.pack_file import pack


@pytest.fixture(scope="module")
def folder(exported):
    return exported[1]


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "100307")


def rewritten(folder, change):
    """The folder, with another record."""
    path = folder / "provenance.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    return folder


def test_the_table_is_what_the_file_says_cell_by_cell(folder):
    table = wbtools.open(folder).table
    with (folder / "100307.unet.regions.tsv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert list(table.index) == [row["region"] for row in rows] and len(rows) == 380
    for name in ("rank", "volume_mm3", "share", "score", "z", "p_corrected", "calibrated_rank"):
        written = [float("nan") if row[name] == "n/a" else float(row[name]) for row in rows]
        np.testing.assert_array_equal(table[name].to_numpy(float), written)
    assert [row["kind"] for row in rows] == table["kind"].tolist()


def test_volumes_surfaces_and_metrics_are_what_nibabel_reads(folder):
    export = wbtools.open(folder)
    for volume, name in ((export.relevance, "unet.relevance"), (export.atlas.volume, "HCP-MMP1+subcortex")):
        image = nibabel.load(folder / f"100307.{name}.T1w.nii.gz")
        points = volume.grid.to_world(np.argwhere(volume.data)[::997])
        index = np.rint(nibabel.affines.apply_affine(np.linalg.inv(image.affine), points)).astype(int)
        np.testing.assert_allclose(volume.data[volume.data != 0][::997], image.get_fdata()[tuple(index.T)], rtol=1e-6)
    mesh = export.surface("R", "native", "pial")
    points, triangles = nibabel.load(folder / "T1w/Native/100307.R.pial.native.surf.gii").agg_data()
    np.testing.assert_array_equal(mesh.vertices, points)
    np.testing.assert_array_equal(mesh.triangles, triangles)
    maps = export.metrics["32k_fs_LR"]["L"]
    written = nibabel.load(folder / "100307.L.unet.32k_fs_LR.func.gii").agg_data()
    assert list(maps) == ["relevance", "heatmap", "heatmap_smooth"]
    np.testing.assert_array_equal(np.stack(list(maps.values())), np.stack(written))
    labels = nibabel.load(folder / "100307.L.HCP-MMP1.32k_fs_LR.label.gii").agg_data()
    np.testing.assert_array_equal(export.areas()["L"], labels)


def test_regions_have_the_names_keys_and_colours_of_the_label_table(folder):
    regions = {region.key: region for region in wbtools.open(folder).regions}
    table = nibabel.load(folder / "100307.L.HCP-MMP1.32k_fs_LR.label.gii").labeltable.labels
    cortical = [label for label in table if label.key]
    assert len(cortical) == 360 and len(regions) == 379
    for label in cortical:
        assert regions[label.key].name == label.label
        assert regions[label.key].hemisphere is Hemisphere.parse(label.label[0])
        np.testing.assert_allclose(
            regions[label.key].colour[:3], label.rgba[:3], atol=1e-5
        )  # five decimals are written


def test_decision_trust_and_record_are_those_of_the_record(folder):
    export, record = wbtools.open(folder), json.loads((folder / "provenance.json").read_text())
    assert export.provenance == record and export.subject == "100307"
    assert export.decision == record["networks"]["unet"]["decision"]
    assert export.trust == record["networks"]["unet"]["trust"]
    assert export.notices == tuple(record["notices"])
    files = (*(folder / "figures").glob("*.png"), folder / "100307.unet.input.jpg")
    assert {path.name for path in export.pictures} == {path.name for path in files}


def test_reading_loads_neither_torch_nor_the_network(folder):
    code = (
        "import sys, wbtools; e = wbtools.open(sys.argv[1]); e.table, e.relevance, e.atlas, e.trust, e._repr_html_(); "
        "print([name for name in ('torch', 'zennit', 'captum', 'nilearn') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_an_export_may_be_moved_read_only_or_named_by_its_record(copy, folder):
    moved = copy.rename(copy.with_name("somewhere else"))
    for path in (moved, *moved.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert wbtools.open(moved, check=True).table.equals(wbtools.open(folder).table)
        assert wbtools.open(moved / "provenance.json").subject == "100307"
    finally:
        for path in (moved, *moved.rglob("*")):
            path.chmod(0o755)


def test_a_zip_file_is_read_like_its_folder(folder, tmp_path):
    packed = tmp_path / "shared.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.rglob("*"):
            archive.write(path, f"for you/{path.relative_to(folder.parent)}")
    export, before = wbtools.open(packed, check=True), sorted(tmp_path.iterdir())
    assert export.table.equals(wbtools.open(folder).table)
    np.testing.assert_array_equal(export.relevance.data, wbtools.open(folder).relevance.data)
    assert sorted(tmp_path.iterdir()) == before
    unpacked = export.pictures[0] if export.pictures else export.scene
    assert unpacked.exists()
    del export
    assert not unpacked.exists()


def directory_of(content):
    """Where the directory of a zip file and its end begin."""
    return content.index(b"PK\1\2"), content.rindex(b"PK\5\6")


@pytest.mark.parametrize("harm", ["outside the file", "no text", "no name", "a later version", "a part of extra data"])
def test_a_zip_file_whose_directory_is_damaged_is_refused_or_read(tmp_path, harm):
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("p/provenance.json", "{}")
        archive.writestr("p/\u00fc", "x")
    content = bytearray(file.read_bytes())
    entry, end = directory_of(content)
    second = content.index(b"PK\1\2", entry + 1)
    if harm == "outside the file":
        content[end + 16 : end + 20] = (2**32 - 2).to_bytes(4, "little")
    elif harm == "no text":
        content[second + 48 : second + 50] = b"\xff\xff"
    elif harm == "no name":
        content[second + 46] = 0
    elif harm == "a later version":
        content[second + 6] = 255
    else:
        content[second + 28 : second + 32] = bytes([0, 0, 4, 0])
    file.write_bytes(content)
    assert zipfile.is_zipfile(file)
    try:
        assert Zipped(file).record() == b"{}"
    except InputError as error:
        assert "cannot be read" in str(error)


@pytest.mark.parametrize("at", [5, -30])  # the packed stream breaks; it ends well, with another content
def test_a_damaged_file_of_a_zip_file_is_never_read_in_part(folder, tmp_path, at):
    packed, name = tmp_path / "shared.zip", "100307.unet.regions.tsv"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in ("provenance.json", name):
            archive.write(folder / each, each)
        part = archive.getinfo(name)
    content = bytearray(packed.read_bytes())
    begins = part.header_offset + 30 + len(name)
    place = begins + at % part.compress_size
    content[place : place + 8] = bytes(byte ^ 0xFF for byte in content[place : place + 8])
    packed.write_bytes(content)
    export = wbtools.open(packed)
    for _ in range(2):
        with pytest.raises(InputError, match=r"regions\.tsv cannot be read"):
            _ = export.table
    assert export.contents.container.differs(name, export.contents.record.files[name]) == "is damaged"


@pytest.mark.parametrize("said", ["as many", "few"])
def test_a_zip_file_of_a_great_many_files_is_refused_at_once(folder, tmp_path, said):
    file = tmp_path / "many.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(folder / "provenance.json", "100307/provenance.json")
        for number in range(10_001):
            archive.writestr(f"{number}", b"")
    if said == "few":
        content = bytearray(file.read_bytes())
        _, end = directory_of(content)
        content[end + 8 : end + 12] = bytes([3, 0, 3, 0])
        file.write_bytes(content)
    with pytest.raises(InputError, match="holds more than 10,000 files"):
        wbtools.open(file)


def test_a_record_that_grows_when_it_is_unpacked_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("provenance.json", bytes(100 << 20))
    with pytest.raises(InputError, match="too large"):
        wbtools.open(tmp_path / "bomb.zip")


def test_a_changed_a_missing_and_a_cut_file_are_named_when_hashes_are_checked(copy):
    (copy / "100307.unet.regions.tsv").write_text("another\n")
    with pytest.raises(InputError, match=r"regions\.tsv is not as recorded"):
        wbtools.open(copy, check=True)
    with pytest.raises(InputError, match="has no column"):
        _ = wbtools.open(copy).table
    (copy / "100307.unet.regions.tsv").unlink()
    with pytest.raises(MissingFile, match=r"regions\.tsv"):
        _ = wbtools.open(copy).table


def test_what_is_no_export_is_told_apart(tmp_path, copy):
    (tmp_path / "text.txt").write_text("no export")
    for place, why in (
        (tmp_path, "has no provenance.json"),
        (tmp_path / "nowhere", "nowhere"),
        (tmp_path / "text.txt", "neither"),
    ):
        with pytest.raises(InputError, match=why):
            wbtools.open(place)
    (copy / "provenance.json").write_text('{"GeneratedBy": "another program"}')
    with pytest.raises(InputError, match="was not written by wbtools"):
        wbtools.open(copy)
    (copy / "provenance.json").write_text("{")
    with pytest.raises(InputError, match="cannot be parsed"):
        wbtools.open(copy)
    (copy / "provenance.json").unlink()
    os.mkfifo(copy / "provenance.json")
    with pytest.raises(InputError, match="no plain file"):
        wbtools.open(copy)


def test_an_export_of_a_newer_version_is_refused_and_of_an_older_one_read(copy):
    with pytest.raises(InputError, match=r"was written by wbtools 99\.1\.0, which is newer"):
        wbtools.open(rewritten(copy, lambda record: record.update(wbtools="99.1.0")))

    def older(record):
        record["wbtools"] = "0.0.9"
        for key in ("checks", "face", "versions", "seconds", "outputs_bytes"):
            del record[key]
        record["outputs_sha256"].pop("100307.unet.levels.tsv", None)

    export = wbtools.open(rewritten(copy, older), check=True)
    assert export.network().levels is None and len(export.table) == 380 and "100307" in export._repr_html_()


def test_a_record_that_names_files_outside_the_export_is_refused(copy):
    for name in ("../secret", "/etc/passwd", "a/../../b", ""):
        with pytest.raises(InputError, match="lists files outside the export"):
            wbtools.open(rewritten(copy, lambda record, name=name: record["outputs_sha256"].update({name: "0" * 64})))
        rewritten(copy, lambda record, name=name: record["outputs_sha256"].pop(name))


@pytest.mark.parametrize(
    "value", ["NaN", "-Infinity", "1e999", "1" + 400 * "0", '"\\ud800"', '{"\\ud800": 1}', 500 * "[" + 500 * "]"]
)
def test_a_record_with_what_no_record_holds_is_refused(copy, value):
    text = (copy / "provenance.json").read_text()
    (copy / "provenance.json").write_text(f'{text.rstrip()[:-1]}, "more": {value}}}')
    with pytest.raises(InputError, match="cannot be parsed"):
        wbtools.open(copy)


def cells(text, column, value):
    """A table with another value in a column of its third row; None takes all rows away."""
    head, *rows = (row.split("\t") for row in text.splitlines())
    if value is None:
        rows = [row for row in rows if "outside_atlas" in row]
    elif column is None:
        rows = [[*row, value] for row in rows]
    else:
        rows[2][head.index(column)] = value
    return "".join("\t".join(row) + "\n" for row in (head, *rows))


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("kind", "moon", "damaged: 'moon'"),
        ("hemisphere", "X", "'X' names no hemisphere"),
        ("key", "n/a", "damaged"),
        ("key", "1e999", "damaged"),
        ("share", "much", r"a word instead of a number: share of \w+ \(line 4\) is 'much'"),
        (None, "", "more cells than the first line"),
        (None, None, "has no region"),
    ],
)
def test_a_damaged_table_of_regions_is_refused_in_a_sentence(copy, column, value, why):
    path = copy / "100307.unet.regions.tsv"
    path.write_text(cells(path.read_text(), column, value))
    with pytest.raises(InputError, match=why):
        _ = wbtools.open(copy).regions


@pytest.mark.parametrize("content", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"", None])
def test_what_is_no_picture_is_refused_and_shown_as_such_in_a_notebook(copy, content):
    path = copy / "overview.png"
    Image.new("RGB", (1, 50_000)).save(path) if content is None else path.write_bytes(content)
    with pytest.raises(InputError, match=r"overview\.png cannot be read"):
        inline.read(path, 100)

    def listed(record):
        record["outputs_sha256"]["figures/unet.overview.png"] = "0" * 64

    (copy / "figures").mkdir(exist_ok=True)
    path.rename(copy / "figures" / "unet.overview.png")
    assert "overview.png cannot be read" in wbtools.open(rewritten(copy, listed))._repr_html_()


def test_several_networks_have_to_be_named(copy):
    export = wbtools.open(rewritten(copy, lambda record: record["networks"].update(other=record["networks"]["unet"])))
    with pytest.raises(InputError, match="2 networks: unet, other"):
        _ = export.table
    assert len(export.network("unet").table) == 380
    with pytest.raises(UnknownChoice, match="nobody"):
        export.network("nobody")


def test_a_notebook_shows_text_of_others_escaped(copy):
    def marked(record):
        record["networks"]["unet"]["title"] = "<script>alert(1)</script>"
        record["notices"] = ["<img src=x onerror=alert(1)>"]

    shown = wbtools.open(rewritten(copy, marked))._repr_html_()
    assert "<script>" not in shown and "<img src=x" not in shown and "&lt;script&gt;" in shown


# ------------------------------------------------------------------------------------------------------------ replaced


def zipped(folder, file, root):
    with zipfile.ZipFile(file, "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, f"{root}/{path.relative_to(folder)}")
    return file


def made_again(folder, target):
    """An export of the same person, with other numbers."""
    table = shutil.copytree(folder, target) / "100307.unet.regions.tsv"
    table.write_text(cells(table.read_text(), "score", "7"))
    digest = hashlib.sha256(table.read_bytes()).hexdigest()

    def changed(record):
        record["written"] = "2020-01-01T00:00:00Z"
        record["outputs_sha256"][table.name] = digest

    return rewritten(target, changed)


@pytest.mark.parametrize(
    "how", ["a zip file", "a zip file of other names", "a folder", "a folder that is written over"]
)
def test_an_export_that_was_replaced_is_not_read_with_the_record_of_the_one_before(copy, tmp_path, how):
    other, place = made_again(copy, tmp_path / "other"), copy
    if "zip" in how:
        place = zipped(copy, tmp_path / "a.zip", "a")
    export = wbtools.open(place)
    if "zip" in how:
        zipped(other, tmp_path / "b.zip", "b" if "names" in how else "a").replace(place)
    elif "over" in how:
        shutil.copytree(other, copy, dirs_exist_ok=True)
    else:
        shutil.rmtree(copy)
        other.rename(copy)
    for read in (lambda: export.table, lambda: export.surface("L"), export.check):
        with pytest.raises(InputError, match="was replaced or changed since it was opened") as refused:
            read()
        assert refused.value.hint.startswith("open it again")
    assert wbtools.open(place, check=True).table["score"].iloc[2] == 7


def test_an_export_that_is_touched_gets_files_or_another_page_is_read_on(copy, tmp_path):
    file = zipped(copy, tmp_path / "a.zip", "a")
    export, packed = wbtools.open(copy), wbtools.open(file)
    for path in (copy, copy / "provenance.json", file):
        os.utime(path, (1, 1))
    (copy / "notes.txt").write_text("mine")
    export.check()
    result = CliRunner().invoke(main, ["report", str(copy), "--report", "static"])
    assert result.exit_code == 0, result.output
    assert export.table.equals(packed.table)
    with pytest.raises(InputError, match="was replaced or changed since"):  # what is on record of the page
        export.check()
    wbtools.open(copy, check=True)


def test_an_open_export_that_is_taken_away_is_said_to_be_gone(copy, tmp_path):
    file = zipped(copy, tmp_path / "a.zip", "a")
    opened = [wbtools.open(place) for place in (copy, file)]
    shutil.rmtree(copy)
    file.unlink()
    for export in opened:
        for read in (lambda export=export: export.table, export.check):
            with pytest.raises(InputError, match="was moved or removed since it was opened"):
                read()


def test_a_name_that_cannot_be_and_a_link_to_itself_are_refused_in_a_sentence(tmp_path):
    (tmp_path / "circle").symlink_to("circle")
    for name, why in {
        "x" * 300: "cannot be opened: .*File name too long",
        "circle": "circle is a link that leads back to itself",
        "a\0b": "cannot be opened",
    }.items():
        for place in (tmp_path / name, tmp_path / name / "provenance.json"):
            with pytest.raises(InputError, match=why):
                wbtools.open(place)
            with pytest.raises(InputError, match=why):
                pack(place, tmp_path / "p.zip")


CLOSED = """
import sys
from pathlib import Path
import wbtools
from wbtools.errors import InputError
from wbtools.sharing.pack_file import pack

folder, file = map(Path, sys.argv[1:])
for read in (lambda: wbtools.open(folder, check=True), lambda: pack(folder, folder.parent / "p.zip"),
             lambda: wbtools.open(folder).table, lambda: wbtools.open(file)):
    try:
        print("read", type(read()).__name__)
    except InputError as error:
        print(error, "|", error.hint)
"""


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read everything")
@pytest.mark.parametrize("closed", ["100307.unet.regions.tsv", "T1w"])
def test_what_may_not_be_read_is_told_from_what_is_damaged(copy, tmp_path, closed):
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    file = zipped(copy, tmp_path / "a.zip", "a")
    mode = (copy / closed).stat().st_mode
    for path in (copy / closed, file):
        path.chmod(0)
    words = [*drop, sys.executable, "-c", CLOSED, copy, file]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    (copy / closed).chmod(mode)
    checked, packed, table, zip_file = done.stdout.splitlines()
    for said in (checked, packed):
        assert "cannot be read (Permission denied)" in said
        assert said.endswith("| check its permissions" if closed != "T1w" else "| check their permissions")
    assert table.endswith("cannot be read: Permission denied | check its permissions") == (closed != "T1w")
    assert "a.zip may not be read: Permission denied | ask its owner" in zip_file


# ------------------------------------------------------------------------------------------------------------- batches


@pytest.fixture
def exports(folder, tmp_path):
    """Three people: two as they are, one damaged, and something else that lies about."""
    out = tmp_path / "out"
    for name in ("A", "B", "C"):
        target = shutil.copytree(folder, out / name)
        rewritten(target, lambda record, name=name: record["subject"].update(id=name))
        for path in list(target.glob("100307.*")):
            path.rename(path.with_name(path.name.replace("100307", name)))

        def named(record, name=name):
            for key in ("outputs_sha256", "outputs_bytes"):
                record[key] = {file.replace("100307", name): value for file, value in record[key].items()}

        rewritten(target, named)
    (out / "C" / "provenance.json").write_text("{")
    (out / "notes").mkdir()
    (out / "notes" / "mine.txt").write_text("mine")
    return out


def test_a_batch_is_people_by_regions_by_measures(exports, folder):
    batch = wbtools.open_batch(exports)
    assert batch.people == ("A", "B") and list(batch.unreadable) == ["C"] and "parsed" in batch.unreadable["C"]
    table = wbtools.open(folder).table
    z = batch.measure("z")
    assert z.shape == (2, 379) and "outside_atlas" not in z
    np.testing.assert_array_equal(
        z.loc["A"].to_numpy(), table["z"].drop("outside_atlas").sort_index().reindex(z.columns)
    )
    assert batch.table().loc[("B", "BRAIN_STEM"), "volume_mm3"] == table.loc["BRAIN_STEM", "volume_mm3"]
    with pytest.raises(InputError, match="has no column 'depth'"):
        batch.measure("depth")


def test_a_person_of_a_batch_is_found_by_id(exports):
    batch = open_batch(exports)
    assert batch["B"] is batch.exports["B"] and batch["B"].subject == "B" and "B" in batch and "Z" not in batch
    with pytest.raises(UnknownChoice, match="Z"):
        batch["Z"]


def test_numbers_in_ids_count_as_numbers(exports):
    for name, id_ in (("A", "p10"), ("B", "p2")):
        rewritten(exports / name, lambda record, id_=id_: record["subject"].update(id=id_))
    assert open_batch(exports).people == ("p2", "p10")


def test_values_show_themselves_in_a_line(folder):
    export = wbtools.open(folder)
    image = nibabel.load(folder / "100307.unet.relevance.T1w.nii.gz")
    shape = " x ".join(map(str, image.shape))
    assert repr(export.network()) == "<NetworkResults of unet for 100307, by deviation-smooth>"
    assert shape in repr(export.relevance) and repr(export.relevance).endswith(" mm, density>")
    assert repr(export.surface("L")).startswith("<Mesh L: 32492 vertices, ")
    assert repr(export.atlas).startswith("<Atlas HCP-MMP1+subcortex: 379 regions, <Volume ")


def test_a_notebook_shows_a_batch_with_text_of_others_escaped(exports):
    def marked(record):
        record["networks"]["unet"]["attribution"]["method"] = "<script>alert(1)</script>"

    rewritten(exports / "A", marked)
    shown = open_batch(exports)._repr_html_()
    assert "2 exports" in shown and "1 folder cannot be read: C: " in shown and "Networks: unet" in shown
    assert shown.count("<tr>") == 3 and "<script>" not in shown and "&lt;script&gt;" in shown


def test_participants_are_joined_by_their_ids_with_and_without_sub(exports):
    (exports / "participants.tsv").write_text("participant_id\tage\tgroup\nsub-A\t30\tx\nZ\t50\ty\n")
    people = open_batch(exports).participants
    assert people.loc["A", "age"] == 30 and people.loc["A", "group"] == "x" and np.isnan(people.loc["B", "age"])


def test_a_folder_without_exports_and_two_exports_of_one_person_are_refused(exports, tmp_path):
    with pytest.raises(InputError, match="holds no finished export"):
        open_batch(exports / "notes")
    with pytest.raises(InputError, match="nowhere"):
        open_batch(tmp_path / "nowhere")
    with pytest.raises(InputError, match="does not exist"):
        open_batch(exports, tmp_path / "nobody.tsv")
    pages = exports / "pages" / "wbtools-report"
    pages.mkdir(parents=True)
    made = {"wbtools": "0.1.0", "settings": {"subject": "batch report"}, "outputs_sha256": {}}
    (pages / "provenance.json").write_text(json.dumps(made))
    with pytest.raises(InputError, match="holds no finished export"):
        open_batch(pages.parent)
    with pytest.raises(InputError, match="holds no finished export"):
        open_batch(pages)
    with pytest.raises(InputError, match="A is one export") as single:
        open_batch(exports / "A")
    assert single.value.hint == "give the folder above it"
    shutil.rmtree(pages.parent)
    shutil.copytree(exports / "A", exports / "copy of A")
    with pytest.raises(InputError, match="are both exports of A"):
        open_batch(exports)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("participant_id\tage\na\t1\na\t2\n", "names 'a' twice"),
        ("participant_id\tage\n\t1\n", "a row without participant_id"),
        ("", "is empty"),
        ("a\tb\n1\t2\t3\t4\n1\n1\t2\t3\t4\t5\t6\n", "row 2 has 4 cells, the heading 2"),
        ("participant_id\tage\na\t30\t\nb\t31\t\n", "row 2 has 3 cells, the heading 2"),
        ("participant_id\tage\tage\na\t30\t31\n", "two columns called age"),
        ('participant_id,age\na,"30\nb,31\n', "is no table that can be read"),
        ("participant_id\tgroup\na\tpat\0ient\n", "is no text"),
    ],
)
def test_a_damaged_table_of_participants_is_refused_in_a_sentence(tmp_path, text, why):
    path = tmp_path / "participants.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=why) as refused:
        read_participants(path)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("mark", "encoding"), [("\t", "utf-16"), ("\t", "latin-1"), (",", "utf-8-sig"), (";", "utf-32")]
)
def test_tables_of_participants_are_read_as_spreadsheets_write_them(tmp_path, mark, encoding):
    path = tmp_path / "participants.tsv"
    path.write_bytes("participant_id\tage\tsite\r\na\t30\tKöln\r\nb\t\tn/a\r\n".replace("\t", mark).encode(encoding))
    table = read_participants(path)
    assert table["age"].to_dict() == {"a": 30, "b": pytest.approx(np.nan, nan_ok=True)}
    assert table.loc["a", "site"] == "Köln" and table.isna().loc["b"].all()


def test_a_quotation_mark_in_a_cell_swallows_no_participant(tmp_path):
    path = tmp_path / "participants.tsv"
    path.write_text('participant_id\tnote\tage\na\t"\t30\nb\t"x\t31\nc\t"whole"\t32\n')
    table = read_participants(path)
    assert table["age"].to_dict() == {"a": 30, "b": 31, "c": 32} and list(table["note"]) == ['"', '"x', "whole"]


def test_people_whose_column_has_no_name_are_those_of_the_first_column(tmp_path):
    path = tmp_path / "rows_of_r.csv"
    path.write_text('"","age",""\n"a",30,1\n')
    table = read_participants(path)
    assert list(table.index) == ["a"] and list(table.columns) == ["age"]


def test_a_person_with_two_rows_is_refused_when_tables_are_joined(exports):
    (exports / "participants.tsv").write_text("participant_id\tage\nsub-A\t30\nA\t50\n")
    with pytest.raises(InputError, match="one person as sub-A and as A"):
        _ = open_batch(exports).participants


@pytest.mark.parametrize("nothing", ["n/a", "NA", "NaN", "nan", ""])
def test_what_is_missing_is_no_word_whichever_program_wrote_it(tmp_path, nothing):
    path = tmp_path / "participants.tsv"
    path.write_text(f"participant_id\tage\tsite\na\t30\tx\nb\t{nothing}\t{nothing}\n")
    table = read_participants(path)
    assert table["age"].dtype.kind == "f" and table.isna().loc["b"].all() and not table.isna().loc["a"].any()


def test_a_table_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "a.regions.tsv"
    with path.open("wb") as stream:
        stream.truncate(1 << 27)
    with pytest.raises(InputError, match="too large"):
        read_table(path)


_FEW = "region", "key", "kind"
_TABLE = "region\tkey\tkind\tz\tmethod\nV1\t2\tcortex\tn/a\t'a \"b\nV2\t1\tcortex\t-.5e-3\tn/a\n"


@pytest.mark.parametrize(
    "text",
    [
        _TABLE,
        _TABLE.replace("\n", "\r\n"),
        _TABLE.replace("\n", "\r"),
        "\ufeff" + _TABLE,
        _TABLE.replace("\nV2", "\n\n  \nV2").rstrip(),
        _TABLE.replace("-.5e-3", "+inf").replace("V1", "caf\u00e9\x85\u2028a"),
        _TABLE.replace("-.5e-3", "12345678901234567890").replace("n/a", "3.").replace("\t1\t", "\t 1\t"),
        _TABLE.replace("-.5e-3", "n/a").replace("cortex", "n/a"),
    ],
)
def test_a_table_is_the_frame_that_pandas_reads(text, tmp_path):
    path = tmp_path / "a.tsv"
    path.write_bytes(text.encode())
    words = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, na_values=["n/a"], quoting=csv.QUOTE_NONE)
    theirs = words.set_index("region")
    theirs = theirs.assign(key=pd.to_numeric(theirs["key"]), z=pd.to_numeric(theirs["z"]))
    pd.testing.assert_frame_equal(read_table(path, _FEW), theirs)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not a table"),
        ("\n \n", "is not a table"),
        ("region\tkey\tregion\nV1\t1\tV2\n", "is not a table: its first line names a column twice"),
        (_TABLE.replace("-.5e-3", "1\t2"), "is not a table: line 3 has more cells than the first line"),
        (_TABLE.replace("kind", "kin"), "has no column kind"),
        (_TABLE.replace("V2", "V1"), "names V1 twice, in lines 2 and 3"),
        (_TABLE.replace("V2", "n/a"), "names no region in line 3"),
        (f"{_TABLE}\n\n\t\thi\n", "names no region in line "),
        (f"{_TABLE.rstrip()}\nhi\n", "of hi (line "),
        (_TABLE.splitlines()[0], "has no region"),
        (_TABLE.splitlines()[0] + "\noutside_atlas\tn/a\tn/a\tn/a\tn/a\n", "has no region"),
        (_TABLE.replace("-.5e-3\tn/a", ""), "a word instead of a number: z of V2 (line 3) is ''"),
        (_TABLE.replace("\t-.5e-3\tn/a", ""), "a word instead of a number: z of V2 (line 3) is ''"),
        *(
            (_TABLE.replace("-.5e-3", word), f"z of V2 (line 3) is '{word}'")
            for word in ("nan", "1_0", "\uff11", "0x1", "1e", ".")
        ),
    ],
)
def test_a_table_that_is_none_is_refused_by_a_sentence(text, why, tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        read_table(path, _FEW)
    assert why in str(refused.value)
    path.write_bytes(b"\xff\xfe" + text.encode())
    with pytest.raises(InputError, match="is not a table: 'utf-8' codec"):
        read_table(path, _FEW)


def test_rows_are_ordered_by_a_column_as_pandas_orders_them_and_leave_out_what_lies_outside(folder):
    path = folder / "100307.unet.regions.tsv"
    inside = read_table(path).drop(index=OUTSIDE)
    for name in ("key", "calibrated_rank", "rank"):
        assert [row.name for row in read_rows(path).ordered(name)] == list(inside.sort_values(name).index)
    assert read_rows(path).known("z") == inside["z"].notna().any() and not read_rows(path).known("no such column")


def test_a_table_of_participants_is_never_unpacked(tmp_path):
    path = tmp_path / "people.tsv.zip"
    path.write_bytes(b"PK\x03\x04" + bytes(30))
    with pytest.raises(InputError, match="a zip archive or a workbook of Excel, no text"):
        read_participants(path)


def test_opened_exports_keep_what_they_read(folder):
    export = open_export(folder)
    assert export.table is export.table and export.relevance is export.relevance
    assert export.metrics["32k_fs_LR"] is export.metrics["32k_fs_LR"]
