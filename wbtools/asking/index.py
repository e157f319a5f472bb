"""An index: codes or embeddings of many images by one network, and what is known of each image, in one file.

The file is one of numpy's `.npz` archives, not compressed: `header.npy` and `items.npy` hold text (JSON, and the table
of the data set), `vectors.npy` the codes or embeddings, `fingerprints.npy` what tells the very same image,
`pictures.npy` a small picture of each image. Nothing in it is executed; sizes are compared with the header before
memory is taken.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from wbtools.asking.embedding import Kind, Vectors
from wbtools.asking.fingerprints import LENGTH
from wbtools.asking.pictures.thumbnails import HEIGHT, WIDTH
from wbtools.datasets import Item
from wbtools.datasets import items as table
from wbtools.datasets.manifest import NAME as MANIFEST
from wbtools.errors import InputError, MissingFile, UnreadableFile
from wbtools.images.arrays import NPY_FORMAT, require_plain
from wbtools.images.diagnosis import ARRAY_DAMAGE, require_file
from wbtools.text import line, shell
from wbtools.version import __version__

FORMAT = 1
"""Version of the file's form."""

_HEADER, _ITEMS, _VECTORS, _PICTURES, _PRINTS = (
    "header.npy",
    "items.npy",
    "vectors.npy",
    "pictures.npy",
    "fingerprints.npy",
)
_LARGEST_HEADER = 1 << 20
_LARGEST_TABLE = 1 << 30
_MOST_VALUES = 1 << 20
_MOST_IMAGES = 1 << 31
_ARRAY_HEADER = 10_000  # bytes; numpy's own limit
_MADE = (1980, 1, 1, 0, 0, 0)  # the same content gives the same file
_ZIP, _LOCAL = b"PK\x03\x04", 30
"""How a member of an archive begins, and the bytes before its name."""
_REMAKE = "make it again with wbtools index"
_DAMAGES = (
    *(zipfile.BadZipFile, TypeError, NotImplementedError, RecursionError),
    *(damage for damage in ARRAY_DAMAGE if damage is not OSError),  # the file system's
)


@dataclass(frozen=True)
class Header:
    """What an index is.

    Parameters
    ----------
    kind : Kind
    length : int
        Bits of a code, values of an embedding.
    count : int
        Of images.
    model, title, model_sha256 : str
        Name and title on the network's card, and what identifies its file.
    notice : str
        Of its card.
    data_sha256 : str
        Of the data set.
    synthetic : bool
        Whether the data set says that nobody was scanned for it.
    pictures : bool
        Whether there are small pictures.
    preparation : mapping
        How the images were made, as `wbtools.asking.prepared` has it; empty in indexes of older wbtools.
    notices : tuple of str
        Of subjects whose images these are, as `Manifest.notices` has them.

    Raises
    ------
    InputError
        If a number is none that an index can have.
    """

    kind: Kind
    length: int
    count: int
    model: str
    title: str
    model_sha256: str
    notice: str = ""
    data_sha256: str = ""
    synthetic: bool = False
    pictures: bool = False
    preparation: Mapping[str, object] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.length <= _MOST_VALUES or not 0 < self.count <= _MOST_IMAGES:
            raise InputError(f"{self.count} vectors of {self.length} values are no index")

    @property
    def unit(self) -> str:
        """Distances, in words."""
        return "bits that differ" if self.kind is Kind.CODES else "cosine distance"

    @property
    def shape(self) -> tuple[int, int]:
        """Of all vectors."""
        return (self.count, self.kind.stored(self.length))

    def dumps(self) -> str:
        """As JSON."""
        record = {
            "wbtools": __version__,
            "index": FORMAT,
            "kind": self.kind.value,
            "length": self.length,
            "count": self.count,
            "model": {"name": self.model, "title": self.title, "sha256": self.model_sha256, "notice": self.notice},
            "data": {"sha256": self.data_sha256, "synthetic": self.synthetic, "notices": list(self.notices)},
            "pictures": self.pictures,
            "preparation": dict(self.preparation),
        }
        return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def loads(cls, text: str) -> Header:
        """Read such a text; InputError or what `_DAMAGES` lists for anything else."""
        found = json.loads(text)
        if not isinstance(found, dict) or "index" not in found:
            raise ValueError("its header is none of an index")
        if found["index"] != FORMAT:
            raise InputError(
                f"it has the form {line(found['index'], 20)}, this wbtools reads {FORMAT}",
                hint=f"update wbtools, or {_REMAKE}",
            )
        json.dumps(found, ensure_ascii=False).encode()  # half a character is text that no output can hold
        model, data = found["model"], found["data"]
        return cls(
            Kind(found["kind"]),
            int(found["length"]),
            int(found["count"]),
            str(model["name"]),
            str(model["title"]),
            str(model["sha256"]),
            str(model["notice"]),
            str(data["sha256"]),
            data["synthetic"] is True,
            found["pictures"] is True,
            dict(found.get("preparation", {})),
            tuple(map(str, data.get("notices", []))),
        )


