"""What one network found in one finished export, read when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere, Region
from wbtools.output.kinds import Output, OutputKind
from wbtools.reading.record import Json, Record, section
from wbtools.reading.table import OUTSIDE, RegionTable, read_colours, read_rows, regions_of
from wbtools.space.grid import Unit, Volume

if TYPE_CHECKING:
    import pandas as pd

    from wbtools.reading.contents import Contents

Maps = dict[str, NDArray[np.float32]]
"""Maps of one hemisphere by name, (V,) each."""


class Metrics(Mapping[str, dict[str, Maps]]):
    """The maps of a network on the cortex, by mesh, then by side (`L`, `R`), then by name; read when a mesh is named.

    Parameters
    ----------
    contents : Contents
    network : str
    """

    def __init__(self, contents: Contents, network: str) -> None:
        self._contents, self._network = contents, network
        self._read: dict[str, dict[str, Maps]] = {}

    def __getitem__(self, mesh: str) -> dict[str, Maps]:
        from wbtools.images import gifti

        if mesh not in self._contents.record.meshes:
            raise KeyError(mesh)
        if mesh not in self._read:
            self._read[mesh] = {
                side.letter: gifti.read_metrics(
                    self._contents.path(Output(OutputKind.METRIC, self._network, side, mesh)), side
                )
                for side in Hemisphere
            }
        return self._read[mesh]

    def __iter__(self) -> Iterator[str]:
        return iter(self._contents.record.meshes)

    def __len__(self) -> int:
        return len(self._contents.record.meshes)


@dataclass(frozen=True, eq=False, repr=False)
class NetworkResults:
    """One network's results.

    Parameters
    ----------
    contents : Contents
        The files of the export.
    name : str
        Of the network, as file names have it.
    """

    contents: Contents
    name: str

    @property
    def record(self) -> Record:
        """The record of the whole export."""
        return self.contents.record

    @property
    def about(self) -> Json:
        """What the record says of this network."""
        return section(self.record.content, "networks", self.name)

    @property
    def title(self) -> str:
        """What the network's card calls it."""
        return str(self.about.get("title", self.name))

    @property
    def method(self) -> str:
        """By which method it was explained."""
        return str(section(self.about, "attribution").get("method", ""))

    @property
    def decision(self) -> Json:
        """The network's answer, in words and numbers, as the record has it."""
        return section(self.about, "decision")

    @property
    def trust(self) -> Json:
        """How far the map can be trusted: the checks' figures and `verdict`, as the record has them."""
        return section(self.about, "trust")

    @property
    def passed(self) -> bool:
        """Whether the map passed the checks of its trust."""
        return self.trust.get("passed") is True

    @cached_property
    def table(self) -> pd.DataFrame:
        """The ranking, a row per region and `outside_atlas`, with the columns of the `regions.tsv` file."""
        return self.ranking.frame()

    @cached_property
    def ranking(self) -> RegionTable:
        """What `table` has, as plain rows."""
        return read_rows(self.contents.path(Output(OutputKind.REGIONS, self.name)))

    @cached_property
    def levels(self) -> pd.DataFrame | None:
        """Every region's centre, its level, and its levels in randomised networks; None in exports of before."""
        return None if self.level_rows is None else self.level_rows.frame()

    @cached_property
    def level_rows(self) -> RegionTable | None:
        """What `levels` has, as plain rows."""
        what = Output(OutputKind.LEVELS, self.name)
        if not self.contents.has(what):
            return None
        return read_rows(self.contents.path(what), ("region", "key", "kind", "x", "y", "z", "level"))

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The regions of the atlas, in the order of their keys."""
        lut = Output(OutputKind.LUT, atlas=self.record.atlas)
        return regions_of(self.ranking, read_colours(self.contents.path(lut)) if self.contents.has(lut) else {})

    @property
    def share_outside(self) -> float:
        """Share of the relevance that lies outside the atlas."""
        return next((row.numbers["share"] for row in self.ranking.rows if row.name == OUTSIDE), math.nan)

    @cached_property
    def relevance(self) -> Volume:
        """Relevance density on the T1w's grid, 1/mm3."""
        return self._volume(OutputKind.RELEVANCE)

    @cached_property
    def heatmap(self) -> Volume:
        """Every region filled with its score, on the T1w's grid."""
        return self._volume(OutputKind.HEATMAP)

    @cached_property
    def metrics(self) -> Metrics:
        """The maps on the cortex, by mesh, side and name."""
        return Metrics(self.contents, self.name)

    @property
    def pictures(self) -> tuple[Path, ...]:
        """The pictures of this network's scenes."""
        return tuple(self.contents.path_of(name) for name in self.contents.figures(self.name).values())

    def picture(self, scene: str) -> Path | None:
        """The picture of a scene, as `overview`; None where it was not drawn."""
        name = self.contents.figures(self.name).get(scene)
        return None if name is None else self.contents.path_of(name)

    def __repr__(self) -> str:
        return f"<NetworkResults of {self.name} for {self.record.subject}, by {self.method or 'an unknown method'}>"

    def _volume(self, kind: OutputKind) -> Volume:
        from wbtools.images import nifti

        unit = Unit.DENSITY if kind is OutputKind.RELEVANCE else Unit.INTENSITY
        return nifti.read_volume(self.contents.path(Output(kind, self.name)), unit)
