"""`wbtools prepare`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wbtools.cli.batch.engines import BATCH_ENGINES
from wbtools.cli.batch.options import piece_options
from wbtools.cli.batch.piecewise import Pieces, compute, show
from wbtools.cli.completion import names
from wbtools.cli.console import out as terminal
from wbtools.cli.console import set_up_logging
from wbtools.cli.failures import reports_errors
from wbtools.cli.progress import progress
from wbtools.datasets.recipes import RECIPES
from wbtools.text import counted, lengths, line, size

if TYPE_CHECKING:
    from wbtools.datasets import DataSet, Item
    from wbtools.datasets.draft import Draft
    from wbtools.datasets.plan import Row
    from wbtools.datasets.preparing import Maker, Planned

_PATH = click.Path(path_type=Path)
_LISTED = 20
_FEW = 6


def _numbers(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Whole numbers with commas."""
    if value is None:
        return None
    try:
        numbers = tuple(int(word) for word in value.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise click.BadParameter(f"{value!r} is no shape; write whole numbers with commas, as in 86,103,86")
    return numbers


@click.command("prepare")
@click.argument("recipe", metavar="RECIPE", shell_complete=names(RECIPES))
@click.argument("source", metavar="SOURCE", type=_PATH)
@click.option("--out", required=True, metavar="DATA", type=_PATH, help="Folder of the data set, new or empty.")
@click.option("--labels", metavar="FILE", type=_PATH, multiple=True, help="What is known of people; may be repeated.")
@click.option("--column", metavar="NAME", multiple=True, help="Column that becomes a label; may be repeated.")
@click.option("--source", "form", metavar="FORM", default="auto", show_default=True, help="Form of SOURCE.")
@click.option("--layout", metavar="NAME", default="auto", show_default=True, help="Layout of a study folder.")
@click.option("--person", metavar="REGEX", default="", help="First group: whose picture it is, by its file name.")
@click.option("--shape", callback=_numbers, metavar="X,Y,Z|H,W", help="[default: that of the recipe's networks]")
@click.option("--intensity", metavar="HOW", help="Scaling, as on cards. [default: that of the recipe's networks]")
@click.option("--whole-head/--brain-only", default=None, help="Keep the skull. [default: as the recipe's networks]")
@click.option("--skip-bad", is_flag=True, help="Leave out images that cannot be used, and list them.")
@click.option("--jobs", metavar="N", type=int, help="local: processes. [default: one per processor, 8 at most]")
@piece_options
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def command(
    recipe: str,
    source: Path,
    out: Path,
    labels: tuple[Path, ...],
    column: tuple[str, ...],
    form: str,
    layout: str,
    person: str,
    shape: tuple[int, ...] | None,
    intensity: str | None,
    whole_head: bool | None,
    *,
    skip_bad: bool,
    jobs: int | None,
    dry_run: bool,
    verbose: int,
    debug: bool,
    **engine: Any,
) -> None:
    """Make a data set that networks learn from.

    RECIPE is twins, classes or hashing (scans), symmetry (slices), or contrastive (pictures). SOURCE is a study folder
    (HCP, FreeSurfer, BIDS), a folder of NIfTI images, a table that names files, folders train, val and test with
    arrays, a folder of pictures for each class, slices with midlines in JSON, or Parquet files. Labels lie beside the
    images (twin_pairs.txt, participants.tsv, HCP's tables), or are named with --labels. Run the same command again to
    resume.
    """
    set_up_logging(verbose)
    from wbtools.datasets import piecewise, preparing
    from wbtools.datasets.candidates import SourceOptions
    from wbtools.datasets.recipes import Wanted

    chosen = BATCH_ENGINES[engine["engine"]]
    jobs = _processes() if jobs is None else jobs
    preparing.require_jobs(jobs)
    stripped = None if whole_head is None else not whole_head
    planned = preparing.plan(
        preparing.Asked(
            recipe,
            source,
            out,
            form,
            SourceOptions(layout, labels, column, person),
            Wanted(shape, intensity, stripped),
            skip_bad,
        )
    )
    if dry_run:
        _say_plan(planned)
        if not chosen.here:
            show(_pieces(planned), piecewise.cut(planned.plan, engine["piece"]), engine)
        return
    if chosen.here:
        with progress() as tell:
            data = preparing.make(planned, preparing.here(jobs), tell)
    else:
        data = preparing.make(planned, _elsewhere(engine))
    _say_made(data, planned)


def _pieces(planned: Planned) -> Pieces:
    """What engines are asked for."""
    from wbtools.datasets import piecewise
    from wbtools.datasets.draft import PIECES

    asked = planned.asked
    return Pieces(asked.out / PIECES, "prepare", piecewise.as_json(asked), piecewise.settings(planned.plan))


def _elsewhere(engine: Mapping[str, Any]) -> Maker:
    """Rows made by an engine of batches."""
    from wbtools.datasets import piecewise

    def rows(planned: Planned, draft: Draft) -> Generator[list[Row], None, None]:
        units = piecewise.needed(draft, engine["piece"])
        if units:
            compute(_pieces(planned), units, engine)
        yield from piecewise.collected(draft, draft.pieces, units)

    return rows


def _processes() -> int:
    return min(8, len(os.sched_getaffinity(0)))


def _say_plan(planned: Planned) -> None:
    """The answer to --dry-run."""
    plan = planned.plan
    terminal.print(f"recipe: {planned.recipe.name}, {planned.recipe.title}")
    terminal.print(f"source: {line(planned.asked.place)} ({planned.source.looked_for})")
    people = len({item.person for item in planned.items})
    terminal.print(f"images: {len(planned.items)} of {counted(people, 'person', 'people')}")
    for name, values in _labels(planned.items).items():
        terminal.print(f"label {line(name)}: {line(values)}")
    for key, value in plan.card.items():
        shown = lengths(value) if isinstance(value, list) else value
        terminal.print(f"{key.replace('_', ' ')}: {line(shown)}")
    for remark in planned.remarks:
        terminal.print(terminal.wrapped(f"note: {line(remark)}"))
    _say_left_out(planned.left_out)
    terminal.print(f"would write: {line(planned.asked.out)} ({size(plan.count * plan.row_bytes)})")


def _say_made(data: DataSet, planned: Planned) -> None:
    """What was made."""
    from wbtools.datasets.manifest import Kind
    from wbtools.datasets.remarks import collected

    manifest = data.manifest
    for remark in planned.remarks:
        terminal.print(terminal.wrapped(f"Note: {line(remark)}"))
    for remark, count in collected(manifest.remarks):
        terminal.print(terminal.wrapped(f"Note on {counted(count, 'image')}: {line(remark)}"))
    if manifest.remarks:
        terminal.print("dataset.json names the images of each note.")
    _say_left_out(manifest.left_out)
    shape, people = lengths(manifest.shape), counted(len(data.people), "person")
    terminal.print(
        f"Wrote {line(data.folder)}: {counted(len(data), 'image')} of {people}, {shape} "
        f"{manifest.kind.dtype}, {size(manifest.bytes)}"
    )
    if "intensity" in manifest.card:
        terminal.print(f"  intensities: {line(_intensities(manifest.card['intensity']))}")
    for name, values in _labels(data.items).items():
        terminal.print(f"  {line(name)}: {line(values)}")
    choice = _choice(data, planned)
    if choice is not None:
        words = ("train", planned.recipe.name, data.folder, "--out", Path(f"{data.folder}-trained"), *choice)
        terminal.print(f"Next:  {terminal.command('wbtools', *words)}")
    if manifest.kind is Kind.VOLUMES:
        words = ("index", data.folder, "--model", "RUN", "--out", Path(f"{data.folder}.npz"))
        begun = "Next:" if choice is None else "Or:"
        terminal.print(f"{begun:7}{terminal.command('wbtools', *words)}")


def _intensities(word: object) -> str:
    """The intensities of a data set, as the option has them and in words."""
    from wbtools.model.intensity import Intensity

    wanted = Intensity.parse(str(word))
    return f"{wanted} ({wanted.words}); --intensity chooses others"


def _choice(data: DataSet, planned: Planned) -> tuple[str, ...] | None:
    """What a training needs to be told of several labels, or of few pairs; None where it cannot be trained on."""
    from wbtools.datasets.recipes.known import require_classes, usable_labels

    own = planned.recipe.told(data)
    if own is None:
        return None
    usable = usable_labels(data.items)
    several = planned.recipe.require_labels is require_classes and len(usable) > 1
    return (*own, *(("--set", "label=sex" if "sex" in usable else "label=LABEL") if several else ()))


def _labels(items: Sequence[Item]) -> dict[str, str]:
    """For every label, its values with their counts, or how many there are."""
    found = {}
    for name in items[0].labels:
        counts = Counter(item.labels.get(name, "") for item in items)
        missing = counts.pop("", 0)
        few = [f"{value} {count}" for value, count in sorted(counts.items())]
        said = ", ".join(few) if len(few) <= _FEW else f"{len(few)} values"
        found[name] = f"{said}; missing {missing}" if missing else said
    return found


def _say_left_out(left_out: Mapping[str, str]) -> None:
    if left_out:
        terminal.print(f"Left out: {len(left_out)}")
    for name, why in list(left_out.items())[:_LISTED]:
        terminal.print(terminal.wrapped(f"  {line(name)}: {line(why)}", 4))
    if len(left_out) > _LISTED:
        terminal.print("  and others; dataset.json lists all")
