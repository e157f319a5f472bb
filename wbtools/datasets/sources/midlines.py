"""Pictures of slices with their midlines, in JSON: one file beside each picture, or one for a whole folder.

A midline is a list of points, `{"x": 12.5, "y": 140}` or `[12.5, 140]`, in pixels from the left and the top. A file for
a folder maps names of pictures to midlines, or lists records with a name, a midline, and what else is known of the
slice; `metadata.jsonl` has a record per line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wbtools.datasets.candidates import Candidate, Found, SourceOptions, person_by
from wbtools.datasets.images.pictures import SUFFIXES, PictureFile
from wbtools.datasets.images.slices import AnnotatedSlice, Point
from wbtools.datasets.items import COLUMNS, Item
from wbtools.datasets.labels import IDS, Knowledge
from wbtools.datasets.manifest import Kind
from wbtools.datasets.sources import Source
from wbtools.errors import InputError, UnreadableFile
from wbtools.output.ownership import read_plain
from wbtools.subject import places
from wbtools.text import counted, line

NAMES = ("file_name", "filename", "file", "image", "name")
"""Keys of a record that name the picture."""

MIDLINES = ("line", "midline", "points")
"""Keys of a record that hold the midline."""

PEOPLE = (*IDS, "baby", "session", "session_id")
"""Keys of a record that say whose slice it is; scans of newborns are told apart by session."""

_NUMBER = r"(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)"
_POINT = re.compile(rf"""\{{\s*['"]x['"]\s*:\s*{_NUMBER}\s*,\s*['"]y['"]\s*:\s*{_NUMBER}\s*\}}""")
_BIDS = re.compile(r"(?:^|[^A-Za-z0-9])(sub-[A-Za-z0-9]+)")


def recognises(place: Path) -> bool:
    """Whether a folder holds pictures and JSON."""
    inside = places.files(place) if places.is_dir(place) else []
    has_json = any(path.suffix.lower() in (".json", ".jsonl") for path in inside)
    return has_json and any(path.suffix.lower() in SUFFIXES for path in inside)


def find(place: Path, kind: Kind, options: SourceOptions) -> Found:
    """Every picture of which the midline is known, and those of which it is not, to be refused."""
    pictures = [path for path in places.files(place) if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
    records = {name: record for path in _tables(place) for name, record in _records(path)}
    found = [_candidate(path, records, options) for path in pictures]
    known = Knowledge()
    for path in options.labels:
        known.add(path, options.columns)
    known.require_columns(options.columns)
    return Found(known.joined(found), (*unknown_people(found), *known.remarks))


def unknown_people(found: list[Candidate]) -> tuple[str, ...]:
    """What has to be said of slices of which nobody knows whose they are."""
    alone = sum(each.item.person == each.item.source for each in found)
    if not alone:
        return ()
    return (
        f"Nothing says whose {counted(alone, 'slice')} of {len(found)} are: slices of one head may get into two parts "
        "of a split. Name the person in the records, or with --person.",
    )


def points_of(value: Any) -> tuple[Point, ...]:
    """The points of a midline, as JSON has it or as a text that Python or numpy printed.

    Raises
    ------
    InputError
        If there are fewer than two; the sentence is about "it".

    Examples
    --------
    >>> points_of("[{'x': 1, 'y': 2.5} {'x': 3, 'y': 4}]"), points_of([[1, 2], {"x": 3, "y": 4}])
    (((1.0, 2.5), (3.0, 4.0)), ((1.0, 2.0), (3.0, 4.0)))
    """
    if isinstance(value, str):
        points = [(float(found[1]), float(found[2])) for found in _POINT.finditer(value)]
    else:
        points = [_point(each) for each in value] if isinstance(value, list) else []
    if len(points) < 2:
        raise InputError("its midline has fewer than two points")
    return tuple(points)


def record_item(source: str, name: str, record: Mapping[str, Any], options: SourceOptions) -> Item:
    """What a record says of a slice.

    Parameters
    ----------
    source : str
    name : str
        Of the picture.
    record : mapping
    options : SourceOptions
    """
    keys = {key.lower(): key for key in record}
    named = next((str(record[keys[key]]) for key in PEOPLE if key in keys and record[keys[key]] not in (None, "")), "")
    bids = _BIDS.search(name)
    person = line(named) or person_by(options.person)(name, bids[1] if bids and not options.person else source)
    special = {*NAMES, *MIDLINES, *PEOPLE, *COLUMNS}
    labels = {
        line(key): line(value)
        for key, value in record.items()
        if key.lower() not in special and isinstance(value, (str, int, float)) and key.strip()
    }
    return Item(0, person, source, labels=labels)


def midline_of(record: Mapping[str, Any]) -> tuple[Point, ...]:
    """The midline in a record; InputError without one."""
    found = next((record[key] for key in MIDLINES if key in record), None)
    if found is None:
        raise InputError(f"its record has no midline (looked for: {', '.join(MIDLINES)})")
    return points_of(found)


def _candidate(path: Path, records: Mapping[str, Mapping[str, Any]], options: SourceOptions) -> Candidate:
    record = records.get(path.name) or records.get(path.stem) or {}
    item = record_item(line(path.name), path.name, record, options)
    if not record:
        return Candidate(item, None, "no midline is given for it")
    try:
        return Candidate(item, AnnotatedSlice(PictureFile(path), midline_of(record)))
    except InputError as error:
        return Candidate(item, None, str(error))


def _tables(place: Path) -> list[Path]:
    return [path for path in places.files(place) if path.suffix.lower() in (".json", ".jsonl") and path.name[0] != "."]


def _records(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Records of a file, by the picture's name."""
    content = _content(path)
    if isinstance(content, dict) and not set(MIDLINES) & set(content):
        yield from ((Path(name).name, _record(value)) for name, value in content.items())
    elif isinstance(content, dict) or _is_line(content):
        named = next((content[key] for key in NAMES if key in content), None) if isinstance(content, dict) else None
        yield (Path(str(named)).name if named else path.stem), _record(content)
    elif isinstance(content, list):
        for number, record in enumerate(content, 1):
            name = next((record[key] for key in NAMES if key in record), None) if isinstance(record, dict) else None
            if not isinstance(name, str):
                raise InputError(f"{path}: record {number} names no picture", hint=f"write {NAMES[0]} into it")
            yield Path(name).name, record


def _record(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {MIDLINES[0]: value}


def _is_line(content: Any) -> bool:
    """Whether a list is that of a midline's points."""
    if not isinstance(content, list) or not content:
        return False
    return all(isinstance(each, list) or (isinstance(each, dict) and {"x", "y"} <= set(each)) for each in content)


def _content(path: Path) -> Any:
    try:
        text = read_plain(path).decode("utf-8-sig")
        if path.suffix.lower() == ".jsonl":
            return [json.loads(each) for each in text.splitlines() if each.strip()]
        return json.loads(text)
    except OSError as error:
        raise UnreadableFile(path, error) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON: {line(error)}", hint="repair or remove it") from None


def _point(value: Any) -> Point:
    """A point of a midline; InputError if it is none."""
    try:
        x, y = (value["x"], value["y"]) if isinstance(value, dict) else value
        if not isinstance(x, (int, float)) or not isinstance(y, (int, float)):
            raise TypeError
        return float(x), float(y)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"its midline has the point {line(value, 40)}, which is none") from None


SOURCE = Source(
    "midlines",
    "pictures of slices with their midlines in JSON",
    frozenset([Kind.SLICES]),
    recognises,
    find,
    takes=frozenset(["person", "column"]),
)
