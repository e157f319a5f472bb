"""Escaping of untrusted text, such as file names, cards, headers and library messages, for tables and terminals.

No text is rejected; characters that could forge a line, a row or a formula are escaped.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import PurePath

LONGEST = 2000
"""Largest length of an untrusted text, in characters; longer ones are truncated."""

_JOINERS = "\u200c\u200d"  # zero width, but part of the spelling of Persian, Hindi and other languages
_FORMULA = '=+-@"'
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
"""What lies between two sentences."""
_PLAIN = re.compile(r"[\x20-\x7e]*")

_PLURALS = {"family": "families", "person": "people", "copy": "copies"}
"""Of nouns that do more than take an s."""


def line(text: object, longest: int = LONGEST) -> str:
    r"""A text as a single printable line: white space becomes a blank, other control characters are escaped.

    Parameters
    ----------
    text : object
        Converted by `str`.
    longest : int
        Characters; a longer text ends in an ellipsis.

    Examples
    --------
    >>> line("a title\n\tof two lines \x1b[31m")
    'a title of two lines \\x1b[31m'
    >>> line("abcdef", 4)
    'abc\u2026'
    """
    return shortened(printable(" ".join(str(text).split())), longest)


def printable(text: str) -> str:
    r"""A text with its line breaks kept and all other control characters escaped.

    Terminals obey escape sequences and directional marks; XML cannot contain most control characters at all.

    Examples
    --------
    >>> printable("two\nlines\x07"), printable("Zoë 北京 \u202egpj.exe")
    ('two\nlines\\x07', 'Zoë 北京 \\u202egpj.exe')
    """
    if _PLAIN.fullmatch(text):
        return text
    return "".join(letter if _harmless(letter) else _escaped(letter) for letter in text)


def _harmless(letter: str) -> bool:
    return letter.isprintable() or letter == "\n" or letter in _JOINERS or unicodedata.category(letter) == "Zs"


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def shortened(text: str, longest: int) -> str:
    r"""A text of at most `longest` characters; a longer one ends in an ellipsis.

    Examples
    --------
    >>> shortened("abcdef", 4), shortened("abc", 4)
    ('abc\u2026', 'abc')
    """
    return text if len(text) <= longest else text[: longest - 1] + "\u2026"


def counted(number: int, thing: str, things: str = "") -> str:
    """A number with its noun in singular or plural.

    Parameters
    ----------
    number : int
    thing : str
        The noun.
    things : str
        Its plural, where it is neither one of `_PLURALS` nor made with an `s`.

    Examples
    --------
    >>> counted(1, "subject"), counted(0, "subject"), counted(2, "family"), counted(3, "other person")
    ('1 subject', '0 subjects', '2 families', '3 other people')
    """
    known = (thing.removesuffix(noun) + many for noun, many in _PLURALS.items() if thing.endswith(noun))
    return f"{number} {thing if number == 1 else things or next(known, f'{thing}s')}"


def lengths(values: Iterable[object], digits: str = "") -> str:
    """Lengths along axes, of an image or a voxel; one that may be any is None.

    Parameters
    ----------
    values : iterable of numbers, str or None
    digits : str
        How numbers are written, as `format` takes it.

    Examples
    --------
    >>> lengths((96, 112, None)), lengths((0.7, 0.7, 1.25), ".3g")
    ('96 x 112 x any', '0.7 x 0.7 x 1.25')
    """
    return " x ".join("any" if value is None else format(value, digits) for value in values)


def first_of(names: Sequence[str], most: int, mark: str = ", ") -> str:
    """The first of some names, and how many more there are.

    Parameters
    ----------
    names : sequence of str
    most : int
        How many are named.
    mark : str
        What stands between two.

    Examples
    --------
    >>> first_of(["V1", "V2", "V3"], 2), first_of(["V1", "V2"], 2)
    ('V1, V2 and 1 more', 'V1, V2')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return mark.join(names[:most]) + more


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    Examples
    --------
    >>> listed(("a", "b", "c")), listed(("a", "b")), listed(())
    ('a, b and c', 'a and b', '')
    """
    *first, last = words or ("",)
    return f"{', '.join(first)} and {last}" if first else last


def size(count: int) -> str:
    """A number of bytes in words.

    Examples
    --------
    >>> size(37_781), size(86_400_000), size(2_345_600_000), size(12)
    ('38 kB', '86.4 MB', '2,345.6 MB', '1 kB')
    """
    return f"{count / 1e6:,.1f} MB" if count >= 999_500 else f"{max(1, round(count / 1e3))} kB"


def sentences(text: str, count: int) -> str:
    """The first sentences of a text.

    Examples
    --------
    >>> sentences("See map 2. Its p is .05 at least. Do not read ranks from it.", 2)
    'See map 2. Its p is .05 at least.'
    """
    return " ".join(_END.split(text.strip())[:count])


def cell(text: object, longest: int = LONGEST) -> str:
    r"""A text as a cell of a tab-separated table that spreadsheets do not interpret as a formula or a quoted text.

    Not for numbers: a cell that begins with `=`, `+`, `-`, `@` or a quotation mark is prefixed with an apostrophe.

    Examples
    --------
    >>> cell("=cmd()"), cell("one\ttwo"), cell("U-Net")
    ("'=cmd()", 'one two', 'U-Net')
    """
    content = line(text, longest)
    # Full-width forms of the signs count, too.
    return f"'{content}" if unicodedata.normalize("NFKC", content[:1]) in _FORMULA and content else content


def tsv(rows: Iterable[Iterable[str]]) -> str:
    r"""Rows of cells as tab-separated text; cells are not escaped (see `cell`).

    Examples
    --------
    >>> tsv([["rank", "region"], ["1", "R_V1_ROI"]])
    'rank\tregion\n1\tR_V1_ROI\n'
    """
    return "".join("\t".join(row) + "\n" for row in rows)


def shell(*words: object, encoding: str = "utf-8") -> str:
    r"""A command line that can be pasted into bash or zsh, whatever its words contain.

    Parameters
    ----------
    words : object
        Converted by `str`; a path that begins with a dash, which would be taken for an option, is written with `./`.
    encoding : str
        Of the terminal; characters that it lacks are written as bytes.

    Examples
    --------
    >>> shell("wb_view", "-scene-load", "/data/my study/a.scene", 1)
    "wb_view -scene-load '/data/my study/a.scene' 1"
    >>> shell("ls", "a\x1b[b"), shell("ls", "-l", PurePath("-l"))
    ("ls $'a\\x1b[b'", 'ls -l ./-l')
    """
    return " ".join(_word(_typed(word), encoding) for word in words)


def _typed(word: object) -> str:
    """A word as programs understand it."""
    return f"./{word}" if isinstance(word, PurePath) and str(word).startswith("-") else str(word)


def _word(word: str, encoding: str) -> str:
    if printable(word) == word and "\n" not in word and word.encode(encoding, "ignore").decode(encoding) == word:
        return shlex.quote(word)
    raw = word.encode("utf-8", "surrogateescape")
    return "$'" + "".join(_byte(byte) for byte in raw) + "'"


def _byte(byte: int) -> str:
    """A byte inside `$'...'`."""
    letter = chr(byte)
    if letter in "\\'":
        return "\\" + letter
    return letter if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"
