"""Graphics cards: a method's passes through a network run there, where one is there that can."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from wbtools.attribution.answers import Answers
from wbtools.attribution.method import MethodOutput
from wbtools.attribution.objective import Objective
from wbtools.attribution.question import Question

logger = logging.getLogger(__name__)

Explain = Callable[[Question], MethodOutput]


def accelerated(explain: Explain, card: Callable[[], torch.device | None] | None = None) -> Explain:
    """The same method, on a graphics card; on the processor where there is none, or too little memory on it.

    Parameters
    ----------
    explain : callable
    card : callable, optional
        Gives the card, or None; `usable` without.
    """

    def explained(question: Question) -> MethodOutput:
        device = (card or usable)()
        if device is None or not question.network.movable:
            return explain(question)
        try:
            with _on(device, question) as moved:
                return replace(explain(moved), device=_name(device))
        except torch.OutOfMemoryError:
            logger.warning("the memory of %s does not suffice: relevance is computed on the processor", _name(device))
            torch.cuda.empty_cache()
        return explain(question)

    return explained


@lru_cache(maxsize=1)
def usable() -> torch.device | None:
    """The graphics card that CUDA names first, if it can convolve; `CUDA_VISIBLE_DEVICES` decides which that is.

    Not to be called by a process that forks others: they could not use the card then.
    """
    if not torch.cuda.is_available():
        return None
    device = torch.device("cuda")
    try:
        torch.nn.functional.conv3d(torch.ones(1, 1, 3, 3, 3, device=device), torch.ones(1, 1, 3, 3, 3, device=device))
    except RuntimeError as error:  # too old for this torch, or in use by others alone
        logger.warning("the graphics card is not used: %s", str(error).splitlines()[0])
        return None
    return device


@contextmanager
def _on(device: torch.device, question: Question) -> Iterator[Question]:
    """The question on a device, in full single precision; its network is lent to it, and back again afterwards."""

    def there(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.to(device)

    def moved(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(tensor.to(device) for tensor in tensors)

    def lent(objective: Objective) -> Objective:
        return replace(objective, directions=objective.directions.to(device))

    references = moved(question.references)
    precisions = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    home = next((parameter.device for parameter in question.network.parameters()), torch.device("cpu"))
    try:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        question.network.to(device)
        yield replace(
            question,
            answers=Answers(question.model),  # its own: those that are kept stay on the processor
            image=question.image.to(device),
            objective=lent(question.objective),
            people=moved(question.people),
            reference=references[0] if references else there(question.reference),
            references=references,
            objectives=tuple(lent(objective) for objective in question.objectives),
            regions=there(question.regions),
            differences=None,
        )
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = precisions
        question.network.to(home)


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
