"""Reading of GIFTI files: metadata, label table and selected arrays, with bounded memory."""

from __future__ import annotations

import binascii
import re
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Colour, Hemisphere
from wbtools.errors import InputError
from wbtools.images import limits
from wbtools.images.bounded_xml import Attributes, XmlFault, parse
from wbtools.images.stream import InputStream
from wbtools.text import line

WANTED = "GIFTI file"
POINTS, TRIANGLES, LABEL = "NIFTI_INTENT_POINTSET", "NIFTI_INTENT_TRIANGLE", "NIFTI_INTENT_LABEL"
STRUCTURE = "AnatomicalStructurePrimary"

LabelTable = dict[int, tuple[str, Colour]]
"""Name and colour by key."""

_TYPES = {
    "NIFTI_TYPE_UINT8": "u1", "NIFTI_TYPE_INT8": "i1", "NIFTI_TYPE_INT16": "i2", "NIFTI_TYPE_UINT16": "u2",
    "NIFTI_TYPE_INT32": "i4", "NIFTI_TYPE_UINT32": "u4", "NIFTI_TYPE_INT64": "i8", "NIFTI_TYPE_UINT64": "u8",
    "NIFTI_TYPE_FLOAT32": "f4", "NIFTI_TYPE_FLOAT64": "f8",
}  # fmt: skip
_EXTERNAL = "ExternalFileBinary"
_ENCODINGS = ("ASCII", "Base64Binary", "GZipBase64Binary", _EXTERNAL)
_AXES = 6  # the most that GIFTI allows
_WORD = 64  # characters of a number, at most
_WORDS = 2**20  # characters of text that are converted at a time
_UNSPECIFIED = {"", "unknown", "other", "invalid", "none"}


@dataclass(frozen=True, eq=False)
class Array:
    """A data array of a GIFTI file.

    Parameters
    ----------
    intent : str
    data : ndarray
        In the shape that its attributes give.
    meta : mapping of str to str
    space : str
        The coordinate system of points (`DataSpace`); empty if the file does not give it.
    """

    intent: str
    data: NDArray[Any]
    meta: Mapping[str, str]
    space: str


@dataclass(frozen=True, eq=False)
class Document:
    """The content of a GIFTI file.

    Parameters
    ----------
    meta : mapping of str to str
        The metadata of the file.
    labels : dict of int to (str, Colour)
    arrays : tuple of Array
        Those with a requested intent, in the file's order.
    """

    meta: Mapping[str, str]
    labels: LabelTable
    arrays: tuple[Array, ...]

    @property
    def structure(self) -> str:
        """The structure that the file belongs to; empty if the file does not name it.

        The metadata of point arrays take precedence over those of other arrays, and these over the file's.
        """
        ordered = sorted(self.arrays, key=lambda array: array.intent != POINTS)
        named = (meta.get(STRUCTURE, "").strip() for meta in (*(array.meta for array in ordered), self.meta))
        return next((name for name in named if name.lower() not in _UNSPECIFIED), "")


def read(path: Path, intents: Collection[str] | None = None) -> Document:
    """Read a GIFTI file.

    Parameters
    ----------
    path : Path
        May be compressed with gzip as a whole.
    intents : collection of str, optional
        Intents of the arrays to read; the data of other arrays are skipped.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another format, keeps its data in another file, or exceeds `limits`.
    """
    with InputStream(path, WANTED) as stream:
        builder = _Builder(path, intents)
        try:
            parse(stream.chunks(limits.XML_SIZE), builder.start, builder.end, builder.text)
            builder.require_gifti()
        except XmlFault as fault:
            raise stream.damaged(str(fault)) from None
    return Document(builder.meta, builder.labels, tuple(builder.arrays))


def require_hemisphere(path: Path, document: Document, hemisphere: Hemisphere | None) -> None:
    """Raise InputError if a file names another cortical structure than the expected hemisphere."""
    declared = document.structure
    if hemisphere and declared.startswith("Cortex") and declared != hemisphere.cortex.gifti:
        raise InputError(
            f"{path} says it is {quoted(declared)}, not {hemisphere.cortex.gifti}", hint="swap the file names back"
        )


def quoted(text: str) -> str:
    """A text from a file, shortened and made printable for use in a message."""
    return line(text, 40)


