import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from wbtools.errors import InputError
from wbtools.surfaces.icosphere import icosphere


@pytest.mark.parametrize("frequency", [1, 2, 3, 7, 16])
def test_an_icosphere_is_a_closed_outward_oriented_sphere(frequency: int) -> None:
    sphere = icosphere(frequency, radius=10.0)
    assert len(sphere.vertices) == 10 * frequency**2 + 2
    assert len(sphere.triangles) == 20 * frequency**2
    np.testing.assert_allclose(np.linalg.norm(sphere.vertices, axis=1), 10, rtol=1e-6)
    start, end = sphere.triangles, np.roll(sphere.triangles, -1, axis=1)
    edges = set(zip(start.ravel().tolist(), end.ravel().tolist(), strict=True))
    assert len(edges) == sphere.triangles.size  # no edge twice in one direction ...
    assert {(b, a) for a, b in edges} == edges  # ... and each once in the other
    a, b, c = (sphere.vertices[sphere.triangles[:, i]] for i in range(3))
    assert (np.einsum("tx,tx->t", np.cross(b - a, c - a), a) > 0).all()


def test_a_rotation_moves_the_vertices() -> None:
    turn = Rotation.from_euler("xyz", [0.3, 0.5, 0.7]).as_matrix()
    np.testing.assert_allclose(icosphere(3, rotation=turn).vertices, icosphere(3).vertices @ turn.T, atol=1e-4)


@pytest.mark.parametrize(("frequency", "radius"), [(0, 1.0), (3, 0.0)])
def test_an_icosphere_without_extent_is_rejected(frequency: int, radius: float) -> None:
    with pytest.raises(InputError, match="icosphere"):
        icosphere(frequency, radius)
