"""Inputs and results of checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.atlas.native import NativeAtlas
from wbtools.native.cortex import Cortex
from wbtools.regions.levels import centres
from wbtools.space.grid import Volume

Labels = Mapping[Hemisphere, NDArray[np.int32]]
"""Keys of areas on a mesh, (V,) per side."""

Number = float | int | str | list[str]


@dataclass(frozen=True, eq=False)
class Evidence:
    """A person's image, surfaces and atlas; as in `wbtools.native.checks.run`."""

    t1w: Volume
    cortices: Sequence[Cortex]
    areas: Mapping[str, Labels]
    atlas: NativeAtlas
    own_surfaces: bool = True

    @cached_property
    def voxels(self) -> Mapping[int, int]:
        """How many voxels each region of the atlas has, by key."""
        labels = self.atlas.whole.volume.data
        counts = np.bincount(labels[labels > 0], minlength=max(self._keys) + 1)
        return {key: int(counts[key]) for key in self._keys}

    @cached_property
    def centres(self) -> Mapping[int, NDArray[np.float64]]:
        """The centre of gravity of each region's voxels by key, world mm; NaN without voxels."""
        return dict(zip(self._keys, centres(self.atlas.whole), strict=True))

    @property
    def _keys(self) -> list[int]:
        return sorted(region.key for region in self.atlas.whole.regions)


@dataclass(frozen=True)
class Finding:
    """The outcome of a check.

    Parameters
    ----------
    passed : bool
    sentence : str
        States the deciding numbers and their bounds.
    numbers : mapping of str to number, or list of names
    """

    passed: bool
    sentence: str
    numbers: Mapping[str, Number]


@dataclass(frozen=True)
class CheckResult:
    """The finding of a named check, and whether the user allows it to fail.

    Parameters
    ----------
    name : str
    passed : bool
    sentence : str
    numbers : mapping
        As in `Finding`.
    allowed : bool
        Whether the user allows this check to fail.

    Examples
    --------
    >>> found = Finding(False, "3 of 360 areas are missing (0 may be)", {"missing": 3})
    >>> CheckResult.of("areas", found, allowed=True).as_record()["outcome"]
    'failed, allowed by the user'
    """

    name: str
    passed: bool
    sentence: str
    numbers: Mapping[str, Number]
    allowed: bool = False

    @classmethod
    def of(cls, name: str, finding: Finding, allowed: bool) -> CheckResult:
        """The result of a check from its finding."""
        return cls(name, finding.passed, finding.sentence, finding.numbers, allowed)

    @property
    def refused(self) -> bool:
        """Whether the check prevents publication."""
        return not (self.passed or self.allowed)

    @property
    def notice(self) -> str:
        """A notice for every reader of the results; empty if the check passed."""
        return "" if self.passed else f"The self-check '{self.name}' failed and was allowed: {self.sentence}."

    @property
    def mark(self) -> str:
        """A short form of the notice, for pictures."""
        return "" if self.passed else f"Self-check '{self.name}' failed, allowed by the user"

    def as_record(self) -> dict[str, object]:
        """The entry in provenance, as JSON values."""
        failed = "failed, allowed by the user" if self.allowed else "failed"
        outcome = "passed" if self.passed else failed
        return {"check": self.name, "outcome": outcome, "finding": self.sentence, **self.numbers}
