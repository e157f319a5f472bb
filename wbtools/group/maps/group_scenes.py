"""The scenes of a group: what they show, and their words. A new scene is a new entry of `SCENES`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from wbtools.anatomy import Hemisphere
from wbtools.group.maps.averaging import CONSISTENCY, MEAN
from wbtools.group.maps.group_files import GroupFile, NetworkMaps
from wbtools.group.maps.network_files import AGREEMENT_VOLUME, DENSE, VOLUME
from wbtools.group.maps.normalised import UNIT
from wbtools.group.maps.standard_files import StandardFiles
from wbtools.group.maps.standard_rows import cortex
from wbtools.text import line
from wbtools.workbench.scene.describing import SLICES, Description
from wbtools.workbench.scene.elements import Layer
from wbtools.workbench.scene.figure import Slices, Surfaces, figure
from wbtools.workbench.scene.legend import Legend
from wbtools.workbench.scene.scene import Scene

_HOW = "Each person's relevance divided by that of the person's median region"
_AGREEMENT = (
    "Share of people in whose own map a place is in the top tenth of the cortex, or of the brain's voxels; a tenth is "
    "expected by chance"
)


@dataclass(frozen=True)
class SceneType:
    """A scene that every network has.

    Parameters
    ----------
    name : str
        Of the picture's file, after the network's.
    title : str
        `{people}` is replaced.
    listed : str
        In wb_view's list, after the network's name.
    shows : str
        Which map.
    unit, about : str
        Over the colour bar; below the title, after what the network is.
    surface : str
    volume : str
        Which volume is drawn in slices; empty for none.
    areas : bool
        Whether the borders of areas are drawn.
    """

    name: str
    title: str
    listed: str
    shows: str
    unit: str
    about: str
    surface: str
    volume: str = ""
    areas: bool = True


SCENES = (
    SceneType("overview", "Mean relevance of {people}", "mean relevance", MEAN, UNIT, _HOW, "inflated", VOLUME),
    SceneType(
        "relevance-pial",
        "Mean relevance of {people} on the pial surface",
        "mean relevance on the pial surface",
        MEAN,
        UNIT,
        _HOW,
        "pial",
        areas=False,
    ),
    SceneType(
        "consistency",
        "Consistency of relevance over {people}",
        "consistency",
        CONSISTENCY,
        "share of people",
        _AGREEMENT,
        "inflated",
        AGREEMENT_VOLUME,
    ),
)
"""The scenes of every network, in the order of wb_view's list."""

_LEAST_SHOWN = 0.03  # share of the cortex that has to be coloured, so that a picture without colour must be wrong
_ROOM = 210.0  # mm that each slice of the template is given, letters included


def compose(network: NetworkMaps, files: Mapping[str, GroupFile], standard: StandardFiles) -> dict[str, Scene]:
    """The scenes of one network, by the names of their types.

    Parameters
    ----------
    network : NetworkMaps
    files : mapping of str to GroupFile
        As `write_network` gave them.
    standard : StandardFiles
    """
    return {kind.name: _scene(kind, network, files, standard) for kind in SCENES}


def _scene(kind: SceneType, network: NetworkMaps, files: Mapping[str, GroupFile], standard: StandardFiles) -> Scene:
    shown = kind.title.format(people=network.people)
    made = Description(
        shown,
        tuple(filter(None, (kind.volume and SLICES, f"the {kind.surface} surfaces of the 32k_fs_LR mesh"))),
        "the space of the S1200 average and the MNI152 template",
        kind.unit,
        files[DENSE].maps[kind.shows],
        network.atlas.title if kind.areas else "",
    )
    title, caption = f"{shown}, network {network.name}", f"{line(network.title)}. {kind.about}"
    legend = Legend(title, caption, network.notice, kind.unit, made.sentences())
    slices = Slices(Layer(standard.t1w.path), Layer(files[kind.volume].path), room=_ROOM) if kind.volume else None
    surfaces = Surfaces(
        {side: standard.surfaces[side, kind.surface].path for side in Hemisphere},
        [Layer(files[DENSE].path, files[DENSE].index(kind.shows))],
        [Layer(file.path) for file in standard.sulc.values()],
        [standard.areas.path] if kind.areas else [],
    )
    scene = figure(f"{network.name}: {kind.listed}", legend, slices, surfaces)
    return replace(scene, sparse=_share_shown(kind, network, files[DENSE]) < _LEAST_SHOWN)


def _share_shown(kind: SceneType, network: NetworkMaps, dense: GroupFile) -> float:
    """Share of the cortex that a map colours."""
    palette, sides = dense.maps[kind.shows], network.maps.maps[kind.shows].cortex
    values = np.concatenate([sides[side][mask] for side, mask in cortex().items()])
    return float(palette.shows(values).mean()) if palette else 1.0
