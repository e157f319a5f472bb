"""A GIFTI file as it stands: metadata, label table, and the arrays that are asked for, each no larger than it says."""

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
from wbtools.images.content import Content
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
_AXES = 6  # that GIFTI allows
_WORD = 64  # characters of a number
_WORDS = 2**20  # characters of text that are turned into numbers at a time
_NOT_SAID = {"", "unknown", "other", "invalid", "none"}


@dataclass(frozen=True, eq=False)
class Array:
    """One array.

    Parameters
    ----------
    intent : str
    data : ndarray
        Of the shape that its header gives.
    meta : mapping of str to str
    space : str
        The coordinate system that points are in (`DataSpace`); empty where none is given.
    """

    intent: str
    data: NDArray[Any]
    meta: Mapping[str, str]
    space: str


@dataclass(frozen=True, eq=False)
class Document:
    """A GIFTI file.

    Parameters
    ----------
    meta : mapping of str to str
        Of the file.
    labels : dict of int to (str, Colour)
    arrays : tuple of Array
        Those whose intent was asked for, in the file's order.
    """

    meta: Mapping[str, str]
    labels: LabelTable
    arrays: tuple[Array, ...]

    @property
    def structure(self) -> str:
        """The structure that the file belongs to, wherever it stands; empty if it is not said.

        What stands with points comes before what stands with other arrays, and that before the file's own.
        """
        ordered = sorted(self.arrays, key=lambda array: array.intent != POINTS)
        said = (meta.get(STRUCTURE, "").strip() for meta in (*(array.meta for array in ordered), self.meta))
        return next((name for name in said if name.lower() not in _NOT_SAID), "")


def read(path: Path, intents: Collection[str] | None = None) -> Document:
    """Read a GIFTI file.

    Parameters
    ----------
    path : Path
        Packed with gzip as a whole, or not.
    intents : collection of str, optional
        Which arrays are wanted; the numbers of others are passed over.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another format, keeps its numbers in another file, or leaves `limits`.
    """
    with Content(path, WANTED) as content:
        builder = _Builder(path, intents)
        try:
            parse(content.pieces(limits.XML_SIZE), builder.start, builder.end, builder.text)
            builder.require_gifti()
        except XmlFault as fault:
            raise content.damaged(str(fault)) from None
    return Document(builder.meta, builder.labels, tuple(builder.arrays))


def require_hemisphere(path: Path, document: Document, hemisphere: Hemisphere | None) -> None:
    """Raise InputError if a file says that it belongs to another part of the cortex."""
    declared = document.structure
    if hemisphere and declared.startswith("Cortex") and declared != hemisphere.cortex.gifti:
        raise InputError(
            f"{path} says it is {shown(declared)}, not {hemisphere.cortex.gifti}", hint="swap the file names back"
        )


def shown(text: str) -> str:
    """A word of a file as a message may show it: short, printable, one line."""
    return line(text, 40)


@dataclass
class _Plan:
    """What the attributes of an array say."""

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
        """Numbers in the array."""
        return int(np.prod(self.shape, dtype=object))

    @cached_property
    def size(self) -> int:
        """Bytes of the array."""
        return self.count * self.dtype.itemsize

    @cached_property
    def longest(self) -> int:
        """Characters that may hold the array: what packs badly grows a little, and lines have ends."""
        return 1000 + (self.count * _WORD if self.encoding == "ASCII" else 2 * self.size)


