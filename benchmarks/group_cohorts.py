"""Does a group show what a network uses, and nothing where it has learned nothing? Cohorts with a known answer.

    python benchmarks/group_cohorts.py               six networks, 40 people each (25 processor minutes)
    python benchmarks/group_cohorts.py --work DIR    keeps networks and levels in DIR, and takes up what is there
    python benchmarks/group_cohorts.py --quick       one family, fewer people and draws (3 minutes)

Networks of three families that tell twins by a region of the cortex or by the thalamus (the planted task of
`known_source.py`), and people whom they have not seen. Each has the 379 regions of HCP-MMP 1.0, moved with the head;
maps are by the default method against made-up heads, as in every export. Cohorts of 20 are drawn, and analysed as
`wbtools group` does. Three tables:

- *Planted*: does the rank interval of a true area hold 1 or 2? An area is true if at least half of it lies in the
  planted region. The same where the planted region stands as one region in place of its areas; and how many areas
  stand out from randomised networks.
- *Untrained*: how often any area stands out of a network that has learned nothing, by how its batch norms were filled.
- *Coverage*: how often intervals hold the rank in the population that cohorts are drawn from: these people, with
  replacement, or a normal distribution with their mean and covariance.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from calibrated_areas import HOW, atlas_shares
from calibration import KINDS, SIGNIFICANT
from numpy.typing import NDArray
from sources.case import Case, Store
from sources.cohorts import Array, Cohort, Sizes, cohort, levels, untrained

from wbtools.group.statistics.against_randomised import against_randomised
from wbtools.group.statistics.family_bootstrap import FamilyBootstrap
from wbtools.group.statistics.rank_intervals import RankIntervals, rank_intervals
from wbtools.regions.correlation import ranks

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FAMILIES = ("unet", "resnet", "densenet")
REGIONS = ("superior frontal", "thalamus")
COHORT = 20
FIRST = 20
"""Regions of which coverage is told apart: the first of the population."""

EXCHANGEABLE = "drawn as the randomised networks are"
"""A kind of untrained network for which the test is exact: one of the pool."""


@dataclass(frozen=True)
class Amount:
    """How much is measured.

    Parameters
    ----------
    people : int
        Of each network.
    cohorts : int
        Drawn from them, of 20 people.
    untrained : Sizes
    pools : int
        Draws of randomised networks that each untrained network is compared with.
    """

    people: int = 40
    cohorts: int = 50
    untrained: Sizes = field(default_factory=Sizes)
    pools: int = 5


QUICK = Amount(people=24, cohorts=10, untrained=Sizes(people=20, networks=2, pool=30))


def ranked(values: Array) -> RankIntervals:
    """Ranks and intervals of people's levels, (N, R), as `wbtools group` gives them."""
    return rank_intervals(values, FamilyBootstrap(np.arange(len(values))))


# ------------------------------------------------------------------------------------------------- planted regions


@dataclass(frozen=True)
class Shown:
    """What one cohort shows.

    Parameters
    ----------
    area, source : tuple of float
        Rank, low and high of the best true area among all areas, and of the planted region in place of its areas.
    true, areas, elsewhere : int
        Areas that stand out from randomised networks: of the true ones, of all, of those with less than a twentieth in
        the planted region.
    """

    area: tuple[float, float, float]
    source: tuple[float, float, float]
    true: int
    areas: int
    elsewhere: int

    @classmethod
    def of(cls, people: Cohort) -> Shown:
        """Analyse a cohort."""
        areas, sources, true = ranked(people.of_areas), ranked(people.with_source), people.true
        outstanding = against_randomised(people.compared).p < SIGNIFICANT
        return cls(
            _interval(areas, int(true[areas.rank[true].argmin()])),
            _interval(sources, -1),
            int(outstanding[true].sum()),
            int(outstanding.sum()),
            int(outstanding[people.share < 0.05].sum()),
        )


def _interval(found: RankIntervals, region: int) -> tuple[float, float, float]:
    return float(found.rank[region]), float(found.low[region]), float(found.high[region])


def cohorts(people: Cohort, count: int) -> Iterator[Cohort]:
    """Cohorts of 20 different people."""
    dice = np.random.default_rng(0)
    for _ in range(count):
        yield people.part(dice.choice(len(people.found), COHORT, replace=False))


def planted_row(case: Case, people: Cohort, count: int) -> str:
    """A line of the table, in markdown."""
    shown = [Shown.of(each) for each in cohorts(people, count)]
    parts = {name: np.array([getattr(each, name) for each in shown]) for name in ("area", "source")}
    cells = [f"{case.region}, {case.family}"]
    for found in parts.values():
        rank, low, high = np.median(found, axis=0)
        cells += [f"{(found[:, 1] <= 2).mean():.2f}", f"{rank:.0f} [{low:.0f}, {high:.0f}]"]
    cells += [f"{np.mean([each.true > 0 for each in shown]):.2f}"]
    cells += [f"{np.mean([each.true for each in shown]):.1f} of {len(people.true)}"]
    cells += [f"{np.mean([getattr(each, name) for each in shown]):.1f}" for name in ("areas", "elsewhere")]
    return line(cells)


# ------------------------------------------------------------------------------- networks that have learned nothing


def stands_out(network: Array, randomised: Array) -> bool:
    """Whether any area does: of what exports rank areas by, (N, R) and (N, K, R)."""
    found = against_randomised(levels(np.concatenate((network[:, None], randomised), axis=1)))
    return bool(np.nanmin(found.p) < SIGNIFICANT)


