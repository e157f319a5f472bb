"""Projection between voxels and cortex, by in-process ribbon weights or by wb_command as the reference.

Both implement Workbench's ribbon-constrained mapping; tests compare them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.atlas import CorticalAtlas, cortical_atlas
from wbtools.images import gifti, nifti
from wbtools.native.cortex import Cortex, Values
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.resampling import adaptive_barycentric_area
from wbtools.surfaces.ribbon.cache import WeightCache
from wbtools.surfaces.ribbon.columns import Columns
from wbtools.surfaces.ribbon.voxel_labels import join_hemispheres
from wbtools.surfaces.ribbon.weights import RibbonWeights

if TYPE_CHECKING:
    from wbtools.workbench.runner import Workbench

T = TypeVar("T")
Areas = dict[Hemisphere, NDArray[np.int32]]
Maps = dict[Hemisphere, Values]
"""Several maps on the cortex, (M, V) per side."""


class Projection(Protocol):
    """Projects labels and maps between a person's voxels and cortex."""

    @property
    def atlas(self) -> CorticalAtlas:
        """The atlas whose labels are carried."""
        ...

    @property
    def threads(self) -> int:
        """How many threads it may use."""
        ...

    def areas(self, standard: Cortex, keys: Areas, target: Cortex) -> Areas:
        """Resample labels on the 32k mesh, (32492,) per side, to another registered mesh; 0 on the medial wall."""
        ...

    def volume(self, cortex: Cortex, keys: Areas, grid: Grid) -> tuple[Volume, int]:
        """Label the voxels that are at least half cortex; also returns the number that both hemispheres claim."""
        ...

    def metrics(self, cortex: Cortex, volumes: Sequence[Volume]) -> Maps:
        """Ribbon-weighted means per vertex of volumes on one grid; 0 on the medial wall and where there is no voxel."""
        ...


def on_both_sides(work: Callable[[Hemisphere], T], threads: int) -> dict[Hemisphere, T]:
    """Apply a function to both hemispheres, in parallel if there are two threads."""
    with ThreadPoolExecutor(min(2, threads)) as pool:
        return dict(zip(Hemisphere, pool.map(work, Hemisphere), strict=True))


class NativeProjection:
    """Projection by ribbon weights, computed once per mesh and side and applied to every map.

    Parameters
    ----------
    threads : int
    cache : WeightCache, optional
        Stores weights for the next export of the same person.
    atlas : CorticalAtlas, optional
        The default one without.
    """

    def __init__(self, threads: int, cache: WeightCache | None = None, atlas: CorticalAtlas | None = None) -> None:
        self.threads = threads
        self.atlas = atlas or cortical_atlas()
        self._between = cache.between if cache else RibbonWeights.between

    def areas(self, standard: Cortex, keys: Areas, target: Cortex) -> Areas:
        """See `Projection`; adaptive barycentric area weights on the registered spheres."""

        def side_areas(side: Hemisphere) -> NDArray[np.int32]:
            weights = adaptive_barycentric_area(
                standard.spheres[side],
                target.spheres[side],
                standard.surfaces[side, "midthickness"],
                target.surfaces[side, "midthickness"],
            )
            return np.where(target.mask[side], weights.labels(keys[side]), 0).astype(np.int32)

        return on_both_sides(side_areas, self.threads)

    def volume(self, cortex: Cortex, keys: Areas, grid: Grid) -> tuple[Volume, int]:
        """See `Projection`; a voxel that both sides claim goes to the one with the larger share of it."""
        sides = on_both_sides(
            lambda side: self._weights(cortex, side, grid, Columns.THIN).labels_to_volume(keys[side]), self.threads
        )
        joined, conflicts = join_hemispheres(sides[Hemisphere.LEFT], sides[Hemisphere.RIGHT])
        return Volume(joined, grid, Unit.LABEL), conflicts

    def metrics(self, cortex: Cortex, volumes: Sequence[Volume]) -> Maps:
        """See `Projection`."""

        def side_maps(side: Hemisphere) -> Values:
            weights = self._weights(cortex, side, volumes[0].grid, Columns.THICK)
            return weights.to_surface([volume.data for volume in volumes]) * cortex.mask[side]

        return on_both_sides(side_maps, self.threads)

    def _weights(self, cortex: Cortex, side: Hemisphere, grid: Grid, columns: Columns) -> RibbonWeights:
        return self._between(cortex.surfaces[side, "white"], cortex.surfaces[side, "pial"], grid, columns)


