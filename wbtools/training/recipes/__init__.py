"""What networks can be taught, a file for each; the loop, the run folder and the command line are shared.

**To add a recipe**, write one module with a constant `RECIPE` and add its name to `RECIPES`: `wbtools train` offers it.
torch is imported by the modules, not by this one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from wbtools.errors import UnknownChoice

if TYPE_CHECKING:
    from wbtools.training.recipes.recipe import Recipe

RECIPES = ("twins", "symmetry", "classes", "contrastive", "hashing")
"""Modules of this package that hold a recipe."""


def recipe_named(name: str) -> Recipe:
    """The recipe of a name.

    Raises
    ------
    UnknownChoice
        If there is none.

    Examples
    --------
    >>> recipe_named("twins").name
    'twins'
    """
    if name not in RECIPES:
        raise UnknownChoice("recipe", name, RECIPES)
    found: Recipe = import_module(f"{__name__}.{name}").RECIPE
    return found
