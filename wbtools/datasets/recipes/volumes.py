"""What the recipes for scans share: the grid of the networks' family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from wbtools.datasets.candidates import Candidate
from wbtools.datasets.images.volumes import StoredVolume, VolumePreparation
from wbtools.datasets.recipes import Wanted
from wbtools.errors import InputError
from wbtools.model.card import Card
from wbtools.model.card_fields import voxels


def as_family(card: Card) -> Callable[[Wanted, Sequence[Candidate]], VolumePreparation]:
    """The preparation for networks of a family, whose default card is given; arrays that exist keep their shape."""

    def preparation(wanted: Wanted, candidates: Sequence[Candidate]) -> VolumePreparation:
        stored = next((each.image for each in candidates if isinstance(each.image, StoredVolume)), None)
        shape = wanted.shape or (stored.shape if stored else card.shape)
        if len(shape) != 3:
            raise InputError(f"--shape {'x'.join(map(str, shape))} is not a volume's", hint="write --shape X,Y,Z")
        shape = voxels(shape, "--shape" if wanted.shape else "the images' shape")
        bare = card.skull_stripped if wanted.skull_stripped is None else wanted.skull_stripped
        grid = replace(card, shape=shape, intensity=wanted.intensity or card.intensity, skull_stripped=bare)
        return VolumePreparation(grid)

    return preparation
