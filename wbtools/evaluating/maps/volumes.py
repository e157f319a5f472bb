"""Scans of a data set as methods of attribution take them, and what is shown in place of what is hidden."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution.reference import laid_on, matched
from wbtools.images import nifti
from wbtools.model import Card, Model, ModelInput
from wbtools.model.input import FIELD_OF_VIEW
from wbtools.model.intensity import Scale
from wbtools.training.runs.references import shown_brain


def image_of(stored: NDArray[np.floating], card: Card) -> ModelInput:
    """A scan (1, X, Y, Z), prepared as a network's card says, where such scans lie.

    Parameters
    ----------
    stored : ndarray, (1, X, Y, Z)
        In the intensities of the card, 0 where there is no brain.
    card : Card
    """
    values = np.asarray(stored[0], np.float32)
    grid = FIELD_OF_VIEW.reoriented(card.orientation).covering(card.shape)
    low = min(0.0, float(values.min()))
    span = (float(values.max()) - low) or 1.0
    scale = Scale(-low / span, 1 / span, empty=0.0)
    return ModelInput(values[None, None], grid, shown=shown_brain(values), scale=scale)


def filler(model: Model, images: Sequence[ModelInput]) -> NDArray[np.float32]:
    """What stands in every image where it is hidden, (X, Y, Z): the reference brain that the card names, else nothing.

    It is the same for everybody: laid in a person's place, with that person's intensities, as maps are made, it would
    itself tell the class. Its intensities are those of the mean of the images.

    Parameters
    ----------
    model : Model
    images : sequence of ModelInput
        All that are shown in part.
    """
    if model.reference is None:
        return np.zeros(model.card.shape, np.float32)
    mean = np.asarray(np.mean([image.plain for image in images], 0, dtype=np.float64), np.float32)
    span = float(np.mean([1 / image.scale.width for image in images]))
    low = float(np.mean([-image.scale.centre / image.scale.width for image in images]))
    brain, grid = nifti.read_volume(model.reference), images[0].grid
    # That of a network that wbtools trained lies on the grid already.
    laid = matched(brain.data if brain.grid.same_as(grid) else laid_on(brain, grid), mean)
    return np.where(laid > 0, laid * span + low, 0).astype(np.float32)
