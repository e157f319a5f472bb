"""What the recipes for scans share: the grid of the networks' family, and labels that classes can be made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from wbtools.datasets.candidates import Candidate
from wbtools.datasets.images.volumes import StoredVolume, VolumePreparation
from wbtools.datasets.recipes import Wanted
from wbtools.datasets.split import TWIN
from wbtools.errors import InputError
from wbtools.model.card import Card

_MOST_CLASSES = 50


def as_family(card: Card) -> Callable[[Wanted, Sequence[Candidate]], VolumePreparation]:
    """The preparation for networks of a family, whose default card is given; arrays that exist keep their shape."""

    def preparation(wanted: Wanted, candidates: Sequence[Candidate]) -> VolumePreparation:
        stored = next((each.image for each in candidates if isinstance(each.image, StoredVolume)), None)
        shape = wanted.shape or (stored.shape if stored else card.shape)
        if len(shape) != 3:
            raise InputError(f"--shape {'x'.join(map(str, shape))} is not a volume's", hint="write --shape X,Y,Z")
        x, y, z = shape
        bare = card.skull_stripped if wanted.skull_stripped is None else wanted.skull_stripped
        grid = replace(card, shape=(x, y, z), intensity=wanted.intensity or card.intensity, skull_stripped=bare)
        return VolumePreparation(grid)

    return preparation


def require_classes(candidates: Sequence[Candidate]) -> None:
    """Require a label that tells images apart.

    Raises
    ------
    InputError
        If there is none, or each has the same value for everybody.
    """
    names = dict.fromkeys(name for each in candidates for name in each.item.labels if name != TWIN)
    values = {name: {each.item.labels.get(name, "") for each in candidates} - {""} for name in names}
    values = {name: found for name, found in values.items() if found}
    if not values:
        raise InputError(
            "nothing is known of these images that could be learned: they have no labels",
            hint="put participants.tsv beside them, or name a table with --labels",
        )
    if not any(2 <= len(found) <= max(_MOST_CLASSES, len(candidates) // 2) for found in values.values()):
        said = ", ".join(f"{name} is {min(found)}" for name, found in values.items() if len(found) == 1)
        raise InputError(
            f"there is one class only: {said} for everybody" if said else "no label has the same value twice",
            hint="give images of two classes at least",
        )
