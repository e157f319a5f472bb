"""Other people's brains as references: each registered once to the reference brain, and from there to a person's.

Another person's brain is kept as the network would see it, with the affine map to the reference brain. Composed with
the map from there to the person's brain, it comes into the person's place: an export needs one registration, however
many references there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution.reference import LEAST_INSIDE, SAME, agreement, registered, share_inside
from wbtools.attribution.references.sets import ReferenceSet, ReferenceSource
from wbtools.errors import CheckError, InputError
from wbtools.model import Model, ModelInput
from wbtools.space.grid import Grid, Volume


@dataclass(frozen=True, eq=False)
class OtherBrain:
    """Another person's brain as a network would see it, and its place in the reference brain.

    Parameters
    ----------
    brain : Volume
        In [0, 1], 0 where there is no brain, on the grid that it would have if the head were level.
    matrix : ndarray, (4, 4), float64
        From the world of that grid to the reference brain's.
    """

    brain: Volume
    matrix: NDArray[np.float64]


def other_brain(model: Model, image: ModelInput) -> OtherBrain:
    """Register another person's brain to the reference brain that a network's card names, else to the template.

    Parameters
    ----------
    model : Model
    image : ModelInput
        What the network is shown of the other person.

    Raises
    ------
    CheckError
        If it cannot be registered.
    """
    found = registered(image, model.reference, model.card.orientation, model.card.shape)
    if found.alignment is None and not found.same:
        raise CheckError(found.note)
    return OtherBrain(found.person, np.asarray(np.linalg.inv(found.matrix)))


def of_people(brains: Sequence[OtherBrain], what: str = "other people", labels: Sequence[str] = ()) -> ReferenceSource:
    """The source of references that gives other people's brains.

    Parameters
    ----------
    brains : sequence of OtherBrain
        Registered to the reference brain of the network that is explained.
    what : str
        What they are, for the record.
    labels : sequence of str, optional
        What the record calls each of them.
    """

    def source(model: Model, image: ModelInput) -> ReferenceSet:
        found = registered(image, model.reference, model.card.orientation, model.card.shape)
        person, placed, used, same, away = found.person, [], [], 0, 0
        for other, label in zip(brains, labels or [""] * len(brains), strict=True):
            there = laid(other, found.matrix, person.grid)
            if agreement(person.data, there) > SAME:
                same += 1
            elif share_inside(person.data, there) < LEAST_INSIDE:
                away += 1
            else:
                placed.append(there)
                used.append(label)
        left_out = _left_out(same, away, len(brains))
        if not placed:
            raise InputError(
                f"none of the {what} can serve as a reference: {left_out or 'none was given'}",
                hint="give other people with --references, or use --references made-up",
            )
        note = " ".join(
            text for text in (found.note if not found.same else "", left_out and f"References: {left_out}.") if text
        )
        taken = tuple(found.given(there, what, note) for there in placed)
        return ReferenceSet(taken, f"{len(taken)} {what}", {"brains": used} if labels else None)

    return lru_cache(maxsize=2)(source)  # two methods compare with the same


def _left_out(same: int, away: int, count: int) -> str:
    """Which references were left out, in words; empty if all were taken."""
    reasons = ((same, "of {} show this very brain"), (away, "of {} do not lie where the brain does"))
    return "; ".join(f"{number} {words.format(count)}" for number, words in reasons if number)


def laid(other: OtherBrain, matrix: NDArray[np.float64], grid: Grid) -> NDArray[np.float32]:
    """A brain at the voxels of a grid (X, Y, Z), by cubic splines: of a grid like this one, they keep what is sharp.

    Parameters
    ----------
    other : OtherBrain
    matrix : ndarray, (4, 4), float64
        From the reference brain's world to that of the grid.
    grid : Grid
    """
    from scipy.ndimage import affine_transform

    to_index = np.linalg.inv(matrix @ other.matrix @ other.brain.grid.affine) @ grid.affine
    place = to_index[:3, :3], to_index[:3, 3], grid.shape
    inside = affine_transform((other.brain.data > 0).astype(np.float32), *place, order=1) > 0.5
    found = affine_transform(other.brain.data, *place, order=3).clip(0, other.brain.data.max())
    return np.asarray(np.where(inside, found, 0), np.float32)
