"""Packs of a finished export: what is in them and what not, that they open elsewhere, and what is refused."""

import hashlib
import json
import os
import shlex
import shutil
import zipfile
from xml.etree import ElementTree as ET

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner

import wbtools
from wbtools.cli import main
from wbtools.errors import CheckError, InputError
from wbtools.exporting.session.scene_types import SCENES
from wbtools.output.kinds import Output, OutputKind
from wbtools.reading.contents import ON_SURFACES
from wbtools.report.person.composing import report
from wbtools.sharing import pack_check, pack_file, pack_ownership, scene_references
from wbtools.sharing.pack_file import PackOptions, pack

T1W = "T1w/T1w_acpc_dc_restore_brain.nii.gz"
QUICK = PackOptions(draw=False)
PLAIN = PackOptions(t1w=False, draw=False)


@pytest.fixture(scope="module")
def folder(exported):
    return exported[1]


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "a folder & 'more'")


def unpacked(file, where):
    with zipfile.ZipFile(file) as archive:
        archive.extractall(where)
    (root,) = where.iterdir()
    return root


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_pack_holds_what_is_on_record_byte_for_byte_and_opens(folder, tmp_path):
    made = pack(folder, tmp_path / "p.zip", QUICK)
    record = json.loads((folder / "provenance.json").read_text())
    root = unpacked(made.file, tmp_path / "out")
    assert root.name == "100307"
    assert files_in(root) == {*record["outputs_sha256"], "provenance.json", "README.txt"}
    for name, digest in record["outputs_sha256"].items():
        assert hashlib.sha256((root / name).read_bytes()).hexdigest() == digest
    export = wbtools.open(made.file)
    export.check()
    assert export.table.equals(wbtools.open(folder).table)
    np.testing.assert_array_equal(export.t1w.data, wbtools.open(folder).t1w.data)
    packed = json.loads((root / "provenance.json").read_text())
    assert {key: value for key, value in packed.items() if key != "packed"} == record
    assert packed["packed"]["t1w"] is True and not packed["packed"]["left_out"]


def test_the_same_export_gives_the_same_bytes_wherever_and_whenever(folder, copy, tmp_path):
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
    first, second = pack(folder, tmp_path / "1.zip", PLAIN).file, pack(copy, tmp_path / "2.zip", PLAIN).file
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())


def test_without_the_t1w_nothing_that_shows_it_is_there(folder, tmp_path):
    made = pack(folder, tmp_path / "p.zip", PLAIN)
    root = unpacked(made.file, tmp_path / "out")
    names = files_in(root)
    assert not {T1W, "report.html", "100307.unet.input.jpg"} & names
    assert not {name for name in names if name.endswith((".html", ".jpg", ".dcm"))}
    t1w = np.asarray(nibabel.load(folder / T1W).dataobj, np.float64)
    for name in names:
        if name.endswith(".nii.gz"):  # dense grey values of the T1w correlate with nothing that is packed
            data = np.asarray(nibabel.load(root / name).dataobj, np.float64)
            inside = (t1w > 0) & (data > 0) if data.shape == t1w.shape else np.zeros(t1w.shape, bool)
            assert inside.sum() < 100 or np.corrcoef(t1w[inside], data[inside])[0, 1] < 0.9, name
    pictures = {name.split(".")[1] for name in names if name.startswith("figures/")}
    assert pictures <= ON_SURFACES and "overview" not in pictures
    scene = (root / "100307.wbtools.scene").read_bytes()
    assert made.contents.dropped_scenes[0] == "unet: overview"
    assert "unet: overview" not in scene_references.scenes("a.scene", scene)
    assert b"T1w_acpc" not in scene
    tree = ET.fromstring(scene)
    indices = [each.get("Index") for each in tree.findall("Scene")]
    assert indices == [str(index) for index in range(len(indices))]
    assert [each.get("Index") for each in tree.find("SceneInfoDirectory").findall("SceneInfo")] == indices
    said = (root / "README.txt").read_text()
    assert "Without the T1w" in said and "fingerprint" not in said and T1W in said


