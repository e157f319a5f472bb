"""Whom a network has learned from, as the run beside its checkpoint says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wbtools.datasets.items import person_key
from wbtools.errors import InputError
from wbtools.training.runs.folder import RunFolder

_PARTS = {"train": "training", "val": "validation"}


def learned_from(record: Mapping[str, Any]) -> dict[str, str]:
    """The part of each person whom a run learned from or chose by, by `person_key`.

    Examples
    --------
    >>> learned_from({"split": {"people": {"train": ["sub-7"], "test": ["8"]}}})
    {'7': 'train'}
    """
    people = record["split"].get("people", {})
    return {person_key(str(name)): part for part in _PARTS for name in people.get(part, ())}


def said_of(checkpoint: Path, people: tuple[str, ...]) -> tuple[str, ...]:
    """A sentence about each person whom a network has learned from; none where nothing is known.

    Parameters
    ----------
    checkpoint : Path
    people : tuple of str
        Their ids.
    """
    if not checkpoint.is_file():  # a Python function that builds a network
        return ()
    try:
        known = learned_from(RunFolder(checkpoint.parent).record())
    except InputError:  # no run beside it, or one that says nothing
        return ()
    return tuple(
        f"{name} is among the {_PARTS[part]} people of {checkpoint.parent.name}: what a network says of those is "
        "right more often than of others."
        for name in dict.fromkeys(people)
        if (part := known.get(person_key(name)))
    )
