"""Two people compared by a network: distance, verdict, and how far such a verdict can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wbtools.asking import reliability
from wbtools.asking.embedding import kind_of
from wbtools.asking.fingerprints import fingerprint, same
from wbtools.asking.people import ShownPerson, shown
from wbtools.attribution import Target
from wbtools.attribution.answers import Answers, Images
from wbtools.attribution.decision import Decision, PairDecision, decide
from wbtools.model import Model
from wbtools.subject.selection import FoundPerson
from wbtools.text import line

_PAIR = Target("pair")


@dataclass(frozen=True, eq=False)
class ComparedPair:
    """What a network says of two people.

    Parameters
    ----------
    people : tuple of ShownPerson, (2,)
    decision : Decision
    same : bool
        Whether the network is shown the very same image of both.
    model : Model
    """

    people: tuple[ShownPerson, ShownPerson]
    decision: Decision
    same: bool
    model: Model

    @property
    def pair(self) -> PairDecision:
        """The comparison."""
        return self.decision.comparisons[0]

    def sentences(self) -> tuple[str, ...]:
        """The answer, what counts most first."""
        first, second = (line(person.name, 60) for person in self.people)
        said = [f"{first}: {self.pair.sentence()}"]
        if self.same:
            said.append(f"{first} and {second} have the very same image: this is no comparison of two people.")
        elif self.pair.verdict:
            said += reliability.said_of(self.model.card, self.pair)
        return tuple(said)

    def remarks(self) -> tuple[str, ...]:
        """What has to be known of the images and the network."""
        of_people = [said for person in self.people for said in person.said()]
        return (*dict.fromkeys(of_people), *map(line, notices(self.model)))


def notices(model: Model) -> tuple[str, ...]:
    """What every reader of a network's answer has to know of it."""
    card = model.card
    assumed = (
        f"{card.name} has no card: how its images were prepared is assumed from its family." if card.assumed else ""
    )
    return tuple(text for text in (card.notice, assumed, *model.remarks) if text)


def compare(
    first: FoundPerson, second: FoundPerson, model: Model, tell: Callable[[int, int], None] = lambda done, total: None
) -> ComparedPair:
    """Ask a network about two people.

    Parameters
    ----------
    first, second : FoundPerson
    model : Model
    tell : callable
        Told how many people are read and conformed, and of how many.

    Raises
    ------
    InputError
        If the network has no embedding, or an image cannot be read or shown.
    CheckError
        If an answer is not finite.
    """
    import torch

    kind_of(model)
    tell(0, 2)
    mine_shown = shown(first, model)
    tell(1, 2)
    people = mine_shown, shown(second, model)
    tell(2, 2)
    mine, theirs = (torch.from_numpy(person.image.data) for person in people)
    decision = decide(Answers(model), Images(mine, (theirs,)), [person.name for person in people], _PAIR)
    prints = np.stack([fingerprint(person.image.data[0, 0]) for person in people])
    return ComparedPair(people, decision, bool(same(prints[0], prints[1:])[0]), model)
