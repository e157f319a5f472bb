"""Hemispheres, structures, regions and atlases, and their spellings in files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.space.grid import Volume

Colour = tuple[float, float, float, float]


class Hemisphere(Enum):
    """A cerebral hemisphere.

    Examples
    --------
    >>> [Hemisphere.parse(name).letter for name in ("lh", "CORTEX_LEFT", "CortexRight", "R")]
    ['L', 'L', 'R', 'R']
    """

    LEFT = "L"
    RIGHT = "R"

    @property
    def letter(self) -> str:
        """`L` or `R`, as in HCP file names and MMP area names."""
        return self.value

    @property
    def cortex(self) -> Structure:
        """The cortex of this hemisphere."""
        return Structure.CORTEX_LEFT if self is Hemisphere.LEFT else Structure.CORTEX_RIGHT

    @classmethod
    def parse(cls, name: str) -> Hemisphere:
        """The hemisphere of any usual spelling (`L`, `lh`, `left`, `CORTEX_LEFT`, `CortexLeft`, ...)."""
        key = name.removeprefix("CIFTI_STRUCTURE_").replace("_", "").lower()
        for hemisphere in cls:
            side = hemisphere.name.lower()
            if key in {hemisphere.value.lower(), f"{side[0]}h", side, f"cortex{side}", f"hemi-{side[0]}"}:
                return hemisphere
        raise InputError(f"'{name}' names no hemisphere", hint="write L or R")


class Structure(Enum):
    """A brain structure of CIFTI; the value is Workbench's spelling.

    Examples
    --------
    >>> Structure.THALAMUS_LEFT.cifti, Structure.CORTEX_LEFT.gifti, Structure.THALAMUS_LEFT.freesurfer_key
    ('CIFTI_STRUCTURE_THALAMUS_LEFT', 'CortexLeft', 10)
    """

    CORTEX_LEFT = "CORTEX_LEFT"
    CORTEX_RIGHT = "CORTEX_RIGHT"
    ACCUMBENS_LEFT = "ACCUMBENS_LEFT"
    ACCUMBENS_RIGHT = "ACCUMBENS_RIGHT"
    AMYGDALA_LEFT = "AMYGDALA_LEFT"
    AMYGDALA_RIGHT = "AMYGDALA_RIGHT"
    BRAIN_STEM = "BRAIN_STEM"
    CAUDATE_LEFT = "CAUDATE_LEFT"
    CAUDATE_RIGHT = "CAUDATE_RIGHT"
    CEREBELLUM_LEFT = "CEREBELLUM_LEFT"
    CEREBELLUM_RIGHT = "CEREBELLUM_RIGHT"
    DIENCEPHALON_VENTRAL_LEFT = "DIENCEPHALON_VENTRAL_LEFT"
    DIENCEPHALON_VENTRAL_RIGHT = "DIENCEPHALON_VENTRAL_RIGHT"
    HIPPOCAMPUS_LEFT = "HIPPOCAMPUS_LEFT"
    HIPPOCAMPUS_RIGHT = "HIPPOCAMPUS_RIGHT"
    PALLIDUM_LEFT = "PALLIDUM_LEFT"
    PALLIDUM_RIGHT = "PALLIDUM_RIGHT"
    PUTAMEN_LEFT = "PUTAMEN_LEFT"
    PUTAMEN_RIGHT = "PUTAMEN_RIGHT"
    THALAMUS_LEFT = "THALAMUS_LEFT"
    THALAMUS_RIGHT = "THALAMUS_RIGHT"

    @property
    def cifti(self) -> str:
        """The spelling in CIFTI-2 brain models."""
        return f"CIFTI_STRUCTURE_{self.value}"

    @property
    def gifti(self) -> str:
        """The spelling in GIFTI's AnatomicalStructurePrimary and in spec files."""
        return self.value.title().replace("_", "")

    @property
    def hemisphere(self) -> Hemisphere | None:
        """The side, None for the brain stem."""
        side = self.value.rpartition("_")[2]
        return Hemisphere.parse(side) if side in {"LEFT", "RIGHT"} else None

    @property
    def freesurfer_key(self) -> int | None:
        """The label of this structure in FreeSurfer's aseg, aparc+aseg and wmparc; None for cortex."""
        return _FREESURFER_KEYS.get(self)


_FEW_LABELS = 1 << 20  # up to which labels are looked up in a table

