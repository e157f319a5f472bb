"""Networks that look at one piece of an image after the other, such as its slices, are explained piece by piece.

Pieces have nothing to do with each other: the map is made of their maps, and the memory of one is enough for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
        pieces = []
        for index, piece, matters in _pieces(question):
            pieces.append(piece)
            if not matters:
                continue
            found = explain(piece)
            relevance[index[2:]] = found.relevance
            if found.expected_sum is not None:
                expected.append(found.expected_sum)
                actual_sum += found.relevance.sum(dtype=np.float64) if found.actual_sum is None else found.actual_sum
        _keep_answers(question, pieces)
        return MethodOutput(relevance, sum(expected), float(actual_sum)) if expected else MethodOutput(relevance)

    return whole


def in_pieces(question: Question) -> bool:
    """Whether the network looks at pieces of the image alone."""
    parts = question.network.parts(tuple(question.image.shape), question.objective.directions)
    return len(list(parts)) > 1


def _keep_answers(question: Question, pieces: Sequence[Question]) -> None:
    """Note the answers to references whose pieces passed the network: nobody has to show it the whole of them."""
    import torch

    answers, kind = question.answers, question.objective.answer
    for reference, *parts in zip(question.references, *(piece.references for piece in pieces), strict=True):
        if not answers.knows(reference, kind) and any(answers.knows(part, kind) for part in parts):
            answers.keep(reference, kind, torch.cat([answers.of(part, kind) for part in parts], 1))


def _pieces(question: Question) -> Iterator[tuple[Index, Question, bool]]:
    """All pieces, where each lies, and whether it can have relevance."""
    image, regions, objective = question.image, question.regions, question.objective
    shape = tuple(image.shape)
    against = [question.against(reference).objective for reference in question.references]
    parts = (question.network.parts(shape, asked.directions) for asked in (objective, *against))
    for (index, directions), *others in zip(*parts, strict=True):
        shown = any(bool((seen[index] != question.empty).any()) for seen in (image, *question.compared))
        references = tuple(reference[index] for reference in question.references)
        piece = replace(
            question,
            image=image[index],
            reference=references[0] if references else _part(question.reference, index),
            references=references,
            regions=None if regions is None else regions[index[2:]],
            differences=None,
            objective=replace(objective, directions=directions),
            objectives=tuple(replace(asked, directions=part) for asked, (_, part) in zip(against, others, strict=True)),
        )
        yield index, piece, shown and any(bool(asked.any()) for asked in (directions, *(part for _, part in others)))


def _part(image: Tensor | None, index: Index) -> Tensor | None:
    return None if image is None else image[index]
