"""`wbtools pack`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wbtools.cli.console import out as terminal
from wbtools.cli.console import set_up_logging
from wbtools.cli.failures import reports_errors
from wbtools.text import counted, line, size

if TYPE_CHECKING:
    from wbtools.sharing.pack_file import Pack

_WITHOUT_T1W = (
    "Without the T1w, wbtools report makes its page without placement and viewer, and --print-viewers opens the maps "
    "without it"
)
_PATH = click.Path(path_type=Path)


@click.command("pack")
@click.argument("place", metavar="EXPORT", type=_PATH)
@click.option("--out", metavar="FILE.zip", type=_PATH, required=True, help="The zip file; a new one, outside EXPORT.")
@click.option(
    "--without-t1w",
    is_flag=True,
    help="Leave out the T1w and all that shows it: scenes and pictures of slices, the network's input, the report.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier pack of the same subject, and nothing else.")
@click.option("--no-render", is_flag=True, help="Check the pack without drawing a scene out of it.")
@click.option("--wb-command", metavar="PATH", type=_PATH, help="The wb_command to use. [default: on PATH]")
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def command(place: Path, verbose: int, debug: bool, **options: Any) -> None:
    """Pack EXPORT, the folder of a finished export, as one zip file that opens elsewhere.

    It holds what wbtools wrote there, but no DICOM objects, and a README.txt. Before it appears it is unpacked and
    checked. Research use only, not for diagnosis.
    """
    from wbtools.sharing.pack_file import PackOptions, pack

    set_up_logging(verbose)
    how = PackOptions(
        t1w=not options["without_t1w"],
        overwrite=options["overwrite"],
        draw=not options["no_render"],
        wb_command=options["wb_command"],
    )
    _say(pack(place, options["out"], how))


def _say(made: Pack) -> None:
    from wbtools.reading.packing import SHOWS_T1W

    packed, checked = made.contents, made.checked
    found = Counter((name in packed.before, each.why) for name, each in packed.left_out.items())
    for (before, why), count in sorted(found.items()):
        what = "Left out already, by an earlier pack" if before else "Left out"
        terminal.print(terminal.wrapped(f"{what}: {counted(count, 'file')}, since each {line(why, 80)}"))
    if packed.dropped_scenes:
        terminal.print(terminal.wrapped(f"Scenes left out: {line(', '.join(packed.dropped_scenes))}"))
    if packed.unrecorded:
        names, it = line(", ".join(packed.unrecorded), 200), "it" if len(packed.unrecorded) == 1 else "them"
        terminal.print(terminal.wrapped(f"Not packed, since wbtools did not write {it}: {names}"))
    if packed.changed_readme:
        terminal.print("README.txt was changed; in the pack it is written anew, without the changes")
    opened = f"'{line(checked.drawn)}' was opened and drawn" if checked.drawn else f"none was opened: {checked.why_not}"
    text = f"Checked: {counted(checked.files, 'file')}, {counted(checked.scenes, 'scene')}, of which {line(opened)}"
    terminal.print(terminal.wrapped(text))
    if packed.with_t1w:
        terminal.print("It holds the T1w, which identifies a person; --without-t1w leaves it out.")
    elif any(each.why == SHOWS_T1W for each in packed.left_out.values()):
        terminal.print(terminal.wrapped(_WITHOUT_T1W))
    terminal.print(f"Wrote {line(made.file)} ({size(made.file.stat().st_size)})")
    terminal.print(f"Open:  unzip it and read README.txt, or in Python: wbtools.open({str(made.file)!r})")
