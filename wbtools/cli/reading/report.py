"""`wbtools report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from wbtools.cli.console import out as terminal
from wbtools.cli.console import set_up_logging
from wbtools.cli.failures import reports_errors
from wbtools.cli.sharing.viewer_lines import print_viewers
from wbtools.errors import InputError
from wbtools.text import counted, line, size

if TYPE_CHECKING:
    from wbtools.reading import Export

Extent = Literal["full", "static"]
METHODS = ("markdown", "latex", "bibtex")


@click.command("report")
@click.argument("places", metavar="EXPORT...", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Write the page here. [default: EXPORT]")
@click.option(
    "--report",
    "extent",
    type=click.Choice(["full", "static"]),
    help="static: without the interactive viewer, at most 2 MB.  [default: full]",
)
@click.option("--methods", type=click.Choice(METHODS), help="Print the methods text instead of writing a page.")
@click.option(
    "--print-viewers", "viewers", is_flag=True, help="Print lines that open the results in other viewers instead."
)
@click.option("--check", is_flag=True, help="Compare all files with their hashes on record; alone: write no page.")
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def command(
    places: tuple[Path, ...],
    out: Path | None,
    extent: Extent | None,
    methods: str | None,
    viewers: bool,
    check: bool,
    verbose: int,
    debug: bool,
) -> None:
    """Write report.html into EXPORT, the folder of a finished export, or elsewhere.

    One file that opens without the network: decision, ranking, trust, placement, viewer, methods text and record.
    EXPORT may be a zip file or read-only with --out, --methods or --check. Research use only, not for diagnosis.
    """
    from wbtools.reading import open_export

    set_up_logging(verbose)
    if viewers and (out or methods):
        option = "--out" if out else "--methods"
        raise InputError(f"{option} has no effect with --print-viewers", hint="leave one of them out")
    if len(places) > 1 and (out or methods):
        option = "--out" if out else "--methods"
        raise InputError(f"{option} is for one export, and {len(places)} are named", hint="name one export")
    for place in places:
        export = open_export(place)
        files = export.contents.require_as_recorded() if check else 0
        if viewers:
            print_viewers(export)
        elif methods:
            _print_methods(export, methods)
        else:
            if check:
                named = f"{line(place)}: all" if len(places) > 1 else "All"
                terminal.print(f"{named} {counted(files, 'file')} are as recorded.")
            if out or extent or not check:
                _write(export, out, extent or "full")


def _print_methods(export: Export, form: str) -> None:
    from wbtools.report.methods import methods_text

    click.echo(getattr(methods_text(export.provenance), form))


def _write(export: Export, out: Path | None, extent: Extent) -> None:
    from wbtools.report.person import composing, writing

    if out and writing.is_own(export, out):
        out = None
    place = writing.require_file(out) if out else writing.require_place(export)
    page = composing.report(export, static=extent == "static")
    written = writing.write_file(place, page) if out else writing.write_into(export, page)
    terminal.print(f"Wrote {line(written)} ({size(len(page.encode()))})")
