"""Small files that promise, or unpack to, far more than they hold."""

from __future__ import annotations

import base64
import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fuzz import images, surfaces
from fuzz.targets import Seed
from wbtools.anatomy import Hemisphere
from wbtools.images import cifti, gifti, nifti
from wbtools.surfaces import files

_PIECE = 2**22  # packed once and repeated
_GIBIBYTES = 30


def read(path: Path) -> object:
    """Read a file as what its name says it is."""
    if path.name.endswith(".dscalar.nii"):
        return cifti.read_cortex(path)
    if path.name.endswith(".func.gii"):
        return gifti.read_metrics(path, Hemisphere.LEFT)
    if path.name.endswith(".surf.gii") or path.suffix == ".white":
        return files.read_surface(path, Hemisphere.LEFT, "white")
    if path.suffix == ".sulc":
        return files.read_values(path, Hemisphere.LEFT)
    if path.suffix == ".label":
        return files.read_mask(path, Hemisphere.LEFT, 6)
    return nifti.read_volume(path)


def bombs() -> Iterator[tuple[str, bytes]]:
    """Name and content of each."""
    volumes = {seed.name: seed for seed in images._volumes()}
    tail = gzip.compress(bytes(_PIECE), 9) * (_GIBIBYTES * 2**30 // _PIECE)
    blanks = gzip.compress(b" " * _PIECE, 9) * (_GIBIBYTES * 2**30 // _PIECE)
    yield "tail.nii.gz", volumes["v.nii.gz"].stored() + tail
    yield "tail.mgz", volumes["m.mgz"].stored() + tail
    huge = _set(volumes["v.nii"], {"dim1": 2048, "dim2": 2048, "dim3": 1280})
    yield "header.nii", huge
    yield "header.nii.gz", gzip.compress(huge) + tail
    yield "before.nii.gz", gzip.compress(_set(volumes["w.nii"], {"vox_offset": 2**40})) + tail
    yield "header.mgh", _set(volumes["m.mgh"], {"dim0": 2**30, "dim1": 2**30, "dim2": 2**30})
    yield from _cifti()
    yield from _gifti(blanks)
    white = {seed.name: seed for seed in surfaces._surfaces()}["lh.white"]
    yield "vertices.white", _set(white, {"vertices": 2**31 - 1})
    yield "footer.white", gzip.compress(white.content) + tail
    yield "values.sulc", b"\xff\xff\xff" + struct.pack(">iii", 2**31 - 1, 1, 1) + bytes(100)
    yield (
        "lines.label",
        gzip.compress(b"#!ascii label\n") + gzip.compress(b"1\n" * (_PIECE // 2)) * (_GIBIBYTES * 2**30 // _PIECE),
    )


def _cifti() -> Iterator[tuple[str, bytes]]:
    (seed,) = images._dense()
    for name, old, new in (
        ("vertices", rb'SurfaceNumberOfVertices="12"', b'SurfaceNumberOfVertices="999999999999"'),
        ("rows", rb'IndexCount="9"', b'IndexCount="9999999999"'),
    ):
        # The XML's length stands before it: what is added is taken from the padding or the names.
        changed = seed.content.replace(old, new, 1)
        size = struct.unpack("<i", changed[544:548])[0] + len(changed) - len(seed.content)
        changed = changed[:544] + struct.pack("<i", size) + changed[548:]
        begin = struct.unpack("<q", changed[168:176])[0] + len(changed) - len(seed.content)
        yield f"{name}.dscalar.nii", changed[:168] + struct.pack("<q", begin) + changed[176:]
    yield "numbers.dscalar.nii", _set(seed, {"dim5": 2**30, "dim6": 2**30})


def _gifti(blanks: bytes) -> Iterator[tuple[str, bytes]]:
    plain = surfaces._gifti_surfaces()[1].content
    for value in (b"4294967296", b"99999999999999999999"):
        yield f"axes{len(value)}.surf.gii", plain.replace(b'Dimensionality="2"', b'Dimensionality="%s"' % value)
    yield "dim.surf.gii", plain.replace(b'Dim0="6"', b'Dim0="999999999999"')
    packed = base64.b64encode(zlib.compress(bytes(2**29), 1))
    array = (
        b'<?xml version="1.0"?><GIFTI Version="1.0" NumberOfDataArrays="1"><DataArray Intent="NIFTI_INTENT_SHAPE" '
        b'DataType="NIFTI_TYPE_FLOAT32" ArrayIndexingOrder="RowMajorOrder" Dimensionality="1" Dim0="%d" '
        b'Encoding="GZipBase64Binary" Endian="LittleEndian" ExternalFileName="" ExternalFileOffset="">'
        b"<Data>%s</Data></DataArray></GIFTI>"
    )
    yield "unpacked.func.gii", array % (6, packed)
    yield "values.func.gii", array % (2**40, packed)
    start, end = array.split(b"<DataArray")[0], b"</GIFTI>"
    yield "blanks.func.gii", gzip.compress(start) + blanks
    yield "deep.func.gii", start + b"<a>" * 2**20 + end
    yield "many.func.gii", start + b"<MD><Name>a</Name></MD>" * 2**20 + end
    yield "attribute.func.gii", start + b'<MetaData a="' + b"b" * 2**26 + b'"/>' + end
    yield "comment.func.gii", start + b"<!--" + b"b" * 2**26
    value = b"<MetaData><MD><Name>a</Name><Value><![CDATA[" + b"c" * 2**26 + b"]]></Value></MD></MetaData>"
    yield "value.func.gii", start + value + end
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12))
    yield "laughs.func.gii", b'<?xml version="1.0"?><!DOCTYPE G [<!ENTITY l0 "ha">' + laughs + b"]><GIFTI>&l11;</GIFTI>"
    outside = b'<?xml version="1.0"?><!DOCTYPE G [<!ENTITY x SYSTEM "file:///etc/passwd">]><GIFTI>&x;</GIFTI>'
    yield "outside.func.gii", outside


def _set(seed: Seed, values: dict[str, int]) -> bytes:
    """A seed with some header fields set."""
    data = bytearray(seed.content)
    for name, value in values.items():
        place, form = seed.fields[name]
        packed = np.array(value, _kind(form)).tobytes()
        data[place : place + len(packed)] = packed
    return bytes(data)


def _kind(form: str) -> str:
    """A `struct` format as numpy names it."""
    order = form[0] if form[0] in "<>" else "<"
    return order + {"h": "i2", "i": "i4", "q": "i8", "f": "f4", "d": "f8", "b": "i1"}[form[-1]]
