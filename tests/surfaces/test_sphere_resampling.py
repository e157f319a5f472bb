import subprocess
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiLabel, GiftiLabelTable, GiftiMetaData
from scipy.spatial.transform import Rotation

from wbtools.anatomy import Hemisphere
from wbtools.errors import AtlasError, InputError
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.mesh import Mesh, write
from wbtools.surfaces.resampling import adaptive_barycentric_area, barycentric

TURN = Rotation.from_euler("xyz", [0.3, 0.5, 0.7]).as_matrix()


def irregular_sphere(frequency: int, seed: int, turned: bool = False) -> Mesh:
    """An icosphere whose vertices wander by up to a fifth of their distance."""
    even = icosphere(frequency, rotation=TURN if turned else None)
    noise = np.random.default_rng(seed).normal(size=even.vertices.shape) * 20 / frequency
    points = even.vertices + noise
    return Mesh(100 * points / np.linalg.norm(points, axis=1, keepdims=True), even.triangles, Hemisphere.LEFT)


def bumpy_surface(sphere: Mesh) -> Mesh:
    """An anatomical surface of very uneven vertex areas."""
    x, y, _ = sphere.vertices.T
    bumps = 0.5 + 0.2 * np.sin(x / 15) * np.cos(y / 20)
    return Mesh(sphere.vertices * bumps[:, None], sphere.triangles, sphere.hemisphere)


def patches(sphere: Mesh) -> np.ndarray:
    """Twelve labels in patches, 0 among them."""
    corners = icosphere(1, rotation=TURN).vertices
    return np.argmax(sphere.vertices @ corners.T, axis=1).astype(np.int32)


def test_a_sphere_onto_itself_keeps_every_value() -> None:
    sphere = irregular_sphere(9, seed=0)
    values = np.random.default_rng(1).normal(size=(2, len(sphere.vertices))).astype(np.float32)
    np.testing.assert_allclose(barycentric(sphere, sphere).metric(values), values, atol=1e-5)


@pytest.mark.parametrize(("old", "new"), [(6, 15), (15, 6)])
def test_weights_are_shares_and_preserve_constants(old: int, new: int) -> None:
    current, wanted = irregular_sphere(old, seed=2), irregular_sphere(new, seed=3, turned=True)
    for weights in (
        barycentric(current, wanted),
        adaptive_barycentric_area(current, wanted, bumpy_surface(current), bumpy_surface(wanted)),
    ):
        assert weights.matrix.data.min() > 0
        np.testing.assert_allclose(weights.metric(np.full(len(current.vertices), 3.0)), 3, rtol=1e-6)
        assert (weights.labels(np.full(len(current.vertices), 9)) == 9).all()


def test_every_current_vertex_counts_when_the_new_mesh_is_coarser() -> None:
    current, wanted = irregular_sphere(20, seed=4), irregular_sphere(5, seed=5, turned=True)
    adaptive = adaptive_barycentric_area(current, wanted, current, wanted).matrix
    assert (adaptive.sum(axis=0) > 0).all()
    assert (barycentric(current, wanted).matrix.sum(axis=0) == 0).any()


def test_the_largest_weights_alone_copy_values() -> None:
    current, wanted = irregular_sphere(9, seed=2), irregular_sphere(6, seed=3, turned=True)
    weights = barycentric(current, wanted)
    keys = patches(current)
    nearest = weights.largest()
    strongest = weights.matrix.toarray().argmax(axis=1)
    np.testing.assert_array_equal(nearest.labels(keys), keys[strongest])
    np.testing.assert_array_equal(nearest.metric(current.vertices.T), current.vertices[strongest].T)
    assert (weights.labels(keys) != keys[strongest]).any()  # popularity of labels is something else


def test_coordinates_are_resampled_to_another_mesh() -> None:
    current, wanted = icosphere(30), irregular_sphere(12, seed=6, turned=True)
    moved = barycentric(current, wanted).surface(current, wanted)
    # A chord of the finer sphere lies up to (edge / 2)^2 / 2 r below it: 0.02 mm for edges of 4 mm on 100 mm.
    assert np.abs(np.linalg.norm(moved.vertices, axis=1) - 100).max() < 0.08
    np.testing.assert_allclose(moved.vertices, wanted.vertices, atol=0.08)
    assert np.array_equal(moved.triangles, wanted.triangles)


