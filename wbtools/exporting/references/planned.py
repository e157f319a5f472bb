"""Which references an export will compare with, in words, before anything is computed."""

from __future__ import annotations

from wbtools.attribution import Method
from wbtools.attribution.reference import reference_brain
from wbtools.attribution.references.made_up import HEADS
from wbtools.attribution.references.sources import template
from wbtools.exporting.references.choice import USUAL, ReferenceChoice
from wbtools.images.template import NAME as TEMPLATE
from wbtools.model import Model
from wbtools.text import counted


def in_words(how: Method, network: Model, choice: ReferenceChoice = USUAL, people: int = 0) -> str:
    """What a method compares a person with; empty for a method that compares with no brain.

    Parameters
    ----------
    how : Method
    network : Model
    choice : ReferenceChoice
    people : int
        How many other people were found for it.
    """
    if how.several_references:
        if choice.of_people:
            count = counted(people, "person")
            return f"{count} of {(choice.place.name or choice.place) if choice.place else 'the study folder'}"
        source = choice.source or how.usual_references or template
        if source is not template:
            own = network.reference_set if choice == USUAL else ()
            return _of_card(network) if own else f"{HEADS} made-up heads, deformations of {_single(network)}"
    return _single(network) if how.several_references or how.reference is reference_brain else ""


def takes_reference_brain(how: Method, network: Model, choice: ReferenceChoice) -> bool:
    """Whether a method needs the network's single reference brain, to compare with it or to deform it."""
    return bool(in_words(how, network, choice)) and not (how.several_references and choice.of_people)


def _of_card(network: Model) -> str:
    count = len(network.reference_set)
    if network.card.references:
        return f"{counted(count, 'brain')} of the network's card"
    return f"{HEADS} brains drawn from {counted(count, 'component')} of the network's card"


def _single(network: Model) -> str:
    return f"the brain of the network's card, {network.reference.name}" if network.reference else f"the {TEMPLATE}"
