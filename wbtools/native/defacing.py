"""What of a head may be given away: the brain, and a rim around it. A face is not, unless that is asked for.

Exports are made to be handed over, and a whole-head image shows who somebody is. So nothing outside the person's brain
mask, dilated by `DILATION`, is written or drawn. It is the mask that lies beside the image; where none does, the
outline of what was stripped already, of the segmentation, or of a template's brain that is registered to the head. An
area of the atlas is never cut. Relevance is computed on the whole image, and its table counts all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import CheckError
from wbtools.images.template import mni152
from wbtools.regions.heatmap import bounding_box
from wbtools.space.foreground import LARGEST_BRAIN, MaskOf, Scan, foreground, is_stripped
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.space.registration import affine_between
from wbtools.space.resampling import resample_labels

Mask = NDArray[np.bool_]

DILATION = 4.0
"""Millimetres around the brain mask that are shown: masks cut the outermost cortex, and faces begin farther out."""

_SOURCES: dict[MaskOf, str] = {
    "subject": "the subject's brain mask",
    "segmentation": "the outline of the subject's segmentation",
    "template": "the MNI152 template's brain mask laid over this head",
}

_CLOSING = 6.0  # mm; sulci, which segmentations leave empty, are not wider than twice this
_LOOSE = 15.0  # mm around a brain's outline that an image without skull may show; faces reach farther
_STRAY = 0.02  # of what such an image shows may lie beyond
_COARSE = 3.0  # mm; fine enough for that
_LEAST_BRAIN = 0.5  # litres; a smaller mask leaves most of a brain out
_TOO_SMALL = 0.01  # of the atlas outside the dilated mask; more is a mask that does not belong here
_NO_BRAIN = (*range(118, 136), 165, *range(257, 263))
"""FreeSurfer's labels of the skull, of skin, eyes and all else around a brain."""

_WHOLE = 8000  # what the square of the radius counts in whole numbers of 16 bits, which are quick
_FAR = 30000


@dataclass(frozen=True, eq=False)
class Shown:
    """The part of a person's image that may be written and drawn.

    Parameters
    ----------
    inside : ndarray of bool, (X, Y, Z)
        On the T1w's grid.
    source : str
        What the mask is, as words that follow "of".
    made : bool
        Whether no mask of this person was known.
    widened : float
        Share of the atlas that the dilated mask leaves out; the atlas is shown nevertheless.
    """

    inside: Mask
    source: str
    made: bool
    widened: float = 0.0

    def cut(self, volume: Volume) -> Volume:
        """A volume on the same grid, 0 outside.

        Examples
        --------
        >>> volume = Volume(np.array([[[3.0, 7.0]]]), Grid((1, 1, 2), np.eye(4)))
        >>> Shown(np.array([[[True, False]]]), "the brain mask", False).cut(volume).data.ravel().tolist()
        [3.0, 0.0]
        """
        return Volume(np.where(self.inside, volume.data, volume.data.dtype.type(0)), volume.grid, volume.unit)

    def share_outside(self, volume: Volume) -> float:
        """Share of a map's magnitudes that `cut` takes away."""
        size = np.abs(volume.data)
        whole = float(size.sum(dtype=np.float64))
        return 1 - float(size.sum(dtype=np.float64, where=self.inside)) / whole if whole else 0.0

    def remarks(self, t1w: Volume) -> Iterator[str]:
        """What was done, a sentence each; nothing where all that the image shows lies inside."""
        if (foreground(t1w) & ~self.inside).any():
            none = ", since no brain mask of this person was found" if self.made else ""
            yield f"Only what lies within {DILATION:g} mm of {self.source} is written and drawn{none}."
        if self.widened > _TOO_SMALL:
            name = self.source[0].upper() + self.source[1:]
            yield f"{name} leaves out {self.widened:.0%} of the atlas; it was widened for what is written."

    def as_record(self) -> dict[str, object]:
        """What provenance keeps."""
        return {
            "mask": self.source,
            "dilation_mm": DILATION,
            "voxels_shown": int(np.count_nonzero(self.inside)),
            "share_of_atlas_outside_mask": round(self.widened, 4),
        }


def shown(scan: Scan, atlas: Volume, segmentation: Volume | None = None) -> Shown:
    """What of a scan may be written: its brain mask, dilated, and every voxel of the atlas.

    Parameters
    ----------
    scan : Scan
    atlas : Volume
        Keys of regions on the T1w's grid.
    segmentation : Volume, optional
        FreeSurfer labels on any grid, from which an outline is made where no mask is known.
    """
    outline, source, made = _outline(scan, atlas, segmentation)
    inside, areas = dilated(outline, atlas.grid, DILATION), atlas.data > 0
    left_out = float((areas & ~inside).sum()) / max(1, int(areas.sum()))
    if left_out > _TOO_SMALL:
        inside = dilated(outline | areas, atlas.grid, DILATION)
    return Shown(inside | areas, source, made, left_out)