def test_the_record_of_a_pack_without_the_t1w_says_what_is_not_there(folder, tmp_path):
    made = pack(folder, tmp_path / "p.zip", PLAIN)
    export, before = wbtools.open(made.file), json.loads((folder / "provenance.json").read_text())
    export.check()
    packed = export.provenance["packed"]
    assert packed["left_out"][T1W] == {"why": "shows the T1w", "sha256": before["outputs_sha256"][T1W]}
    assert packed["changed"].keys() == {"100307.wbtools.scene", "100307.32k_fs_LR.wb.spec", "100307.native.wb.spec"}
    assert {**export.provenance["outputs_sha256"], **dict.fromkeys(packed["left_out"], 0)}.keys() == (
        before["outputs_sha256"].keys()
    )
    assert export.table.equals(wbtools.open(folder).table)


def test_every_scene_of_an_export_is_known_to_show_slices_or_not():
    assert {kind.name for kind in SCENES if not kind.slices} == ON_SURFACES


@pytest.mark.parametrize("t1w", [True, False])
def test_the_scenes_of_a_pack_name_files_in_it_by_relative_paths(folder, tmp_path, t1w):
    root = unpacked(pack(folder, tmp_path / "p.zip", PackOptions(t1w=t1w, draw=False)).file, tmp_path / "out")
    for session in [*root.glob("*.scene"), *root.glob("*.spec")]:
        named = scene_references.references(session.name, session.read_bytes())
        assert named and all(not name.startswith("/") and (root / name).is_file() for name in named)


@pytest.mark.workbench
def test_a_scene_is_drawn_out_of_the_pack(folder, tmp_path):
    made = pack(folder, tmp_path / "p.zip", PackOptions(t1w=False))
    assert made.checked.drawn == "unet: relevance on the pial surface" and made.checked.scenes > 1


def test_a_check_sees_a_missing_file_an_absolute_path_and_a_changed_file(folder, tmp_path):
    made = pack(folder, tmp_path / "p.zip", QUICK)

    def broken(change):
        root = unpacked(made.file, tmp_path / change.__name__)
        record = json.loads((root / "provenance.json").read_text())
        change(root, record)
        for name in list(record["outputs_sha256"]):
            if (root / name).is_file() and name.endswith(".scene"):
                record["outputs_sha256"][name] = hashlib.sha256((root / name).read_bytes()).hexdigest()
        (root / "provenance.json").write_text(json.dumps(record))
        shutil.make_archive(str(tmp_path / change.__name__), "zip", root.parent)
        with pytest.raises(CheckError) as found:
            pack_check.check(tmp_path / f"{change.__name__}.zip", folder, draw=False)
        return str(found.value)

    def missing(root, record):
        (root / T1W).unlink()
        del record["outputs_sha256"][T1W]

    def absolute(root, record):
        scene = root / "100307.wbtools.scene"
        scene.write_text(scene.read_text().replace(f">{T1W}<", ">/data/T1w.nii.gz<"))

    def changed(root, record):
        (root / "100307.unet.regions.tsv").write_text("rank\n")

    def telling(root, record):
        record["notices"] = [f"made in {folder.resolve()}"]

    assert "which is not in it" in broken(missing)
    assert "an absolute path" in broken(absolute)
    assert "is not as recorded" in broken(changed)
    assert "holds the path of the export" in broken(telling)


def test_links_that_lead_outside_are_refused(copy, tmp_path):
    table = copy / "100307.unet.regions.tsv"
    table.rename(tmp_path / "elsewhere.tsv")
    table.symlink_to(tmp_path / "elsewhere.tsv")
    with pytest.raises(InputError, match="a link that leads outside"):
        pack(copy, tmp_path / "p.zip", QUICK)
    assert not list(tmp_path.glob("*.zip"))


def test_a_changed_file_is_refused_and_a_strangers_is_not_packed(copy, tmp_path):
    (copy / "notes.txt").write_text("private")
    made = pack(copy, tmp_path / "p.zip", QUICK)
    assert made.contents.unrecorded == ("notes.txt",)
    assert "notes.txt" not in zipfile.ZipFile(made.file).read("100307/provenance.json").decode()
    (copy / "100307.unet.regions.tsv").write_text("rank\n")
    with pytest.raises(InputError, match="is not as recorded"):
        pack(copy, tmp_path / "q.zip", QUICK)


