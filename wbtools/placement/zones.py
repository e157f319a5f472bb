"""A segmentation that was carried to a person, fitted to the tissue that the person's image shows there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbtools.placement.tissue import GREY, LIQUID, WHITE
from wbtools.space.grid import Unit, Volume

_DEEP = (10, 11, 12, 13, 16, 17, 18, 26, 28, 49, 50, 51, 52, 53, 54, 58, 60, 85)
_LIQUIDS = (4, 5, 14, 15, 24, 43, 44, 72)
_MIXED = (30, 31, 62, 63)  # vessels and choroid plexus
_CALLOSUM = (251, 252, 253, 254, 255)
_CEREBELLUM = (7, 8, 46, 47)
_RIM = 2.0  # mm from the edge of a deep structure, within which liquid is none of it: what SyN may be wrong by
_CEREBRUM = {"left": (2, 3), "right": (41, 42)}
"""FreeSurfer's labels of white matter and cortex."""


def fitted(carried: Volume, classes: Volume) -> Volume:
    """FreeSurfer's labels as the tissue has them.

    Every voxel of tissue belongs to the label that lies nearest; in the cerebrum its class tells cortex from white
    matter. Deep structures lose liquid at their edge, but not inside, where a dark lesion is a part of them. Liquid is
    ventricle where a ventricle was carried.

    Parameters
    ----------
    carried : Volume
        wmparc of the template, on the grid of the classes.
    classes : Volume
        LIQUID, GREY or WHITE; 0 outside the brain.

    Returns
    -------
    Volume
        Labels of aseg.

    Examples
    --------
    >>> from wbtools.space.grid import Grid
    >>> grid = Grid((1, 1, 6), np.eye(4))
    >>> carried = Volume(np.array([[[1003, 3003, 10, 10, 4, 0]]]), grid, Unit.LABEL)
    >>> classes = Volume(np.array([[[GREY, WHITE, GREY, LIQUID, LIQUID, LIQUID]]]), grid, Unit.LABEL)
    >>> fitted(carried, classes).data.ravel().tolist()
    [3, 2, 10, 0, 4, 0]
    """
    from scipy.ndimage import distance_transform_edt

    labels, tissue, sizes = carried.data, classes.data, carried.grid.voxel_sizes
    if not labels.any():
        return Volume(np.zeros(labels.shape, np.int32), carried.grid, Unit.LABEL)
    nearest = distance_transform_edt(labels == 0, sampling=sizes, return_distances=False, return_indices=True)
    zone = labels[tuple(nearest)]
    result = np.zeros(labels.shape, np.int32)
    cortical = _nearer_to_cortex(labels, sizes)
    for side, at in _sides(zone).items():
        white, cortex = _CEREBRUM[side]
        result[at & (tissue == WHITE)] = white
        result[at & (tissue == GREY)] = white
        result[at & (tissue == GREY) & cortical] = cortex
    result = np.where(np.isin(zone, _CEREBELLUM) & (tissue > LIQUID), zone, result)
    deep = np.isin(labels, (*_DEEP, *_CALLOSUM))
    solid = deep & ((tissue > LIQUID) | (distance_transform_edt(deep, sampling=sizes) > _RIM))
    hollow = np.isin(labels, _LIQUIDS) & (tissue == LIQUID)
    kept = solid | hollow | (np.isin(labels, _MIXED) & (tissue > 0))
    return Volume(np.where(kept, labels, result).astype(np.int32), carried.grid, Unit.LABEL)


def _sides(zone: NDArray[np.integer]) -> dict[str, NDArray[np.bool_]]:
    """The voxels of each hemisphere of the cerebrum without its deep structures, from labels of wmparc."""
    thousands = zone // 1000
    return {
        "left": np.isin(thousands, (1, 3)) | (zone == 5001),
        "right": np.isin(thousands, (2, 4)) | (zone == 5002),
    }


def _nearer_to_cortex(labels: NDArray[np.integer], sizes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Voxels that lie nearer to carried cortex than to deep structures: the edge of these is no cortex."""
    from scipy.ndimage import distance_transform_edt

    def distance(inside: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.asarray(distance_transform_edt(~inside, sampling=sizes)) if inside.any() else np.inf * np.ones(1)

    deep = np.isin(labels, (*_DEEP, *_LIQUIDS, *_MIXED, *_CALLOSUM))
    return np.asarray(distance((labels >= 1000) & (labels < 3000)) <= distance(deep))
