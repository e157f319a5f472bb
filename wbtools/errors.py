"""The errors wbtools raises on purpose, and the exit code each one ends in.

::

    WbtoolsError
    ├── InputError            3   an option or file is not usable
    │   ├── UnknownChoice         a word that is none of the choices
    │   ├── OutOfRange            a number below what makes sense
    │   ├── MissingFile           a file that does not exist
    │   ├── UnreadableFile        a file that is there and cannot be read
    │   ├── SubjectError          the layout is not recognised, or lacks what this output needs
    │   ├── CheckpointError       family unknown, keys or shapes differ, unsafe pickle refused
    │   └── AtlasError            the labels do not fit the mesh
    ├── CommandError          4   an outside program failed
    │   └── CommandMissing        it is not on PATH, or lacks this command
    ├── CheckError            5   a result failed its own check
    └── TransientError       75   full disk, lost file handle, interruption: run again

Exit code 2 is click's (usage); 1 means that some subjects of a batch failed.

**To add an error**: a sentence that stands in one place is written there, in the class of its exit code. One that
several places need becomes a class here, or beside what it is about, that builds the sentence from typed fields.
"""

from __future__ import annotations

import copy
import errno
import os
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

E = TypeVar("E", bound="WbtoolsError")


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

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]:
        """Copies and pickles keep the sentence: a class that builds it from fields is not asked to build it again."""
        return _restored, (type(self), self.args), self.__dict__

    def about(self: E, place: object, hint: str = "") -> E:
        """The same error, said of a file or option.

        Parameters
        ----------
        place : object
            What the sentence begins with.
        hint : str
            In place of its own.

        Examples
        --------
        >>> error = CheckpointError("the card's threshold is no number", hint="write a number").about("net.json")
        >>> str(error), error.hint, type(error).__name__
        ("net.json: the card's threshold is no number", 'write a number', 'CheckpointError')
        """
        return self._reworded(f"{place}: {self}", hint or self.hint)

    def hinting(self: E, hint: str) -> E:
        """The same error with another hint."""
        return self._reworded(str(self), hint)

    def _reworded(self: E, message: str, hint: str) -> E:
        error = copy.copy(self)
        error.args, error.hint = (message,), hint
        return error


def _restored(kind: type[E], arguments: tuple[Any, ...]) -> E:
    """An error with these arguments, its fields still missing."""
    error = kind.__new__(kind)
    error.args = arguments
    return error


def nearest(given: str, choices: Collection[str], count: int = 1) -> str:
    """The choices that come closest to a word, as a question; empty if none comes close.

    Examples
    --------
    >>> nearest("deviaton", ("lrp", "deviation")), nearest("voodoo", ("lrp", "deviation"))
    ('did you mean deviation?', '')
    """
    near = get_close_matches(given, choices, n=count, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else ""


class InputError(WbtoolsError):
    """An option or an input file cannot be used."""

    exit_code = 3


class UnknownChoice(InputError):
    """A word that is none of the choices.

    Parameters
    ----------
    kind : str
        What it should be one of, for example `mesh`.
    given : str
    choices : collection of str
        All of them, in the order in which they are listed.
    option : str
        Where it was given; the sentence begins with it.

    Examples
    --------
    >>> error = UnknownChoice("mesh", "42k", ("32k", "native", "both"))
    >>> str(error), error.hint
    ("'42k' is no mesh", 'did you mean 32k? choose one of: 32k, native, both')
    >>> str(UnknownChoice("check", "contrasts", ("contrast",), option="--allow"))
    '--allow contrasts: there is no such check'
    """

    def __init__(self, kind: str, given: str, choices: Collection[str], option: str = "") -> None:
        said = f"{option} {given}: there is no such {kind}" if option else f"'{given}' is no {kind}"
        super().__init__(said, hint=f"{nearest(given, choices)} choose one of: {', '.join(choices)}".lstrip())
        self.kind, self.given, self.choices, self.option = kind, given, tuple(choices), option


def require_choice(kind: str, given: str | None, choices: Collection[str]) -> None:
    """Raise UnknownChoice for a word that is none of the choices; nothing given is fine."""
    if given is not None and given not in choices:
        raise UnknownChoice(kind, given, choices)


class OutOfRange(InputError):
    """A number below what makes sense.

    Parameters
    ----------
    option : str
    value : int
    least : int
        The lowest that does.
    of : str
        What is counted, for example `threads`.

    Examples
    --------
    >>> error = OutOfRange("--threads", 0, of="threads")
    >>> str(error), error.hint, str(OutOfRange("--pack", 0))
    ('--threads 0 is not a number of threads', 'give 1 or more', '--pack 0 is too few')
    """

    def __init__(self, option: str, value: int, least: int = 1, of: str = "") -> None:
        said = f"is not a number of {of}" if of else "is too few"
        super().__init__(f"{option} {value} {said}", hint=f"give {least} or more")
        self.option, self.value, self.least = option, value, least


class MissingFile(InputError):
    """A file that does not exist.

    Parameters
    ----------
    path : Path
    hint : str
    needed_by : str
        Who needs it.

    Examples
    --------
    >>> str(MissingFile(Path("T1w.nii"))), str(MissingFile(Path("T1w.nii"), needed_by="-volume-math"))
    ('T1w.nii does not exist', 'T1w.nii does not exist, -volume-math needs it')
    """

    def __init__(self, path: Path, hint: str = "check the path", needed_by: str = "") -> None:
        super().__init__(f"{path} does not exist{f', {needed_by} needs it' if needed_by else ''}", hint)
        self.path, self.needed_by = path, needed_by


class UnreadableFile(InputError):
    """A file that is there and cannot be read.

    Parameters
    ----------
    path : Path
    reason : OSError or ValueError
    hint : str
    what : str
        What it is, for example `the list`.

    Examples
    --------
    >>> error = UnreadableFile(Path("ids.txt"), PermissionError(errno.EACCES, "Permission denied"), what="the list")
    >>> str(error), error.hint
    ('the list ids.txt cannot be read: Permission denied', 'check its permissions')
    """

    def __init__(
        self, path: Path, reason: OSError | ValueError, hint: str = "check its permissions", what: str = ""
    ) -> None:
        why = (reason.strerror if isinstance(reason, OSError) else None) or str(reason)
        super().__init__(f"{what} {path} cannot be read: {why}".lstrip(), hint)
        self.path, self.reason = path, why


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
