"""Whether a folder of outputs can be where it is to be: asked before any work, by dry runs as well."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.output import publishing
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
    """Raise InputError for a folder that is none, or that cannot be written or made."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        raise InputError(f"{option} {folder}: {there} is no folder", hint=f"choose another folder with {option}")
    if not os.access(there, os.W_OK | os.X_OK):
        what = "may not be written" if there == folder.absolute() else f"cannot be made in {there}"
        raise InputError(f"{option} {folder} {what}", hint=f"choose a folder that you may write to with {option}")


_ADDED = len(".") + len(".wbtools-12345678.old")
"""Characters that a hidden name adds to a folder's."""


def _require_short_names(out: OutputFolder, networks: Sequence[str]) -> None:
    """Raise InputError if the file system of the outputs cannot have all their names."""
    around = next(folder for folder in out.folder.absolute().parents if os.path.lexists(folder))
    try:
        most, longest_path = os.pathconf(around, "PC_NAME_MAX"), os.pathconf(around, "PC_PATH_MAX")
    except OSError:
        most, longest_path = 255, 4096
    files = [path for network in networks for path in _longest(out, network)]
    names = [f"{out.folder.name}{'x' * _ADDED}", *(path.name for path in files)]
    name = max(names, key=lambda name: len(os.fsencode(name)))
    path = max(files, key=lambda path: len(os.fsencode(path.absolute())))
    if len(os.fsencode(name)) > most or len(os.fsencode(path.absolute())) + _ADDED >= longest_path:
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
