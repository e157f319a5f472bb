"""Does the calibration find what networks use, among all 379 regions of the HCP-MMP atlas?

    python benchmarks/calibrated_areas.py WORK              networks that known_source.py --work WORK has trained
    python benchmarks/calibrated_areas.py WORK --people 8   fewer people

Networks that use one region or see lesions in one lobe, and people whom they have not seen. Each has the atlas of
the built-in subject, moved with the head. Maps by the default method against two people, or two made-up heads, are
compared with those of randomised networks, as an export compares them. An area is *true* if at least half of it lies in
the source (at least two areas are), and *elsewhere* if less than a twentieth does. As a control, untrained networks,
whose batch norms are filled in four ways, are compared in the same way.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from calibration import KINDS, SIGNIFICANT, Shown, Table, against
from numpy.typing import NDArray
from planted import Figures
from sources.case import Case, Exam, Store

from wbtools.attribution import method
from wbtools.attribution.evaluation.null_maps import null_maps
from wbtools.attribution.runtime.memory import reused
from wbtools.model.family import Network
from wbtools.native import person
from wbtools.native.projection import NativeProjection
from wbtools.space.resampling import region_shares
from wbtools.subject import find
from wbtools.subject.demo import HCP_GRID, write_demo_subject
from wbtools.training.planted import head_grid

if TYPE_CHECKING:
    from scipy.sparse import csr_array

HOW = method("deviation-smooth")
REFERENCES = 2
KINDS_OF_REFERENCES = ("people", "made-up")
COLUMNS = {"true": 2, "share of true": 2, "elsewhere": 1, "best rank": 1, "best calibrated rank": 1}
"""Of the table, with places after the point."""


def atlas_shares() -> csr_array:
    """The share of each voxel of the heads' grid that belongs to each of the atlas's regions, (R, V)."""
    with tempfile.TemporaryDirectory() as folder:
        write_demo_subject(Path(folder), "100307", grid=HCP_GRID.with_spacing(1.4), variant="average")
        subject = find(Path(folder), "100307")
        atlas = person.read(subject, subject.meshes[:1], NativeProjection(1)).atlas.whole
        keys = [region.key for region in atlas.regions]
        return region_shares(atlas.volume, keys, head_grid())[:-1]


@dataclass(frozen=True, eq=False)
class Areas:
    """The atlas of one person: weights (R, V) of the scan's voxels."""

    weights: csr_array

    def means(self, maps: NDArray[np.floating]) -> Table:
        """Of maps (K, X, Y, Z), by region, (K, R)."""
        flat = maps.reshape(len(maps), -1)
        sums = np.array([self.weights @ values for values in flat], np.float64)
        return np.asarray(sums / self.weights.sum(1))

    def levels(self, maps: NDArray[np.floating]) -> Table:
        """What regions are ranked by: roots of the means of squares."""
        return np.sqrt(self.means(np.square(maps.astype(np.float64))))


@dataclass(frozen=True, eq=False)
class Levels:
    """What the regions of one person's brain are ranked by, with one kind of reference.

    Parameters
    ----------
    share : ndarray, (R,)
        Of each region that lies in the source.
    trained : ndarray, (R,)
    null : ndarray, (K, R)
        Of randomised networks.
    untrained : ndarray, (4, R)
        Of networks of `KINDS`.
    """

    share: Table
    trained: Table
    null: Table
    untrained: Table

    def figures(self) -> dict[str, float]:
        """What the calibration finds."""
        true = self.share >= min(0.5, float(np.sort(self.share)[-2]))
        mine = Comparison.of(self.trained, self.null)
        control = [Comparison.of(levels, self.null).p.min() for levels in self.untrained]
        return {
            "true": float((mine.p[true] < SIGNIFICANT).any()),
            "share of true": float((mine.p[true] < SIGNIFICANT).mean()),
            "elsewhere": float((mine.p[self.share < 0.05] < SIGNIFICANT).sum()),
            "best rank": float(mine.raw[true].min()),
            "best calibrated rank": float(mine.rank[true].min()),
            **{kind: float(p < SIGNIFICANT) for kind, p in zip(KINDS, control, strict=True)},
        }


