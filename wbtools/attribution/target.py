"""Targets: the number that is explained, from what the user asked for to directions in the network's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from wbtools.attribution.question import Aim
from wbtools.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.model import Model

KINDS = {
    "embedding": "what makes the embedding point where it points",
    "dimension": "one dimension of the embedding, dimension:K, or the mean over all of them",
    "pair": "the cosine to the embedding of another person (--other)",
    "contrast": "the cosine to another person (--other) less the mean cosine to more people (--others)",
    "distance": "the distance to another person (--other): 1 - cosine, of hash codes the share of bits that differ",
    "class": "the logit of a class, class:NAME, or of the class that the network decides for",
    "bit": "a bit of a hash code before it is cut to 0 or 1, bit:K",
}
"""What can be explained, in words."""

_ANSWERS = {"class": "logits"}  # everything else is read off the embedding
_NUMBERED = ("dimension", "bit")


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

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"'{self.kind}' cannot be explained", mend=f"choose --target from {', '.join(KINDS)}")
        if self.kind in _NUMBERED and self.which and not (self.which.isascii() and self.which.isdigit()):
            raise InputError(f"--target {self} does not name a number", mend=f"write {self.kind}:0, {self.kind}:1, ...")
        if self.which and self.kind not in (*_NUMBERED, "class"):
            raise InputError(f"--target {self.kind} takes no '{self.which}'", mend=f"write --target {self.kind}")
        if self.kind == "bit" and not self.which:
            raise InputError("--target bit needs the number of a bit", mend="write bit:0, bit:1, ...")

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read `KIND` or `KIND:WHICH`."""
        kind, colon, which = text.partition(":")
        if colon and not which:
            raise InputError(f"--target {text} ends in a colon", mend=f"write {kind}, or {kind}:WHICH")
        return cls(kind, which)

    def __str__(self) -> str:
        return f"{self.kind}:{self.which}" if self.which else self.kind

    @property
    def answer(self) -> str:
        """The network's method that it is read off."""
        return _ANSWERS.get(self.kind, "raw")

    def require_known(self, model: Model, other: bool, others: bool) -> None:
        """Raise InputError if the network gives no such answer, or a person that is needed was not named."""
        if self.answer not in model.network.answers:
            has = " and ".join({"raw": "an embedding", "logits": "classes"}[a] for a in model.network.answers)
            raise InputError(
                f"--target {self} cannot be explained: {model.name} answers with {has}",
                mend="choose another target or network; `wbtools models` lists the families",
            )
        if self.kind == "bit" and not model.network.hashes:
            raise InputError(f"{model.name} makes no hash codes", mend="use --target dimension:K")
        if self.kind in ("pair", "contrast", "distance") and not other:
            raise InputError(f"--target {self.kind} compares two people", mend="name the second with --other")
        if self.kind == "contrast" and not others:
            raise InputError("--target contrast compares with several people", mend="name them with --others")


def default(model: Model) -> Target:
    """What is explained of a network if the user does not say: its embedding, else the class it decides for."""
    return Target("embedding" if model.network.answers[0] == "raw" else "class")


def aim(model: Model, target: Target, image: Tensor, other: Tensor | None = None, others: Tensor | None = None) -> Aim:
    """Directions in the network's answer whose relevance is the target's.

    The length of the embedding, and the embeddings of other people, count as constants; a target is then linear in the
    embedding v of the image, and its direction is all that methods need to know.

    Parameters
    ----------
    model : Model
    target : Target
    image : Tensor, (1, 1, X, Y, Z)
    other : Tensor, (1, 1, X, Y, Z), optional
        The second person of `pair`, `contrast` and `distance`.
    others : Tensor, (N, 1, X, Y, Z), optional
        The people that `contrast` compares with.

    Raises
    ------
    InputError
        If the target does not exist in this network, or lacks the people it compares with.
    """
    import torch

    target.require_known(model, other is not None, others is not None)
    with torch.no_grad():
        answer = _answer(model, target, image)
        if target.kind == "class":
            return _class(model, target, answer)
        if target.kind in _NUMBERED:
            return _dimension(model, target, answer)
        if target.kind == "embedding":
            direction = model.network.direction(answer)
            return Aim(target.answer, direction, KINDS[target.kind], _score(direction, answer))
        theirs = [
            _answer(model, target, one[None]) for people in (other, others) if people is not None for one in people
        ]
        return _compared(model, target, answer, theirs)


def _answer(model: Model, target: Target, image: Tensor) -> Tensor:
    return cast("Tensor", getattr(model.network, target.answer)(image))


def _score(direction: Tensor, answer: Tensor) -> float:
    return float((direction * answer).sum())


def _class(model: Model, target: Target, logits: Tensor) -> Aim:
    """The logit of one class."""
    import torch

    names = list(model.card.classes) or [str(k) for k in range(logits.shape[1])]
    which = target.which or names[int(logits.argmax())]
    index = names.index(which) if which in names else int(which) if which.isascii() and which.isdigit() else -1
    if not 0 <= index < logits.shape[1]:
        raise InputError(f"{model.name} has no class '{which}'", mend=f"choose one of {', '.join(names)}")
    direction = torch.zeros_like(logits)
    direction[0, index] = 1
    chosen = "" if target.which else ", which the network decides for"
    return Aim(target.answer, direction, f"the logit of class {names[index]}{chosen}", float(logits[0, index]))


def _dimension(model: Model, target: Target, v: Tensor) -> Aim:
    """One dimension of z, or all of them; a bit is read before it is cut, and before z is made."""
    import torch

    if not target.which:
        words = f"the mean of the absolute maps of all {v.shape[1]} dimensions of the embedding"
        return Aim(target.answer, torch.eye(v.shape[1]) / v.norm(), words, 1.0)
    index = int(target.which)
    if index >= v.shape[1]:
        raise InputError(
            f"{model.name} has no {target.kind} {index}", mend=f"choose a number from 0 to {v.shape[1] - 1}"
        )
    direction = torch.zeros_like(v)
    direction[0, index] = 1 if target.kind == "bit" else 1 / v.norm()
    words = f"bit {index} of the hash code, before it is cut: above 0 it is 1"
    return Aim(
        target.answer,
        direction,
        words if target.kind == "bit" else f"dimension {index} of the embedding",
        _score(direction, v),
    )


def _compared(model: Model, target: Target, v: Tensor, theirs: list[Tensor]) -> Aim:
    """The embedding against those of other people; the first of them is `--other`."""
    from torch.nn.functional import normalize

    if target.kind == "distance" and model.network.hashes:
        sign = theirs[0].sign()
        differing = int((v.sign() != sign).sum())
        direction = -sign / (2 * v.abs().sum())
        words = f"the distance of two hash codes: {differing} of {v.shape[1]} bits differ"
        return Aim(target.answer, direction, words, differing / v.shape[1])
    directions = [normalize(one.flatten(), dim=0).view_as(v) / v.norm() for one in theirs]
    direction = directions[0]
    cosine = _score(direction, v)
    if target.kind == "distance":
        return Aim(target.answer, -direction, "the cosine distance to another person", 1 - cosine)
    if target.kind == "pair":
        return Aim(target.answer, direction, "the cosine to another person's embedding", cosine)
    direction = direction - sum(directions[1:]) / len(directions[1:])
    words = f"the cosine to another person less the mean cosine to {len(directions) - 1} more"
    return Aim(target.answer, direction, words, _score(direction, v))
