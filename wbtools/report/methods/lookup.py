"""Values of a record, which may lack any of them: another version wrote it, or a setting left them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wbtools.text import line

_LONGEST = 600
"""Characters of one text of a record."""


@dataclass(frozen=True)
class Part:
    """A part of a record.

    Parameters
    ----------
    values : mapping
        As JSON was parsed.

    Examples
    --------
    >>> part = Part({"subject": {"id": "p0", "meshes": ["native"]}, "share": 0.5})
    >>> subject = part.at("subject")
    >>> subject.text("id"), subject.texts("meshes"), part.number("share"), part.at("none").text("a")
    ('p0', ('native',), 0.5, '')
    """

    values: Mapping[str, object]

    def __bool__(self) -> bool:
        return bool(self.values)

    def at(self, *keys: str) -> Part:
        """The part below; empty where there is none."""
        found: object = self.values
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return Part(found if isinstance(found, Mapping) else {})

    def text(self, key: str) -> str:
        """A text as a single line; empty where there is none."""
        found = self.values.get(key)
        return line(found, _LONGEST) if isinstance(found, str) else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a list."""
        found = self.values.get(key)
        kept = found if isinstance(found, list | tuple) else ()
        return tuple(line(each, _LONGEST) for each in kept if isinstance(each, str))

    def parts(self, key: str) -> tuple[Part, ...]:
        """The parts in a list."""
        found = self.values.get(key)
        kept = found if isinstance(found, list | tuple) else ()
        return tuple(Part(each) for each in kept if isinstance(each, Mapping))

    def number(self, key: str) -> float | None:
        """A number; None where there is none."""
        found = self.values.get(key)
        return found if isinstance(found, int | float) and not isinstance(found, bool) else None

    def flag(self, key: str) -> bool | None:
        """True or False; None where there is neither."""
        found = self.values.get(key)
        return found if isinstance(found, bool) else None


def shown(value: float) -> str:
    """A number as texts have it: whole ones entire, others with three significant digits.

    Examples
    --------
    >>> shown(278424), shown(0.6242), shown(0.9999999), shown(4.0), shown(0.00001)
    ('278,424', '0.624', '1', '4', '1e-05')
    """
    return f"{int(value):,}" if float(value).is_integer() else f"{value:.3g}"


def percent(share: float) -> str:
    """A share in per cent.

    Examples
    --------
    >>> percent(0.47723), percent(0.0), percent(1.0)
    ('47.7%', '0.0%', '100.0%')
    """
    return f"{100 * share:.1f}%"


def numbered(words: tuple[str, ...]) -> str:
    """Items that may hold semicolons themselves, numbered.

    Examples
    --------
    >>> numbered(("start: a; b", "end"))
    '(1) start: a; b; (2) end'
    """
    return "; ".join(f"({number}) {item}" for number, item in enumerate(words, 1))


def quoted(text: str) -> str:
    r"""Words of the record, marked as such.

    Examples
    --------
    >>> print(ascii(quoted("twins.")))
    '\u201ctwins\u201d'
    """
    return f"\u201c{text.rstrip('.')}\u201d"
