"""The anatomy of somebody who has a T1w image alone: a template laid over the brain, fitted to its own tissue.

Steps: the brain on voxels of about 1 mm; without bias field (N4); a template's brain laid over it (SyN); classes of
tissue (Atropos); the average segmentation carried over, and each of its labels kept where the tissue agrees. The cortex
is all grey matter of the cerebrum outside the deep structures: this person's own, not the average's ribbon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import CheckError
from wbtools.placement import syn, templates, tissue
from wbtools.placement.options import PlacementOptions
from wbtools.placement.placement import Placement
from wbtools.placement.store import Store
from wbtools.placement.zones import fitted
from wbtools.space.foreground import bounding_box
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.space.resampling import average, resample_labels

_FINE = 0.9  # mm; smaller voxels are averaged: the steps below gain nothing from them but time
_VOXEL = 1.0
_MARGIN = 5.0  # mm around the brain


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What a T1w image alone tells of a person's anatomy.

    Parameters
    ----------
    placement : Placement
        Where the template lies.
    segmentation : Volume
        FreeSurfer's labels (aseg) on the image's grid: cortex 3 and 42, white matter 2 and 41, deep structures,
        cerebellum, ventricles.
    """

    placement: Placement
    segmentation: Volume


def anatomy(t1w: Volume, mask: NDArray[np.bool_], options: PlacementOptions) -> Anatomy:
    """Find a person's anatomy by SyN and their own tissue; what took long is kept in `options.work`.

    Parameters
    ----------
    t1w : Volume
        Of a brain or a head.
    mask : ndarray of bool, (X, Y, Z)
        The brain.
    options : PlacementOptions

    Raises
    ------
    CheckError
        If the template cannot be laid over this brain.
    """
    brain = working_brain(t1w, mask)
    template = templates.template()
    store = Store.of(options.work, brain, template)
    placement, labels = store.read(brain.grid) or (None, None)
    if placement is None or labels is None:
        options.told("bias field")
        even = tissue.without_bias(brain)
        options.told("registration (SyN)")
        placement = syn.place(even, template)
        options.told("tissue")
        labels = fitted(placement.labels(templates.segmentation(), brain.grid), tissue.classes(even))
        store.write(placement, labels)
    return Anatomy(placement, _on_grid(labels, t1w.grid, mask))


def placement_in(t1w: Volume, mask: NDArray[np.bool_], options: PlacementOptions) -> Placement:
    """Where the template lies in somebody's head, of whom nothing else is wanted; parameters as of `anatomy`.

    Raises
    ------
    CheckError
        If the template cannot be laid over this brain.
    """
    brain = working_brain(t1w, mask)
    template = templates.template()
    store = Store.of(options.work, brain, template, "alone")
    kept = store.read(brain.grid)
    if kept:
        return kept[0]
    options.told("registration (SyN)")
    found = syn.place(tissue.without_bias(brain), template)
    store.write(found, Volume(np.zeros(brain.grid.shape, np.int32), brain.grid, Unit.LABEL))
    return found


def working_brain(t1w: Volume, mask: NDArray[np.bool_]) -> Volume:
    """The brain alone, 0 outside and above 0 inside, on voxels of about 1 mm, with little around it.

    Raises
    ------
    CheckError
        If there is none.
    """
    if not mask.any():
        raise CheckError("there is no brain in this image", hint="give a T1w image with a brain in it")
    low = float(t1w.data[mask].min())
    size = float(np.ptp(t1w.data[mask])) or 1.0
    lifted = np.where(mask, (t1w.data - low) / size + 1e-3, 0).astype(np.float32)
    margin = np.ceil(_MARGIN / t1w.grid.voxel_sizes).astype(int)
    box = tuple(
        slice(max(0, part.start - more), min(count, part.stop + more))
        for part, more, count in zip(bounding_box(mask), margin.tolist(), t1w.grid.shape, strict=True)
    )
    brain = Volume(lifted, t1w.grid).within((box[0], box[1], box[2]))
    if brain.grid.voxel_sizes.min() >= _FINE:
        return brain
    shape = np.maximum(1, np.round(np.array(brain.grid.shape) * np.minimum(1, brain.grid.voxel_sizes / _VOXEL)))
    grid = brain.grid.covering((int(shape[0]), int(shape[1]), int(shape[2])))
    share = average(Volume((brain.data > 0).astype(np.float32), brain.grid), grid).data
    mean = average(brain, grid).data / np.maximum(share, 1e-6)
    return Volume(np.where(share >= 0.5, mean, 0).astype(np.float32), grid)


def _on_grid(labels: Volume, grid: Grid, mask: NDArray[np.bool_]) -> Volume:
    """Labels on the image's grid, nothing outside the brain."""
    found = labels if labels.grid.same_as(grid) else resample_labels(labels, grid)
    return Volume(np.where(mask, found.data, 0).astype(np.int32), grid, Unit.LABEL)
