"""Lists of subjects: a text file, a table with a column of ids, standard input, or the ids themselves."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from wbtools.errors import InputError
from wbtools.subject import lists
from wbtools.subject.lists import Known
from wbtools.subject.subject import is_plain_name
from wbtools.tables import listfile
from wbtools.tables.listfile import ListText

_LONGEST = 200
"""Bytes of an id: a file name has 255, and logs add an ending to it."""
_LISTS = (".txt", ".tsv", ".csv", ".lst")
"""A word that ends so means a file, also one that is not there."""
_SHOWN = 80


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


def read(words: Sequence[str], stdin: TextIO | None, known: Known = _nobody) -> list[str]:
    """The subjects that the words of a command line mean, each once, in their order.

    Parameters
    ----------
    words : sequence of str
        One file, `-` for standard input, or ids.
    stdin : text stream or None
        None: it is closed.
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


def read_plain(listed: str, stdin: TextIO | None) -> list[str]:
    """The subjects of a list as a batch writes it: one id per line, no heading, whatever the ids are.

    Parameters
    ----------
    listed : str
        A file, or `-` for standard input.
    stdin : text stream or None
        None: it is closed.
    """
    found = listfile.of_stream(stdin, "standard input") if listed == "-" else listfile.of_file(Path(listed))
    return _checked(listfile.nonempty(found.text), listed)


def parse(text: str, source: str, known: Known = _nobody) -> list[str]:
    r"""The subjects of a list: one id per line, or a table whose heading names the column of ids.

    Empty lines and lines that begin with `#` do not count, nor does a remark behind a blank and `#`, nor rows whose id
    is missing (`n/a`).

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
    return _checked(lists.words(read, source, known), source)


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
