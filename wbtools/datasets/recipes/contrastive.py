"""Pictures of classes (S4): at their own size if all are small and alike, else at 224 x 224."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from wbtools.datasets.candidates import Candidate
from wbtools.datasets.images.pictures import Look, Picture, PicturePreparation
from wbtools.datasets.manifest import Kind
from wbtools.datasets.recipes import RecipeData, Wanted
from wbtools.datasets.recipes.known import require_classes
from wbtools.errors import InputError

_SIZE = 224
"""Pixels along both axes, as ImageNet's networks have it."""


def preparation(wanted: Wanted, candidates: Sequence[Candidate]) -> PicturePreparation:
    """How pictures are prepared, by what their headers say; those that cannot be read are dealt with later."""
    wanted.require_for_scans_only(Kind.PICTURES)
    return PicturePreparation.fitting(list(filter(None, map(_look, candidates))), wanted.size(), _SIZE)


def _look(candidate: Candidate) -> Look | None:
    try:
        return cast("Picture", candidate.image).look() if candidate.image else None
    except InputError:
        return None


RECIPE = RecipeData(
    "contrastive", "pictures of classes (S4)", Kind.PICTURES, preparation, require_classes, unique=False
)
