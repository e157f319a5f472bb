"""A group's findings: what is planted is found, and table, figures for programs and page say the same."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from made_cohort import REGIONS, MadeUp, write_people
from scipy import stats

import wbtools.reading
from wbtools.drawing.renderer_choice import Renderer
from wbtools.errors import InputError
from wbtools.group.analysis import analyse
from wbtools.group.group_folder import GroupPlace, write
from wbtools.group.settings_of_group import GroupSettings
from wbtools.group.telling.group_methods import methods
from wbtools.provenance import sha256
from wbtools.subject.layouts.template_in_head import SYN_NOTICE

PEOPLE = [f"s{number:02}" for number in range(12)]
PLANTED = {"THALAMUS_LEFT": 5.0}
QUICK = {"permutations": 199, "resamples": 199}


def analysed(root, **settings):
    return analyse(wbtools.reading.open_batch(root), GroupSettings(**{**QUICK, **settings}))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("cohort") / "out", PEOPLE)


@pytest.fixture(scope="module")
def result(cohort):
    return analysed(cohort)


@pytest.fixture(scope="module")
def folder(result, cohort):
    place = GroupPlace(cohort.parent / "group", maps=False)
    write(result, place)
    return place.out


class Tables(HTMLParser):
    """Rows of all tables of a page: what cells are sorted by, else what they show."""

    def __init__(self, page):
        super().__init__()
        self.tables, self.cell = [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.cell = dict(attrs).get("data-value", "")
            self.tables[-1][-1].append(self.cell)

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.cell = None

    def handle_data(self, data):
        if self.cell == "":
            self.tables[-1][-1][-1] += data


def levels_in_files(root):
    """Everybody's levels straight from the files, people x regions."""
    tables = {who: pd.read_csv(root / who / f"{who}.unet.levels.tsv", sep="\t", index_col="region") for who in PEOPLE}
    return pd.DataFrame({who: table["level"] for who, table in tables.items()}).T


def test_the_planted_region_is_first_and_alone_stands_out(result):
    first = result.table.iloc[0]
    assert first.name == "THALAMUS_LEFT" and first["rank_low"] == 1 and first["rank_high"] == 1
    assert result.network().outstanding == ["THALAMUS_LEFT"]
    assert f"THALAMUS_LEFT (level {first['ranked_level']:.2f}, rank 1, 95 % interval 1 to 1)" in result.headline[0]


def test_networks_without_anything_planted_have_nothing_that_stands_out(tmp_path):
    root = write_people(tmp_path, PEOPLE, MadeUp(planted={}))
    assert analysed(root).network().outstanding == []


def levels_of_tables(root):
    """Doublings of mean |relevance| over the median region, from the region tables, people x regions."""
    rows = {}
    for who in PEOPLE:
        table = pd.read_csv(root / who / f"{who}.unet.regions.tsv", sep="\t", index_col="region")
        means = table["abs_mean"].drop("outside_atlas", errors="ignore")
        rows[who] = np.log2(means / means.median())
    return pd.DataFrame(rows).T


def test_means_and_ranks_are_those_of_the_tables(result, cohort):
    levels = levels_of_tables(cohort)
    table = result.table.loc[levels.columns]
    np.testing.assert_allclose(table["mean_level"], levels.mean(), atol=1e-9)
    np.testing.assert_allclose(table["sd_level"], levels.std(ddof=1), atol=1e-9)
    ranked = levels_in_files(cohort)[levels.columns].mean()  # what the exports rank regions by
    np.testing.assert_allclose(table["ranked_level"], ranked, atol=1e-9)
    assert table["rank"].tolist() == stats.rankdata(-ranked).tolist()


def rewritten(root, column, values):
    """Put other values of everybody's region tables into them, and on record."""
    for who in PEOPLE:
        path = root / who / f"{who}.unet.regions.tsv"
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        table[column] = values(table)
        table.to_csv(path, sep="\t", index=False)
        record = root / who / "provenance.json"
        content = json.loads(record.read_text())
        content["outputs_sha256"][path.name] = sha256(path)
        record.write_text(json.dumps(content))


