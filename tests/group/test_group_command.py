"""`wbtools group` from the command line."""

import pytest
from browser import needs_chromium, opened
from click.testing import CliRunner
from made_cohort import MadeUp, write_people

from wbtools.cli import main

PEOPLE = [f"s{number:02}" for number in range(8)]


def group(*words):
    return CliRunner().invoke(main, ["group", *map(str, words), "--no-maps", "--permutations", "199"])


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    root = tmp_path_factory.mktemp("cohort") / "out"
    write_people(root, PEOPLE[:7], MadeUp(networks=("unet", "vit")))
    write_people(root, PEOPLE[7:], MadeUp(networks=("unet", "vit"), failed=True))
    rows = "".join(f"{who}\t{20 + place}\t{'FM'[place % 2]}\n" for place, who in enumerate(PEOPLE))
    (root / "participants.tsv").write_text(f"participant_id\tage\tsex\n{rows}")
    return root


@pytest.fixture(scope="module")
def made(cohort):
    out = cohort.parent / "group"
    return out, group(cohort, "--out", out, "--formula", "sex + age")


def test_the_summary_says_who_what_and_what_was_left_out(made):
    out, run = made
    assert run.exit_code == 0, run.output
    for said in ("unet: 7 people", "THALAMUS_LEFT", "Agreement of people: W =", "Subcortex against cortex: d ="):
        assert said in run.output
    assert "M-F (higher in M (3) than in F (4))" in run.output and "unet and vit: Spearman" in run.output
    assert "Left out: 1 export (s07); trust checks failed in 2 maps." in run.output
    assert f"Read:  {out / 'group.html'}" in run.output


def test_a_name_without_room_for_an_unfinished_folder_is_refused_before_anything_is_read(cohort, tmp_path):
    run = group(cohort, "--out", tmp_path / ("n" * 250))
    assert run.exit_code == 3 and "is too long a name: 27" in run.output and list(tmp_path.iterdir()) == []


def test_an_earlier_group_is_replaced_on_request_only(made, cohort):
    out, _ = made
    assert group(cohort, "--out", out).exit_code == 3
    assert group(cohort, "--out", out, "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--contrast", "age"),
        ("--formula", "agee"),
        ("--network", "nothing"),
        ("--participants", "nowhere.tsv"),
        ("--annotation", "nowhere.func.gii"),
        ("--family", "nothing"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_nothing_is_written(cohort, tmp_path, words):
    run = group(cohort, "--out", tmp_path / "group", *words)
    assert run.exit_code == 3, run.output
    assert run.output.startswith("Error: ") and "Hint: " in run.output and "Traceback" not in run.output
    assert not (tmp_path / "group").exists()


@pytest.mark.parametrize("words", [("--formula", "age + sex"), ("--family", "mother")])
def test_without_a_table_of_participants_it_is_said_where_one_was_looked_for(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_people(tmp_path / "out", PEOPLE[:3])
    run = group("out", "--out", "group", *words)
    said = " ".join(run.output.split())
    assert run.exit_code == 3 and f"with a column '{words[1].split()[0]}': no participants.tsv was found in out" in said
    assert said.endswith("Hint: give it by --participants")


def test_a_single_export_is_no_folder_of_exports(cohort, tmp_path):
    run = group(cohort / "s00", "--out", tmp_path / "group")
    said = "".join(run.output.split())
    assert run.exit_code == 3 and "s00isoneexport" in said and "givethefolderaboveit" in said


def test_few_people_have_no_d_and_are_told_why_once(tmp_path):
    write_people(tmp_path / "out", PEOPLE[:3])
    run = group(tmp_path / "out", "--out", tmp_path / "group")
    page = (tmp_path / "group" / "group.html").read_text()
    assert run.exit_code == 0 and run.output.count("no d, which needs 5 families") == 1 and "d = " not in run.output
    assert page.count("no d, which needs 5 families") == 1 and "d (paired)" not in page


def rows_of(path, columns, rows):
    path.write_text("\n".join(["\t".join(columns), *("\t".join(row) for row in rows)]) + "\n")
    return path


def test_pairs_are_families_and_an_incomplete_pair_is_left_out_and_named(cohort, tmp_path):
    rows = [(who, f"P{place // 2}", "ab"[place % 2]) for place, who in enumerate(PEOPLE)]
    table = rows_of(tmp_path / "pairs.tsv", ("participant_id", "pair", "side"), [*rows, ("s98", "P9", "a")])
    words = ["--participants", table, "--formula", "side", "--paired", "pair", "--network", "unet"]
    run = group(cohort, "--out", tmp_path / "group", *words)  # s07 failed its trust checks
    assert run.exit_code == 3 and "s06 is in no pair: the other one of pair P3 is missing" in run.output
    run = group(cohort, "--out", tmp_path / "group", *words, "--leave-out")
    assert run.exit_code == 0, run.output
    said = " ".join(run.output.split())
    assert "unet: 6 exports of 3 families (families by pair)" in said and "within 3 pairs" in said
    assert "Left out: 2 exports (s06, s07)" in said and "1 row of pairs.tsv has no export." in said
    assert "By all 8 permutations, 4 of which differ in |t|; the lowest possible p is 0.25." in said
    assert "there are only 4 distinct permutations; no p can be below 0.25" in said
    assert "with 2 residual degrees of freedom" in said
    page = (tmp_path / "group" / "group.html").read_text()
    assert page.index('id="contrasts"') < page.index('id="regions"') and "the 20 regions of lowest p" in page


@needs_chromium
def test_the_page_opens_without_a_network_or_scripts(made):
    page = made[0] / "group.html"
    for javascript in (True, False):
        with opened(page, javascript=javascript, webgl=False) as shown:
            assert shown.console() == [] and shown.requests() == []
            assert "THALAMUS_LEFT" in shown.find("header .lead").text
            assert len(shown.run("return document.querySelectorAll('#regions tbody tr')")) == 2 * 37
