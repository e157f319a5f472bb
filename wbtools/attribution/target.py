"""Targets: the number that is explained, from what the user asked for to directions in the network's answer.

A kind of target is a constant of type `TargetKind` in a module of `targets`; its place in `KINDS` makes it a choice of
the command line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbtools.attribution.answers import Answers, Images
from wbtools.attribution.objective import Objective
from wbtools.attribution.targets import classes, comparison, embedding
from wbtools.attribution.targets.classes import class_index, class_names
from wbtools.attribution.targets.kind import Asked, TargetKind
from wbtools.errors import InputError, require_kind
from wbtools.errors.in_python import as_made

if TYPE_CHECKING:
    from wbtools.model import Model

KINDS = {
    kind.name: kind
    for kind in (
        embedding.EMBEDDING,
        embedding.DIMENSION,
        comparison.PAIR,
        comparison.CONTRAST,
        comparison.DISTANCE,
        classes.SLICES,
        classes.CLASS,
        embedding.BIT,
    )
}
"""What can be explained."""


@dataclass(frozen=True)
class Target:
    """What the user wants explained.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    which : str
        The number of a dimension or bit, from 0; the name or number of a class; empty for all, or for the network's own
        choice.

    Raises
    ------
    InputError
        If the kind is unknown, or cannot have such an addition.

    Examples
    --------
    >>> Target.parse("dimension:3")
    Target(kind='dimension', which='3')
    >>> str(Target.parse("class"))
    'class'
    """

    kind: str
    which: str = ""

    @as_made
    def __post_init__(self) -> None:
        require_kind("kind", self.kind, str, f"give one of: {', '.join(KINDS)}")
        require_kind("which", self.which, str, 'give a number or the name of a class in quotation marks, such as "3"')
        if self.kind not in KINDS:
            raise InputError(f"'{self.kind}' cannot be explained", hint=f"choose --target from {', '.join(KINDS)}")
        numbers = f"write {self.kind}:0, {self.kind}:1, ..."
        if self._entry.numbered and self.which and not (self.which.isascii() and self.which.isdigit()):
            raise InputError(f"--target {self} does not name a number", hint=numbers)
        if self.which and not self._entry.suffix:
            raise InputError(f"--target {self.kind} takes no '{self.which}'", hint=f"write --target {self.kind}")
        if self._entry.requires_suffix and not self.which:
            raise InputError(f"--target {self.kind} needs the number of a {self.kind}", hint=numbers)

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read `KIND` or `KIND:WHICH`."""
        kind, colon, which = text.partition(":")
        if colon and not which:
            raise InputError(f"--target {text} ends in a colon", hint=f"write {kind}, or {kind}:WHICH")
        return cls(kind, which)

    def __str__(self) -> str:
        return f"{self.kind}:{self.which}" if self.which else self.kind

    @property
    def _entry(self) -> TargetKind:
        return KINDS[self.kind]

    @property
    def answer(self) -> str:
        """The network's method that it is read off."""
        return self._entry.answer

    @property
    def compares(self) -> bool:
        """Whether it compares people."""
        return self._entry.people > 0

    @property
    def paired(self) -> bool:
        """Whether it compares exactly two people."""
        return self._entry.people == 1

    def objective(self, answers: Answers, images: Images) -> Objective:
        """Directions in the network's answer whose relevance is the target's.

        Parameters
        ----------
        answers : Answers
            Of the network.
        images : Images

        Raises
        ------
        InputError
            If the target does not exist in this network, or lacks the people it compares with.
        """
        self.require_known(answers.model, len(images.people))
        return self._entry.objective(Asked(answers, images, self.answer, self.which))

    def require_known(self, model: Model, people: int) -> None:
        """Require that a network gives such an answer, and that the people who are needed were named.

        Parameters
        ----------
        model : Model
        people : int
            How many others were named.

        Raises
        ------
        InputError
        """
        if self.answer not in model.network.answers:
            has = " and ".join({"raw": "an embedding", "logits": "classes"}[a] for a in model.network.answers)
            raise InputError(
                f"--target {self} cannot be explained: {model.name} answers with {has}",
                hint=f"choose --target from {', '.join(possible(model))}, or another network",
            )
        if not self._entry.fits(model):
            hint = f"choose --target from {', '.join(possible(model))}"
            raise InputError(f"{model.name} {self._entry.lacking}", hint=hint)
        if self.compares and not people:
            raise InputError(f"--target {self.kind} compares two people", hint="name the second with --other")
        if people < self._entry.people:
            raise InputError(f"--target {self.kind} compares with several people", hint="name them with --others")

    def require_existing(self, model: Model) -> None:
        """Raise InputError if the network has no such class, dimension or bit, before any image is read."""
        if not self.which:
            return
        if self._entry is classes.CLASS and model.card.classes:
            class_index(model, self.which, model.card.classes)
            return
        import torch

        # How many there are, only an answer tells.
        count = Answers(model).of(torch.zeros(1, 1, *model.card.shape), self.answer).shape[1]
        if self._entry.numbered:
            self._entry.place(model, self.which, count)
        else:
            class_index(model, self.which, class_names(model, count))


def possible(model: Model) -> list[str]:
    """The targets that a network's answers can have, as they are written on the command line."""
    return [kind.spelling for kind in KINDS.values() if kind.fits(model)]


def default(model: Model) -> Target:
    """What is explained if the user does not say: the embedding, all slices, or the class that is decided for."""
    kinds = (kind for kind in KINDS.values() if kind.default and kind.fits(model))
    return Target(next(kind.name for kind in kinds if kind.answer == model.network.answers[0]))
