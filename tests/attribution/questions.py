"""Questions for the tests of methods, small enough to be answered at once."""

from __future__ import annotations

import torch
from torch import Tensor

from wbtools.attribution import Answers, Objective, Question, Target
from wbtools.model import Card
from wbtools.model.checkpoint import Model
from wbtools.model.family import Network


def along(embedding: Tensor) -> Tensor:
    """The direction (1, E) of an embedding (1, E), whose product with it is 1."""
    return embedding / embedding.square().sum()


def answers_of(network: Network) -> Answers:
    """The answers of a network of which nothing else is known."""
    return Answers(Model(network, Card("hand", "made by hand", "none"), {}, ""))


def question_about(
    network: Network,
    image: Tensor,
    directions: Tensor | None = None,
    reference: Tensor | None = None,
    regions: Tensor | None = None,
) -> Question:
    """A question about a network's first answer; without directions, about what it answers with."""
    answer = network.answers[0]
    with torch.no_grad():
        given = getattr(network, answer)(image)
    if directions is None:
        directions = torch.eye(given.shape[1])[given.argmax()][None] if answer == "logits" else along(given)
    score = float((directions[0] * given).sum())
    objective = Objective(answer, directions, "", score)
    target = Target("class" if answer == "logits" else "embedding")
    return Question(answers_of(network), image, target, objective, reference=reference, regions=regions)


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Uniform noise in [0, 1]."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))
