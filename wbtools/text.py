"""Text of others made safe: names of files, cards, headers and messages of libraries end in tables and on terminals.

Nothing here forbids a text; what could forge a line, a row or a formula is shown instead of done.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable

LONGEST = 2000
"""Letters that a text of others may have before it is cut."""

_JOINERS = "\u200c\u200d"  # have no width, and belong to the spelling of Persian, Hindi and others
_FORMULA = '=+-@"'
_PLAIN = re.compile(r"[\x20-\x7e]*")


def line(text: object, longest: int = LONGEST) -> str:
    r"""A text as one printable line: white space becomes one blank, other control characters are written out.

    Parameters
    ----------
    text : object
        What `str` makes a text of.
    longest : int
        Letters; a longer text ends in an ellipsis.

    Examples
    --------
    >>> line("a title\n\tof two lines \x1b[31m")
    'a title of two lines \\x1b[31m'
    >>> line("abcdef", 4)
    'abc\u2026'
    """
    return shortened(printable(" ".join(str(text).split())), longest)


def printable(text: str) -> str:
    r"""A text whose line breaks are kept and whose other control characters are written out.

    Terminals obey escape sequences and marks of direction; XML cannot hold most control characters at all.

    Examples
    --------
    >>> printable("two\nlines\x07"), printable("Zoë 北京 \u202egpj.exe")
    ('two\nlines\\x07', 'Zoë 北京 \\u202egpj.exe')
    """
    if _PLAIN.fullmatch(text):
        return text
    return "".join(letter if _harmless(letter) else _written_out(letter) for letter in text)


def _harmless(letter: str) -> bool:
    return letter.isprintable() or letter == "\n" or letter in _JOINERS or unicodedata.category(letter) == "Zs"


def _written_out(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def shortened(text: str, longest: int) -> str:
    """A text of at most `longest` letters; the end of a longer one is an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1] + "\u2026"


def counted(number: int, thing: str) -> str:
    """A number of things: the word for one of them, or for several.

    Examples
    --------
    >>> counted(1, "subject"), counted(0, "subject")
    ('1 subject', '0 subjects')
    """
    return f"{number} {thing}{'' if number == 1 else 's'}"


def cell(text: object, longest: int = LONGEST) -> str:
    r"""A text as a cell of a tab-separated table that no spreadsheet takes for a formula or for a quoted text.

    Not for numbers: a cell that begins with `=`, `+`, `-`, `@` or a quotation mark gets an apostrophe before it.

    Examples
    --------
    >>> cell("=cmd()"), cell("one\ttwo"), cell("U-Net")
    ("'=cmd()", 'one two', 'U-Net')
    """
    shown = line(text, longest)
    # Full-width forms of the signs count as the signs.
    return f"'{shown}" if unicodedata.normalize("NFKC", shown[:1]) in _FORMULA and shown else shown


def tsv(rows: Iterable[Iterable[str]]) -> str:
    """Rows of cells as tab-separated text; cells are taken as they are (see `cell`)."""
    return "".join("\t".join(row) + "\n" for row in rows)


def shell(*words: object, encoding: str = "utf-8") -> str:
    r"""A command line that can be pasted into bash or zsh, whatever its words hold.

    Parameters
    ----------
    words : object
        What `str` makes words of.
    encoding : str
        Of the terminal; letters that it lacks are written as bytes.

    Examples
    --------
    >>> shell("wb_view", "-scene-load", "/data/my study/a.scene", 1)
    "wb_view -scene-load '/data/my study/a.scene' 1"
    >>> shell("ls", "a\x1b[b")
    "ls $'a\\x1b[b'"
    """
    return " ".join(_word(str(word), encoding) for word in words)


def _word(word: str, encoding: str) -> str:
    if printable(word) == word and "\n" not in word and word.encode(encoding, "ignore").decode(encoding) == word:
        return shlex.quote(word)
    raw = word.encode("utf-8", "surrogateescape")
    return "$'" + "".join(_byte(byte) for byte in raw) + "'"


def _byte(byte: int) -> str:
    """One byte inside `$'...'`."""
    letter = chr(byte)
    if letter in "\\'":
        return "\\" + letter
    return letter if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"
