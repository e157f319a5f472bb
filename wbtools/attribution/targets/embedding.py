"""Targets that are read off an embedding, or a hash code, of one person."""

from __future__ import annotations

from wbtools.attribution.objective import Objective, in_embedding
from wbtools.attribution.targets.kind import Asked, TargetKind


def _embedding(asked: Asked) -> Objective:
    """The embedding along itself; with a reference, what turns it away from the reference's."""
    from torch.nn.functional import cosine_similarity, normalize

    v, before = asked.person, asked.reference
    direction = in_embedding(normalize(v.flatten(), dim=0).view_as(v), v, before)
    if before is None:
        return Objective("raw", direction, EMBEDDING.title, 1.0, angular=True)
    words = "what makes the embedding point elsewhere than the reference's: their cosine distance"
    distance = 1 - float(cosine_similarity(v.flatten(), before.flatten(), dim=0))
    return Objective("raw", direction, words, distance, angular=True)


def _dimension(asked: Asked) -> Objective:
    """One dimension of z = v / |v|, or all of them."""
    import torch

    v, before = asked.person, asked.reference
    if not asked.which:
        words = f"the mean of the absolute maps of all {v.shape[1]} dimensions of the embedding"
        return Objective("raw", in_embedding(torch.eye(v.shape[1], device=v.device), v, before), words, 1.0)
    index = DIMENSION.place(asked.model, asked.which, v.shape[1])
    unit = torch.zeros_like(v)
    unit[0, index] = 1
    words = f"dimension {index} of the embedding"
    return Objective("raw", in_embedding(unit, v, before), words, float(v[0, index] / v.norm()))


def _bit(asked: Asked) -> Objective:
    """A bit is read before it is cut, and before the embedding is brought to length 1."""
    import torch

    v = asked.person
    index = BIT.place(asked.model, asked.which, v.shape[1])
    unit = torch.zeros_like(v)
    unit[0, index] = 1
    words = f"bit {index} of the hash code, before it is cut: above 0 it is 1"
    return Objective("raw", unit, words, float(v[0, index]))


EMBEDDING = TargetKind("embedding", "what makes the embedding point where it points", _embedding, default=True)

DIMENSION = TargetKind(
    "dimension",
    "one dimension of the embedding, dimension:K, or the mean over all of them",
    _dimension,
    suffix="[:K]",
    numbered=True,
)

BIT = TargetKind(
    "bit",
    "a bit of a hash code before it is cut to 0 or 1, bit:K",
    _bit,
    suffix=":K",
    numbered=True,
    of_codes=True,
)
