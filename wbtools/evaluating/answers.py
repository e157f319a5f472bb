"""What networks say of images: in evaluation mode, a few images at a time, so that memory does not grow with data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wbtools.datasets import DataSet
from wbtools.errors import InputError
from wbtools.evaluating.contestants import Contestant
from wbtools.model.family import Network
from wbtools.training.recipes.recipe import in_fast_order, require_finite


@dataclass(frozen=True, eq=False)
class Look:
    """Images that a network is shown.

    Parameters
    ----------
    images : Tensor, (N, C, ...)
        As stored, as floats.
    rows : ndarray, (N,), int
        Where they are in the data set.
    contestant : Contestant
        Who is asked.
    """

    images: Tensor
    rows: NDArray[np.int64]
    contestant: Contestant


Answer = Callable[[Network, Look], Tensor]
"""From images to a row of values for each, (N, E)."""

_VOXELS = 1 << 22
"""Of the images that a network is given at a time."""
_MOST = 64


def answers(
    contestant: Contestant,
    data: DataSet,
    rows: NDArray[np.int64],
    answer: Answer,
    device: torch.device,
    done: Callable[[int], None],
) -> NDArray[np.float32]:
    """What a network says of images, (N, E).

    Parameters
    ----------
    contestant : Contestant
    data : DataSet
    rows : ndarray, (N,), int
    answer : callable
    device : torch.device
    done : callable
        Told how many images were looked at, after each batch.

    Raises
    ------
    InputError
        If an image, or an answer, has a value that is no finite number.
    """
    network = contestant.model.network.to(device).eval()
    batch = batch_of(data)
    found = []
    try:
        with torch.inference_mode():
            for start in range(0, len(rows), batch):
                some = rows[start : start + batch]
                images = data.images[some].astype(np.float32)
                require_finite(data, some, images)
                look = Look(in_fast_order(torch.from_numpy(images).to(device)), some, contestant)
                given = answer(network, look).float().cpu().numpy()
                _require_finite_answers(contestant, data, some, given)
                found.append(given)
                done(len(some))
    finally:
        network.to("cpu")
    return np.concatenate(found)


def batch_of(data: DataSet) -> int:
    """How many images are looked at in one go."""
    return max(1, min(_MOST, _VOXELS // int(np.prod(data.manifest.shape))))


def _require_finite_answers(
    contestant: Contestant, data: DataSet, rows: NDArray[np.int64], given: NDArray[np.float32]
) -> None:
    for row, values in zip(rows, given, strict=True):
        if not np.isfinite(values).all():
            raise InputError(
                f"{contestant.name} says of {data.items[int(row)].source} what is no finite number",
                hint="look at this image, and at the intensities that the card of the checkpoint states",
            )
