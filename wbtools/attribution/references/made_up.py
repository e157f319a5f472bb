"""Made-up heads: the reference brain with a shape of its own, drawn from fixed seeds.

Two people's brains differ everywhere, also where they are registered: gyri and nuclei are larger or smaller, and lie
some millimetres elsewhere. A single template has one shape, and no difference wherever a person happens to have the
same. So the reference brain is deformed by smooth random fields: cubic B-splines with independent normal control
vectors.

Control points every 54 mm with a displacement of 6.6 mm (standard deviation along each axis) change the logarithm of
local volumes by .24 (standard deviation over the brain, mean of eight heads; .18 to .29), and nowhere fold. The volumes
of regions vary with a standard deviation of 19 % (median of 169 regions of FreeSurfer's wmparc, 32 heads; 13 to 26 %),
of the order of what is seen between people once head size is taken off; it is chosen, not fitted. What an affine
registration would take away again, shift, turn, scale and shear, is left out: other people's brains are registered as
well.

Reference: Rueckert et al. 1999 (free-form deformations by B-splines).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution.reference import Placement, ReferenceBrain
from wbtools.space.deformation import spline_weights
from wbtools.space.grid import Grid, Volume

HEADS = 8
"""How many, unless the user says."""

FIRST_SEED = 8_402_001
"""Of the heads, one after the other; no number that someone begins a training with."""

SPACING = 54.0
"""Of the control points, mm."""

DISPLACEMENT = 6.6
"""Standard deviation of the displacement along each axis, mm, before its affine part is taken off."""

_EVERY = 4  # voxels: so far apart lie the points that the affine part is fitted to


def made_up_heads(placed: Placement, count: int = HEADS) -> Iterator[ReferenceBrain]:
    """Deformed copies of a reference brain, on a person's grid and with a person's intensities.

    Parameters
    ----------
    placed : Placement
        Of the reference brain.
    count : int
        How many; the first are the same, however many there are.

    Yields
    ------
    ReferenceBrain
    """
    grid = placed.registered.person.grid
    brain = _smoothed(placed.brain, grid)
    inside = placed.laid > 0
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        laid = _sampled(brain, grid, displacement(grid, inside, seed))
        yield placed.registered.given(laid, f"{placed.known.source}, deformed (seed {seed})", placed.known.note)


def displacement(grid: Grid, inside: NDArray[np.bool_], seed: int) -> NDArray[np.float32]:
    """A smooth random displacement without an affine part.

    Parameters
    ----------
    grid : Grid
    inside : ndarray, (X, Y, Z), bool
        The brain, over which the affine part is taken off by least squares.
    seed : int

    Returns
    -------
    ndarray, (3, X, Y, Z), float32
        Along the grid's axes, mm.
    """
    sizes = grid.voxel_sizes
    # A node outside each end, as a cubic spline needs; independent controls give a field of the same variance.
    nodes = [int(np.ceil(n * size / SPACING)) + 3 for n, size in zip(grid.shape, sizes, strict=True)]
    controls = np.random.default_rng(seed).normal(0, DISPLACEMENT, (*nodes, 3))
    weights = []
    for count, size, n in zip(grid.shape, sizes, nodes, strict=True):
        found = spline_weights(np.arange(count) * size / SPACING + 1, n)
        weights.append((found / np.sqrt((found**2).sum(1).mean())).astype(np.float32))
    # Each product moves the axis that it replaces to the end: after three, the components come first.
    field = reduce(lambda part, w: np.tensordot(part, w, (0, 1)), weights, controls.astype(np.float32))
    return field - _affine_part(field, inside)


def _affine_part(field: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The affine map that is nearest to a field (3, X, Y, Z) over the brain."""
    axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in field.shape[1:]]
    few = (slice(None, None, _EVERY),) * 3
    chosen = inside[few] if inside[few].any() else np.ones_like(inside[few])
    places = [part[few][chosen] for part in np.meshgrid(*axes, indexing="ij", copy=False)]
    design = np.stack([np.ones_like(places[0]), *places], axis=1)
    values = np.stack([part[few][chosen] for part in field], axis=1)
    solved = np.linalg.lstsq(design, values, rcond=None)[0].astype(np.float32)
    x, y, z = (axis.reshape(np.roll([-1, 1, 1], number)) for number, axis in enumerate(axes))
    return np.stack([shift + a * x + b * y + c * z for shift, a, b, c in solved.T])


def _smoothed(brain: Volume, grid: Grid) -> Volume:
    """A brain averaged over the extent of a grid's voxels, on its own finer voxels: what it may be sampled from."""
    from scipy.ndimage import convolve1d

    # A linear interpolant's mean over an interval of up to two voxels about one of them, exactly.
    widths = (grid.voxel_sizes.min() / brain.grid.voxel_sizes).clip(0, 2)
    smoothed = brain.data
    for axis, width in enumerate(widths):
        smoothed = convolve1d(smoothed, [width / 8, 1 - width / 4, width / 8], axis, mode="constant")
    return Volume(smoothed, brain.grid)


def _sampled(brain: Volume, grid: Grid, moved: NDArray[np.float32]) -> NDArray[np.float32]:
    """A brain at the voxels of a grid, each of which looks elsewhere by a displacement (3, X, Y, Z) along its axes."""
    import torch
    from torch.nn.functional import grid_sample

    matrix = (np.linalg.inv(brain.grid.affine) @ grid.affine).astype(np.float32)
    step = torch.from_numpy(moved / grid.voxel_sizes.astype(np.float32)[:, None, None, None])
    for axis, count in enumerate(grid.shape):
        step[axis] += torch.arange(count, dtype=torch.float32).reshape(*np.roll([-1, 1, 1], axis).tolist())
    index = torch.tensordot(torch.from_numpy(matrix[:3, :3]), step, 1) + torch.from_numpy(
        matrix[:3, 3, None, None, None]
    )
    # grid_sample counts axes backwards, and from -1 to 1.
    last = torch.tensor(brain.data.shape, dtype=torch.float32)[:, None, None, None] - 1
    places = (2 * index / last.clamp(min=1) - 1).flip(0).permute(1, 2, 3, 0)[None]
    found = grid_sample(torch.from_numpy(brain.data)[None, None], places, align_corners=True)
    return np.asarray(found[0, 0].numpy())