def with_mask(scan: Scan, segmentation: Volume | None = None) -> Scan:
    """A scan of a head with a brain mask: its own, else one that is made; without, where nothing gives one.

    Parameters
    ----------
    scan : Scan
    segmentation : Volume, optional
        FreeSurfer labels of the person, on any grid; without, or where they hold no brain, the MNI152 template is
        registered.
    """
    if scan.mask is not None:
        return scan
    if segmentation is not None:
        there = segmentation.grid.same_as(scan.t1w.grid)
        labels = (segmentation if there else resample_labels(segmentation, scan.t1w.grid)).data
        brain = (labels > 0) & ~np.isin(labels, _NO_BRAIN)
        if _is_brain(brain, scan.t1w.grid):
            return _masked(scan, closed(brain, scan.t1w.grid, _CLOSING), "segmentation")
    try:
        alignment = affine_between(scan.t1w, mni152())
    except CheckError:
        return scan
    template = Volume((mni152().data > 0).astype(np.uint8), mni152().grid, Unit.LABEL)
    return _masked(scan, resample_labels(alignment.apply(template), scan.t1w.grid).data > 0, "template")


def _masked(scan: Scan, mask: Mask, mask_of: MaskOf) -> Scan:
    return replace(scan, mask=Volume(mask.astype(np.uint8), scan.t1w.grid, Unit.LABEL), mask_of=mask_of)


def dilated(mask: Mask, grid: Grid, radius: float) -> Mask:
    """All voxels whose centres lie within a radius (mm) of a voxel of the mask.

    Examples
    --------
    >>> line = np.array([[[0, 0, 0, 1, 0, 0, 0]]], bool)
    >>> dilated(line, Grid((1, 1, 7), np.diag([1.0, 1, 2, 1])), 4.0).astype(int).ravel()
    array([0, 1, 1, 1, 1, 1, 0])
    """
    reach = np.floor(radius / grid.voxel_sizes + 1e-6).astype(int)
    box = tuple(
        slice(max(0, part.start - more), part.stop + more) for part, more in zip(bounding_box(mask), reach, strict=True)
    )
    square = np.where(mask[box], np.uint16(0), np.uint16(_FAR))
    for axis, (size, count) in enumerate(zip(grid.voxel_sizes, reach, strict=True)):
        before, least = np.moveaxis(square, axis, 0), square.copy()
        after = np.moveaxis(least, axis, 0)
        for steps in range(1, count + 1):
            away = np.uint16(round(_WHOLE * (steps * size / radius) ** 2))
            moved = before + away
            np.minimum(after[steps:], moved[:-steps], out=after[steps:])
            np.minimum(after[:-steps], moved[steps:], out=after[:-steps])
        square = least
    grown = np.zeros_like(mask)
    grown[box] = square <= _WHOLE + 2  # each of the three is rounded
    return grown


def closed(mask: Mask, grid: Grid, radius: float) -> Mask:
    """A mask without gaps and grooves of up to twice a radius (mm).

    Examples
    --------
    >>> cube = np.ones((5, 5, 5), bool)
    >>> cube[2, 2, 1:4] = False
    >>> int(closed(cube, Grid(cube.shape, np.eye(4)), 2.0).sum()), int(cube.sum())
    (125, 122)
    """
    more = np.ceil(radius / grid.voxel_sizes).astype(int) + 1
    grown = dilated(np.pad(mask, [(n, n) for n in more]), grid, radius)
    kept = ~dilated(~grown, grid, radius)
    return kept[tuple(slice(n, -n) for n in more)]


def _outline(scan: Scan, atlas: Volume, segmentation: Volume | None) -> tuple[Mask, str, bool]:
    """The best outline of the brain there is, what it is, and whether it had to be made."""
    own = scan.inside if scan.mask_of == "subject" else None
    if own is not None and _is_brain(own, scan.t1w.grid):
        return own, _SOURCES["subject"], False
    made = with_mask(scan if own is None else replace(scan, mask=None), segmentation)
    outline, source = made.inside, _SOURCES[made.mask_of]
    if outline is None:
        outline, source = closed(atlas.data > 0, scan.t1w.grid, _CLOSING), "the atlas's areas"
    if is_stripped(scan.t1w):
        brain = foreground(scan.t1w)
        if _stray(brain, outline, scan.t1w.grid) <= _STRAY:
            return brain, "the brain that the image shows", False
    return outline, source, True


def _is_brain(mask: Mask, grid: Grid) -> bool:
    """Whether a mask has the size of a brain."""
    return bool(_LEAST_BRAIN <= np.count_nonzero(mask) * grid.voxel_volume / 1e6 <= LARGEST_BRAIN)


def _stray(brain: Mask, outline: Mask, grid: Grid) -> float:
    """Share of what a stripped image shows that lies farther outside an outline than a brain's rim does."""
    step = np.maximum(1, np.floor(_COARSE / grid.voxel_sizes)).astype(int)
    places = tuple(slice(None, None, int(n)) for n in step)
    coarse = Grid(outline[places].shape, grid.affine @ np.diag([*step, 1.0]))
    near = dilated(outline[places], coarse, _LOOSE)
    return float(np.count_nonzero(brain[places] & ~near)) / max(1, int(np.count_nonzero(brain[places])))