def test_exports_without_levels_are_ranked_by_mean_relevance_whatever_their_score_and_the_reason_is_said(tmp_path):
    root = write_people(tmp_path, PEOPLE, MadeUp(levels=False))
    rewritten(root, "score", lambda table: [f"{1 / (1 + int(key)):.6f}" for key in table["key"]])
    older, levels = analysed(root), levels_of_tables(root)
    for name in ("ranked_level", "mean_level"):
        np.testing.assert_allclose(older.table[name].loc[levels.columns], levels.mean(), atol=1e-9)
    assert older.network().measures.ranked_by == "mean |relevance|"
    assert older.network().randomised is None and older.table["p_corrected"].isna().all()
    assert "older wbtools" in " ".join(older.notices)


def w_of_kendall(levels):
    """From scipy's chi-squared of Friedman's test, which is W of N people and R regions times N (R - 1)."""
    people, regions = levels.shape
    return stats.friedmanchisquare(*levels.to_numpy().T).statistic / (people * (regions - 1))


def test_agreement_and_top_tenths_are_of_what_regions_are_ranked_by(tmp_path):
    root = write_people(tmp_path, PEOPLE, MadeUp(method="deviation-smooth"))
    # Mean |relevance| has the opposite order.
    rewritten(root, "abs_mean", lambda table: [f"{1e-12 / float(mean):.6g}" for mean in table["abs_mean"]])
    found, ranked = analysed(root), levels_in_files(root)
    top = ranked.rank(axis=1, ascending=False).le(np.ceil(len(REGIONS) / 10)).mean()
    np.testing.assert_allclose(found.table["consistency"].loc[ranked.columns], top)
    assert found.table["consistency"]["THALAMUS_LEFT"] == 1
    assert found.network().consistency.concordance == pytest.approx(w_of_kendall(ranked))
    assert found.network().measures.ranked_by == "the root mean square of relevance before pooling"
    np.testing.assert_allclose(
        found.table["mean_level"].loc[ranked.columns], levels_of_tables(root)[ranked.columns].mean()
    )
    assert "Westfall and Young 1993" in methods(found)[0] and "counted 2.5 times" in methods(found)[0]


def test_randomised_networks_that_not_everybody_has_are_left_out_and_counted(tmp_path):
    write_people(tmp_path, PEOPLE[:3], MadeUp(randomised=24))
    write_people(tmp_path, PEOPLE[3:], MadeUp(randomised=21))
    found = analysed(tmp_path)
    assert found.network().randomised.networks == 21
    assert "unet: 3 randomised networks that not everybody was compared with are left out." in found.notices


def test_who_drew_the_exports_pictures_is_not_said_of_the_group_s(tmp_path):
    write_people(tmp_path, PEOPLE, MadeUp(notice=Renderer(None, "wb_command is not installed").notice))
    found = analysed(tmp_path)
    assert "Pictures were drawn" not in " ".join((*found.notices, *found.briefs))


def test_a_notice_of_one_person_s_own_is_said_of_each_in_a_group(tmp_path):
    write_people(tmp_path, PEOPLE, MadeUp(notice=SYN_NOTICE))
    found = analysed(tmp_path)
    said = "Template surfaces, SyN: group-average areas on each person's own grey matter"
    assert said in found.notices and said in found.briefs and SYN_NOTICE not in found.notices


def test_subcortex_against_cortex_is_cohen_s_d_of_the_files(result, cohort):
    levels, deep = levels_in_files(cohort), [region.name for region in REGIONS if region.kind.value == "subcortex"]
    difference = levels[deep].mean(axis=1) - levels.drop(columns=deep).mean(axis=1)
    found = result.network().deep
    assert found.network.d_paired == pytest.approx(difference.mean() / difference.std(ddof=1))
    assert len(found.randomised) == 20 and found.closeness.people == 12


