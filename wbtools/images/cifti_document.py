"""Reading of CIFTI-2 files: the two axes and the data matrix, with bounded memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

import numpy as np
from numpy.typing import NDArray

from wbtools.images import limits, nifti_header
from wbtools.images.bounded_xml import Attributes, XmlFault, parse
from wbtools.images.stream import InputStream

if TYPE_CHECKING:
    from nibabel.cifti2 import Cifti2Header
    from nibabel.cifti2.cifti2_axes import Axis

WANTED = "CIFTI file"

_XML = 32  # the NIfTI extension code of CIFTI
_HEADER_2 = 540  # bytes of the NIfTI-2 header that CIFTI-2 has
_ROW_AXES = 6  # axes in the NIfTI header; CIFTI uses the last two
_FAULTS = (ExpatError, ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError, LookupError)
"""What nibabel raises, besides its own error, for inconsistent XML."""


def read(path: Path) -> tuple[Axis, Axis, NDArray[np.float32]]:
    """Read a CIFTI-2 file of two axes.

    Returns
    -------
    maps : Axis
        The axis of the rows.
    elements : Axis
        The axis of the columns.
    data : ndarray, (M, E), float32

    Raises
    ------
    InputError
        If the file is missing, damaged, of another format, or exceeds `limits`.
    """
    with InputStream(path, WANTED) as stream:
        header, order, earliest = nifti_header.fields(stream)
        if earliest < _HEADER_2:
            raise stream.damaged()
        stream.recognised = int(header["intent_code"]) in nifti_header.CIFTI_INTENTS
        shape = _shape(header, stream)
        dtype = nifti_header.number_type(header, order, stream)
        slope, inter = nifti_header.scaling(header, stream)
        start = nifti_header.first_voxel(header, earliest, stream)
        maps, elements = _axes(_document(stream, start, order), shape, stream)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        stream.require_size(start + size)
        stream.skip(start - stream.position)
        # The first index runs fastest, as in every NIfTI file.
        stored = np.frombuffer(stream.read(size), dtype).reshape(shape, order="F")
        stream.finish(limits.AFTER_DATA)
    with np.errstate(over="ignore", invalid="ignore"):
        data = stored.astype(np.float32)
        return maps, elements, data if (slope, inter) == (1, 0) else data * np.float32(slope) + np.float32(inter)


def _shape(header: Any, stream: InputStream) -> tuple[int, int]:
    """Number of rows and columns of the data matrix."""
    dims = [int(n) for n in header["dim"]]
    if dims[0] != _ROW_AXES or dims[1:5] != [1, 1, 1, 1] or min(dims[5:7]) < 1:
        raise stream.damaged(f"its header gives it the shape {dims[1:]}, not that of a CIFTI file of two axes")
    if dims[5] * dims[6] > limits.VALUES:
        raise stream.damaged(f"it has {dims[5] * dims[6]:,} numbers; {limits.VALUES:,} are the most that are read")
    return dims[5], dims[6]


def _document(stream: InputStream, start: int, order: str) -> bytes:
    """The XML, which is stored in an extension of the NIfTI header."""
    found = nifti_header.extension(stream, start, order, _XML)
    if found is None:
        raise stream.damaged("it holds no description of its axes")
    return found


def _axes(document: bytes, shape: tuple[int, int], stream: InputStream) -> tuple[Axis, Axis]:
    """Both axes; InputError if they do not fit the shape of the data matrix."""
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
        raise stream.damaged(str(fault)) from None
    except (Cifti2HeaderError, *_FAULTS):
        raise stream.damaged("its XML is inconsistent, or lacks elements that CIFTI requires") from None
    if sizes != shape:
        raise stream.damaged(
            f"its XML describes {sizes[0]:,} x {sizes[1]:,} numbers, but it holds {shape[0]} x {shape[1]}"
        )
    return maps, elements


class _Counts:
    """Checks the counts in the XML against the shape of the data matrix, before memory is allocated for them."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._left = 2 * max(shape)  # both axes may be dense

    def start(self, name: str, attributes: Attributes) -> None:
        """Handle a start tag."""
        if "SurfaceNumberOfVertices" in attributes:
            vertices = _whole(attributes["SurfaceNumberOfVertices"])
            if vertices > limits.VERTICES:
                raise XmlFault(f"a mesh has {vertices:,} vertices; {limits.VERTICES:,} are the most that are read")
        if "IndexCount" in attributes:
            self._left -= _whole(attributes["IndexCount"])
        if self._left < 0:
            raise XmlFault("its XML describes more vertices and voxels than it has numbers")


def _whole(text: str) -> int:
    """The non-negative integer in an attribute."""
    if not text.strip().isdecimal() or len(text) > 20:
        raise XmlFault("its XML has a count that is not a whole number")
    return int(text)