@dataclass
class _PendingArray:
    """An array whose attributes are known and whose data are still being collected."""

    intent: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    encoding: str
    column_major: bool
    wanted: bool
    meta: dict[str, str] = field(default_factory=dict)
    space: str = ""
    text: bytearray = field(default_factory=bytearray)

    @cached_property
    def count(self) -> int:
        """Number of values in the array."""
        return int(np.prod(self.shape, dtype=object))

    @cached_property
    def size(self) -> int:
        """Size of the decoded array in bytes."""
        return self.count * self.dtype.itemsize

    @cached_property
    def longest(self) -> int:
        """The most characters that can encode the array: incompressible data grow a little, and there are line ends."""
        return 1000 + (self.count * _WORD if self.encoding == "ASCII" else 2 * self.size)


class _Builder:
    """Collects metadata, labels and arrays from parser events."""

    def __init__(self, path: Path, intents: Collection[str] | None) -> None:
        self.path, self.intents = path, intents
        self.meta: dict[str, str] = {}
        self.labels: LabelTable = {}
        self.arrays: list[Array] = []
        self._root = ""
        self._pending: _PendingArray | None = None
        self._values = 0
        self._attributes: Attributes = {}
        self._open = ""
        self._kept: list[str] = []
        self._length = 0
        self._name = ""

    def start(self, name: str, attributes: Attributes) -> None:
        """Handle a start tag."""
        self._root = self._root or name
        self.require_gifti()
        self._open, self._kept, self._length = name, [], 0
        if name == "DataArray":
            self._pending = self._pending_array(attributes)
        elif name == "Label":
            self._attributes = attributes
        elif name == "MD":
            self._name = ""

    def text(self, text: str) -> None:
        """Handle text inside the current element."""
        if self._open == "Data" and self._pending is not None:
            self._extend(self._pending, text)
        elif self._open in {"Name", "Value", "Label", "DataSpace"} and self._length < limits.XML_TEXT:
            self._kept.append(text[: limits.XML_TEXT])
            self._length += len(text)

    def end(self, name: str) -> None:
        """Handle an end tag."""
        text, self._open = "".join(self._kept).strip(), ""
        self._kept, self._length = [], 0
        if name == "Name":
            self._name = text
        elif name == "Value":
            (self._pending.meta if self._pending else self.meta)[self._name] = text
        elif name == "Label":
            key, colour = _key_and_colour(self._attributes)
            self.labels[key] = text, colour
        elif name == "DataSpace" and self._pending:
            self._pending.space = self._pending.space or text
        elif name == "DataArray" and self._pending:
            if self._pending.wanted:
                pending = self._pending
                self.arrays.append(Array(pending.intent, _decoded(pending), pending.meta, pending.space))
            self._pending = None

    def require_gifti(self) -> None:
        """Raise XmlFault unless the root element is `GIFTI`."""
        if self._root != "GIFTI":
            raise XmlFault("its XML is not that of GIFTI")

    def _pending_array(self, attributes: Attributes) -> _PendingArray:
        """The array that these attributes announce; XmlFault if it cannot be read."""
        intent, kind = attributes.get("Intent", ""), attributes.get("DataType", "")
        encoding = attributes.get("Encoding", "")
        wanted = self.intents is None or intent in self.intents
        if wanted and (encoding == _EXTERNAL or attributes.get("ExternalFileName", "").strip()):
            raise InputError(
                f"{self.path} keeps its numbers in another file (ExternalFileName), which is not read",
                hint="put them inside: wb_command -gifti-convert GZIP_BASE64_BINARY IN OUT",
            )
        if kind not in _TYPES or encoding not in _ENCODINGS:
            raise XmlFault(f"it has an array of type '{quoted(kind)}' in encoding '{quoted(encoding)}'")
        shape = _shape(attributes)
        if wanted:
            self._values += int(np.prod(shape, dtype=object))
        if self._values > limits.VALUES:
            raise XmlFault(f"its arrays have {self._values:,} numbers; {limits.VALUES:,} are the most that are read")
        order = ">" if attributes.get("Endian") == "BigEndian" else "<"
        column_major = attributes.get("ArrayIndexingOrder") == "ColumnMajorOrder"
        return _PendingArray(intent, np.dtype(order + _TYPES[kind]), shape, encoding, column_major, wanted)

    def _extend(self, array: _PendingArray, text: str) -> None:
        """Append encoded text to an array."""
        if not array.wanted:
            return
        try:
            array.text += text.encode("ascii")
        except UnicodeEncodeError:
            raise XmlFault("it has an array with letters instead of numbers") from None
        if len(array.text) > array.longest:
            raise XmlFault(f"it has an array with more than the {array.count:,} numbers that it announces")


