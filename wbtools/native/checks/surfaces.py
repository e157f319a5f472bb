"""Checks that the white surface is inside the pial surface, and that both fit the cortex in the T1w."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.native.checks.finding import Evidence, Finding, Number
from wbtools.native.cortex import Cortex
from wbtools.space.foreground import background
from wbtools.space.grid import Volume

Points = NDArray[np.float64]

_CROSSED_BY = 0.2  # mm; less is rounding in thin cortex
_CROSSED = 0.05
_THICKNESS = (1.2, 5.0)  # mm, median over the cortex

_DEPTH = 1.5  # mm beyond each surface
_BRIGHTER = {True: 0.8, False: 0.5}
"""Least share of vertices with white matter brighter than cortex: on a person's own surfaces, and on a template's.

A person's own surfaces reach .98, the group average on its own image .89, on people whose folds it does not follow .62
to .74, moved by 8 mm .6; another person's surfaces .49 to .69.
"""
_DARK = 0.5
"""Of the brightness of white matter; cortex is brighter, fluid, bone and air are not, unless contrast is very high."""
_DIM = 0.7
"""Of the median in the ribbon; darker tissue is not cortex if cortex has less than .7 of white matter (MP2RAGE)."""
_BLACK = 0.01  # quantile of what lies outside pial
_BETTER = {True: 0.95, False: 1.05}
"""Times the fit that the cortex may reach in a wrong place; .44 on a person's own surfaces, .86 on the average's."""
_SHIFT, _SCALE = 8.0, 1.1
_NEAR = 3.0
"""mm; surfaces that fit better when they are moved by so much lie at least half as far from where they belong."""
_NEARER = 1.0
"""Times the fit that a person's own surfaces may reach so near.

