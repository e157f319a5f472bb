"""Tables that people keep are read in the forms in which they are found, and say one thing of everybody."""

from pathlib import Path

import pytest

from wbtools.datasets.candidates import Candidate
from wbtools.datasets.items import Item
from wbtools.datasets.labels import Knowledge, beside, pairs_in
from wbtools.errors import InputError
from wbtools.tables import tabular


def written(folder, name, text, encoding="utf-8"):
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


def known_of(*paths, people=("1", "2", "3", "4"), columns=()):
    knowledge = Knowledge()
    for path in paths:
        knowledge.add(path, columns)
    found = knowledge.joined([Candidate(Item(0, person, f"{person}.nii"), None) for person in people])
    return {each.item.person: each.item for each in found}, knowledge


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("participant_id\tsex\tnote\n1\tF\ta, b\n", "utf-8"),
        ('\ufeffparticipant_id,sex,note\r\n1,F,"a, b"\r\n', "utf-8"),
        ("Subject;Gender;note\n1;F;a, b\n", "utf-16"),
    ],
)
def test_tables_are_read_whatever_separates_cells(tmp_path, text, encoding):
    items, _ = known_of(written(tmp_path, "t.tsv", text, encoding))
    assert items["1"].labels == {"note": "a, b", "sex": "F"}
    assert items["2"].labels == {"note": "", "sex": ""}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("participant_id\tsex\tsex\n", "two columns called sex"),
        ("participant_id\tsex\n1\tF\tx\n", "row 2 has 3 cells, the heading 2"),
        ('participant_id,sex\n1,"F\n', "is no table that can be read"),
        ("name\tsex\tage\n1\tF\t3\n", "has no column of ids"),
    ],
)
def test_what_is_no_table_of_people_is_refused(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        known_of(written(tmp_path, "t.tsv", text))


def test_pairs_are_told_from_tables_of_two_columns(tmp_path):
    assert pairs_in(written(tmp_path, "a", "1,2\nsub-3 , 4\n")) == [("1", "2"), ("3", "4")]
    assert pairs_in(written(tmp_path, "b", "# twins\ntwin1\ttwin2\n1\t2\n")) == [("1", "2")]
    assert pairs_in(written(tmp_path, "c", "participant_id,sex\n1,F\n")) is None
    assert pairs_in(written(tmp_path, "d", "1,2,3\n")) is None


def test_somebody_who_is_paired_with_itself_is_refused(tmp_path):
    with pytest.raises(InputError, match="1 is paired with itself"):
        known_of(written(tmp_path, "a.txt", "1,1\n"))


def test_pairs_of_two_tables_that_agree_are_one(tmp_path):
    table = written(tmp_path, "t.csv", "Subject,Family_ID,ZygosityGT\n1,A,MZ\n2,A,MZ\n3,B,DZ\n4,B,DZ\n")
    items, knowledge = known_of(written(tmp_path, "a.txt", "2,1\n"), table)
    assert [items[p].labels["twin"] for p in "1234"] == ["2-1", "2-1", "", ""]
    assert [items[p].family for p in "1234"] == ["A", "A", "B", "B"]
    assert not knowledge.remarks


def test_a_pair_of_which_one_is_missing_does_not_count_and_is_said(tmp_path):
    items, knowledge = known_of(written(tmp_path, "a.txt", "1,2\n3,9\n"))
    assert items["3"].labels["twin"] == ""
    assert knowledge.remarks == ["1 twin pair of 2 are not complete."]


def test_three_of_a_family_give_no_pair(tmp_path):
    table = written(tmp_path, "t.csv", "Subject,Family_ID,ZygosityGT\n1,A,MZ\n2,A,MZ\n3,A,MZ\n")
    items, knowledge = known_of(table)
    assert not any(item.labels.get("twin") for item in items.values())
    assert "has 3 monozygotic twins and gives no pair" in knowledge.remarks[0]


def test_large_tables_keep_the_usual_columns_unless_others_are_chosen(tmp_path):
    names = [f"measure{n}" for n in range(50)]
    text = "\n".join(
        [",".join(["Subject", "Gender", "Age", *names]), ",".join(["1", "F", "22-25", *map(str, range(50))])]
    )
    path = written(tmp_path, "t.csv", text)
    assert known_of(path)[0]["1"].labels == {"Age": "22-25", "sex": "F"}
    assert known_of(path, columns=("measure7",))[0]["1"].labels == {"measure7": "7"}


def test_what_a_source_says_itself_comes_first(tmp_path):
    knowledge = Knowledge()
    knowledge.add(written(tmp_path, "t.tsv", "participant_id\tsex\tage\n1\tF\t30\n"))
    candidate = Candidate(Item(0, "sub-1", "1.nii", family="own", labels={"sex": "M", "age": ""}), None)
    (found,) = knowledge.joined([candidate])
    assert found.item.labels == {"age": "30", "sex": "M"} and found.item.family == "own"


def test_tables_are_found_beside_images_and_above_derivatives(tmp_path):
    derived = tmp_path / "derivatives" / "fmriprep"
    derived.mkdir(parents=True)
    participants = written(tmp_path, "participants.tsv", "participant_id\tsex\n")
    hcp = written(derived, "unrestricted.csv", "Subject,Release,Gender\n")
    written(derived, "areas.csv", "Subject,Area\n")
    pairs = written(derived, "twin_pairs.txt", "1,2\n")
    assert list(beside(derived)) == [pairs, participants, hcp]


def test_columns_are_found_by_any_of_their_names():
    table = tabular.Table(Path("t"), ("Participant_ID", "Gender"), ())
    assert (table.column("participant_id"), table.column("sex", "gender"), table.column("age")) == (
        "Participant_ID",
        "Gender",
        "",
    )
