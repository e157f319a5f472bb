"""The data files of one network: mean, spread and agreement over people, and the maps of areas that come with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import SUBCORTEX, Hemisphere
from wbtools.group.maps.averaging import CONSISTENCY, MEAN, SD, PlacedMap
from wbtools.group.maps.group_files import PREFIX, GroupFile, NetworkMaps
from wbtools.group.maps.standard_rows import brain, cortex, greyordinates_91k
from wbtools.images import cifti, gifti, nifti
from wbtools.regions.heatmap import paint, paint_vertices
from wbtools.space.grid import Unit, Volume
from wbtools.surfaces.standard_affine import MNI_2MM
from wbtools.workbench import palette
from wbtools.workbench.palette import Palette, PaletteName

AGREEMENT = Palette(PaletteName.MAGMA, 0.0, 1.0, threshold=0.1)
"""Of consistency: one scale for every group; what is not more consistent than chance, .1, is left transparent."""

DENSE, VOLUME, AGREEMENT_VOLUME = "dense", "relevance volume", "consistency volume"
"""Which of a network's files scenes show."""

_DESCRIPTION = 79  # bytes

Palettes = Mapping[str, Palette | None]


def write_network(folder: Path, network: NetworkMaps) -> dict[str, GroupFile]:
    """Write the data files of one network.

    Parameters
    ----------
    folder : Path
    network : NetworkMaps

    Returns
    -------
    dict of str to GroupFile
        By `DENSE`, `VOLUME`, `AGREEMENT_VOLUME` and other words, in the order in which a spec lists them.
    """
    maps, shown = _maps(network), _palettes(network)
    stem = f"{PREFIX}.{network.name}"
    found = {
        f"metric {side.letter}": _metric(folder / f"{stem}.{side.letter}.32k_fs_LR.func.gii", side, network, maps)
        for side in Hemisphere
    }
    dense = GroupFile(folder / f"{stem}.32k_fs_LR.dscalar.nii", "maps on HCP's 91,282 grayordinates", shown)
    rows = {name: each.rows for name, each in maps.items()}
    cifti.write_dscalar(dense.path, rows, greyordinates_91k(), _xml(shown), network.meaning)
    found[DENSE] = dense
    found["parcels"] = _parcels(folder / f"{stem}.{network.atlas.name}.pscalar.nii", network, maps)
    for key, name, word in ((VOLUME, MEAN, "relevance"), (AGREEMENT_VOLUME, CONSISTENCY, "consistency")):
        found[key] = _volume(folder / f"{stem}.{word}.MNI152_2mm.nii.gz", network, name, shown[name])
    return found


def _metric(path: Path, side: Hemisphere, network: NetworkMaps, maps: Mapping[str, PlacedMap]) -> GroupFile:
    shown = _palettes(network)
    values = {name: each.cortex[side] for name, each in maps.items()}
    gifti.write_metrics(path, values, side, _xml(shown), network.meaning)
    return GroupFile(path, f"maps on the {side.name.lower()} cortex", shown)


def _parcels(path: Path, network: NetworkMaps, maps: Mapping[str, PlacedMap]) -> GroupFile:
    """Means over each area's vertices, and the maps of areas."""
    labels, regions = _labels(network), network.atlas.regions()
    values = {name: _area_means(maps[name], labels, len(regions)) for name in (MEAN, SD, CONSISTENCY)}
    values |= {name: _finite([by_name.get(r.name, 0.0) for r in regions]) for name, by_name in network.areas.items()}
    shown = _palettes(network)
    cifti.write_pscalar(path, values, labels, regions, _xml(shown), network.meaning)
    return GroupFile(path, "one value per cortical area", shown)


def _volume(path: Path, network: NetworkMaps, name: str, shown: Palette | None) -> GroupFile:
    about = f"{name}, {network.people}, network {network.name}"
    short = about.encode()[:_DESCRIPTION].decode(errors="ignore")
    xml = shown.xml() if shown else None
    nifti.write_volume(path, network.maps.maps[name].volume, palette_xml=xml, map_name=name, description=short)
    return GroupFile(path, f"{name} in MNI152 space, 2 mm", {name: shown})


def _maps(network: NetworkMaps) -> dict[str, PlacedMap]:
    """The maps over people, and those of areas on vertices and voxels."""
    return {**network.maps.maps, **{name: _painted(values, network) for name, values in network.areas.items()}}


def _painted(values: Mapping[str, float], network: NetworkMaps) -> PlacedMap:
    """Each area and structure filled with its value."""
    finite = {name: float(value) for name, value in values.items() if np.isfinite(value)}
    areas = {area.key: finite[area.name] for area in network.atlas.regions() if area.name in finite}
    sides = {side: paint_vertices(areas, keys) for side, keys in _labels(network).items()}
    structures = {s.freesurfer_key: finite[s.value] for s in SUBCORTEX if s.value in finite and s.freesurfer_key}
    voxels = greyordinates_91k().subcortex
    empty = Volume(np.zeros(MNI_2MM.shape, np.float32), MNI_2MM, Unit.SCORE)
    return PlacedMap(sides, paint(structures, voxels) if voxels and structures else empty)


def _labels(network: NetworkMaps) -> dict[Hemisphere, NDArray[np.int32]]:
    return {side: network.atlas.labels_32k(side) for side in Hemisphere}


def _area_means(placed: PlacedMap, labels: Mapping[Hemisphere, NDArray[np.int32]], count: int) -> NDArray[np.floating]:
    """Means over the vertices of each area, in the order of keys, 1 to `count`."""
    keys = np.concatenate([labels[side] for side in Hemisphere])
    values = np.concatenate([placed.cortex[side] for side in Hemisphere])
    sums = np.bincount(keys, values, minlength=count + 1)
    sizes = np.bincount(keys, minlength=count + 1)
    return np.asarray(sums[1:] / np.maximum(sizes[1:], 1))


def _palettes(network: NetworkMaps) -> dict[str, Palette | None]:
    """One palette for each map, the same in every file."""
    spread, mean = network.maps.maps[SD], network.maps.maps[MEAN]
    found: dict[str, Palette | None] = {
        MEAN: palette.positive(_shown(mean)),
        SD: palette.positive(_shown(spread)),
        CONSISTENCY: AGREEMENT,
    }
    for name, values in network.areas.items():
        numbers = _finite(list(values.values()))
        suited = palette.signed(numbers) if (numbers < 0).any() else palette.positive(numbers)
        found[name] = network.palettes.get(name, suited)
    return found


def _shown(placed: PlacedMap) -> NDArray[np.float32]:
    """The numbers of a map on the cortex and in the brain's voxels."""
    return np.concatenate(
        [*(placed.cortex[side][mask] for side, mask in cortex().items()), placed.volume.data[brain()]]
    )


def _finite(values: list[float]) -> NDArray[np.float64]:
    return np.nan_to_num(np.asarray(values, np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _xml(shown: Palettes) -> dict[str, str]:
    return {name: each.xml() for name, each in shown.items() if each}
