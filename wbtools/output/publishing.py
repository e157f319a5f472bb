"""How a finished folder of outputs appears: whole, or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from wbtools import atomic
from wbtools.errors import InputError
from wbtools.errors.system import writing
from wbtools.output import ownership, staging
from wbtools.output.ownership import PROVENANCE, foreign
from wbtools.text import counted, line


def require_absent(out: Path, name: str, overwrite: bool, subject: str | None = None) -> None:
    """Raise InputError if something has the name of a subject's folder that may not be replaced.

    Parameters
    ----------
    out : Path
    name : str
        Of the subject's folder.
    overwrite : bool
        Whether an export of this subject may be replaced; nothing else ever may.
    subject : str, optional
        The subject's id, if the folder is named otherwise.
    """
    final = out / name
    within = final.parent
    if within != out and (within.is_symlink() or os.path.lexists(within / PROVENANCE)):
        what = "a link" if within.is_symlink() else "an export of its own"
        raise InputError(f"{final} would lie in {within}, which is {what}", hint="choose another --out")
    if not os.path.lexists(final):
        _require_short(final)
        return
    why = foreign(final, subject or name)
    if why:
        raise InputError(
            f"{final} exists already and is not wbtools' to replace: {why}",
            hint="choose another --out, or move it away yourself",
        )
    changed = overwrite and ownership.changed(final)
    if changed:
        raise InputError(
            f"{final} exists already and is not wbtools' to replace: {line(str(changed[0]))} in it is not as wbtools "
            "wrote it",
            hint="move that file away, or choose another --out",
        )
    if not overwrite:
        count = sum(1 for path in final.rglob("*") if path.is_file())
        raise InputError(
            f"{final} exists already ({counted(count, 'file')})",
            hint="add --overwrite to replace it, or choose another --out",
        )


def _require_short(final: Path) -> None:
    """Raise InputError for a name that leaves no room for what the hidden name of an unfinished folder adds."""
    around = next(path for path in final.absolute().parents if os.path.lexists(path))
    name, (most, _) = len(os.fsencode(final.name)) + staging.ADDED, staging.limits(around)
    if name > most:
        raise InputError(
            f"{line(final.name, 60)} is too long a name: {name} bytes with what a folder has while it is made, and "
            f"{most} are possible here",
            hint="give a shorter one",
        )


@contextmanager
def publishing(
    out: Path, name: str, *, overwrite: bool, subject: str | None = None, tidy: bool = True
) -> Iterator[Path]:
    """Make a subject's folder beside its place and move it there when the block ends without an error.

    Parameters
    ----------
    out : Path
        Folder of all exports; created when missing.
    name : str
        Of the subject's folder, or its path from `out`.
    overwrite : bool
        Replace an existing export of this subject. At every moment the old or the new one is there, where the file
        system can exchange names; elsewhere an interruption may leave the old one hidden, and the next run restores it.
    subject : str, optional
        The subject's id, if the folder is named otherwise.
    tidy : bool
        Look for what crashed exports of this subject left; costs a listing of `out`.

    Yields
    ------
    Path
        The unfinished folder.

    Raises
    ------
    InputError
        If something has the folder's name that may not be replaced, also when another process was quicker: of several
        that make the same subject at once, exactly one publishes. No lock is involved, so that nothing is left locked
        by a crash.
    WriteFailure
        If `out` cannot be written; nothing is left behind.
    """
    subject = subject or name
    if tidy:
        staging.tidy(out, {name: [subject]})
    require_absent(out, name, overwrite, subject)
    out, name = (out / name).parent, (out / name).name  # a BIDS session's folder lies in its subject's
    with ExitStack() as later:
        own: _Identity | None = None
        with writing(out, begun=False):
            folder = _begin(out, name, later)
        later.callback(lambda: _discard(folder, own, out / name, subject))
        own = _Identity.of(folder)
        with writing(folder, whole=False):
            yield folder
        with writing(out):
            _make_durable(folder)
            staging.finish(folder)
            (_replace if overwrite else _claim)(folder, out / name, subject)
            _sync(out)


_ATTEMPTS = 3


class _Identity(NamedTuple):
    """Which folder it is, whatever its name."""

    device: int
    number: int

    @classmethod
    def of(cls, path: Path) -> _Identity | None:
        """Of what has this name; None if nothing has."""
        try:
            found = path.lstat()
        except OSError:
            return None
        return cls(found.st_dev, found.st_ino)


def _begin(out: Path, name: str, later: ExitStack) -> Path:
    """Make the unfinished folder, and what it lies in."""
    for _ in range(_ATTEMPTS):
        _make_folders(out, later)
        with suppress(FileNotFoundError):  # another session's export has failed, and removed their empty folder
            return staging.make(out, name)
    return staging.make(out, name)


def _make_folders(folder: Path, later: ExitStack) -> None:
    """Create a folder and its missing parents; later remove those that are still empty, innermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent

    def remove(path: Path) -> None:
        with suppress(OSError):  # stays when anything was published
            path.rmdir()

    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        later.callback(remove, path)


