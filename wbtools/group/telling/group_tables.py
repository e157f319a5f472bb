"""Tables and figures of a group's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from wbtools.group.measures import MEAN
from wbtools.group.statistics.family_bootstrap import FEWEST_FAMILIES
from wbtools.group.telling.region_table import CONTRAST, MEASURES
from wbtools.group.telling.sentences import CLOSENESS, FIGURE_DIGITS, interval, reliable, spread
from wbtools.report.parts import Bar, Cell, Column, Table, number, words
from wbtools.text import counted, line

if TYPE_CHECKING:
    from wbtools.group.analysis import GroupResult
    from wbtools.group.context.network_profile import NetworkProfile
    from wbtools.group.context.spin_test import SpinTest
    from wbtools.group.members.cohort import LeftOut
    from wbtools.group.network_findings import NetworkFindings
    from wbtools.group.shared_maps import SharedMaps
    from wbtools.group.statistics.deep_structures import DeepStructures, Effect

_PRINTED = 30
_MARKED = 20
"""Regions whose ranks are drawn."""
_STEP = 18  # pixels between two of them


@dataclass(frozen=True)
class RankMark:
    """A region's rank as a dot on the line of its interval.

    Parameters
    ----------
    region, said : str
    y : int
        Pixels from the top.
    dot, low, high : float
        Percent of the width.
    outstanding : bool
        Whether the region stands out from randomised networks.
    """

    region: str
    said: str
    y: int
    dot: float
    low: float
    high: float
    outstanding: bool


def rank_marks(found: NetworkFindings) -> list[RankMark]:
    """The highest regions with their ranks' intervals; none without intervals."""
    rows = found.table.head(_MARKED)
    if not found.bootstrap.enough:
        return []
    most = float(np.nanmax(rows[["rank", "rank_high"]].to_numpy()))
    outstanding = set(found.outstanding)

    def percent(rank: float) -> float:
        return round(100 * (rank - 1) / max(most - 1, 1), 2)

    return [
        RankMark(
            str(name),
            f"{row['rank']:g} ({row['rank_low']:g} to {row['rank_high']:g})",
            _STEP * place + _STEP,
            percent(row["rank"]),
            percent(row["rank_low"]),
            percent(row["rank_high"]),
            name in outstanding,
        )
        for place, (name, row) in enumerate(rows.iterrows())
        if np.isfinite(row["rank_low"])
    ]


def regions(found: NetworkFindings) -> Table:
    """All regions; columns without any number are left out."""
    shown = [(each.name, each.title, each) for each in MEASURES]
    shown += [
        (f"{test.name}: {each.name}", f"{line(test.name, 40)}: {each.title}", each)
        for test in found.contrasts
        for each in CONTRAST
    ]
    shown = [each for each in shown if found.table[each[0]].notna().any()]
    columns = [Column("region"), Column("kind"), *(Column(title, True, each.about) for _, title, each in shown)]
    rows = [
        [words(name), words(row["kind"]), *(number(float(row[key]), each.form) for key, _, each in shown)]
        for name, row in zip(found.table.index, found.table.to_dict("records"), strict=True)
    ]
    return Table(f"Regions in the maps of {line(found.name, 60)}", columns, rows, _about(found), _PRINTED)


def _about(found: NetworkFindings) -> str:
    said = (
        "Levels: doublings over the person's median region. Rank, interval, ranked level, top tenth, z, p and excess "
        f"are of {found.measures.ranked_by}; level of mean, SD and contrasts of {MEAN}. Numbers in full: the .tsv file "
        "of this network."
    )
    return said if found.randomised else f"{said} Not compared with randomised networks: {found.measures.without_null}."


def bars(found: NetworkFindings) -> list[Bar]:
    """Agreement of people, and the share of regions that stand out."""
    made = [
        Bar(
            f"networks.{found.name}.concordance.W",
            "Agreement of people (Kendall's W)",
            found.consistency.concordance,
            f"0: everybody ranks regions in another order; 1: all in the same. Of {found.consistency.regions} regions, "
            f"by levels of {found.measures.ranked_by}.",
        )
    ]
    if found.randomised:
        known = int(np.isfinite(found.randomised.p).sum())
        made.append(
            Bar(
                f"networks.{found.name}.outstanding",
                "Regions that stand out from randomised networks",
                len(found.outstanding),
                f"Of {known}, with p < .05 corrected for their number. Of {found.randomised.networks} randomised "
                f"networks, the lowest p is {found.randomised.lowest_p:.3g}.",
                most=known,
            )
        )
    return [bar for bar in made if np.isfinite(bar.number)]


def deep(found: DeepStructures) -> Table:
    """Subcortex against cortex, with its controls beside it; without d where families are too few for its interval."""
    if not reliable(found.network):
        return _differences(found)
    rows = [_effect_row("the network", found.network, "")]
    if found.randomised:
        rows.append(_randomised_row(found.randomised))
    if found.closeness.people:
        rows.append(_effect_row(f"closeness to the middle of the brain: {CLOSENESS}", found.closeness, " mm"))
    columns = [
        Column("of"),
        Column("difference", True, "mean over people of ranked levels, doublings"),
        Column("d (paired)", True, "relative to the standard deviation of people's differences"),
        Column("95 % interval", True, "of randomised networks, the range"),
        Column("d (pooled)", True, "relative to the standard deviation over people"),
        Column("95 % interval", True, "of randomised networks, the range"),
    ]
    note = (
        "Whatever randomised networks, or closeness to the middle of the brain, show as well needs no learning. d "
        "grows where people resemble each other: compare it with these rows, not with other studies."
    )
    return Table("Subcortex against cortex, within people (Cohen's d)", columns, rows, note)


