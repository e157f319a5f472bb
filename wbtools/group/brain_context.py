"""Where in the brain a group's map is high: means over functional networks, and correlation with annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Kind
from wbtools.atlas import mmp
from wbtools.atlas.functional_networks import NETWORKS, functional_networks
from wbtools.group.context.network_profile import NetworkProfile, network_profile

if TYPE_CHECKING:
    from wbtools.group.context.annotation import Annotation
    from wbtools.group.context.spin_test import SpinTest


@dataclass(frozen=True, eq=False)
class Annotations:
    """Maps of the cortex that a group's is compared with, and the rotations that all share.

    Parameters
    ----------
    maps : tuple of Annotation
    rotations : ndarray, (n, 3, 3)
    """

    maps: tuple[Annotation, ...] = ()
    rotations: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 3, 3)))

    @classmethod
    def read(cls, sources: Sequence[str], rotations: int, seed: int) -> Annotations:
        """Read them from files, or by neuromaps' names.

        Raises
        ------
        InputError
            If one cannot be read.
        """
        from wbtools.group.context.annotation_files import read_all
        from wbtools.group.context.spinning import random_rotations

        maps = read_all(sources)
        return cls(maps, random_rotations(rotations, seed)) if maps else cls()


@dataclass(frozen=True, eq=False)
class BrainContext:
    """Where a map is high.

    Parameters
    ----------
    profiles : tuple of NetworkProfile
    spins : tuple of SpinTest
        A test for each annotation and coefficient.
    """

    profiles: tuple[NetworkProfile, ...] = ()
    spins: tuple[SpinTest, ...] = ()


def brain_context(values: Mapping[str, float], annotations: Annotations) -> BrainContext:
    """The context of a map over regions; empty where its areas are not those of HCP-MMP 1.0.

    Parameters
    ----------
    values : mapping of str to float
        By the name of a region.
    annotations : Annotations
    """
    from wbtools.group.context.annotation import Annotation
    from wbtools.group.context.spin_test import spin_tests

    areas = {region.name for region in mmp.regions()}
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    cortex = {name: value for name, value in known.items() if name in areas}
    if not cortex:
        return BrainContext()
    tests: tuple[SpinTest, ...] = ()
    if annotations.maps:
        tests = spin_tests(Annotation.by_region("level", cortex), annotations.maps, annotations.rotations)
    return BrainContext(tuple(_profiles(known)), tests)


def _profiles(values: Mapping[str, float]) -> list[NetworkProfile]:
    sets = [functional_networks(name) for name in NETWORKS]
    known = {region.name for region in sets[0].regions}  # parts of structures are in no set
    values = {name: value for name, value in values.items() if name in known}
    return [network_profile(values, each, kind) for each in sets for kind in Kind if each.has(kind)]
