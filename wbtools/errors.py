"""The errors wbtools raises on purpose, and the exit code each one ends in.

::

    WbtoolsError
    ├── InputError            3   an option or file is not usable
    │   ├── SubjectError          the layout is not recognised, or lacks what this output needs
    │   ├── CheckpointError       family unknown, keys or shapes differ, unsafe pickle refused
    │   └── AtlasError            the labels do not fit the mesh
    ├── CommandError          4   an outside program failed
    │   └── CommandMissing        it is not on PATH, or lacks this command
    ├── CheckError            5   a result failed its own check
    └── TransientError       75   full disk, lost file handle, interruption: run again

Exit code 2 is click's (usage); 1 means that some subjects of a batch failed.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class WbtoolsError(Exception):
    """A failure with one clear sentence and, in `hint`, what the user can do about it.

    Parameters
    ----------
    message : str
        What is wrong, naming the file or option.
    hint : str
        What to do next; empty when nothing can be done.

    Examples
    --------
    >>> str(InputError("T1w.nii.gz has 4 dimensions", hint="give one 3-D volume"))
    'T1w.nii.gz has 4 dimensions'
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InputError(WbtoolsError):
    """An option or an input file cannot be used."""

    exit_code = 3


class SubjectError(InputError):
    """The subject's folder is not recognised, or lacks files that the wanted output needs."""


class CheckpointError(InputError):
    """A network checkpoint is unsafe, of unknown family, or does not fit its family."""


class AtlasError(InputError):
    """Atlas labels do not fit the mesh or the volume they are meant for."""


class CommandError(WbtoolsError):
    """An outside program ended with an error.

    Parameters
    ----------
    message, hint : str
        As in `WbtoolsError`.
    argv : tuple of str
        The command line, program first.
    status : int or None
        Its exit status; negative for a signal, None if it never started.
    stderr : str
        What it printed.
    """

    exit_code = 4

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        argv: tuple[str, ...] = (),
        status: int | None = None,
        stderr: str = "",
    ) -> None:
        super().__init__(message, hint)
        self.argv = argv
        self.status = status
        self.stderr = stderr


class CommandMissing(CommandError):
    """The program is not installed, or its version lacks the command that is needed."""


class CheckError(WbtoolsError):
    """A result failed its own check and was not published."""

    exit_code = 5


class TransientError(WbtoolsError):
    """The machine, not the input, is at fault: the same command may succeed later."""

    exit_code = 75


class WriteFailure(OSError):
    """The operating system refused to write where wbtools was writing; still an OSError, with its number and its file.

    Parameters
    ----------
    cause : OSError
    begun : bool
        Whether work had begun. Before that, a place that may not be written is an option's fault; later it is the
        machine's, because the place could be written when the work began.
    """

    def __init__(self, cause: OSError, *, begun: bool) -> None:
        super().__init__(cause.errno, cause.strerror or str(cause), cause.filename)
        self.begun = begun


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
        raise WriteFailure(error, begun=begun) from error


def _is_in(name: object, place: Path, otherwise: bool) -> bool:
    """Whether the file that an OSError names lies in a place; `otherwise` if it names none."""
    if not isinstance(name, str | os.PathLike):
        return otherwise
    path, folder = (Path(os.path.abspath(given)) for given in (name, place))  # noqa: PTH100, links are not followed
    return path == folder or folder in path.parents


_TRANSIENT = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ESTALE,
    errno.EIO,
    errno.EFBIG,
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
    >>> refused = PermissionError(errno.EACCES, "Permission denied", "/out")
    >>> [from_os_error(WriteFailure(refused, begun=begun)).exit_code for begun in (False, True)]
    [3, 75]
    """
    reason = error.strerror or str(error)
    where = f": {error.filename}" if error.filename else ""
    if error.errno in _TRANSIENT:
        return TransientError(
            f"The system could not finish: {reason}", hint="free disk space or memory, then run again"
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


def _is_temporary(error: OSError) -> bool:
    """Whether an error is about temporary data: no folder for it, or a file in a folder of wbtools' own there."""
    if error.filename is None:
        return error.errno == errno.ENOENT and "temporary directory" in (error.strerror or "")
    return _is_in(error.filename, Path(tempfile.gettempdir()), False) and "/wbtools-" in str(error.filename)
