"""Who serves as reference: what `--references` may be, and which people it means."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from wbtools.attribution.references.sources import SOURCES
from wbtools.batch.state.export import BatchExport, as_json, from_json
from wbtools.errors import InputError, SubjectError
from wbtools.exporting.references.choice import MOST, USUAL, ReferenceChoice
from wbtools.exporting.references.people import find, listed
from wbtools.exporting.settings import ExportSettings
from wbtools.provenance import sha256
from wbtools.subject.selection import FileChoice, FoundPerson


def image(path, value=1.0):
    """A T1w image of a few voxels; another value makes it another image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.random.default_rng(0).random((4, 4, 4)).astype(np.float32) + np.float32(value)
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), path)
    return path


@pytest.fixture
def study(tmp_path):
    """Ten people in BIDS; sub-03 has two sessions, the scan of sub-04 is damaged."""
    folder = tmp_path / "study"
    for number in range(10):
        name = f"sub-{number:02d}"
        if number != 3:
            image(folder / name / "anat" / f"{name}_T1w.nii.gz", number)
        for session in ("ses-1", "ses-2") if number == 3 else ():
            image(folder / name / session / "anat" / f"{name}_{session}_T1w.nii.gz", number + int(session[-1]) / 4)
    (folder / "sub-04/anat/sub-04_T1w.nii.gz").write_bytes(b"nothing of an image")
    return folder


def person(study, name):
    subject = FileChoice().subject(study, name)
    return FoundPerson(subject.t1w, subject)


def found(study, text, *names, files=FileChoice()):  # noqa: B008
    return find(ReferenceChoice.parse(text), study, files, [person(study, name) for name in names])


def ids(reference_people):
    return [known.name for known in reference_people.people]


# ------------------------------------------------------------------------------------------------------------ the words


