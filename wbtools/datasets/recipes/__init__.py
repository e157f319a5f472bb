"""What each recipe of training learns from: kind of image, how it is prepared, what has to be known.

A recipe is a constant `RECIPE` of type `RecipeData` in a module here; its name in `RECIPES` is the command line's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from wbtools.datasets.candidates import Candidate
from wbtools.datasets.dataset import DataSet
from wbtools.datasets.images.made import Preparation
from wbtools.datasets.manifest import Kind
from wbtools.errors import InputError, require_choice

RECIPES: Mapping[str, str] = {
    "twins": "wbtools.datasets.recipes.twins",
    "classes": "wbtools.datasets.recipes.classes",
    "symmetry": "wbtools.datasets.recipes.symmetry",
    "contrastive": "wbtools.datasets.recipes.contrastive",
    "hashing": "wbtools.datasets.recipes.hashing",
}
"""The module of each recipe."""


@dataclass(frozen=True)
class Wanted:
    """What the user wants otherwise than the recipe has it; None leaves it.

    Parameters
    ----------
    shape : tuple of int, optional
    intensity : str, optional
        As on cards.
    skull_stripped : bool, optional
    """

    shape: tuple[int, ...] | None = None
    intensity: str | None = None
    skull_stripped: bool | None = None

    def require_for_scans_only(self, kind: Kind) -> None:
        """Raise InputError if something is wanted that images of another kind than scans do not have."""
        if self.intensity is not None or self.skull_stripped is not None:
            option = "--intensity" if self.intensity is not None else "--whole-head"
            raise InputError(f"{option} is about scans, not {kind.value}", hint=f"leave {option} out")

    def size(self, usual: tuple[int, int] | None = None) -> tuple[int, int] | None:
        """Height and width; the usual ones if nothing is wanted. InputError if it is a volume's."""
        if self.shape is None:
            return usual
        if len(self.shape) > 2:
            raise InputError(f"--shape {','.join(map(str, self.shape))} is a volume's", hint="write --shape H,W")
        return self.shape[0], self.shape[-1]


@dataclass(frozen=True)
class RecipeData:
    """What a recipe learns from.

    Parameters
    ----------
    name : str
        Its key in `RECIPES`.
    title : str
    kind : Kind
    preparation : callable
        Takes what the user wants and the candidates; returns how they are prepared.
    require_labels : callable
        Takes the candidates; raises InputError if nothing can be learned from what is known of them.
    unique : bool
        Whether equal images are a mistake: nobody has two equal scans.
    remarks : callable
        Takes the candidates; gives sentences about what a training of them needs.
    told : callable
        Takes the data set; gives words that `wbtools train` has to be given for it, or None if it cannot be trained on.
    """

    name: str
    title: str
    kind: Kind
    preparation: Callable[[Wanted, Sequence[Candidate]], Preparation[Any]]
    require_labels: Callable[[Sequence[Candidate]], None]
    unique: bool = True
    remarks: Callable[[Sequence[Candidate]], tuple[str, ...]] = lambda candidates: ()
    told: Callable[[DataSet], tuple[str, ...] | None] = lambda data: ()


def recipe_named(name: str) -> RecipeData:
    """The recipe with a name; InputError if there is none."""
    require_choice("recipe", name, RECIPES)
    found: RecipeData = import_module(RECIPES[name]).RECIPE
    return found