def levels_of(exam: Exam, i: int, areas: Areas, references: str) -> Levels:
    """Of one person and one kind of reference."""
    image = exam.people.images[i : i + 1]
    brains = exam.references(image, references)[:REFERENCES]
    shown = Shown(image, exam.people.others[REFERENCES:])

    def found(network: Network) -> Table:
        question = exam.question(image, brains, replace(exam.model, network=network))
        levels: Table = areas.levels(HOW.explain(question).unpooled[None])[0]
        return levels

    untrained = (make(exam.model, shown, 10_000 * k + i) for k, make in enumerate(KINDS.values(), 1))
    return Levels(
        share=areas.means(exam.people.truth[i : i + 1].astype(np.float32))[0],
        trained=found(exam.model.network),
        null=areas.levels(null_maps(exam.question(image, brains), HOW, HOW.null_networks).maps),
        untrained=np.array([found(network) for network in untrained]),
    )


@dataclass(frozen=True, eq=False)
class Comparison:
    """Of every region, (R,): its p and its ranks, without and with randomised networks."""

    p: Table
    raw: NDArray[np.intp]
    rank: Table

    @classmethod
    def of(cls, observed: Table, null: Table) -> Comparison:
        """Levels of a network, (R,), and of randomised ones, (K, R)."""
        rows = sorted(against(observed, null).rows, key=lambda row: row.region.key if row.region else 0)
        p = np.array([row.null.p if row.null else 1.0 for row in rows])
        rank = np.array([row.null.rank if row.null else len(p) for row in rows], np.float64)
        return cls(p, np.argsort(np.argsort(-observed)) + 1, rank)


def measure(store: Store, case: Case, people: int, shares: csr_array) -> Figures:
    """All people of one network, by kind of reference; their levels are kept in the folder, or found there."""
    path = store.work / "figures" / f"areas-{case.name}-{people}.npz"
    exam = store.exam(case, people)
    if not path.exists():
        areas = [Areas(shares[:, exam.people.origins[i].ravel()]) for i in range(people)]
        kept = {
            f"{kind} {i} {name}": values
            for kind in KINDS_OF_REFERENCES
            for i, mine in enumerate(areas)
            for name, values in vars(levels_of(exam, i, mine, kind)).items()
        }
        np.savez_compressed(path, **kept)
    with np.load(path) as file:
        names = [field.name for field in fields(Levels)]
        rows = {
            kind: [Levels(*(file[f"{kind} {i} {name}"] for name in names)).figures() for i in range(people)]
            for kind in KINDS_OF_REFERENCES
        }
    return {"r2": exam.training.r2, "auc": exam.training.auc, "people": rows}


def row(case: Case, found: Figures) -> str:
    """A line of the table, in markdown: with people as references / with made-up heads."""
    quality = f"AUC {found['auc']:.2f}" if found["r2"] is None else f"R2 {found['r2']:.2f}"
    cells = [f"{case.task}, {case.region}, {case.family} ({quality})"]
    for column, places in COLUMNS.items():
        means = [np.mean([person[column] for person in found["people"][kind]]) for kind in KINDS_OF_REFERENCES]
        cells.append(" / ".join(f"{mean:.{places}f}" for mean in means))
    return f"| {' | '.join(cells)} |"


def untrained(tables: list[Figures]) -> list[str]:
    """Lines that say how often untrained networks come out, by how their batch norms were filled."""
    lines = []
    for kind in KINDS_OF_REFERENCES:
        people = [person for found in tables for person in found["people"][kind]]
        shares = {name: np.mean([person[name] for person in people]) for name in KINDS}
        parts = [f"{name} {share:.3f}" for name, share in shares.items()]
        lines.append(f"{kind}, {len(people)} of each: {'; '.join(parts)}; in all {np.mean(list(shares.values())):.3f}")
    return lines


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder with the networks of known_source.py")
    parser.add_argument("--people", type=int, default=20, help="of each network")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    store, shares = Store(given.work), atlas_shares()
    names = ("network", "a true area at p < .05", "share of true areas", "areas elsewhere", "best rank", "calibrated")
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}", flush=True)
    tables = []
    with reused():
        for path in sorted((given.work / "networks").glob("*.pt")):
            task, *region, family, seed = path.stem.split("-")
            case = Case(task, " ".join(region), family, int(seed))
            if store.training(case).learned:
                tables.append(measure(store, case, given.people, shares))
                print(row(case, tables[-1]), flush=True)
    print("\nUntrained networks with a region at p < .05, by their batch norms\n", *untrained(tables), sep="\n")


if __name__ == "__main__":
    main()
