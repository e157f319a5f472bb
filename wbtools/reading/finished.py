"""A finished export as a value: `wbtools.open(folder)`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Atlas, Hemisphere, Region
from wbtools.errors import InputError, UnknownChoice
from wbtools.output.kinds import Output, OutputKind
from wbtools.reading.contents import Contents
from wbtools.reading.results import Metrics, NetworkResults
from wbtools.space.grid import Unit, Volume

if TYPE_CHECKING:
    import pandas as pd

    from wbtools.surfaces.mesh import Mesh


@dataclass(frozen=True, eq=False)
class Export:
    """A finished export; what it holds is read when it is asked for, and kept.

    `table`, `regions`, `relevance`, `metrics`, `decision` and `trust` are those of its only network; of several, name
    it first: `export.network("unet").table`.

    Parameters
    ----------
    contents : Contents
        Its files and its record.

    Examples
    --------
    >>> export = wbtools.open("out/100307")  # doctest: +SKIP
    >>> export.table.head()  # doctest: +SKIP
    """

    contents: Contents

    @property
    def folder(self) -> Path:
        """The folder or zip file that was opened."""
        return self.contents.container.place

    @property
    def subject(self) -> str:
        """Id of the subject."""
        return self.contents.record.subject

    @property
    def provenance(self) -> Mapping[str, Any]:
        """The record, as JSON values."""
        return self.contents.record.content

    @property
    def notices(self) -> tuple[str, ...]:
        """What every reader must know."""
        return self.contents.record.notices

    @property
    def meshes(self) -> tuple[str, ...]:
        """Names of its meshes."""
        return self.contents.record.meshes

    @cached_property
    def networks(self) -> dict[str, NetworkResults]:
        """What each network found, by its name in file names."""
        return {name: NetworkResults(self.contents, name) for name in self.contents.record.networks}

    def network(self, name: str | None = None) -> NetworkResults:
        """What one network found.

        Parameters
        ----------
        name : str, optional
            Its name in file names; may be left out if there is one network only.

        Raises
        ------
        InputError
            If there is none of this name, or none is named and there are several.
        """
        if name is None and len(self.networks) > 1:
            raise InputError(
                f"{self.folder} has results of {len(self.networks)} networks: {', '.join(self.networks)}",
                hint="name one of them: export.network(NAME)",
            )
        if name is not None and name not in self.networks:
            raise UnknownChoice("network", name, list(self.networks))
        return self.networks[name or next(iter(self.networks))]

    @property
    def table(self) -> pd.DataFrame:
        """The ranking of the only network: a row per region, indexed by name, and `outside_atlas`."""
        return self.network().table

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions of the atlas, in the order of their keys."""
        return next(iter(self.networks.values())).regions

    @property
    def relevance(self) -> Volume:
        """Relevance density of the only network on the T1w's grid, 1/mm3."""
        return self.network().relevance

    @property
    def metrics(self) -> Metrics:
        """Maps of the only network on the cortex: `export.metrics["32k_fs_LR"]["L"]["relevance"]`, (V,)."""
        return self.network().metrics

    @property
    def decision(self) -> Mapping[str, Any]:
        """The answer of the only network, as JSON values."""
        return self.network().decision

    @property
    def trust(self) -> Mapping[str, Any]:
        """How far the map of the only network can be trusted, as JSON values."""
        return self.network().trust

    @cached_property
    def t1w(self) -> Volume:
        """The T1w, without the face unless it was kept."""
        from wbtools.images import nifti

        return nifti.read_volume(self.contents.t1w())

    @cached_property
    def brain_mask(self) -> Volume | None:
        """The brain in the T1w of a head, where wbtools had to find it: 1 inside, on the T1w's grid."""
        from wbtools.images import nifti

        what = Output(OutputKind.BRAIN_MASK)
        return nifti.read_volume(self.contents.path(what), Unit.LABEL) if self.contents.has(what) else None

    @cached_property
    def atlas(self) -> Atlas:
        """Areas and structures on the T1w's grid."""
        from wbtools.images import nifti

        name = self.contents.record.atlas
        path = self.contents.path(Output(OutputKind.ATLAS_VOLUME, atlas=name))
        return Atlas(f"{name}+subcortex", self.regions, nifti.read_volume(path, Unit.LABEL))

    def areas(self, mesh: str = "32k_fs_LR") -> dict[str, NDArray[np.int32]]:
        """Keys of the area of every vertex, (V,), by side (`L`, `R`); 0 on the medial wall."""
        from wbtools.images import gifti

        atlas = self.contents.record.atlas
        found = {}
        for side in Hemisphere:
            path = self.contents.path(Output(OutputKind.LABEL, hemisphere=side, mesh=self._mesh(mesh), atlas=atlas))
            found[side.letter] = gifti.read_labels(path, side)[0]
        return found

    def surface(self, side: str | Hemisphere, mesh: str = "32k_fs_LR", kind: str = "midthickness") -> Mesh:
        """One of the subject's surfaces in T1w space, mm.

        Parameters
        ----------
        side : str or Hemisphere
            `L` or `R`.
        mesh : str
            One of `meshes`.
        kind : str
            `white`, `midthickness`, `pial`, `inflated` or `very_inflated`.

        Raises
        ------
        InputError
            If the export has no such surface.
        """
        from wbtools.surfaces import mesh as meshes

        hemisphere = side if isinstance(side, Hemisphere) else Hemisphere.parse(side)
        what = Output(OutputKind.SURFACE, hemisphere=hemisphere, mesh=self._mesh(mesh), surface=kind)
        return meshes.read(self.contents.path(what), hemisphere, placed=True)

    def has_surface(self, mesh: str, kind: str) -> bool:
        """Whether both sides of a surface are there."""
        kinds = (Output(OutputKind.SURFACE, hemisphere=side, mesh=mesh, surface=kind) for side in Hemisphere)
        return all(self.contents.has(what) for what in kinds)

    def sulc(self, mesh: str = "32k_fs_LR") -> dict[Hemisphere, NDArray[np.float32]]:
        """Sulcal depth of every vertex, (V,), by side; empty where the export has none."""
        from wbtools.images import gifti

        files = {side: Output(OutputKind.SULC, hemisphere=side, mesh=self._mesh(mesh)) for side in Hemisphere}
        if not all(self.contents.has(what) for what in files.values()):
            return {}
        maps = {side: gifti.read_metrics(self.contents.path(what), side) for side, what in files.items()}
        return {side: next(iter(found.values())) for side, found in maps.items()}

    @property
    def pictures(self) -> tuple[Path, ...]:
        """The pictures of all networks' scenes."""
        return tuple(path for network in self.networks.values() for path in network.pictures)

    @property
    def scene(self) -> Path:
        """The scene file, for `wb_view -scene-load`."""
        return self.contents.path(Output(OutputKind.SCENE))

    def check(self) -> None:
        """Compare every file with the SHA-256 on record.

        Raises
        ------
        InputError
            If some differ or are missing.
        """
        self.contents.require_as_recorded()

    def _mesh(self, name: str) -> str:
        if name not in self.meshes:
            raise UnknownChoice("mesh", name, list(self.meshes))
        return name

    def __repr__(self) -> str:
        return f"<Export of {self.subject}: {', '.join(self.networks)}>"

    def _repr_html_(self) -> str:
        from wbtools.reading.notebook import summary

        return summary(self.networks.values())


def open_export(place: str | Path, *, check: bool = False) -> Export:
    """Open a finished export: a folder, a zip file of one, moved or read-only alike.

    Parameters
    ----------
    place : str or Path
    check : bool
        Whether every file is compared with its SHA-256 on record first.

    Raises
    ------
    InputError
        If it is no export, is damaged, or was written by a newer wbtools.
    """
    export = Export(Contents.of(Path(place)))
    if check:
        export.check()
    return export
