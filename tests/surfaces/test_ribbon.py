import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product as pairs_of
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from made_cortex import TURN, coverage, folded_cortex, noise, sphere_grid, without_data

import wbtools
from wbtools.anatomy import Hemisphere
from wbtools.errors import AtlasError, InputError
from wbtools.space.grid import Grid, Volume, reorient
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.ribbon.columns import Columns
from wbtools.surfaces.ribbon.sparse_product import by_torch, product
from wbtools.surfaces.ribbon.voxel_labels import VoxelLabels, join_hemispheres
from wbtools.surfaces.ribbon.weights import RibbonWeights


def moved(mesh: Mesh, matrix: np.ndarray, shift: np.ndarray) -> Mesh:
    return Mesh(mesh.vertices.astype(np.float64) @ matrix.T + shift, mesh.triangles, mesh.hemisphere)


@pytest.mark.parametrize("voxel", [0.8, 2.0])
def test_concentric_spheres_give_the_analytic_volume(voxel: float) -> None:
    white, pial, grid = icosphere(20, 20.0), icosphere(20, 23.0), sphere_grid(voxel)
    expected = 4 / 3 * np.pi * (23.0**3 - 20.0**3)
    thin = RibbonWeights.between(white, pial, grid, Columns.THIN)
    thick = RibbonWeights.between(white, pial, grid, Columns.THICK)
    # The polyhedra lie 0.2 % of the radius inside their spheres; counting centres averages out over many voxels.
    assert thin.matrix.sum() * grid.voxel_volume == pytest.approx(expected, rel=0.01)
    assert thick.matrix.sum() == pytest.approx(3 * thin.matrix.sum(), rel=1e-3)
    for ribbon in (thin, thick):
        assert coverage(ribbon).max() <= 1 + 1e-6
        assert coverage(ribbon).sum() * grid.voxel_volume == pytest.approx(expected, rel=0.01)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    roughness=st.sampled_from([0.3, 4.0]),  # 4 mm: columns fold over themselves
    division=st.integers(1, 4),
    columns=st.sampled_from(Columns),
)
@example(seed=0, roughness=4.0, division=3, columns=Columns.THICK)
def test_weights_are_shares_and_preserve_constants(
    seed: int, roughness: float, division: int, columns: Columns
) -> None:
    grid = sphere_grid(2.0)
    ribbon = RibbonWeights.between(*folded_cortex(seed, 6, roughness), grid, columns, division)
    assert ribbon.matrix.data.min() > 0
    assert ribbon.matrix.data.max() <= 1
    metric = ribbon.to_surface([np.full(grid.shape, 4.3, np.float32)])[0]
    assert set(metric[~without_data(ribbon)].tolist()) == {np.float32(4.3)}
    assert (metric[without_data(ribbon)] == 0).all()


def test_thin_columns_never_fill_a_voxel_more_than_once() -> None:
    thin = RibbonWeights.between(*folded_cortex(), sphere_grid(), Columns.THIN)
    assert thin.matrix.sum(axis=0).max() <= 1 + 1e-5
    assert thin.matrix.sum(axis=0).max() > 0.999


@pytest.mark.parametrize("columns", Columns)
@pytest.mark.parametrize("orientation", ["LAS", "LPS", "SRA"])
def test_the_orientation_of_voxels_does_not_matter(columns: Columns, orientation: str) -> None:
    cortex, grid = folded_cortex(), sphere_grid()
    volume = Volume(noise(grid), grid)
    turned = reorient(volume, orientation)
    metric = RibbonWeights.between(*cortex, grid, columns).to_surface([volume.data])
    again = RibbonWeights.between(*cortex, turned.grid, columns).to_surface([turned.data])
    np.testing.assert_allclose(again, metric, atol=1e-5)  # no centre lies within rounding of a wall here


