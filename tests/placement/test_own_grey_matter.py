"""Areas on a person's own grey matter: two spheres as hemispheres, whose answers are known."""

import numpy as np
import pytest

from wbtools.anatomy import Hemisphere
from wbtools.native.cortex import Cortex
from wbtools.native.grey_matter import CORTEX, WHITE, GreyMatterProjection, nearest_vertices, spread
from wbtools.native.projection import NativeProjection
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.mesh import Mesh

LEFT, RIGHT = Hemisphere
GRID = Grid((76, 44, 44), np.array([[2.0, 0, 0, -75], [0, 2, 0, -43], [0, 0, 2, -43], [0, 0, 0, 1]]))
MIDDLE = {LEFT: np.array([-36.0, 0, 0]), RIGHT: np.array([36.0, 0, 0])}
PLACES = GRID.to_world(np.moveaxis(np.indices(GRID.shape, float), 0, -1).reshape(-1, 3)).reshape(*GRID.shape, 3)
OFF = 1.5
"""By how much the surfaces lie too far out, mm: warped ones are a little wrong everywhere."""


def ball(side, radius):
    mesh = icosphere(16, radius)
    return Mesh((mesh.vertices + MIDDLE[side]).astype(np.float32), mesh.triangles, side)


def octants(points):
    """1 to 8 by the signs of coordinates."""
    return ((points > 0) * [1, 2, 4]).sum(axis=-1) + 1


@pytest.fixture(scope="module")
def cortex():
    layers = {"white": 22.0, "midthickness": 24.0, "pial": 26.0}
    surfaces = {(side, kind): ball(side, radius + OFF) for side in Hemisphere for kind, radius in layers.items()}
    count = len(surfaces[LEFT, "white"].vertices)
    mask = {side: np.ones(count, bool) for side in Hemisphere}
    return Cortex("32k_fs_LR", surfaces, mask, {side: ball(side, 100.0) for side in Hemisphere}, {})


@pytest.fixture(scope="module")
def tissue():
    data = np.zeros(GRID.shape, np.int32)
    for side in Hemisphere:
        radius = np.linalg.norm(PLACES - MIDDLE[side], axis=-1)
        data[radius < 26] = CORTEX[side]
        data[radius < 22] = WHITE[side]
    return Volume(data, GRID, Unit.LABEL)


@pytest.fixture(scope="module")
def projection(tissue):
    return GreyMatterProjection(NativeProjection(1), tissue)


def keys(cortex):
    found = {
        side: octants(cortex.surfaces[side, "white"].vertices - MIDDLE[side]).astype(np.int32) for side in Hemisphere
    }
    return {LEFT: found[LEFT], RIGHT: found[RIGHT] + 8}


def test_all_grey_matter_has_the_area_that_lies_nearest(cortex, tissue, projection):
    found, conflicts = projection.volume(cortex, keys(cortex), GRID)
    assert conflicts == 0
    for side in Hemisphere:
        grey = tissue.data == CORTEX[side]
        expected = octants(PLACES - MIDDLE[side]) + (8 if side is RIGHT else 0)
        away = (np.abs(PLACES - MIDDLE[side]) > 2.5).all(
            axis=-1
        )  # mm from where areas meet: vertices lie that far apart
        assert (found.data[grey] > 0).all()
        assert (found.data == expected)[grey & away].all()
        assert (found.data == expected)[grey].mean() > 0.9
    assert not found.data[~np.isin(tissue.data, list(CORTEX.values()))].any()


def test_the_medial_wall_has_no_area(cortex, tissue):
    from dataclasses import replace

    wall = {side: cortex.surfaces[side, "white"].vertices[:, 2] > 0 for side in Hemisphere}
    walled = replace(cortex, mask={side: ~wall[side] for side in Hemisphere})
    found = nearest_vertices(walled, LEFT, tissue)
    grey = tissue.data == CORTEX[LEFT]
    assert (found[grey & (PLACES[..., 2] > 3)] == -1).all() and (found[grey & (PLACES[..., 2] < -3)] >= 0).all()


def test_cortex_beyond_reach_has_none(cortex, tissue):
    from dataclasses import replace

    far = {
        key: Mesh(mesh.vertices + np.float32([0, 0, 80]), mesh.triangles, mesh.hemisphere)
        for key, mesh in cortex.surfaces.items()
    }
    assert (nearest_vertices(replace(cortex, surfaces=far), LEFT, tissue) == -1).all()


def test_the_other_banks_area_does_not_cross_a_sulcus(cortex, tissue):
    # A plane of liquid cuts the left ball: its upper half is reached from its own vertices alone.
    cut = tissue.data.copy()
    cut[np.abs(PLACES[..., 2]) < 1.5] = 0
    found = nearest_vertices(cortex, LEFT, Volume(cut, GRID, Unit.LABEL))
    height = cortex.surfaces[LEFT, "white"].vertices[:, 2]
    upper = (found >= 0) & (PLACES[..., 2] > 0)
    assert upper.any() and (height[found[upper]] > -1.5).all()


def test_maps_are_means_over_the_same_voxels(cortex, projection):
    level = Volume(np.full(GRID.shape, 3.0, np.float32), GRID, Unit.DENSITY)
    slope = Volume(PLACES[..., 1].astype(np.float32), GRID, Unit.DENSITY)
    maps = projection.metrics(cortex, [level, slope])
    for side in Hemisphere:
        np.testing.assert_allclose(maps[side][0], 3.0, rtol=1e-6)
        y = cortex.surfaces[side, "midthickness"].vertices[:, 1] * 24 / (24 + OFF)
        assert np.abs(maps[side][1] - y).max() < 3.0  # mm; voxels are 2 mm, vertices 3 mm apart


def test_a_map_keeps_the_total_over_cortex(cortex, tissue, projection):
    random = Volume(np.random.default_rng(0).random(GRID.shape, np.float32), GRID, Unit.DENSITY)
    found = nearest_vertices(cortex, RIGHT, tissue)
    counts = np.bincount(found[found >= 0], minlength=len(cortex.mask[RIGHT]))
    total = (projection.metrics(cortex, [random])[RIGHT][0] * counts).sum()
    assert total == pytest.approx(random.data[tissue.data == CORTEX[RIGHT]].sum(), rel=1e-4)


def test_values_spread_to_all_vertices_that_are_connected():
    mesh = icosphere(4, 10.0)
    known = np.zeros(len(mesh.vertices), bool)
    known[0] = True
    found = spread(Mesh(mesh.vertices.astype(np.float32), mesh.triangles, LEFT), np.full((1, len(known)), 5.0), known)
    assert (found == 5).sum() == len(known)
