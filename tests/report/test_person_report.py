"""The report of a person: what it says is what table and record say, and it opens anywhere."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from accessibility import needs_axe, serious_faults
from browser import needs_chromium, opened
from click.testing import CliRunner

import wbtools
from wbtools.cli import main
from wbtools.errors import InputError
from wbtools.report.methods import methods_text
from wbtools.report.page import Page, render
from wbtools.report.person import composing, outlines, writing
from wbtools.report.person.findings import Findings

SECTIONS = ["overview", "regions", "trust", "placement", "look", "viewer", "methods", "record"]


class Read(HTMLParser):
    """Tables, bars, sections, texts and addresses of a page."""

    def __init__(self, page):
        super().__init__()
        self.sections, self.tables, self.bars, self.addresses, self.images, self.said = [], [], {}, [], [], []
        self._path = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self._path.append((tag, given))
        if tag == "section" and "id" in given:
            self.sections.append(given["id"])
        elif tag == "table":
            self.tables.append({"rows": [], "head": []})
        elif tag == "tr":
            self.tables[-1]["rows"].append([])
        elif tag in {"td", "th"}:
            self.tables[-1]["rows"][-1].append([given.get("data-value"), ""])
        elif tag == "img":
            self.images.append(given)
        if "data-key" in given:
            self.bars[given["data-key"]] = given["data-value"]
        self.addresses += [given[name] for name in ("src", "href") if given.get(name)]

    def handle_data(self, text):
        if {"td", "th"} & {tag for tag, _ in self._path}:
            self.tables[-1]["rows"][-1][-1][1] += text
        if not any(tag in {"script", "style"} for tag, _ in self._path):
            self.said.append(text)

    def handle_endtag(self, tag):
        while self._path and self._path.pop()[0] != tag:
            pass

    @property
    def text(self):
        return " ".join(" ".join(self.said).split())


def rewritten(folder, change):
    record = json.loads((folder / "provenance.json").read_text())
    change(record)
    (folder / "provenance.json").write_text(json.dumps(record))
    return folder


def values(rows, column):
    return [row[column][0] or row[column][1] for row in rows]


@pytest.fixture(scope="module")
def folder(exported):
    return exported[1]


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "report.html").read_text()


@pytest.fixture(scope="module")
def read(page):
    return Read(page)


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "100307")


def test_the_sections_stand_in_the_order_in_which_they_are_read(read):
    assert read.sections == SECTIONS


def test_every_number_of_the_tables_is_that_of_the_region_table(read, folder):
    table = wbtools.open(folder).table
    sources = {"Rank": ("rank", 1), "Calibrated rank": ("calibrated_rank", 1), "z": ("z", 1), "p": ("p_corrected", 1)}
    sources |= {"Volume (ml)": ("volume_mm3", 1e-3), "Relevance (%)": ("share", 100), "Score": ("score", 1)}
    for shown, kind in zip(read.tables[:2], ("cortex", "subcortex"), strict=True):
        head, rows = [cell[1] for cell in shown["rows"][0]], shown["rows"][1:]
        names = values(rows, head.index("Region"))
        assert sorted(names) == sorted(table.index[table["kind"] == kind])
        for name, (source, scale) in sources.items():
            said = [float("nan") if text == "n/a" else float(text) for text in values(rows, head.index(name))]
            # Six digits stand in the table, and six in the page, of the number in another unit.
            np.testing.assert_allclose(said, scale * table.loc[names, source].to_numpy(float), rtol=1e-5)
            rounded = [row[head.index(name)][1] for row in rows]
            eye = [float("nan") if text == "n/a" else float(text) for text in rounded]
            np.testing.assert_allclose(eye, said, rtol=0.01, atol=0.005)


def test_the_first_regions_stand_first_and_the_part_outside_the_atlas_beside_them(read, folder):
    table = wbtools.open(folder).table
    first = table["calibrated_rank"].idxmin()
    assert f"First region (calibrated rank 1) {first}" in read.text
    assert f"Outside the atlas {table.loc['outside_atlas', 'share']:.1%}" in read.text


def test_the_bars_are_the_figures_of_the_record(read, folder):
    about = json.loads((folder / "provenance.json").read_text())["networks"]["unet"]
    assert len(read.bars) >= 6
    for key, said in read.bars.items():
        found = about
        for part in key.split("."):
            found = found[part]
        assert float(said) == found


def test_question_answer_verdict_and_purpose_stand_above_all_else(read, folder):
    network = json.loads((folder / "provenance.json").read_text())["networks"]["unet"]
    top = read.text[: read.text.index("Overview")]
    assert network["title"] in top and network["decision"]["in_words"][0].partition(": add --")[0] in top
    assert network["decision"]["explained"] in top
    assert network["trust"]["verdict"].partition(": ")[2] in top
    assert "Research use only. Not for diagnosis." in top


def test_methods_and_record_are_those_of_the_export(page, read, folder):
    text = methods_text(json.loads((folder / "provenance.json").read_text()))
    for form in (text.markdown, text.latex, text.bibtex):
        assert " ".join(form.split()) in read.text
    assert json.loads((folder / "provenance.json").read_text())["settings_sha256"] in read.text


def test_it_needs_no_other_file_and_no_address(read, page):
    assert all(address.startswith(("data:", "#")) for address in read.addresses)
    assert "Content-Security-Policy" in page and "default-src 'none'" in page
    assert len(page.encode()) <= 10e6


def test_every_picture_has_words(read):
    assert read.images and all(len(image["alt"]) > 20 and image["width"] for image in read.images)


def test_the_static_page_is_small_and_has_all_but_the_viewer(folder):
    page = composing.report(wbtools.open(folder), static=True)
    assert len(page.encode()) <= 2e6
    assert Read(page).sections == [name for name in SECTIONS if name not in {"look", "viewer"}]
    assert Read(page).tables[0] == Read((folder / "report.html").read_text()).tables[0]


def test_a_report_loads_neither_torch_nor_pandas_nor_the_network(folder, tmp_path):
    code = (
        "import sys; from wbtools.cli import main; "
        "main(['report', sys.argv[1], '--out', sys.argv[2]], standalone_mode=False); "
        "print([name for name in ('torch', 'zennit', 'captum', 'pandas', 'matplotlib') if name in sys.modules])"
    )
    arguments = [sys.executable, "-c", code, str(folder), str(tmp_path / "r.html")]
    run = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


def test_text_of_others_is_escaped_everywhere(copy):
    bad = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"

    def marked(record):
        network = record["networks"]["unet"]
        network["title"] = network["trust"]["verdict"] = network["attribution"]["caution"] = bad
        network["decision"].update(in_words=[bad], explained=bad)
        record["notices"] = [bad]
        record["settings"]["note"] = {bad: bad}
        record["checks"][0]["finding"] = bad

    page = composing.report(wbtools.open(rewritten(copy, marked)))
    assert "<script>alert" not in page and "<img src=x" not in page and "&lt;script&gt;alert" in page


def test_control_characters_of_a_record_are_neither_shown_nor_printed(copy):
    bad = "a\x1b[31m\u202eb"

    def marked(record):
        record["settings"][bad] = record["networks"]["unet"]["network"][bad] = bad
        record["face"]["share_of_relevance_cut_from_volume"] = {bad: 0.5}
        record["notices"].append(bad)

    export = wbtools.open(rewritten(copy, marked))
    printed = methods_text(export.provenance)
    page = composing.report(export, static=True)
    for text in (page, printed.markdown, printed.latex):
        assert not {"\x1b", "\u202e"} & set(text) and "31m" in text


def test_notices_stay_where_a_verdict_is_empty(copy):
    def silent(record):
        record["networks"]["unet"]["trust"].update(verdict="", answer={"change": 0.0, "least": 0.0})
        record["notices"] = ["Scanned upside down."]

    assert "Scanned upside down." in composing.report(wbtools.open(rewritten(copy, silent)), static=True)


def test_a_map_that_failed_and_one_that_was_not_compared_say_so(copy):
    def failed(record):
        verdict = "Not to be trusted: the map is much like the image itself (correlation 0.91)."
        record["networks"]["unet"]["trust"].update(passed=False, verdict=verdict)

    found = Findings.of(wbtools.open(rewritten(copy, failed)).network())
    assert found.passed is False and found.belief.startswith("The map must not be believed: the map is much like")

    def uncompared(record):
        verdict = "Not compared with networks with randomised weights."
        trust = record["networks"]["unet"]["trust"]
        trust.update(passed=True, verdict=verdict, correlation_with_randomised=None)

    found = Findings.of(wbtools.open(rewritten(copy, uncompared)).network())
    assert found.passed is None and "is open: not compared" in found.belief


def test_an_older_export_without_pictures_levels_and_most_of_its_record_has_a_report(copy):
    def poor(record):
        for key in ("checks", "face", "versions", "seconds", "settings", "acknowledgement"):
            record.pop(key)
        network = record["networks"]["unet"]
        record["networks"]["unet"] = {"title": network["title"]}
        for name in [name for name in record["outputs_sha256"] if name.startswith("figures/") or "levels" in name]:
            record["outputs_sha256"].pop(name)

    read = Read(composing.report(wbtools.open(rewritten(copy, poor))))
    assert read.sections == SECTIONS and "no pictures were drawn" in read.text and len(read.tables[0]["rows"]) == 361


def test_a_damaged_and_a_missing_picture_are_left_out_with_a_sentence(copy):
    names = ["figures/unet.overview.png", "100307.unet.input.jpg", "figures/unet.relevance-pial.png"]

    def listed(record):
        record["outputs_sha256"].update(dict.fromkeys(names, "0" * 64))

    (copy / "figures").mkdir(exist_ok=True)
    (copy / names[0]).write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    for name in names[1:]:
        (copy / name).unlink(missing_ok=True)
    read = Read(composing.report(wbtools.open(rewritten(copy, listed))))
    assert read.sections == SECTIONS and all(f"{name} cannot be read." in read.text for name in names)
    assert (
        read.text.index(f"{names[0]} cannot") < read.text.index("First region") < read.text.index(f"{names[1]} cannot")
    )


# ----------------------------------------------------------------------------------------------------- the command line


def run(*arguments):
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


def test_a_report_made_again_replaces_the_first_and_the_record_lists_it(copy):
    (copy / "report.html").unlink()
    for extent in ("static", "full"):
        result = run(copy, "--report", extent)
        assert result.exit_code == 0, result.output
        wbtools.open(copy, check=True)  # the record has the hash of the page that is there now
    record = json.loads((copy / "provenance.json").read_text())
    assert record["outputs_bytes"]["report.html"] == (copy / "report.html").stat().st_size


def test_a_record_with_a_list_for_sizes_gets_a_report(copy):
    assert run(rewritten(copy, lambda record: record.update(outputs_bytes=[1])), "--report", "static").exit_code == 0
    assert list(json.loads((copy / "provenance.json").read_text())["outputs_bytes"]) == ["report.html"]


def test_an_export_can_leave_the_report_out(small_study, run_export, tmp_path):
    _, folder = run_export(small_study("LAS"), tmp_path, "--no-report", "--no-render")
    assert not (folder / "report.html").exists()
    assert "report.html" not in json.loads((folder / "provenance.json").read_text())["outputs_sha256"]
    assert run(folder).exit_code == 0 and (folder / "report.html").exists()


def test_somebody_elses_file_is_never_replaced(copy, tmp_path):
    for target, options in ((copy / "report.html", ()), (tmp_path / "mine.html", ("--out", tmp_path / "mine.html"))):
        target.unlink(missing_ok=True)
        target.write_text("<html>mine</html>")
        result = run(copy, *options)
        assert result.exit_code == 3 and "is not wbtools' report of an export" in result.output
        assert target.read_text() == "<html>mine</html>"
    (copy / "report.html").unlink()
    (copy / "report.html").symlink_to(tmp_path / "mine.html")
    assert run(copy).exit_code == 3 and (tmp_path / "mine.html").read_text() == "<html>mine</html>"


def test_another_page_of_wbtools_is_no_report_of_an_export(copy, tmp_path):
    target = tmp_path / "group.html"
    target.write_text(render("base.html", Page("2 people: unet", [], []), {}))
    before = target.read_text()
    result = run(copy, "--out", target)
    said = " ".join(result.output.split())
    assert result.exit_code == 3 and "exists and is not wbtools' report of an export" in said
    assert target.read_text() == before


def test_a_page_is_not_put_into_an_export_that_took_the_place_of_its_own(copy, tmp_path):
    other = shutil.copytree(copy, tmp_path / "other")
    export = wbtools.open(copy)
    copy.rename(tmp_path / "before")
    rewritten(other, lambda record: record.update(written="later")).rename(copy)
    before = (copy / "report.html").read_text()
    with pytest.raises(InputError, match="was replaced or changed since it was opened"):
        writing.write_into(export, "a page of the one before")
    assert (copy / "report.html").read_text() == before


def test_a_page_that_somebody_wrote_into_is_never_replaced(copy, tmp_path):
    elsewhere = tmp_path / "r.html"
    options = ("--report", "static")
    for target, words in ((copy / "report.html", options), (elsewhere, (*options, "--out", elsewhere))):
        for _ in range(2):  # an earlier one is replaced as long as it is as it was written
            assert run(copy, *words).exit_code == 0
        with target.open("a") as stream:
            stream.write("<!-- mine -->")
        result = run(copy, *words)
        assert result.exit_code == 3 and ("not as wbtools wrote" in result.output or "was changed" in result.output)
        assert target.read_text().endswith("<!-- mine -->")
        text = target.read_text().removesuffix("<!-- mine -->")
        older = text.rpartition("\n<!-- wbtools wrote this page")[0]  # as versions before wrote it
        if older:
            target.write_text(older)
            result = run(copy, *words)
            assert result.exit_code == 3 and "of older versions do not" in " ".join(result.output.split())
        target.write_text(text.replace("<title>", "<title>Mine: ", 1))
        assert run(copy, *words).exit_code == 3 and "<title>Mine: " in target.read_text()


def test_the_exports_own_page_may_be_named_by_out(copy, tmp_path):
    (tmp_path / "link").symlink_to(copy)
    own = copy / "report.html"
    for out in (own, tmp_path / "link" / "report.html", copy / "figures" / ".." / "report.html"):
        result = run(copy, "--out", out, "--report", "static")
        assert result.exit_code == 0, result.output
        assert b"wbtools wrote this page" not in own.read_bytes()
        wbtools.open(copy, check=True)  # the record has the hash of the page
    own.unlink()
    assert run(tmp_path / "link", "--out", own, "--report", "static").exit_code == 0 and own.is_file()
    with own.open("a") as stream:
        stream.write("<!-- mine -->")
    result = run(copy, "--out", own)
    assert result.exit_code == 3 and "is not as wbtools wrote it" in " ".join(result.output.split())
    assert own.read_text().endswith("<!-- mine -->")


def test_the_page_of_another_export_is_called_so(copy, folder, tmp_path):
    other = shutil.copytree(copy, tmp_path / "other")
    result = run(copy, "--out", other / "report.html")
    assert result.exit_code == 3 and "a finished export" in " ".join(result.output.split())
    (tmp_path / "loop.html").symlink_to(tmp_path / "loop.html")
    result = run(copy, "--out", tmp_path / "loop.html")
    assert result.exit_code == 3 and "Traceback" not in result.output


def test_a_check_alone_says_what_it_found_and_writes_nothing(copy, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    count = len(json.loads((copy / "provenance.json").read_text())["outputs_sha256"])
    result = run(copy, "--check")
    assert result.exit_code == 0 and result.output == f"All {count} files are as recorded.\n"
    packed = shutil.make_archive(str(tmp_path / "zipped"), "zip", copy.parent, copy.name)
    result = run(copy, packed, "--check")
    said = " ".join(result.output.split())
    assert result.exit_code == 0 and said.count(f": all {count} files are as recorded.") == 2 and packed in said
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before
    for words, page in ((("--out", tmp_path / "r.html"), tmp_path / "r.html"), (("--report", "static"), None)):
        result = run(copy, "--check", *words)
        assert f"All {count} files are as recorded." in result.output and "Wrote" in result.output
        assert (page or copy / "report.html").stat().st_mtime_ns > before[copy / "report.html"]
    result = run(copy, "--check", "--methods", "bibtex")
    assert result.exit_code == 0 and "as recorded" not in result.output
    (copy / "report.html").write_text("mine")
    result = run(copy, "--check")
    assert result.exit_code == 3 and "report.html is not as recorded" in " ".join(result.output.split())
    assert "move it away" in " ".join(result.output.split()) and (copy / "report.html").read_text() == "mine"


def test_a_page_elsewhere_leaves_the_export_as_it_is(copy, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    assert run(copy, "--out", tmp_path / "r.html").exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


@pytest.mark.parametrize("form", ["markdown", "latex", "bibtex"])
def test_the_methods_text_can_be_printed(folder, form):
    result = run(folder, "--methods", form)
    assert result.exit_code == 0
    assert result.output.strip() == getattr(methods_text(wbtools.open(folder).provenance), form).strip()


def test_damaged_and_missing_exports_end_in_a_sentence(copy, tmp_path):
    (copy / "100307.unet.relevance.T1w.nii.gz").write_bytes(b"cut")
    for place in (copy, tmp_path / "nowhere", tmp_path):
        result = run(place)
        assert result.exit_code == 3 and "Traceback" not in result.output and "Error:" in result.output


# ------------------------------------------------------------------------------------------------------------ outlines


def test_outlines_are_where_a_sphere_is_cut():
    from wbtools.anatomy import Hemisphere
    from wbtools.surfaces.icosphere import icosphere

    ball = icosphere(20, 30.0, Hemisphere.LEFT)
    found = outlines.segments(ball.vertices.astype(float), ball.triangles, 2, 12.0)
    np.testing.assert_allclose(found[..., 2], 12.0, atol=1e-9)
    # A circle of the radius that the height leaves, but for the flatness of the triangles.
    np.testing.assert_allclose(np.linalg.norm(found[..., :2], axis=-1), np.sqrt(30**2 - 12**2), rtol=0.01)
    lengths = np.linalg.norm(found[:, 0] - found[:, 1], axis=-1)
    np.testing.assert_allclose(lengths.sum(), 2 * np.pi * np.sqrt(30**2 - 12**2), rtol=0.01)


def test_outlines_lie_on_the_edge_of_what_the_image_shows_in_any_orientation():
    from wbtools.anatomy import Hemisphere
    from wbtools.space.grid import Grid, Volume, reorient
    from wbtools.surfaces.icosphere import icosphere

    grid = Grid((80, 80, 80), np.diag([1.0, 1.0, 1.0, 1.0]) + np.array([[0, 0, 0, -40.0]] * 3 + [[0, 0, 0, 0]]))
    points = grid.to_world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1))
    ball = icosphere(20, 25.0, Hemisphere.LEFT)
    centre = np.array([6.0, -4.0, 3.0])
    image = Volume((100.0 * (np.linalg.norm(points - centre, axis=-1) < 25)).astype(np.float32), grid)
    shifted = type(ball)(ball.vertices + centre, ball.triangles, Hemisphere.LEFT)
    drawn = {
        name: np.asarray(outlines.draw(reorient(image, name), {"white": [shifted]}, centre)) for name in ("RAS", "LPI")
    }
    np.testing.assert_array_equal(drawn["RAS"], drawn["LPI"])
    yellow = (drawn["RAS"][..., 0] > 200) & (drawn["RAS"][..., 2] < 100)
    grey = drawn["RAS"].min(-1).astype(float)
    edge = np.hypot(*np.gradient(grey)) > 10
    near = np.zeros_like(edge)
    for down in range(-3, 4):
        for right in range(-3, 4):
            near |= np.roll(edge, (down, right), (0, 1))
    assert yellow.sum() > 300 and near[yellow].mean() > 0.98


def test_the_outline_of_a_mask_goes_round_what_the_image_shows_in_any_orientation():
    from wbtools.space.grid import Grid, Unit, Volume, reorient

    inside = np.zeros((20, 22, 24), bool)
    inside[6:14, 4:15, 8:19] = True
    grid = Grid(inside.shape, np.diag([2.0, 2.0, 2.0, 1.0]))
    image, mask = Volume(100 * inside.astype(np.float32), grid), Volume(inside.astype(np.int32), grid, Unit.LABEL)
    drawn = {
        order: np.asarray(outlines.draw(reorient(image, order), {}, np.full(3, 20.0), {"mask": reorient(mask, order)}))
        for order in ("RAS", "LPI")
    }
    np.testing.assert_array_equal(drawn["RAS"], drawn["LPI"])
    blue = (drawn["RAS"] == outlines.COLOURS["mask"]).all(-1)
    # Pixels of half a millimetre around 11 x 11, 8 x 11 and 8 x 11 voxels of 2 mm; corners count once.
    assert blue.sum() == pytest.approx(4 * (2 * 22 + 2 * 19 + 2 * 19), abs=12)
    assert not (np.asarray(outlines.draw(image, {}, np.full(3, 20.0))) == outlines.COLOURS["mask"]).all(-1).any()


def test_front_is_left_in_the_sagittal_slice_as_workbench_draws_it_and_left_is_left_in_the_others():
    from wbtools.space.grid import Grid, Volume

    image = np.ones((40, 40, 40), np.float32)
    image[:5], image[:, -5:], image[:, :, -5:] = 50, 70, 90  # left, front and above
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    drawn = np.asarray(outlines.draw(Volume(image, Grid(image.shape, affine)), {}, np.full(3, 20.0)))[..., 0]
    sagittal, coronal, axial = (drawn[:, start : start + 80].astype(int) for start in (0, 92, 184))
    assert sagittal[60, 3] > 2 * sagittal[60, -3] and sagittal[3, 60] > 2 * sagittal[-3, 60]
    assert coronal[60, 3] > 2 * coronal[60, -3] and coronal[3, 60] > 2 * coronal[-3, 60]
    assert axial[60, 3] > 2 * axial[60, -3] and axial[3, 60] > 2 * axial[-3, 60]


# ------------------------------------------------------------------------------------------------------------- browser


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize(("javascript", "webgl"), [(True, True), (True, False), (False, False)])
def test_a_browser_finds_no_error_and_asks_for_nothing(folder, javascript, webgl):
    with opened(folder / "report.html", javascript=javascript, webgl=webgl) as shown:
        assert "100307" in shown.driver.title
        assert [entry for entry in shown.console() if entry.startswith(("SEVERE", "WARNING"))] == []
        assert shown.requests() == []
        assert shown.run("return document.querySelectorAll('table.sortable tbody tr').length") >= 379
        assert shown.run("return [...document.images].every((image) => image.complete && image.naturalWidth > 0)")


@needs_chromium
@pytest.mark.slow
def test_headings_sort_by_key_press_and_missing_values_stay_below(folder):
    with opened(folder / "report.html") as shown:
        button = "document.querySelectorAll('table.sortable')[0].tHead.rows[0].cells[6].firstChild"
        assert shown.run(f"return {button}.tagName") == "BUTTON"
        cells = "[...document.querySelectorAll('table.sortable')[0].tBodies[0].rows].map(r => r.cells[6].dataset.value)"
        for way, sign in (("ascending", 1), ("descending", -1)):
            shown.run(f"{button}.focus(); {button}.click()")
            assert shown.run(f"return {button}.parentElement.getAttribute('aria-sort')") == way
            found = [float(text) for text in shown.run(f"return {cells}") if text not in (None, "n/a")]
            assert found == sorted(found, key=lambda value: sign * value)


@needs_chromium
@needs_axe
@pytest.mark.slow
def test_axe_finds_no_serious_fault(folder):
    with opened(folder / "report.html") as shown:
        shown.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert serious_faults(shown) == []


@needs_chromium
@pytest.mark.slow
def test_it_prints_to_a_few_pages_without_the_viewer(folder, tmp_path):
    import base64

    with opened(folder / "report.html") as shown:
        pdf = base64.b64decode(shown.driver.print_page())
    Path(tmp_path / "report.pdf").write_bytes(pdf)
    pages = len(re.findall(rb"/Type\s*/Page[^s]", pdf))
    assert pdf.startswith(b"%PDF") and 2 <= pages <= 12
