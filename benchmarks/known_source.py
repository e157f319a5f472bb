"""Which maps show what a network uses? Networks whose answer has a known source, and every method.

    python benchmarks/known_source.py                  three tasks, five families, a region for each (65 minutes)
    python benchmarks/known_source.py --all-regions    each of three regions with every family (4 hours)
    python benchmarks/known_source.py --quick          one region, two families, few people (4 minutes)
    python benchmarks/known_source.py --work DIR       keeps networks and figures in DIR, and takes up what is there
    python benchmarks/known_source.py --heads DIR      people are also deformations of the skull-stripped brains in DIR
    python benchmarks/known_source.py --pictures DIR   draws maps of a few networks in --work, failures included

Three kinds of task:

- *planted*: twins share a random field in one region; in a second, the decoy, it is drawn anew for every scan
  (`wbtools.training.planted`). Networks tell twins from others; MriNet, which has no embedding, tells the sign of the
  field's mean.
- *volume*: people are independent deformations of whole heads, images are not altered otherwise
  (`wbtools.training.volumes`). Networks answer one region's volume relative to the brain: the number, or the side of
  the median it lies on. The decoy is the region whose volume varies most.
- *lesions*: people have lesions of their own (`wbtools.training.lesions`). Networks answer whether one lobe has one;
  the source is the person's lesions there, and the decoys are lesions elsewhere.

A method that compares with a reference is given the template, eight made-up heads or eight other people. Figures are
those of `sources/figures.py`; intervals are bootstrapped over networks and people. Figures are kept by network and
method: a new method is measured alone.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from itertools import product
from pathlib import Path

import torch
from sources.case import Case, Store
from sources.figures import Kept, known_methods
from sources.networks import FAMILIES
from sources.pictures import pictures
from sources.tables import Results, report
from sources.tasks import TASKS, Sizes, regions_of
from sources.ways import REFERENCES, Way, ways

from wbtools.training.supervised import Recipe

QUICK_METHODS = ("deviation-smooth", "deviation", "gradient", "smoothgrad-squared", "lrp", "grad-cam")
QUICK_REFERENCES = ("template", "made-up", "people")
NOT_QUICK = {("volume", "resnet")}
"""Tasks and families that learn nothing in the small form."""


def cases_of(given: argparse.Namespace) -> list[Case]:
    """Networks, in an order in which every task and family comes early."""
    if not given.regions and not given.all_regions:
        asked = product(given.seeds, given.tasks, given.families)
        return [Case(task, TASKS[task].usual[family], family, seed) for seed, task, family in asked]
    regions = {task: regions_of(task, given.regions) for task in given.tasks}
    longest = max(map(len, regions.values()))
    return [
        Case(task, regions[task][k], family, seed)
        for seed, k, task, family in product(given.seeds, range(longest), given.tasks, given.families)
        if k < len(regions[task])
    ]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument(
        "--quick", action="store_true", help="one region, two families, three people, fewer to learn from"
    )
    found.add_argument("--work", type=Path, help="folder that networks, people and figures are kept in")
    found.add_argument("--heads", type=Path, help="folder of skull-stripped brains (NIfTI) beside the template")
    found.add_argument("--pictures", type=Path, help="folder for pictures of maps")
    found.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    found.add_argument("--families", nargs="+", default=list(FAMILIES), choices=FAMILIES)
    found.add_argument("--regions", nargs="+", default=[], metavar="REGION", help="these, with every family")
    found.add_argument("--all-regions", action="store_true", help="each task's three, with every family")
    found.add_argument("--seeds", nargs="+", type=int, default=[0], help="of networks and people")
    found.add_argument("--people", type=int, default=4, help="whose maps are made, of each network")
    found.add_argument("--methods", nargs="+", default=[], choices=known_methods(), metavar="METHOD")
    found.add_argument("--references", nargs="+", default=list(REFERENCES), choices=REFERENCES)
    found.add_argument(
        "--against", default="deviation-smooth @ made-up", help="METHOD @ REFERENCES that others are compared with"
    )
    found.add_argument("--only", choices=("networks", "figures", "tables"), help="train; or take what --work has")
    return found


def quick(given: argparse.Namespace) -> tuple[Sizes, Recipe]:
    """The small form: changes what was given, and says how many people learn."""
    given.regions = given.regions or ["thalamus", "deep grey matter"]
    given.families = given.families if given.families != list(FAMILIES) else ["resnet", "mrinet"]
    given.people = min(given.people, 3)
    given.methods = given.methods or list(QUICK_METHODS)
    given.references = given.references if given.references != list(REFERENCES) else list(QUICK_REFERENCES)
    return Sizes(1200, 200), Recipe(steps=300, rounds=1)


def main() -> None:
    """Train, measure, print."""
    given = parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    sizes, recipe = quick(given) if given.quick else (Sizes(), Recipe())
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(given.work or Path(scratch), given.heads, sizes, recipe)
        kept, wanted = Kept(store, given.people), ways(given.methods, given.references)
        cases = [each for each in cases_of(given) if not given.quick or (each.task, each.family) not in NOT_QUICK]
        print(f"heads: {', '.join(store.heads)}", flush=True)
        for case in cases:
            if given.only in (None, "networks"):
                store.network(case)
            if given.only in (None, "figures") and store.has(case):
                kept.measure(case, wanted)
        if given.only == "networks":
            return
        known = [case for case in cases if store.has(case)]
        figures = {(case, way): found for case in known for way in wanted if (found := kept.read(case, way))}
        print(
            report(Results({case: store.training(case) for case in known}, figures), wanted, Way.parse(given.against))
        )
        if given.pictures:
            pictures(given.pictures, store)


if __name__ == "__main__":
    main()
