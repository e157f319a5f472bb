"""BiLRP: which pairs of regions, one of each brain, make two embeddings alike.

The cosine of two embeddings is a sum over their dimensions, z . z' = sum_k z_k z'_k. With the relevance R_k of
dimension k in one brain, whose sum is z_k, and R'_k in the other, region p of the one and region q of the other
contribute

    B[p, q] = sum_k R_k(p) R'_k(q),

and all of B sums to the cosine. As differences from a reference brain (deviation LRP), the part of each embedding that
the reference has already is a row and a column of its own.

Source: Eberle et al. 2020, Building and Interpreting Deep Similarity Models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wbtools.attribution.engine import Propagator, dimension_seeds, low_rank
from wbtools.attribution.engine.signal import S

REFERENCE = "reference"
_ENERGY = 0.99999
"""Share of the squared relevance of the features that is kept; the sums are then right to about 1e-3."""


def interaction(tables: tuple[NDArray[np.floating], NDArray[np.floating]]) -> NDArray[np.float32]:
    """B of two tables of pooled relevance, (K, P) and (K, Q).

    Examples
    --------
    >>> interaction((np.array([[1.0, 2.0]]), np.array([[3.0, 0.5]])))
    array([[3. , 0.5],
           [6. , 1. ]], dtype=float32)
    """
    person, other = tables
    return np.asarray(person.T @ other, np.float32)


def region_table(
    propagator: Propagator[S], pool: Callable[[NDArray[np.float32]], NDArray[Any]], at_once: int = 2
) -> NDArray[Any]:
    """Relevance of every dimension of the embedding in every part of a brain.

    Parameters
    ----------
    propagator : Propagator
    pool : callable
        Sums maps (voxels, K) over the parts of the brain, (P, K); the parts have to cover the whole grid.
    at_once : int
        Passes in one batch.

    Returns
    -------
    ndarray, (K, P)
        With a reference (K, P + 1): the last column is what the reference has already. A row sums to z_k.
    """
    mixing, seeds = low_rank(propagator, dimension_seeds(propagator), _ENERGY)
    parts = [pool(_maps(propagator, some)) for some in torch.split(seeds, at_once)]
    table = mixing.numpy() @ np.concatenate(parts, axis=1).T
    already = (propagator.output - propagator.change) / propagator.output.norm()
    return np.column_stack([table, already[0].numpy()]) if already.any() else table


def _maps(propagator: Propagator[S], seeds: Tensor) -> NDArray[np.float32]:
    return propagator.relevance(seeds, start=propagator.features).flatten(1).T.numpy()
