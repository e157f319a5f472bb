"""A data set while it is made: row by row, by several processes, and after a crash where it had got to.

The folder holds `dataset.unfinished.json` (what is made), the array under a hidden name, and a line for every row that
is on disk. `dataset.json` comes last. The bytes do not depend on the order of the rows or on interruptions. What has
the name of a file of a data set is only replaced if the unfinished one has noted its hash: others are somebody else's.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, BinaryIO

from numpy.typing import NDArray

from wbtools import atomic
from wbtools.batch import pieces
from wbtools.datasets import items as table
from wbtools.datasets.dataset import DataSet, open_data
from wbtools.datasets.items import Item
from wbtools.datasets.manifest import IMAGES, ITEMS, NAME, UNFINISHED, Kind
from wbtools.datasets.plan import Notes, Plan, Row, opened, write_row
from wbtools.errors import InputError
from wbtools.errors.system import writing
from wbtools.output.destination import require_writable
from wbtools.output.ownership import read_plain
from wbtools.provenance import sha256

ROWS = ".images.unfinished.npy"
KEPT = ".images.kept.npy"
"""The array without the rows that were left out, before it gets its name."""
DONE = ".done.jsonl"
PIECES = ".pieces"
"""Folder of what other machines made of it (`wbtools.datasets.piecewise`)."""
_NO_ROOM_FORETOLD = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
"""What file systems answer that cannot reserve room."""
_BLOCK = 1 << 24


class Draft:
    """A data set that is being made, locked against other processes that would make it; close it, or use `with`.

    Parameters
    ----------
    folder : Path
    plan : Plan
    stamps : sequence of str
        Of the files that each row is made of; what was made of others is made again.

    Raises
    ------
    InputError
        If the folder holds anything but a draft of the same plan, or another process is at work there.
    """

    def __init__(self, folder: Path, plan: Plan, stamps: Sequence[str] = ()) -> None:
        require_place(folder)
        self.folder, self.plan = folder, plan
        self.stamps = stamps or [""] * plan.count
        self._later = ExitStack()
        try:
            with writing(folder, begun=False):
                folder.mkdir(parents=True, exist_ok=True)
                self._lock()
                self._begin()
                self.done = self._known()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the draft as it is, for a later process to resume."""
        self._later.close()

    @property
    def rows(self) -> Path:
        """The file with the array."""
        return self.folder / ROWS

    @property
    def missing(self) -> list[int]:
        """Rows that have not been dealt with."""
        return [place for place in range(self.plan.count) if place not in self.done]

    @property
    def pieces(self) -> Path:
        """The folder of what other machines make of it."""
        return self.folder / PIECES

    def put(self, place: int, image: NDArray[Any], remarks: Sequence[str] = ()) -> None:
        """Write an image into its row, and note that it is there."""
        self.note([Row(place, write_row(self.rows, self.plan, place, image), "", tuple(remarks))])

    def forget_refused(self) -> None:
        """Have rows that were left out tried again."""
        self.done = {place: row for place, row in self.done.items() if not row.refused}

    def note(self, rows: Sequence[Row]) -> None:
        """Note rows as dealt with, once what `write_row` wrote for them is on disk."""
        rows = [replace(row, stamp=self.stamps[row.place]) for row in rows]
        with writing(self.folder):
            _sync(self.rows)
            with (self.folder / DONE).open("a", encoding="utf-8") as stream:
                stream.write("".join(row.dumps() for row in rows))
                stream.flush()
                os.fsync(stream.fileno())
        self.done.update({row.place: row for row in rows})

    def finish(self, items: Sequence[Item], left_out: Mapping[str, str] | None = None) -> DataSet:
        """Make it a data set, of the rows that were not left out.

        Parameters
        ----------
        items : sequence of Item
            Of all rows, in their order; row and SHA-256 are set here.
        left_out : mapping of str to str, optional
            Why something never got a row, by its source.

        Raises
        ------
        InputError
            If no row is left.
        """
        if self.missing or len(items) != self.plan.count:
            raise ValueError(f"{len(self.missing)} of {self.plan.count} rows are missing, {len(items)} items are given")
        kept = [place for place in range(self.plan.count) if not self.done[place].refused]
        if not kept:
            raise InputError("no image is left", hint="see why each was left out")
        named = [replace(items[place], row=row, sha256=self.done[place].sha256) for row, place in enumerate(kept)]
        with writing(self.folder):
            array, text = self._array(kept), table.dumps(named)
            hashes = {IMAGES: sha256(array), ITEMS: _sha256(text)}
            notes = self._notes(items, left_out or {})
            manifest = self.plan.manifest(len(kept), hashes[IMAGES], hashes[ITEMS], notes).dumps()
            pieces.remove(self.pieces)
            self._publish(array, {ITEMS: text, NAME: manifest}, {**hashes, NAME: _sha256(manifest)})
            for name in (ROWS, KEPT, DONE, UNFINISHED):
                (self.folder / name).unlink(missing_ok=True)
        return open_data(self.folder)

    def _notes(self, items: Sequence[Item], left_out: Mapping[str, str]) -> Notes:
        refused = {items[row.place].source: row.refused for row in self.done.values() if row.refused}
        said: dict[str, list[str]] = {}
        for place, row in sorted(self.done.items()):
            source = items[place].source
            for remark in () if row.refused else row.remarks:
                said.setdefault(_unnamed(remark, source), []).append(source)
        remarks = {remark: tuple(sources) for remark, sources in sorted(said.items())}
        return Notes(dict(sorted({**left_out, **refused}.items())), remarks)

    def _lock(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._later.callback(os.close, handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"another process is making the data set {self.folder}", hint="wait for it, or choose another --out"
            ) from None
        except OSError:  # a file system without locks
            return

    def _begin(self) -> None:
        """Make the files of a draft, or find those of the same plan."""
        path, text = self.folder / UNFINISHED, self.plan.dumps()
        if path.exists():
            if read_plain(path).decode(errors="replace").partition("\n")[0] != text.rstrip("\n"):
                raise InputError(
                    f"{self.folder} holds an unfinished data set of other inputs, settings or code",
                    hint="remove the folder, or choose another --out",
                )
            self._take_back()
        else:
            require_place(self.folder)
            atomic.write_new(path, text, durable=True)
        if not self.rows.exists():
            atomic.write(self.rows, self._reserve)
            (self.folder / DONE).unlink(missing_ok=True)

    def _take_back(self) -> None:
        """After a crash while it was finished: files that have their names already lose them again."""
        _require_own(self.folder)
        images = self.folder / IMAGES
        if images.exists() and not self.rows.exists():
            images.rename(self.rows)
        for name in (NAME, ITEMS, IMAGES):
            (self.folder / name).unlink(missing_ok=True)

    def _reserve(self, stream: BinaryIO) -> None:
        """The array with nothing in it, all of its room reserved, so that a full disk is noticed at once."""
        header = self.plan.header(self.plan.count)
        stream.write(header)
        stream.flush()
        size = len(header) + self.plan.count * self.plan.row_bytes
        try:
            os.posix_fallocate(stream.fileno(), 0, size)
        except OSError as error:
            if error.errno not in _NO_ROOM_FORETOLD:
                raise
            os.truncate(stream.fileno(), size)

    def _known(self) -> dict[int, Row]:
        """Rows that are on disk; a line that a crash cut off is removed."""
        path = self.folder / DONE
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return {}
        whole = content[: content.rfind(b"\n") + 1]
        try:
            rows = [Row.loads(text) for text in whole.decode().splitlines()]
        except (ValueError, TypeError):
            raise InputError(f"{path} is damaged", hint=f"remove {self.folder}, and begin again") from None
        if whole != content:
            os.truncate(path, len(whole))
        known = {row.place: row for row in rows if row.place < self.plan.count}
        return {place: row for place, row in known.items() if row.stamp == self.stamps[place]}

    def _array(self, kept: Sequence[int]) -> Path:
        """The file with the finished array, on disk: without the rows that were left out."""
        if len(kept) == self.plan.count:
            _sync(self.rows)
            return self.rows
        atomic.write(self.folder / KEPT, lambda stream: self._copy(stream, kept), durable=True)
        return self.folder / KEPT

    def _publish(self, array: Path, texts: Mapping[str, str], hashes: Mapping[str, str]) -> None:
        """Give files their names, in this order, once their hashes are noted; nothing that has one is replaced."""
        noted = self.plan.dumps() + json.dumps(hashes) + "\n"
        atomic.write(self.folder / UNFINISHED, noted, durable=True)
        try:
            atomic.without_replacing(array, self.folder / IMAGES)
            for name, text in texts.items():
                atomic.write_new(self.folder / name, text, durable=True)
        except FileExistsError:
            _require_own(self.folder)
            raise

    def _copy(self, stream: BinaryIO, kept: Sequence[int]) -> None:
        stream.write(self.plan.header(len(kept)))
        begin, size = len(self.plan.header(self.plan.count)), self.plan.row_bytes
        with self.rows.open("rb") as source:
            for place in kept:
                source.seek(begin + place * size)
                for start in range(0, size, _BLOCK):
                    stream.write(source.read(min(_BLOCK, size - start)))


def require_place(folder: Path) -> None:
    """Require that a data set can be made in a folder: it is missing, empty, or holds an unfinished one.

    Raises
    ------
    InputError
        Naming what is there.
    """
    require_writable(folder, "--out")
    if not folder.exists():
        return
    if (folder / UNFINISHED).exists():
        _require_own(folder)
        return
    if (folder / NAME).exists():
        raise InputError(f"{folder} holds a data set already", hint="remove it, or choose another --out")
    there = next((path for path in sorted(folder.iterdir())), None)
    if there is not None:
        raise InputError(f"{folder} is not empty: it holds {there.name}", hint="choose another --out")


def write_data(
    folder: Path,
    kind: Kind,
    images: NDArray[Any],
    items: Sequence[Item],
    card: Mapping[str, Any] | None = None,
    *,
    synthetic: bool = False,
) -> DataSet:
    """Write images that are in memory as a data set.

    Parameters
    ----------
    folder : Path
        Missing, or empty.
    kind : Kind
    images : ndarray, (N, C, ...)
        Of the kind's type.
    items : sequence of Item
        One for every image; row and SHA-256 are set here.
    card : mapping, optional
        As in `Manifest`.
    synthetic : bool
        Whether nobody was scanned for them; whatever is made of the data set says so.
    """
    settings = {"synthetic": True} if synthetic else None
    with Draft(folder, Plan(kind, tuple(images.shape[1:]), len(images), card or {}, "array", settings)) as draft:
        draft.note([Row(row, write_row(draft.rows, draft.plan, row, image)) for row, image in enumerate(images)])
        return draft.finish(items)


def _require_own(folder: Path) -> None:
    """Require that an unfinished data set has made what has the name of a file of a data set.

    Raises
    ------
    InputError
        Naming what it has not made.
    """
    _, _, noted = read_plain(folder / UNFINISHED).decode(errors="replace").partition("\n")
    try:
        hashes = dict(json.loads(noted)) if noted else {}
    except (ValueError, TypeError):
        hashes = {}
    for name in (IMAGES, ITEMS, NAME):
        path = folder / name
        if os.path.lexists(path) and (path.is_symlink() or not path.is_file() or sha256(path) != hashes.get(name)):
            raise InputError(
                f"{path} was not made by the unfinished data set in this folder, and is not replaced",
                hint="move it elsewhere, or choose another --out",
            )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _unnamed(remark: str, source: str) -> str:
    """What is said of an image without the name of its file: what is said of many is the same then.

    Examples
    --------
    >>> _unnamed("a.nii.gz: no unit", "sub-01/a.nii.gz"), _unnamed("turned", "a.nii.gz")
    ('no unit', 'turned')
    """
    return remark.removeprefix(f"{PurePosixPath(source.partition('#')[0]).name}: ")


def _sync(path: Path) -> None:
    """Have a file on disk."""
    with opened(path) as handle:
        os.fsync(handle)
