"""Whether a folder of outputs can be where it is to be: asked before any work, by dry runs as well."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.output import publishing, staging
from wbtools.output.kinds import Output
from wbtools.output.names import NAMINGS, Naming, OutputFolder, folder_name
from wbtools.text import line


@dataclass(frozen=True)
class Destination:
    """Where a subject's outputs go.

    Parameters
    ----------
    out : Path
        Folder that receives the subject's folder of outputs.
    study_folder : Path
        Holds the subject's folder of inputs.
    subject : str
        Its id.
    naming : Naming
    overwrite : bool
        Whether an earlier export of this subject is replaced.
    """

    out: Path
    study_folder: Path
    subject: str
    naming: Naming = "hcp"
    overwrite: bool = False

    @property
    def name(self) -> str:
        """The subject's folder of outputs, from `out`."""
        return folder_name(self.subject, self.naming)

    @property
    def folder(self) -> Path:
        """The subject's folder of outputs."""
        return self.out / self.name


def require(destination: Destination, networks: Sequence[str]) -> OutputFolder:
    """Require that a subject's folder of outputs can be made, and that nothing has its name which may not be replaced.

    Parameters
    ----------
    destination : Destination
    networks : sequence of str
        Names of the networks in files.

    Returns
    -------
    OutputFolder
        In its final place.

    Raises
    ------
    InputError
        Naming what is in the way.
    """
    out = OutputFolder(destination.folder, destination.subject, NAMINGS[destination.naming])
    _require_short_names(out, networks)
    publishing.require_absent(destination.out, destination.name, destination.overwrite, destination.subject)
    require_writable(out.folder.parent, "--out")
    return out


def require_writable(folder: Path, option: str) -> None:
    """Raise InputError for a folder that is none, or that cannot be written or made; nothing is made."""
    _require_writable(folder, option, folder)


def require_writable_around(path: Path, option: str) -> None:
    """Raise InputError, which names a file or folder, if it cannot be made in the one around it; nothing is made."""
    _require_writable(path.parent, option, path)


def _require_writable(folder: Path, option: str, named: Path) -> None:
    """Require that a folder can be written or made, for what an option names: the folder itself, or something in it."""
    whole, how = folder.absolute(), f"{'with' if option.startswith('-') else 'as'} {option}"
    there = next(path for path in (whole, *whole.parents) if os.path.lexists(path))
    if not there.is_dir():
        raise InputError(f"{option} {named}: {there} is no folder", hint=f"choose another folder {how}")
    if not os.access(there, os.W_OK | os.X_OK):
        reason = ""
    elif too_long := _too_long(named.absolute(), there):
        raise InputError(f"{option} {line(named, 60)}: {too_long}", hint=f"give a shorter path {how}")
    elif not (reason := _refusal(there)):
        return
    what = "may not be written" if there == whole else f"cannot be made in {there}"
    why = f": {reason}" if reason else ""
    which = f"{option} {named}" if named == folder else f"{option} {named} cannot be made, since {folder}"
    raise InputError(f"{which} {what}{why}", hint=f"choose a folder that you may write to {how}")


def _too_long(whole: Path, there: Path) -> str:
    """Why a folder cannot be made below one that is there: a name is too long; empty if none is."""
    most, longest_path = staging.limits(there)
    name = max((len(os.fsencode(name)) for name in whole.relative_to(there).parts), default=0)
    if name > most:
        return f"a name of {name} bytes is too long, {most} are possible here"
    path = len(os.fsencode(whole))
    return f"a path of {path} bytes is too long, {longest_path} are possible here" if path >= longest_path else ""


_REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT)


def _refusal(folder: Path) -> str:
    """Why nothing can be made in a folder although its permissions allow it, as root's do in /proc; empty if it can.

    A file without a name leaves no trace. Where the file system has none, only one without any room, which is none of a
    disk, is tried with a folder.
    """
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as error:
        if error.errno in _REFUSALS:
            return os.strerror(error.errno)
    else:
        return ""
    try:
        if not os.statvfs(folder).f_blocks:
            Path(tempfile.mkdtemp(prefix=".wbtools-", dir=folder)).rmdir()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _require_short_names(out: OutputFolder, networks: Sequence[str]) -> None:
    """Raise InputError if the file system of the outputs cannot have all their names."""
    around = next(folder for folder in out.folder.absolute().parents if os.path.lexists(folder))
    most, longest_path = staging.limits(around)
    files = [path for network in networks for path in _longest(out, network)]
    names = [f"{out.folder.name}{'x' * staging.ADDED}", *(path.name for path in files)]
    name = max(names, key=lambda name: len(os.fsencode(name)))
    path = max(files, key=lambda path: len(os.fsencode(path.absolute())))
    if len(os.fsencode(name)) > most or len(os.fsencode(path.absolute())) + staging.ADDED >= longest_path:
        raise InputError(
            f"{line(out.folder.name, 60)} gives names of files that are too long: {len(os.fsencode(name))} bytes, "
            f"and {len(os.fsencode(path.absolute()))} with their folders; {most} and {longest_path} are possible here",
            hint="give a shorter --id, a shorter name to the network, or another --out",
        )


_METHOD = "m" * 31
"""As long as the longest name of a method, of which a test makes sure."""


def _longest(out: OutputFolder, network: str) -> Iterator[Path]:
    """Files of every kind for a network, with the longest names that they can have."""
    scene, surface, atlas = "relevance-midthickness", "very_inflated", "HCP-MMP1"
    for kind, mesh in product(out.convention.patterns, ("32k_fs_LR", "164k_fs_LR", "native")):
        yield out.path(Output(kind, network, Hemisphere.LEFT, mesh, surface, atlas, scene, by=_METHOD))
