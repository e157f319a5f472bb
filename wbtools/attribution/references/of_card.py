"""The set of references that comes with a network: brains, or variations of its mean brain along principal components.

Components give nobody's brain away as such: what is drawn from them is the mean brain of the training data and, along
each component, a normal deviate times the component's standard deviation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution.reference import coarsened, registered
from wbtools.attribution.references.made_up import FIRST_SEED, HEADS
from wbtools.attribution.references.people import OtherBrain, of_people
from wbtools.attribution.references.sets import ReferenceSet
from wbtools.errors import InputError
from wbtools.images import nifti
from wbtools.model import Model, ModelInput
from wbtools.space.grid import Volume
from wbtools.text import counted

_WIDEST = 2.5  # standard deviations
_AT_ONCE = 1 << 16  # voxels
_RIM = 0.25  # of a brain's usual intensity: what is darker is background


@lru_cache(maxsize=2)  # two methods compare with the same
def of_card(model: Model, image: ModelInput) -> ReferenceSet:
    """The references that a network's card names.

    Parameters
    ----------
    model : Model
        With a set of references.
    image : ModelInput
        Of the person.

    Raises
    ------
    InputError
        If a file cannot be read, components do not lie on the grid of the reference brain, or no brain of the set lies
        where the person's does.
    """
    size = float(
        registered(image, model.reference, model.card.orientation, model.card.shape).person.grid.voxel_sizes.min()
    )
    if model.card.references:
        listed = (nifti.read_volume(file) for file in model.reference_set)
        names = [file.name for file in model.reference_set]
        return _laid(model, image, listed, size, "brains of the network's card", names)
    brains = drawn(model, HEADS)
    what = f"brains drawn from {counted(len(model.reference_set), 'component')} of the network's card"
    found = _laid(model, image, brains, size, what)
    return replace(found, made={**(found.made or {}), "seeds": [FIRST_SEED, FIRST_SEED + HEADS - 1]})


def _laid(
    model: Model, image: ModelInput, brains: Iterable[Volume], size: float, what: str, names: Sequence[str] = ()
) -> ReferenceSet:
    """Brains in the world of the reference brain, in the person's place."""
    others = [OtherBrain(coarsened(brain, size), np.eye(4)) for brain in brains]
    return of_people(others, what, names)(model, image)


def drawn(model: Model, count: int) -> Iterator[Volume]:
    """Brains that vary as those do of which the components are.

    Parameters
    ----------
    model : Model
        With components.
    count : int
        How many; the first are the same, however many there are.
    """
    assert model.reference is not None  # a card with components has one
    mean = nifti.read_volume(model.reference)
    components = np.stack([_component(file, mean, model.reference.name) for file in model.reference_set])
    usual = float(np.median(mean.data[mean.data > mean.data.max() / 4]))
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        deviates = np.random.default_rng(seed).normal(size=len(components)).clip(-_WIDEST, _WIDEST)
        brain = mean.data + np.tensordot(deviates.astype(np.float32), components, 1)
        yield Volume(np.where(brain > _RIM * usual, brain, 0).astype(np.float32), mean.grid)


def _component(file: Path, mean: Volume, name: str) -> NDArray[np.float32]:
    """The voxels of a component."""
    found = nifti.read_volume(file)
    if not found.grid.same_as(mean.grid):
        raise InputError(
            f"{file.name}, a component of references, does not lie on the grid of {name}",
            hint="write components on the grid of the card's reference",
        )
    return np.asarray(found.data, np.float32)


FEWEST = 3
"""People of whom a component can be made."""


def most_components(people: int) -> int:
    """So many components at most: fewer than half of the people. Of as many as people, every brain would be a sum.

    Examples
    --------
    >>> [most_components(people) for people in (2, FEWEST, 4, 5, 33)]
    [0, 1, 1, 2, 16]
    """
    return (people - 1) // 2


def principal_components(brains: NDArray[np.float32], count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mean of brains and their first principal components, each times its standard deviation.

    Parameters
    ----------
    brains : ndarray, (N, X, Y, Z), float32
        Of different people, aligned, with the same distribution of intensities.
    count : int
        At most `most_components(N)`.

    Returns
    -------
    mean : ndarray, (X, Y, Z), float32
    components : ndarray, (count, X, Y, Z), float32
        The first varies most. Their signs are such that the largest value is positive.

    Raises
    ------
    InputError
        If there are too few people for so many components.
    """
    from scipy.linalg import eigh

    people = len(brains)
    if not 1 <= count <= most_components(people):
        raise InputError(
            f"{counted(count, 'component')} of {counted(people, 'person', 'people')} cannot be made",
            hint="give 1 or more, and fewer than half as many as people",
        )
    mean = brains.mean(0, dtype=np.float64)
    rows = (brains - mean.astype(np.float32)).reshape(people, -1)
    products = np.zeros((people, people))
    for some in np.array_split(np.arange(rows.shape[1]), 1 + rows.shape[1] // _AT_ONCE):
        part = rows[:, some[0] : some[-1] + 1].astype(np.float64)
        products += part @ part.T
    _, weights = eigh(products, subset_by_index=[people - count, people - 1])
    # With rows = U S V', a component times its standard deviation is S V' / sqrt(N - 1) = U' rows / sqrt(N - 1).
    components = (weights.T[::-1] / np.sqrt(people - 1)).astype(np.float32) @ rows
    largest = np.take_along_axis(components, np.abs(components).argmax(1)[:, None], 1)
    signed = components * np.where(largest < 0, -1, 1)
    return mean.astype(np.float32), signed.reshape(count, *brains.shape[1:]).astype(np.float32)
