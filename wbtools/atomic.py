"""Files and renames that never replace anything, and the exchange of two names where kernel and disk have it."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
from pathlib import Path

_AT_FDCWD = -100
_NO_REPLACE, _EXCHANGE = 1, 2
_UNKNOWN = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.ENOTTY, errno.EXDEV}


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False if that is not possible here, and nothing was done.

    Raises
    ------
    OSError
        If one of them is missing, or may not be renamed.
    """
    return _rename(one, other, _EXCHANGE)


def without_replacing(source: Path, target: Path) -> None:
    """Rename, unless something has the name already; where that is not possible, an empty folder may be replaced.

    Raises
    ------
    OSError
        If something has the name, or the rename fails otherwise.
    """
    if _rename(source, target, _NO_REPLACE):
        return
    if not source.is_dir():
        try:
            target.hardlink_to(source)
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise
        else:
            source.unlink()
            return
    if target.is_symlink() or target.is_file():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, whole or not at all.

    Raises
    ------
    FileExistsError
        If something has the name, be it a link to nothing.
    """
    beside = path.with_name(f".{path.name[:200]}.wbtools-{secrets.token_hex(8)}")
    try:
        with beside.open("xb") as stream:
            stream.write(content)
        without_replacing(beside, path)
    finally:
        beside.unlink(missing_ok=True)


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