def _discard(folder: Path, own: _Identity | None, final: Path, subject: str) -> None:
    """Remove what lies under the hidden name: the unfinished folder, or the older export that it was exchanged with."""
    there = _Identity.of(folder)
    if there is not None and own in (there, None):  # None: interrupted before anything was written
        staging.discard(folder)
    elif there is not None and not foreign(folder, subject) and not foreign(final, subject):
        staging.retire(folder, final)


_UNKNOWN_HERE = {
    errno.EINVAL,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.ENOTTY,
    errno.EBADF,
    errno.EPERM,
    errno.EACCES,
}
"""What file systems answer that cannot do a thing; EIO, ENOSPC and EDQUOT mean that data may be lost."""


def _make_durable(folder: Path) -> None:
    """Have all files and folders on disk before the rename: after a power cut, what is visible is whole.

    A full disk or quota often shows only here.
    """
    for path in (*folder.rglob("*"), folder):
        _sync(path)


def _sync(path: Path) -> None:
    """Flush one file or folder to disk, where the file system knows how to."""
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _UNKNOWN_HERE:
            raise


def _claim(folder: Path, final: Path, subject: str) -> None:
    """Rename the finished folder to its name; a folder that is there already stays and wins.

    Raises
    ------
    InputError
        If somebody else published first.
    """
    own = _Identity.of(folder)
    try:
        atomic.without_replacing(folder, final)
    except OSError:
        # NFS: the rename may be done, its answer lost, and the repeated request have failed.
        if folder.exists() or own is None or _Identity.of(final) != own:
            require_absent(final.parent, final.name, overwrite=False, subject=subject)
            raise
    staging.unmark(final)


def _replace(folder: Path, final: Path, subject: str) -> None:
    """Give the finished folder its name, in exchange for an older export of the same subject.

    Raises
    ------
    InputError
        If something else has the name meanwhile.
    """
    if not os.path.lexists(final):
        _claim(folder, final, subject)
        return
    require_absent(final.parent, final.name, overwrite=True, subject=subject)
    staging.announce(final, folder)
    try:
        if not atomic.exchange(folder, final):
            _replace_in_two(folder, final, subject)
        elif foreign(folder, subject):  # it came between the look and the exchange
            atomic.exchange(folder, final)
            require_absent(final.parent, final.name, overwrite=True, subject=subject)
    finally:
        staging.unmark(final)


def _replace_in_two(folder: Path, final: Path, subject: str) -> None:
    """The same where names cannot be exchanged: the older export is set aside first, and removed after."""
    aside = staging.aside(folder)
    staging.announce(final, aside)
    try:
        final.rename(aside)
        if foreign(aside, subject):
            raise InputError(f"{final} is no longer the export of {subject}", hint="look at what it is now")
        _claim(folder, final, subject)
    finally:
        if not os.path.lexists(final):
            with suppress(OSError):
                aside.rename(final)
        elif not foreign(aside, subject) and not foreign(final, subject):
            staging.retire(aside, final)
