"""One large result that engines compute in pieces, as they compute the exports of a list of subjects.

The work is cut into numbered units: rows of a data set, batches of images. A piece is a run of units. It is published
as a subject's export is, a folder with its record that appears by one rename. So what holds of exports holds of pieces:
attempts, time limits, rounds, `wbtools batch status`. Whoever asked for the work puts the pieces together and removes
them. What a piece holds depends on its units alone, so that the result does not depend on the engine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from wbtools.batch.state import cleaning
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.published import Published, look
from wbtools.errors import InputError
from wbtools.output import staging
from wbtools.output.ownership import PROVENANCE, added, foreign
from wbtools.output.publishing import publishing
from wbtools.provenance import Provenance, settings_sha256

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NAME = re.compile(r"(\d{7,18})-(\d{7,18})", re.ASCII)


class Job(Protocol):
    """Work that is done piece by piece."""

    def settings(self) -> Mapping[str, object]:
        """All that decides what pieces hold, as JSON values, hashes of data and code included; loads what is needed."""

    def make(self, units: range, folder: Path) -> Sequence[str]:
        """Write the files of a piece into a folder; gives their names.

        Raises
        ------
        WbtoolsError
            If the piece cannot be made.
        """


def cut(count: int, size: int) -> list[range]:
    """Pieces of so many units each, the last one of what is left.

    Examples
    --------
    >>> cut(5, 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def name_of(units: range) -> str:
    """What a piece is called, on lists and as a folder.

    Examples
    --------
    >>> name_of(range(64, 128)), units_of("0000064-0000127")
    ('0000064-0000127', range(64, 128))
    """
    return f"{units.start:07d}-{units.stop - 1:07d}"


def units_of(name: str) -> range:
    """The units of a piece; ValueError for what is no piece's name."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name} is no piece")
    return range(int(found[1]), int(found[2]) + 1)


def identity(settings: Mapping[str, object]) -> str:
    """The hash of a job's settings, as the records of its pieces have it."""
    return settings_sha256(settings, ())


def publish(job: Job, name: str, home: Path) -> None:
    """Make a piece, and publish it with its record.

    Raises
    ------
    WbtoolsError
        If it cannot be made, or somebody else was quicker.
    """
    with publishing(home, name, overwrite=False, subject=name, tidy=False) as folder:
        made = job.make(units_of(name), folder)
        Provenance({"subject": name, **job.settings()}).write(folder / PROVENANCE, folder, map(Path, made))


def require_whole(home: Path, name: str, settings: Mapping[str, object]) -> Path:
    """The folder of a published piece, whose files have the recorded hashes.

    Raises
    ------
    InputError
        If they have not.
    """
    found = look(home / name, identity(settings), deep=True, ids=(name,))
    if found.what is not Published.CURRENT:
        raise InputError(
            f"{home / name}: {found.why or found.what.value}", hint="remove it, and run the same line again"
        )
    return home / name


def array(folder: Path, name: str) -> NDArray[Any]:
    """An array of a piece; InputError if it is damaged."""
    from wbtools.images import arrays, diagnosis

    try:
        return arrays.load(folder / name)
    except diagnosis.ARRAY_DAMAGE as error:
        raise InputError(f"{folder} cannot be read: {error}", hint="remove it, and run the same line again") from None


def damaged_record(command: str) -> InputError:
    """What is said of a batch's plan that does not say what its pieces hold."""
    return InputError(
        f"the record of what wbtools {command} is to make is damaged",
        hint=f"run wbtools {command} again to write it anew",
    )


def discard(home: Path, name: str) -> None:
    """Remove a piece that is not needed any more; what wbtools did not publish, or somebody put into it, stays."""
    if (home / name).exists() and not foreign(home / name, name) and not added(home / name):
        staging.discard(home / name)


def remove(home: Path) -> None:
    """Remove all pieces and the batch's own files, and the folder if that is all it holds."""
    files = BatchFiles(home)
    if not home.is_dir() or home.is_symlink() or not files.mark.is_file():
        return
    files.require_own()
    # Also those that somebody was killed over: the names of unfinished folders hold that of their piece.
    names = sorted({found[0] for path in home.iterdir() if (found := _NAME.search(path.name))})
    for name in names:
        discard(home, name)
    cleaning.clean(files, names, 0, forget=True)
    with suppress(OSError):
        home.rmdir()
