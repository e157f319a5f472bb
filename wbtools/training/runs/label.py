"""Which label classes are learned from, where the user names none."""

from __future__ import annotations

from collections.abc import Mapping

from wbtools.datasets import DataSet
from wbtools.datasets.recipes.known import usable_labels
from wbtools.errors import InputError
from wbtools.text import line
from wbtools.training.recipes.recipe import Recipe

_LABEL = "label"


def with_label(recipe: Recipe, data: DataSet, words: Mapping[str, str]) -> Mapping[str, str]:
    """Settings in words, with the label where the data set has not the recipe's usual one, but a single other.

    Parameters
    ----------
    recipe : Recipe
    data : DataSet
    words : mapping of str to str
        As the user gave them.

    Raises
    ------
    InputError
        If there are several others.
    """
    usual = getattr(recipe.options, _LABEL, None)
    if usual is None or _LABEL in words:
        return words
    usable = usable_labels(data.items)
    if usual in usable or not usable:
        return words
    if len(usable) == 1:
        return {**words, _LABEL: usable[0]}
    if usual in data.label_names:
        return words  # what is wrong with it is said where it is read
    raise InputError(
        f"{data.folder} has several labels that classes can be made of: {', '.join(line(name, 40) for name in usable)}",
        hint=f"choose one: --set {_LABEL}={usable[0]}",
    )


def said_of_label(recipe: Recipe, words: Mapping[str, str], options: Mapping[str, object]) -> str:
    """That a label was taken which nobody named; empty if it is the usual one.

    Parameters
    ----------
    recipe : Recipe
    words : mapping of str to str
        As the user gave them.
    options : mapping of str to object
        The recipe's own settings in the record of the run.
    """
    taken = options.get(_LABEL)
    if taken is None or _LABEL in words or taken == getattr(recipe.options, _LABEL):
        return ""
    return f"The label is {line(taken, 40)}, the only one that classes can be made of."
