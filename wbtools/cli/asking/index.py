"""`wbtools index`."""

from __future__ import annotations

from pathlib import Path

import click

from wbtools.cli.asking.options import PATH, network_named, network_option, say_notes, saying_options
from wbtools.cli.console import Held, set_up_logging
from wbtools.cli.console import out as terminal
from wbtools.cli.failures import reports_errors
from wbtools.cli.prepare import progress
from wbtools.text import counted, line


@click.command("index")
@click.argument("data", metavar="DATA", type=PATH)
@network_option
@click.option("--out", required=True, metavar="FILE", type=PATH, help="The index, one file; .npz suits it as a name.")
@click.option("--no-pictures", is_flag=True, help="Leave out the small pictures (11 kB an image) of a query's grid.")
@click.option("--batch", metavar="N", type=int, help="Images at a time. [default: what suits their size]")
@click.option("--device", metavar="NAME", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--overwrite", is_flag=True, help="Replace an index of this name, and nothing else.")
@saying_options
@reports_errors
def command(
    data: Path,
    network: str,
    out: Path,
    *,
    no_pictures: bool,
    batch: int | None,
    device: str,
    overwrite: bool,
    verbose: int,
    debug: bool,
) -> None:
    """Embed all images of a data set, for wbtools query and wbtools classify.

    DATA is a data set of scans that wbtools prepare made, with the shape, orientation and intensities of the network.
    The file holds codes or embeddings, the table of the data set (ids and labels), and small pictures of the images.
    """
    set_up_logging(verbose, Held())
    from wbtools.asking import indexing
    from wbtools.asking.comparing import notices
    from wbtools.datasets import open_data
    from wbtools.training.runs.starting import device_named

    found = open_data(data)
    indexing.require_place(out, data, overwrite=overwrite)
    model = network_named(network)
    work = indexing.Work(found, model, not no_pictures, batch)
    with progress() as tell:
        made = indexing.make(work, out, device_named(device), tell, overwrite=overwrite)
    say_notes(notices(model))
    what = f"{made.length} bits" if made.kind.value == "codes" else f"{made.length} values"
    size = out.stat().st_size / 1e6
    terminal.print(
        f"Wrote {line(out)}: {made.kind.value} of {counted(made.count, 'image')} of {len(found.people)} people, {what} "
        f"each, {'with' if made.pictures else 'without'} pictures, {size:,.1f} MB"
    )
    terminal.print(f"Next:  {terminal.command('wbtools', 'query', 'SUBJECT', '--index', out, '--model', network)}")