def test_fewer_than_five_families_have_no_intervals_and_that_is_said(tmp_path):
    root = write_people(tmp_path, PEOPLE)
    families = "".join(f"{who}\tF{place % 4}\n" for place, who in enumerate(PEOPLE))
    (root / "participants.tsv").write_text(f"participant_id\tfamily\n{families}")
    found = analysed(root)
    assert found.table["rank_low"].isna().all() and "of 4 families" in found.headline[0]
    assert "no intervals: people are of 4 families" in found.notices[0]


def test_networks_of_the_same_people_are_compared(tmp_path):
    root = write_people(tmp_path, PEOPLE, MadeUp(networks=("unet", "vit"), planted=PLANTED))
    found = analysed(root)
    first, second = (each.table["mean_level"] for each in found.networks.values())
    (pair,) = found.shared.pairs()
    assert pair[:2] == ("unet", "vit")
    assert pair[2] == pytest.approx(stats.spearmanr(first, second.loc[first.index]).statistic)
    assert found.table.index.names == ["network", "region"] and len(found.table) == 2 * len(REGIONS)


def test_the_same_seed_gives_the_same_and_the_analysis_writes_nothing(cohort, result):
    before = sorted(cohort.rglob("*"))
    again = analysed(cohort)
    pd.testing.assert_frame_equal(again.table, result.table)
    assert sorted(cohort.rglob("*")) == before
    assert "THALAMUS_LEFT" in result._repr_html_() and "12 people" in repr(result)


def test_table_figures_and_page_have_the_same_numbers(folder):
    table = pd.read_csv(folder / "group.unet.regions.tsv", sep="\t", dtype=str, keep_default_na=False)
    figures = json.loads((folder / "group.json").read_text())["networks"]["unet"]
    shown = next(rows for rows in Tables((folder / "group.html").read_text()).tables if rows[0][0] == "region")
    columns = {"rank": "rank", "from": "rank_low", "to": "rank_high", "p": "p_corrected"}
    columns |= {"ranked level": "ranked_level", "level of mean": "mean_level"}
    for place, (cells, row) in enumerate(zip(shown[1:], figures["regions"], strict=True)):
        written = table.iloc[place]
        assert cells[0] == row["region"] == written["region"]
        for title, name in columns.items():
            assert cells[shown[0].index(title)] == written[name]
            assert float(written[name]) == pytest.approx(row[name], rel=1e-5)


def test_the_record_has_every_export_s_hash_and_nothing_has_a_path(folder, cohort):
    record = json.loads((folder / "provenance.json").read_text())
    assert {f"{who}/provenance.json" for who in PEOPLE} == set(record["inputs_sha256"])
    assert record["settings"]["subject"] == "group" and set(record["outputs_sha256"]) == {
        "group.json",
        "group.html",
        "group.unet.regions.tsv",
    }
    for path in folder.iterdir():
        assert str(cohort.parent) not in path.read_text()


def test_the_page_escapes_what_records_say(tmp_path):
    bad = "<script>alert(1)</script>"
    root = write_people(tmp_path / "out", PEOPLE[:5], MadeUp(notice=bad))
    place = GroupPlace(tmp_path / "group", maps=False)
    write(analysed(root), place)
    page = (place.out / "group.html").read_text()
    assert bad not in page and "&lt;script&gt;alert(1)" in page
    assert not re.findall(r'(?:src|href)="https?:', page)


def test_a_group_is_never_written_among_its_exports_nor_over_something_else(cohort, result, tmp_path):
    with pytest.raises(InputError, match="lies in the folder of the exports"):
        write(result, GroupPlace(cohort / "group", maps=False))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not wbtools' to replace"):
        write(result, GroupPlace(tmp_path / "mine", maps=False, overwrite=True))
