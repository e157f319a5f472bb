"""What networks say of images: in evaluation mode, a few images at a time, so that memory does not grow with data."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wbtools.attribution.runtime.threads import Shared, in_order, usual_jobs
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

_VOXELS = 1 << 20
"""Of the images that a network is given at a time; on a processor, several such batches are in memory."""
_MOST = 64

Coming = Generator[NDArray[np.float32], None, None]
"""Answers of batches, in their order; what computes them is ended when it is closed."""


def answers(
    contestant: Contestant,
    data: DataSet,
    parts: Sequence[NDArray[np.int64]],
    answer: Answer,
    device: torch.device,
    jobs: int | None = None,
) -> Coming:
    """What a network says of images, (K, E) of each batch.

    Each batch is computed on one thread, so that answers depend on nothing but the batch.

    Parameters
    ----------
    contestant : Contestant
    data : DataSet
    parts : sequence of ndarray, (K,), int
        Rows of the batches.
    answer : callable
    device : torch.device
    jobs : int, optional
        Batches at a time, on a processor; as many as torch has threads without.

    Raises
    ------
    InputError
        If an image, or an answer, has a value that is no finite number.
    """
    whole = contestant.model.network.to(device).eval()
    alone = device.type != "cpu"
    shared = Shared(whole, turns=alone)

    def batch(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        images = data.images[rows].astype(np.float32)
        require_finite(data, rows, images)
        with shared.lent() as network, torch.inference_mode():
            look = Look(in_fast_order(torch.from_numpy(images).to(device)), rows, contestant)
            given: NDArray[np.float32] = answer(network, look).float().cpu().numpy()
        _require_finite_answers(contestant, data, rows, given)
        return given

    try:
        # A card computes one batch, while the next images are read.
        yield from in_order(batch, parts, jobs or (2 if alone else usual_jobs()))
    finally:
        whole.to("cpu")


def in_batches(data: DataSet, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Rows of images that are looked at in one go."""
    size = max(1, min(_MOST, _VOXELS // int(np.prod(data.manifest.shape))))
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _require_finite_answers(
    contestant: Contestant, data: DataSet, rows: NDArray[np.int64], given: NDArray[np.float32]
) -> None:
    for row, values in zip(rows, given, strict=True):
        if not np.isfinite(values).all():
            raise InputError(
                f"{contestant.name} says of {data.items[int(row)].source} what is no finite number",
                hint="look at this image, and at the intensities that the card of the checkpoint states",
            )
