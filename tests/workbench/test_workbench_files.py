"""Data files, specs."""

from __future__ import annotations

import gzip
from pathlib import Path
from xml.etree import ElementTree as ET

import nibabel
import numpy as np
import pytest
from workbench_session import Session, cortex_axis, file_information, icosphere, write_metric

from wbtools.anatomy import Hemisphere, Structure
from wbtools.errors import InputError
from wbtools.surfaces.mesh import write
from wbtools.workbench import datafile, spec
from wbtools.workbench.datafile import DataType
from wbtools.workbench.runner import Workbench

BOTH = {Structure.CORTEX_LEFT: 642, Structure.CORTEX_RIGHT: 642}


def test_headers_tell_type_structure_vertices_and_maps(session: Session) -> None:
    left = datafile.read(session.surfaces[Hemisphere.LEFT])
    assert (left.type, left.structure) == (DataType.SURFACE, Structure.CORTEX_LEFT)
    assert left.vertices == {Structure.CORTEX_LEFT: 642}
    right = datafile.read(session.metrics[1].path)
    assert (right.type, right.structure, right.maps) == (DataType.METRIC, Structure.CORTEX_RIGHT, 2)
    assert datafile.read(session.scalars.path).vertices == BOTH
    areas = datafile.read(session.areas)
    assert (areas.type, areas.vertices, areas.maps) == (DataType.DENSE_LABEL, BOTH, 1)
    assert datafile.read(session.anatomy.path).extent == pytest.approx(180)


def test_a_parcellated_file_tells_its_meshes(tmp_path: Path) -> None:
    areas = [(side, {f"CIFTI_STRUCTURE_{side}": np.arange(20)}) for side in ("CORTEX_LEFT", "CORTEX_RIGHT")]
    nvertices = {f"CIFTI_STRUCTURE_{side}": 642 for side, _ in areas}
    axis = nibabel.cifti2.ParcelsAxis(
        [name for name, _ in areas], [np.zeros((0, 3), int)] * 2, [v for _, v in areas], nvertices=nvertices
    )
    path = tmp_path / "x.pscalar.nii"
    maps = nibabel.cifti2.ScalarAxis(["a", "b", "c"])
    nibabel.save(nibabel.Cifti2Image(np.zeros((3, 2), np.float32), (maps, axis)), path)
    file = datafile.read(path)
    assert (file.type, file.vertices, file.maps) == (DataType.PARCEL_SCALAR, BOTH, 3)


def test_volumes_of_several_maps_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "maps.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6, 7), np.float32), np.diag([2.0, 3, 4, 1])), path)
    file = datafile.read(path)
    assert (file.maps, file.extent) == (7, 24.0)


def test_unusable_files_are_named(session: Session) -> None:
    folder = session.folder
    with pytest.raises(InputError, match="does not exist"):
        datafile.read(folder / "nothing.surf.gii")
    with pytest.raises(InputError, match="ending"):
        datafile.read(folder / "notes.txt")
    for name, content in (
        ("cut.surf.gii", session.surfaces[Hemisphere.LEFT].read_bytes()[:300]),
        ("cut.dscalar.nii", session.scalars.path.read_bytes()[:700]),
        ("cut.nii.gz", session.anatomy.path.read_bytes()[:100]),
        ("plain.nii.gz", b"not compressed"),
        ("short.nii.gz", gzip.compress(b"short")),
        ("other.nii", b"x" * 400),
    ):
        (folder / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name} is damaged"):
            datafile.read(folder / name)


def test_a_metric_without_a_structure_is_refused_with_the_remedy(tmp_path: Path) -> None:
    image = nibabel.gifti.GiftiImage()
    image.add_gifti_data_array(nibabel.gifti.GiftiDataArray(np.zeros(5, np.float32), "NIFTI_INTENT_NONE"))
    nibabel.save(image, tmp_path / "x.func.gii")
    with pytest.raises(InputError, match="which cortex") as caught:
        datafile.read(tmp_path / "x.func.gii")
    assert "-set-structure" in caught.value.hint


def test_a_spec_lists_relative_paths_with_structures(session: Session) -> None:
    path = session.folder / "s.spec"
    below = session.folder / "T1w"
    below.mkdir()
    moved = session.anatomy.path.rename(below / "T1 & w.nii.gz")
    spec.write(path, [session.surfaces[Hemisphere.LEFT], moved, session.scalars.path, session.scalars.path])
    root = ET.parse(path).getroot()
    assert (root.tag, root.attrib) == ("CaretSpecFile", {"Version": "1.0"})
    listed = [(file.text, file.get("Structure"), file.get("DataFileType")) for file in root.iter("DataFile")]
    assert listed == [
        ("L.pial.surf.gii", "CortexLeft", "SURFACE"),
        ("T1w/T1 & w.nii.gz", "Invalid", "VOLUME"),
        ("maps.dscalar.nii", "All", "CONNECTIVITY_DENSE_SCALAR"),
    ]


def test_two_meshes_of_a_hemisphere_do_not_share_a_spec(session: Session) -> None:
    write(session.folder / "L.native.surf.gii", icosphere(Hemisphere.LEFT, 2), "pial")
    write_metric(session.folder / "L.native.func.gii", Hemisphere.LEFT, np.zeros(162))
    axis = cortex_axis(162)
    scalars = nibabel.cifti2.ScalarAxis(["a"])
    image = nibabel.Cifti2Image(np.zeros((1, 324), np.float32), (scalars, axis))
    nibabel.save(image, session.folder / "small.dscalar.nii")
    for name in ("L.native.surf.gii", "L.native.func.gii", "small.dscalar.nii"):
        with pytest.raises(InputError, match=r"162 vertices in CORTEX_LEFT, but L\.pial\.surf\.gii has 642"):
            spec.write(session.folder / "s.spec", [session.surfaces[Hemisphere.LEFT], session.folder / name])
    assert not (session.folder / "s.spec").exists()


def test_a_spec_reaches_nothing_outside_its_folder(session: Session, tmp_path: Path) -> None:
    inside = session.folder / "deep"
    inside.mkdir()
    with pytest.raises(InputError, match="lies outside"):
        spec.write(inside / "s.spec", [session.anatomy.path])


@pytest.mark.workbench
def test_workbench_reads_the_spec(session: Session, wb: Workbench) -> None:
    path = session.folder / "s.spec"
    spec.write(path, [*session.surfaces.values(), session.scalars.path, session.areas, session.anatomy.path])
    told = wb.run(file_information(path)).stdout
    for name in ("L.pial.surf.gii", "areas.dlabel.nii", "T1w.nii.gz"):
        assert name in told
