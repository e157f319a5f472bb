"""Targets: the number that is explained, from what the user asked for to directions in the network's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from wbtools.attribution.question import Objective
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
_LISTED = 20  # classes that a hint lists
_DIGITS = 10  # more make no number of a class or dimension
_COMPARING = ("pair", "contrast", "distance")
_ANGULAR = ("embedding", *_COMPARING)


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
            raise InputError(f"'{self.kind}' cannot be explained", hint=f"choose --target from {', '.join(KINDS)}")
        if self.kind in _NUMBERED and self.which and not (self.which.isascii() and self.which.isdigit()):
            raise InputError(f"--target {self} does not name a number", hint=f"write {self.kind}:0, {self.kind}:1, ...")
        if self.which and self.kind not in (*_NUMBERED, "class"):
            raise InputError(f"--target {self.kind} takes no '{self.which}'", hint=f"write --target {self.kind}")
        if self.kind == "bit" and not self.which:
            raise InputError("--target bit needs the number of a bit", hint="write bit:0, bit:1, ...")

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
    def answer(self) -> str:
        """The network's method that it is read off."""
        return _ANSWERS.get(self.kind, "raw")

    @property
    def compares(self) -> bool:
        """Whether it compares people."""
        return self.kind in _COMPARING

    def require_known(self, model: Model, other: bool, others: bool) -> None:
        """Raise InputError if the network gives no such answer, or a person that is needed was not named."""
        if self.answer not in model.network.answers:
            has = " and ".join({"raw": "an embedding", "logits": "classes"}[a] for a in model.network.answers)
            raise InputError(
                f"--target {self} cannot be explained: {model.name} answers with {has}",
                hint=f"choose --target from {', '.join(possible(model))}, or another network",
            )
        if self.kind == "bit" and not model.network.hashes:
            raise InputError(f"{model.name} makes no hash codes", hint="use --target dimension:K")
        if self.compares and not other:
            raise InputError(f"--target {self.kind} compares two people", hint="name the second with --other")
        if self.kind == "contrast" and not others:
            raise InputError("--target contrast compares with several people", hint="name them with --others")

    def require_existing(self, model: Model) -> None:
        """Raise InputError if the network has no such class, dimension or bit, before any image is read."""
        if not self.which:
            return
        if self.kind == "class" and model.card.classes:
            class_index(model, self.which, model.card.classes)
            return
        import torch

        with torch.no_grad():  # how many there are, only an answer tells
            count = _answer(model, self, torch.zeros(1, 1, *model.card.shape)).shape[1]
        if self.kind == "class":
            class_index(model, self.which, class_names(model, count))
        else:
            _place(model, self, count)


def spelt(kind: str) -> str:
    """A target as it is written on the command line."""
    return kind + {"dimension": "[:K]", "class": "[:NAME]", "bit": ":K"}.get(kind, "")


def possible(model: Model) -> list[str]:
    """The targets that a network's answers can have, as they are written on the command line."""
    kinds = [Target(kind, "0" if kind == "bit" else "") for kind in KINDS]
    found = [one.kind for one in kinds if one.answer in model.network.answers]
    return [spelt(kind) for kind in found if kind != "bit" or model.network.hashes]


def default(model: Model) -> Target:
    """What is explained of a network if the user does not say: its embedding, else the class it decides for."""
    return Target("embedding" if model.network.answers[0] == "raw" else "class")


def aim(
    model: Model,
    target: Target,
    image: Tensor,
    other: Tensor | None = None,
    others: Tensor | None = None,
    reference: Tensor | None = None,
    answers: Tensor | None = None,
) -> Objective:
    """Directions in the network's answer whose relevance is the target's.

    Embeddings v are compared by where they point, z = v / |v|. A direction is nevertheless one for v, and all that
    methods need to know: without a reference the length |v| counts as a constant; with one, the direction is the secant
    of the division by the length, so that what is divided is the target's own change (see `through_length`). The
    embeddings of other people count as constants.

    Parameters
    ----------
    model : Model
    target : Target
    image : Tensor, (1, 1, X, Y, Z)
    other : Tensor, (1, 1, X, Y, Z), optional
        The second person of `pair`, `contrast` and `distance`.
    others : Tensor, (N, 1, X, Y, Z), optional
        The people that `contrast` compares with.
    reference : Tensor, (1, 1, X, Y, Z), optional
        The image that differences are explained from.
    answers : Tensor, (1 or 2, E), optional
        What the network answers to the image and the reference, if that is known already.

    Raises
    ------
    InputError
        If the target does not exist in this network, or lacks the people it compares with.
    """
    import torch

    target.require_known(model, other is not None, others is not None)
    with torch.no_grad():
        found = _aimed(model, target, image, other, others, reference, answers)
    return replace(found, angular=target.kind in _ANGULAR)


def _aimed(
    model: Model,
    target: Target,
    image: Tensor,
    other: Tensor | None,
    others: Tensor | None,
    reference: Tensor | None,
    answers: Tensor | None,
) -> Objective:
    """`aim`, without gradients."""
    import torch

    images = (image,) if reference is None or target.kind == "class" else (image, reference)
    known = torch.split(answers, 1) if answers is not None else [_answer(model, target, one) for one in images]
    answer, *rest = known
    if target.kind == "class":
        return _class(model, target, answer)
    before = rest[0] if rest else None
    if target.kind in _NUMBERED:
        return _dimension(model, target, answer, before)
    if target.kind == "embedding":
        return _embedding(target, answer, before)
    theirs = [_answer(model, target, one[None]) for people in (other, others) if people is not None for one in people]
    return _compared(model, target, answer, theirs, before)