def test_dicom_objects_stay_behind(copy, tmp_path):
    (copy / "dicom").mkdir()
    (copy / "dicom" / "x.dcm").write_bytes(b"a name")
    record = json.loads((copy / "provenance.json").read_text())
    record["outputs_sha256"]["dicom/x.dcm"] = hashlib.sha256(b"a name").hexdigest()
    (copy / "provenance.json").write_text(json.dumps(record))
    made = pack(copy, tmp_path / "p.zip", QUICK)
    (left,) = made.contents.left_out.items()
    assert (left[0], left[1].why) == ("dicom/x.dcm", "names the patient") and made.contents.with_t1w
    assert not [name for name in zipfile.ZipFile(made.file).namelist() if name.endswith(".dcm")]
    wbtools.open(made.file).check()
    with pytest.raises(InputError, match="left out by wbtools pack, since it names the patient"):
        raise wbtools.open(made.file).contents.packing.refusal("dicom/x.dcm", made.file)
    again = pack(unpacked(made.file, tmp_path / "out"), tmp_path / "q.zip", QUICK)
    assert again.file.read_bytes() == made.file.read_bytes()


def test_only_an_earlier_pack_of_the_same_subject_is_replaced(folder, copy, tmp_path):
    out = pack(folder, tmp_path / "p.zip", QUICK).file
    with pytest.raises(InputError, match="exists already"):
        pack(folder, out, QUICK)
    first = out.read_bytes()
    assert pack(folder, out, PackOptions(overwrite=True, draw=False)).file.read_bytes() == first
    overwriting = PackOptions(overwrite=True, draw=False)
    shutil.make_archive(str(tmp_path / "theirs"), "zip", folder)
    (tmp_path / "text.zip").write_text("no zip")
    (tmp_path / "link.zip").symlink_to(out)
    for name, why in {"theirs": "no pack", "text": "no zip file", "link": "a link"}.items():
        with pytest.raises(InputError, match=f"not wbtools' to replace: it is {why}"):
            pack(folder, tmp_path / f"{name}.zip", overwriting)
    record = json.loads((copy / "provenance.json").read_text())
    record["subject"]["id"] = "another"
    (copy / "provenance.json").write_text(json.dumps(record))
    with pytest.raises(InputError):
        pack(copy, out, overwriting)
    assert out.read_bytes() == first


@pytest.mark.parametrize("name", ["my notes.txt", "100307/my notes.txt", "README.txt", "100307/README.txt"])
def test_a_pack_that_somebody_put_something_into_is_not_replaced(folder, tmp_path, name):
    out = pack(folder, tmp_path / "p.zip", QUICK).file
    (root,) = {each.partition("/")[0] for each in zipfile.ZipFile(out).namelist()}
    name = name.replace("100307", root)
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(tmp_path / "changed.zip", "w") as new:
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
        new.writestr(name, "precious")
    (tmp_path / "changed.zip").replace(out)
    with pytest.raises(InputError, match="not wbtools' to replace: it is not as wbtools packed it"):
        pack(folder, out, PackOptions(overwrite=True, draw=False))
    assert zipfile.ZipFile(out).read(name) == b"precious"


def appended(out, name, content, **fields):
    entry = zipfile.ZipInfo(name)
    for field, value in fields.items():
        setattr(entry, field, value)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(entry, content)


def rewritten(out, **fields):
    """The same files, the first of them with more about it."""
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(out.with_suffix(".new"), "w") as new:
        for number, each in enumerate(old.infolist()):
            for field, value in fields.items() if not number else ():
                setattr(each, field, value)
            new.writestr(each, old.read(each.filename))
    out.with_suffix(".new").replace(out)


def commented(out):
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = b"precious"


def between(out):
    """A file put into it and out of the directory again, where its bytes stay."""
    content = out.read_bytes()
    with zipfile.ZipFile(out) as archive:
        at = archive.start_dir
    last = content.rindex(b"PK\5\6")
    end = bytearray(content[last:])
    end[16:20] = (at + len(b"precious")).to_bytes(4, "little")
    out.write_bytes(content[:at] + b"precious" + content[at:last] + end)


def earlier_version(out):
    """Somebody's README.txt first, then that of the pack under the same name."""
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(out.with_suffix(".new"), "w") as new:
        new.writestr("100307/README.txt", b"precious")
        for each in old.infolist():
            new.writestr(each, old.read(each.filename))
    out.with_suffix(".new").replace(out)


