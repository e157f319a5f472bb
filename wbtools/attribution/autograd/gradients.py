"""What methods share that follow a network's gradients, through captum or by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from wbtools.attribution.method import MethodOutput
from wbtools.attribution.question import Question
from wbtools.errors import InputError


class Score(nn.Module):
    """A network's answer along one direction: one number per image, as captum asks for it.

    Parameters
    ----------
    network : nn.Module
    answer : str
        The network's method that answers.
    direction : Tensor, (E,)
    """

    def __init__(self, network: nn.Module, answer: str, direction: Tensor) -> None:
        super().__init__()
        self.network, self.answer, self.direction = network, answer, direction

    def forward(self, x: Tensor) -> Tensor:
        """Scores (N,) of images (N, 1, X, Y, Z).

        Raises
        ------
        InputError
            If a gradient is asked for, and the network has none.
        """
        score: Tensor = getattr(self.network, self.answer)(x) @ self.direction
        if torch.is_grad_enabled() and not score.requires_grad:
            raise InputError(
                "the network's answer has no gradient with respect to the image",
                hint="use --method occlusion, which needs none, or export the network without torch.no_grad",
            )
        return score


@contextmanager
def differentiable(network: nn.Module) -> Iterator[None]:
    """A block in which gradients are recorded, with respect to the image alone: weights would only take memory."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    try:
        for parameter in learning:
            parameter.requires_grad_(False)
        with torch.enable_grad():
            yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def explain_each(
    question: Question, find: Callable[[Score, Tensor], Tensor], expected_sum: float | None = None
) -> MethodOutput:
    """Explain each direction by itself; of several, the mean of the absolute maps.

    Parameters
    ----------
    question : Question
    find : callable
        From a score and the image (1, 1, X, Y, Z), which records gradients, to a map of the same shape.
    expected_sum : float, optional
        As in `MethodOutput`, the mean over the directions.
    """
    network, objective = question.network, question.objective
    count, actual_sum = len(objective.directions), 0.0
    mean = torch.zeros_like(question.image)
    with differentiable(network):
        for direction in objective.directions:
            watched = question.image.clone().requires_grad_()
            found = find(Score(network, objective.answer, direction), watched).detach()
            if count == 1:
                return MethodOutput(found[0, 0].cpu().numpy(), expected_sum)
            actual_sum += float(found.sum(dtype=torch.float64)) / count
            mean += found.abs() / count
    return MethodOutput(mean[0, 0].cpu().numpy(), expected_sum, actual_sum)


def score_of(question: Question, less: Tensor | None = None) -> float:
    """Mean of the scores of all directions; less those of another image (1, 1, X, Y, Z)."""
    change = question.known_answer(question.image) - (0 if less is None else question.known_answer(less))
    return float((change * question.objective.directions).sum(1, dtype=torch.float64).mean())


def require_one_direction(question: Question, name: str) -> None:
    """Raise InputError if there are several directions, each of which would cost the method all over again."""
    if (count := len(question.objective.directions)) > 1:
        raise InputError(
            f"--method {name} explains one number, and this target has {count}",
            hint="use --method deviation, lrp or gradient-x-difference, or explain one of them, as with dimension:0",
        )
