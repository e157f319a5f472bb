"""A published work that a methods text may cite, as a BibTeX entry and as a line of a list of references."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

_ACCENTS = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u030c": "v "}
"""Combining marks and the TeX commands that set them over the letter before."""

_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "\u2013": "--",
        "\u201c": "``",
        "\u201d": "''",
        '"': "''",
        **{sign: f"\\{sign}" for sign in "$&#_%"},
    }
)


def latex(text: str) -> str:
    r"""A text as LaTeX sets it, nothing in it a command; accents of Latin letters as commands, so that ASCII is left.

    Examples
    --------
    >>> print(latex("100 % of a_b, M\u00fcller, --null"))
    100 \% of a\_b, M{\"u}ller, -{}-null
    """
    return "".join(map(_letter, text.replace("--", "-\0-"))).replace("\0", "{}")


def _letter(letter: str) -> str:
    parts = unicodedata.normalize("NFD", letter)
    if len(parts) == 2 and parts[1] in _ACCENTS and parts[0].isascii():
        return f"{{\\{_ACCENTS[parts[1]]}{parts[0]}}}"
    return letter.translate(_SPECIAL)


@dataclass(frozen=True)
class Paper:
    """A published work.

    Parameters
    ----------
    kind : str
        Of the BibTeX entry.
    authors : tuple of str
        As `Last, First`; an organisation's name is in braces.
    title : str
    year : str
        Empty if it is not known.
    fields : mapping of str to str
        What else the entry holds, in order; DOIs without the resolver's address.
    """

    kind: str
    authors: tuple[str, ...]
    title: str
    year: str
    fields: Mapping[str, str]

    @property
    def label(self) -> str:
        """What it is called in a text.

        Examples
        --------
        >>> Paper("book", ("Westfall, Peter H.", "Young, S. Stanley"), "Resampling", "1993", {}).label
        'Westfall and Young 1993'

        Code without a year is called by its place:

        >>> repository("{AlexSisay}", "MRI-Retrieval", "https://github.com/AlexSisay/MRI-Retrieval").label
        'GitHub repository AlexSisay/MRI-Retrieval'
        """
        if not self.year and "howpublished" in self.fields:
            return f"{self.fields['howpublished']} {self.authors[0].strip('{}')}/{self.title}"
        last = [author.partition(",")[0].strip("{}") for author in self.authors]
        names = f"{last[0]} et al." if len(last) > 2 else " and ".join(last)
        return f"{names} {self.year}".strip()

    def bibtex(self, key: str) -> str:
        """The entry under a key; the title keeps its capitals."""
        fields = {
            "author": " and ".join(f"{{{latex(a[1:-1])}}}" if a.startswith("{") else latex(a) for a in self.authors),
            "title": f"{{{latex(self.title)}}}",
            **({"year": self.year} if self.year else {}),
            **{name: value if name in ("doi", "url") else latex(value) for name, value in self.fields.items()},
        }
        lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
        return f"@{self.kind}{{{key},\n{lines}}}\n"

    @property
    def line(self) -> str:
        """What a list of references says of it, without mark-up."""
        authors = "; ".join(author.strip("{}") for author in self.authors)
        year = f" ({self.year})" if self.year else ""
        return f"{authors}{year}. {self.title}. {', '.join(self._parts())}."

    @property
    def address(self) -> str:
        """Where it is found; empty where that is not known."""
        doi = self.fields.get("doi", "")
        return f"https://doi.org/{doi}" if doi else self.fields.get("url", "")

    def _parts(self) -> list[str]:
        get = self.fields.get
        where = get("journal") or get("booktitle") or get("publisher") or get("howpublished") or ""
        volume = get("volume", "") + (f"({get('number')})" if get("number") else "")
        begins = f"{get('series')} {volume}" if get("series") else volume
        place = f"{where} {volume}" if get("journal") or not get("series") else f"{where}, {begins}"
        pages = f"{place.strip()}: {get('pages')}" if get("pages") else place.strip()
        arxiv = f"arXiv:{get('eprint')}" if get("eprint") else ""
        return [part for part in (pages, arxiv, get("note", "")) if part]


def _names(authors: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in authors.split(";"))


def article(authors: str, title: str, year: int, journal: str, **fields: str) -> Paper:
    """A paper in a journal; authors are separated by semicolons.

    Examples
    --------
    >>> article("Fischl, Bruce", "FreeSurfer", 2012, "NeuroImage", volume="62").label
    'Fischl 2012'
    """
    return Paper("article", _names(authors), title, str(year), {"journal": journal, **fields})


def chapter(authors: str, title: str, year: int, book: str, **fields: str) -> Paper:
    """A paper in proceedings or a book of several authors.

    Examples
    --------
    >>> chapter("Zeiler, Matthew D.; Fergus, Rob", "Visualizing", 2014, "ECCV").label
    'Zeiler and Fergus 2014'
    """
    return Paper("inproceedings", _names(authors), title, str(year), {"booktitle": book, **fields})


def preprint(authors: str, title: str, year: int, arxiv: str, note: str = "") -> Paper:
    """A paper on arXiv.

    Examples
    --------
    >>> preprint("Draelos, Rachel Lea; Carin, Lawrence", "Use HiResCAM", 2020, "2011.08891").address
    'https://doi.org/10.48550/arXiv.2011.08891'
    """
    told = {"note": note} if note else {}
    fields = {"eprint": arxiv, "archiveprefix": "arXiv", "doi": f"10.48550/arXiv.{arxiv}", **told}
    return Paper("misc", _names(authors), title, str(year), fields)


def repository(author: str, title: str, address: str) -> Paper:
    """Code that is not published elsewhere, of an author who may be known by an account's name only.

    Examples
    --------
    >>> repository("{AlexSisay}", "MRI-Retrieval", "https://github.com/AlexSisay/MRI-Retrieval").address
    'https://github.com/AlexSisay/MRI-Retrieval'
    """
    return Paper("misc", (author,), title, "", {"howpublished": "GitHub repository", "url": address})