@dataclass(frozen=True, eq=False)
class Index:
    """Many images, by one network.

    Parameters
    ----------
    header : Header
    items : tuple of Item
    vectors : ndarray, (N, S)
    fingerprints : ndarray, (N, LENGTH)
        As in `wbtools.asking.fingerprints`.
    path : Path or None
        The file; None if it is in memory alone.
    """

    header: Header
    items: tuple[Item, ...]
    vectors: Vectors
    fingerprints: NDArray[np.float32]
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the columns of labels."""
        return tuple(self.items[0].labels)

    def pictures(self, rows: Sequence[int]) -> NDArray[np.uint8] | None:
        """Small pictures of some images, (K, HEIGHT, WIDTH); None if the file has none.

        Raises
        ------
        InputError
            If the file was changed or damaged.
        """
        if self.path is None or not self.header.pictures:
            return None
        with _reading(self.path) as archive:
            offset = _offset(archive, _PICTURES, (self.header.count, HEIGHT, WIDTH), "uint8")
            shape = (self.header.count, HEIGHT, WIDTH)
            stored = np.memmap(self.path, np.uint8, "r", offset, shape)
            return np.array(stored[np.asarray(rows, np.int64)])


def write(
    stream: BinaryIO,
    items: Sequence[Item],
    pictures: Iterable[NDArray[np.uint8]] | None,
    finish: Callable[[], tuple[Header, Vectors, NDArray[np.float32]]],
) -> None:
    """Write an index into an open file.

    Parameters
    ----------
    stream : binary file
    items : sequence of Item
    pictures : iterable of ndarray, (K, HEIGHT, WIDTH), or None
        Small pictures of all images, some at a time: they are written as they come.
    finish : callable
        Gives header, vectors and fingerprints, once the pictures are through.
    """
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        if pictures is not None:
            _write(archive, _PICTURES, (len(items), HEIGHT, WIDTH), "uint8", pictures)
        header, vectors, prints = finish()
        _write(archive, _VECTORS, header.shape, header.kind.dtype, [vectors])
        _write(archive, _PRINTS, prints.shape, "float32", [prints])
        for name, text in ((_ITEMS, table.dumps(items)), (_HEADER, header.dumps())):
            content = np.frombuffer(text.encode(), np.uint8)
            _write(archive, name, content.shape, "uint8", [content])


def _write(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: str, parts: Iterable[NDArray[Any]]
) -> None:
    """Write an array, part by part."""
    described = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    with archive.open(zipfile.ZipInfo(name, _MADE), "w", force_zip64=True) as member:
        NPY_FORMAT.write_array_header_1_0(member, described)
        for part in parts:
            member.write(np.ascontiguousarray(part, dtype).data.cast("B"))


def read(path: Path) -> Index:
    """Read an index; its pictures stay in the file.

    Raises
    ------
    InputError
        If it is none, damaged, or of another version.
    """
    with _reading(path) as archive:
        header = _header(archive)
        text = _array(archive, _ITEMS, None, "uint8", _LARGEST_TABLE).tobytes().decode()
        items = table.loads(text)
        if len(items) != header.count:
            raise ValueError(f"{len(items)} lines for {header.count} images")
        vectors = _array(archive, _VECTORS, header.shape, header.kind.dtype)
        prints = _array(archive, _PRINTS, (header.count, LENGTH), "float32")
        if header.pictures:
            _offset(archive, _PICTURES, (header.count, HEIGHT, WIDTH), "uint8")
    if not np.isfinite(prints).all() or not header.kind.holds(vectors, header.length):
        raise InputError(f"{path} is damaged: it holds {header.kind.value} that no network gives", hint=_REMAKE)
    return Index(header, items, vectors, prints, path)


def begins_as_index(head: bytes) -> bool:
    r"""Whether an unfinished file that begins with these bytes was to become an index; an empty one counts.

    Examples
    --------
    >>> begins_as_index(b""), begins_as_index(b"PK\x03\x04" + bytes(26) + b"pictures.npy"), begins_as_index(b"{}")
    (True, True, False)
    """
    first = head[_LOCAL:].startswith((_PICTURES.encode(), _VECTORS.encode()))
    return not head or (head.startswith(_ZIP) and first)


def is_index(path: Path) -> bool:
    """Whether a file is an index of whichever version; nothing but its header is read."""
    try:
        with zipfile.ZipFile(path) as archive:
            text = _array(archive, _HEADER, None, "uint8", _LARGEST_HEADER).tobytes().decode()
            return "index" in json.loads(text)
    except (OSError, *_DAMAGES):
        return False


@contextmanager
def _reading(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive, and say in a sentence what is wrong with it."""
    given = "give the file that wbtools index made"
    if path.is_dir():
        raise InputError(f"{path} is a folder, and an index is a file", hint=f"{given}{_of_data(path)}")
    try:
        require_file(path)
    except MissingFile as error:
        raise error.hinting(given) from None
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGES:
        raise InputError(f"{path} is no index of wbtools", hint=given) from None
    except OSError as error:
        raise UnreadableFile(path, error) from None
    with archive:
        try:
            yield archive
        except InputError as error:
            raise error.about(path, hint=error.hint or _REMAKE) from None
        except KeyError:  # a zip archive of something else, as a checkpoint is
            raise InputError(f"{path} is no index of wbtools", hint=given) from None
        except _DAMAGES as error:
            raise InputError(f"{path} is damaged: {line(error, 100)}", hint=_REMAKE) from None
        except OSError as error:
            raise UnreadableFile(path, error, hint=_REMAKE) from None


