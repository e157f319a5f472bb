"""Who is in a group: exports that belong together, each person once; what does not fit is one sentence, or left out."""

import json

import pytest
from made_cohort import MadeUp, write_people

from wbtools.errors import InputError
from wbtools.group.members.cohort import Selection, choose
from wbtools.group.members.sameness import deciding
from wbtools.group.telling.sentences import people
from wbtools.reading import open_batch

PEOPLE = [f"s{number:02}" for number in range(8)]


def chosen(root, participants=None, **selection):
    return choose(open_batch(root, participants), Selection(**selection))


def refusal(root, participants=None, **selection):
    with pytest.raises(InputError) as raised:
        chosen(root, participants, **selection)
    return f"{raised.value} {raised.value.hint}"


def who(found):
    return [cohort.people for cohort in found.cohorts]


def participants(path, rows, columns="participant_id\tage\tfamily_id"):
    path.write_text("\n".join([columns, *("\t".join(map(str, row)) for row in rows)]) + "\n")
    return path


def test_exports_that_cannot_be_read_are_counted_in_one_sentence(tmp_path):
    write_people(tmp_path, PEOPLE)
    (tmp_path / "s01" / "provenance.json").write_text("{")
    record = tmp_path / "s02" / "provenance.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"wbtools": "9.0.0"}))
    table = tmp_path / "s05" / "s05.unet.regions.tsv"
    table.write_text(table.read_text().replace("THALAMUS_LEFT", "THALAMUS_RITE"))
    said = refusal(tmp_path)
    assert "s01" in said and "(3 exports in all)" in said and "--leave-out" in said
    found = chosen(tmp_path, leave_out=True)
    assert who(found) == [("s00", "s03", "s04", "s06", "s07")]
    why = {each.who: each.why for each in found.left_out}
    assert "cannot be parsed" in why["s01"] and "newer" in why["s02"] and "not as recorded" in why["s05"]


def test_maps_made_otherwise_are_refused_by_kind_and_the_largest_kind_is_kept(tmp_path):
    write_people(tmp_path, PEOPLE[:5])
    write_people(tmp_path, PEOPLE[5:7], MadeUp(method="gradient"))
    write_people(tmp_path, PEOPLE[7:], MadeUp(settings={"target": "class:AD"}))
    said = refusal(tmp_path)
    assert "3 kinds" in said and "method gradient" in said and "target class:AD" in said
    assert "s00, s01, s02 and 2 more" in said and "s05, s06" in said and "s07" in said
    found = chosen(tmp_path, leave_out=True)
    assert who(found) == [tuple(PEOPLE[:5])]
    assert [each.why for each in found.left_out if each.who == "s05"] == ["made otherwise: method gradient"]


def test_settings_that_do_not_decide_the_map_may_differ(tmp_path):
    write_people(tmp_path, PEOPLE[:4])
    personal = {
        "threads": 9,
        "render": False,
        "other": "s00",
        "models": ["elsewhere.pt"],
        "layout": "bids",
        "also": "x",
        "report": "static",
    }
    write_people(tmp_path, PEOPLE[4:], MadeUp(settings=personal))
    assert who(chosen(tmp_path)) == [tuple(PEOPLE)]


@pytest.mark.parametrize("setting", ["target", "engine", "atlas", "something new"])
def test_settings_that_decide_the_map_must_not_differ(tmp_path, setting):
    write_people(tmp_path, PEOPLE[:2])
    write_people(tmp_path, PEOPLE[2:3], MadeUp(settings={setting: "another"}))
    assert f"{setting} another: s02" in refusal(tmp_path)


def test_maps_that_failed_their_trust_are_left_out_and_listed_unless_asked_for(tmp_path):
    write_people(tmp_path, PEOPLE[:5])
    write_people(tmp_path, PEOPLE[5:], MadeUp(failed=True))
    found = chosen(tmp_path)
    assert who(found) == [tuple(PEOPLE[:5])]
    assert [each.who for each in found.left_out] == PEOPLE[5:] and "Failed: made so" in found.left_out[0].why
    assert who(chosen(tmp_path, include_failed=True)) == [tuple(PEOPLE)]


def test_a_single_person_is_no_group(tmp_path):
    write_people(tmp_path, PEOPLE[:1])
    write_people(tmp_path, PEOPLE[1:3], MadeUp(failed=True))
    said = refusal(tmp_path)
    assert "two people" in said and "1: s00" in said and "--include-failed" in said


def test_the_same_person_under_two_names_is_found(tmp_path):
    write_people(tmp_path, PEOPLE[:4])
    write_people(tmp_path, ["z"], MadeUp(t1w="s02"))
    assert "z has the very same T1w as s02" in refusal(tmp_path)
    assert who(chosen(tmp_path, leave_out=True)) == [tuple(PEOPLE[:4])]


def test_ids_that_differ_by_sub_alone_are_one_person(tmp_path):
    write_people(tmp_path, ["A", "B_ses-1", "B_ses-2", "C", "sub-A"])
    assert "sub-A has the id of A: one person, counted twice" in refusal(tmp_path)
    assert who(chosen(tmp_path, leave_out=True)) == [("A", "B_ses-1", "B_ses-2", "C")]


