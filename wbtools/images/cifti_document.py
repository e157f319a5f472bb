"""A CIFTI-2 file as it stands: its two axes and its numbers, each no larger than it says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

import numpy as np
from numpy.typing import NDArray

from wbtools.images import limits, nifti_header
from wbtools.images.bounded_xml import Attributes, XmlFault, parse
from wbtools.images.content import Content

if TYPE_CHECKING:
    from nibabel.cifti2 import Cifti2Header
    from nibabel.cifti2.cifti2_axes import Axis

WANTED = "CIFTI file"

_XML = 32  # the NIfTI extension code of CIFTI
_HEADER_2 = 540  # bytes of the NIfTI-2 header that CIFTI-2 has
_ROW_AXES = 6  # axes of the NIfTI header, of which the last two are used
_FAULTS = (ExpatError, ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError, LookupError)
"""What nibabel and its axes raise beside its own error for XML that contradicts itself."""


def read(path: Path) -> tuple[Axis, Axis, NDArray[np.float32]]:
    """Read a CIFTI-2 file of two axes.

    Returns
    -------
    maps : Axis
        Of the rows of the numbers.
    elements : Axis
        Of their columns.
    data : ndarray, (M, E), float32

    Raises
    ------
    InputError
        If the file is missing, damaged, of another format, or leaves `limits`.
    """
    with Content(path, WANTED) as content:
        header, order, earliest = nifti_header.fields(content)
        if earliest < _HEADER_2:
            raise content.damaged()
        content.recognised = int(header["intent_code"]) in nifti_header.CIFTI_INTENTS
        shape = _shape(header, content)
        dtype = nifti_header.number_type(header, order, content)
        slope, inter = nifti_header.scaling(header, content)
        start = nifti_header.first_voxel(header, earliest, content)
        maps, elements = _axes(_document(content, start, order), shape, content)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        content.require_size(start + size)
        content.skip(start - content.position)
        stored = np.frombuffer(content.read(size), dtype).reshape(shape)
        content.finish(limits.AFTER_DATA)
    with np.errstate(over="ignore", invalid="ignore"):
        data = stored.astype(np.float32)
        return maps, elements, data if (slope, inter) == (1, 0) else data * np.float32(slope) + np.float32(inter)


def _shape(header: Any, content: Content) -> tuple[int, int]:
    """Rows and columns of the numbers."""
    dims = [int(n) for n in header["dim"]]
    if dims[0] != _ROW_AXES or dims[1:5] != [1, 1, 1, 1] or min(dims[5:7]) < 1:
        raise content.damaged(f"its header gives it the shape {dims[1:]}, not that of a CIFTI file of two axes")
    if dims[5] * dims[6] > limits.VALUES:
        raise content.damaged(f"it has {dims[5] * dims[6]:,} numbers; {limits.VALUES:,} are the most that are read")
    return dims[5], dims[6]


def _document(content: Content, start: int, order: str) -> bytes:
    """The XML, which is an extension of the NIfTI header."""
    byte_order = "little" if order == "<" else "big"
    has_extensions = content.read(4)[0]
    while has_extensions and content.position + 8 <= start:
        size = int.from_bytes(content.read(4), byte_order)  # type: ignore[arg-type]
        code = int.from_bytes(content.read(4), byte_order)  # type: ignore[arg-type]
        if size < 8 or content.position + size - 8 > start:
            break
        if code == _XML:
            return content.read(size - 8).rstrip(b"\0")
        content.skip(size - 8)
    raise content.damaged("it holds no description of its axes")


def _axes(document: bytes, shape: tuple[int, int], content: Content) -> tuple[Axis, Axis]:
    """Both axes, if they have the shape of the numbers."""
    from nibabel.cifti2 import Cifti2HeaderError
    from nibabel.cifti2.parse_cifti2 import Cifti2Parser

    counts = _Counts(shape)
    try:
        parse([document], counts.start, lambda name: None, lambda text: None)
        parser = Cifti2Parser()
        parser.parse(string=document)
        header: Cifti2Header = parser.header
        maps, elements = (header.matrix.get_axis(index) for index in (0, 1))
        sizes = len(maps), len(elements)
    except XmlFault as fault:
        raise content.damaged(str(fault)) from None
    except (Cifti2HeaderError, *_FAULTS):
        raise content.damaged("its XML contradicts itself, or lacks what CIFTI wants") from None
    if sizes != shape:
        raise content.damaged(
            f"its XML describes {sizes[0]:,} x {sizes[1]:,} numbers, and it has {shape[0]} x {shape[1]}"
        )
    return maps, elements


class _Counts:
    """Compares what XML announces with what the file holds, before memory is taken for it."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._left = 2 * max(shape)  # both axes may be dense

    def start(self, name: str, attributes: Attributes) -> None:
        """An element begins."""
        if "SurfaceNumberOfVertices" in attributes:
            vertices = _whole(attributes["SurfaceNumberOfVertices"])
            if vertices > limits.VERTICES:
                raise XmlFault(f"a mesh has {vertices:,} vertices; {limits.VERTICES:,} are the most that are read")
        if "IndexCount" in attributes:
            self._left -= _whole(attributes["IndexCount"])
        if self._left < 0:
            raise XmlFault("its XML describes more vertices and voxels than it has numbers")


def _whole(text: str) -> int:
    """A whole number of an attribute."""
    if not text.strip().isdecimal() or len(text) > 20:
        raise XmlFault("its XML has a count that is no whole number")
    return int(text)
