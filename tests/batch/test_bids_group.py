"""What `wbtools-bids ... group` can refuse is refused before anything is written, with hints that can be followed."""

import shutil

import pytest
from click.testing import CliRunner
from made_cohort import write_people

from wbtools.cli.apps.bids_app import main
from wbtools.group import prospects
from wbtools.group.settings_of_group import GroupSettings
from wbtools.reading import open_batch

PEOPLE = ("sub-01", "sub-02", "sub-03", "sub-04")
QUICK = ("--no-maps", "--permutations", "99", "--resamples", "99")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    root = write_people(tmp_path_factory.mktemp("cohort") / "out", PEOPLE)
    rows = "".join(f"{who}\t{20 + place}\t{'FM'[place % 2]}\n" for place, who in enumerate(PEOPLE))
    (root / "participants.tsv").write_text(f"participant_id\tage\tsex\n{rows}")
    return root


@pytest.fixture
def out(cohort, tmp_path):
    return shutil.copytree(cohort, tmp_path / "out")


def group(out, *words):
    data = out.parent / "data"
    data.mkdir(exist_ok=True)
    return CliRunner().invoke(main, [str(data), str(out), "group", *QUICK, *words])


def files(folder):
    return {path.relative_to(folder): (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--network", "vit"), "vit"),
        (("--formula", "weight"), "weight"),
        (("--formula", "age + sex", "--contrast", "M-X"), "--contrast M-X is neither"),
        (("--formula", "age + sex + age:sex"), "are too few for a design of 4 columns"),
        (("--contrast", "age"), "--contrast means nothing without --formula"),
        (("--renderer", "own"), "--renderer means nothing with --no-maps"),
        (("--family", "house"), "house"),
    ],
)
def test_what_cannot_be_is_refused_before_the_pages_are_made(out, words, why):
    before = files(out)
    done = group(out, *words)
    assert done.exit_code == 3 and why in " ".join(done.output.split()), done.output
    assert files(out) == before and not (out / "wbtools-report").exists()


def test_a_single_person_is_no_group_and_gets_no_pages(out):
    for who in PEOPLE[1:]:
        shutil.rmtree(out / who)
    done = group(out)
    assert done.exit_code == 3 and "a group needs two people at least" in " ".join(done.output.split())
    assert not (out / "wbtools-report").exists()


def test_a_second_group_is_refused_before_the_pages_and_only_overwrite_is_advised(out):
    assert group(out).exit_code == 0
    before = files(out)
    done = group(out)
    said = " ".join(done.output.split())
    assert done.exit_code == 3 and "wbtools-group exists already" in said and files(out) == before
    assert said.endswith("Hint: add --overwrite to replace it")
    assert group(out, "--overwrite", "--formula", "sex").exit_code == 0
    (out / "wbtools-group" / "group.html").write_text("mine")
    assert group(out, "--overwrite").output.strip().endswith("Hint: move that file away")
    shutil.rmtree(out / "wbtools-group")
    (out / "wbtools-group").mkdir()
    said = " ".join(group(out, "--overwrite").output.split())
    assert said.endswith("Hint: move it away yourself") and "OUTPUT_DIR" not in said


def test_no_table_is_read_to_tell_what_cannot_be(out):
    for path in out.rglob("*.tsv"):
        if path.name != "participants.tsv":
            path.write_text("damaged")
    prospects.require_possible(open_batch(out), GroupSettings(formula="age"))
