"""Slices as methods of attribution take them, and what methods compare them with.

A slice is one image, its second half below the first, so that a network of halves is explained as it is in an export.
There is no reference brain for a slice: where an export compares with deformed copies of one, slices are compared with
slices of other people, without lesions; where it compares with a single brain, with the mean of those slices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution import Method
from wbtools.attribution.reference import ReferenceBrain, reference_brain
from wbtools.attribution.references.made_up import HEADS
from wbtools.attribution.references.sets import ReferenceSet
from wbtools.datasets import DataSet
from wbtools.errors import InputError
from wbtools.evaluating.bootstrap import groups_of
from wbtools.evaluating.people import Rows
from wbtools.model import Model, ModelInput
from wbtools.model.families.hemispheres import Hemispheres
from wbtools.model.intensity import Scale
from wbtools.space.grid import Grid

Halves = NDArray[np.floating] | NDArray[np.uint8]

_SCALE = Scale(0.0, 1 / 255)
WITHOUT = "no network"
"""What names of maps begin with that need none."""

_OTHERS = "slices of other people"


def explained(model: Model) -> Model:
    """The network for slices that are cut already."""
    assert isinstance(model.network, Hemispheres)
    return replace(model, network=model.network.of_halves().eval())


def image_of(halves: Halves) -> ModelInput:
    """A slice (2, H, W) in grey values from 0 to 255 as the network is shown it."""
    values = halves.reshape(-1, halves.shape[2], 1).astype(np.float32)
    return ModelInput(values[None, None], Grid(values.shape, np.eye(4)), shown=values / np.float32(255), scale=_SCALE)


def halves_of(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """A map of a slice, half by half, (2, H, W).

    Examples
    --------
    >>> halves = np.arange(12).reshape(2, 2, 3)
    >>> np.array_equal(halves_of(image_of(halves).data[0, 0]), halves)
    True
    """
    return image[:, :, 0].reshape(2, -1, image.shape[1])


@dataclass(frozen=True, eq=False)
class Others:
    """Slices that one is compared with.

    Parameters
    ----------
    slices : ndarray, (N, 2, H, W), uint8
        Of other families; there may be none.
    """

    slices: NDArray[np.uint8]

    @classmethod
    def of(cls, data: DataSet, rows: Rows, row: int, seed: int) -> Others:
        """As many as an export has made-up heads, drawn from images of other families.

        Parameters
        ----------
        data : DataSet
        rows : ndarray, int
            Whom to draw from.
        row : int
            The slice that is compared.
        seed : int
        """
        group = groups_of([data.items[each] for each in (row, *rows)])
        others = rows[group[1:] != group[0]]
        chosen = np.random.default_rng((seed, row)).permutation(others)[:HEADS]
        return cls(np.array(data.images[np.sort(chosen)]))

    def adapted(self, how: Method) -> Method:
        """A method that compares with these slices where it would compare with a reference brain."""
        single = how.reference is reference_brain
        if (single or how.usual_references) and not len(self.slices):
            raise InputError(
                "a slice is compared with slices of other people, and there are none",
                hint="give a data set of several people, or a method such as gradient that compares with nothing",
            )
        return replace(
            how,
            reference=self._mean if single else how.reference,
            usual_references=self._all if how.usual_references else None,
        )

    def differences(self, halves: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
        """Maps of a slice (2, H, W) that need no network: how much grey values differ."""
        values = halves.astype(np.float64)
        of_halves = np.abs(values[:1] - values[1:]).repeat(2, 0)
        found = {f"{WITHOUT}: difference of the halves": of_halves}
        if len(self.slices):
            found[f"{WITHOUT}: difference from other slices"] = np.abs(values - self.slices.mean(0))
        return found

    def _mean(self, *asked: object) -> ReferenceBrain:
        return _reference(self.slices.mean(0), f"the mean of {len(self.slices)} {_OTHERS}")

    def _all(self, model: Model, image: ModelInput) -> ReferenceSet:
        brains = tuple(_reference(each, _OTHERS) for each in self.slices)
        return ReferenceSet(brains, f"{len(brains)} {_OTHERS}")


def _reference(halves: Halves, source: str) -> ReferenceBrain:
    image = image_of(halves)
    return ReferenceBrain(image.data, image.grid, shown=image.shown, scale=image.scale, source=source)
