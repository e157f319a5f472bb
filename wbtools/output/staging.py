"""Unfinished folders: made with a marker that says whose they are, found again after a crash, removed or put in place.

A folder is made under a hidden name beside its final one, and has a marker until it has its name; an older copy gets
one just before it loses its name. So what lies under a hidden name is one of

- marked as unfinished: removed once the process that made it is gone;
- marked as whole: put in place if nothing has its name, else removed, once that process is gone;
- without a marker, with a record of the subject: put in place if nothing has its name, as early versions left it;
- anything else: somebody else's, as a copy that a user made. Left alone.

Nothing without a marker is ever removed.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import string
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wbtools import atomic
from wbtools.output.markers import Marker
from wbtools.output.ownership import MARKER, PROVENANCE, foreign, is_whole, not_as_made

logger = logging.getLogger(__name__)

_KEY = 8
ADDED = len(".") + len(".wbtools-12345678.old")
"""Characters that a hidden name adds to a folder's."""

_NAME = re.compile(r"\.(?P<name>.+?)\.(?P<ours>wbtools-)?[a-z0-9_]{8}(?P<old>\.old)?")
"""Hidden names. Early versions, and users, leave out the `wbtools-`; `.old` is an older copy between two renames."""
_ALPHABET = string.ascii_lowercase + string.digits
_FOREVER = 2 * 86400.0
"""Seconds after which an unfinished folder of another machine is no longer waited for, where nothing else is known."""


def make(out: Path, name: str) -> Path:
    """A new hidden folder beside the place of `name`, with its marker.

    It has the mode, the group and the access list that any new folder gets there. A signal leaves nothing, also one
    that comes while the folder is being made.
    """
    while True:
        folder = out / f".{name}.wbtools-{''.join(secrets.choice(_ALPHABET) for _ in range(_KEY))}"
        try:
            folder.mkdir()
            Marker.of(folder).write(folder)
        except FileExistsError:  # somebody else's
            continue
        except BaseException:
            discard(folder)
            raise
        return folder


def finish(folder: Path) -> None:
    """Say that an unfinished folder is whole now, and only lacks its name."""
    Marker.of(folder, whole=True).rewrite(folder)


def announce(final: Path, hidden: Path) -> None:
    """Mark an export that is about to be replaced as what it will be then: the older copy under a hidden name.

    Until it is, the marker is about another folder and counts for nothing.
    """
    unmark(final)
    with suppress(OSError):  # what may not be written to cannot be removed either
        Marker.of(hidden, whole=True).write(final)


def unmark(final: Path) -> None:
    """Take the marker away from a folder that has its name."""
    if Marker.lying_in(final) is not None:
        with suppress(OSError):
            (final / MARKER).unlink()


def aside(folder: Path) -> Path:
    """Where an older copy is between two renames."""
    return folder.with_name(f"{folder.name}.old")


