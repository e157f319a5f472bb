"""The label that networks were taught, of the images that they are judged on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wbtools.datasets import DataSet
from wbtools.errors import InputError
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.people import Rows
from wbtools.text import counted


def label_of(given: str, contestants: Sequence[Contestant], otherwise: str) -> str:
    """The column of the label: the one given, else the one that all checkpoints were trained with.

    Raises
    ------
    InputError
        If they were trained with different ones.
    """
    known = {contestant.label: contestant for contestant in contestants if contestant.label}
    if not given and len(known) > 1:
        (first, its), (second, others) = list(known.items())[:2]
        raise InputError(
            f"{its.name} was trained to tell {first}, and {others.name} {second}", hint="evaluate each by itself"
        )
    return given or next(iter(known), otherwise)


def values_of(data: DataSet, rows: Rows, label: str) -> list[str]:
    """The label of images.

    Raises
    ------
    InputError
        If one lacks it, or all have the same.
    """
    labels = data.labels(label)
    values = [labels[row] for row in rows]
    if missing := [row for row, value in zip(rows, values, strict=True) if not value]:
        raise InputError(
            f"{counted(len(missing), 'image')} of {data.folder} lack{'s' * (len(missing) == 1)} the label {label}, the "
            f"first is {data.items[missing[0]].source}",
            hint="complete the labels, or leave these images out, and run wbtools prepare again",
        )
    if len(set(values)) < 2:
        raise InputError(
            f"all images that would be judged have the same {label}, {values[0]}",
            hint="give data of two classes or more",
        )
    return values


def numbers_of(values: Sequence[str], classes: Sequence[str], who: str) -> NDArray[np.int64]:
    """The place of each value among classes.

    Raises
    ------
    InputError
        If a network does not know one.
    """
    if unknown := [value for value in values if value not in classes]:
        raise InputError(
            f"{who} knows the classes {', '.join(classes)}, and an image has {unknown[0]}",
            hint="name the classes in the data as the card does, or give another --label",
        )
    place = {name: number for number, name in enumerate(classes)}
    return np.array([place[value] for value in values], np.int64)
