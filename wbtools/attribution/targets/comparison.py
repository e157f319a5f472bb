"""Targets that compare the embedding of a person with those of others, which count as constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbtools.attribution.objective import Objective, in_embedding
from wbtools.attribution.targets.kind import Asked, TargetKind

if TYPE_CHECKING:
    from torch import Tensor


def _pair(asked: Asked) -> Objective:
    v, before = asked.person, asked.reference
    unit = _units(asked)[0]
    words = "the cosine to another person's embedding"
    return Objective("raw", in_embedding(unit, v, before), words, _cosine(unit, v), angular=True)


def _contrast(asked: Asked) -> Objective:
    v, before = asked.person, asked.reference
    units = _units(asked)
    cosines, rest = [_cosine(unit, v) for unit in units], len(units) - 1
    direction = in_embedding(units[0] - sum(units[1:]) / rest, v, before)
    words = f"the cosine to another person less the mean cosine to {rest} more"
    return Objective("raw", direction, words, cosines[0] - sum(cosines[1:]) / rest, angular=True)


def _distance(asked: Asked) -> Objective:
    v, before = asked.person, asked.reference
    if asked.model.network.hashes:
        return _hamming(v, asked.people[0].sign())
    unit = _units(asked)[0]
    words = "the cosine distance to another person"
    return Objective("raw", -in_embedding(unit, v, before), words, 1 - _cosine(unit, v), angular=True)


def _hamming(v: Tensor, sign: Tensor) -> Objective:
    """The share of bits of a code that differ from those of another."""
    differing, count = int((v.sign() != sign).sum()), v.shape[1]
    words = f"the distance of two hash codes: {differing} of {count} bits differ"
    return Objective("raw", -sign / (2 * v.abs().sum()), words, differing / count, angular=True)


def _units(asked: Asked) -> list[Tensor]:
    """The embeddings of the people compared with, brought to length 1, (1, E) each."""
    from torch.nn.functional import normalize

    return [normalize(answer.flatten(), dim=0).view_as(asked.person) for answer in asked.people]


def _cosine(unit: Tensor, v: Tensor) -> float:
    return float((unit * v).sum() / v.norm())


PAIR = TargetKind("pair", "the cosine to the embedding of another person (--other)", _pair, people=1)

CONTRAST = TargetKind(
    "contrast",
    "the cosine to another person (--other) less the mean cosine to more people (--others)",
    _contrast,
    people=2,
)

DISTANCE = TargetKind(
    "distance",
    "the distance to another person (--other): 1 - cosine, of hash codes the share of bits that differ",
    _distance,
    people=1,
)
