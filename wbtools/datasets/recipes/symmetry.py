"""Symmetry of the hemispheres (S2): both halves of axial slices, in squares of 224 pixels, in grey values 0 to 255."""

from __future__ import annotations

from collections.abc import Sequence

from wbtools.datasets.candidates import Candidate
from wbtools.datasets.images.slices import SIDE, SlicePreparation
from wbtools.datasets.manifest import Kind
from wbtools.datasets.recipes import RecipeData, Wanted
from wbtools.errors import InputError


def preparation(wanted: Wanted, candidates: Sequence[Candidate]) -> SlicePreparation:
    """How slices are prepared."""
    wanted.require_for_scans_only(Kind.SLICES)
    height, width = wanted.size() or (SIDE, SIDE)
    if height != width:
        raise InputError(f"--shape {height},{width} is no square, which halves of slices are laid into")
    return SlicePreparation(height)


def need_nothing(candidates: Sequence[Candidate]) -> None:
    """Lesions are drawn, so nothing has to be known of slices."""


RECIPE = RecipeData(
    "symmetry", "whether halves of slices mirror each other (S2)", Kind.SLICES, preparation, need_nothing
)
