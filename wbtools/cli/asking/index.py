"""`wbtools index`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wbtools.cli.asking.options import PATH, network_option, say_notes, saying_options
from wbtools.cli.batch.engines import BATCH_ENGINES
from wbtools.cli.batch.options import piece_options
from wbtools.cli.batch.piecewise import Pieces, compute, show
from wbtools.cli.console import Held, set_up_logging
from wbtools.cli.console import out as terminal
from wbtools.cli.failures import reports_errors
from wbtools.cli.progress import progress
from wbtools.text import counted, line, size

if TYPE_CHECKING:
    from wbtools.asking.index import Header
    from wbtools.asking.piecewise import EmbedJob


@click.command("index")
@click.argument("data", metavar="DATA", type=PATH)
@network_option
@click.option("--out", required=True, metavar="FILE", type=PATH, help="The index, one file; .npz suits it as a name.")
@click.option("--no-pictures", is_flag=True, help="Leave out the small pictures (11 kB an image) of a query's grid.")
@click.option("--batch", metavar="N", type=int, help="Images at a time. [default: what suits their size]")
@click.option("--device", metavar="NAME", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--jobs", metavar="N", type=click.IntRange(1), help="local: batches at once. [default: one per thread]")
@piece_options
@click.option("--overwrite", is_flag=True, help="Replace an index of this name, and nothing else.")
@saying_options
@reports_errors
def command(
    data: Path,
    network: Path,
    out: Path,
    *,
    no_pictures: bool,
    batch: int | None,
    device: str,
    jobs: int | None,
    overwrite: bool,
    dry_run: bool,
    verbose: int,
    debug: bool,
    **engine: Any,
) -> None:
    """Embed all images of a data set, for wbtools query and wbtools classify.

    DATA is a data set of scans that wbtools prepare made, with the shape, orientation and intensities of the network.
    The file holds codes or embeddings, the table of the data set (ids and labels), and small pictures of the images.
    """
    set_up_logging(verbose, Held())
    from wbtools.asking import indexing
    from wbtools.asking.comparing import notices
    from wbtools.asking.piecewise import Asked, EmbedJob
    from wbtools.training.runs.chosen import place_of
    from wbtools.training.runs.starting import device_named

    indexing.require_place(out, data, overwrite=overwrite)
    job = EmbedJob(Asked(data, str(place_of(network)), not no_pictures, batch, device))
    here = BATCH_ENGINES[engine["engine"]].here
    if dry_run:
        _say_plan(job, out)
        if not here:
            show(_pieces(job, out), job.cut(engine["piece"]), engine)
        return
    if here:
        with progress() as tell:
            coming = indexing.here(job.work, device_named(device), tell, jobs)
            made = indexing.make(job.work, out, coming, overwrite=overwrite)
    else:
        made = _elsewhere(job, out, engine, overwrite=overwrite)
    say_notes((*notices(job.work.model), *made.notices))
    what = counted(made.length, "bit" if made.kind.value == "codes" else "value")
    people = counted(len(job.work.data.people), "person")
    terminal.print(
        f"Wrote {line(out)}: {made.kind.value} of {counted(made.count, 'image')} of {people}, {what} "
        f"each, {'with' if made.pictures else 'without'} pictures, {size(out.stat().st_size)}"
    )
    terminal.print(f"Next:  {terminal.command('wbtools', 'query', 'SUBJECT', '--index', out, '--model', network)}")


def _pieces(job: EmbedJob, out: Path) -> Pieces:
    """What engines are asked for."""
    return Pieces(out.with_name(f"{out.name}.pieces"), "index", job.asked.as_json(), job.settings())


def _elsewhere(job: EmbedJob, out: Path, engine: dict[str, Any], *, overwrite: bool) -> Header:
    """An index whose images an engine of batches embeds."""
    from wbtools.asking import indexing
    from wbtools.batch import pieces

    asked, units = _pieces(job, out), job.cut(engine["piece"])
    compute(asked, units, engine)
    made = indexing.make(job.work, out, job.collected(asked.home, units), overwrite=overwrite)
    pieces.remove(asked.home)
    return made


def _say_plan(job: EmbedJob, out: Path) -> None:
    """The answer to --dry-run."""
    data, network = job.work.data, job.work.model
    terminal.print(
        f"data: {line(data.folder)}, {counted(len(data), 'image')} of {counted(len(data.people), 'person', 'people')}"
    )
    terminal.print(f"network: {line(network.name)} ({network.family})")
    terminal.print(f"would write: {line(out)}")
