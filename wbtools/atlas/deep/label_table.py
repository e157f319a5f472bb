"""Tables of names beside label volumes: BIDS `dseg.tsv`, the CSV files of T1Prep and CAT12, and plain ones."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wbtools.anatomy import SUBCORTEX, Colour, Hemisphere
from wbtools.errors import InputError, UnreadableFile
from wbtools.images.diagnosis import require_file
from wbtools.text import line

STEMS = frozenset(structure.value.removesuffix("_LEFT").removesuffix("_RIGHT") for structure in SUBCORTEX)
"""Names of all structures of the segmentation, without their sides."""

_COLUMNS = {
    "key": ("key", "index", "roiid", "id"),
    "name": ("name", "roiabbr", "abbreviation", "region", "label"),
    "side": ("side", "hemisphere", "hemi"),
    "colour": ("colour", "color", "roicolor", "rgb"),
    "structure": ("structure",),
}
"""What a column may be called, in any case; the first that is there is taken."""

_LARGEST = 1 << 20  # bytes
_MOST = 4000
_SIDED = re.compile(
    r"(?:(?P<first>left|right|lh|rh|l|r)[\s_.-]+(?P<rest>.+)|(?P<begin>.+?)[\s_.-]+(?P<last>left|right|lh|rh|l|r))",
    re.IGNORECASE,
)
_MIDLINE = {"", "n/a", "b", "both", "bilateral", "m", "mid", "midline", "none"}
_HINT = "write columns index, name and, if you like, side, color and structure"


@dataclass(frozen=True)
class NamedLabel:
    """A row of a table.

    Parameters
    ----------
    key : int
        Its value in the volume.
    name : str
        Without its side.
    side : Hemisphere or None
        None where the table names none.
    colour : tuple of float, (4,), or None
    structure : str
        Stem of the structure that it is a part of, as `THALAMUS`; empty where the table tells none.
    """

    key: int
    name: str
    side: Hemisphere | None = None
    colour: Colour | None = None
    structure: str = ""


def read_label_table(path: Path) -> tuple[NamedLabel, ...]:
    """Read a table of labels; a row of key 0, the background, is left out.

    Parameters
    ----------
    path : Path
        `.tsv`, or `.csv` with commas or semicolons. Columns `index` (or `key`, `ROIid`) and `name` (or `ROIabbr`, whose
        first letter is the side); optionally `side`, `color` (`#rrggbb`, or three numbers to 255) and `structure`.

    Raises
    ------
    InputError
        If it cannot be read, lacks a column, or a key is there twice or no whole number.
    """
    rows = _rows(path)
    columns = _columns(path, next(rows, []))
    found = [label for row in rows if row and (label := _label(path, row, columns)).key]
    keys = [label.key for label in found]
    if not found or len(found) > _MOST:
        raise InputError(f"{path} names {len(found)} labels", hint=f"give a table of 1 to {_MOST} labels")
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError(f"{path} names the label {twice} twice", hint="give each label once")
    return tuple(found)


def side_and_rest(name: str) -> tuple[Hemisphere | None, str]:
    """The side that a name begins or ends with, and the rest of the name.

    Examples
    --------
    >>> side_and_rest("Left-AV"), side_and_rest("red nucleus rh"), side_and_rest("lateral habenula")
    ((<Hemisphere.LEFT: 'L'>, 'AV'), (<Hemisphere.RIGHT: 'R'>, 'red nucleus'), (None, 'lateral habenula'))
    """
    match = _SIDED.fullmatch(name.strip())
    if not match:
        return None, name.strip()
    side = match["first"] or match["last"]
    return Hemisphere.parse(side), match["rest"] or match["begin"]


def _rows(path: Path) -> Iterator[list[str]]:
    """The cells of each line."""
    require_file(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise UnreadableFile(path, error) from None
    if len(data) > _LARGEST:
        raise InputError(f"{path} is too large for a table of labels", hint=_HINT)
    lines = data.decode("utf-8-sig", errors="replace").splitlines()
    head = lines[0] if lines else ""
    delimiter = "\t" if "\t" in head else ";" if ";" in head else ","
    try:
        yield from csv.reader(lines, delimiter=delimiter)
    except csv.Error as error:
        raise InputError(f"{path} is no table: {line(error, 100)}", hint=_HINT) from None


def _columns(path: Path, head: list[str]) -> dict[str, int]:
    """Where each known column is; `abbreviated` is that of T1Prep, if it is the name's."""
    there = {cell.strip().lower(): place for place, cell in enumerate(head)}
    found = {
        what: next(there[name] for name in names if name in there)
        for what, names in _COLUMNS.items()
        if any(name in there for name in names)
    }
    for what in ("key", "name"):
        if what not in found:
            raise InputError(f"{path} has no column of the labels' {what}s", hint=_HINT)
    if there.get("roiabbr") == found["name"]:
        found["abbreviated"] = found["name"]
    return found


def _label(path: Path, row: list[str], columns: Mapping[str, int]) -> NamedLabel:
    def cell(what: str) -> str:
        place = columns.get(what, len(row))
        return row[place].strip() if place < len(row) else ""

    if not cell("key").isdecimal() or not cell("name"):
        raise InputError(f"{path}: {line(' '.join(row), 80)} is no label with a key and a name", hint=_HINT)
    side, name = _named(path, cell("name"), cell("side"), abbreviated="abbreviated" in columns)
    structure = cell("structure").upper().removesuffix("_LEFT").removesuffix("_RIGHT")
    if structure not in {"", "N/A", *STEMS}:
        known = ", ".join(sorted(STEMS))
        raise InputError(f"{path}: {line(structure, 60)} is no structure of the segmentation", hint=f"one of: {known}")
    structure = structure if structure in STEMS else ""
    return NamedLabel(int(cell("key")), name, side, _colour(path, cell("colour")), structure)


def _named(path: Path, name: str, side: str, *, abbreviated: bool) -> tuple[Hemisphere | None, str]:
    """The side and the name without it: from the column of sides, T1Prep's first letter, or the name itself."""
    if side.lower() not in _MIDLINE:
        try:
            return Hemisphere.parse(side), side_and_rest(name)[1]
        except InputError as error:
            raise error.about(path) from None
    if abbreviated and name[0] in "lr" and len(name) > 1:
        return Hemisphere.parse(name[0]), name[1:]
    return side_and_rest(name)


def _colour(path: Path, text: str) -> Colour | None:
    """A colour written as `#rrggbb`, or as three numbers to 255."""
    if text.lower() in ("", "n/a"):
        return None
    if re.fullmatch(r"#?[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?", text):
        numbers = list(bytes.fromhex(text.removeprefix("#")[:6]))
    else:
        numbers = [int(part) for part in re.findall(r"\d{1,3}", text)]
    if len(numbers) != 3 or max(numbers) > 255:
        raise InputError(f"{path}: {line(text, 40)} is no colour", hint="write #rrggbb")
    red, green, blue = (number / 255 for number in numbers)
    return red, green, blue, 1.0
