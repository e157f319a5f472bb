"""Files that are written whole or not at all, renames that replace nothing, and the exchange of two names.

A file is made beside its place, under a hidden name that nobody else has, and then renamed: readers see the old content
or the new one, never a part, and links that lie in the way are not followed.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import stat
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import BinaryIO

Content = str | bytes | Callable[[BinaryIO], object]
"""What a file is to hold, or a function that writes it into the open file."""

BESIDE = r"\..+\.[0-9a-f]{32}"
"""Pattern of the names that files have while they are written; only a crash leaves one."""

_HEAD = 512
"""Bytes by which an unfinished file is known."""
_ADDED = len(".") + len(".") + 32
_WHOLE = 60
"""Bytes of a file's own name that its hidden name holds in any case; more only as far as it gets no longer itself."""
_NO_FSYNC = (errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems answer that have no fsync."""
_AT_FDCWD = -100
_NO_REPLACE, _EXCHANGE = 1, 2
_UNKNOWN = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.ENOTTY, errno.EXDEV}
_NO_LINKS = _UNKNOWN | {errno.EACCES, errno.EMLINK}


class Access(Enum):
    """Who may read and write a new file."""

    USUAL = "usual"
    """As the umask has it."""
    PRIVATE = "private"
    """Its owner alone."""
    GROUP = "group"
    """As the umask has it, and the folder's group as it may in the folder; see `share`."""

    @property
    def mode(self) -> int:
        """What is asked of the kernel, which takes the umask off it."""
        return 0o600 if self is Access.PRIVATE else 0o666


def write(path: Path, content: Content, *, access: Access = Access.USUAL, durable: bool = False) -> None:
    """Write a file whole or not at all; one that is there is replaced at once.

    Parameters
    ----------
    path : Path
        Its folder exists.
    content : str, bytes or callable
        Text is written as UTF-8; bytes of file names that are no text survive.
    access : Access
    durable : bool
        Have the content on disk before the file gets its name: after a power cut it is whole, too.

    Raises
    ------
    OSError
        If it cannot be written; nothing has changed then.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write(Path(folder) / "a.txt", "first")
    ...     write(Path(folder) / "a.txt", lambda stream: stream.write(b"second"))
    ...     [(path.name, path.read_text()) for path in Path(folder).iterdir()]
    [('a.txt', 'second')]
    """
    with _beside(path, content, access, durable) as beside:
        beside.replace(path)


def write_new(path: Path, content: Content, *, access: Access = Access.USUAL, durable: bool = False) -> None:
    """Write a file that is not there yet, whole or not at all; parameters as of `write`.

    Raises
    ------
    FileExistsError
        If something has the name, be it a link to nothing.
    OSError
        If it cannot be written; nothing has changed then.
    """
    with _beside(path, content, access, durable) as beside:
        without_replacing(beside, path)


def write_over(path: Path, content: Content, require_own: Callable[[Path], object], *, durable: bool = False) -> None:
    """Write a file whole or not at all; one that is there is looked at when its turn has come, however long that took.

    Parameters
    ----------
    path : Path
        Its folder exists.
    content : str, bytes or callable
        As of `write`.
    require_own : callable
        Given where the earlier file is at that moment, it raises for one that is not to be replaced, which stays.
    durable : bool

    Raises
    ------
    OSError
        If it cannot be written; nothing has changed then.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> def require_short(earlier):
    ...     if earlier.stat().st_size > 5:
    ...         raise ValueError("it is long")
    >>> with TemporaryDirectory() as folder:
    ...     for content in ("first", "the second", "third"):
    ...         try:
    ...             write_over(Path(folder) / "a.txt", content, require_short)
    ...         except ValueError as error:
    ...             print(error, [path.read_text() for path in Path(folder).iterdir()])
    it is long ['the second']
    """
    with _beside(path, content, Access.USUAL, durable) as beside:
        with suppress(FileExistsError):
            without_replacing(beside, path)
            return
        if not exchange(beside, path):
            require_own(path)
            beside.replace(path)
            return
        try:
            require_own(beside)
        except BaseException:
            try:
                exchange(beside, path)
            except FileNotFoundError:  # somebody has removed the new one already; the earlier is not lost with it
                without_replacing(beside, path)
            raise


def write_together(contents: Mapping[Path, Content]) -> None:
    """Write files that say something of one another: none gets its name before all are written.

    Parameters
    ----------
    contents : mapping of Path to str, bytes or callable
        By place, in the order in which names are given; as of `write`.

    Raises
    ------
    OSError
        If one of them cannot be written; nothing has changed then.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_together({Path(folder) / "a.txt": "a", Path(folder) / "b.txt": "b"})
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['a.txt', 'b.txt']
    """
    with ExitStack() as later:
        written = {
            path: later.enter_context(_beside(path, content, Access.USUAL, durable=False))
            for path, content in contents.items()
        }
        for path, beside in written.items():
            beside.replace(path)


def remove_leftovers(path: Path, is_own: Callable[[bytes], bool]) -> None:
    """Remove what writers of a file left beside it that were killed.

    A function that writes holds a lock on its unfinished file, which ends with its process: what a living process
    writes stays, also that of another machine, and all of it where the file system knows no locks.

    Parameters
    ----------
    path : Path
        The file, under its own name.
    is_own : callable
        Whether bytes that a file begins with are those of such a file; empty for an empty one.
    """
    hidden = re.compile(re.escape(_hidden(path)) + "[0-9a-f]{32}")
    with suppress(OSError):
        for beside in path.parent.iterdir():
            if hidden.fullmatch(beside.name):
                _remove_leftover(beside, is_own)


def _remove_leftover(beside: Path, is_own: Callable[[bytes], bool]) -> None:
    """Remove an unfinished file that nobody writes, if it is one."""
    with suppress(OSError):
        handle = os.open(beside, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode) and is_own(os.read(handle, _HEAD)):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                beside.unlink()
        finally:
            os.close(handle)


def share(path: Path) -> None:
    """Let the group of the folder around a new file or folder do there what it may do in the folder.

    A project's folder says by its set-group-id bit and its mode that its group works together; a umask of 022 is the
    machine's habit. Where that cannot be done, nothing is lost but the sharing.
    """
    with suppress(OSError):
        around, own = path.parent.stat(), path.stat()
        if not around.st_mode & stat.S_IWGRP:
            return
        if own.st_gid != around.st_gid:
            os.chown(path, -1, around.st_gid)
        group = stat.S_IRWXG | stat.S_ISGID if stat.S_ISDIR(own.st_mode) else stat.S_IRGRP | stat.S_IWGRP
        path.chmod(stat.S_IMODE(own.st_mode) | (around.st_mode & group))


def exchange(first: Path, second: Path) -> bool:
    """Exchange two names in one step; False if that is not possible here, and nothing was done.

    Raises
    ------
    OSError
        If one of them is missing, or may not be renamed.
    """
    return _rename(first, second, _EXCHANGE)


def without_replacing(source: Path, target: Path) -> None:
    """Rename, unless something has the name already; where that is not possible, an empty folder may be replaced.

    Raises
    ------
    FileExistsError
        If something has the name, which is the one it tells.
    OSError
        If the rename fails otherwise.
    """
    try:
        if _rename(source, target, _NO_REPLACE) or _linked(source, target):
            return
        if target.is_symlink() or target.is_file():
            raise FileExistsError
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
    source.rename(target)


def _linked(source: Path, target: Path) -> bool:
    """Give a file another name and take away the first; False for folders, and where a file has one name only."""
    if source.is_dir():
        return False
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return False
    source.unlink()
    return True


def _hidden(path: Path) -> str:
    """How the hidden name begins that a file has while it is written."""
    own = os.fsencode(path.name)
    return f".{os.fsdecode(own[: max(_WHOLE, len(own) - _ADDED)])}."


@contextmanager
def _beside(path: Path, content: Content, access: Access, durable: bool) -> Iterator[Path]:
    """A file with this content under a hidden name, for the block to rename; removed if it was not."""
    beside, stream = _opened(path, access, lock=callable(content))
    try:
        with stream:
            if isinstance(content, str | bytes):
                stream.write(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
            else:
                content(stream)
            if durable:
                _flush(stream)
        if access is Access.GROUP:
            share(beside)
        yield beside
    finally:
        beside.unlink(missing_ok=True)


def _opened(path: Path, access: Access, lock: bool) -> tuple[Path, BinaryIO]:
    """A new file with a hidden name, open; with a lock, if it is to be known as one that somebody writes."""
    while True:
        beside = path.with_name(f"{_hidden(path)}{uuid.uuid4().hex}")
        stream = open(beside, "xb", opener=lambda name, flags: os.open(name, flags, access.mode))  # noqa: SIM115
        if not lock:
            return beside, stream
        with suppress(OSError):  # a file system without locks
            fcntl.flock(stream, fcntl.LOCK_SH)
        if os.fstat(stream.fileno()).st_nlink:
            return beside, stream
        stream.close()  # somebody took it for a leftover before it had its lock


def _flush(stream: BinaryIO) -> None:
    """Have what was written on disk, where the file system knows how to."""
    stream.flush()
    try:
        os.fsync(stream.fileno())
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise


def _rename(source: Path, target: Path, flag: int) -> bool:
    """Linux's renameat2; False if it, or the flag, is not known here."""
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    if not function(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), ctypes.c_uint(flag)):
        return True
    number = ctypes.get_errno()
    if number in _UNKNOWN:
        return False
    raise OSError(number, os.strerror(number), str(source), None, str(target))
