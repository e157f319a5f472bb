"""A batch's wall: what it says is what tables and records say, and nothing that lies in a folder stops it."""

import base64
import json
import os
import re
import shutil
from functools import cache
from html.parser import HTMLParser
from io import BytesIO
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
import pytest
from accessibility import needs_axe, serious_faults
from browser import needs_chromium, opened
from click.testing import CliRunner
from made_cohort import MadeUp, write_export, write_people
from PIL import Image
from scipy.stats import rankdata, spearmanr

from wbtools.batch.state import attempts
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.plan import Plan, add_subjects
from wbtools.cli import main
from wbtools.errors import InputError
from wbtools.reading import open_batch
from wbtools.report import wall
from wbtools.report.wall import data_set
from wbtools.report.wall.distance import distances, far_out

SITE = wall.FOLDER


class Parsed(HTMLParser):
    """A page taken apart: tables by their captions, links, places, pictures, elements."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.links, self.ids, self.images, self.elements = {}, [], [], [], []
        self.text, self._into = "", None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.elements.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.images += [found] if tag == "img" else []
        if tag == "table":
            self._rows = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"th", "td"}:
            self._rows[-1].append({"text": "", "value": found.get("data-value")})
            self._into = self._rows[-1][-1]
        elif tag == "caption":
            self._into = self._caption = {"text": ""}

    def handle_endtag(self, tag):
        if tag in {"th", "td", "caption"}:
            self._into = None
        elif tag == "table":
            head, *rows = self._rows
            names = [cell["text"] for cell in head]
            self.tables[self._caption["text"]] = [dict(zip(names, row, strict=True)) for row in rows]

    def handle_data(self, data):
        self.text += data
        if self._into is not None:
            self._into["text"] += data

    def table(self, beginning):
        return next(rows for caption, rows in self.tables.items() if caption.startswith(beginning))

    def everybody(self):
        return {row["Person"]["text"]: row for row in next(t for t in self.tables.values() if "Remarks" in t[0])}


@cache
def picture():
    """A picture as large as those of exports."""
    noise = np.random.default_rng(0).integers(0, 255, (10, 16, 3), np.uint8)
    stream = BytesIO()
    Image.fromarray(noise).resize((1600, 1000), Image.Resampling.BICUBIC).save(stream, "PNG")
    return stream.getvalue()


def add_picture(root, who, content=None):
    """Give a made-up export an overview picture, on record."""
    path = root / who / "figures" / "unet.overview.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(picture() if content is None else content)
    change(root, who, lambda record: record["outputs_sha256"].update({"figures/unet.overview.png": "0" * 64}))


def change(root, who, how):
    path = root / who / "provenance.json"
    record = json.loads(path.read_text())
    how(record)
    path.write_text(json.dumps(record))


def made(root, *words):
    """The first page of `wbtools batch report`, taken apart."""
    result = CliRunner().invoke(main, ["batch", "report", str(root), *map(str, words)])
    assert result.exit_code == 0, result.output
    return Parsed((root / SITE / "index.html").read_text()), result.output


def refused(root, *words):
    result = CliRunner().invoke(main, ["batch", "report", str(root), *map(str, words)])
    assert result.exit_code == 3, result.output
    assert "Traceback" not in result.output
    return result.output


@pytest.fixture
def cohort(tmp_path):
    return write_people(tmp_path / "cohort", [f"p{number}" for number in range(12)])


# ------------------------------------------------------------------------------------------------------------- figures


def test_distances_are_those_of_scipy():
    dice = np.random.default_rng(0)
    values = dice.integers(0, 30, (9, 40)).astype(float)  # with ties
    people = [dict(zip(map(str, range(40)), row, strict=True)) for row in values]
    median = np.median([rankdata(row) for row in values], axis=0)
    expected = [1 - spearmanr(row, median).statistic for row in values]
    np.testing.assert_allclose(distances(people), expected, atol=2e-9)  # they are rounded to nine digits


def test_regions_that_somebody_lacks_do_not_count_for_this_person():
    dice = np.random.default_rng(1)
    people = [dict(zip("abcdefgh", dice.permutation(8).astype(float), strict=True)) for _ in range(7)]
    whole = distances(people)
    people.append({name: people[0][name] for name in "abcdef"} | {"g": float("nan")})
    found = distances(people)
    assert np.isfinite(found).all() and len(whole) == 7


def test_a_map_without_a_ranking_has_no_distance():
    alike = {"a": 1.0, "b": 2.0, "c": 3.0}
    assert np.isnan(distances([alike, alike, {"a": 1.0, "b": 1.0, "c": 1.0}])[2])
    assert distances([]).tolist() == []


def test_among_few_people_nobody_is_far_out():
    assert far_out(np.array([0.1, 0.1, 0.1, 2.0])) == np.inf
    assert far_out(np.array([0.1, 0.1, 0.1, 0.1, 2.0])) < 2


def test_somebody_with_another_ranking_is_far_out_and_stands_first(cohort):
    other = np.random.default_rng(7)
    write_export(cohort, "odd", MadeUp(), other.normal(0, 1, 37), other)
    page, said = made(cohort)
    assert "13 people: 13 done" in said and "1 far from the group" in said
    rows = page.table("Rankings")
    assert [row["Person"]["text"] for row in rows if row["Far from the group"]["text"] == "yes"] == ["odd"]
    assert rows[0]["Person"]["text"] == "odd"
    assert page.everybody()["odd"]["Distance"]["text"].endswith(", far from the group") and "far out" not in page.text


def test_every_figure_of_the_table_is_that_of_the_export(cohort):
    (cohort / "participants.tsv").write_text("participant_id\tage\tsex\nsub-p3\t31\tF\np4\tn/a\tM\n")
    page, _ = made(cohort)
    batch, rows = open_batch(cohort), page.everybody()
    assert list(rows) == [f"p{number}" for number in range(12)]  # p2 before p10
    ranks = batch.measure("abs_mean").rank(axis=1)
    for who, export in batch.exports.items():
        row, table = rows[who], export.table
        assert row["First regions"]["text"] == ", ".join(table.sort_values("rank").index[:3])
        assert row["Trust"]["text"] == "passed" and row["State"]["text"] == "done"
        distance = 1 - spearmanr(ranks.loc[who], ranks.median()).statistic
        assert float(row["Distance"]["value"] or row["Distance"]["text"]) == pytest.approx(distance, rel=1e-5)
    assert rows["p3"]["age"]["text"] == "31" and rows["p3"]["sex"]["text"] == "F"
    assert rows["p4"]["age"]["text"] == rows["p5"]["sex"]["text"] == "n/a"


def test_the_calibrated_rank_comes_before_the_rank_and_shares_outside_are_shown(cohort):
    path = cohort / "p0" / "p0.unet.regions.tsv"
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    table["calibrated_rank"] = [str(len(table) - place) for place in range(len(table))]
    outside = dict.fromkeys(table, "n/a") | {"region": "outside_atlas", "share": "0.25", "abs_mean": "1e-9"}
    pd.concat([table, pd.DataFrame([outside])]).to_csv(path, sep="\t", index=False)
    row = made(cohort)[0].everybody()["p0"]
    assert row["First regions"]["text"] == ", ".join(table["region"][:-4:-1])
    assert row["Outside the atlas"]["value"] == "0.25" and row["Outside the atlas"]["text"] == "25.0%"


def test_first_regions_are_headed_as_calibrated_where_everybody_has_calibrated_ranks(cohort):
    for who in (f"p{number}" for number in range(12)):
        path = cohort / who / f"{who}.unet.regions.tsv"
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        table.assign(calibrated_rank=table["rank"]).to_csv(path, sep="\t", index=False)
    page, _ = made(cohort)
    assert (
        "First regions, calibrated" in page.everybody()["p0"] and "First regions, calibrated" in page.table("Rank")[0]
    )


@pytest.mark.parametrize(("p", "said"), [("1", " (none stands out from randomised networks, p 1)"), ("0.048", "")])
def test_that_none_of_the_first_regions_stands_out_is_said_beside_them(cohort, p, said):
    path = cohort / "p0" / "p0.unet.regions.tsv"
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    table.assign(calibrated_rank=table["rank"], p_corrected=p).to_csv(path, sep="\t", index=False)
    page, _ = made(cohort)
    first = ", ".join(table.sort_values("rank", key=lambda ranks: ranks.astype(float))["region"][:3])
    assert page.everybody()["p0"]["First regions"]["text"] == first + said
    assert page.text.count("none stands out") == (3 if said else 0)  # in both tables and on the card


def test_what_people_say_of_themselves_stands_before_the_decision_without_what_to_type(cohort):
    (cohort / "participants.tsv").write_text("participant_id\tage\tsex\np3\t31\tF\n")
    said = {"in_words": ["none; this network compares two people: add --other PERSON"]}
    change(cohort, "p3", lambda record: record["networks"]["unet"].update(decision=said))
    page, _ = made(cohort)
    assert list(page.everybody()["p3"])[:5] == ["Person", "State", "age", "sex", "Decision"]
    assert page.everybody()["p3"]["Decision"]["text"] == "none; this network compares two people"
    assert "add --other" not in page.text


def test_what_failed_is_said_of_trust_and_self_checks(cohort):
    def fail(record):
        record["networks"]["unet"]["trust"] = {"passed": False, "failures": ["the map is much like the image itself"]}
        record["networks"]["unet"]["decision"] = {"in_words": ["class male, probability 0.93"]}
        record["checks"] = [
            {"check": "areas", "outcome": "passed"},
            {"check": "contrast", "outcome": "failed, allowed by the user"},
        ]

    change(cohort, "p1", fail)
    page, said = made(cohort)
    row = page.everybody()["p1"]
    assert row["Trust"]["text"] == "failed: the map is much like the image itself"
    assert row["Self-checks failed"]["text"] == "contrast"
    assert row["Decision"]["text"] == "class male, probability 0.93"
    assert "1 with a map that failed its trust checks" in said


# --------------------------------------------------------------------------------------------------------------- pages


def test_fifty_thumbnails_stand_on_a_page_and_every_link_leads_somewhere(tmp_path):
    root = write_people(tmp_path / "many", [f"p{number}" for number in range(51)])
    for number in range(51):
        add_picture(root, f"p{number}")
    (root / "p7" / "report.html").write_text("")
    made(root)
    pages = {path.name: Parsed(path.read_text()) for path in (root / SITE).glob("*.html")}
    assert {name: len(page.images) for name, page in pages.items()} == {"index.html": 50, "page-2.html": 1}
    assert "../p7/report.html" in pages["index.html"].links
    assert "page-2.html#person-51" in pages["index.html"].links
    for name, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            assert not parts.scheme and not parts.path.startswith("/")
            assert not parts.path or (root / SITE / unquote(parts.path)).exists()
            assert not parts.fragment or parts.fragment in pages[parts.path or name].ids


def test_thumbnails_are_small_webp_pictures_with_words_for_those_who_do_not_see_them(cohort):
    add_picture(cohort, "p0")
    (image,) = made(cohort)[0].images
    kind, content = image["src"].split(",")
    small = base64.b64decode(content)
    assert kind == "data:image/webp;base64" and len(small) <= 8192
    assert Image.open(BytesIO(small)).size == (240, 150) == (int(image["width"]), int(image["height"]))
    assert image["alt"] == "Overview of p0: three slices and the cortex"


def test_several_processes_find_what_one_finds(tmp_path, monkeypatch):
    root = write_people(tmp_path / "many", [f"p{number}" for number in range(30)])
    add_picture(root, "p3")
    several = wall.gather(root)
    monkeypatch.setattr("wbtools.report.wall.looking._FEW", 30)
    alone = wall.gather(root)
    assert [person.glimpse.first for person in several.people] == [person.glimpse.first for person in alone.people]
    assert [person.distance for person in several.people] == [person.distance for person in alone.people]
    assert several.people[3].glimpse.thumbnail == alone.people[3].glimpse.thumbnail


def test_texts_of_records_and_names_of_folders_are_shown_and_never_obeyed(cohort):
    bad = "<img src=x onerror=alert(1)><script>alert(1)</script>\x1b[31m"
    change(cohort, "p1", lambda record: record["networks"]["unet"].update(decision={"in_words": [bad]}))
    (cohort / "<b>bold" / "x").mkdir(parents=True)
    plain = made(cohort)[0]
    assert plain.elements.count("script") == 1 and "b" not in plain.elements and not plain.images
    assert "<b>bold" in plain.everybody() and "\x1b" not in plain.text


def test_no_page_names_an_absolute_path(cohort, tmp_path):
    (cohort / "p0" / "p0.unet.regions.tsv").unlink()
    (cohort / "p1" / "provenance.json").write_text("{")
    made(cohort)
    for path in (cohort / SITE).iterdir():
        assert str(tmp_path) not in path.read_text()


# -------------------------------------------------------------------------------------------- damage and what is mixed


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda root: (root / "p1" / "provenance.json").write_text("{"), "cannot be parsed"),
        (lambda root: change(root, "p1", lambda record: record.update(wbtools="99.0")), "newer than this wbtools"),
        (lambda root: (root / "p1" / "p1.unet.regions.tsv").unlink(), "p1.unet.regions.tsv"),
        (lambda root: (root / "p1" / "p1.unet.regions.tsv").write_text("a\tb\n"), "has no column"),
        (lambda root: add_picture(root, "p1", b"\x89PNG\r\n\x1a\nno picture"), "overview picture is damaged"),
        (lambda root: add_picture(root, "p1", b""), "overview picture is damaged"),
        (lambda root: None, "no overview picture was drawn"),
    ],
)  # fmt: skip
def test_damage_is_said_in_the_table_and_stops_nothing(cohort, harm, says):
    harm(cohort)
    rows = made(cohort)[0].everybody()
    assert says in rows["p1"]["Remarks"]["text"]
    assert len(rows) == 12 and rows["p0"]["Distance"]["text"] != "n/a"


def test_names_of_folders_that_are_no_text_are_shown_and_led_to(cohort):
    (cohort / os.fsdecode(b"\xffx")).mkdir()
    (cohort / "participants.tsv").write_text("participant_id\tage\np0\t30\n")
    page, _ = made(cohort)
    shown = next(row for name, row in page.everybody().items() if name.endswith("x"))
    assert shown["State"]["text"] == "no export" and "../%FFx/" in page.links


def test_folders_without_an_export_and_two_exports_of_somebody_are_said(cohort):
    (cohort / "notes").mkdir()
    write_export(cohort, "copy", MadeUp(), np.zeros(37), np.random.default_rng(0))
    change(cohort, "copy", lambda record: record["subject"].update(id="p1"))
    page, _ = made(cohort)
    assert "it is no finished export" in page.everybody()["notes"]["Remarks"]["text"]
    assert page.table("Failed")[0]["State"]["text"] == "no export"
    assert "copy is an export of p1, too" in page.text


def test_what_is_mixed_is_said_and_the_network_of_most_is_shown(cohort):
    dice = np.random.default_rng(3)
    write_export(cohort, "q1", MadeUp(networks=("dense",)), np.zeros(37), dice)
    write_export(cohort, "q2", MadeUp(method="lrp", settings={"atlas": "other"}), np.zeros(37), dice)
    change(cohort, "q2", lambda record: record.update(wbtools="0.0.9"))
    page, said = made(cohort)
    for sentence in (
        "The exports are of 2 networks: unet (13 exports), dense (1 export). unet is shown.",
        "The maps are by 2 methods: deviation (12 exports), lrp (1 export).",
        "2 versions of wbtools",
        "what differs: atlas.",
    ):
        assert sentence in page.text and sentence in said
    assert "it has no results of unet, but of dense" in page.everybody()["q1"]["Remarks"]["text"]
    assert made(cohort, "--network", "dense")[0].everybody()["q1"]["Distance"]["text"] == "n/a"
    assert "dense" in refused(cohort, "--network", "dens")


def test_exports_that_are_alike_are_called_so(cohort):
    assert "All exports are of one network" in made(cohort)[0].text


# ----------------------------------------------------------------------------------------------------- batch's records


@pytest.fixture
def batch(cohort):
    """The cohort as a batch of which two failed and one was not tried."""
    files = BatchFiles(cohort.resolve())
    Plan("", max_attempts=1).write(files)
    add_subjects(files, [*(f"p{number}" for number in range(12)), "f1", "f2", "t1"])
    for who, ending, reason in (("f1", "bad input", "its T1w is missing"), ("f2", "fault", "it was <killed>")):
        log = files.log(who, 1, "a" * 12)
        log.write_text("the log\n")
        attempts.record_start(files, who, "a" * 12, 1, log.relative_to(files.home).as_posix())
        attempts.record(files, who, "end", run="a" * 12, ending=ending, reason=reason)
    return cohort


def test_failures_have_their_reasons_and_logs_and_what_is_to_do_is_said(batch):
    page, said = made(batch)
    lost = {row["Person"]["text"]: row for row in page.table("Failed")}
    assert {who: row["State"]["text"] for who, row in lost.items()} == {"f1": "failed", "f2": "excluded"}
    assert lost["f1"]["Reason"]["text"] == "its T1w is missing" and lost["f2"]["Reason"]["text"] == "it was <killed>"
    assert lost["f1"]["Log"]["text"] == f"f1.1.{'a' * 12}.log"
    assert f"../.wbtools/logs/f1.1.{'a' * 12}.log" in page.links
    assert page.everybody()["t1"]["State"]["text"] == "to do"
    assert "15 people: 12 done, 2 failed or not readable" in said


def test_a_batch_of_which_nothing_is_done_has_a_page(tmp_path):
    files = BatchFiles((tmp_path / "out").resolve())
    Plan("").write(files)
    add_subjects(files, ["t1"])
    page, said = made(tmp_path / "out")
    assert "1 person: 0 done" in said and page.everybody()["t1"]["State"]["text"] == "to do"


# -------------------------------------------------------------------------------------------------------- where it goes


def test_the_same_line_again_replaces_the_pages_and_nobody_takes_them_for_an_export(cohort):
    first, _ = made(cohort)
    write_export(cohort, "late", MadeUp(), np.zeros(37), np.random.default_rng(0))
    again, _ = made(cohort)
    assert len(again.everybody()) == len(first.everybody()) + 1
    assert SITE not in again.everybody() and not list(cohort.glob(".wbtools-report*"))
    found = open_batch(cohort)
    assert SITE not in found.people and not found.unreadable


def test_status_verify_and_clean_leave_the_pages_alone(batch):
    made(batch)
    for words in (["status"], ["verify", "--quick"], ["clean", "--now"]):
        said = CliRunner().invoke(main, ["batch", *words, str(batch)]).output
        assert SITE not in said
    assert (batch / SITE / "index.html").is_file()


def test_what_is_not_wbtools_own_is_never_replaced(cohort):
    (cohort / SITE).mkdir()
    (cohort / SITE / "mine.txt").write_text("mine")
    assert "is not wbtools' to replace" in refused(cohort)
    assert [path.name for path in (cohort / SITE).iterdir()] == ["mine.txt"]


def test_a_subject_of_the_same_name_is_refused(cohort, batch):
    add_subjects(BatchFiles(batch.resolve()), [SITE])
    assert "name another folder with --out" in refused(batch)
    other = write_people(cohort.parent / "other", [SITE, "p1"])
    assert "is not wbtools' to replace" in refused(other)
    assert (other / SITE / "provenance.json").is_file()


def test_pages_never_lie_in_an_export(cohort):
    assert "would lie in" in refused(cohort, "--out", cohort / "p0" / "pages")
    assert not (cohort / "p0" / "pages").exists()


def test_pages_elsewhere_lead_back_and_the_folder_of_exports_stays_as_it_was(cohort, tmp_path):
    before = sorted(cohort.rglob("*"))
    (tmp_path / "a b").mkdir()
    site = tmp_path / "a b" / "pages"
    result = CliRunner().invoke(main, ["batch", "report", str(cohort), "--out", str(site)])
    assert result.exit_code == 0, result.output
    page = Parsed((site / "index.html").read_text())
    folders = [link for link in page.links if link.endswith("/p3/")]
    assert folders and all((site / unquote(link)).resolve() == (cohort / "p3").resolve() for link in folders)
    assert sorted(cohort.rglob("*")) == before


def test_folders_with_nobody_in_them_and_missing_files_are_refused_in_a_sentence(tmp_path):
    assert "holds no finished export" in refused(tmp_path)
    assert "missing" in refused(tmp_path / "missing")
    write_people(tmp_path / "some", ["p1"])
    assert "people.tsv" in refused(tmp_path / "some", "--participants", tmp_path / "people.tsv")
    with pytest.raises(InputError, match="p1 is one export"):
        wall.gather(tmp_path / "some" / "p1")
    said = refused(tmp_path / "some" / "p1")
    assert "p1 is one export" in said and "give the folder above it" in said


def test_notices_of_one_person_are_said_of_each_where_there_are_several(tmp_path):
    root, said = tmp_path / "many", "Areas on this person's own grey matter, in this head's pose"
    write_people(root, ["p1", "p2"])
    for who in ("p1", "p2"):
        record = json.loads((root / who / "provenance.json").read_text())
        record["notices"] = [said]
        (root / who / "provenance.json").write_text(json.dumps(record))
    assert wall.gather(root).notices == ("Areas on each person's own grey matter, in each head's pose",)
    shutil.rmtree(root / "p2")
    assert wall.gather(root).notices == (said,)


@pytest.mark.parametrize(
    ("content", "name"),
    [(None, "ds7"), ('{"Name": "Reading in twins"}', "Reading in twins"), ("[", "ds7"), ('{"Name": 7}', "ds7")],
)
def test_pages_among_derivatives_are_called_after_the_data_set(content, name, tmp_path):
    own = tmp_path / "ds7" / "derivatives" / "wbtools"
    write_people(own, ["p1", "p2"])
    if content:
        (tmp_path / "ds7" / "dataset_description.json").write_text(content)
    assert CliRunner().invoke(main, ["batch", "report", str(own)]).exit_code == 0
    page = (own / "wbtools-report" / "index.html").read_text()
    assert f"Batch report: {name}" in page and "How alike the exports are" in page and "All exports are of one" in page
    assert data_set.called(tmp_path / "wbtools") == "wbtools"


# ------------------------------------------------------------------------------------------------------------- browser


@needs_chromium
def test_a_browser_sorts_the_table_and_finds_no_fault(cohort):
    add_picture(cohort, "p0")
    made(cohort)
    with opened(cohort / SITE / "index.html") as page:
        page.find("#everybody thead th:nth-child(8) button").click()
        shown = page.run(
            "return [...document.querySelectorAll('#everybody tbody tr')].map(r => r.cells[7].dataset.value || "
            "r.cells[7].textContent)"
        )
        assert page.console() == [] and page.requests() == []
    values = [float(re.match(r"[\d.e-]+", text)[0]) for text in shown]
    assert values == sorted(values) and len(values) == 12


@needs_chromium
@needs_axe
def test_axe_finds_no_serious_fault(cohort):
    add_picture(cohort, "p0")
    made(cohort)
    with opened(cohort / SITE / "index.html") as page:
        assert serious_faults(page) == []


@needs_chromium
def test_a_browser_without_javascript_shows_everybody(cohort):
    add_picture(cohort, "p0")
    made(cohort)
    with opened(cohort / SITE / "index.html", javascript=False) as page:
        assert page.run("return document.querySelectorAll('#everybody tbody tr').length") == 12
        assert page.run("return document.querySelector('#wall img').naturalWidth") == 240
        assert page.run("return document.querySelectorAll('thead button').length") == 0
        assert page.console() == [] and page.requests() == []