@pytest.mark.parametrize("columns", Columns)
def test_an_oblique_head_gives_the_same_values(columns: Columns) -> None:
    cortex, grid, shift = folded_cortex(), sphere_grid(), np.array([30.0, -12.0, 5.0])
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = TURN, shift
    oblique = Grid(grid.shape, motion @ grid.affine)
    assert oblique.is_oblique
    metric = RibbonWeights.between(*cortex, grid, columns).to_surface([noise(grid)])[0]
    white, pial = (moved(mesh, TURN, shift) for mesh in cortex)
    again = RibbonWeights.between(white, pial, oblique, columns).to_surface([noise(grid)])[0]
    # The moved vertices are rounded to float32: a centre in 10,000 may change sides of a wall.
    close = np.abs(again - metric) < 1e-4
    assert close.mean() > 0.99
    assert np.corrcoef(again, metric)[0, 1] > 0.99999


@pytest.mark.parametrize("columns", Columns)
def test_the_order_of_vertices_and_triangles_does_not_matter(columns: Columns) -> None:
    (white, pial), grid, rng = folded_cortex(), sphere_grid(), np.random.default_rng(1)
    order = rng.permutation(len(white.vertices))
    triangles = np.argsort(order)[white.triangles][rng.permutation(len(white.triangles))]
    triangles = np.roll(triangles, 1, axis=1)
    shuffled = [Mesh(mesh.vertices[order], triangles, mesh.hemisphere) for mesh in (white, pial)]
    straight = RibbonWeights.between(white, pial, grid, columns).matrix[order]
    difference = np.abs(straight - RibbonWeights.between(*shuffled, grid, columns).matrix)
    assert difference.max() <= 1 / 54 + 1e-6  # a centre exactly within rounding of a wall
    assert (difference.data > 1e-6).sum() <= 2


@pytest.mark.parametrize("columns", Columns)
def test_white_and_pial_may_be_swapped(columns: Columns) -> None:
    (white, pial), grid = folded_cortex(), sphere_grid()
    difference = RibbonWeights.between(white, pial, grid, columns).matrix
    difference = difference - RibbonWeights.between(pial, white, grid, columns).matrix
    assert np.abs(difference).max() < 1e-6


