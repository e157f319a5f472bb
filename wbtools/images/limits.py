"""Upper limits on input files. A file that exceeds one is rejected; real data stay far below them.

They bound memory and time, whatever a header, an XML attribute or a compressed stream claims.
"""

from __future__ import annotations

VOXELS = 512**3
"""Voxels of a volume: a head at 0.4 mm; as float32 it takes 0.5 GB."""

VERTICES = 2**22
"""Vertices of a surface, 25 times as many as fsaverage has."""

TRIANGLES = 2 * VERTICES
"""Triangles of a surface; a closed one has two per vertex."""

VALUES = 2**27
"""Values in all arrays of a GIFTI or CIFTI file."""

BEFORE_DATA = 2**26
"""Bytes between a NIfTI header and its voxels (extensions), 64 MiB."""

AFTER_DATA = 2**26
"""Bytes that may follow the voxels (FreeSurfer's tags, padding), 64 MiB."""

XML_TAG = 2**20
"""Bytes of an XML tag, comment or declaration, 1 MiB."""

XML_DEPTH = 32
"""Nesting depth of XML elements; GIFTI needs 6, CIFTI 8."""

XML_ELEMENTS = 200_000
"""XML elements of a file."""

XML_SIZE = 2**30
"""Bytes of an XML file, decompressed, 1 GiB."""

XML_TEXT = 2**12
"""Characters kept from an XML element other than an array, twice those of a palette; the rest is ignored."""

LIST_LINES = VERTICES
"""Lines of a FreeSurfer vertex list."""
