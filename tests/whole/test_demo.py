"""The demonstration: what was planted in made-up people is what their maps show."""

from __future__ import annotations

import json

import pytest

import wbtools
from wbtools.exporting.settings import ExportSettings
from wbtools.model import built_in
from wbtools.subject.demo import HCP_GRID, write_demo_subject


def found(explanation):
    """Planted and decoy regions' calibrated ranks, and the smallest corrected p of a planted one."""
    rows = {row.region.name: row for row in explanation.ranking.rows if row.region and row.null}
    card = built_in().card
    planted = {name: rows[name].null for name in card.planted if name in rows}
    decoy = [rows[name].null.rank for name in card.decoy if name in rows]
    return sorted(null.rank for null in planted.values()), sorted(decoy), min(null.p for null in planted.values())


@pytest.mark.slow
@pytest.mark.parametrize("person", [0, 1, 2, 3])
def test_the_first_places_go_to_planted_regions_and_the_decoy_stays_behind(tmp_path, person):
    write_demo_subject(tmp_path, grid=HCP_GRID.with_spacing(2), native_frequency=30, person=person)
    subject = wbtools.find_subject("100307", tmp_path)
    made = wbtools.explain(wbtools.load_model(), subject, ExportSettings(nulls=20, threads=1))
    planted, decoy, p = found(made)
    assert len(planted) > 15 and len(decoy) > 15
    assert sum(rank <= 5 for rank in planted) >= 4
    assert p < 0.05
    assert decoy[0] > 20
    assert made.ranking.outside.share <= 0.6


def test_an_export_prints_and_records_where_the_map_has_what_was_planted(exported):
    printed, folder = exported
    said = " ".join(printed.split())
    card = built_in().card
    assert f"Planted: {card.planted_in} (" in said and "of the first 5 places by calibrated rank: " in said
    assert f"Decoy: {card.decoy_in} (" in said and "the first of them by calibrated rank: " in said
    record = json.loads((folder / "provenance.json").read_text())["networks"]["unet"]["planted"]
    with (folder / "100307.unet.regions.tsv").open() as stream:
        header, *rows = (line.rstrip("\n").split("\t") for line in stream)
    ranks = {row[header.index("region")]: row[header.index("calibrated_rank")] for row in rows}
    for part in ("planted", "decoy"):
        assert record[part] and all(ranks[name] == str(rank) for name, rank in record[part].items())
        assert set(record[part]) <= set(getattr(card, part))


def test_a_network_whose_card_says_nothing_of_plants_prints_nothing_of_them(small_study, tmp_path, run_export):
    from made_heads import write_network

    plain = str(write_network(tmp_path))
    printed, folder = run_export(small_study(), tmp_path / "out", "--no-render", "--mesh", "native", "--model", plain)
    assert "Planted" not in printed and "Decoy" not in printed
    (network,) = json.loads((folder / "provenance.json").read_text())["networks"].values()
    assert "planted" not in network
