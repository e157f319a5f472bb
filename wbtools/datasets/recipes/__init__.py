"""What each recipe of training learns from: kind of image, how it is prepared, what has to be known.

A recipe is a constant `RECIPE` of type `RecipeData` in a module here; its name in `RECIPES` is the command line's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from wbtools.datasets.candidates import Candidate
from wbtools.datasets.images.made import Preparation
from wbtools.datasets.manifest import Kind
from wbtools.errors import require_choice

RECIPES: Mapping[str, str] = {
    "twins": "wbtools.datasets.recipes.twins",
    "classes": "wbtools.datasets.recipes.classes",
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
    """

    name: str
    title: str
    kind: Kind
    preparation: Callable[[Wanted, Sequence[Candidate]], Preparation[Any]]
    require_labels: Callable[[Sequence[Candidate]], None]
    unique: bool = True


def recipe_named(name: str) -> RecipeData:
    """The recipe with a name; InputError if there is none."""
    require_choice("recipe", name, RECIPES)
    found: RecipeData = import_module(RECIPES[name]).RECIPE
    return found
