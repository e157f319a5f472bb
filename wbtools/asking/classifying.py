"""Which class people are of: what a classifier answers, or what the nearest labelled examples are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wbtools.asking.embedding import Kind
from wbtools.asking.index import Index
from wbtools.asking.neighbours import Neighbours, neighbours, require_count
from wbtools.asking.people import ShownPerson
from wbtools.attribution import Target
from wbtools.attribution.answers import Answers, Images
from wbtools.attribution.decision import Classes, decide
from wbtools.errors import InputError, UnknownChoice
from wbtools.model import Model
from wbtools.text import cell, line

_NAME = 60  # letters of a name in a sentence


@dataclass(frozen=True)
class Vote:
    """The classes of the labelled examples that are nearest to a person.

    Parameters
    ----------
    near : Neighbours
    label : str
        The column of the label.
    """

    near: Neighbours
    label: str

    @property
    def person(self) -> str:
        """Who was asked about."""
        return self.near.person

    @property
    def votes(self) -> Counter[str]:
        """How many of the nearest have each class; classes in the order of their nearest example."""
        return Counter(found.item.labels[self.label] for found in self.near.found)

    @property
    def decided(self) -> str:
        """The class of most of them; of classes with as many votes, that of the nearest example."""
        return self.votes.most_common(1)[0][0]  # sorting is stable

    def said_of_everybody(self) -> str:
        """That nearness decided nothing, as a sentence; empty where it did, or all examples are of one class."""
        count = len(self.near.found)
        if count < self.near.searched or len(self.votes) == 1:
            return ""
        return (
            f"all {count} examples voted, so this is the class that most of them have, whoever is near: give more "
            "examples, or a smaller --top"
        )

    def sentence(self) -> str:
        """The vote in words."""
        votes, nearest = self.votes, self.near.found[0]
        others = ", ".join(f"{line(name, _NAME)} {count}" for name, count in votes.most_common()[1:])
        share = f"{votes[self.decided]} of the {len(self.near.found)} nearest examples"
        return (
            f"{line(self.label, _NAME)} {line(self.decided, _NAME)}, {share}{f' ({others})' if others else ''}; "
            f"the nearest is {line(nearest.item.person, _NAME)}, {self.near.header.unit} "
            f"{self.near.shown_distance(nearest)}"
        )


HEADING_CLASSES = ("person", "class", "probability")
HEADING_VOTES = ("person", "class", "votes", "of", "nearest", "distance")


def classify(person: ShownPerson, model: Model) -> Classes:
    """What a network with classes answers for a person.

    Raises
    ------
    InputError
        If the network has no classes.
    CheckError
        If an answer is not finite.
    """
    import torch

    require_classes(model)
    image = torch.from_numpy(person.image.data)
    return decide(Answers(model), Images(image), [person.name], Target("class")).classes[0]


def require_classes(model: Model) -> None:
    """Raise InputError for a network that answers with an embedding alone."""
    if "logits" not in model.network.answers:
        raise InputError(
            f"{model.name} answers with an embedding, and has no classes",
            hint="give labelled examples: --examples DATA --label NAME",
        )


def label_of(index: Index, label: str | None) -> str:
    """The column of the label: the one that was asked for, or the only one.

    Raises
    ------
    InputError
        If there is no such column, none at all, or the choice is not clear.
    """
    names = index.label_names
    if not names:
        raise InputError("the examples have no labels", hint="give labels to wbtools prepare")
    if label is None and len(names) > 1:
        raise InputError(
            f"the examples have several labels: {', '.join(line(name, _NAME) for name in names)}",
            hint="choose one with --label",
        )
    if label is not None and label not in names:
        raise UnknownChoice("label of the examples", label, names)
    return names[0] if label is None else label


def vote(person: ShownPerson, model: Model, examples: Index, label: str, count: int) -> Vote:
    """Let the examples nearest to a person vote; the person's own images are none of them.

    Parameters
    ----------
    person : ShownPerson
    model : Model
        The one that embedded the examples.
    examples : Index
    label : str
        Images without it do not count.
    count : int
        How many vote, at most.
    """
    require_count(count)
    labelled = np.fromiter((bool(item.labels[label]) for item in examples.items), bool, len(examples))
    return Vote(neighbours(examples, model, person, count, labelled), label)


def class_rows(answers: Sequence[Classes]) -> list[list[str]]:
    """A table of answers, heading first: the class decided for, then every class's probability."""
    names = answers[0].names
    rows = [[*HEADING_CLASSES, *(cell(f"p({name})") for name in names)]]
    for found in answers:
        best = found.index
        shares = [f"{share:.6g}" for share in found.probabilities]
        rows.append([cell(found.person), cell(found.names[best]), shares[best], *shares])
    return rows


def vote_rows(votes: Sequence[Vote]) -> list[list[str]]:
    """A table of votes, heading first, with how many each class has."""
    classes = sorted({name for found in votes for name in found.votes})
    rows = [[*HEADING_VOTES, *(cell(f"votes for {name}") for name in classes)]]
    for found in votes:
        counts, nearest = found.votes, found.near.found[0]
        distance = f"{nearest.distance:.0f}" if found.near.header.kind is Kind.CODES else f"{nearest.distance:.6f}"
        rows.append(
            [cell(found.person), cell(found.decided), str(counts[found.decided]), str(len(found.near.found)),
             cell(nearest.item.person), distance, *(str(counts[name]) for name in classes)]
        )  # fmt: skip
    return rows
