"""What wbtools reads at most. A file that claims more is refused with these numbers; an honest one does not come near.

They bound memory and time, whatever a header, an XML attribute or a packed stream promises.
"""

from __future__ import annotations

VOXELS = 512**3
"""Voxels of one volume: a head at 0.4 mm; as float32 it takes 0.5 GB."""

VERTICES = 2**22
"""Vertices of one surface, 25 times those of fsaverage."""

TRIANGLES = 2 * VERTICES
"""Triangles of one surface; a closed one has two per vertex."""

VALUES = 2**27
"""Numbers in all arrays of one GIFTI or CIFTI file."""

BEFORE_DATA = 2**26
"""Bytes between a NIfTI header and its voxels (extensions), 64 MiB."""

AFTER_DATA = 2**26
"""Bytes that may follow the voxels (FreeSurfer's tags, padding), 64 MiB."""

XML_TAG = 2**20
"""Bytes of one XML tag, comment or declaration, 1 MiB."""

XML_DEPTH = 32
"""How deep XML elements may lie in each other; GIFTI needs 6, CIFTI 8."""

XML_ELEMENTS = 200_000
"""XML elements of one file."""

XML_SIZE = 2**30
"""Bytes of one XML file, unpacked, 1 GiB."""

XML_TEXT = 2**10
"""Characters that are kept of one XML element that is no array; what follows them is passed over."""

LIST_LINES = VERTICES
"""Lines of a FreeSurfer vertex list."""