def _of_data(folder: Path) -> str:
    """How an index of a data set is made, if the folder is one."""
    if not (folder / MANIFEST).is_file():
        return ""
    return f"; of this data set: wbtools index {shell(folder)} --model RUN --out FILE"


def _header(archive: zipfile.ZipFile) -> Header:
    return Header.loads(_array(archive, _HEADER, None, "uint8", _LARGEST_HEADER).tobytes().decode())


def _array(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...] | None, dtype: str, most: int | None = None
) -> NDArray[Any]:
    """An array of the archive, whose checksum is right; of any length up to `most` bytes where no shape is given."""
    with archive.open(_stored(archive, name)) as member:
        found = _described(member, name, dtype, archive.getinfo(name).file_size)
        if shape is not None and found != shape:
            raise ValueError(f"{name} has the shape {found}, not {shape}")
        if shape is None and (len(found) != 1 or found[0] > (most or 0)):
            raise ValueError(f"{name} has the shape {found}")
        content = member.read()
    return np.frombuffer(content, np.dtype(dtype)).reshape(found)


def _stored(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """A member that is stored as it is; ValueError for anything else."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 or info.compress_size != info.file_size:
        raise ValueError(f"{name} is not stored as wbtools stores it")
    return info


def _described(member: IO[bytes], name: str, dtype: str, size: int) -> tuple[int, ...]:
    """The shape in an array's header, if the array has the type and its member the size that it says."""
    require_plain(member, name)
    if NPY_FORMAT.read_magic(member) != (1, 0):
        raise ValueError(f"{name} is no array of the known form")
    shape, fortran, kind = NPY_FORMAT.read_array_header_1_0(member, max_header_size=_ARRAY_HEADER)
    found = tuple(int(length) for length in shape)
    values = int(np.prod(np.array(found, object))) if found else 1
    if kind != np.dtype(dtype) or (fortran and len(found) > 1) or min(found, default=0) < 0:
        raise ValueError(f"{name} holds {kind}")
    if member.tell() + values * kind.itemsize != size:
        raise ValueError(f"{name} is shorter or longer than it says")
    return found


def _offset(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: str) -> int:
    """Where the values of an array begin in the file."""
    info = _stored(archive, name)
    with archive.open(info) as member:
        if (found := _described(member, name, dtype, info.file_size)) != shape:
            raise ValueError(f"{name} has the shape {found}, not {shape}")
        inside = member.tell()
    file = archive.fp
    if file is None:
        raise ValueError("it is closed")
    file.seek(info.header_offset)
    local = file.read(_LOCAL)
    if len(local) != _LOCAL or not local.startswith(_ZIP):
        raise ValueError(f"{name} does not begin where it should")
    begins = info.header_offset + 30 + int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
    end = file.seek(0, 2)
    if begins + info.file_size > end:
        raise ValueError(f"{name} ends beyond the file")
    return begins + inside