class WorkbenchProjection:
    """Projection by wb_command: minutes per hemisphere; the reference for `NativeProjection`.

    Parameters
    ----------
    workbench : Workbench
    threads : int
    atlas : CorticalAtlas, optional
        The default one without.
    """

    def __init__(self, workbench: Workbench, threads: int, atlas: CorticalAtlas | None = None) -> None:
        self._workbench = workbench
        self.threads = threads
        self.atlas = atlas or cortical_atlas()

    def areas(self, standard: Cortex, keys: Areas, target: Cortex) -> Areas:
        """See `Projection`."""
        from wbtools.workbench import command

        found: Areas = {}
        for side in Hemisphere:
            with TemporaryDirectory(prefix="wbtools-") as name:
                folder = Path(name)
                label, result = folder / "current.label.gii", folder / "new.label.gii"
                gifti.write_labels(label, keys[side], self.atlas.regions(), side, self.atlas.name)
                sphere, new_sphere = (
                    self._write(folder / f"{word}.sphere.surf.gii", chosen.spheres[side], "sphere")
                    for word, chosen in (("current", standard), ("new", target))
                )
                area, new_area = (
                    self._write(folder / f"{word}.area.surf.gii", chosen.surfaces[side, "midthickness"])
                    for word, chosen in (("current", standard), ("new", target))
                )
                self._workbench.run(
                    command.label_resample(label, sphere, new_sphere, area, new_area, result), threads=self.threads
                )
                found[side] = np.where(target.mask[side], gifti.read_labels(result, side)[0], 0).astype(np.int32)
        return found

    def volume(self, cortex: Cortex, keys: Areas, grid: Grid) -> tuple[Volume, int]:
        """See `Projection`; a voxel that both sides claim goes to the side of the midline (x = 0) it is on."""
        from wbtools.workbench import command

        sides: dict[Hemisphere, NDArray[np.int32]] = {}
        for side in Hemisphere:
            with TemporaryDirectory(prefix="wbtools-") as name:
                folder = Path(name)
                white, middle, pial = self._ribbon(folder, cortex, side)
                label, template, result = folder / "l.label.gii", folder / "t.nii.gz", folder / "l.nii.gz"
                gifti.write_labels(label, keys[side], self.atlas.regions(), side, self.atlas.name)
                nifti.write_volume(template, Volume(np.zeros(grid.shape, np.float32), grid))
                self._workbench.run(
                    command.label_to_volume_ribbon(label, middle, template, white, pial, result), threads=self.threads
                )
                sides[side] = nifti.read_volume(result, Unit.LABEL).data.astype(np.int32)
        left, right = sides[Hemisphere.LEFT], sides[Hemisphere.RIGHT]
        both = (left > 0) & (right > 0)
        on_left = grid.to_world(np.argwhere(both).astype(float))[:, 0] < 0
        joined = np.where(left > 0, left, right)
        joined[both] = np.where(on_left, left[both], right[both])
        return Volume(joined, grid, Unit.LABEL), int(both.sum())

    def metrics(self, cortex: Cortex, volumes: Sequence[Volume]) -> Maps:
        """See `Projection`; all maps share a call per side, since the geometry takes most of the time."""
        from wbtools.workbench import command

        found: Maps = {}
        with TemporaryDirectory(prefix="wbtools-") as name:
            folder = Path(name)
            stack = folder / "maps.nii.gz"
            nifti.write_stack(stack, volumes)
            for side in Hemisphere:
                white, middle, pial = self._ribbon(folder, cortex, side)
                result = folder / "maps.func.gii"
                self._workbench.run(
                    command.volume_to_surface_ribbon(stack, middle, white, pial, result), threads=self.threads
                )
                found[side] = np.stack(list(gifti.read_metrics(result, side).values())) * cortex.mask[side]
        return found

    def _ribbon(self, folder: Path, cortex: Cortex, side: Hemisphere) -> tuple[Path, Path, Path]:
        """The white, midthickness and pial surfaces as files."""
        white, middle, pial = (
            self._write(folder / f"{kind}.surf.gii", cortex.surfaces[side, kind], kind)
            for kind in ("white", "midthickness", "pial")
        )
        return white, middle, pial

    @staticmethod
    def _write(path: Path, mesh: meshes.Mesh, geometry: str = "midthickness") -> Path:
        meshes.write(path, mesh, geometry)
        return path
