"""The words of a list of people: one in each line, or the column of ids of a table, such as BIDS' participants.tsv."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Callable, Iterator, Sequence

from wbtools.errors import InputError
from wbtools.tables import tabular
from wbtools.tables.listfile import ListText, nonempty
from wbtools.text import counted

logger = logging.getLogger(__name__)

Known = Callable[[str], bool]
"""Whether a word names somebody who is there; decides where a list alone does not."""

_COLUMNS = ("participant_id", "subject_id", "subject", "participant", "id")
"""Headings that announce ids, in the order of preference (BIDS, FreeSurfer, HCP's own tables)."""
_MISSING = "n/a"
"""BIDS' word for a value that is not there."""
_REMARK = re.compile(r"\s#")
"""Begins a remark behind a word; without the blank, it is a part of the word."""
_SHOWN = 80
_HEADING = 100_000
"""Characters of a heading that are looked at."""


def words(read: ListText, source: str, known: Known, noun: str = "subject id") -> list[str]:
    r"""The words of a list, or of the column of a table whose heading announces ids; maybe the same one twice.

    Empty lines and lines that begin with `#` do not count, nor does a remark behind a blank and `#`, nor rows whose id
    is missing (`n/a`).

    Parameters
    ----------
    read : ListText
    source : str
        What to call the list in an error.
    known : callable
        See `Known`.
    noun : str
        What to call a word.

    Raises
    ------
    InputError
        If a table has no column of ids, or a line cannot be one word.

    Examples
    --------
    >>> words(ListText("# pilot\n100307  # twin\n\nx#1\n"), "pilot.txt", lambda word: False)
    ['100307', 'x#1']
    """
    lines = _lines(read.text)
    if not lines:
        return []
    heading = _heading(lines[0])
    if heading is None or _is_somebody(lines, source, known):
        found = list(_plain([_without_remark(line, known) for line in lines], source, known, noun))
    else:
        found = list(_column(lines, source, *heading, noun))
    if not read.certain and not all(word.isascii() for word in found):
        raise InputError(
            f"{source} is not UTF-8, so that its ids beyond plain letters may be read wrongly", hint="save it as UTF-8"
        )
    return found


def _lines(text: str) -> list[str]:
    """The lines that count."""
    return [line for line in nonempty(text) if not line.lstrip().startswith("#")]


def _heading(line: str) -> tuple[str, int] | None:
    """What separates columns, and which one holds the ids; None if a line is no heading."""
    for mark in "\t,;":
        cells = line.split(mark) if mark == "\t" else next(csv.reader([line[:_HEADING]], delimiter=mark), [])
        names = [_unquoted(cell).lower() for cell in cells]
        for name in _COLUMNS:
            if name in names:
                return mark, names.index(name)
    return None


def _is_somebody(lines: Sequence[str], source: str, known: Known) -> bool:
    """Whether the first line is an id, although it could be the heading of a single column."""
    word, others = _unquoted(lines[0]), [_unquoted(line) for line in lines[1:4]]
    if word.lower() not in _COLUMNS:
        return False  # of several columns
    somebody = known(word) and (not others or any(known(other) for other in others))
    meant = "a subject, for the study has one of that name" if somebody else "a heading"
    logger.info("%s: the first line, %r, is %s", source, word, meant)
    return somebody


def _column(lines: Sequence[str], source: str, mark: str, place: int, noun: str) -> Iterator[str]:
    """The ids of a table; rows that have none are left out, and that is said."""
    missing = 0
    heading, *rows = tabular.cells(lines, mark, source)
    for number, row in enumerate(rows, 2):
        if any(row[len(heading) :]):
            raise tabular.too_many_cells(source, number, row, heading)
        cells = [_unquoted(cell) for cell in row]
        word = cells[place] if place < len(cells) else ""
        if word.lower() == _MISSING:
            missing += 1
        elif word:
            yield word
        elif any(cells):
            raise InputError(f"{source}: '' is not a {noun} (row {number})", hint="complete the row, or remove it")
    if missing:
        logger.warning("%s: %s left out, without an id (%s)", source, counted(missing, "row"), _MISSING)


def _plain(lines: Sequence[str], source: str, known: Known, noun: str) -> Iterator[str]:
    """The ids of a list without a heading."""
    first = lines[0].strip()
    words = [_unquoted(line) for line in lines]
    separated = any(mark in first for mark in "\t,;") and _unquoted(first) == first
    if separated and not any(known(word) for word in words if "," in word):
        raise InputError(
            f"{source} has no column of subjects (its first line is: {first[:_SHOWN]})",
            hint=f"name the column {_COLUMNS[0]}, or give one {noun} per line, in quotation marks if it has a comma",
        )
    for line, word in zip(lines, words, strict=True):
        if len(word.split()) > 1 and _unquoted(line) == line.strip() and not known(word):
            raise InputError(
                f"{source}: {word[:_SHOWN]!r} is not a {noun}",
                hint=f"give one {noun} per line, in quotation marks if it has a blank",
            )
        if word.lower() != _MISSING:
            yield word


def _without_remark(line: str, known: Known) -> str:
    """A line without the remark behind its word, unless the whole line is a word in quotation marks or a known one."""
    word = line.strip()
    return line if _unquoted(line) != word or known(word) else _REMARK.split(word, maxsplit=1)[0]


def _unquoted(cell: str) -> str:
    """A cell without the spaces and quotation marks around it."""
    word = cell.strip()
    return word[1:-1].strip() if len(word) > 1 and word[0] == word[-1] == '"' else word
