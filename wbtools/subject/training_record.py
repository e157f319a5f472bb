"""Whom a network has learned from, as the record of the run beside its checkpoint says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wbtools.output.ownership import read_plain
from wbtools.subject.containment import RUN
from wbtools.subject.identity import person_key, person_of

FORMAT = 1
"""Of the records that are read, as `run` in them says."""

_PARTS = {"train": "training", "val": "validation"}


def learned_from(record: Mapping[str, Any]) -> dict[str, str]:
    """The part of each person whom a run learned from or chose by, by `person_key`.

    Examples
    --------
    >>> learned_from({"split": {"people": {"train": ["sub-7"], "test": ["8"]}}})
    {'7': 'train'}
    """
    people = record["split"].get("people", {})
    named = ((name, part) for part in _PARTS for name in _names(people.get(part)))
    return {person_key(name): part for name, part in named}


def _names(listed: object) -> list[str]:
    """The names in a list; none in anything else, as damage leaves it."""
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []


def said_of(checkpoint: Path, people: Iterable[str | tuple[str, ...]]) -> tuple[str, ...]:
    """A sentence about each person whom a network has learned from; none where nothing is known.

    Parameters
    ----------
    checkpoint : Path
    people : iterable of str or tuple of str
        Their ids; of somebody with several, the first one is said, and all are looked for.
    """
    known, run = _known(checkpoint), checkpoint.absolute().parent.name
    said = []
    for person in dict.fromkeys(people):
        ids = tuple(map(person_of, (person,) if isinstance(person, str) else person))
        if part := next(filter(None, (known.get(person_key(each)) for each in ids)), ""):
            said.append(
                f"{ids[0]} is among the {_PARTS[part]} people of {run}: what a network says of "
                "those is right more often than of others."
            )
    return tuple(dict.fromkeys(said))


def _known(checkpoint: Path) -> dict[str, str]:
    """What the run beside a checkpoint says; nothing where there is none, or one whose record is damaged."""
    if not checkpoint.is_file():  # a Python function that builds a network
        return {}
    try:
        record = json.loads(read_plain(checkpoint.parent / RUN))
        if not isinstance(record, dict) or record.get("run") != FORMAT:
            return {}
        return learned_from(record)
    except (OSError, ValueError, RecursionError, KeyError, AttributeError, TypeError):
        return {}
