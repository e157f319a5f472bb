"""What relevance starts from. The length |v| of the embedding v counts as a constant, and z = v / |v|."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from wbtools.attribution.engine.difference import Difference
from wbtools.attribution.engine.walk import Walk


def embedding_seed(walk: Walk | Difference, towards: Tensor | None = None) -> Tensor:
    """(1, E): each unit's share of z . (v - v') / |v|, where v' is the reference's embedding (0 without reference).

    Parameters
    ----------
    walk : Walk or Difference
    towards : Tensor, (1, E), optional
        In place of z in the product: the embedding, of length 1, of someone else.
    """
    if towards is None:
        towards = normalize(walk.output, dim=1)
    seed: Tensor = walk.change / walk.output.norm() * towards
    return seed


def dimension_seeds(walk: Walk | Difference) -> Tensor:
    """(E, E): unit k of z alone, for every k; their sum over k is not the seed of the embedding.

    The relevance of unit k is (v_k - v'_k) / |v|.
    """
    return torch.diag(walk.change[0] / walk.output.norm())


def mean_absolute(
    walk: Walk | Difference, seeds: Tensor, energy: float = 0.9999, at_once: int = 2
) -> tuple[Tensor, int]:
    """Mean over many seeds of the absolute relevance of each voxel, with few passes through the convolutions.

    Relevance is linear in its seeds, and the convolutions see them only through the features they hand to the linear
    layers. If their relevance (K, C) is nearly of rank r < K, r passes give all K maps.

    Parameters
    ----------
    walk : Walk or Difference
    seeds : Tensor, (K, E)
    energy : float
        Share of the squared relevance of the features that is kept; .9999 leaves errors of about 1 % of the highest
        mean.
    at_once : int
        Passes in one batch.

    Returns
    -------
    Tensor, (X, Y, Z)
    int
        The rank.
    """
    mixing, fewer = low_rank(walk, seeds, energy)
    maps = walk.relevance(fewer, start=walk.features, at_once=at_once)
    flat, shape = maps.flatten(1), maps.shape[2:]
    parts = [(mixing @ piece).abs_().mean(0) for piece in torch.split(flat, 1 << 16, dim=1)]
    return torch.cat(parts).view(shape), len(fewer)


def low_rank(walk: Walk | Difference, seeds: Tensor, energy: float) -> tuple[Tensor, Tensor]:
    """Fewer seeds, of the features, whose maps mix into those of all seeds of the output.

    Parameters
    ----------
    walk : Walk or Difference
    seeds : Tensor, (K, E)
    energy : float
        As for `mean_absolute`.

    Returns
    -------
    Tensor, (K, r)
    Tensor, (r, C)
        The mixing matrix, and seeds that start at `walk.features`.
    """
    features = walk.relevance(seeds, stop=walk.features, at_once=len(seeds))
    left, size, right = torch.linalg.svd(features, full_matrices=False)
    kept = size.square().cumsum(0) / size.square().sum().clamp(min=1e-30)
    rank = min(int((kept < energy).sum()) + 1, len(size))
    return left[:, :rank] * size[:rank], right[:rank]