def with_files(out, change):
    """Zipped anew, the files as a function changes them."""
    with zipfile.ZipFile(out) as old:
        comment, files = old.comment, {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(out, "w") as new:
        for name, content in change(files).items():
            new.writestr(name, content)
        new.comment = comment


def noted(files):
    record = json.loads(files["100307/provenance.json"]) | {"my_note": "precious"}
    return {**files, "100307/provenance.json": json.dumps(record).encode()}


CHANGED = {
    "another version of a file": lambda out: appended(out, "100307/README.txt", b"precious"),
    "an earlier version of a file": earlier_version,
    "a folder": lambda out: appended(out, "100307/precious/", b""),
    "a folder with data": lambda out: appended(out, "100307/notes/", b"precious"),
    "a comment": commented,
    "a comment on a file": lambda out: rewritten(out, comment=b"precious"),
    "a field of a file": lambda out: rewritten(out, extra=b"\xfe\xca\x08\x00precious"),
    "another time": lambda out: rewritten(out, date_time=(2020, 1, 1, 0, 0, 0)),
    "bytes before": lambda out: out.write_bytes(b"precious" + out.read_bytes()),
    "bytes behind": lambda out: out.write_bytes(out.read_bytes() + b"precious"),
    "bytes between": between,
    "a note in the record": lambda out: with_files(out, noted),
    "a file less": lambda out: with_files(out, lambda files: dict(list(files.items())[1:])),
    "another order": lambda out: with_files(out, lambda files: dict(reversed(files.items()))),
    "zipped anew": lambda out: with_files(out, dict),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("what", CHANGED)
def test_a_pack_that_is_not_as_wbtools_wrote_it_is_not_replaced(folder, tmp_path, what):
    out = pack(folder, tmp_path / "p.zip", QUICK).file
    first = out.read_bytes()
    CHANGED[what](out)
    before, twice = out.read_bytes(), "version of a file" in what
    assert before != first and zipfile.is_zipfile(out)
    why = "no pack that wbtools wrote" if twice else "not as wbtools packed it"
    with pytest.raises(InputError, match=f"not wbtools' to replace: it is {why}"):
        pack(folder, out, PackOptions(overwrite=True, draw=False))
    assert out.read_bytes() == before
    if twice:
        with pytest.raises(InputError, match=r"several files of one name: 100307/README\.txt"):
            wbtools.open(out)
    elif what != "a file less":
        wbtools.open(out, check=True)


def test_a_pack_as_it_was_written_is_replaced_also_with_names_of_many_scripts_and_large_files(tmp_path, monkeypatch):
    record = json.dumps({"wbtools": "1", "subject": {"id": "s"}, "packed": {}, "outputs_sha256": {}}).encode()
    files = {name: tmp_path / str(number) for number, name in enumerate(("\u00fc.tsv", "\u5317/a.gz", "b.png"))}
    for path in files.values():
        path.write_text("content")
    for largest in (pack_file._LARGE, 1):  # of 1: sizes of 64 bits, as of a file of 2 GB
        monkeypatch.setattr(pack_file, "_LARGE", largest)
        with (tmp_path / "p.zip").open("wb") as stream:
            pack_file.write_zip(stream, "s", {**files, "provenance.json": record})
            pack_ownership.seal(stream)
        assert pack_ownership.not_replaceable(tmp_path / "p.zip", "s") == ""
        written = (tmp_path / "p.zip").read_bytes()
        assert written.endswith(hashlib.sha256(written[:-64]).hexdigest().encode())


def test_what_comes_to_the_pack_s_place_while_it_is_made_stays(folder, tmp_path, monkeypatch):
    out = tmp_path / "p.zip"
    checked = pack_file.check

    def check(*words):
        out.write_text("precious")
        return checked(*words)

    monkeypatch.setattr(pack_file, "check", check)
    with pytest.raises(InputError, match="is no zip file"):
        pack(folder, out, PackOptions(overwrite=True, draw=False))
    assert out.read_text() == "precious" and [path.name for path in tmp_path.iterdir()] == ["p.zip"]


@pytest.mark.parametrize(
    ("stage", "then"),
    [("gather", "another export"), ("readme", "another export"), ("readme", "a file less"), ("readme", "another file")],
)
def test_an_export_that_changes_while_it_is_packed_is_not_put_down_to_the_disk(
    copy, tmp_path, monkeypatch, stage, then
):
    went_on, picture = getattr(pack_file, stage), copy / "100307.unet.input.jpg"

    def change(*words, **how):
        if then == "another export":
            other = shutil.copytree(copy, tmp_path / "other")
            (other / picture.name).write_bytes(b"another")
            record = json.loads((other / "provenance.json").read_text())
            (other / "provenance.json").write_text(json.dumps({**record, "written": "later"}))
            copy.rename(tmp_path / "before")
            other.rename(copy)
        elif then == "a file less":
            picture.unlink()
        else:
            picture.write_bytes(b"another")
        return went_on(*words, **how)

    monkeypatch.setattr(pack_file, stage, change)
    with pytest.raises(InputError, match="changed while it was packed") as refused:
        pack(copy, tmp_path / "p.zip", QUICK)
    assert refused.value.hint == "pack it again" and not (tmp_path / "p.zip").exists()


def test_a_pack_lies_outside_and_a_zip_file_is_not_packed_again(folder, copy, tmp_path):
    with pytest.raises(InputError, match="lies in the export"):
        pack(copy, copy / "figures" / "p.zip", QUICK)
    with pytest.raises(InputError, match=r"does not end in \.zip"):
        pack(folder, tmp_path / "p.tar", QUICK)
    out = pack(folder, tmp_path / "p.zip", QUICK).file
    with pytest.raises(InputError, match="is a zip file already"):
        pack(out, tmp_path / "q.zip", QUICK)
    assert sorted(path.name for path in tmp_path.glob("*.zip")) == ["p.zip"]


def test_the_command_says_what_is_left_out_and_what_was_checked(folder, tmp_path):
    arguments = ["pack", str(folder), "--out", str(tmp_path / "p.zip"), "--without-t1w", "--no-render"]
    run = CliRunner().invoke(main, arguments)
    assert run.exit_code == 0, run.output
    assert "since each shows the T1w" in run.output and "unet: overview" in run.output
    assert "Checked:" in run.output and "Wrote" in run.output
    assert "none was opened: not asked for" in run.output


def test_what_is_no_export_is_refused_with_a_hint_on_what_can_be_packed(folder, tmp_path):
    (tmp_path / "text").write_text("no export")
    for place, why in {"": "has no provenance.json", "text": "is no folder", "gone": "does not exist"}.items():
        with pytest.raises(InputError, match=why) as refused:
            pack(tmp_path / place, tmp_path / "p.zip", QUICK)
        assert refused.value.hint == "give the folder that wbtools export-subject wrote"
    assert pack(folder / "provenance.json", tmp_path / "p.zip", QUICK).file.is_file()


def test_without_workbench_a_pack_is_made_and_said_to_be_unopened(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    run = CliRunner().invoke(main, ["pack", str(folder), "--out", str(tmp_path / "p.zip")])
    assert run.exit_code == 0, run.output
    assert "of which none was opened: wb_command is not installed (not on PATH)" in run.output


# ------------------------------------------------------------------------------------------------------- packed again


@pytest.mark.parametrize("options", [QUICK, PLAIN])
@pytest.mark.parametrize("first", [QUICK, PLAIN])
def test_an_unpacked_pack_packed_again_says_what_it_holds(folder, tmp_path, first, options):
    earlier = pack(folder, tmp_path / "p.zip", first).file
    again = pack(unpacked(earlier, tmp_path / "out"), tmp_path / "q.zip", options)
    once = pack(folder, tmp_path / "r.zip", PackOptions(t1w=first.t1w and options.t1w, draw=False))
    assert again.file.read_bytes() == once.file.read_bytes()
    assert again.contents.unrecorded == () and again.contents.with_t1w is once.contents.with_t1w
    assert again.contents.left_out == once.contents.left_out


def test_packing_again_says_what_was_left_out_before_and_does_not_speak_of_the_t1w(folder, tmp_path):
    root = unpacked(pack(folder, tmp_path / "p.zip", PLAIN).file, tmp_path / "out")
    for name, option in {"q": (), "r": ("--without-t1w",)}.items():
        words = ["pack", str(root), "--out", str(tmp_path / f"{name}.zip"), "--no-render", *option]
        run = CliRunner().invoke(main, words)
        assert run.exit_code == 0, run.output
        assert "Left out already, by an earlier pack: 6 files, since each shows the T1w" in run.output
        assert "It holds the T1w" not in run.output and "README.txt:" not in run.output
        assert "did not write" not in run.output and "without placement and viewer" in " ".join(run.output.split())
    assert "Without the T1w" in zipfile.ZipFile(tmp_path / "q.zip").read("100307/README.txt").decode()


def test_somebody_elses_readme_in_a_pack_is_named_and_left_as_it_is(folder, copy, tmp_path):
    first = pack(folder, tmp_path / "p.zip", PLAIN).file
    root = unpacked(first, tmp_path / "out")
    written = (root / "README.txt").read_text()
    for name, change in {"longer": written + "mine", "other": "mine"}.items():
        (root / "README.txt").write_text(change)
        made = pack(root, tmp_path / f"{name}.zip", QUICK)
        assert made.contents.changed_readme and (root / "README.txt").read_text() == change
        assert made.contents.unrecorded == () and made.file.read_bytes() == first.read_bytes()
    (root / "README.txt").unlink()
    (tmp_path / "theirs.txt").write_text(written)
    (root / "README.txt").symlink_to(tmp_path / "theirs.txt")
    assert pack(root, tmp_path / "link.zip", QUICK).contents.changed_readme
    (copy / "README.txt").write_text(written)  # in an export that is no pack
    of_export = pack(copy, tmp_path / "export.zip", PLAIN).contents
    assert of_export.unrecorded == ("README.txt",) and not of_export.changed_readme


def test_a_changed_readme_is_said_to_be_written_anew_and_strangers_files_are_counted(folder, tmp_path):
    root = unpacked(pack(folder, tmp_path / "p.zip", PLAIN).file, tmp_path / "out")

    def said(name):
        run = CliRunner().invoke(main, ["pack", str(root), "--out", str(tmp_path / name), "--no-render"])
        assert run.exit_code == 0, run.output
        return " ".join(run.output.split())

    (root / "a.txt").write_text("mine")
    assert "since wbtools did not write it: a.txt" in said("1.zip") and "anew" not in said("2.zip")
    (root / "b.txt").write_text("mine")
    (root / "README.txt").write_text("mine")
    output = said("3.zip")
    assert "since wbtools did not write them: a.txt, b.txt" in output
    assert "README.txt was changed; in the pack it is written anew, without the changes" in output


def test_the_readme_says_once_what_the_results_are_for(folder, tmp_path):
    text = zipfile.ZipFile(pack(folder, tmp_path / "p.zip", QUICK).file).read("100307/README.txt").decode()
    assert " ".join(text.split()).count("Not for diagnosis") == 1


def test_what_is_not_as_recorded_is_named_by_its_kind_with_what_to_do(folder, copy, tmp_path):
    def refused(place):
        with pytest.raises(InputError) as found:
            pack(place, tmp_path / "q.zip", QUICK)
        return str(found.value).partition(": ")[2], found.value.hint

    root = unpacked(pack(folder, tmp_path / "p.zip", QUICK).file, tmp_path / "out")
    again = shlex.join(["wbtools", "report", str(copy)])
    with (copy / "report.html").open("a") as stream:
        stream.write("mine")
    assert refused(copy) == (
        "report.html is not as recorded",
        f"move it away, then make the page again: {again}",
    )
    (copy / "report.html").unlink()
    assert refused(copy) == ("report.html is missing", f"make the page again: {again}")
    assert CliRunner().invoke(main, ["report", str(copy), "--report", "static"]).exit_code == 0
    for place, hint in {
        copy: "copy the export again, or export the subject again",
        root: "unpack the pack again",
    }.items():
        (place / "100307.unet.regions.tsv").write_text("mine")
        assert refused(place) == ("100307.unet.regions.tsv is not as recorded", hint)
        (place / T1W).unlink()
        said, _ = refused(place)
        assert sorted(said.split(", ")) == ["100307.unet.regions.tsv is not as recorded", f"{T1W} is missing"]
    (root / "report.html").unlink()
    said, hint = refused(root)
    assert "is missing (2 files in all)" in said and hint == "unpack the pack again"


def test_a_report_made_in_a_pack_is_packed_and_may_show_the_t1w(folder, tmp_path):
    root = unpacked(pack(folder, tmp_path / "p.zip", PLAIN).file, tmp_path / "out")
    assert CliRunner().invoke(main, ["report", str(root), "--report", "static"]).exit_code == 0
    made = pack(root, tmp_path / "q.zip", QUICK)
    assert "report.html" in made.contents.files and "report.html" not in made.contents.left_out
    assert made.contents.left_out[T1W].why == "shows the T1w" and not made.contents.with_t1w
    without = pack(root, tmp_path / "r.zip", PLAIN).contents
    assert without.left_out["report.html"].why == "may show the T1w" and "report.html" not in without.before


def test_a_record_that_says_odd_things_of_an_earlier_pack_is_read_as_far_as_it_makes_sense(copy, tmp_path):
    record = json.loads((copy / "provenance.json").read_text())
    record["packed"] = {"left_out": {"a": 1, "b": {"why": ["x"]}, "c": {"why": "\x1b[31m"}}, "scenes_left_out": 3,
                        "changed": [], "README.txt": {"sha256": 1}}  # fmt: skip
    (copy / "provenance.json").write_text(json.dumps(record))
    made = pack(copy, tmp_path / "p.zip", QUICK)
    assert made.contents.left_out.keys() == {"c"} and made.contents.with_t1w
    assert "\x1b" not in zipfile.ZipFile(made.file).read("100307/README.txt").decode()


# ------------------------------------------------------------------------------------------------- read without a T1w


def test_what_a_pack_leaves_out_is_refused_by_its_name_and_the_reason(folder, tmp_path):
    made = pack(folder, tmp_path / "p.zip", PLAIN)
    for place in (made.file, unpacked(made.file, tmp_path / "out")):
        with pytest.raises(InputError) as found:
            _ = wbtools.open(place).t1w
        said = f"{place} does not hold {T1W}: left out by wbtools pack --without-t1w, since it shows the T1w"
        assert str(found.value) == said and "pack it without this option" in found.value.hint
    contents = wbtools.open(made.file).contents
    for name, left in made.contents.left_out.items():
        assert f"does not hold {name}" in str(contents.packing.refusal(name, made.file)) and left.why
    for kind in (OutputKind.T1W, OutputKind.REPORT, OutputKind.INPUT):
        with pytest.raises(InputError, match="left out by wbtools pack --without-t1w"):
            contents.path(Output(kind, "unet"))


def test_a_report_of_a_pack_without_the_t1w_is_made_of_what_is_there(folder, tmp_path):
    made = pack(folder, tmp_path / "p.zip", PLAIN)
    run = CliRunner().invoke(main, ["report", str(made.file), "--out", str(tmp_path / "r.html")])
    assert run.exit_code == 0, run.output
    page = (tmp_path / "r.html").read_text()
    assert "The T1w is not in this pack: wbtools pack --without-t1w left it out" in page
    assert "The T1w, over which the cortex is drawn, is not in this pack." in page
    assert 'id="look"' not in page and 'href="#look"' not in page
    assert "no pictures were drawn" not in page and "relevance-pial" not in page
    assert "is not in this pack" not in report(wbtools.open(folder), static=True)


# ------------------------------------------------------------------------------------------------------ where it lies


def test_a_pack_lies_in_no_batchs_own_folder_no_other_export_and_no_subjects_folder(folder, copy, tmp_path):
    batch = tmp_path / "OUT" / ".wbtools" / "logs"
    subject = tmp_path / "study" / "100408"
    for place in (batch, subject / "T1w" / "Native", subject / "MNINonLinear"):
        place.mkdir(parents=True)
    where = {batch: "a batch keeps its own files", copy: "a finished export", copy / "figures": "a finished export",
             subject / "T1w": "a subject's folder"}  # fmt: skip
    for place, why in where.items():
        with pytest.raises(InputError, match=why) as refused:
            pack(folder, place / "p.zip", QUICK)
        assert "choose another --out" in refused.value.hint
        run = CliRunner().invoke(main, ["report", str(folder), "--out", str(place / "r.html")])
        assert run.exit_code == 3 and why in " ".join(run.output.split())
    assert not list(tmp_path.rglob("*.zip")) and not list(tmp_path.rglob("r.html"))
    assert pack(folder, tmp_path / "OUT" / "p.zip", QUICK).file.is_file()


def test_a_folder_of_exports_is_told_from_nothing(folder, tmp_path):
    many = tmp_path / "my exports"
    shutil.copytree(folder, many / "sub-1" / "ses-1")
    (tmp_path / "begun" / ".wbtools").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for place in (many, tmp_path / "begun"):
        with pytest.raises(InputError, match="it is no finished export") as refused:
            wbtools.open(place)
        assert shlex.join(["wbtools", "batch", "report", str(place)]) in refused.value.hint
        with pytest.raises(InputError) as refused:
            pack(place, tmp_path / "p.zip", QUICK)
        assert refused.value.hint == "it is a folder of exports: pack one of them"
    with pytest.raises(InputError) as refused:
        wbtools.open(tmp_path / "empty")
    assert "batch report" not in refused.value.hint
