"""Checks that image, surfaces and segmentation are in the same space, and that left is left."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere, Kind
from wbtools.native.checks.finding import Evidence, Finding

_INSIDE = 0.99
_DEEP = 30.0  # mm between the deep structures and the middle of the cortex; 10 to 20 in adults
_APART = {Kind.CORTEX: 20.0, Kind.SUBCORTEX: 10.0}  # mm from left to right; 60 to 70 and 25 to 50 in adults
_DEEP_STRUCTURES = ("THALAMUS", "PUTAMEN", "CAUDATE", "PALLIDUM")


def fields(evidence: Evidence) -> Finding:
    """Check affines and fields of view: surfaces in the T1w, atlas on its grid, deep structures inside the cortex."""
    grid, atlas = evidence.t1w.grid, evidence.atlas.whole
    white = [cortex.surfaces[side, "white"].vertices for cortex in evidence.cortices for side in Hemisphere]
    index = grid.to_index(np.concatenate(white))
    share = float(((index >= -0.5) & (index <= np.array(grid.shape) - 0.5)).all(axis=1).mean())
    same = atlas.volume.grid.same_as(grid)
    deep = {region.key for region in atlas.regions if region.name.startswith(_DEEP_STRUCTURES)}
    middle = np.mean([surface.mean(axis=0) for surface in white], axis=0)
    found = _middle(evidence, deep)
    distance = float(np.linalg.norm(found - middle)) if found is not None else 0.0
    return Finding(
        passed=share >= _INSIDE and same and distance <= _DEEP,
        sentence=f"{share:.1%} of the white surface lies in the T1w's field of view ({_INSIDE:.0%} needed); the deep "
        f"structures lie {distance:.0f} mm from the middle of the cortex ({_DEEP:.0f} at most); the atlas is "
        f"{'' if same else 'not '}on the T1w's grid",
        numbers={
            "white_inside_field_of_view": round(share, 4),
            "deep_structures_from_middle_of_cortex_mm": round(distance, 1),
        },
    )


def sides(evidence: Evidence) -> Finding:
    """Check that left is left: surfaces of every mesh, cortical areas, and subcortical structures."""
    found: dict[str, tuple[float, float]] = {}
    for cortex in evidence.cortices:
        left, right = (float(cortex.surfaces[side, "white"].vertices[:, 0].mean()) for side in Hemisphere)
        found[f"{cortex.mesh} surfaces"] = right - left, _APART[Kind.CORTEX]
    atlas = evidence.atlas.whole
    for kind, least in _APART.items():
        keys = [{r.key for r in atlas.regions if (r.kind, r.hemisphere) == (kind, side)} for side in Hemisphere]
        middles = [_middle(evidence, some) for some in keys]
        if middles[0] is not None and middles[1] is not None:
            found[f"{kind.value} labels"] = float(middles[1][0] - middles[0][0]), least
    worst = min(found, key=lambda name: found[name][0] / found[name][1])
    gap, least = found[worst]
    return Finding(
        passed=gap >= least,
        sentence=f"of the {worst}, the right side lies {gap:.0f} mm to the right of the left side ({least:.0f} needed)",
        numbers={f"right_minus_left_mm_{name.replace(' ', '_')}": round(x, 1) for name, (x, _) in found.items()},
    )


def _middle(evidence: Evidence, keys: Iterable[int]) -> NDArray[np.float64] | None:
    """Mean position of the voxels with these keys, mm; None if there are none."""
    sizes = {key: evidence.voxels[key] for key in keys if evidence.voxels[key]}
    if not sizes:
        return None
    return np.asarray(np.average([evidence.centres[key] for key in sizes], axis=0, weights=list(sizes.values())))
