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
    assert "Left out: 1 export; 2 maps failed the checks of their trust." in run.output
    assert f"Read:  {out / 'group.html'}" in run.output


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


@needs_chromium
def test_the_page_opens_without_a_network_or_scripts(made):
    page = made[0] / "group.html"
    for javascript in (True, False):
        with opened(page, javascript=javascript, webgl=False) as shown:
            assert shown.console() == [] and shown.requests() == []
            assert "THALAMUS_LEFT" in shown.find("header .lead").text
            assert len(shown.run("return document.querySelectorAll('#regions tbody tr')")) == 2 * 37
