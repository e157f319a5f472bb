"""Lists of subjects: a text file, a table with a column of ids, standard input, or the ids themselves."""

from __future__ import annotations

import csv
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from wbtools.batch import listfile
from wbtools.batch.listfile import ListText
from wbtools.errors import InputError
from wbtools.subject.subject import is_plain_name

logger = logging.getLogger(__name__)

Known = Callable[[str], bool]
"""Whether a word is a subject of the study; decides where a list alone does not."""

_LONGEST = 200
"""Bytes of an id: a file name has 255, and logs add an ending to it."""
_LISTS = (".txt", ".tsv", ".csv", ".lst")
"""A word that ends so means a file, also one that is not there."""
_COLUMNS = ("participant_id", "subject_id", "subject", "participant", "id")
"""Headings that announce ids, in the order of preference (BIDS, FreeSurfer, HCP's own tables)."""
_MISSING = "n/a"
"""BIDS' word for a value that is not there."""
_SHOWN = 80
_HEADING = 100_000
"""Characters of a heading that are looked at."""


def is_id(word: str) -> bool:
    """Whether a word can name a subject's folder, as an export says it, and a batch's own files of the subject.

    Examples
    --------
    >>> is_id("sub-01"), is_id("P1,a"), is_id("../sub-01"), is_id("n/a"), is_id("x" * 201)
    (True, True, False, False, False)
    """
    return is_plain_name(word) and len(os.fsencode(word)) <= _LONGEST


def _nobody(word: str) -> bool:
    return False


def read(words: Sequence[str], stdin: TextIO, known: Known = _nobody) -> list[str]:
    """The subjects that the words of a command line mean, each once, in their order.

    Parameters
    ----------
    words : sequence of str
        One file, `-` for standard input, or ids.
    stdin : text stream
    known : callable
        See `Known`.

    Raises
    ------
    InputError
        If nothing is listed, the list cannot be read, or an id is not the plain name of a folder.
    """
    if len(words) == 1 and words[0] == "-":
        return _parse(listfile.of_stream(stdin, "standard input"), "standard input", known)
    lists = [word for word in words if Path(word).suffix.lower() in _LISTS or "/" in word]
    if len(words) == 1 and (lists or Path(words[0]).is_file()):
        return read_file(Path(words[0]), known)
    if lists:
        raise InputError(f"{lists[0]} among {len(words)} words is not a subject id", hint="give one list, or only ids")
    return _checked(words, "the command line")


def read_file(path: Path, known: Known = _nobody) -> list[str]:
    """The subjects of a list on disk.

    Raises
    ------
    InputError
        As `read`.
    """
    return _parse(listfile.of_file(path), str(path), known)


def read_plain(listed: str, stdin: TextIO) -> list[str]:
    """The subjects of a list as a batch writes it: one id per line, no heading, whatever the ids are.

    Parameters
    ----------
    listed : str
        A file, or `-` for standard input.
    stdin : text stream
    """
    found = listfile.of_stream(stdin, "standard input") if listed == "-" else listfile.of_file(Path(listed))
    return _checked(_nonempty(found.text), listed)


def parse(text: str, source: str, known: Known = _nobody) -> list[str]:
    r"""The subjects of a list: one id per line, or a table whose heading names the column of ids.

    Empty lines and lines that begin with `#` do not count, nor do rows whose id is missing (`n/a`).

    Parameters
    ----------
    text : str
    source : str
        What to call the list in an error.
    known : callable
        See `Known`.

    Raises
    ------
    InputError
        As `read`.

    Examples
    --------
    >>> parse("# pilot\n100307\n100408\n\n100307\n", "pilot.txt")
    ['100307', '100408']
    >>> parse("participant_id\tage\nsub-01\t30\nsub-02\t41\n", "participants.tsv")
    ['sub-01', 'sub-02']
    """
    return _parse(ListText(text), source, known)


