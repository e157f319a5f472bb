"""The interactive viewer of an export's page, made of what was computed while Workbench draws the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from wbtools.anatomy import Hemisphere, Kind, Region
from wbtools.exporting.explanation import RELEVANCE, Explanation
from wbtools.exporting.session.data import ExportData
from wbtools.exporting.settings import ReportExtent
from wbtools.native.cortex import STANDARD
from wbtools.regions.levels import centres
from wbtools.report.person import adding
from wbtools.report.person.viewing import SURFACES, maps_of
from wbtools.report.viewer.fragment import fragment
from wbtools.report.viewer.shown import ANATOMICAL, NetworkMaps, Point, ViewerData
from wbtools.space.grid import Grid, Volume

AddPage = Callable[[Path], Path]
"""Adds the page to a finished folder."""


@contextmanager
def making(data: ExportData, extent: ReportExtent | None, *, beside: bool) -> Iterator[AddPage | None]:
    """Make the page's viewer while the block does something else, if there is a processor for both.

    Parameters
    ----------
    data : ExportData
    extent : {"full", "static"} or None
        Of the page; a static one has no viewer, and without any nothing is yielded.
    beside : bool
        In a thread of its own; else before the block.
    """
    if extent != "full":
        yield partial(adding.add, static=True) if extent else None
    elif beside:
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(viewer, data)
            yield lambda folder: adding.add(folder, viewer=made.result())
    else:
        yield partial(adding.add, viewer=viewer(data))


def viewer(data: ExportData) -> str:
    """The same as `wbtools.report.person.viewing.viewer_of` makes of the files, which need not be read for it."""
    t1w, networks = _read_back(data, data.person.t1w), tuple(_maps(data, each) for each in data.explanations)
    cortex = data.person.cortices.get(STANDARD)
    if cortex is None or not set(ANATOMICAL) & set(SURFACES) & set(cortex.kinds):
        return fragment(ViewerData(t1w, networks, places=_places(data)))
    return fragment(
        ViewerData(
            t1w=t1w,
            networks=networks,
            surfaces={
                kind: {side: cortex.surfaces[side, kind] for side in Hemisphere}
                for kind in SURFACES
                if kind in cortex.kinds
            },
            areas=data.person.areas[STANDARD],
            names={region.key: region.name for region in _regions(data) if region.kind is Kind.CORTEX},
            folding=cortex.sulc if len(cortex.sulc) == len(Hemisphere) else {},
            places=_places(data),
        )
    )


def _maps(data: ExportData, explanation: Explanation) -> NetworkMaps:
    relevance, metrics = _read_back(data, explanation.volumes[RELEVANCE]), {}
    if STANDARD in data.person.cortices:
        left, right = (data.maps_of(explanation, STANDARD, side) for side in Hemisphere)
        metrics = {name: {Hemisphere.LEFT: left[name], Hemisphere.RIGHT: right[name]} for name in left}
    return maps_of(explanation.name, relevance, metrics)


def _read_back(data: ExportData, volume: Volume) -> Volume:
    """A volume as its file gives it: NIfTI keeps affines in single precision."""
    stored = data.stored(volume)
    affine = stored.grid.affine.astype(np.float32).astype(np.float64)
    return Volume(stored.data, Grid(stored.grid.shape, affine), stored.unit)


def _regions(data: ExportData) -> list[Region]:
    """In the order of their keys, as all tables have them."""
    return sorted(data.person.atlas.whole.regions, key=lambda region: region.key)


def _places(data: ExportData) -> dict[str, Point]:
    """The centres of subcortical structures that have voxels, mm."""
    found = zip(_regions(data), centres(data.person.atlas.whole).round(3).tolist(), strict=True)
    return {region.name: (x, y, z) for region, (x, y, z) in found if region.kind is Kind.SUBCORTEX and not np.isnan(x)}