class _Builder:
    """Takes elements as they come."""

    def __init__(self, path: Path, intents: Collection[str] | None) -> None:
        self.path, self.intents = path, intents
        self.meta: dict[str, str] = {}
        self.labels: LabelTable = {}
        self.arrays: list[Array] = []
        self._root = ""
        self._plan: _Plan | None = None
        self._values = 0
        self._attributes: Attributes = {}
        self._open = ""
        self._kept: list[str] = []
        self._length = 0
        self._name = ""

    def start(self, name: str, attributes: Attributes) -> None:
        """An element begins."""
        self._root = self._root or name
        self.require_gifti()
        self._open, self._kept, self._length = name, [], 0
        if name == "DataArray":
            self._plan = self._planned(attributes)
        elif name == "Label":
            self._attributes = attributes
        elif name == "MD":
            self._name = ""

    def text(self, text: str) -> None:
        """Text of the element that began last."""
        if self._open == "Data" and self._plan is not None:
            self._extend(self._plan, text)
        elif self._open in {"Name", "Value", "Label", "DataSpace"} and self._length < limits.XML_TEXT:
            self._kept.append(text[: limits.XML_TEXT])
            self._length += len(text)

    def end(self, name: str) -> None:
        """An element ends."""
        text, self._open = "".join(self._kept).strip(), ""
        self._kept, self._length = [], 0
        if name == "Name":
            self._name = text
        elif name == "Value":
            (self._plan.meta if self._plan else self.meta)[self._name] = text
        elif name == "Label":
            key, colour = _labelled(self._attributes)
            self.labels[key] = text, colour
        elif name == "DataSpace" and self._plan:
            self._plan.space = self._plan.space or text
        elif name == "DataArray" and self._plan:
            if self._plan.wanted:
                plan = self._plan
                self.arrays.append(Array(plan.intent, _decoded(plan), plan.meta, plan.space))
            self._plan = None

    def require_gifti(self) -> None:
        """Raise XmlFault unless the outermost element is GIFTI's."""
        if self._root != "GIFTI":
            raise XmlFault("its XML is not that of GIFTI")

    def _planned(self, attributes: Attributes) -> _Plan:
        """An array's attributes, if it is one that can be read."""
        intent, kind = attributes.get("Intent", ""), attributes.get("DataType", "")
        encoding = attributes.get("Encoding", "")
        wanted = self.intents is None or intent in self.intents
        if wanted and (encoding == _EXTERNAL or attributes.get("ExternalFileName", "").strip()):
            raise InputError(
                f"{self.path} keeps its numbers in another file (ExternalFileName), which is not read",
                hint="put them inside: wb_command -gifti-convert GZIP_BASE64_BINARY IN OUT",
            )
        if kind not in _TYPES or encoding not in _ENCODINGS:
            raise XmlFault(f"it has an array of type '{shown(kind)}' in encoding '{shown(encoding)}'")
        shape = _shape(attributes)
        if wanted:
            self._values += int(np.prod(shape, dtype=object))
        if self._values > limits.VALUES:
            raise XmlFault(f"its arrays have {self._values:,} numbers; {limits.VALUES:,} are the most that are read")
        order = ">" if attributes.get("Endian") == "BigEndian" else "<"
        column_major = attributes.get("ArrayIndexingOrder") == "ColumnMajorOrder"
        return _Plan(intent, np.dtype(order + _TYPES[kind]), shape, encoding, column_major, wanted)

    def _extend(self, plan: _Plan, text: str) -> None:
        """Keep text of an array's numbers."""
        if not plan.wanted:
            return
        try:
            plan.text += text.encode("ascii")
        except UnicodeEncodeError:
            raise XmlFault("it has an array with letters that are no numbers") from None
        if len(plan.text) > plan.longest:
            raise XmlFault(f"it has an array that goes on after the {plan.count:,} numbers it says it has")


def _shape(attributes: Attributes) -> tuple[int, ...]:
    """The shape of an array."""
    axes = _whole(attributes.get("Dimensionality", ""), "Dimensionality")
    if not 1 <= axes <= _AXES:
        raise XmlFault(f"it has an array of {axes:,} axes (Dimensionality); {_AXES} are the most")
    return tuple(_whole(attributes.get(f"Dim{axis}", ""), f"Dim{axis}") for axis in range(axes))


def _whole(text: str, name: str) -> int:
    """A whole number that is not negative, from an attribute."""
    if not re.fullmatch(r"\s*[0-9]{1,12}\s*", text):
        raise XmlFault(f"{name} is '{shown(text)}', no whole number")
    return int(text)