def _parse(read: ListText, source: str, known: Known) -> list[str]:
    lines = _lines(read.text)
    if not lines:
        raise InputError(f"{source} lists no subject", hint="give one id per line")
    heading = _heading(lines[0])
    if heading is None or _is_somebody(lines, source, known):
        found = _checked(_plain(lines, source, known), source)
    else:
        found = _checked(_column(lines, source, *heading), source)
    if not read.certain and not all(word.isascii() for word in found):
        raise InputError(
            f"{source} is not UTF-8, so that its ids beyond plain letters may be read wrongly", hint="save it as UTF-8"
        )
    return found


def _lines(text: str) -> list[str]:
    """The lines that count."""
    return [line for line in _nonempty(text) if not line.lstrip().startswith("#")]


def _nonempty(text: str) -> list[str]:
    """The lines that hold anything."""
    return [line for line in re.split("\r\n|\r|\n", text.removeprefix("\ufeff")) if line.strip()]


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


def _column(lines: Sequence[str], source: str, mark: str, place: int) -> Iterator[str]:
    """The ids of a table; rows that have none are left out, and that is said."""
    missing = 0
    for number, row in _rows(lines, source, mark):
        cells = [_unquoted(cell) for cell in row]
        word = cells[place] if place < len(cells) else ""
        if word.lower() == _MISSING:
            missing += 1
        elif word:
            yield word
        elif any(cells):
            raise InputError(f"{source}: '' is not a subject id (row {number})", hint="complete the row, or remove it")
    if missing:
        logger.warning("%s: %d rows have no id (%s) and do not count", source, missing, _MISSING)


def _rows(lines: Sequence[str], source: str, mark: str) -> Iterator[tuple[int, list[str]]]:
    """The rows below the heading, with their numbers.

    Quotation marks join cells in CSV only: BIDS' tables have none, and a single one would swallow all that follows.
    """
    if mark == "\t":
        yield from ((number, line.split(mark)) for number, line in enumerate(lines[1:], 2))
        return
    limit = csv.field_size_limit(sum(map(len, lines)) + len(lines) + 1)
    try:
        rows = list(csv.reader((f"{line}\n" for line in lines), delimiter=mark, strict=True))
    except csv.Error as error:
        raise InputError(
            f"{source} is no table that can be read ({error})", hint="look for quotation marks without an end"
        ) from None
    finally:
        csv.field_size_limit(limit)
    yield from enumerate(rows[1:], 2)


def _plain(lines: Sequence[str], source: str, known: Known) -> Iterator[str]:
    """The ids of a list without a heading."""
    first = lines[0].strip()
    words = [_unquoted(line) for line in lines]
    separated = any(mark in first for mark in "\t,;") and _unquoted(first) == first
    if separated and not any(known(word) for word in words if "," in word):
        raise InputError(
            f"{source} has no column of subjects (its first line is: {first[:_SHOWN]})",
            hint=f"name the column {_COLUMNS[0]}, or give one id per line, in quotation marks if it has a comma",
        )
    for line, word in zip(lines, words, strict=True):
        if len(word.split()) > 1 and _unquoted(line) == line.strip() and not known(word):
            raise InputError(
                f"{source}: {word[:_SHOWN]!r} is not a subject id",
                hint="give one id per line, in quotation marks if it has a blank",
            )
        if word.lower() != _MISSING:
            yield word


def _unquoted(cell: str) -> str:
    """A cell without the spaces and quotation marks around it."""
    word = cell.strip()
    return word[1:-1].strip() if len(word) > 1 and word[0] == word[-1] == '"' else word


def _checked(words: Iterable[str], source: str) -> list[str]:
    """Each id once, all of them fit to name folders."""
    found = list(dict.fromkeys(word.strip() for word in words))
    if not found:
        raise InputError(f"{source} lists no subject", hint="give one id per line")
    for word in found:
        if not is_id(word):
            raise InputError(
                f"{source}: {word[:_SHOWN]!r} is not a subject id", hint="give one plain name of a folder per line"
            )
    return found