Where they lie right .50 to .82 on people, whatever noise, bias, voxels and scaling, .95 on a group average; 1 mm beside
it .93 at most on people; 2 mm beside it 1.06 and more.
"""


def nesting(evidence: Evidence) -> Finding:
    """Check that white is inside pial, at a plausible thickness."""
    numbers: dict[str, Number] = {}
    crossed, thickness = [], []
    for cortex in evidence.cortices:
        white, pial = _layers(cortex)
        normals = np.concatenate([cortex.surfaces[s, "white"].normals()[cortex.mask[s]] for s in Hemisphere])
        crossed.append(float((((pial - white) * normals).sum(axis=1) < -_CROSSED_BY).mean()))
        thickness.append(float(np.median(np.linalg.norm(pial - white, axis=1))))
        numbers[f"white_outside_pial_{cortex.mesh}"] = round(crossed[-1], 4)
        numbers[f"median_thickness_mm_{cortex.mesh}"] = round(thickness[-1], 2)
    low, high = _THICKNESS
    return Finding(
        passed=max(crossed) <= _CROSSED and low <= min(thickness) and max(thickness) <= high,
        sentence=f"white lies outside pial at {max(crossed):.1%} of the vertices ({_CROSSED:.0%} at most); the median "
        f"thickness is {min(thickness):.1f} mm ({low} to {high})",
        numbers=numbers,
    )


def contrast(evidence: Evidence) -> Finding:
    """Check that the T1w is bright inside white, darker in the ribbon, darkest outside pial, and fits best in place."""
    layers = _layers(evidence.cortices[0])
    across = partial(_Profile.of, evidence.t1w, background(evidence.t1w))
    here = across(*layers)
    elsewhere = {name: across(*moved).ordered for name, moved in _displaced(layers)}
    near = {name: across(*moved).ordered for name, moved in _to_every_side(layers, _NEAR)}
    best, nearest = (max(found, key=lambda name: found[name]) for found in (elsewhere, near))
    better, nearer = elsewhere[best] / max(here.ordered, 1e-6), near[nearest] / max(here.ordered, 1e-6)
    off = evidence.own_surfaces and nearer > _NEARER
    needed, most = _BRIGHTER[evidence.own_surfaces], _BETTER[evidence.own_surfaces]
    inner, ribbon, outer = here.means
    return Finding(
        passed=inner > ribbon > outer and here.brighter >= needed and better <= most and not off,
        sentence=f"the T1w is {inner:.4g} inside white, {ribbon:.4g} in the ribbon, {outer:.4g} outside pial (which "
        f"should fall); white matter is brighter than cortex at {here.brighter:.0%} of the vertices ({needed:.0%} "
        f"needed); {best}, the cortex would fit {better:.2f} times as well ({most} at most)"
        + (f", and {nearest} {nearer:.3f} times ({_NEARER:g} at most): they lie off by about that" if off else ""),
        numbers={
            "mean_inside_white": round(inner, 4),
            "mean_in_ribbon": round(ribbon, 4),
            "mean_outside_pial": round(outer, 4),
            "white_to_ribbon": round(inner / ribbon, 4) if ribbon else 0.0,
            "share_white_brighter": round(here.brighter, 4),
            "share_in_order": round(here.ordered, 4),
            "best_share_in_order_elsewhere": round(elsewhere[best], 4),
            "elsewhere": best,
            "best_share_in_order_near": round(near[nearest], 4),
            "near": nearest,
        },
    )


@dataclass(frozen=True)
class _Profile:
    """Intensities across the cortex.

    Parameters
    ----------
    means : tuple of float, (3,)
        Inside white, in the middle of the ribbon, outside pial.
    brighter : float
        Share of vertices where white matter is brighter than cortex.
    ordered : float
        Share of vertices where intensity falls twice, and the ribbon is not fluid, bone or air.
    """

    means: tuple[float, float, float]
    brighter: float
    ordered: float

    @classmethod
    def of(cls, t1w: Volume, air: float, white: Points, pial: Points) -> _Profile:
        """The profile of an image, whose background has a value, across two surfaces, (V, 3) each."""
        from wbtools.space.sampling import trilinear

        way = pial - white
        step = _DEPTH * way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 0.1)
        inner, ribbon, outer = trilinear(t1w, np.stack([white - step, (white + pial) / 2, pial + step]))
        # The most frequent value on the faces of the image is arbitrary if air is noise (MP2RAGE), and the mean of the
        # brain if the image was standardised.
        black = min(air, float(np.quantile(outer, _BLACK)))
        least = min(_DARK * (np.median(inner) - black), _DIM * (np.median(ribbon) - black))
        falls = (inner > ribbon) & (ribbon > outer) & (ribbon - black > least)
        means = float(inner.mean()), float(ribbon.mean()), float(outer.mean())
        return cls(means, float((inner > ribbon).mean()), float(falls.mean()))


def _layers(cortex: Cortex) -> tuple[Points, Points]:
    """Vertices of white and pial of both sides without the medial wall, (V, 3) each."""
    white, pial = (
        np.concatenate([cortex.surfaces[side, kind].vertices[cortex.mask[side]] for side in Hemisphere])
        for kind in ("white", "pial")
    )
    return white.astype(np.float64), pial.astype(np.float64)


def _displaced(layers: tuple[Points, Points]) -> Iterator[tuple[str, list[Points]]]:
    """The cortex in wrong places: shifted in every direction, smaller, larger."""
    middle = layers[0].mean(axis=0)
    yield from _to_every_side(layers, _SHIFT)
    for name, scale in (("smaller", 1 / _SCALE), ("larger", _SCALE)):
        yield f"{_SCALE - 1:.0%} {name}", [(points - middle) * scale + middle for points in layers]


def _to_every_side(layers: tuple[Points, Points], distance: float) -> Iterator[tuple[str, list[Points]]]:
    """The cortex shifted by a distance (mm) along the world's axes, in both directions."""
    for axis, names in enumerate((("left", "right"), ("back", "forward"), ("down", "up"))):
        for name, sign in zip(names, (-1, 1), strict=True):
            shift = np.eye(3)[axis] * sign * distance
            yield f"{distance:.0f} mm {name}", [points + shift for points in layers]
