"""The reference brain: what a person's brain is compared with.

It is the brain that the network's card names, else nilearn's MNI152 template. It is registered affinely to the person's
brain, so that what differs is the brain and not its pose or size, and given the person's own distribution of
intensities, quantile by quantile over the voxels that both brains share, with the background left at 0. A difference
from it is a difference of what lies where, not of scanner gain or tissue contrast.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import CheckError, InputError
from wbtools.images import nifti
from wbtools.images.template import NAME as TEMPLATE
from wbtools.images.template import mni152
from wbtools.model import Card, ModelInput
from wbtools.model.input import FIELD_OF_VIEW
from wbtools.space.foreground import foreground
from wbtools.space.grid import Grid, Volume
from wbtools.space.registration import Alignment, affine_between
from wbtools.space.resampling import average, resample_density

Shape = tuple[int, int, int]

LEAST_INSIDE = 0.7
"""Share of the brain that has to lie in the reference's. Aligned brains reach .97; moved by 4 cm they fall below."""

SAME = 0.99
"""Correlation from which two brains are one image. Two people's reach .88 when registered, two templates' .98."""


@dataclass(frozen=True, eq=False)
class ReferenceBrain(ModelInput):
    """A reference brain on a person's grid, and how it came there.

    Parameters
    ----------
    source : str
        What it is.
    alignment : Alignment or None
        From its own world to the person's; None where it lies by world coordinates.
    note : str
        What a reader of the result must know; empty if it was registered without trouble.
    """

    source: str = TEMPLATE
    alignment: Alignment | None = None
    note: str = ""

    def as_record(self) -> dict[str, object]:
        """What provenance keeps."""
        placed = self.alignment.as_record() if self.alignment else "by world coordinates"
        return {"source": self.source, "placed": placed, "note": self.note}


def reference_brain(card: Card, image: ModelInput, file: Path | None = None) -> ReferenceBrain:
    """The reference brain as the network would see it in the person's place.

    Parameters
    ----------
    card : Card
    image : ModelInput
        Of the person.
    file : Path, optional
        The image that the card names as reference; the template without.

    Returns
    -------
    ReferenceBrain
        On the same grid, in the person's intensities; without brain where the person was not scanned, as nothing is
        known of a difference there.

    Raises
    ------
    InputError
        If the network takes heads with a skull and the reference has none, or the reference can neither be registered
        nor lies where the brain is.
    """
    return placement(card, image, file).known


def placement(card: Card, image: ModelInput, file: Path | None = None) -> Placement:
    """As `reference_brain`, with what is known on the way: registered once, whatever is made of it."""
    require_alike(card, file)
    return _placed(image, file, card.orientation, card.shape)


def require_alike(card: Card, file: Path | None) -> None:
    """Require that the reference brain, which has no skull unless a card names another, is as the network's images.

    Raises
    ------
    InputError
        If the network takes heads with a skull and the reference has none.
    """
    if file is None and not card.skull_stripped:
        raise InputError(
            f"the reference brain has no skull, and {card.name} was trained on heads with one",
            hint="name a reference in its card, or use --method lrp; deviation methods also take the heads of other "
            "people with --references",
        )


@dataclass(frozen=True, eq=False)
class Registered:
    """A person's brain, and where the reference brain lies in it.

    Parameters
    ----------
    image : ModelInput
        Of the person.
    person : Volume
        The person's brain in [0, 1] on the grid that it would have if the head were level.
    moved : ndarray, (4, 4), float64
        From the world of the level head to the person's.
    brain : Volume
        The reference brain, as its file has it.
    source : str
        What it is.
    alignment : Alignment or None
        From the reference brain's world to that of the level head; None where it lies by world coordinates.
    same : bool
        Whether it does because both are one image; else it could not be registered.
    note : str
        Why it does.
    """

    image: ModelInput
    person: Volume
    moved: NDArray[np.float64]
    brain: Volume
    source: str
    alignment: Alignment | None = None
    same: bool = False
    note: str = ""

    @property
    def matrix(self) -> NDArray[np.float64]:
        """From the reference brain's world to that of the level head, (4, 4)."""
        return self.alignment.matrix if self.alignment else np.eye(4)

    @cached_property
    def scanned(self) -> NDArray[np.bool_]:
        """Voxels of the person's image that lie in the scan's field of view: there is no reference elsewhere."""
        found: NDArray[np.bool_] = self.image.scanned
        return found

    @property
    def in_scanner(self) -> Alignment | None:
        """From the reference brain's world to the person's."""
        return self.alignment and replace(self.alignment, matrix=self.moved @ self.alignment.matrix)

    def given(self, laid: NDArray[np.float32], source: str, note: str) -> ReferenceBrain:
        """A brain that was laid on the person's grid (X, Y, Z), with the person's intensities."""
        image, shown = self.image, matched(laid, self.person.data) * self.scanned
        return ReferenceBrain(
            image.taken(shown),
            image.grid,
            scan=image.scan,
            shown=shown,
            scale=image.scale,
            source=source,
            alignment=self.in_scanner,
            note=note,
        )