def test_a_sliver_far_from_its_centroid_is_found() -> None:
    even = icosphere(12)
    points = even.vertices.astype(np.float64)
    points[:, 2] *= 40  # nearly all vertices crowd at the poles: long thin triangles in between
    crowded = Mesh(100 * points / np.linalg.norm(points, axis=1, keepdims=True), even.triangles, Hemisphere.LEFT)
    wanted = icosphere(12, rotation=TURN)
    moved = barycentric(crowded, wanted).surface(crowded, wanted)
    directions = moved.vertices / np.linalg.norm(moved.vertices, axis=1, keepdims=True)
    found = np.einsum("vx,vx->v", directions, wanted.vertices / 100)
    a, b, c = (crowded.vertices[crowded.triangles[:, i]] for i in range(3))
    widest = np.linalg.norm(np.stack([a - b, b - c, c - a]), axis=2).max()
    assert widest > 40  # the case is as bad as it is meant to be
    # Closest is not radial: on a flat triangle of this width they part, but never towards another part of the sphere.
    assert found.min() > 0.97


def test_non_spheres_and_spheres_of_different_hemispheres_are_rejected() -> None:
    sphere = icosphere(4)
    with pytest.raises(InputError, match="not a sphere"):
        barycentric(bumpy_surface(sphere), sphere)
    with pytest.raises(InputError, match="hemispheres"):
        barycentric(sphere, icosphere(4, hemisphere=Hemisphere.RIGHT))
    with pytest.raises(InputError, match="162 vertices came with a surface of 252"):
        adaptive_barycentric_area(sphere, sphere, icosphere(5), sphere)
    with pytest.raises(AtlasError, match="10 values"):
        barycentric(sphere, sphere).labels(np.zeros(10, np.int32))


def write_gifti(path: Path, data: np.ndarray, intent: str) -> None:
    table = GiftiLabelTable()
    for key in range(12):
        entry = GiftiLabel(key, key / 12, 0.5, 0.5, 1)
        entry.label = f"area {key}" if key else "???"
        table.labels.append(entry)
    image = GiftiImage(labeltable=table, meta=GiftiMetaData(AnatomicalStructurePrimary="CortexLeft"))
    for column in data:
        image.add_gifti_data_array(GiftiDataArray(column, intent))
    nibabel.save(image, path)


@pytest.mark.workbench
@pytest.mark.parametrize(("old", "new"), [(6, 10), (10, 6)])
def test_weights_and_labels_equal_those_of_workbench(tmp_path: Path, old: int, new: int) -> None:
    current, wanted = irregular_sphere(old, seed=7), irregular_sphere(new, seed=8, turned=True)
    areas = bumpy_surface(current), bumpy_surface(wanted)
    for name, mesh in zip(("current", "new", "current_area", "new_area"), (current, wanted, *areas), strict=True):
        write(tmp_path / f"{name}.surf.gii", mesh, "midthickness" if "area" in name else "sphere")
    keys = patches(current)
    write_gifti(tmp_path / "one.func.gii", np.eye(len(current.vertices), dtype=np.float32), "NIFTI_INTENT_NORMAL")
    write_gifti(tmp_path / "number.func.gii", np.arange(len(keys), dtype=np.float32)[None], "NIFTI_INTENT_NORMAL")
    write_gifti(tmp_path / "keys.label.gii", keys[None], "NIFTI_INTENT_LABEL")

    def workbench(kind: str, source: str, method: str, *options: str) -> np.ndarray:
        argv = ["wb_command", f"-{kind}-resample", source, "current.surf.gii", "new.surf.gii", method, f"out.{source}"]
        argv += ["-area-surfs", "current_area.surf.gii", "new_area.surf.gii"] if method == "ADAP_BARY_AREA" else []
        argv += options
        subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)
        return np.array([array.data for array in nibabel.load(tmp_path / f"out.{source}").darrays])

    plain, adaptive = barycentric(current, wanted), adaptive_barycentric_area(current, wanted, *areas)
    for method, ours in (("BARYCENTRIC", plain), ("ADAP_BARY_AREA", adaptive)):
        # Workbench computes in single precision: coordinates of 100 mm are exact to 1e-5.
        np.testing.assert_allclose(ours.matrix.toarray(), workbench("metric", "one.func.gii", method).T, atol=5e-5)
        strongest = workbench("metric", "number.func.gii", method, "-largest")[0]
        # Two weights that are equal but for rounding may change places.
        assert (ours.largest().metric(np.arange(len(keys))) == strongest).mean() >= 0.99
    assert (adaptive.labels(keys) == workbench("label", "keys.label.gii", "ADAP_BARY_AREA")[0]).mean() >= 0.999
