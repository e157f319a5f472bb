"""What relevance starts from, and the mean over many such seeds."""

from __future__ import annotations

import torch
from torch import Tensor

from wbtools.attribution.engine.propagator import Propagator
from wbtools.attribution.engine.signal import S

_SVD_VALUES = 1 << 26
"""Values of all seeds together, at most, where their rank is looked at: 256 MB."""


def seeds(propagator: Propagator[S], directions: Tensor) -> Tensor:
    """(K, E): each unit's share of what the directions (K, E) read off the output, or off its change."""
    return directions * propagator.change


def dimension_seeds(propagator: Propagator[S]) -> Tensor:
    """(E, E): unit k of z alone, for every k; their sum over k is not the seed of the embedding.

    The relevance of unit k is (v_k - v'_k) / |v|.
    """
    return seeds(propagator, torch.eye(propagator.output.shape[1]).to(propagator.output) / propagator.output.norm())


def mean_absolute(propagator: Propagator[S], seeds: Tensor, energy: float | None = None) -> tuple[Tensor, int]:
    """Mean over many seeds of the absolute relevance of each voxel, with few passes (see `low_rank_maps`).

    Parameters
    ----------
    propagator : Propagator
    seeds : Tensor, (K, E)
    energy : float, optional
        As for `low_rank_maps`; the propagator's own without. That left errors below .2 % of the highest mean in every
        family.

    Returns
    -------
    Tensor, (X, Y, Z)
    int
        The rank.
    """
    mixing, maps = low_rank_maps(propagator, seeds, propagator.energy if energy is None else energy)
    parts = [(mixing @ piece).abs_().mean(0) for piece in torch.split(maps.flatten(1), 1 << 16, dim=1)]
    return torch.cat(parts).view(maps.shape[2:]), len(maps)


def low_rank_maps(propagator: Propagator[S], seeds: Tensor, energy: float) -> tuple[Tensor, Tensor]:
    """Few maps that mix into those of all seeds, with few passes through the costly layers near the image.

    Relevance is linear in its seeds, and the further back it goes, the more alike are the maps of different seeds. At
    every cut, combinations of the seeds that carry almost none of the relevance there are left out.

    Parameters
    ----------
    propagator : Propagator
    seeds : Tensor, (K, E)
    energy : float
        Share of the squared relevance that is kept at each cut.

    Returns
    -------
    Tensor, (K, r)
    Tensor, (r, 1, X, Y, Z)
        The mixing matrix, and maps: `mixing @ maps` are the seeds' maps.

    References
    ----------
    Sixt et al. 2020, When explanations lie: relevance of positive contributions converges to rank one.
    """
    messages, start = propagator.as_messages(seeds, propagator.last), propagator.last
    mixing = torch.eye(len(seeds), dtype=torch.float64, device=seeds.device)
    for stop in propagator.cuts:
        messages = propagator.send(messages, start, stop)
        start = stop
        if messages.numel() <= _SVD_VALUES:
            mixing, messages = _fewer(mixing, messages, propagator.as_relevance(messages, stop).flatten(1), energy)
    return mixing.to(seeds), propagator.as_relevance(propagator.send(messages, start, 0), 0)


def low_rank(propagator: Propagator[S], seeds: Tensor, energy: float) -> tuple[Tensor, Tensor]:
    """Fewer seeds, of the features, whose maps mix into those of all seeds of the output.

    Parameters
    ----------
    propagator : Propagator
    seeds : Tensor, (K, E)
    energy : float
        As for `mean_absolute`.

    Returns
    -------
    Tensor, (K, r)
    Tensor, (r, C)
        The mixing matrix, and seeds that start at `propagator.features`.
    """
    features = propagator.relevance(seeds, stop=propagator.features, at_once=len(seeds))
    left, size, right = torch.linalg.svd(features, full_matrices=False)
    kept = size.square().cumsum(0) / size.square().sum().clamp(min=1e-30)
    rank = min(int((kept < energy).sum()) + 1, len(size))
    return left[:, :rank] * size[:rank], right[:rank]


def _fewer(mixing: Tensor, messages: Tensor, relevance: Tensor, energy: float) -> tuple[Tensor, Tensor]:
    """The combinations that carry most of the relevance (r, N), of which all seeds are mixtures (K, r)."""
    exact = relevance.double()  # what is left out is far below the precision of single numbers
    gram = mixing @ (exact @ exact.T) @ mixing.T
    size, vectors = torch.linalg.eigh(gram)
    kept = size.clamp(min=0).flip(0).cumsum(0)
    rank = min(int((kept < energy * kept[-1]).sum()) + 1, len(messages))
    chosen = vectors[:, -rank:]
    return chosen, ((chosen.T @ mixing).to(messages) @ messages.flatten(1)).view(rank, *messages.shape[1:])
