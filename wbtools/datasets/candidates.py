"""The images that a source offers, before any of them is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wbtools.datasets.images.made import SourceImage
from wbtools.datasets.items import Item
from wbtools.subject.layouts import AUTO


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