@pytest.mark.parametrize("columns", Columns)
def test_only_parts_outside_the_grid_are_ignored(columns: Columns) -> None:
    cortex, grid = folded_cortex(), sphere_grid()
    start, stop = (7, 3, 16), (30, 20, 31)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_world(np.array(start, float))
    part = Grid((23, 17, 15), affine)
    whole = RibbonWeights.between(*cortex, grid, columns)
    inside = RibbonWeights.between(*cortex, part, columns)
    cut = np.zeros(grid.shape, bool)
    cut[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = True
    difference = np.abs(whole.matrix[:, cut.ravel()] - inside.matrix)
    assert (difference.data > 1e-6).sum() <= 2  # the part's affine is rounded
    assert without_data(inside).any()
    assert not without_data(inside).all()
    assert np.isfinite(inside.to_surface([noise(part)])).all()


def test_a_grid_beside_the_surfaces_gives_no_data() -> None:
    aside = np.eye(4)
    aside[0, 3] = 500
    for affine in (np.eye(4), aside):  # in the white matter, and far away
        empty = RibbonWeights.between(*folded_cortex(), Grid((5, 5, 5), affine))
        assert without_data(empty).all()
        assert not empty.to_surface([np.ones((5, 5, 5))]).any()
        assert not empty.labels_to_volume(np.ones(len(without_data(empty)), np.int32)).keys.size


@pytest.mark.parametrize("columns", Columns)
def test_cortex_without_thickness_has_no_voxels(columns: Columns) -> None:
    white, pial = folded_cortex()
    patch = white.vertices[:, 2] > 5
    pinched = Mesh(np.where(patch[:, None], white.vertices, pial.vertices), pial.triangles, pial.hemisphere)
    grid = sphere_grid()
    ribbon = RibbonWeights.between(white, pinched, grid, columns)
    neighbours = np.zeros(len(patch), bool)
    neighbours[white.triangles[~patch[white.triangles].all(axis=1)]] = True
    assert without_data(ribbon)[patch & ~neighbours].all()
    assert not without_data(ribbon)[~patch].any()
    metric = ribbon.to_surface([noise(grid)])
    assert np.isfinite(metric).all()
    assert not metric[0, without_data(ribbon)].any()


def test_repeated_vertices_and_borders_are_handled() -> None:
    white, pial = folded_cortex()
    a, b = white.triangles[0, :2]
    for mesh in (white, pial):
        mesh.vertices[b] = mesh.vertices[a]  # a collapsed edge: two triangles without area
    grid = sphere_grid()
    whole = RibbonWeights.between(white, pial, grid, Columns.THIN)
    assert coverage(whole).max() <= 1 + 1e-5
    top = white.triangles[(white.vertices[white.triangles, 2] > 0).all(axis=1)]
    cap = [Mesh(mesh.vertices, top, mesh.hemisphere) for mesh in (white, pial)]
    inner = np.setdiff1d(top, white.triangles[(white.vertices[white.triangles, 2] <= 0).any(axis=1)])
    for columns in Columns:
        open_mesh = RibbonWeights.between(*cap, grid, columns)
        assert coverage(open_mesh).max() <= 1 + 1e-5  # a border that let lines leak would fill the grid
        assert without_data(open_mesh)[np.setdiff1d(np.arange(len(white.vertices)), top)].all()
        difference = RibbonWeights.between(white, pial, grid, columns).matrix[inner] - open_mesh.matrix[inner]
        assert np.abs(difference).max() < 1e-6


def test_columns_that_exceed_a_buffer_are_computed_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    cortex, grid = folded_cortex(), sphere_grid()
    whole = RibbonWeights.between(*cortex, grid).matrix
    monkeypatch.setattr("wbtools.surfaces.ribbon.rasterising._CHUNK", 1000)
    pieces = RibbonWeights.between(*cortex, grid).matrix
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(pieces, part), getattr(whole, part))


@pytest.mark.parametrize("columns", Columns)
def test_columns_deeper_than_a_word_of_centres_are_counted_as_in_many_shallow_grids(columns: Columns) -> None:
    white, pial = folded_cortex()
    grid = Grid((30, 30, 60), np.array([[2.0, 0, 0, -30.1], [0, 2.0, 0, -30.2], [0, 0, 1.0, -30.3], [0, 0, 0, 1]]))
    division = 20  # three voxels a word
    whole = RibbonWeights.between(white, pial, grid, columns, division).matrix
    summed = np.zeros(grid.shape)
    for start in range(0, 60, 3):
        affine = grid.affine.copy()
        affine[2, 3] += start
        layer = RibbonWeights.between(white, pial, Grid((30, 30, 3), affine), columns, division).matrix
        summed[..., start : start + 3] = np.asarray(layer.sum(axis=0)).reshape(30, 30, 3)
    # A centre within rounding of a wall may change sides, by 1 in 8000.
    np.testing.assert_allclose(np.asarray(whole.sum(axis=0)).reshape(grid.shape), summed, atol=1e-3)


def test_many_maps_are_mapped_at_once_and_hemispheres_in_threads() -> None:
    cortex, grid = folded_cortex(), sphere_grid()
    maps = np.stack([noise(grid, seed) for seed in range(3)])
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: RibbonWeights.between(*cortex, grid), range(2)))
    together = both[0].to_surface(maps)
    assert together.shape == (3, len(cortex[0].vertices))
    assert together.dtype == np.float32
    for alone, row in zip(maps, together, strict=True):
        np.testing.assert_array_equal(both[1].to_surface([alone])[0], row)


