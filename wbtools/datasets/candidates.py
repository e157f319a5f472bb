"""The images that a source offers, before any of them is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wbtools.datasets.images.made import SourceImage
from wbtools.datasets.items import Item
from wbtools.errors import InputError
from wbtools.subject.layouts import AUTO
from wbtools.text import line


@dataclass(frozen=True, eq=False)
class Candidate:
    """An image that may become a row.

    Parameters
    ----------
    item : Item
        Its row is not yet known.
    image : SourceImage or None
        None if none can be read.
    refused : str
        Why there is no image.
    """

    item: Item
    image: SourceImage | None
    refused: str = ""


@dataclass(frozen=True, eq=False)
class Found:
    """What a source offers.

    Parameters
    ----------
    candidates : tuple of Candidate
    remarks : tuple of str
        What had to be decided to find them.
    """

    candidates: tuple[Candidate, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceOptions:
    """What the user says of a source.

    Parameters
    ----------
    layout : str
        Of a study folder's subjects: a name of `LAYOUTS`, or `auto`.
    labels : tuple of Path
        Tables of what is known of people.
    columns : tuple of str
        Columns of tables that become labels; all, or the usual ones of a large table, without.
    person : str
        A regular expression whose first group is the person in a picture's name; each picture is its own without.
    """

    layout: str = AUTO
    labels: tuple[Path, ...] = ()
    columns: tuple[str, ...] = ()
    person: str = ""


def person_by(pattern: str) -> Callable[[str, str], str]:
    r"""Whose picture it is: takes the file's name, and what to say if nobody is asked for.

    Parameters
    ----------
    pattern : str
        A regular expression whose first group is the person; empty if each picture is its own.

    Raises
    ------
    InputError
        If it is none, or has no group; later, if it does not match a name.

    Examples
    --------
    >>> person_by(r"(person\d+)_")("person7_virus_2.jpeg", ""), person_by("")("a.png", "cat/a.png")
    ('person7', 'cat/a.png')
    """
    if not pattern:
        return lambda name, otherwise: otherwise
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InputError(f"--person {pattern} is no regular expression: {error}") from None
    if not expression.groups:
        raise InputError(f"--person {pattern} has no group", hint="put the person into brackets, as in '^([^_]+)_'")

    def find_person(name: str, otherwise: str) -> str:
        matched = expression.search(name)
        if not matched or not matched[1]:
            raise InputError(f"--person {pattern} does not match {line(name)}", hint="make it match every name")
        return line(matched[1])

    return find_person