_FREESURFER_KEYS = {
    Structure.ACCUMBENS_LEFT: 26,
    Structure.ACCUMBENS_RIGHT: 58,
    Structure.AMYGDALA_LEFT: 18,
    Structure.AMYGDALA_RIGHT: 54,
    Structure.BRAIN_STEM: 16,
    Structure.CAUDATE_LEFT: 11,
    Structure.CAUDATE_RIGHT: 50,
    Structure.CEREBELLUM_LEFT: 8,
    Structure.CEREBELLUM_RIGHT: 47,
    Structure.DIENCEPHALON_VENTRAL_LEFT: 28,
    Structure.DIENCEPHALON_VENTRAL_RIGHT: 60,
    Structure.HIPPOCAMPUS_LEFT: 17,
    Structure.HIPPOCAMPUS_RIGHT: 53,
    Structure.PALLIDUM_LEFT: 13,
    Structure.PALLIDUM_RIGHT: 52,
    Structure.PUTAMEN_LEFT: 12,
    Structure.PUTAMEN_RIGHT: 51,
    Structure.THALAMUS_LEFT: 10,
    Structure.THALAMUS_RIGHT: 49,
}

SUBCORTEX: tuple[Structure, ...] = tuple(_FREESURFER_KEYS)
"""The 19 structures that CIFTI stores as voxels, in the order of their CIFTI names."""


class Kind(Enum):
    """Whether a region is a patch of cortex or a subcortical structure."""

    CORTEX = "cortex"
    SUBCORTEX = "subcortex"


@dataclass(frozen=True)
class Region:
    """A named region of an atlas.

    Parameters
    ----------
    key : int
        Its value in label files; unique in the atlas, never 0.
    name : str
        Unique in the atlas, for example `R_V1_ROI` or `THALAMUS_LEFT`.
    hemisphere : Hemisphere or None
        None for midline structures.
    kind : Kind
    colour : tuple of float, (4,)
        Red, green, blue, alpha in [0, 1].
    """

    key: int
    name: str
    hemisphere: Hemisphere | None
    kind: Kind
    colour: Colour

    def __post_init__(self) -> None:
        if self.key < 1:
            raise InputError(f"region {self.name} has key {self.key}; 0 and below are kept for the background")


@dataclass(frozen=True, eq=False, repr=False)
class Atlas:
    """Regions, and the volume of their keys on a person's T1w grid.

    Parameters
    ----------
    name : str
    regions : tuple of Region
        In the order of their keys.
    volume : Volume
        int32 labels, unit LABEL; 0 is outside every region.

    Raises
    ------
    InputError
        If keys or names are not unique, or the volume has a key without a region.

    Examples
    --------
    >>> from wbtools.space.grid import Grid, Unit
    >>> Atlas("none", (), Volume(np.zeros((2, 2, 2), np.int32), Grid((2, 2, 2), np.eye(4)), Unit.LABEL))
    <Atlas none: 0 regions, <Volume 2 x 2 x 2, RAS, voxels of 1 x 1 x 1 mm, label>>
    """

    name: str
    regions: tuple[Region, ...]
    volume: Volume

    def __post_init__(self) -> None:
        require_unique(self.regions)
        unknown = np.setdiff1d(present(self.volume.data), [0, *(region.key for region in self.regions)])
        if unknown.size:
            raise InputError(f"the {self.name} volume holds keys without a name: {unknown[:5].tolist()}")

    def __repr__(self) -> str:
        return f"<Atlas {self.name}: {len(self.regions)} regions, {self.volume!r}>"


def present(labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """The labels that an array holds, ascending, as numpy's `unique` finds them, without sorting all of them.

    Examples
    --------
    >>> present(np.array([7, 0, 7, -1])).tolist()
    [-1, 0, 7]
    """
    lowest = int(labels.min(initial=0))
    if lowest < 0 or int(labels.max(initial=0)) > _FEW_LABELS:
        return np.unique(labels)
    found, named = np.zeros(int(labels.max(initial=0)) + 1, bool), labels[labels != 0]
    found[named] = True
    found[0] = named.size < labels.size
    return np.flatnonzero(found)


def require_unique(regions: Iterable[Region]) -> None:
    """Raise InputError if two regions share a key or a name."""
    regions = list(regions)
    for what in ("key", "name"):
        values = [getattr(region, what) for region in regions]
        if len(set(values)) != len(values):
            twice = next(value for value in values if values.count(value) > 1)
            raise InputError(f"two regions of the atlas share the {what} {twice}")