def _differences(found: DeepStructures) -> Table:
    """Subcortex against cortex of people who are too few for a d."""
    rows = [[words("the network"), number(found.network.difference, FIGURE_DIGITS)]]
    if found.randomised:
        mean = spread([each.difference for each in found.randomised])[0]
        rows.append(
            [words(f"{counted(len(found.randomised), 'randomised network')}: mean"), number(mean, FIGURE_DIGITS)]
        )
    if found.closeness.people:
        near = words(f"{found.closeness.difference:.2f} mm")
        rows.append([words(f"closeness to the middle of the brain: {CLOSENESS}"), near])
    columns = [Column("of"), Column("difference", True, "mean over people of ranked levels, doublings")]
    known = not np.isnan(found.network.d_paired)
    why = f"{FEWEST_FAMILIES} families" if known else "people who differ"
    return Table("Subcortex against cortex, within people", columns, rows, f"There is no d, which needs {why}.")


def _effect_row(name: str, found: Effect, unit: str) -> list[Cell]:
    known = reliable(found)
    return [
        words(name),
        words(f"{found.difference:.2f}{unit}") if unit else number(found.difference, FIGURE_DIGITS),
        number(found.d_paired if known else np.nan, FIGURE_DIGITS),
        words(interval(found.d_paired_interval)),
        number(found.d_pooled if known else np.nan, FIGURE_DIGITS),
        words(interval(found.d_pooled_interval)),
    ]


def _randomised_row(found: Sequence[Effect]) -> list[Cell]:
    """Mean and range over randomised networks."""
    difference, paired, pooled = (
        spread([getattr(each, name) for each in found]) for name in ("difference", "d_paired", "d_pooled")
    )
    return [
        words(f"{counted(len(found), 'randomised network')}: mean, and range"),
        number(difference[0], FIGURE_DIGITS),
        number(paired[0], FIGURE_DIGITS),
        words(f"range {interval(paired[1:])}"),
        number(pooled[0], FIGURE_DIGITS),
        words(f"range {interval(pooled[1:])}"),
    ]


def profile(found: NetworkProfile) -> Table:
    """Mean levels of mean |relevance| in functional networks, the highest first."""
    order = sorted(range(len(found.networks)), key=lambda place: -np.nan_to_num(found.means[place], nan=-np.inf))
    rows = [
        [words(found.names[i]), number(float(found.means[i]), ".2f"), number(float(found.counts[i]), ".0f")]
        for i in order
    ]
    what = {"cortex": "vertices", "subcortex": "voxels"}[found.kind.value]
    columns = [Column("network"), Column("mean level", True, "of mean |relevance|"), Column(what, True)]
    return Table(f"{found.title}, {found.kind.value}", columns, rows)


def spins(found: Sequence[SpinTest]) -> Table:
    """Correlations with annotations."""
    columns = [
        Column("annotation"),
        Column("coefficient"),
        Column("r", True),
        Column("p", True),
        Column("95 % of rotations", True),
        Column("areas", True),
    ]
    rows = [
        [
            words(test.annotation),
            words(test.coefficient),
            number(test.r, ".3f"),
            number(test.p, ".3g"),
            words(interval(test.null_interval)),
            number(test.areas, "g"),
        ]
        for test in found
    ]
    note = f"p: share of {found[0].rotations:,} random rotations whose correlation is as far from 0; cortex only. "
    note += "Not corrected for the number of annotations."
    return Table("Correlation of mean levels of mean |relevance| with annotations", columns, rows, note)


def shared(found: SharedMaps) -> Table:
    """Agreement of each two networks."""
    columns = [
        Column("networks"),
        Column("Spearman", True),
        Column("95 % interval", True),
        Column("overlap", True, "share of the top tenths that both have; .1 by chance"),
    ]
    rows = [
        [words(f"{first} and {second}"), number(r, ".3f"), words(interval((low, high))), number(overlap, ".2f")]
        for first, second, r, low, high, overlap in found.pairs()
    ]
    many = counted(found.people, "person")
    note = f"Of mean levels of {found.agreement.regions} regions over {many} with maps of all networks."
    return Table("Agreement of networks", columns, rows, note)


def left_out(found: Sequence[LeftOut]) -> Table | None:
    """Who is not in the group; None if nobody is left out."""
    if not found:
        return None
    columns = [Column("person"), Column("why"), Column("network")]
    return Table(
        "Left out", columns, [[words(each.who), words(each.why), words(each.network or "all")] for each in found]
    )


def people(result: GroupResult) -> Table:
    """Who is in the group, with what is said of them."""
    names = list(result.networks)
    told = bool(result.chosen.families_by)
    columns = [Column("person"), *([Column("family")] if told else [])]
    columns += [Column(f"trust of {line(name, 60)}") for name in names]
    family = {
        who: str(label)
        for each in result.networks.values()
        for who, label in zip(each.cohort.people, each.cohort.families, strict=True)
    }
    rows = [
        [
            words(who),
            *([words(family[who].removeprefix("family "))] if told else []),
            *(words(_trust(result, name, who)) for name in names),
        ]
        for who in result.people
    ]
    return Table("People", columns, rows, printed=_PRINTED)


def _trust(result: GroupResult, network: str, who: str) -> str:
    found = result.networks[network].cohort.results.get(who)
    return "n/a" if found is None else "passed" if found.passed else "failed"
