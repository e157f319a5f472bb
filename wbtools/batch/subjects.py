"""Lists of subjects: a text file, a table with a column of ids, standard input, or the ids themselves."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from wbtools.errors import InputError

_ID = re.compile(r"\w[\w.+=@,-]*")
"""Ids become names of folders, parts of command lines and lines of lists."""
_LISTS = (".txt", ".tsv", ".csv", ".lst")
"""A word that ends so means a file, also one that is not there."""
_COLUMNS = ("participant_id", "subject_id", "subject", "participant", "id")
"""Headings that announce ids, in the order of preference (BIDS, FreeSurfer, HCP's own tables)."""


def read(words: Sequence[str], stdin: TextIO) -> list[str]:
    """The subjects that the words of a command line mean, each once, in their order.

    Parameters
    ----------
    words : sequence of str
        One file, `-` for standard input, or ids.
    stdin : text stream

    Raises
    ------
    InputError
        If nothing is listed, the list cannot be read, or an id is not the plain name of a folder.
    """
    if len(words) == 1 and words[0] == "-":
        return parse(stdin.read(), "standard input")
    lists = [word for word in words if Path(word).suffix.lower() in _LISTS or "/" in word]
    if len(words) == 1 and (lists or Path(words[0]).is_file()):
        return read_file(Path(words[0]))
    if lists:
        raise InputError(f"{lists[0]} among {len(words)} words is no subject id", mend="give one list, or only ids")
    return _checked(words, "the command line")


def read_file(path: Path) -> list[str]:
    """The subjects of a list on disk.

    Raises
    ------
    InputError
        As `read`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the list {path} cannot be read: {error}", mend="give a text file of subjects") from None
    return parse(text, str(path))


def parse(text: str, source: str) -> list[str]:
    r"""The subjects of a list: one id per line, or a table whose heading names the column of ids.

    Empty lines and lines that begin with `#` do not count.

    Parameters
    ----------
    text : str
    source : str
        What to call the list in an error.

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
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise InputError(f"{source} lists no subject", mend="give one id per line")
    separator = next((mark for mark in "\t,;" if mark in lines[0]), "\t")
    rows = list(csv.reader(lines, delimiter=separator))
    headings = [heading.strip().lower() for heading in rows[0]]
    column = next((headings.index(name) for name in _COLUMNS if name in headings), None)
    if column is None and len(headings) > 1:
        raise InputError(
            f"{source} has no column of subjects (its first line is: {lines[0].strip()[:80]})",
            mend=f"name the column {_COLUMNS[0]}, or give one id per line",
        )
    ids = rows if column is None else rows[1:]
    place = column or 0
    return _checked([row[place] if place < len(row) else "" for row in ids], source)


def _checked(words: Iterable[str], source: str) -> list[str]:
    """Each id once, all of them fit to name folders."""
    found = list(dict.fromkeys(word.strip() for word in words))
    if not found:
        raise InputError(f"{source} lists no subject", mend="give one id per line")
    for one in found:
        if not _ID.fullmatch(one) or ".." in one:
            raise InputError(f"{source}: {one!r} is no subject id", mend="give one plain name of a folder per line")
    return found
