"""A map with a value per cortical area, to be compared with others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import SUBCORTEX, Hemisphere
from wbtools.atlas import mmp
from wbtools.errors import InputError, nearest
from wbtools.surfaces.standard import VERTICES_32K
from wbtools.text import line

AREAS = 2 * mmp.AREAS_PER_SIDE


@dataclass(frozen=True, eq=False)
class Annotation:
    """A map with a value per cortical area.

    Parameters
    ----------
    name : str
    values : ndarray, (360,)
        In the order of `wbtools.atlas.mmp.regions`; NaN where it has none. Kept read-only.

    Raises
    ------
    InputError
        If it has another number of values, an infinite value, or the same value everywhere.

    Examples
    --------
    >>> Annotation.by_region("myelin", {"L_V1_ROI": 1.9, "R_V1": 1.8}).values[[0, 1, 180]].tolist()
    [1.8, nan, 1.9]
    """

    name: str
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        values = np.array(self.values, np.float64)
        if values.shape != (AREAS,):
            raise InputError(f"{self.name}: a map of the cortex has {AREAS} values, not {values.size:,}")
        if np.isinf(values).any():
            raise InputError(f"{self.name}: a value is infinite", hint="write n/a where there is no value")
        if np.unique(values[np.isfinite(values)]).size < 2:
            raise InputError(f"{self.name}: the map is the same in all areas", hint="give a map that varies")
        values.setflags(write=False)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "name", line(self.name, 200))

    @classmethod
    def by_region(cls, name: str, values: Mapping[str, float]) -> Annotation:
        """A map from values by the names of regions.

        Parameters
        ----------
        name : str
        values : mapping of str to float
            `L_V1_ROI`, `L_V1` and `lh_V1` are the same area; subcortical structures are left out.

        Raises
        ------
        InputError
            If a name is no region, or two name the same area.
        """
        found = np.full(AREAS, np.nan)
        named: set[int] = set()
        for spelling, value in values.items():
            row = area_row(spelling)
            if row is None:
                continue
            if row in named:
                raise InputError(f"{name}: the area {line(spelling, 60)} is there twice", hint="give each area once")
            named.add(row)
            found[row] = value
        return cls(name, found)

    @classmethod
    def by_vertex(cls, name: str, values: Mapping[Hemisphere, NDArray[np.floating]]) -> Annotation:
        """A map from values per vertex: the mean over the vertices of each area.

        Parameters
        ----------
        name : str
        values : mapping of Hemisphere to ndarray, (32492,)
            On the 32k_fs_LR mesh; NaN where there is none. A hemisphere may be missing.

        Raises
        ------
        InputError
            If they are on another mesh.
        """
        found = np.full(AREAS + 1, np.nan)
        for side, whole in values.items():
            if whole.shape != (VERTICES_32K,):
                raise InputError(
                    f"{name}: hemisphere {side.letter} has {whole.size:,} values; the 32k_fs_LR mesh has "
                    f"{VERTICES_32K:,} vertices",
                    hint="resample the map to 32k_fs_LR: wb_command -metric-resample",
                )
            keys = mmp.labels_32k(side)
            used = (keys > 0) & ~np.isnan(whole)
            counts = np.bincount(keys[used], minlength=AREAS + 1)
            sums = np.bincount(keys[used], whole[used].astype(np.float64), minlength=AREAS + 1)
            np.divide(sums, counts, out=found, where=counts > 0)
        return cls(name, found[1:])


def area_row(spelling: str) -> int | None:
    """The row of an area in a map of 360 values; None for a subcortical structure.

    Raises
    ------
    InputError
        If it is no region of the atlas.

    Examples
    --------
    >>> area_row("R_V1_ROI"), area_row("lh_V1"), area_row("THALAMUS_LEFT")
    (0, 180, None)
    """
    if spelling.upper() in {structure.value for structure in SUBCORTEX}:
        return None
    side, _, area = spelling.removesuffix("_ROI").partition("_")
    try:
        return _rows()[f"{Hemisphere.parse(side).letter}_{area}_ROI"]
    except (InputError, KeyError):
        hint = nearest(spelling, _rows()) or "write areas as L_V1_ROI"
        raise InputError(f"'{line(spelling, 60)}' is no area of HCP-MMP 1.0", hint=hint) from None


@cache
def _rows() -> dict[str, int]:
    """Rows of a map of 360 values by the official name of the area."""
    return {area.name: row for row, area in enumerate(mmp.regions())}