def test_names_numbers_and_places_are_told_apart(tmp_path):
    assert ReferenceChoice.parse("template").source is SOURCES["template"]
    assert ReferenceChoice.parse("made-up").source is SOURCES["made-up"]
    assert ReferenceChoice.parse("8") == ReferenceChoice(count=8)
    assert ReferenceChoice.parse(str(tmp_path)) == ReferenceChoice(place=tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0", "--references 0 is not a number of people"),
        ("-3", "--references -3 is not a number of people"),
        (str(MOST + 1), f"--references 65: {MOST} people are the most"),
        ("100307", f"--references 100307: {MOST} people are the most"),
        ("99999999999", f"--references 99999999999: {MOST} people are the most"),
        ("9" * 5000, r"--references 99999999999999999999\.\.\.: 64 people are the most"),
        ("1.5", "--references 1.5 is not a whole number of people"),
        ("8.0", "--references 8.0 is not a whole number of people"),
        ("-inf", "--references -inf is not a whole number of people"),
        ("", "names nothing"),
        ("made_up", "--references made_up: there is no such file"),
        ("tem\nplate", "names nothing"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(text, words):
    with pytest.raises(InputError, match=words) as refused:
        ReferenceChoice.parse(text)
    assert refused.value.hint and "\n" not in str(refused.value)


def test_a_number_is_one_however_it_is_written_and_a_long_one_that_names_a_folder_is_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("8", "100307", "1.5"):
        Path(name).mkdir()
    assert ReferenceChoice.parse("+8") == ReferenceChoice.parse("08") == ReferenceChoice(count=8)
    for name in ("100307", "1.5", "./8"):
        assert ReferenceChoice.parse(name) == ReferenceChoice(place=Path(name))


def test_without_a_choice_the_method_decides():
    assert USUAL.source is None and ExportSettings().explanation.references is None
    assert ExportSettings(references=ReferenceChoice("made-up")).explanation.references is SOURCES["made-up"]


def test_a_name_that_is_nearly_one_gets_a_hint():
    with pytest.raises(InputError) as refused:
        ReferenceChoice.parse("templat")
    assert "did you mean template?" in refused.value.hint


@pytest.mark.parametrize(
    "fields", [{"name": "nobody"}, {"name": "template", "count": 3}, {"count": 3, "place": Path()}]
)
def test_a_program_cannot_give_two_choices_or_an_unknown_name(fields):
    with pytest.raises(InputError):
        ReferenceChoice(**fields)


def test_settings_refuse_references_that_are_a_word():
    with pytest.raises(InputError, match="references='8'"):
        ExportSettings(references="8")


@pytest.mark.parametrize("text", ["template", "made-up", "12", "{folder}"])
def test_a_batch_keeps_the_choice_in_its_file(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("people").mkdir()
    choice = ReferenceChoice.parse(text.format(folder="people"))
    kept = from_json(as_json(BatchExport(tmp_path, settings=ExportSettings(references=choice)))).settings.references
    assert kept == (ReferenceChoice(place=tmp_path / "people") if choice.place else choice)
    assert from_json(as_json(BatchExport(tmp_path))).settings.references == USUAL
    with pytest.raises(InputError, match="--references"):
        from_json({"references": "-1"})


def test_the_record_names_no_folder():
    how = ExportSettings(references=ReferenceChoice(place=Path("/home/somebody/controls.txt")))
    from wbtools.subject.selection import NOBODY

    assert how.as_record(NOBODY)["references"] == "controls.txt"


# ----------------------------------------------------------------------------------------------------------- so many


def test_so_many_other_people_are_the_same_every_time_and_never_the_exported_one(study):
    everybody = {f"sub-{number:02d}" for number in range(10)} - {"sub-04"}
    for name in sorted(everybody - {"sub-03"}):
        taken = ids(found(study, "5", name))
        assert taken == ids(found(study, "5", name)) and len(set(taken)) == 5
        assert name not in taken
        assert {other.split("_")[0] for other in taken} <= everybody - {name}


def test_a_batch_takes_nearly_the_same_people_for_everybody(study):
    sets = [set(ids(found(study, "4", f"sub-{number:02d}"))) for number in range(10) if number not in (3, 4)]
    assert len(set().union(*sets)) <= 5


def test_people_of_several_sessions_come_once_and_not_beside_themselves(study):
    taken = ids(found(study, "8", "sub-00"))
    assert [name for name in taken if name.startswith("sub-03")] == ["sub-03_ses-1"]
    assert not [name for name in ids(found(study, "8", "sub-03_ses-2")) if name.startswith("sub-03")]


def test_a_reference_needs_no_surfaces_of_the_mesh_that_is_exported(study):
    """Only its image is read; one T1w image has no native mesh."""
    chosen = find(ReferenceChoice(count=3), study, FileChoice(mesh="native"), [person(study, "sub-00")])
    assert len(chosen.people) == 3
    (study / "list.txt").write_text("sub-01\n")
    assert ids(found(study, str(study / "list.txt"), "sub-00", files=FileChoice(mesh="native"))) == ["sub-01"]


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read everything")
def test_somebody_whose_folder_is_closed_is_not_left_out_of_a_named_folder(study):
    """A mean over fewer people is another mean."""
    code = (
        "import sys; from pathlib import Path; from wbtools.errors import InputError\n"
        "from wbtools.exporting.references.people import listed\n"
        "from wbtools.exporting.references.choice import ReferenceChoice\n"
        "from wbtools.subject.selection import FileChoice\n"
        "try: print(listed(ReferenceChoice.parse(sys.argv[1]), Path(sys.argv[1]), FileChoice()))\n"
        "except InputError as error: print(error, '|', error.hint)"
    )
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    (study / "sub-07").chmod(0)
    words = [*drop, sys.executable, "-c", code, str(study)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    (study / "sub-07").chmod(0o700)
    assert "sub-07 may not be read: Permission denied" in told and "list those to take in a text file" in told


def test_people_compared_with_are_no_references(study):
    taken = ids(found(study, "6", "sub-00", "sub-01", "sub-02"))
    assert len(taken) == 6 and not {"sub-00", "sub-01", "sub-02"} & set(taken)


def test_a_copy_of_the_exported_image_under_another_name_is_no_reference(study):
    shutil.copyfile(study / "sub-00/anat/sub-00_T1w.nii.gz", study / "sub-07/anat/sub-07_T1w.nii.gz")
    assert "sub-07" not in ids(found(study, "7", "sub-00"))


def test_too_few_people_are_counted(study):
    with pytest.raises(InputError, match=r"--references 9: .*study has 8 other people") as refused:
        found(study, "9", "sub-00")
    assert "incomplete do not count" in refused.value.hint and refused.value.exit_code == 3


# ------------------------------------------------------------------------------------------------- folders and lists


def test_a_folder_of_images_is_taken_whole_but_for_the_exported_person(study, tmp_path):
    folder = tmp_path / "controls"
    for number in (0, 11, 12):
        image(folder / f"scan{number}.nii.gz", number)
    (folder / "readme.txt").write_text("no image")
    shutil.copyfile(study / "sub-00/anat/sub-00_T1w.nii.gz", folder / "scan0.nii.gz")
    people = found(study, str(folder), "sub-00")
    assert [path.t1w.name for path in people.people] == ["scan11.nii.gz", "scan12.nii.gz"]
    assert people.remarks == ("References: 1 of 3 were left out, who are the exported person or one compared with.",)
    assert len(people.listed) == 3


def test_a_study_folder_is_taken_with_its_subjects(study, tmp_path):
    other = tmp_path / "other"
    for name in ("sub-A", "sub-B"):
        image(other / name / "anat" / f"{name}_T1w.nii.gz", ord(name[-1]))
    people = found(study, str(other), "sub-00").people
    assert [known.subject.id for known in people] == ["sub-A", "sub-B"]


def test_a_list_names_ids_of_the_study_and_paths_from_the_list_or_from_here(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image(tmp_path / "here.nii.gz", 20)
    image(tmp_path / "lists" / "beside.nii.gz", 21)
    image(tmp_path / "lists" / "deeper" / "x.nii.gz", 22)
    listed = tmp_path / "lists" / "controls.txt"
    listed.write_text(
        "\ufeff# controls\nsub-01\n\nbeside.nii.gz\nhere.nii.gz\ndeeper/x.nii.gz\nsub-01\n", encoding="utf-8"
    )
    people = found(study, str(listed), "sub-00").people
    assert [known.t1w.name for known in people] == ["sub-01_T1w.nii.gz", "beside.nii.gz", "here.nii.gz", "x.nii.gz"]
    assert people[0].subject is not None and people[1].subject is None
    assert [known.label for known in people] == ["sub-01", "beside", "here", "x"]


@pytest.mark.parametrize(
    "text",
    [
        "sub-01\nsub-02\n",
        "# twins: a, b\r\n\r\n  sub-01   # elder, scanned twice\r\nsub-02\t#younger\r\n\r\n",
        "participant_id\tage\n# controls only\nsub-01\t30\nn/a\t31\nsub-02\tn/a\n",
        "Gender,Subject\nF,sub-01\nM,02\n",
        '"sub-01"\n02 # without its prefix\n',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_may_be_a_table_of_participants_have_remarks_and_blank_lines(study, tmp_path, text, encoding):
    path = tmp_path / "controls.tsv"
    path.write_bytes(text.encode(encoding))
    assert [known.subject.id for known in found(study, str(path), "sub-00").people] == ["sub-01", "sub-02"]


def test_a_file_whose_name_looks_like_a_remark_or_has_blanks_is_taken(study, tmp_path):
    names = ["scan #2.nii.gz", "a, b.nii.gz", "x#1.nii.gz"]
    for value, name in enumerate(names, 30):
        image(tmp_path / name, value)
    (tmp_path / "controls.txt").write_text("\n".join(names))
    assert [known.t1w.name for known in found(study, str(tmp_path / "controls.txt"), "sub-00").people] == names


def test_a_brain_that_is_named_twice_counts_once_whatever_it_is_called(study, tmp_path):
    scan = study / "sub-01/anat/sub-01_T1w.nii.gz"
    shutil.copyfile(scan, tmp_path / "copy.nii.gz")
    (tmp_path / "link.nii.gz").symlink_to(scan)
    image(tmp_path / "other.nii.gz", 40)
    path = tmp_path / "controls.txt"
    path.write_text(f"sub-01\n{scan}\n01\ncopy.nii.gz\nlink.nii.gz\nother.nii.gz\n")
    people = found(study, str(path), "sub-00")
    assert [known.label for known in people.people] == ["sub-01", "other"] == [known.label for known in people.listed]
    assert people.remarks == ("References: 4 of 6 were left out, whose image is that of another one.",)


def test_two_subjects_with_one_image_are_one_of_so_many_people(study):
    shutil.copyfile(study / "sub-05/anat/sub-05_T1w.nii.gz", study / "sub-06/anat/sub-06_T1w.nii.gz")
    with pytest.raises(InputError, match="has 7 other people"):
        found(study, "8", "sub-00")
    assert len({"sub-05", "sub-06"} & set(ids(found(study, "7", "sub-00")))) == 1


def test_like_names_are_different_people(tmp_path):
    for value, name in enumerate(("100307", "1003070", "1", "01", "001")):
        image(tmp_path / f"sub-{name}" / "anat" / f"sub-{name}_T1w.nii.gz", value)
    for name in ("100307", "1003070", "1", "01", "001"):
        others = {f"sub-{other}" for other in ("100307", "1003070", "1", "01", "001") if other != name}
        assert set(ids(found(tmp_path, "4", f"sub-{name}"))) == others


def test_the_record_names_those_that_the_user_knows_and_no_one_by_a_folder(study, tmp_path):
    """Ids of the study and words of a list; the others of a folder by numbers, their files by hashes."""
    secret = tmp_path / "JohnSmith"
    image(secret / "controls" / "JaneRoe_T1w.nii.gz", 50)
    image(secret / "controls" / "JimPoe_T1w.nii.gz", 51)
    listed_too = secret / "controls.txt"
    listed_too.write_text("sub-02\ncontrols/JaneRoe_T1w.nii.gz\n")
    labels = {
        "2": {known.label for known in found(study, "2", "sub-00").people},
        "study": {known.label for known in found(study, str(listed_too), "sub-00").people},
        "folder": {known.label for known in found(study, str(secret / "controls"), "sub-00").people},
    }
    assert all(label.startswith("sub-") for label in labels["2"])
    assert labels["study"] == {"sub-02", "JaneRoe_T1w"} or labels["study"] == {"sub-02", "JaneRoe"}
    assert labels["folder"] == {"number 1 of controls", "number 2 of controls"}
    [first, _] = found(study, str(secret / "controls"), "sub-00").people
    assert first.as_record() == {"id": "number 1 of controls", "t1w_sha256": sha256(first.t1w)}


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda path: path.mkdir(), InputError, "holds neither subjects nor images"),
        (lambda path: path.write_text("# nobody\n"), InputError, "lists nobody"),
        (lambda path: path.write_text("sub-77\n"), SubjectError, "has no subject sub-77"),
        (lambda path: path.write_text("none/here.nii.gz\n"), InputError, "does not exist"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), InputError, "is damaged"),
        (lambda path: path.write_bytes(b"\x00\x01"), InputError, "is no text"),
        (lambda path: path.write_text("sub-01 sub-02\n"), InputError, "is not a subject id or path"),
        (lambda path: path.write_text("age\tsex\n30\tF\n"), InputError, "has no column of subjects"),
        (lambda path: path.symlink_to("nowhere"), InputError, "is a link to|broken link|nowhere"),
        (lambda path: path.write_text("sub-04\n"), InputError, "sub-04"),
        (lambda path: path.write_text("sub-00\n"), InputError, "nobody but the exported person"),
        (lambda path: None, InputError, "does not exist"),
        (
            lambda path: path.write_text("\n".join(f"sub-{n}" for n in range(65))),
            InputError,
            "65 people, 64 is the most",
        ),
    ],
)
def test_folders_and_lists_without_references_are_refused_in_one_sentence(study, tmp_path, make, error, words):
    path = tmp_path / "controls.txt"
    make(path)
    with pytest.raises(error, match=words) as refused:
        found(study, str(path), "sub-00")
    assert str(refused.value).startswith("--references") and refused.value.exit_code == 3
    assert "\n" not in str(refused.value)


def test_a_damaged_image_of_a_folder_is_named(study, tmp_path):
    folder = tmp_path / "controls"
    image(folder / "good.nii.gz")
    (folder / "bad.nii.gz").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"--references .*bad\.nii\.gz"):
        found(study, str(folder), "sub-00")


def test_an_image_alone_is_no_list(study, tmp_path):
    with pytest.raises(InputError, match="is one image"):
        found(study, str(image(tmp_path / "x.nii.gz")), "sub-00")


def test_too_many_people_are_refused(study, tmp_path):
    for number in range(MOST + 1):
        (tmp_path / "many").mkdir(exist_ok=True)
        (tmp_path / "many" / f"{number}.nii.gz").write_bytes(b"not looked at")
    with pytest.raises(InputError, match="holds 65 people, 64 is the most"):
        found(study, str(tmp_path / "many"), "sub-00")


def test_names_that_are_no_people_mean_nobody(study):
    for text in ("template", "made-up"):
        assert (
            found(study, text, "sub-00").people == () == listed(ReferenceChoice.parse(text), study, FileChoice()).people
        )