@lru_cache(maxsize=2)  # a map and a table of pairs need it of the same two people; images are told apart by identity
def registered(image: ModelInput, file: Path | None, orientation: str, shape: Shape) -> Registered:
    """Register a reference brain to a person's, for networks trained on such grids.

    Parameters
    ----------
    image : ModelInput
        Of the person.
    file : Path or None
        Of the reference brain; the template without.
    orientation, shape
        Of the network's card.
    """
    brain = nifti.read_volume(file) if file else mni152()
    source = file.name if file else TEMPLATE
    # Registered where the training images lie, a head comes to the same place however it lay in the scanner.
    level, moved = _levelled(image.grid, orientation, shape)
    person = Volume(image.plain, level)
    if agreement(person.data, laid_on(brain, level)) > SAME:
        note = f"This brain is the reference brain ({source}) itself: what differs from it is rounding."
        return Registered(image, person, moved, brain, source, same=True, note=note)
    try:
        return Registered(image, person, moved, brain, source, affine_between(person, brain))
    except CheckError as error:
        note = f"The reference brain ({source}) lies by world coordinates: {error}."
        return Registered(image, person, moved, brain, source, note=note)


@dataclass(frozen=True, eq=False)
class Placement:
    """A reference brain laid where a person's is.

    Parameters
    ----------
    registered : Registered
    brain : Volume
        The reference brain in voxels of half the grid's size, positioned in the world of the level head.
    laid : ndarray, (X, Y, Z), float32
        The same on the person's grid.
    known : ReferenceBrain
        The same with the person's intensities.
    """

    registered: Registered
    brain: Volume
    laid: NDArray[np.float32]
    known: ReferenceBrain


@lru_cache(maxsize=2)
def _placed(image: ModelInput, file: Path | None, orientation: str, shape: Shape) -> Placement:
    """The reference brain in the place of the person's."""
    found = registered(image, file, orientation, shape)
    grid = found.person.grid
    brain = coarsened(found.brain, grid.voxel_sizes.min() / 2)
    if found.alignment:
        brain = found.alignment.apply(brain)
    laid = _laid(brain, grid)
    if (inside := share_inside(found.person.data, laid)) < LEAST_INSIDE:
        raise InputError(
            f"the brain does not lie where the reference brain ({found.source}) does: only {inside:.0%} of it is "
            "inside",
            hint="look at the T1w image: is it a whole brain with its orientation right? Or use --method lrp",
        )
    return Placement(found, brain, laid, found.given(laid, found.source, found.note))


def _levelled(grid: Grid, orientation: str, shape: Shape) -> tuple[Grid, NDArray[np.float64]]:
    """Where a network's input would lie if the head were level, and the rigid map from there; else as it is."""
    level = FIELD_OF_VIEW.reoriented(orientation).covering(shape)
    if grid.shape == level.shape:
        moved = np.asarray(grid.affine @ np.linalg.inv(level.affine))
        if np.allclose(moved[:3, :3].T @ moved[:3, :3], np.eye(3), atol=1e-5):
            return level, moved
    return grid, np.eye(4)


def template_on(grid: Grid) -> NDArray[np.float32]:
    """Nilearn's MNI152 brain, averaged over each voxel of a grid in world millimetres, (X, Y, Z), 0 outside."""
    return laid_on(mni152(), grid)


def laid_on(brain: Volume, grid: Grid) -> NDArray[np.float32]:
    """A brain averaged over each voxel of a grid; its background is 0."""
    return _laid(coarsened(brain, grid.voxel_sizes.min() / 2), grid)


def _laid(coarse: Volume, grid: Grid) -> NDArray[np.float32]:
    return np.asarray(resample_density(coarse, grid).data, np.float32).clip(0)


def coarsened(brain: Volume, size: float) -> Volume:
    """A brain, its background 0, averaged over voxels of about this size (mm) where its own are smaller.

    Voxels of half a grid's size are fine enough to be laid on it, and cheaper to turn than those of the template.
    """
    shown = np.where(foreground(brain), brain.data, 0).astype(np.float32)
    ratio = np.minimum(1, brain.grid.voxel_sizes / size)
    count = np.maximum(1, np.round(np.array(brain.grid.shape) * ratio)).astype(int)
    return average(Volume(shown, brain.grid), brain.grid.covering((int(count[0]), int(count[1]), int(count[2]))))


def share_inside(brain: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Share of the voxels above 0 of one image that are above 0 in the other, too.

    Examples
    --------
    >>> share_inside(np.array([0.0, 1, 1]), np.array([5.0, 0, 5]))
    0.5
    """
    inside = brain > 0
    return float((inside & (other > 0)).sum()) / max(1, int(inside.sum()))


def agreement(brain: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Correlation over the voxels above 0 of either image; 0 if one is flat there."""
    either = (brain > 0) | (other > 0)
    pair = brain[either].astype(np.float64), other[either].astype(np.float64)
    first, second = (values - values.mean() if values.size else values for values in pair)
    scale = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / scale) if scale > 0 else 0.0


def matched(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """`source`, its values above 0 changed so that they are distributed as those of `target` over the brain both share.

    Over the shared voxels only: masks that leave more or less of the rim would otherwise shift every tissue.

    Examples
    --------
    >>> matched(np.array([0, 1, 2, 3], np.float32), np.array([0.5, 0.1, 0.2, 0.9], np.float32))
    array([0. , 0.1, 0.2, 0.9], dtype=float32)
    """
    levels = np.linspace(0, 1, 201)
    brain, shared = source > 0, (source > 0) & (target > 0)
    changed = np.zeros_like(source)
    changed[brain] = np.interp(source[brain], np.quantile(source[shared], levels), np.quantile(target[shared], levels))
    return changed
