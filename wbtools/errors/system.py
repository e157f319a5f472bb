"""What an error of the operating system means for the user: the input's fault, an option's, or the machine's."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wbtools.errors import InputError, TransientError, WbtoolsError


class WriteFailure(OSError):
    """The operating system refused to write where wbtools was writing; still an OSError, with its number and its file.

    Parameters
    ----------
    cause : OSError
    begun : bool
        Whether work had begun. Before that, a place that may not be written is an option's fault; later it is the
        machine's, because the place could be written when the work began.
    place : Path, optional
        Where wbtools was writing; by default where the cause says, if that is such a failure.
    """

    def __init__(self, cause: OSError, *, begun: bool, place: Path | None = None) -> None:
        super().__init__(cause.errno, cause.strerror or str(cause), cause.filename)
        self.begun = begun
        self.place: Path | None = place if place is not None else getattr(cause, "place", None)


@contextmanager
def writing(place: Path, *, begun: bool = True, whole: bool = True) -> Iterator[None]:
    """Turn OSErrors of a block that writes into a folder into `WriteFailure`, so that no input is blamed for them.

    Parameters
    ----------
    place : Path
        Errors that name a file elsewhere pass unchanged: they come from reading.
    begun : bool
        As in `WriteFailure`.
    whole : bool
        The block does nothing but write, so that errors that name no file are those of writing, too.
    """
    try:
        yield
    except WriteFailure:
        raise
    except OSError as error:
        if error.errno is None or not _is_in(error.filename, place, whole):
            raise
        raise WriteFailure(error, begun=begun, place=place) from error


def _is_in(name: object, place: Path, otherwise: bool) -> bool:
    """Whether the file that an OSError names lies in a place; `otherwise` if it names none."""
    if not isinstance(name, str | os.PathLike):
        return otherwise
    path, folder = (Path(os.path.abspath(given)) for given in (name, place))  # noqa: PTH100, links are not followed
    return path == folder or folder in path.parents


FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What is said where a file has no room: of a disk, of a quota, of a limit of the process."""


def require_room(folder: Path, count: int) -> None:
    """Require that a file of so many bytes has room in a folder; nothing is left there.

    Programs that fail on a full disk often say something else.

    Raises
    ------
    OSError
        If it has not, or the folder cannot be written to.
    """
    with tempfile.TemporaryFile(dir=folder) as stream:
        try:
            os.posix_fallocate(stream.fileno(), 0, count)
        except OSError as error:
            if error.errno in FULL:  # other file systems cannot tell
                raise OSError(error.errno, os.strerror(error.errno), str(folder)) from None


_TRANSIENT = {
    *FULL,
    errno.ESTALE,
    errno.EIO,
    errno.ENOMEM,
    errno.EMFILE,
    errno.ENFILE,
    errno.EAGAIN,
    errno.EBUSY,
    errno.ENOLCK,
    errno.ETIMEDOUT,
    errno.ENOTCONN,
    errno.EHOSTDOWN,
    errno.EREMOTEIO,
}
"""The machine is short of something, or a file system is away; whether reading or writing."""
_REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS}
_SHAPES = {errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.EILSEQ}
"""What a path is, not what the machine does: another attempt would end alike."""


def from_os_error(error: OSError) -> WbtoolsError:
    """Turn an operating-system error into the wbtools error a user should see.

    A failure to write is never the input's fault. It is transient (75), unless the path itself cannot be, or the place
    was refused before any work: then the option that names it is wrong (3).

    Examples
    --------
    >>> from_os_error(OSError(errno.ENOSPC, "No space left on device")).exit_code
    75
    >>> str(from_os_error(OSError(errno.ENOSPC, "No space left on device", "/out/.index.npz.1f")))
    'The system could not finish: No space left on device in /out'
    >>> refused = PermissionError(errno.EACCES, "Permission denied", "/out")
    >>> [from_os_error(WriteFailure(refused, begun=begun)).exit_code for begun in (False, True)]
    [3, 75]
    """
    reason = error.strerror or str(error)
    where = f": {error.filename}" if error.filename else ""
    if error.errno in FULL:
        return TransientError(
            f"The system could not finish: {reason}{_without_room(error)}", hint="free disk space, then run again"
        )
    if error.errno == errno.EEXIST and error.filename:
        return InputError(f"{error.filename} exists already", hint="look at what it is, or choose another name")
    if error.errno == errno.ENAMETOOLONG and error.filename:
        name = os.fsencode(error.filename)
        shown = os.fsdecode(name[:60])
        return InputError(f"{shown}… is too long: {len(name)} bytes", hint="give a shorter name or path")
    if error.errno in _TRANSIENT:
        return TransientError(
            f"The system could not finish: {reason}",
            hint="look at the machine's memory, disks and servers, then run again",
        )
    if isinstance(error, WriteFailure) and error.errno not in _SHAPES and error.begun:
        return TransientError(
            f"The result could not be written: {reason}{where}", hint="look at the disk or its server, then run again"
        )
    if isinstance(error, WriteFailure) or error.errno == errno.EROFS:
        return InputError(f"{reason}{where}", hint="choose a folder you may write to with --out")
    if (error.errno in _REFUSALS and not error.filename) or _is_temporary(error):
        return TransientError(f"The system refused: {reason}{where}", hint="look at the machine, then run again")
    if error.errno in _REFUSALS:
        return InputError(f"{reason}{where}", hint="ask its owner for the right to read it (ls -l shows who that is)")
    return InputError(f"{reason}{where}", hint="check the path and its permissions")


def _without_room(error: OSError) -> str:
    """Where no room is left, as far as it is known: what fails says no name where a file was open already."""
    if isinstance(error.filename, str | os.PathLike):
        return f" in {os.path.dirname(error.filename) or '.'}"  # noqa: PTH120, of bytes of names that are no text, too
    place = getattr(error, "place", None)
    if place is None:
        return ""
    with suppress(OSError):
        temporary = tempfile.gettempdir()
        if Path(temporary).stat().st_dev != _existing(place).stat().st_dev:
            return f" in {place}, or for temporary data in {temporary}"
    return f" in {place}"


def _existing(place: Path) -> Path:
    """The place, or the folder that it would lie in."""
    return next((folder for folder in (place, *place.absolute().parents) if folder.exists()), place)


def _is_temporary(error: OSError) -> bool:
    """Whether an error is about temporary data: no folder for it, or a file in a folder of wbtools' own there."""
    if error.filename is None:
        return error.errno == errno.ENOENT and "temporary directory" in (error.strerror or "")
    return _is_in(error.filename, Path(tempfile.gettempdir()), False) and "/wbtools-" in str(error.filename)
