"""The page of a group in a browser: no error, no request, no serious fault for those who use a keyboard or hear it."""

from html import unescape

import pytest
from accessibility import needs_axe, serious_faults
from browser import needs_chromium, opened
from click.testing import CliRunner
from made_cohort import MadeUp, write_people

from wbtools.cli import main
from wbtools.drawing.renderer_choice import Renderer, choose
from wbtools.drawing.renderer_names import OWN_RENDERER
from wbtools.group.analysis import analyse
from wbtools.group.settings_of_group import GroupSettings
from wbtools.group.telling.group_page import page as render
from wbtools.reading import open_batch

PEOPLE = [f"p{number}" for number in range(8)]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("page")
    write_people(root / "out", PEOPLE, MadeUp())
    rows = "".join(f"{who}\t{number % 2}\t{'ab'[number // 4]}\n" for number, who in enumerate(PEOPLE))
    (root / "people.tsv").write_text(f"participant_id\tage\tgroup\n{rows}")
    words = [root / "out", "--out", root / "group", "--participants", root / "people.tsv", "--no-maps"]
    words += ["--formula", "group + age", "--permutations", "99", "--resamples", "99"]
    run = CliRunner().invoke(main, ["group", *map(str, words)])
    assert run.exit_code == 0, run.output
    return root / "group" / "group.html"


@needs_chromium
@pytest.mark.parametrize("javascript", [True, False])
def test_a_browser_finds_no_error_and_asks_for_nothing(page, javascript):
    with opened(page, javascript=javascript) as shown:
        assert [entry for entry in shown.console() if entry.startswith(("SEVERE", "WARNING"))] == []
        assert shown.requests() == []
        assert "8 people" in shown.driver.title
        assert shown.run("return document.querySelectorAll('table tbody tr').length") > 37


@needs_chromium
@needs_axe
def test_axe_finds_no_serious_fault(page):
    with opened(page) as shown:
        shown.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert serious_faults(shown) == []


def test_it_says_who_drew_its_pictures(page, tmp_path):
    result = analyse(open_batch(page.parent.parent / "out"), GroupSettings(permutations=99, resamples=99))
    own = render(result, tmp_path, [], choose("own"))
    assert (
        "<p>Pictures were drawn by wbtools itself.</p>" in own
        and f"{OWN_RENDERER}: that was asked for." in unescape(own)
    )
    assert "were drawn by" not in render(result, tmp_path, [])


@pytest.mark.workbench
def test_it_names_the_workbench_that_drew(page, tmp_path, wb):
    result = analyse(open_batch(page.parent.parent / "out"), GroupSettings(permutations=99, resamples=99))
    assert f"<p>Pictures were drawn by Connectome Workbench {wb.version()}.</p>" in render(
        result, tmp_path, [], Renderer(wb)
    )