def test_inconsistent_ribbon_inputs_are_rejected() -> None:
    (white, pial), grid = folded_cortex(), sphere_grid()
    with pytest.raises(InputError, match="white surface has 642 vertices but the pial surface 252"):
        RibbonWeights.between(white, icosphere(5), grid)
    with pytest.raises(InputError, match="do not share their triangles"):
        RibbonWeights.between(
            white, Mesh(pial.vertices, icosphere(8, rotation=TURN).triangles[:-1], pial.hemisphere), grid
        )
    with pytest.raises(InputError, match="do not share their triangles"):
        RibbonWeights.between(white, Mesh(pial.vertices, pial.triangles, Hemisphere.RIGHT), grid)
    with pytest.raises(InputError, match="not numbers"):
        Mesh(np.where(pial.vertices > 20, np.nan, pial.vertices), pial.triangles, pial.hemisphere)
    for division in (0, 64):
        with pytest.raises(InputError, match=f"divided {division} times"):
            RibbonWeights.between(white, pial, grid, division=division)
    ribbon = RibbonWeights.between(white, pial, grid)
    with pytest.raises(InputError, match=r"\(2, 2, 2\) does not fit"):
        ribbon.to_surface([np.zeros((2, 2, 2))])
    with pytest.raises(AtlasError, match="7 labels do not fit a surface of 642"):
        ribbon.labels_to_volume(np.zeros(7, np.int32))


@pytest.mark.parametrize("columns", Columns)
def test_labels_fill_the_voxels_that_are_half_cortex_unless_unlabelled_vertices_win(columns: Columns) -> None:
    (white, pial), grid = folded_cortex(), sphere_grid()
    ribbon = RibbonWeights.between(white, pial, grid, columns)
    keys = np.where(white.vertices[:, 0] > 0, 7, 0)
    votes = [np.asarray(ribbon.matrix[keys == key].sum(axis=0)).reshape(grid.shape) for key in (0, 7)]
    expected = (coverage(ribbon) > 0.49) & (votes[1] > votes[0])
    labels = ribbon.labels_to_volume(keys)
    assert expected.sum() > 1000
    np.testing.assert_array_equal(labels.volume(), np.where(expected, 7, 0))
    np.testing.assert_allclose(labels.weights, votes[1].reshape(-1)[labels.voxels], rtol=1e-5)


def test_the_larger_weight_wins_where_hemispheres_meet() -> None:
    pairs = list(pairs_of([0.0, 0.6, 0.9], repeat=2))
    left, right = (of_shares([pair[side] for pair in pairs], key) for side, key in ((0, 181), (1, 1)))
    keys, conflicts = join_hemispheres(left, right)
    assert keys[..., 0].tolist() == [[0, 1, 1], [181, 181, 1], [181, 181, 181]]
    assert conflicts == 4
    with pytest.raises(InputError, match="cannot be joined"):
        join_hemispheres(left, replace(right, shape=(9, 1, 1)))


def of_shares(shares: list[float], key: int) -> VoxelLabels:
    """Nine voxels, of which those have a label that have a share in it."""
    weights = np.array(shares, np.float32)
    voxels = np.flatnonzero(weights)
    return VoxelLabels((3, 3, 1), voxels, np.full(len(voxels), key, np.int32), weights[voxels])


@pytest.mark.parametrize("columns", Columns)
def test_surfaces_may_list_their_common_triangles_differently(columns: Columns) -> None:
    (white, pial), grid, rng = folded_cortex(), sphere_grid(), np.random.default_rng(2)
    listed = np.roll(pial.triangles[rng.permutation(len(pial.triangles))], 1, axis=1)
    again = RibbonWeights.between(white, Mesh(pial.vertices, listed, pial.hemisphere), grid, columns)
    difference = RibbonWeights.between(white, pial, grid, columns).matrix - again.matrix
    assert np.abs(difference).max() == 0
    swapped = np.where(listed == listed[0, 0], listed[0, 1], listed)
    with pytest.raises(InputError, match="do not share their triangles"):
        RibbonWeights.between(white, Mesh(pial.vertices, swapped, pial.hemisphere), grid, columns)


