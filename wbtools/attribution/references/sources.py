"""Where sets of references come from: a choice of `--references` by name, or what is usual for a network."""

from __future__ import annotations

from functools import lru_cache

from wbtools.attribution.reference import Placement, ReferenceBrain, placement
from wbtools.attribution.references.made_up import DISPLACEMENT, FIRST_SEED, HEADS, SPACING, made_up_heads
from wbtools.attribution.references.of_card import of_card
from wbtools.attribution.references.sets import ReferenceSet, ReferenceSource
from wbtools.model import Model, ModelInput


def template(model: Model, image: ModelInput) -> ReferenceSet:
    """The single brain that the network's card names, else the MNI152 template."""
    return ReferenceSet((placement(model.card, image, model.reference).known,))


def made_up(model: Model, image: ModelInput, count: int = HEADS) -> ReferenceSet:
    """Smooth random deformations of the brain that `template` gives."""
    placed = placement(model.card, image, model.reference)
    heads = _heads(placed, count)
    seeds = [FIRST_SEED, FIRST_SEED + count - 1]
    made: dict[str, object] = {"seeds": seeds, "control_points_mm": SPACING, "displacement_mm": DISPLACEMENT}
    return ReferenceSet(heads, f"{count} made-up heads: deformations of {placed.known.source}", made)


@lru_cache(maxsize=2)  # two methods, or two networks that see a person alike, compare with the same
def _heads(placed: Placement, count: int) -> tuple[ReferenceBrain, ...]:
    return tuple(made_up_heads(placed, count))


def usual(model: Model, image: ModelInput) -> ReferenceSet:
    """What a person is compared with unless the user says: the set of the network's card, else made-up heads."""
    return of_card(model, image) if model.reference_set else made_up(model, image)


SOURCES: dict[str, ReferenceSource] = {"template": template, "made-up": made_up}
"""By the names that are choices of `--references`."""