def false_findings(found: Mapping[str, Array], pools: int) -> dict[str, Array]:
    """Of each kind, whether an area stands out, (networks, pools); each draw has its own randomised networks."""
    dice, pool, null = np.random.default_rng(1), found["pool"], HOW.null_networks
    every = np.arange(pool.shape[1])

    def of(network: Array, others: NDArray[np.intp]) -> list[bool]:
        return [stands_out(network, pool[:, dice.choice(others, null, replace=False)]) for _ in range(pools)]

    result = {kind: np.array([of(each, every) for each in found[kind].swapaxes(0, 1)]) for kind in KINDS}
    result[EXCHANGEABLE] = np.array([of(pool[:, k], np.delete(every, k)) for k in every])
    return result


def untrained_table(by_family: Mapping[str, dict[str, Array]]) -> Iterator[str]:
    """Lines that say how often an area stands out."""
    yield from head("batch norms of the untrained network", *by_family, "all", "draws")
    everything = []
    for kind in (*KINDS, EXCHANGEABLE):
        drawn = [found[kind].ravel() for found in by_family.values()]
        everything += drawn if kind in KINDS else []
        cells = [f"{each.mean():.3f}" for each in (*drawn, np.concatenate(drawn))]
        yield line([kind, *cells, str(sum(map(len, drawn)))])
    kinds = [np.concatenate([found[kind] for kind in KINDS]) for found in by_family.values()]
    once = np.concatenate([each[:, 0] for each in kinds])
    yield f"\nAll but the last, {sum(map(len, everything))} draws: {np.concatenate(everything).mean():.3f}"
    yield f"Each of {len(once)} networks once: {once.mean():.3f}"


# -------------------------------------------------------------------------------------------------------- coverage


def covered(draws: Iterator[Array], population: Array) -> tuple[Array, Array]:
    """Of draws (D, N, R), whether intervals hold the ranks in a population (R,), and their lengths, (D, R) each."""
    truth, held, length = ranks(-population), [], []
    for values in draws:
        found = ranked(values)
        held.append((found.low <= truth) & (truth <= found.high))
        length.append(found.high - found.low)
    return np.array(held, float), np.array(length)


def resampled(values: Array, count: int) -> Iterator[Array]:
    """Cohorts of these people, with replacement."""
    dice = np.random.default_rng(2)
    return (values[dice.integers(len(values), size=COHORT)] for _ in range(count))


def normal(values: Array, count: int) -> Iterator[Array]:
    """Cohorts from a normal distribution with the mean and the covariance of these people."""
    dice, mean = np.random.default_rng(3), values.mean(axis=0)
    off = (values - mean) / np.sqrt(len(values) - 1)
    return (mean + dice.standard_normal((COHORT, len(values))) @ off for _ in range(count))


def coverage_row(case: Case, people: Cohort, count: int) -> str:
    """A line of the table, in markdown."""
    values = people.of_areas
    population, cells = values.mean(axis=0), [f"{case.region}, {case.family}"]
    first = np.argsort(-population)[:FIRST]
    for draw in (resampled, normal):
        held, length = covered(draw(values, count), population)
        cells += [f"{held.mean():.3f}", f"{held[:, first].mean():.3f}", f"{held[:, first[0]].mean():.2f}"]
        cells += [f"{np.median(length):.0f}, {np.median(length[:, first]):.0f}"]
    return line(cells)


# ------------------------------------------------------------------------------------------------------- all of it


def line(cells: list[str]) -> str:
    """Of a table in markdown."""
    return f"| {' | '.join(cells)} |"


def head(*names: str) -> list[str]:
    """Of a table in markdown."""
    return [line(list(names)), f"|{'---|' * len(names)}"]


def report(store: Store, cases: list[Case], shares: csr_array, amount: Amount) -> None:
    """Make what is missing and print all tables."""
    people = {}
    for case in cases:
        network, training = store.network(case)
        del network
        if training.learned:
            people[case] = cohort(store, case, shares, amount.people)
        print(f"{case.name}: AUC {training.auc:.2f}{'' if training.learned else ', left out'}", flush=True)
    interval = "rank [interval], median"
    names = ("network", "true area 1 or 2", interval, "planted region 1 or 2", interval)
    print("", *head(*names, "a true area stands out", "true areas", "all areas", "elsewhere"), sep="\n", flush=True)
    for case, each in people.items():
        print(planted_row(case, each, amount.cohorts), flush=True)
    first = {case.family: case for case in reversed(people)}
    made = {family: untrained(store, case, shares, amount.untrained) for family, case in sorted(first.items())}
    found = {family: false_findings(each, amount.pools) for family, each in made.items()}
    print("", *untrained_table(found), "", sep="\n", flush=True)
    columns = ("all regions", f"first {FIRST}", "the first", f"length: all, first {FIRST}")
    print(*head("network", *(f"{name}, {of}" for of in ("these people", "normal") for name in columns)), sep="\n")
    for case, each in people.items():
        print(coverage_row(case, each, amount.cohorts), flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="folder that networks and levels are kept in")
    parser.add_argument("--quick", action="store_true", help="one family, fewer people and draws")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    families = FAMILIES[1:2] if given.quick else FAMILIES
    cases = [Case("planted", region, family, 0) for region, family in product(REGIONS, families)]
    with tempfile.TemporaryDirectory() as scratch:
        report(Store(given.work or Path(scratch)), cases, atlas_shares(), QUICK if given.quick else Amount())


if __name__ == "__main__":
    main()