def _labelled(attributes: Attributes) -> tuple[int, Colour]:
    """Key and colour of a label."""
    text = attributes.get("Key", attributes.get("Index", ""))
    if not re.fullmatch(r"\s*-?[0-9]{1,10}\s*", text):
        raise XmlFault(f"it has a label with the key '{shown(text)}', no whole number")
    red, green, blue, alpha = (_share(attributes, name, default) for name, default in _COLOUR)
    return int(text), (red, green, blue, alpha)


_COLOUR = (("Red", 0.0), ("Green", 0.0), ("Blue", 0.0), ("Alpha", 1.0))


def _share(attributes: Attributes, name: str, default: float) -> float:
    """A part of a colour, 0 to 1; what is no number counts as not given."""
    try:
        value = float(attributes.get(name, default))
    except ValueError:
        return default
    return min(max(value, 0.0), 1.0) if np.isfinite(value) else default


def _decoded(plan: _Plan) -> NDArray[Any]:
    """The numbers of an array, in the machine's byte order."""
    flat = _from_words(plan) if plan.encoding == "ASCII" else _from_bytes(plan)
    data = flat.reshape(plan.shape, order="F" if plan.column_major else "C")
    return np.ascontiguousarray(data, plan.dtype.newbyteorder("="))


def _from_bytes(plan: _Plan) -> NDArray[Any]:
    """Numbers from base64, packed or not."""
    try:
        raw = binascii.a2b_base64(plan.text)
        plan.text = bytearray()
        if plan.encoding == "GZipBase64Binary" and raw:
            unpacker = zlib.decompressobj(wbits=47)  # zlib's own form, which GIFTI wants, or gzip's
            raw = unpacker.decompress(raw, plan.size + 1)
            if len(raw) <= plan.size and not unpacker.eof and (len(raw) < plan.size or unpacker.decompress(b"", 1)):
                raise XmlFault("it has an array whose packed numbers are cut")
    except (binascii.Error, zlib.error) as error:
        raise XmlFault(f"it has an array whose numbers are damaged ({error})") from None
    if len(raw) != plan.size:
        more = "more than" if len(raw) > plan.size else f"{len(raw):,} of"
        raise XmlFault(f"it has an array with {more} the {plan.size:,} bytes it says it has")
    return np.frombuffer(raw, plan.dtype)


def _from_words(plan: _Plan) -> NDArray[Any]:
    """Numbers from text."""
    found = np.empty(plan.count, plan.dtype)
    text, plan.text = bytes(plan.text), bytearray()
    place = start = 0
    while start < len(text):
        end = start + _WORDS
        while end < len(text) and not text[end : end + 1].isspace():
            end += 1
        part = _numbers(text[start:end].split(), plan.dtype)
        if place + len(part) > len(found):
            raise XmlFault(f"it has an array with more than the {plan.count:,} numbers it says it has")
        found[place : place + len(part)] = part
        place, start = place + len(part), end
    if place < len(found):
        raise XmlFault(f"it has an array with {place:,} of the {plan.count:,} numbers it says it has")
    return found


def _numbers(words: list[bytes], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Words as numbers of a type that holds them."""
    if not words:
        return np.empty(0, dtype)
    if max(map(len, words)) > _WORD:
        raise XmlFault("it has an array with a word that is no number")
    try:
        numbers = np.array(words).astype(np.float64)
    except ValueError:
        raise XmlFault("it has an array with a word that is no number") from None
    if dtype.kind != "f":
        limit = np.iinfo(dtype)
        if not ((numbers >= limit.min) & (numbers <= limit.max) & (np.floor(numbers) == numbers)).all():
            raise XmlFault(f"it has an array with a number that is no {dtype.name}")
    with np.errstate(over="ignore", invalid="ignore"):
        return numbers.astype(dtype)
