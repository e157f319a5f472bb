"""Networks that look at one piece of an image after the other, such as its slices, are explained piece by piece.

Pieces have nothing to do with each other: the map is made of their maps, and the memory of one is enough for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from wbtools.attribution.method import MethodOutput

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.attribution.question import Question
    from wbtools.model.family import Index

Explain = Callable[["Question"], MethodOutput]


def piece_by_piece(explain: Explain) -> Explain:
    """The same method, asked about each piece of the image by itself.

    Pieces have no relevance if there is no brain in them, neither the person's nor the reference's, or if they have no
    part in what is asked.
    """

    def whole(question: Question) -> MethodOutput:
        if not in_pieces(question):
            return explain(question)
        shape = tuple(question.image.shape)
        relevance, expected, actual_sum = np.zeros(shape[2:], np.float32), [], 0.0
        for index, piece in _pieces(question):
            found = explain(piece)
            relevance[index[2:]] = found.relevance
            if found.expected_sum is not None:
                expected.append(found.expected_sum)
                actual_sum += found.relevance.sum(dtype=np.float64) if found.actual_sum is None else found.actual_sum
        return MethodOutput(relevance, sum(expected), float(actual_sum)) if expected else MethodOutput(relevance)

    return whole


def in_pieces(question: Question) -> bool:
    """Whether the network looks at pieces of the image alone."""
    parts = question.network.parts(tuple(question.image.shape), question.objective.directions)
    return len(list(parts)) > 1


def _pieces(question: Question) -> Iterator[tuple[Index, Question]]:
    """The pieces that can have relevance, and where each lies."""
    image, regions, objective = question.image, question.regions, question.objective
    shape = tuple(image.shape)
    against = [question.against(reference).objective for reference in question.references]
    parts = (question.network.parts(shape, asked.directions) for asked in (objective, *against))
    for (index, directions), *others in zip(*parts, strict=True):
        shown = any(bool((seen[index] != question.empty).any()) for seen in (image, *question.compared))
        if shown and any(asked.any() for asked in (directions, *(other for _, other in others))):
            references = tuple(reference[index] for reference in question.references)
            yield (
                index,
                replace(
                    question,
                    image=image[index],
                    reference=references[0] if references else _part(question.reference, index),
                    references=references,
                    regions=None if regions is None else regions[index[2:]],
                    differences=None,
                    objective=replace(objective, directions=directions),
                    objectives=tuple(
                        replace(asked, directions=part) for asked, (_, part) in zip(against, others, strict=True)
                    ),
                ),
            )


def _part(image: Tensor | None, index: Index) -> Tensor | None:
    return None if image is None else image[index]
