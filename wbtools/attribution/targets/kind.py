"""What a kind of target has to offer to the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from wbtools.attribution.answers import Answers, Images
from wbtools.attribution.objective import Objective
from wbtools.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.model import Model

_DIGITS = 10  # more make no number of a class or dimension


@dataclass(frozen=True, eq=False)
class Asked:
    """What a target's objective is made from: a network, its answers to images, and what was written behind the colon.

    Parameters
    ----------
    answers : Answers
    images : Images
    kind : str
        Of the answers, `raw` or `logits`.
    which : str
        As in `Target`.
    """

    answers: Answers
    images: Images
    kind: str
    which: str = ""

    @property
    def model(self) -> Model:
        """The network."""
        return self.answers.model

    @property
    def person(self) -> Tensor:
        """The answer to the image that is explained, (1, E)."""
        return self.answers.of(self.images.person, self.kind)

    @property
    def reference(self) -> Tensor | None:
        """The answer to the reference, (1, E)."""
        return None if self.images.reference is None else self.answers.of(self.images.reference, self.kind)

    @property
    def people(self) -> list[Tensor]:
        """The answers to the people compared with, (1, E) each."""
        return [self.answers.of(image, self.kind) for image in self.images.people]


@dataclass(frozen=True)
class TargetKind:
    """A kind of target: an entry of the registry, with all that is special about it.

    Parameters
    ----------
    name : str
        As it is written on the command line.
    title : str
        What is explained, in words.
    objective : callable
        Raises InputError if the network has nothing of this kind.
    answer : {"raw", "logits"}
        The network's method that it is read off.
    default : bool
        Whether it is explained of networks with this answer if the user does not say.
    suffix : str
        What is written behind the name: in brackets where it may be left out; empty where there is nothing.
    numbered : bool
        Whether that is a number, of one of several dimensions or bits.
    people : {0, 1, 2}
        How many others it compares with: none, one (--other), or several (--others, too).
    of_codes : bool
        Whether only hash codes have it.
    of_slices : bool
        Whether only networks have it that answer with a yes or no for every slice.

    Examples
    --------
    >>> from wbtools.attribution.targets.embedding import BIT, DIMENSION
    >>> BIT.spelling, BIT.requires_suffix, DIMENSION.spelling, DIMENSION.requires_suffix
    ('bit:K', True, 'dimension[:K]', False)
    """

    name: str
    title: str
    objective: Callable[[Asked], Objective]
    answer: Literal["raw", "logits"] = "raw"
    default: bool = False
    suffix: str = ""
    numbered: bool = False
    people: Literal[0, 1, 2] = 0
    of_codes: bool = False
    of_slices: bool = False

    @property
    def spelling(self) -> str:
        """As it is written on the command line, with what may follow."""
        return self.name + self.suffix

    @property
    def requires_suffix(self) -> bool:
        """Whether something has to follow the name."""
        return bool(self.suffix) and not self.suffix.startswith("[")

    def fits(self, model: Model) -> bool:
        """Whether a network's answers can have it."""
        network = model.network
        if (self.of_codes and not network.hashes) or (self.of_slices and not network.yes_or_no):
            return False
        return self.answer in network.answers

    @property
    def lacking(self) -> str:
        """What is missing in networks that it does not fit, in words."""
        return "makes no hash codes" if self.of_codes else "has no yes or no for every slice"

    def place(self, model: Model, which: str, count: int) -> int:
        """The number of a dimension or bit, of `count`.

        Raises
        ------
        InputError
            If there is none of that number.
        """
        index = number(which)
        if not 0 <= index < count:
            raise InputError(f"{model.name} has no {self.name} {which}", hint=f"choose a number from 0 to {count - 1}")
        return index


def number(text: str) -> int:
    """A whole number from 0 written in a few digits, else -1.

    Examples
    --------
    >>> number("12"), number("-1"), number("1e3")
    (12, -1, -1)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else -1
