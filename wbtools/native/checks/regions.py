"""Checks that the atlas is complete, and that regions have plausible volumes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere, Kind
from wbtools.atlas.deep.label_source import stem_without_side
from wbtools.native.checks.finding import Evidence, Finding
from wbtools.native.cortex import Cortex
from wbtools.text import first_of

_FEW_VOXELS = 10  # an area of fewer may leave no voxel that is at least half inside cortex
_HEMISPHERE = {True: (100.0, 450.0), False: (60.0, 450.0)}
"""Cortical volume of a hemisphere, ml: for a person's surfaces (True), and for a template's (False), which are smooth:
143 in the template's size, 112 in a small adult's head."""
_ASYMMETRY = 1.35
_STRUCTURES = {
    "ACCUMBENS": (0.1, 1.8),
    "AMYGDALA": (0.5, 3.5),
    "BRAIN_STEM": (10.0, 40.0),
    "CAUDATE": (1.2, 9.0),
    "CEREBELLUM": (20.0, 95.0),
    "DIENCEPHALON_VENTRAL": (1.2, 8.0),
    "HIPPOCAMPUS": (1.5, 8.0),
    "HYPOTHALAMUS": (0.2, 1.6),
    "PALLIDUM": (0.5, 4.0),
    "PUTAMEN": (1.8, 10.0),
    "THALAMUS": (3.0, 14.0),
}
"""Volume of a structure in a hemisphere, ml: from atrophy in old age to the largest of young adults."""

_CARRIED = 1.5
"""By how much labels of a template, carried to somebody, may go beyond: a putamen of 9.6 ml has come out as 11.0."""
_NAMED = 5
"""Structures that a sentence names."""


def areas(evidence: Evidence) -> Finding:
    """Check that every mesh has all areas, and the volume all but those too small for its voxels."""
    lacking = {
        f"{area.name} ({mesh})"
        for mesh, labels in evidence.areas.items()
        for area in evidence.atlas.cortex.regions
        if area.hemisphere and not (labels[area.hemisphere] == area.key).any()
    }
    atlas, regions = evidence.atlas.cortex.volume, evidence.atlas.cortex.regions
    voxels = np.bincount(atlas.data[atlas.data > 0], minlength=len(regions) + 1)
    absent = [area for area in regions if not voxels[area.key]]
    sizes = _ribbon(evidence) if absent else {}
    small = [area.name for area in absent if sizes[area.key] < _FEW_VOXELS * atlas.grid.voxel_volume]
    lost = sorted(lacking | {area.name for area in absent} - set(small))
    few = f": {', '.join(lost[:5])}{', ...' if len(lost) > 5 else ''}" if lost else ""
    return Finding(
        passed=not lost,
        sentence=f"areas missing: {len(lost)} of {len(regions)}{few}; too small for voxels of "
        f"{atlas.grid.voxel_volume:.3g} mm3: {len(small)} more",
        numbers={"missing": lost, "too_small_for_the_voxels": sorted(small)},
    )


def volumes(evidence: Evidence) -> Finding:
    """Check that the cortex of both hemispheres and every structure have a plausible volume."""
    cortex = evidence.cortices[0]
    left, right = (float(_vertex_volumes(cortex, side).sum()) / 1e3 for side in Hemisphere)
    found = {"CORTEX_LEFT": left, "CORTEX_RIGHT": right}
    ranges = dict.fromkeys(found, _HEMISPHERE[evidence.own_surfaces])
    whole = evidence.atlas.whole
    for region in whole.regions:
        expected = _STRUCTURES.get(stem_without_side(region.name))
        if region.kind is Kind.SUBCORTEX and expected:  # of parts of structures, an atlas tells what to expect
            found[region.name] = evidence.voxels[region.key] * whole.volume.grid.voxel_volume / 1e3
            wider = 1.0 if evidence.own_surfaces else _CARRIED
            ranges[region.name] = expected[0] / wider, expected[1] * wider
    outliers = [name for name, volume in found.items() if not ranges[name][0] <= volume <= ranges[name][1]]
    asymmetry = max(left, right) / max(min(left, right), 1e-6)
    said = [f"{n} has {found[n]:.2f} ml ({ranges[n][0]:g} to {ranges[n][1]:g} expected)" for n in outliers]
    listed = first_of(said, _NAMED, "; ")
    return Finding(
        passed=not outliers and asymmetry <= _ASYMMETRY,
        sentence=f"{listed or 'all volumes are plausible'}; one side's cortex has {asymmetry:.2f} times the volume of "
        f"the other ({_ASYMMETRY} at most)",
        numbers={f"{name}_ml": round(volume, 3) for name, volume in found.items()},
    )


def _ribbon(evidence: Evidence) -> dict[int, float]:
    """Volume of each area between white and pial, mm3, by key."""
    cortex, count = evidence.cortices[0], len(evidence.atlas.cortex.regions)
    total = sum(
        np.bincount(evidence.areas[cortex.mesh][side], _vertex_volumes(cortex, side), minlength=count + 1)
        for side in Hemisphere
    )
    return dict(enumerate(np.asarray(total).tolist()))


def _vertex_volumes(cortex: Cortex, side: Hemisphere) -> NDArray[np.float64]:
    """Cortical volume of each vertex, mm3, (V,): thickness times the mean of its areas on white and pial."""
    white, pial = (cortex.surfaces[side, kind] for kind in ("white", "pial"))
    thickness = np.linalg.norm(pial.vertices.astype(np.float64) - white.vertices, axis=1)
    return np.asarray(thickness * (white.vertex_areas() + pial.vertex_areas()) / 2 * cortex.mask[side], np.float64)
