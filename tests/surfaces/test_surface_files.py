"""GIFTI and FreeSurfer surfaces as programs leave them: metadata anywhere, centred on whatever volume."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.freesurfer import write_geometry
from nibabel.gifti import GiftiCoordSystem, GiftiDataArray, GiftiImage, GiftiLabel, GiftiLabelTable, GiftiMetaData

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.images import gifti
from wbtools.surfaces import files, freesurfer
from wbtools.surfaces import mesh as meshes

LEFT, RIGHT = Hemisphere
POINTS = (np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, 0, 1]]) * 50).astype("f4")
FACES = np.array([[0, 2, 3], [2, 1, 3], [1, 0, 3], [0, 1, 2]], "i4")
C_RAS = {"VolGeomC_R": "1.0", "VolGeomC_A": "-3.0", "VolGeomC_S": "2.0"}
SIDE = {"AnatomicalStructurePrimary": "CortexLeft"}
CONFORMED = {
    **{"VolGeomX_R": "-1", "VolGeomX_A": "0", "VolGeomX_S": "0", "VolGeomY_R": "0", "VolGeomY_A": "0"},
    **{"VolGeomY_S": "-1", "VolGeomZ_R": "0", "VolGeomZ_A": "1", "VolGeomZ_S": "0"},
}


def surface(
    path: Path, meta: dict[str, str], space="NIFTI_XFORM_UNKNOWN", first="points", file_meta=(), **options
) -> Path:
    coordinates = GiftiCoordSystem(space, "NIFTI_XFORM_TALAIRACH", np.eye(4))
    points = GiftiDataArray(
        POINTS, "NIFTI_INTENT_POINTSET", "NIFTI_TYPE_FLOAT32", coordsys=coordinates, meta=GiftiMetaData(meta), **options
    )
    faces = GiftiDataArray(FACES, "NIFTI_INTENT_TRIANGLE", "NIFTI_TYPE_INT32", **options)
    arrays = [points, faces] if first == "points" else [faces, points]
    nibabel.save(GiftiImage(darrays=arrays, meta=GiftiMetaData(dict(file_meta))), path)
    return path


# Of text in columns nibabel writes rows, against its own header and the format.
@pytest.mark.parametrize(
    ("encoding", "order"), [("ASCII", "C"), ("B64BIN", "C"), ("B64BIN", "F"), ("B64GZ", "C"), ("B64GZ", "F")]
)
@pytest.mark.parametrize("endian", ["little", "big"])
def test_every_encoding_order_and_byte_order_is_read_as_by_nibabel(tmp_path, encoding, order, endian):
    path = surface(tmp_path / "s.surf.gii", SIDE, encoding=encoding, ordering=order, endian=endian)
    read = meshes.read(path, LEFT)
    theirs = nibabel.load(path)
    np.testing.assert_array_equal(read.vertices, theirs.agg_data("pointset"))
    np.testing.assert_array_equal(read.triangles, theirs.agg_data("triangle"))


def test_the_hemisphere_is_found_in_any_metadata(tmp_path):
    for first in ("points", "triangles"):
        path = surface(tmp_path / f"{first}.surf.gii", SIDE, first=first)
        np.testing.assert_array_equal(meshes.read(path, LEFT, side_required=True).vertices, POINTS)
        for required in (True, False):
            with pytest.raises(InputError, match="says it is CortexLeft, not CortexRight"):
                meshes.read(path, RIGHT, side_required=required)
    path = surface(tmp_path / "file.surf.gii", {}, file_meta=SIDE)
    assert len(meshes.read(path, LEFT, side_required=True).vertices) == 4
    # What stands with the points is meant, where a program changed one of the two.
    path = surface(tmp_path / "both.surf.gii", SIDE, file_meta={"AnatomicalStructurePrimary": "CortexRight"})
    assert len(meshes.read(path, LEFT).vertices) == 4
    path = surface(tmp_path / "unknown.surf.gii", {"AnatomicalStructurePrimary": "Unknown"})
    with pytest.raises(InputError, match="does not say which hemisphere"):
        meshes.read(path, LEFT, side_required=True)


@pytest.mark.parametrize("axes", [{}, CONFORMED])
@pytest.mark.parametrize("place", ["points", "file"])
def test_a_surface_in_tkr_coordinates_is_moved_once_with_a_remark(tmp_path, axes, place):
    said = C_RAS | axes
    path = surface(tmp_path / "tkr.surf.gii", SIDE | (said if place == "points" else {}), first="triangles",
                   file_meta=said if place == "file" else {})  # fmt: skip
    read, remarks = files.read_with_remarks(path, LEFT, "white")
    np.testing.assert_allclose(read.vertices, POINTS + np.array([1, -3, 2]))
    assert len(remarks) == 1 and "tkr.surf.gii" in remarks[0] and "1.0, -3.0, 2.0" in remarks[0]
    assert str(tmp_path) not in remarks[0]
    # What is written holds nothing that would move it again.
    meshes.write(tmp_path / "out.surf.gii", read, "white")
    again, nothing = files.read_with_remarks(tmp_path / "out.surf.gii", LEFT, "white")
    np.testing.assert_array_equal(again.vertices, read.vertices)
    assert not nothing


def test_a_gifti_surface_is_placed_like_the_same_freesurfer_surface(tmp_path):
    """A volume of any axes: FreeSurfer's footer and GIFTI's metadata tell one place."""
    turn = np.array([[-0.8, 0.0, 0.6], [0.6, 0.0, 0.8], [0.0, -1.0, 0.0]])  # columns: directions of the axes
    footer = {
        "head": np.array([2, 0, 20]), "valid": "1  # volume info valid", "filename": "orig.mgz",
        "volume": np.array([256] * 3), "voxelsize": np.ones(3), "xras": turn[:, 0], "yras": turn[:, 1],
        "zras": turn[:, 2], "cras": np.array([5.0, -6, 7]),
    }  # fmt: skip
    write_geometry(tmp_path / "lh.white", POINTS, FACES, "made", footer)
    meta = {f"VolGeom{axis}_{world}": str(turn[j, i]) for i, axis in enumerate("XYZ") for j, world in enumerate("RAS")}
    meta |= {f"VolGeomC_{world}": str(number) for world, number in zip("RAS", (5, -6, 7), strict=True)}
    path = surface(tmp_path / "white.surf.gii", SIDE | meta)
    by_footer = freesurfer.read(tmp_path / "lh.white", LEFT).vertices
    np.testing.assert_allclose(meshes.read(path, LEFT).vertices, by_footer, atol=1e-4)
    assert np.abs(by_footer - POINTS).max() > 5


STAYING = {
    "scanner": (SIDE | C_RAS, "NIFTI_XFORM_SCANNER_ANAT", "white", False),
    "zeroed by sMRIPrep": (SIDE | dict.fromkeys(C_RAS, "0.000000"), "NIFTI_XFORM_UNKNOWN", "pial", False),
    "no volume": (SIDE, "NIFTI_XFORM_UNKNOWN", "white", False),
    "moved by the HCP pipelines": (SIDE | C_RAS, "NIFTI_XFORM_TALAIRACH", "white", True),
    "inflated": (SIDE | C_RAS, "NIFTI_XFORM_UNKNOWN", "inflated", False),
}


@pytest.mark.parametrize("case", STAYING)
def test_a_surface_in_scanner_coordinates_is_not_moved(tmp_path, case):
    meta, space, kind, placed = STAYING[case]
    path = surface(tmp_path / "s.surf.gii", meta, space)
    read, remarks = files.read_with_remarks(path, LEFT, kind, placed=placed)
    np.testing.assert_array_equal(read.vertices, POINTS)
    assert not remarks


def test_an_invalid_position_is_rejected(tmp_path):
    for value in ("nan", "1e999", "left", "99999"):
        path = surface(tmp_path / "s.surf.gii", SIDE | C_RAS | {"VolGeomC_A": value})
        with pytest.raises(InputError, match=r"s\.surf\.gii: .*position") as caught:
            meshes.read(path, LEFT)
        assert "mris_convert --to-scanner" in caught.value.hint


@pytest.mark.parametrize("name", ["/etc/hostname", "../secret", "data.bin"])
def test_data_in_external_files_are_never_read(tmp_path, name):
    path = surface(tmp_path / "s.surf.gii", SIDE, encoding="B64BIN")
    (tmp_path / "data.bin").write_bytes(POINTS.tobytes())
    os.mkfifo(tmp_path / "pipe")
    text = path.read_text().replace('ExternalFileName=""', f'ExternalFileName="{name}"', 1)
    path.write_text(text)
    with pytest.raises(InputError, match="keeps its numbers in another file") as caught:
        meshes.read(path, LEFT)
    assert "wb_command -gifti-convert" in caught.value.hint
    path.write_text(text.replace("Base64Binary", "ExternalFileBinary", 1).replace(name, ""))
    with pytest.raises(InputError, match="keeps its numbers in another file"):
        meshes.read(path, LEFT)


def test_labels_without_a_name_a_colour_or_a_table_are_read(tmp_path):
    table = GiftiLabelTable()
    nothing, named = GiftiLabel(0), GiftiLabel(1, 0.5, 0.25, 0, 1)
    nothing.label, named.label = "", "area"
    table.labels += [nothing, named]
    keys = GiftiDataArray(np.array([0, 1, 1, 0], "i4"), "NIFTI_INTENT_LABEL", "NIFTI_TYPE_INT32")
    nibabel.save(GiftiImage(labeltable=table, darrays=[keys]), tmp_path / "l.label.gii")
    text = (tmp_path / "l.label.gii").read_text()
    assert ">area</Label>" in text
    (tmp_path / "l.label.gii").write_text(text.replace(">area</Label>", " />"))
    found, labels = gifti.read_labels(tmp_path / "l.label.gii", LEFT)
    np.testing.assert_array_equal(found, [0, 1, 1, 0])
    assert labels[1] == ("", (0.5, 0.25, 0.0, 1.0)) and labels[0][1] == (0.0, 0.0, 0.0, 1.0)
    nibabel.save(GiftiImage(darrays=[keys]), tmp_path / "bare.label.gii")
    assert gifti.read_labels(tmp_path / "bare.label.gii")[1] == {}
    keys.data = np.array([0, 0.5, np.nan, 1], "f4")
    keys.datatype = 16
    nibabel.save(GiftiImage(darrays=[keys]), tmp_path / "odd.label.gii")
    with pytest.raises(InputError, match="not whole numbers"):
        gifti.read_labels(tmp_path / "odd.label.gii")


def test_a_structure_name_is_made_printable_for_messages(tmp_path):
    path = surface(tmp_path / "s.surf.gii", {"AnatomicalStructurePrimary": "Cortex\u202e" + "x" * 500})
    with pytest.raises(InputError) as caught:
        meshes.read(path, LEFT)
    assert str(caught.value).isprintable() and len(str(caught.value)) < len(str(path)) + 100


def test_a_gzip_compressed_gifti_file_is_read(tmp_path):
    import gzip

    path = surface(tmp_path / "s.surf.gii", SIDE)
    path.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(meshes.read(path, LEFT).vertices, POINTS)


@pytest.mark.parametrize("line", ["xras   = 1 0", "cras   = a b c", "zras   = nan 0 0", "cras   = 1e30 0 0"])
def test_a_damaged_footer_is_rejected(tmp_path, line):
    footer = {
        "head": np.array([2, 0, 20]), "valid": "1  # volume info valid", "filename": "orig.mgz",
        "volume": np.array([256] * 3), "voxelsize": np.ones(3), "xras": np.array([-1.0, 0, 0]),
        "yras": np.array([0, 0, -1.0]), "zras": np.array([0, 1.0, 0]), "cras": np.array([3.0, -4, 5]),
    }  # fmt: skip
    path = tmp_path / "lh.white"
    write_geometry(path, POINTS, FACES, "made", footer)
    lines = path.read_bytes().split(b"\n")
    start = line.split("=")[0].split()[0].encode()
    path.write_bytes(b"\n".join(line.encode() if text.startswith(start) else text for text in lines))
    with pytest.raises(InputError, match=r"lh\.white: ") as caught:
        freesurfer.read(path, LEFT)
    assert caught.value.hint and caught.value.exit_code == 3


def test_values_in_the_old_format_are_hundredths(tmp_path):
    (tmp_path / "lh.curv").write_bytes(b"\0\0\4\0\0\4" + np.array([100, -50, 7, 0], ">i2").tobytes())
    np.testing.assert_allclose(freesurfer.read_values(tmp_path / "lh.curv"), [1, -0.5, 0.07, 0])
    theirs = nibabel.freesurfer.read_morph_data(tmp_path / "lh.curv")
    np.testing.assert_allclose(freesurfer.read_values(tmp_path / "lh.curv"), theirs)