def limits(folder: Path) -> tuple[int, int]:
    """Bytes of the longest name and the longest path in a folder."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX"), os.pathconf(folder, "PC_PATH_MAX")
    except OSError:
        return 255, 4096


def discard(folder: Path) -> bool:
    """Remove a folder; what says whose it is goes last, so that an interrupted removal can be taken up again.

    Links are removed, never followed. Gives whether all is gone.
    """
    if folder.is_symlink():
        return False
    with suppress(OSError):  # from here on nobody takes it for a whole copy
        Marker.of(folder).rewrite(folder)
    try:
        entries = sorted(folder.iterdir(), key=lambda path: (path.name == MARKER, path.name == PROVENANCE))
    except OSError:
        return not os.path.lexists(folder)
    for path in entries:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)  # NFS keeps open files as .nfsXXXX: next time
        else:
            with suppress(OSError):
                path.unlink()
    with suppress(OSError):
        folder.rmdir()
    return not os.path.lexists(folder)


def retire(older: Path, newer: Path) -> bool:
    """Remove an older copy of an export; what somebody else put into it goes into the newer one first.

    Files and links that are not on the older one's record, or not as it says, stay where they were; where the newer
    export has a file of that name, `.kept` is added. Gives whether all of the older copy is gone.
    """
    try:
        for name in not_as_made(older):
            target = newer / name
            target.parent.mkdir(parents=True, exist_ok=True)
            while os.path.lexists(target):
                target = target.with_name(f"{target.name}.kept")
            atomic.without_replacing(older / name, target)
            logger.warning("%s was not wbtools': kept as %s", name, target)
    except (OSError, ValueError) as error:
        logger.warning("%s stays, since not all in it is wbtools' and could be moved: %s", older, error)
        return False
    return discard(older)


@dataclass(frozen=True)
class Tidied:
    """What `tidy` did: names of folders that were removed, and of subjects whose only copy was put back in place."""

    removed: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    """Hidden folders that only look alike."""


def tidy(out: Path, subjects: Mapping[str, Sequence[str]], age: float = _FOREVER) -> Tidied:
    """Remove what crashes left of some subjects, and put back what a crash left under a hidden name only.

    Parameters
    ----------
    out : Path
        Folder of all exports.
    subjects : mapping of str to sequence of str
        By the names of their folders, the ids under which records may name them.
    age : float
        Seconds after which leftovers count whose process cannot be asked.
    """
    done: dict[str, list[str]] = {"removed": [], "restored": [], "ignored": []}
    for name in subjects:
        _tidy_marker(out / name)
    for found in sorted(_hidden(out, subjects), key=lambda hidden: (not hidden.old, hidden.folder)):
        act = found.act(age)
        if act(found.folder, found.final):
            told = "restored" if act is _restore else "ignored" if act is _leave else "removed"
            done[told].append((found.final if act is _restore else found.folder).relative_to(out).as_posix())
    return Tidied(**{told: tuple(paths) for told, paths in done.items()})


def _tidy_marker(final: Path) -> None:
    """Take away the marker that a crash left in an export that has its name."""
    marker = Marker.lying_in(final)
    found = _NAME.fullmatch(marker.folder) if marker is not None and marker.gone else None
    if found and found["name"] == final.name:
        unmark(final)


@dataclass(frozen=True)
class _Hidden:
    """A folder with the name of an unfinished one.

    Parameters
    ----------
    folder, final : Path
        Where it is, and the place that its name is about.
    subjects : tuple of str
    ours, old : bool
        Whether the name says that wbtools made it, and that it is an older copy.
    """

    folder: Path
    final: Path
    subjects: tuple[str, ...]
    ours: bool
    old: bool

    def act(self, age: float) -> _Act:
        """What is to be done with it."""
        old_enough = time.time() - touched(self.folder) >= age
        marker = Marker.read(self.folder)
        if marker is not None:
            if not (marker.gone or (marker.gone is None and old_enough)):
                return _wait
            return self._act_on_whole() if marker.whole else _remove
        if not foreign(self.folder, *self.subjects):
            return self._act_on_copy()
        return _remove_empty if self.ours and old_enough and _is_empty(self.folder) else _leave

    def _act_on_whole(self) -> _Act:
        """What is to be done with a whole folder whose process ended between two renames."""
        if not os.path.lexists(self.final):
            return _restore
        both = (self.folder, self.final)
        replaced = not any(foreign(folder, *self.subjects) for folder in both) and is_whole(self.final)
        return retire if replaced else _leave

    def _act_on_copy(self) -> _Act:
        """What is to be done with what carries the subject's record and no marker."""
        lost = not os.path.lexists(self.final) and (self.ours or self.old) and is_whole(self.folder)
        return _leave if not lost else _wait if self._in_work() else _restore

    def _in_work(self) -> bool:
        """Whether it is an older copy that a living process replaces at this moment."""
        marker = Marker.read(self.folder.with_suffix("")) if self.old else None
        return marker is not None and not marker.gone


def _hidden(out: Path, subjects: Mapping[str, Sequence[str]]) -> Iterator[_Hidden]:
    """Folders with the name of an unfinished one of these subjects; those of BIDS sessions lie in their subjects'."""
    inside: dict[str, dict[str, Sequence[str]]] = {}
    for path, ids in subjects.items():
        parent, _, name = path.rpartition("/")
        inside.setdefault(parent, {})[name] = ids
    for parent, names in inside.items():
        if not parent or not (out / parent).is_symlink():
            yield from _hidden_in(out / parent, names)


def _hidden_in(out: Path, subjects: Mapping[str, Sequence[str]]) -> Iterator[_Hidden]:
    """The same directly in one folder."""
    try:
        with os.scandir(out) as entries:
            for entry in entries:
                found = _NAME.fullmatch(entry.name) if entry.name[0] == "." else None
                if found and found["name"] in subjects and entry.is_dir(follow_symlinks=False):
                    name = found["name"]
                    yield _Hidden(
                        Path(entry.path), out / name, tuple(subjects[name]), bool(found["ours"]), bool(found["old"])
                    )
    except OSError:  # it is not there, or may not be listed
        return


_Act = Callable[[Path, Path], bool]


def _remove(folder: Path, final: Path) -> bool:
    return discard(folder)


def _remove_empty(folder: Path, final: Path) -> bool:
    with suppress(OSError):
        folder.rmdir()
    return not folder.exists()


def _restore(folder: Path, final: Path) -> bool:
    with suppress(OSError):  # somebody else was quicker
        atomic.without_replacing(folder, final)
        unmark(final)
        return True
    return False


def _leave(folder: Path, final: Path) -> bool:
    return True


def _wait(folder: Path, final: Path) -> bool:
    return False


def _is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError:
        return False


def touched(path: Path) -> float:
    """When something was last made in a folder or directly below."""
    try:
        return max(entry.lstat().st_mtime for entry in (path, *path.iterdir()))
    except OSError:
        return time.time()
