"""Contrasts vertex by vertex, with threshold-free cluster enhancement over both hemispheres."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.group.contrast_tests import ContrastTest, contrast_test
from wbtools.group.maps.normalised import cortical_relevance, median_region
from wbtools.group.maps.standard_rows import cortex
from wbtools.group.members.cohort import Cohort, Tell
from wbtools.group.members.comparisons import Contrast
from wbtools.group.statistics.permutation import Permutations
from wbtools.group.statistics.tfce import Surroundings
from wbtools.images import gifti
from wbtools.regions.ranking import SIGNIFICANT
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.standard import VERTICES_32K, average_32k

Array = NDArray[np.float64]


def vertex_tests(
    cohort: Cohort, contrasts: Sequence[Contrast], families: NDArray[np.int64], how: Permutations, tell: Tell
) -> tuple[ContrastTest, ...]:
    """Test contrasts in every vertex of the cortex, corrected for their number by the largest enhanced t.

    Parameters
    ----------
    cohort : Cohort
    contrasts : sequence of Contrast
    families : ndarray, (N,)
        Number of each person's family.
    how : Permutations
    tell : callable
        Told how many maps were enhanced, and of how many at most.

    Returns
    -------
    tuple of ContrastTest
        Of the vertices of the left, then the right side of 32k_fs_LR, (64984,); NaN on the medial wall.

    Raises
    ------
    InputError
        If somebody's export has no map on this mesh.
    """
    if not contrasts:
        return ()
    values = np.array([_relevance(cohort, who) for who in cohort.people])
    numbers, total = count(1), len(contrasts) * (how.draws + 1)

    def enhanced(t: Array) -> Array:
        found = surroundings().enhanced(t)
        tell(next(numbers), total)
        return found

    return tuple(contrast_test(values, each, families, how, enhanced) for each in contrasts)


def write_vertices(folder: Path, network: str, tests: Sequence[ContrastTest]) -> tuple[Path, ...]:
    """Write t, enhanced t and -log10 p of each contrast, a file per hemisphere; 0 on the medial wall."""
    maps: dict[str, Array] = {}
    for each in tests:
        logs = -np.log10(each.p_corrected)
        maps |= {f"{each.name}: t": each.t, f"{each.name}: TFCE": each.tests.statistic, f"{each.name}: -log10 p": logs}
    paths = []
    for place, side in enumerate(Hemisphere):
        part = slice(place * VERTICES_32K, (place + 1) * VERTICES_32K)
        path = folder / f"group.{network}.contrasts.{side.letter}.32k_fs_LR.func.gii"
        shown = {name: np.nan_to_num(values[part]).astype(np.float32) for name, values in maps.items()}
        gifti.write_metrics(path, shown, side)
        paths.append(path)
    return tuple(paths)


def share_significant(test: ContrastTest) -> float:
    """The share of the cortex, by area, with p < .05; NaN if no vertex could be tested."""
    areas = np.where(np.isfinite(test.p_corrected), surroundings().areas, 0.0)
    significant = np.nan_to_num(test.p_corrected, nan=1.0) < SIGNIFICANT
    return float(areas[significant].sum() / areas.sum()) if areas.any() else float("nan")


@cache
def surroundings() -> Surroundings:
    """Of the vertices of both sides, on the midthickness of the S1200 average."""
    left, right = (meshes.read(average_32k(side), side, placed=True) for side in Hemisphere)
    triangles = np.vstack([left.triangles, right.triangles + VERTICES_32K])
    return Surroundings.of(triangles, np.concatenate([left.vertex_areas(), right.vertex_areas()]))


def _relevance(cohort: Cohort, who: str) -> Array:
    """A person's relevance in median regions, (64984,); NaN on the medial wall."""
    results = cohort.results[who]
    sides, scale = cortical_relevance(results), median_region(results)
    return np.concatenate([np.where(cortex()[side], sides[side] / scale, np.nan) for side in Hemisphere])