@pytest.mark.parametrize("columns", Columns)
def test_a_self_intersecting_ribbon_is_mapped(columns: Columns) -> None:
    white, pial = folded_cortex()
    crossed = np.where(white.vertices[:, :1] > 0, 2 * white.vertices - pial.vertices, pial.vertices)
    grid = sphere_grid()
    ribbon = RibbonWeights.between(white, Mesh(crossed, pial.triangles, pial.hemisphere), grid, columns)
    assert ribbon.shares.data.min() > 0
    assert ribbon.shares.data.max() <= 1
    assert not without_data(ribbon).any()
    np.testing.assert_array_equal(ribbon.to_surface([np.full(grid.shape, 2.5)]), np.float32(2.5))


def test_a_region_of_interest_excludes_the_other_voxels() -> None:
    cortex, grid = folded_cortex(), sphere_grid()
    ribbon, roi = RibbonWeights.between(*cortex, grid), noise(grid, 1)
    roi[:9] = 0
    inside, data = ribbon.within(roi), noise(grid)
    weights = ribbon.matrix.toarray() * (roi.ravel() > 0)
    total = weights.sum(axis=1)
    assert (total == 0).any()
    np.testing.assert_array_equal(without_data(inside), total == 0)
    expected = np.divide(weights @ data.ravel(), total, out=np.zeros_like(total), where=total > 0)
    np.testing.assert_allclose(inside.to_surface([data])[0], expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match="does not fit"):
        ribbon.within(roi[1:])


def test_a_torch_device_gives_the_same_sums() -> None:
    import torch

    ribbon = RibbonWeights.between(*folded_cortex(), sphere_grid())
    values = np.random.default_rng(0).normal(size=(len(ribbon.voxels), 3))
    expected = ribbon.shares @ values
    np.testing.assert_allclose(by_torch(ribbon.shares, values, torch.device("cpu")), expected, atol=1e-10)
    np.testing.assert_array_equal(product(ribbon.shares, values), expected)
    if torch.cuda.is_available():
        np.testing.assert_allclose(by_torch(ribbon.shares, values, torch.device("cuda")), expected, atol=1e-10)


def test_a_read_only_package_compiles_in_every_process(tmp_path: Path) -> None:
    shutil.copytree(Path(wbtools.__file__).parent, tmp_path / "wbtools", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "wbtools/surfaces/ribbon/__pycache__").touch()  # a file where the folder would be: for root, too
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    environment |= {"HOME": os.devnull, "XDG_CACHE_HOME": f"{os.devnull}/none", "PYTHONPATH": str(tmp_path)}
    code = (
        "import wbtools, numpy as np; from wbtools.surfaces.ribbon.rasterising import _ones;"
        "print(wbtools.__file__, _ones.stats.cache_path, _ones(11))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.split() == [str(tmp_path / "wbtools/__init__.py"), "None", "3"], done.stderr


@pytest.mark.slow
def test_two_native_hemispheres_need_at_most_one_and_a_half_gigabytes() -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from wbtools.space.grid import Grid
from wbtools.surfaces.ribbon.columns import Columns
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.ribbon.sparse_product import by_torch, product
from wbtools.surfaces.ribbon.weights import RibbonWeights
affine = np.diag([0.7, 0.7, 0.7, 1]); affine[:3, 3] = -90
data = np.zeros((260, 311, 260), np.float32)
white, pial = icosphere(119, 86), icosphere(119, 89)
def weights_of_a_side(_):
    for columns in Columns:
        ribbon = RibbonWeights.between(white, pial, Grid(data.shape, affine), columns)
        ribbon.to_surface([data])
        ribbon.labels_to_volume(np.arange(141612) % 180)
with ThreadPoolExecutor(2) as pool:
    list(pool.map(weights_of_a_side, range(2)))
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) * 1024)  # unlike ru_maxrss, not inherited from the process that started this one
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1.5e9
