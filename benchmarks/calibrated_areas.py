"""Does the calibration find what networks use, among all 379 regions of the HCP-MMP atlas?

    python benchmarks/calibrated_areas.py WORK              networks that known_source.py --work WORK has trained
    python benchmarks/calibrated_areas.py WORK --people 8   fewer people

Networks that use one region (`planted` and `volume`), and people whom they have not seen. Each person has the atlas of
the built-in subject, moved with the head. Maps by `deviation-magnitude` against two people are compared with those of
24 randomised networks, as an export compares them. An area is *true* if at least half of it lies in the region (at
least two areas are), and *elsewhere* if less than a twentieth does. As a control, an untrained network whose batch
norms were fitted to six other people is compared in the same way.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from calibration import SIGNIFICANT, Table, against
from numpy.typing import NDArray
from planted import NULL, Figures
from sources.case import Case, Exam, Store

from wbtools.attribution import method
from wbtools.attribution.evaluation.null_maps import null_maps
from wbtools.attribution.evaluation.randomisation import randomised
from wbtools.attribution.runtime.memory import reused
from wbtools.native import person
from wbtools.native.projection import NativeProjection
from wbtools.space.resampling import region_shares
from wbtools.subject import find
from wbtools.subject.demo import HCP_GRID, write_demo_subject
from wbtools.training.planted import head_grid

if TYPE_CHECKING:
    from scipy.sparse import csr_array

METHOD = "deviation-magnitude"
REFERENCES = 2
TASKS_WITH_REGIONS = ("planted", "volume")


def atlas_shares() -> csr_array:
    """The share of each voxel of the heads' grid that belongs to each of the atlas's regions, (R, V)."""
    with tempfile.TemporaryDirectory() as folder:
        write_demo_subject(Path(folder), "100307", grid=HCP_GRID.with_spacing(1.4), average=True)
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
        flat = np.abs(maps).reshape(len(maps), -1)
        sums = np.array([self.weights @ values for values in flat], np.float64)
        return np.asarray(sums / self.weights.sum(1))


def compare(exam: Exam, i: int, areas: Areas) -> Figures:
    """What the calibration finds in one person, of the network and of an untrained one."""
    how, image = method(METHOD), exam.people.images[i : i + 1]
    references = exam.references(image, "people")[:REFERENCES]
    question = exam.question(image, references)
    null = areas.means(null_maps(question, how, NULL))
    control = randomised(exam.model, exam.people.others[REFERENCES:], seed=10_000 + i)
    networks = {"trained": exam.model, "untrained": replace(exam.model, network=control)}
    share = areas.means(exam.people.truth[i : i + 1].astype(np.float32))[0]
    true = share >= min(0.5, float(np.sort(share)[-2]))
    found: Figures = {}
    for name, model in networks.items():
        relevance = how.explain(exam.question(image, references, model)).relevance
        observed = areas.means(relevance[None])[0]
        rows = sorted(against(observed, null).rows, key=lambda row: row.region.key if row.region else 0)
        p = np.array([row.null.p if row.null else 1.0 for row in rows])
        rank = np.array([row.null.rank if row.null else len(p) for row in rows])
        found[name] = {
            "any": float((p < SIGNIFICANT).any()),
            "true": float((p[true] < SIGNIFICANT).any()),
            "share of true": float((p[true] < SIGNIFICANT).mean()),
            "elsewhere": float((p[share < 0.05] < SIGNIFICANT).sum()),
            "best rank": float((np.argsort(np.argsort(-observed)) + 1)[true].min()),
            "best calibrated rank": float(rank[true].min()),
            "lowest p": float(p.min()),
        }
    return found


def measure(store: Store, case: Case, people: int, shares: csr_array) -> Figures:
    """All people of one network, measured or found in the folder."""
    path = store.work / "figures" / f"areas-{case.name}-{people}.json"
    if not path.exists():
        exam = store.exam(case, people)
        rows = [compare(exam, i, Areas(shares[:, exam.people.origins[i].ravel()])) for i in range(people)]
        path.write_text(json.dumps({"r2": exam.training.r2, "auc": exam.training.auc, "people": rows}))
    found: Figures = json.loads(path.read_text())
    return found


def row(case: Case, found: Figures) -> str:
    """A line of the table, in markdown."""
    mean = {
        name: {key: float(np.mean([p[name][key] for p in found["people"]])) for key in found["people"][0][name]}
        for name in ("trained", "untrained")
    }
    trained = mean["trained"]
    quality = f"AUC {found['auc']:.2f}" if found["r2"] is None else f"R2 {found['r2']:.2f}"
    cells = [f"{case.task}, {case.region}, {case.family} ({quality})"]
    cells += [f"{trained[key]:.2f}" for key in ("true", "share of true")] + [f"{trained['elsewhere']:.1f}"]
    cells += [f"{trained['best rank']:.1f}, {trained['best calibrated rank']:.1f}", f"{mean['untrained']['any']:.2f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder with the networks of known_source.py")
    parser.add_argument("--people", type=int, default=20, help="of each network")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    store, shares = Store(given.work), atlas_shares()
    names = ("network", "true area p < .05", "share of true areas", "areas elsewhere", "best rank", "untrained")
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}", flush=True)
    with reused():
        for path in sorted((given.work / "networks").glob("*.pt")):
            task, *region, family, seed = path.stem.split("-")
            case = Case(task, " ".join(region), family, int(seed))
            if task in TASKS_WITH_REGIONS and store.training(case).learned:
                print(row(case, measure(store, case, given.people, shares)), flush=True)


if __name__ == "__main__":
    main()