def _shape(attributes: Attributes) -> tuple[int, ...]:
    """The shape of an array from its attributes."""
    axes = _whole(attributes.get("Dimensionality", ""), "Dimensionality")
    if not 1 <= axes <= _AXES:
        raise XmlFault(f"it has an array of {axes:,} axes (Dimensionality); {_AXES} are the most")
    return tuple(_whole(attributes.get(f"Dim{axis}", ""), f"Dim{axis}") for axis in range(axes))


def _whole(text: str, name: str) -> int:
    """The non-negative integer in an attribute."""
    if not re.fullmatch(r"\s*[0-9]{1,12}\s*", text):
        raise XmlFault(f"{name} is '{quoted(text)}', not a whole number")
    return int(text)


def _key_and_colour(attributes: Attributes) -> tuple[int, Colour]:
    """Key and colour of a label."""
    text = attributes.get("Key", attributes.get("Index", ""))
    if not re.fullmatch(r"\s*-?[0-9]{1,10}\s*", text):
        raise XmlFault(f"it has a label with the key '{quoted(text)}', not a whole number")
    red, green, blue, alpha = (_channel(attributes, name, default) for name, default in _COLOUR)
    return int(text), (red, green, blue, alpha)


_COLOUR = (("Red", 0.0), ("Green", 0.0), ("Blue", 0.0), ("Alpha", 1.0))


def _channel(attributes: Attributes, name: str, default: float) -> float:
    """A colour channel in [0, 1]; an invalid value counts as missing."""
    try:
        value = float(attributes.get(name, default))
    except ValueError:
        return default
    return min(max(value, 0.0), 1.0) if np.isfinite(value) else default


def _decoded(array: _PendingArray) -> NDArray[Any]:
    """The values of an array, in native byte order."""
    flat = _from_words(array) if array.encoding == "ASCII" else _from_bytes(array)
    data = flat.reshape(array.shape, order="F" if array.column_major else "C")
    return np.ascontiguousarray(data, array.dtype.newbyteorder("="))


def _from_bytes(array: _PendingArray) -> NDArray[Any]:
    """Values decoded from base64, decompressed where needed."""
    try:
        raw = binascii.a2b_base64(array.text)
        array.text = bytearray()
        if array.encoding == "GZipBase64Binary" and raw:
            unpacker = zlib.decompressobj(wbits=47)  # zlib's own form, which GIFTI wants, or gzip's
            raw = unpacker.decompress(raw, array.size + 1)
            if len(raw) <= array.size and not unpacker.eof and (len(raw) < array.size or unpacker.decompress(b"", 1)):
                raise XmlFault("it has an array whose packed numbers are cut")
    except (binascii.Error, zlib.error) as error:
        raise XmlFault(f"it has an array whose numbers are damaged ({error})") from None
    if len(raw) != array.size:
        more = "more than" if len(raw) > array.size else f"{len(raw):,} of"
        raise XmlFault(f"it has an array with {more} the {array.size:,} bytes that it announces")
    return np.frombuffer(raw, array.dtype)


def _from_words(array: _PendingArray) -> NDArray[Any]:
    """Values parsed from text."""
    found = np.empty(array.count, array.dtype)
    text, array.text = bytes(array.text), bytearray()
    place = start = 0
    while start < len(text):
        end = start + _WORDS
        while end < len(text) and not text[end : end + 1].isspace():
            end += 1
        part = _numbers(text[start:end].split(), array.dtype)
        if place + len(part) > len(found):
            raise XmlFault(f"it has an array with more than the {array.count:,} numbers that it announces")
        found[place : place + len(part)] = part
        place, start = place + len(part), end
    if place < len(found):
        raise XmlFault(f"it has an array with {place:,} of the {array.count:,} numbers that it announces")
    return found


def _numbers(words: list[bytes], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Words converted to numbers of a type that can hold them."""
    if not words:
        return np.empty(0, dtype)
    if max(map(len, words)) > _WORD:
        raise XmlFault("it has an array with a word that is not a number")
    try:
        numbers = np.array(words).astype(np.float64)
    except ValueError:
        raise XmlFault("it has an array with a word that is not a number") from None
    if dtype.kind != "f":
        limit = np.iinfo(dtype)
        if not ((numbers >= limit.min) & (numbers <= limit.max) & (np.floor(numbers) == numbers)).all():
            raise XmlFault(f"it has an array with a number that does not fit {dtype.name}")
    with np.errstate(over="ignore", invalid="ignore"):
        return numbers.astype(dtype)
