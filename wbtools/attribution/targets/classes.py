"""Targets of networks that answer with classes: the logit of one of them, or the mean of a yes or no per slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wbtools.attribution.objective import Objective
from wbtools.attribution.targets.kind import Asked, TargetKind, number
from wbtools.errors import InputError

if TYPE_CHECKING:
    from wbtools.model import Model

_LISTED = 20  # classes that a hint lists


def class_names(model: Model, count: int) -> list[str]:
    """The names of a network's classes; their numbers where its card has no names."""
    return list(model.card.classes) or [str(k) for k in range(count)]


def class_index(model: Model, which: str, names: Sequence[str]) -> int:
    """The place of a class in the network's answer, from its name or number.

    Raises
    ------
    InputError
        If there is no such class; the hint lists those that there are.
    """
    index = names.index(which) if which in names else number(which)
    if not 0 <= index < len(names):
        more = f", ... ({len(names)} in all)" if len(names) > _LISTED else ""
        raise InputError(
            f"{model.name} has no class '{which}'", hint=f"choose one of {', '.join(names[:_LISTED])}{more}"
        )
    return index


def _class(asked: Asked) -> Objective:
    """The logit of one class."""
    import torch

    logits = asked.person
    names, decided = class_names(asked.model, logits.shape[1]), int(logits.argmax())
    index = class_index(asked.model, asked.which, names) if asked.which else decided
    direction = torch.zeros_like(logits)
    direction[0, index] = 1
    other = f"; the network decides for class {names[decided]}"
    chosen = ", which the network decides for" if index == decided else other
    return Objective("logits", direction, f"the logit of class {names[index]}{chosen}", float(logits[0, index]))


def _slices(asked: Asked) -> Objective:
    """The mean of the values of all slices."""
    import torch

    logits = asked.person
    count = logits.shape[1]
    yes = int((logits > 0).sum())
    words = f"the mean of the values of all {count} slices, {yes} of which are above 0 (yes)"
    return Objective("logits", torch.full_like(logits, 1 / count), words, float(logits.mean()))


SLICES = TargetKind(
    "slices",
    "the mean of the values of all slices, of networks that answer with a yes or no for each",
    _slices,
    answer="logits",
    default=True,
    of_slices=True,
)

CLASS = TargetKind(
    "class",
    "the logit of a class, class:NAME, or of the class that the network decides for",
    _class,
    answer="logits",
    default=True,
    suffix="[:NAME]",
)