def through_length(towards: Tensor, v: Tensor, before: Tensor) -> Tensor:
    """Directions in v that read the change of `towards` . v / |v| off the change of v, exactly.

    With n = 1 / |v| the change of v n is, by the product rule, that of v times the mean of n plus the mean of v times
    that of n; and the change of |v| is that of |v|^2 over the sum of both lengths.

    Parameters
    ----------
    towards : Tensor, (K, E)
    v, before : Tensor, (1, E)
        The embeddings of the image and of the reference, not of length 1.

    Examples
    --------
    >>> import torch
    >>> v, before = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]])
    >>> direction = through_length(torch.tensor([[1.0, 0.0]]), v, before)
    >>> round(float((direction * (v - before)).sum()), 6)
    0.6
    """
    a, b = v.norm(), before.norm()
    if b <= 1e-6 * a:  # an embedding without a direction
        return cast("Tensor", towards / a)
    both = v + before
    return cast("Tensor", towards * ((1 / a + 1 / b) / 2) - (towards @ both.T) * both / (2 * a * b * (a + b)))


def _read(towards: Tensor, v: Tensor, before: Tensor | None) -> Tensor:
    """Directions in v that stand for directions (K, E) in z."""
    return towards / v.norm() if before is None else through_length(towards, v, before)


def _embedding(target: Target, v: Tensor, before: Tensor | None) -> Objective:
    """The embedding along itself; with a reference, what turns it away from the reference's."""
    from torch.nn.functional import cosine_similarity, normalize

    direction = _read(normalize(v.flatten(), dim=0).view_as(v), v, before)
    if before is None:
        return Objective(target.answer, direction, KINDS[target.kind], 1.0)
    words = "what makes the embedding point elsewhere than the reference brain's: their cosine distance"
    return Objective(
        target.answer, direction, words, 1 - float(cosine_similarity(v.flatten(), before.flatten(), dim=0))
    )


def _answer(model: Model, target: Target, image: Tensor) -> Tensor:
    return cast("Tensor", getattr(model.network, target.answer)(image))


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
    index = names.index(which) if which in names else _number(which)
    if not 0 <= index < len(names):
        more = f", ... ({len(names)} in all)" if len(names) > _LISTED else ""
        raise InputError(
            f"{model.name} has no class '{which}'", hint=f"choose one of {', '.join(names[:_LISTED])}{more}"
        )
    return index


def _number(text: str) -> int:
    """A whole number from 0 written in a few digits, else -1."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else -1


def _class(model: Model, target: Target, logits: Tensor) -> Objective:
    """The logit of one class."""
    import torch

    names, decided = class_names(model, logits.shape[1]), int(logits.argmax())
    index = class_index(model, target.which, names) if target.which else decided
    direction = torch.zeros_like(logits)
    direction[0, index] = 1
    other = f"; the network decides for class {names[decided]}"
    chosen = ", which the network decides for" if index == decided else other
    return Objective(target.answer, direction, f"the logit of class {names[index]}{chosen}", float(logits[0, index]))


def _dimension(model: Model, target: Target, v: Tensor, before: Tensor | None) -> Objective:
    """One dimension of z, or all of them; a bit is read before it is cut, and before z is made."""
    import torch

    if not target.which:
        words = f"the mean of the absolute maps of all {v.shape[1]} dimensions of the embedding"
        return Objective(target.answer, _read(torch.eye(v.shape[1]), v, before), words, 1.0)
    index = _place(model, target, v.shape[1])
    unit = torch.zeros_like(v)
    unit[0, index] = 1
    if target.kind == "bit":
        words = f"bit {index} of the hash code, before it is cut: above 0 it is 1"
        return Objective(target.answer, unit, words, float(v[0, index]))
    words = f"dimension {index} of the embedding"
    return Objective(target.answer, _read(unit, v, before), words, float(v[0, index] / v.norm()))


def _place(model: Model, target: Target, count: int) -> int:
    """The number of a dimension or bit."""
    index = _number(target.which)
    if not 0 <= index < count:
        raise InputError(
            f"{model.name} has no {target.kind} {target.which}", hint=f"choose a number from 0 to {count - 1}"
        )
    return index


def _compared(model: Model, target: Target, v: Tensor, theirs: list[Tensor], before: Tensor | None) -> Objective:
    """The embedding against those of other people; the first of them is `--other`."""
    from torch.nn.functional import normalize

    if target.kind == "distance" and model.network.hashes:
        sign = theirs[0].sign()
        differing = int((v.sign() != sign).sum())
        direction = -sign / (2 * v.abs().sum())
        words = f"the distance of two hash codes: {differing} of {v.shape[1]} bits differ"
        return Objective(target.answer, direction, words, differing / v.shape[1])
    units = [normalize(one.flatten(), dim=0).view_as(v) for one in theirs]
    cosines = [float((unit * v).sum() / v.norm()) for unit in units]
    direction = _read(units[0], v, before)
    if target.kind == "distance":
        return Objective(target.answer, -direction, "the cosine distance to another person", 1 - cosines[0])
    if target.kind == "pair":
        return Objective(target.answer, direction, "the cosine to another person's embedding", cosines[0])
    rest = len(units) - 1
    direction = _read(units[0] - sum(units[1:]) / rest, v, before)
    words = f"the cosine to another person less the mean cosine to {rest} more"
    return Objective(target.answer, direction, words, cosines[0] - sum(cosines[1:]) / rest)
