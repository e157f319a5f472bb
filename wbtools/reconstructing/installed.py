"""Programs that make surfaces of a T1w image: what each needs, where it is looked for, how it is called.

Options: `T1Prep --help` of 0.8.1, the documentation of FastSurfer 2 and of FreeSurfer 7. Only T1Prep's were tried.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wbtools.errors import CommandMissing, InputError, require_choice
from wbtools.search_path import find_program, without_working_directory

_FREESURFER = "FREESURFER_HOME"
_LICENCES = ("license.txt", ".license")


@dataclass(frozen=True)
class Call:
    """What a program is to do.

    Parameters
    ----------
    t1w : Path
        The image, under the person's name.
    out : Path
        An empty folder, which receives a folder of the person's name.
    name : str
        The person's.
    threads : int
    """

    t1w: Path
    out: Path
    name: str
    threads: int


@dataclass(frozen=True)
class Installed:
    """A program on this machine.

    Parameters
    ----------
    program : Path
    licence : Path or None
        FreeSurfer's, where it is needed.
    """

    program: Path
    licence: Path | None = None

    def environment(self) -> dict[str, str]:
        """Variables that it is run with: those of wbtools, its own folder first on PATH, no reports to its makers."""
        known = without_working_directory(os.environ)
        path = os.pathsep.join(filter(None, (str(self.program.parent), known.get("PATH", os.defpath))))
        licence = {"FS_LICENSE": str(self.licence)} if self.licence else {}
        return {**known, "PATH": path, "DO_NOT_TRACK": "1", **licence}


@dataclass(frozen=True)
class Tool:
    """A program that makes surfaces.

    Parameters
    ----------
    name : str
        Its key in `TOOLS`.
    title : str
        What it is called in sentences.
    programs : tuple of str
        Names that it has on PATH.
    home : str
        Variable with the folder of the program; empty if there is none.
    within : str
        The program's folder in that one.
    takes : str
        Memory and time, in words.
    install : str
        What to do where it is missing.
    layout : str
        Of its output.
    suffixes : tuple of str
        Of the images that it reads.
    needs_licence : bool
        Whether it needs FreeSurfer and its licence.
    words : callable
        Takes a `Call` and the licence; returns the words after the program.
    """

    name: str
    title: str
    programs: tuple[str, ...]
    home: str
    within: str
    takes: str
    install: str
    layout: str
    suffixes: tuple[str, ...]
    needs_licence: bool
    words: Callable[[Call, Path | None], tuple[object, ...]]

    def command(self, installed: Installed, call: Call) -> tuple[str, ...]:
        """The command line, program first."""
        return tuple(map(str, (installed.program, *self.words(call, installed.licence))))


def _t1prep(call: Call, licence: Path | None) -> tuple[object, ...]:
    return ("--out-dir", call.out / call.name, "--no-track", "--multi", 0, call.t1w)


def _fastsurfer(call: Call, licence: Path | None) -> tuple[object, ...]:
    how = ("--fs_license", licence, "--threads", call.threads)
    return ("--t1", call.t1w, "--sid", call.name, "--sd", call.out, *how)


def _recon_all(call: Call, licence: Path | None) -> tuple[object, ...]:
    return ("-all", "-i", call.t1w, "-s", call.name, "-sd", call.out, "-openmp", call.threads)


_NIFTI = (".nii", ".nii.gz")

TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            name="t1prep",
            title="T1Prep",
            programs=("T1Prep", "t1prep"),
            home="",
            within="",
            takes="10 GB of memory, 10 minutes to an hour, no GPU; at its first run it downloads 0.5 GB of networks",
            install="pip install t1prep into an environment of its own, and t1prep-download-models",
            layout="cat",
            suffixes=_NIFTI,
            needs_licence=False,
            words=_t1prep,
        ),
        Tool(
            name="fastsurfer",
            title="FastSurfer",
            programs=("run_fastsurfer.sh",),
            home="FASTSURFER_HOME",
            within="",
            takes="8 GB of memory, 1 to 2 hours, a GPU or some 20 minutes more; FreeSurfer 7 and its licence",
            install="see github.com/Deep-MI/FastSurfer, and set FASTSURFER_HOME to its folder",
            layout="freesurfer",
            suffixes=(*_NIFTI, ".mgz"),
            needs_licence=True,
            words=_fastsurfer,
        ),
        Tool(
            name="recon-all",
            title="recon-all",
            programs=("recon-all",),
            home=_FREESURFER,
            within="bin",
            takes="8 GB of memory (version 8: more), 5 to 10 hours, no GPU; FreeSurfer's licence",
            install="see surfer.nmr.mgh.harvard.edu, and source SetUpFreeSurfer.sh",
            layout="freesurfer",
            suffixes=(*_NIFTI, ".mgz"),
            needs_licence=True,
            words=_recon_all,
        ),
    )
}
"""The programs that `wbtools reconstruct` can run."""


def tool_named(name: str) -> Tool:
    """The program with a name in `TOOLS`.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> tool_named("t1prep").layout
    'cat'
    """
    require_choice("program", name, TOOLS)
    return TOOLS[name]


def find_installed(tool: Tool, program: Path | None = None) -> Installed:
    """Find a program, and what it cannot do without.

    Parameters
    ----------
    tool : Tool
    program : Path, optional
        The program itself, where it is not found.

    Raises
    ------
    CommandMissing
        If it is not installed; the hint says what it takes, and how it is installed.
    InputError
        If FreeSurfer or its licence is missing, which it needs.
    """
    if program and program.is_dir():
        raise InputError(f"{program} is a folder", hint="give the program's file in it")
    found = find_program(str(program.absolute())) if program else _found(tool)
    if found is None:
        where = f"{program} is no program" if program else f"{tool.title} is not installed ({_places(tool)})"
        raise CommandMissing(where, hint=f"{tool.install}, or name it with --program; it takes {tool.takes}")
    return Installed(Path(found), _licence(tool) if tool.needs_licence else None)


def expected(tool: Tool, program: Path | None = None) -> Installed:
    """A program that is not here, by its name, so that its command can be shown.

    Examples
    --------
    >>> expected(TOOLS["t1prep"]).program.name
    'T1Prep'
    """
    return Installed(program or Path(tool.programs[0]), Path(_LICENCES[0]))


def _found(tool: Tool) -> str | None:
    """The program in its home, on PATH, or beside this Python."""
    home = os.environ.get(tool.home, "") if tool.home else ""
    folders = (Path(home, tool.within) if home else None, None, Path(sys.executable).parent)
    named = (folder / name if folder else Path(name) for folder in folders for name in tool.programs)
    return next(filter(None, (find_program(str(path)) for path in named)), None)


def _places(tool: Tool) -> str:
    """Where it was looked for, in words."""
    home = f"nor in ${tool.home}" if tool.home else "nor beside this Python"
    return f"{' or '.join(tool.programs)} is neither on PATH {home}"


def _licence(tool: Tool) -> Path:
    """FreeSurfer's licence."""
    home = os.environ.get(_FREESURFER, "")
    if not home or not Path(home).is_dir():
        raise InputError(
            f"{tool.title} needs FreeSurfer, and ${_FREESURFER} names no folder",
            hint="install FreeSurfer and source SetUpFreeSurfer.sh",
        )
    named = os.environ.get("FS_LICENSE", "")
    candidates = [Path(named)] if named else [Path(home, name) for name in _LICENCES]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        raise InputError(
            f"{tool.title} needs FreeSurfer's licence, and {candidates[0]} is no file",
            hint="get one without charge at surfer.nmr.mgh.harvard.edu/registration.html, and name it in $FS_LICENSE",
        )
    return found.absolute()
