"""The engines that carry numbers between voxels and cortex: wbtools itself, or wb_command.

An engine is an entry of `ENGINES`, whose names are the command line's choices. What it needs is imported when it is
made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from wbtools.atlas import CorticalAtlas
    from wbtools.native.projection import Projection
    from wbtools.workbench.runner import Workbench

EngineName = Literal["native", "wb_command"]


@dataclass(frozen=True)
class Engine:
    """One way to carry numbers between voxels and cortex.

    Parameters
    ----------
    projection : callable
        Makes it, from the installed Workbench (None where there is none), a number of threads, a folder that keeps
        ribbon weights (None keeps nothing), and the atlas that is carried.
    needs_workbench : bool
        Whether it is nothing without an installed Workbench.
    """

    projection: Callable[[Workbench | None, int, Path | None, CorticalAtlas], Projection]
    needs_workbench: bool


def _native(workbench: Workbench | None, threads: int, work: Path | None, atlas: CorticalAtlas) -> Projection:
    from wbtools.native.projection import NativeProjection
    from wbtools.surfaces.ribbon.cache import WeightCache

    return NativeProjection(threads, WeightCache(work) if work else None, atlas)


def _wb_command(workbench: Workbench | None, threads: int, work: Path | None, atlas: CorticalAtlas) -> Projection:
    from wbtools.native.projection import WorkbenchProjection

    assert workbench is not None  # it needs one
    return WorkbenchProjection(workbench, threads, atlas)


ENGINES: Mapping[EngineName, Engine] = {
    "native": Engine(_native, needs_workbench=False),
    "wb_command": Engine(_wb_command, needs_workbench=True),
}
"""The engines by name; the first is the one that is taken unless told."""
