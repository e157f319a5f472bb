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


class WbtoolsError(Exception):
    """A failure with one clear sentence and, in `mend`, what the user can do about it.

    Parameters
    ----------
    message : str
        What is wrong, naming the file or option.
    mend : str
        What to do next; empty when nothing can be done.

    Examples
    --------
    >>> str(InputError("T1w.nii.gz has 4 dimensions", mend="give one 3-D volume"))
    'T1w.nii.gz has 4 dimensions'
    """

    exit_code = 1

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.mend = mend


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
    message, mend : str
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
        mend: str = "",
        *,
        argv: tuple[str, ...] = (),
        status: int | None = None,
        stderr: str = "",
    ) -> None:
        super().__init__(message, mend)
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


_TRANSIENT = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ESTALE,
    errno.EIO,
    errno.EFBIG,
    errno.ENOMEM,
    errno.EMFILE,
    errno.ENFILE,
}


def from_os_error(error: OSError) -> WbtoolsError:
    """Turn an operating-system error into the wbtools error a user should see.

    Examples
    --------
    >>> from_os_error(OSError(errno.ENOSPC, "No space left on device")).exit_code
    75
    """
    reason = error.strerror or str(error)
    if error.errno in _TRANSIENT:
        return TransientError(
            f"The system could not finish: {reason}", mend="free disk space or memory, then run again"
        )
    where = f": {error.filename}" if error.filename else ""
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return InputError(f"{reason}{where}", mend="choose a folder you may write to with --out")
    return InputError(f"{reason}{where}", mend="check the path and its permissions")
