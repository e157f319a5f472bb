"""Smoothing along a surface: against Gaussians that are known, and against wb_command -metric-smoothing."""

import numpy as np
import pytest
from made_cortex import folded_cortex

from wbtools.anatomy import Hemisphere
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.smoothing import smooth_along

FWHM = 4.0
SIGMA = FWHM / np.sqrt(8 * np.log(2))


def sheet(count=60, spacing=0.7, fold=None):
    """A flat square of triangles, folded over the line x = 0 if `fold` (mm between its banks) is given."""
    steps = (np.arange(count) - (count - 1) / 2) * spacing
    x, y = (part.ravel() for part in np.meshgrid(steps, steps, indexing="ij"))
    z = np.zeros_like(x)
    if fold is not None:
        x, z = np.abs(x), np.where(x < 0, 0.0, fold)
    corner = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    lower = np.stack([corner, corner + count, corner + 1], axis=1)
    upper = np.stack([corner + count, corner + count + 1, corner + 1], axis=1)
    return Mesh(np.stack([x, y, z], axis=1), np.concatenate([lower, upper]), Hemisphere.LEFT)


def test_on_a_plane_a_point_becomes_a_gaussian_of_the_given_width():
    plane = sheet(61)
    point = np.zeros(len(plane.vertices))
    point[len(point) // 2] = 1
    smooth = smooth_along(plane, point, np.ones(len(point), bool), FWHM)
    expected = np.exp(-(plane.vertices.astype(float) ** 2).sum(axis=1) / (2 * SIGMA**2))
    expected *= 0.7**2 / (2 * np.pi * SIGMA**2)
    # Sixteen implicit steps make the peak 7 % higher than a Gaussian's, edges of 0.7 mm add 5 %.
    assert np.abs(smooth - expected).max() < 0.15 * expected.max()
    assert np.abs(smooth - expected)[expected < 0.8 * expected.max()].max() < 0.07 * expected.max()
    width = np.sqrt((smooth * plane.vertices[:, 0].astype(float) ** 2).sum() / smooth.sum())
    assert width == pytest.approx(SIGMA, rel=0.02)


def test_the_banks_of_a_sulcus_do_not_mix():
    # The banks are 0.5 mm apart, eight times closer than the Gaussian is wide, and 10 mm apart along the surface.
    folded = sheet(60, fold=0.5)
    upper = folded.vertices[:, 2] > 0
    smooth = smooth_along(folded, upper.astype(float), np.ones(len(upper), bool), FWHM)
    deep = folded.vertices[:, 0] > 10
    assert smooth[deep & upper].min() > 0.999 and smooth[deep & ~upper].max() < 0.001


def test_smoothing_stays_inside_the_mask_and_within_the_range_of_its_values():
    white, _ = folded_cortex(frequency=16)
    random = np.random.default_rng(1)
    values, mask = random.random(len(white.vertices)), white.vertices[:, 2] > -5
    smooth = smooth_along(white, np.where(mask, values, 100), mask, FWHM)
    assert not smooth[~mask].any()
    assert values[mask].min() <= smooth[mask].min() and smooth[mask].max() <= values[mask].max()
    level = smooth_along(white, np.where(mask, 0.7, 100), mask, FWHM)
    assert np.allclose(level[mask], 0.7, atol=1e-5)


def test_degenerate_triangles_and_isolated_vertices_are_handled():
    ball = icosphere(10)
    flat = np.concatenate([ball.triangles, [[0, 0, 1], [2, 3, 2]]])
    mesh = Mesh(np.concatenate([ball.vertices, [[1, 2, 3]]]), flat, Hemisphere.LEFT)
    values = np.linspace(0, 1, len(mesh.vertices))
    smooth = smooth_along(mesh, values, np.ones(len(values), bool), FWHM)
    assert np.isfinite(smooth).all() and smooth[-1] == pytest.approx(values[-1])
    assert not smooth_along(mesh, values, np.zeros(len(values), bool), FWHM).any()


@pytest.mark.workbench
def test_scores_are_smoothed_like_workbench_does(small_study, tmp_path):
    # Workbench weighs by estimated geodesic distance, we let heat spread: .004 apart in the mean (scores of 0 to 1).
    import subprocess

    from wbtools.atlas import mmp
    from wbtools.images import gifti
    from wbtools.native import cortex
    from wbtools.regions.heatmap import paint_vertices
    from wbtools.subject import find
    from wbtools.surfaces import mesh as meshes

    side = Hemisphere.LEFT
    middle = cortex.read(find(small_study("LAS"), "100307"), "32k_fs_LR").surfaces[side, "midthickness"]
    keys = mmp.labels_32k(side)
    painted = paint_vertices(dict(enumerate(np.random.default_rng(0).random(361))), keys)
    meshes.write(tmp_path / "m.surf.gii", middle, "midthickness")
    for name, values in (("v", painted), ("roi", (keys > 0).astype(np.float32))):
        gifti.write_metrics(tmp_path / f"{name}.func.gii", {name: values}, side, {})
    words = ["m.surf.gii", "v.func.gii", str(FWHM), "o.func.gii", "-fwhm", "-roi", "roi.func.gii"]
    subprocess.run(["wb_command", "-metric-smoothing", *words], cwd=tmp_path, check=True)
    (theirs,) = gifti.read_metrics(tmp_path / "o.func.gii", side).values()
    ours, inside = smooth_along(middle, painted, keys > 0, FWHM), keys > 0
    apart = np.abs(ours - theirs)[inside]
    assert np.corrcoef(ours[inside], theirs[inside])[0, 1] > 0.9995
    assert apart.mean() < 0.005 and np.percentile(apart, 99) < 0.03
    assert np.corrcoef(painted[inside], theirs[inside])[0, 1] < 0.97  # what no smoothing at all would give
