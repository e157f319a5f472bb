"""The brains that a trained network's card names for others to be compared with, made of its training images.

By default nobody's brain is written: the mean, and principal components that references are drawn from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution.references.of_card import FEWEST, most_components, principal_components
from wbtools.datasets import DataSet
from wbtools.errors import InputError
from wbtools.errors.system import writing
from wbtools.images import nifti
from wbtools.model.card import Card
from wbtools.model.input import FIELD_OF_VIEW
from wbtools.space.grid import Volume

REFERENCES = ("components", "brains", "none")
"""What a card may name: components of brains, some brains of training people, or nothing."""

COMPONENTS = 16
BRAINS = 8
_PEOPLE = 128  # that components are made of, and the mean of more


@dataclass(frozen=True)
class References:
    """Files beside a checkpoint.

    Parameters
    ----------
    mean : str
        Name of the mean brain; empty if there is none.
    components, brains : tuple of str
    """

    mean: str = ""
    components: tuple[str, ...] = ()
    brains: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        """As JSON values."""
        return {"mean": self.mean, "components": list(self.components), "brains": list(self.brains)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> References:
        """Read what `as_record` gave."""
        return cls(str(record["mean"]), tuple(record["components"]), tuple(record["brains"]))

    def on(self, card: Card) -> Card:
        """A card that names them."""
        return replace(card, reference=self.mean, references=self.brains, reference_components=self.components)


def write(folder: Path, data: DataSet, rows: Iterable[int], kind: str, card: Card) -> References:
    """Write the references of a network.

    Parameters
    ----------
    folder : Path
        Of the run.
    data : DataSet
        Of volumes.
    rows : iterable of int
        Of the training images.
    kind : str
        One of REFERENCES.
    card : Card
        Has the grid.

    Raises
    ------
    InputError
        As `require_enough` does.
    """
    if kind == "none":
        return References()
    chosen = require_enough(data, rows)
    grid = FIELD_OF_VIEW.reoriented(card.orientation).covering(card.shape)
    few = [chosen[place] for place in np.random.default_rng(0).permutation(len(chosen))[:_PEOPLE]]
    brains = np.stack([shown_brain(data.images[row, 0]) for row in sorted(few)])
    mean, parts = principal_components(brains, min(COMPONENTS, most_components(len(brains))))
    if len(chosen) > len(few):
        mean = _mean(data, chosen)
    volumes = {"reference.nii.gz": mean}
    if kind == "components":
        volumes |= {f"reference-component-{place:02d}.nii.gz": part for place, part in enumerate(parts, 1)}
    else:
        volumes |= {f"reference-brain-{place:02d}.nii.gz": brain for place, brain in enumerate(brains[:BRAINS], 1)}
    with writing(folder):
        for name, volume in volumes.items():
            nifti.write_volume(folder / name, Volume(volume, grid))
    names = tuple(name for name in volumes if name != "reference.nii.gz")
    found = References("reference.nii.gz")
    return replace(found, components=names) if kind == "components" else replace(found, brains=names)


def require_enough(data: DataSet, rows: Iterable[int]) -> list[int]:
    """An image of every person, of whom there have to be enough.

    Raises
    ------
    InputError
        If there are too few people for components or brains.
    """
    first = {data.items[row].person: row for row in reversed(list(rows))}
    if len(first) < FEWEST:
        raise InputError(
            f"{len(first)} training people are too few for references, {FEWEST} are the least",
            hint="add --references none",
        )
    return sorted(first.values())


def shown_brain(image: NDArray[np.floating]) -> NDArray[np.float32]:
    """A brain in [0, 1], 0 where there is none, whatever the intensities that a network was trained on.

    Examples
    --------
    >>> shown_brain(np.array([[[0.0, -1.0, 3.0]]])).ravel().tolist()
    [0.0, 0.0, 1.0]
    """
    low = min(0.0, float(image.min()))
    span = float(image.max()) - low
    if not span:
        return np.zeros(image.shape, np.float32)
    return np.where(image == 0, 0, (image - low) / span).astype(np.float32)


def _mean(data: DataSet, rows: Iterable[int]) -> NDArray[np.float32]:
    total, count = np.zeros(data.manifest.shape[1:], np.float64), 0
    for row in rows:
        total += shown_brain(data.images[row, 0])
        count += 1
    return (total / count).astype(np.float32)
