"""What is measured of networks of each recipe, a file for each; bootstrap, figures and page are shared.

**To add one**, write a module with a constant `EVALUATION` and add its name, that of the recipe, to `EVALUATIONS`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from wbtools.errors import UnknownChoice

if TYPE_CHECKING:
    from wbtools.evaluating.recipes.evaluation import Evaluation

EVALUATIONS = ("twins", "symmetry", "classes", "contrastive", "hashing")
"""Modules of this package."""


def evaluation_named(name: str) -> Evaluation:
    """What is measured of a recipe's networks.

    Raises
    ------
    UnknownChoice
        If it is not known.

    Examples
    --------
    >>> evaluation_named("twins").name
    'twins'
    """
    if name not in EVALUATIONS:
        raise UnknownChoice("recipe that can be evaluated", name, EVALUATIONS, "--recipe")
    found: Evaluation = import_module(f"{__name__}.{name}").EVALUATION
    return found
