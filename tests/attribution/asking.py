"""Questions for the tests of methods, small enough to be answered at once."""

import torch

from wbtools.attribution.question import Objective, Question


def along(embedding):
    """The direction (1, E) of an embedding (1, E), whose product with it is 1."""
    return embedding / embedding.square().sum()


def asked(network, image, directions=None, reference=None, regions=None):
    """A question about a network's first answer; without directions, about what it answers with."""
    answer = network.answers[0]
    with torch.no_grad():
        given = getattr(network, answer)(image)
    if directions is None:
        directions = torch.eye(given.shape[1])[given.argmax()][None] if answer == "logits" else along(given)
    score = float((directions[0] * given).sum())
    return Question(network, image, Objective(answer, directions, "", score), reference, regions)


def noise(*shape, seed=0):
    """Uniform noise in [0, 1]."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))
