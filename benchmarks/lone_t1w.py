"""Areas in the head of somebody who has a T1w image alone, against those of the person's own surfaces.

    python benchmarks/lone_t1w.py                      two made people, four exports each (half an hour)
    python benchmarks/lone_t1w.py --work DIR           keeps people and exports in DIR, and takes up what is there
    python benchmarks/lone_t1w.py --real FOLDER        a real person by the folder of recon-all, too; may be repeated
    python benchmarks/lone_t1w.py --people smooth      one of the made people
    python benchmarks/lone_t1w.py --picture PNG        draws the made people, too

Made people are the group average, deformed (`heads/looks.py`): surfaces exactly, labels by the inverse. Their images
are painted anew from their own surfaces and labels (`heads/painting.py`), in a made head (`heads/skull.py`). Every
export is a command. The truth is the export of the person's own surfaces, through the ribbon.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from heads import figures
from heads.looks import PEOPLE
from heads.people import Files, real_person, write_person
from heads.pictures import draw
from heads.placed import average_ribbon
from heads.runs import AFFINE, STRIPPED, SYN, TRUTH, WAYS, Cost, Export, Failed, export, work_of

from wbtools.images import nifti
from wbtools.space.grid import Unit, Volume, canonical

RIBBON = "SyN, average ribbon"
"""What SyN alone gives: areas between the average's surfaces, as the affine map has them."""

ORDER = (AFFINE.title, RIBBON, SYN.title, STRIPPED.title)


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory(prefix="wbtools-benchmark-") as name:
        work = options.work or Path(name)
        work.mkdir(parents=True, exist_ok=True)
        if options.picture:
            draw([write_person(looks, work / "people") for looks in PEOPLE], options.picture)
        for person in people(options, work):
            print("\n".join(report(person, work / "exports" / person.name, options.threads)))
            print(flush=True)


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="folder that people and exports are kept in")
    parser.add_argument("--real", type=Path, action="append", default=[], metavar="FOLDER", help="of recon-all")
    parser.add_argument("--people", nargs="*", default=[looks.name for looks in PEOPLE], metavar="NAME", help="made")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the made people")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def people(options: argparse.Namespace, work: Path) -> Iterator[Files]:
    """The people to measure on, made when it is their turn."""
    for looks in PEOPLE:
        if looks.name in options.people:
            yield write_person(looks, work / "people")
    for folder in options.real:
        yield real_person(folder)


def report(person: Files, folder: Path, threads: int) -> Iterator[str]:
    """Lines of Markdown: a table of the person's figures, and what follows it."""
    exports: dict[str, Export] = {}
    costs: list[Cost] = []
    yield f"### {person.name}\n"
    for way in (way for way in WAYS if way.input(person) is not None):
        try:
            exports[way.title], cost = export(person, way, folder, threads)
        except Failed as failure:
            yield f"{way.title}: failed\n\n{failure}\n"
            continue
        costs += cost
    if not {TRUTH.title, SYN.title} <= exports.keys():
        return
    yield from table(exports, average_ribbon(person, work_of(folder, SYN), threads))
    yield ""
    yield from between_images(person, exports)
    yield from (f"- {run} run: {cost}" for run, cost in zip(("first", "second"), costs, strict=False))


def table(exports: dict[str, Export], ribbon: Volume) -> Iterator[str]:
    """Every way against the person's own surfaces."""
    truth = exports[TRUTH.title]
    rows = {title: (found.atlas, found.scores) for title, found in exports.items() if found is not truth}
    rows[RIBBON] = ribbon, {}
    head: list[str] = []
    for title in (title for title in ORDER if title in rows):
        atlas, scores = rows[title]
        row = figures.against(atlas.data, truth.atlas.data, truth.atlas.grid.affine)
        row["ranks"] = figures.rank_correlation(scores, truth.scores) if scores else float("nan")
        if not head:
            head = list(row)
            yield f"| | {' | '.join(head)} |"
            yield f"|{'---|' * (len(head) + 1)}"
        yield f"| {title} | {' | '.join(map(shown, row.values()))} |"


def shown(value: float) -> str:
    """A figure in a table; empty where there is none."""
    return f"{value:.3f}" if np.isfinite(value) else ""


def between_images(person: Files, exports: dict[str, Export]) -> Iterator[str]:
    """The brain mask against the true one, and the head against the brain-extracted image."""
    if person.mask is None:
        return
    mask = np.asarray(canonical(nifti.read_volume(person.mask, Unit.LABEL)).data > 0)
    head, brain = exports[SYN.title], exports.get(STRIPPED.title)
    yield f"- brain mask: Dice {figures.dice(head.mask.data, mask):.3f}"
    if brain is not None:
        r = figures.voxel_correlation(head.relevance.data, brain.relevance.data, mask)
        ranks = figures.rank_correlation(head.scores, brain.scores)
        yield f"- head against brain-extracted image: maps r {r:.3f}, ranks {ranks:.3f}"


if __name__ == "__main__":
    main()
