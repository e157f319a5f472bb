"""The images of an index that are nearest to a person, who is never in the own result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.asking.embedding import Kind, embedding, kind_of
from wbtools.asking.fingerprints import fingerprint
from wbtools.asking.fingerprints import same as same_image
from wbtools.asking.index import Header, Index
from wbtools.asking.people import ShownPerson
from wbtools.asking.prepared import differences, is_whole
from wbtools.asking.search import distances, nearest
from wbtools.datasets import Item
from wbtools.errors import InputError
from wbtools.model import Model
from wbtools.subject.identity import person_key
from wbtools.text import counted, line, listed


@dataclass(frozen=True)
class Neighbour:
    """An image that is near.

    Parameters
    ----------
    rank : int
        From 1.
    item : Item
    distance : float
        1 - cosine; of codes, how many bits differ.
    """

    rank: int
    item: Item
    distance: float


@dataclass(frozen=True)
class Neighbours:
    """Who is near a person.

    Parameters
    ----------
    person : str
    header : Header
        Of the index.
    found : tuple of Neighbour
        The nearest first; at equal distances in the order of the index.
    searched : int
        Images that could have been found.
    own_images, of_person : int
        Images left out: those equal to the one asked about, and others of the same person.
    known_own : int
        How many of the equal images the index has under the person's id.
    """

    person: str
    header: Header
    found: tuple[Neighbour, ...]
    searched: int
    own_images: int = 0
    of_person: int = 0
    known_own: int = 0

    def left_out(self) -> str:
        """Who cannot be in the result, as a sentence; empty if the index has neither the image nor the person."""
        name, unknown = line(self.person, 60), self.own_images - self.known_own
        equal = "equal to the one asked about"
        own = f"the image of {name} itself" if self.known_own == 1 else f"{self.known_own} images of {name} {equal}"
        kinds = (
            (own, self.known_own),
            (f"{counted(unknown, 'image')} {equal}", unknown),
            (f"{counted(self.of_person, 'other image')} of {name}", self.of_person),
        )
        said = [text for text, count in kinds if count]
        return f"Left out of the result: {listed(said)}." if said else ""

    def shown_distance(self, neighbour: Neighbour) -> str:
        """A distance as a table has it.

        Examples
        --------
        >>> header = Header(Kind.CODES, 32, 1, "net", "net", "")
        >>> Neighbours("me", header, (), 1).shown_distance(Neighbour(1, Item(0, "p", "p.nii"), 3.0))
        '3'
        """
        if self.header.kind is Kind.CODES:
            return f"{neighbour.distance:.0f}"
        return f"{neighbour.distance:.4f}" if neighbour.distance >= 0.001 else f"{neighbour.distance:.2g}"


def require_same_model(index: Index, model: Model) -> None:
    """Raise InputError unless an index was made by this network, of images made as its card says."""
    if index.header.model_sha256 != model.sha256:
        raise InputError(
            f"{index.path} was made by {line(index.header.model, 60)} ({line(index.header.model_sha256[:12])}), and "
            f"--model is {model.name} ({model.sha256[:12]}): their distances mean nothing",
            hint="give the network that the index was made by, or make an index with wbtools index",
        )
    if other := differences(index.header.preparation, model.card):
        raise InputError(
            f"the images of {index.path} were not made as the card of {model.name} says: {'; '.join(other)}",
            hint="give the card that the index was made by, or make an index with wbtools index",
        )


def said_of_images(index: Index) -> tuple[str, ...]:
    """What has to be known of the images of an index, in sentences."""
    header = index.header
    said = [f"Of images that were searched: {line(notice)}" for notice in header.notices]
    if header.synthetic:
        said.append("The images that were searched are synthetic: nobody was scanned, and nothing follows for people.")
    if not is_whole(header.preparation):
        said.append(
            "The index does not say how its images were made (an older wbtools made it), so whether the network takes "
            "such images could not be checked. Make it anew with wbtools index."
        )
    return tuple(said)


def require_count(top: int) -> None:
    """Raise InputError for a number of results that is none."""
    if top < 1:
        raise InputError(f"--top {top} is no number of results", hint="give 1 or more")


def neighbours(
    index: Index, model: Model, person: ShownPerson, top: int, among: NDArray[np.bool_] | None = None
) -> Neighbours:
    """The images nearest to a person.

    Parameters
    ----------
    index : Index
        Made by this network.
    model : Model
    person : ShownPerson
    top : int
        How many, at most.
    among : ndarray of bool, (N,), optional
        Which images may be found; all without.

    Raises
    ------
    InputError
        If nobody is left.
    """
    with embedding(model) as embed:
        vector = embed(person.image.data)[0]
        header = index.header
        if (header.kind, header.length) != (kind_of(model), embed.length):
            raise InputError(
                f"{index.path} is damaged: it holds {counted(header.length, 'value')} for each image, "
                f"and {model.name} gives "
                f"{embed.length}",
                hint="make it again with wbtools index",
            )
    return ranked(index, vector, person, top, among)


def ranked(
    index: Index, vector: NDArray[Any], person: ShownPerson, top: int, among: NDArray[np.bool_] | None = None
) -> Neighbours:
    """The same of a vector that is known."""
    require_count(top)
    own = same_image(fingerprint(person.image.data[0, 0]), index.fingerprints)
    mine = {person_key(person.name), person_key(person.person)}
    named = np.fromiter((person_key(item.person) in mine for item in index.items), bool, len(index))
    same = named & ~own
    allowed = ~(own | same) if among is None else among & ~(own | same)
    rows = np.flatnonzero(allowed)
    if not len(rows):
        raise InputError(
            f"nobody is left to find: the index has no image but those of {line(person.name, 60)}"
            if among is None
            else "nobody is left to find: no other image has the label",
            hint="index more people",
        )
    others = index.vectors if len(rows) == len(index) else index.vectors[rows]
    distance = distances(index.header.kind, vector, others)
    found = tuple(
        Neighbour(rank, index.items[int(rows[place])], float(distance[place]))
        for rank, place in enumerate(nearest(distance, top), 1)
    )
    left_out = (int(own.sum()), int(same.sum()), int((own & named).sum()))
    return Neighbours(person.name, index.header, found, len(rows), *left_out)
