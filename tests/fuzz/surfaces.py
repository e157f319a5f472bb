"""Surfaces, values and labels on them: GIFTI and FreeSurfer's own."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import numpy as np
from nibabel.freesurfer import write_geometry, write_morph_data
from nibabel.gifti import GiftiCoordSystem, GiftiDataArray, GiftiImage, GiftiMetaData

from fuzz.targets import Seed, Target
from wbtools.anatomy import Hemisphere, Kind, Region
from wbtools.images import gifti
from wbtools.surfaces import files

LEFT = Hemisphere.LEFT
POINTS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1.0]], np.float32) * 50
FACES = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]], np.int32)


def targets() -> list[Target]:
    """Every reader of files that belong to a mesh."""
    return [
        Target("gifti-surface", lambda path: files.read_surface(path, LEFT, "white"), _gifti_surfaces),
        Target("gifti-sphere", lambda path: files.read_sphere(path, LEFT), _gifti_surfaces),
        Target("gifti-metric", lambda path: gifti.read_metrics(path, LEFT), _metrics),
        Target("gifti-labels", lambda path: gifti.read_labels(path, LEFT), _labels),
        Target("fs-surface", lambda path: files.read_surface(path, LEFT, "white"), _surfaces),
        Target("fs-sphere", lambda path: files.read_sphere(path, LEFT), _surfaces),
        Target("fs-values", lambda path: files.read_values(path, LEFT), _values),
        Target("fs-label", lambda path: files.read_mask(path, LEFT, 6), _lists),
    ]


def _gifti_surfaces() -> Sequence[Seed]:
    meta = GiftiMetaData(
        {"AnatomicalStructurePrimary": "CortexLeft", "VolGeomC_R": "1.5", "VolGeomC_A": "-3", "Name": "x"}
    )
    space = GiftiCoordSystem("NIFTI_XFORM_UNKNOWN", "NIFTI_XFORM_TALAIRACH", np.eye(4))
    seeds = []
    for encoding in ("ASCII", "B64BIN", "B64GZ"):
        arrays = [
            GiftiDataArray(POINTS, "NIFTI_INTENT_POINTSET", "NIFTI_TYPE_FLOAT32", encoding, coordsys=space, meta=meta),
            GiftiDataArray(FACES, "NIFTI_INTENT_TRIANGLE", "NIFTI_TYPE_INT32", encoding),
        ]
        content = GiftiImage(darrays=arrays).to_bytes()
        seeds.append(Seed(f"{encoding}.surf.gii", content, text=True))
    return [*seeds, Seed("packed.surf.gii", content, text=True, packed=True)]


def _metrics() -> Sequence[Seed]:
    with TemporaryDirectory() as name:
        path = Path(name) / "m.func.gii"
        gifti.write_metrics(path, {"a": np.arange(6.0), "b": np.ones(6)}, LEFT)
        return [Seed("m.func.gii", path.read_bytes(), text=True)]


def _labels() -> Sequence[Seed]:
    regions = [Region(1, "L_V1_ROI", LEFT, Kind.CORTEX, (0.1, 0.2, 0.3, 1.0))]
    with TemporaryDirectory() as name:
        path = Path(name) / "l.label.gii"
        gifti.write_labels(path, np.array([0, 1, 1, 0, 1, 0]), regions, LEFT, "areas")
        return [Seed("l.label.gii", path.read_bytes(), text=True)]


def _surfaces() -> Sequence[Seed]:
    footer = {
        "head": np.array([2, 0, 20]), "valid": "1  # volume info valid", "filename": "orig.mgz",
        "volume": np.array([256] * 3), "voxelsize": np.ones(3), "xras": np.array([-1.0, 0, 0]),
        "yras": np.array([0, 0, -1.0]), "zras": np.array([0, 1.0, 0]), "cras": np.array([3.0, -4, 5]),
    }  # fmt: skip
    with TemporaryDirectory() as name:
        path = Path(name) / "lh.white"
        write_geometry(path, POINTS, FACES, "made by nobody", footer)
        content = path.read_bytes()
    at = content.index(b"\n\n") + 2
    fields = {"vertices": (at, ">i"), "triangles": (at + 4, ">i"), "x": (at + 8, ">f"), "corner": (at + 8 + 72, ">i")}
    after = at + 8 + 12 * (len(POINTS) + len(FACES))
    fields |= {f"tag{n}": (after + 4 * n, ">i") for n in range(3)}
    return [Seed("lh.white", content, fields), Seed("lh.pial", content, fields, text=True)]


def _values() -> Sequence[Seed]:
    stream = io.BytesIO()
    write_morph_data(stream, np.arange(6.0))
    old = b"\0\0\6\0\0\10" + np.arange(6, dtype=">i2").tobytes()
    fields = {"magic": (0, "b"), "vertices": (3, ">i"), "triangles": (7, ">i"), "per vertex": (11, ">i")}
    with_gifti = nibabel.gifti.GiftiImage(darrays=[GiftiDataArray(np.ones(6, np.float32), "NIFTI_INTENT_SHAPE")])
    return [
        Seed("lh.sulc", stream.getvalue(), fields),
        Seed("lh.curv", old),
        Seed("sulc.shape.gii", with_gifti.to_bytes(), text=True),
    ]


def _lists() -> Sequence[Seed]:
    text = b"#!ascii label  , from subject made vox2ras=TkReg\n3\n0 1.0 2.0 3.0 0\n4 1 2 3 0\n5 -1 -2 -3 0\n"
    return [Seed("lh.cortex.label", text, text=True)]
