"""The ranking as tables of cortex and subcortex, with the comparison with randomised networks beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wbtools.anatomy import Kind
from wbtools.reading.results import NetworkResults
from wbtools.reading.table import Row
from wbtools.report.parts import Cell, Column, Table, number, words

_PRINTED = 30


@dataclass(frozen=True)
class _Shown:
    """A column of the page, and what it is made of."""

    column: Column
    source: str
    cell: Callable[[Row], Cell]


def _figure(name: str, source: str, about: str, form: str = ".3g", scale: float = 1.0) -> _Shown:
    return _Shown(Column(name, True, about), source, lambda row: number(row.numbers[source] * scale, form))


_COLUMNS: Sequence[_Shown] = (
    _Shown(Column("Region"), "region", lambda row: words(row.name)),
    _Shown(
        Column("Side", False, "L or R; n/a in the middle"), "hemisphere", lambda row: words(row.words["hemisphere"])
    ),
    _figure("Rank", "rank", "by score, among all regions", ".0f"),
    _figure("Calibrated rank", "calibrated_rank", "by excess over randomised networks, among all regions", ".0f"),
    _figure("z", "z", "deviation from randomised networks, in their standard deviations", ".2f"),
    _figure("p", "p_corrected", "Monte Carlo p value, corrected for the number of regions"),
    _figure("Volume (ml)", "volume_mm3", "extent on the T1w grid", ".2f", 1e-3),
    _figure("Relevance (%)", "share", "part of the relevance of the whole field of view", ".2f", 100),
    _figure("Score", "score", "0 to 1, what the region is ranked by, relative to the first region", ".3f"),
    _figure("Rank, second method", "also_rank", "by the second method's score, among all regions", ".0f"),
)
_ORDER = ("calibrated_rank", "rank")
_TITLES = {Kind.CORTEX: "Cortical areas", Kind.SUBCORTEX: "Subcortical structures"}


def tables(results: NetworkResults) -> list[Table]:
    """A table of cortex and a table of subcortex, the first regions first."""
    table = results.ranking
    ordered = table.ordered(next(filter(table.known, _ORDER), "key"))
    shown = [each for each in _COLUMNS if each.source == "region" or table.known(each.source)]
    return [
        Table(
            _TITLES[kind],
            [each.column for each in shown],
            [[each.cell(row) for each in shown] for row in ordered if row.words["kind"] == kind.value],
            printed=_PRINTED,
        )
        for kind in Kind
    ]


def note(results: NetworkResults) -> str:
    """How the tables are to be read."""
    if results.ranking.known("calibrated_rank"):
        return (
            "Ranks count all regions together. Some region always comes first: p says how often a randomised network "
            "has a region that stands out as far; from .05 on, a high rank alone is no evidence."
        )
    return (
        "Ranks count all regions together, and some region always comes first. This map was not compared with enough "
        "randomised networks to say whether a region stands out."
    )