def test_somebody_whose_record_is_a_link_to_nothing_is_not_passed_over(tmp_path):
    write_people(tmp_path, PEOPLE[:4])
    record = tmp_path / "s02" / "provenance.json"
    record.unlink()
    record.symlink_to("content that was not fetched")
    assert "s02" in refusal(tmp_path)
    assert [each.who for each in chosen(tmp_path, leave_out=True).left_out] == ["s02"]


def test_networks_that_somebody_lacks_are_named(tmp_path):
    write_people(tmp_path, PEOPLE[:4], MadeUp(networks=("unet", "vit")))
    write_people(tmp_path, PEOPLE[4:], MadeUp(networks=("unet",)))
    said = refusal(tmp_path)
    assert "s04 has no results of vit" in said and "(4 exports in all)" in said and "--network" in said
    assert who(chosen(tmp_path, networks=("unet",))) == [tuple(PEOPLE)]
    assert who(chosen(tmp_path, leave_out=True)) == [tuple(PEOPLE), tuple(PEOPLE[:4])]
    assert "'foo' is no network" in refusal(tmp_path, networks=("foo",))


def test_people_without_a_row_and_rows_without_an_export_are_named(tmp_path):
    root = write_people(tmp_path / "out", PEOPLE)
    table = participants(tmp_path / "p.tsv", [(name, 30, "F") for name in PEOPLE[:6]])
    said = refusal(root, table, columns=("age",))
    assert "s06 has no row in p.tsv (2 exports in all)" in said and "--leave-out" in said
    found = chosen(root, table, columns=("age",), leave_out=True)
    assert who(found) == [tuple(PEOPLE[:6])] and [each.who for each in found.left_out] == PEOPLE[6:]
    more = participants(tmp_path / "more.tsv", [(name, 30, "F") for name in [*PEOPLE, "s98", "s99"]])
    found = chosen(root, more, columns=("age",))  # the table of a whole study
    assert who(found) == [tuple(PEOPLE)] and found.without_export == ["s98", "s99"] and not found.left_out
    gaps = participants(tmp_path / "gaps.tsv", [(name, "n/a" if name == "s01" else 30, "F") for name in PEOPLE[:7]])
    assert "s07 has no row in gaps.tsv --leave-out" in refusal(root, gaps, columns=("age",))
    reasons = {each.who: each.why for each in chosen(root, gaps, columns=("age",), leave_out=True).left_out}
    assert reasons == {"s07": "has no row in gaps.tsv", "s01": "has no age in gaps.tsv"}


def test_families_are_found_by_the_usual_columns_or_the_named_column(tmp_path):
    root = write_people(tmp_path / "out", PEOPLE)
    rows = [(name, place % 4, f"F{place // 2}") for place, name in enumerate(PEOPLE)]
    table = participants(tmp_path / "p.tsv", rows)
    usual, named = chosen(root, table), chosen(root, table, family="age")
    assert usual.family == "family_id" and len(set(usual.cohorts[0].families)) == 4
    assert named.family == "age" and list(named.cohorts[0].families) == [f"family {place % 4}" for place in range(8)]
    assert "did you mean" in refusal(root, table, family="agee")


def test_people_come_in_the_order_of_their_numbers(tmp_path):
    write_people(tmp_path, ["p10", "p2", "p1"])
    assert who(chosen(tmp_path)) == [("p1", "p2", "p10")]


def test_pairs_are_families_joined_with_those_of_the_table(tmp_path):
    root = write_people(tmp_path / "out", PEOPLE)
    rows = [(name, place // 2, f"F{place // 4}" if place < 4 else f"F{place}") for place, name in enumerate(PEOPLE)]
    found = chosen(root, participants(tmp_path / "p.tsv", rows), columns=("age",), paired="age").cohorts[0]
    assert [list(found.families).index(each) for each in found.families] == [0, 0, 0, 0, 4, 4, 6, 6]
    assert people(found) == "8 exports of 3 families"


def test_sessions_of_a_person_are_one_family(tmp_path):
    write_people(tmp_path, ["sub-1_ses-a", "sub-1_ses-b", "sub-2_ses-a"])
    first, second, other = chosen(tmp_path).cohorts[0].families
    assert first == second != other


def test_what_decides_a_map_names_no_person(tmp_path):
    write_people(tmp_path, PEOPLE[:2])
    first, second = (export.network() for export in open_batch(tmp_path))
    assert deciding(first) == deciding(second) and "s00" not in str(deciding(first))


def test_sessions_of_a_person_are_of_one_family_whatever_the_table_says(tmp_path):
    sessions = [f"sub-0{number}_ses-{session}" for number in (1, 2) for session in "ab"]
    write_people(tmp_path, sessions)
    rows = participants(tmp_path / "participants.tsv", [(who, 30, place) for place, who in enumerate(sessions)])
    for found in (chosen(tmp_path, rows), chosen(tmp_path, rows, family="age")):
        families = found.cohorts[0].families
        assert families[0] == families[1] and families[2] == families[3]
    assert people(found.cohorts[0]) == "4 exports of 2 people of 1 family"


def test_a_network_that_is_named_twice_is_taken_once(tmp_path):
    write_people(tmp_path, PEOPLE[:3])
    assert len(chosen(tmp_path, networks=("unet", "unet")).cohorts) == 1
