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
    │   ├── CommandFailed         it ended with a status other than 0
    │   └── CommandMissing        it is not on PATH, or lacks this command
    │       └── CommandNotStarted     the system does not start it
    ├── CheckError            5   a result failed its own check
    └── TransientError       75   full disk, lost file handle, interruption: run again

Exit code 2 is click's (usage); 1 means that some subjects of a batch failed.

**To add an error**: a sentence that stands in one place is written there, in the class of its exit code. One that
several places need becomes a class here, or beside what it is about, that builds the sentence from typed fields.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Collection, Sequence
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

    def saying(self: E, message: str) -> E:
        """The same error with another sentence."""
        return self._reworded(message, self.hint)

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


def require_kind(what: str, value: object, kind: type, hint: str) -> None:
    """Raise InputError unless a value that a program gave is of the right kind.

    Examples
    --------
    >>> require_kind("nulls", 3, int, "give a whole number")
    >>> require_kind("nulls", "3", int, "give a whole number")
    Traceback (most recent call last):
    ...
    wbtools.errors.InputError: nulls='3' is a str, not an int
    """
    if not isinstance(value, kind):
        found, wanted = (
            f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}" for name in (type(value).__name__, kind.__name__)
        )
        raise InputError(f"{what}={value!r} is {found}, not {wanted}", hint=hint)


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


def missing_folder(path: Path, hint: str) -> InputError:
    """Why something is not a folder: it does not exist, or is something else.

    Examples
    --------
    >>> str(missing_folder(Path("/dev/null"), "give a folder")), str(missing_folder(Path("/no/such"), "give a folder"))
    ('/dev/null is no folder', '/no/such does not exist')
    """
    there = os.path.lexists(path)
    return InputError(f"{path} is no folder", hint) if there else MissingFile(path, hint)


_PERMISSIONS = "check its permissions"


class UnreadableFile(InputError):
    """A file that is there and cannot be read.

    Parameters
    ----------
    path : Path or str
    reason : OSError or ValueError
    hint : str
        What to do, unless rights are what is missing: then that is said.
    what : str
        What it is, for example `the list`.

    Examples
    --------
    >>> error = UnreadableFile(Path("ids.txt"), PermissionError(13, "Permission denied"), "list ids", what="the list")
    >>> str(error), error.hint
    ('the list ids.txt cannot be read: Permission denied', 'check its permissions')
    """

    def __init__(
        self, path: Path | str, reason: OSError | ValueError, hint: str = _PERMISSIONS, what: str = ""
    ) -> None:
        why = (reason.strerror if isinstance(reason, OSError) else None) or str(reason)
        advice = _PERMISSIONS if isinstance(reason, PermissionError) else hint
        super().__init__(f"{what} {path} cannot be read: {why}".lstrip(), advice)
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


class CommandFailed(CommandError):
    """A command ended with a status other than 0.

    Parameters
    ----------
    name : str
    argv : tuple of str
    status : int
    stderr : str
        As in `CommandError`.
    said : str
        The useful words of what it printed.

    Examples
    --------
    >>> str(CommandFailed("-metric-mask", (), 1, said="a.func.gii: File does not exist."))
    '-metric-mask failed: a.func.gii: File does not exist.'
    >>> str(CommandFailed("-metric-mask", (), -9))
    '-metric-mask failed: it was ended by signal 9'
    """

    def __init__(self, name: str, argv: tuple[str, ...], status: int, stderr: str = "", said: str = "") -> None:
        super().__init__(f"{name} failed: {said or ending(status)}", argv=argv, status=status, stderr=stderr)


class CommandNotStarted(CommandMissing):
    """A program that is there and that the system does not start.

    Parameters
    ----------
    argv : sequence of str
        Its words, the program first.
    reason : OSError
    hint : str

    Examples
    --------
    >>> str(CommandNotStarted(("sbatch",), PermissionError(13, "Permission denied"), hint="look at the file"))
    'sbatch cannot be started: Permission denied'
    """

    def __init__(self, argv: Sequence[str], reason: OSError, hint: str) -> None:
        super().__init__(f"{argv[0]} cannot be started: {reason.strerror}", hint, argv=tuple(argv))


def ending(status: int) -> str:
    """How a program ended.

    Examples
    --------
    >>> ending(-9), ending(1)
    ('it was ended by signal 9', 'it ended with exit code 1')
    """
    return f"it was ended by signal {-status}" if status < 0 else f"it ended with exit code {status}"


class CheckError(WbtoolsError):
    """A result failed its own check and was not published."""

    exit_code = 5


class TransientError(WbtoolsError):
    """The machine, not the input, is at fault: the same command may succeed later."""

    exit_code = 75
