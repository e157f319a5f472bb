"""The images of a data set: whose they are, and what is known of each; one line of `items.tsv` an image."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wbtools.errors import InputError
from wbtools.text import line, tsv

COLUMNS = ("item", "person", "family", "session", "source", "split", "sha256")
"""Columns of every data set; labels follow them."""

SPLITS = ("train", "val", "test")
"""The parts that a source may have put an image into."""

_ESCAPED = "'=+-@\""
"""A cell that begins with one of these would be a formula or a quoted text in a spreadsheet."""


@dataclass(frozen=True)
class Item:
    """An image of a data set.

    Parameters
    ----------
    row : int
        Its place in the array.
    person : str
        Whose image it is; pictures without a person are their own.
    source : str
        Where it comes from, relative to what the data set was made of; no other image has it.
    family : str
        Empty if unknown.
    session : str
        Empty if there is only one.
    split : str
        The part that the source puts it into: `train`, `val` or `test`; empty if it does not say.
    sha256 : str
        Of the image as stored, hexadecimal.
    labels : mapping of str to str
        By the name of the column; empty where missing.

    Raises
    ------
    InputError
        If a text is no single line, or the part is unknown.
    """

    row: int
    person: str
    source: str
    family: str = ""
    session: str = ""
    split: str = ""
    sha256: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        texts = (self.person, self.source, self.family, self.session, *self.labels, *self.labels.values())
        for text in texts:
            if text != line(text):
                raise InputError(f"{line(text)!r} has line breaks, tabs or control characters", hint="remove them")
        if not self.person or not self.source:
            raise InputError(f"row {self.row} has no {'source' if self.person else 'person'}")
        if self.split not in ("", *SPLITS):
            raise InputError(f"{self.source} is put into the part '{self.split}'", hint=f"write {', '.join(SPLITS)}")
        if clash := [name for name in self.labels if name in COLUMNS or not name]:
            raise InputError(f"a label is called '{clash[0]}'", hint=f"give it another name than {', '.join(COLUMNS)}")


def dumps(items: Sequence[Item]) -> str:
    """The table of items; those without a label have an empty cell."""
    names = list(dict.fromkeys(name for item in items for name in item.labels))
    return tsv([[*COLUMNS, *map(_escaped, names)], *(_cells(item, names) for item in items)])


def loads(text: str) -> tuple[Item, ...]:
    """Read the table of items.

    Raises
    ------
    InputError
        If it is no such table; the sentence is about "it".

    Examples
    --------
    >>> item = Item(0, "100307", "100307/T1w.nii.gz", labels={"shift": "-3", "sex": ""})
    >>> loads(dumps([item])) == (item,)
    True
    """
    heading, *rows = [row.split("\t") for row in text.split("\n")[:-1]] or [[]]
    if tuple(heading[: len(COLUMNS)]) != COLUMNS:
        raise InputError(f"it does not begin with the columns {', '.join(COLUMNS)}")
    names = [_plain(cell) for cell in heading[len(COLUMNS) :]]
    if len(set(names)) < len(names):
        raise InputError("it has two columns of one name")
    return tuple(_item(place, row, names) for place, row in enumerate(rows))


def _item(place: int, row: Sequence[str], names: Sequence[str]) -> Item:
    if len(row) != len(COLUMNS) + len(names) or row[0] != str(place):
        raise InputError(f"its line {place + 2} does not fit its heading")
    person, family, session, source, split, sha256, *labels = map(_plain, row[1:])
    return Item(place, person, source, family, session, split, sha256, dict(zip(names, labels, strict=True)))


def _cells(item: Item, names: Sequence[str]) -> list[str]:
    texts = (item.person, item.family, item.session, item.source, item.split, item.sha256)
    return [str(item.row), *map(_escaped, (*texts, *(item.labels.get(name, "") for name in names)))]


def _escaped(text: str) -> str:
    """A cell that no spreadsheet computes; `_plain` takes it back."""
    return f"'{text}" if text and unicodedata.normalize("NFKC", text[0]) in _ESCAPED else text


def _plain(cell: str) -> str:
    return cell.removeprefix("'")
