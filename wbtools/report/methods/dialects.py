"""Sentences with citations, and how Markdown and LaTeX write them. Everything but a citation is plain text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from wbtools.report.methods.paper import Paper, latex

_MARKDOWN = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]{}<>|~$^&#@"})


@dataclass(frozen=True)
class Cite:
    """Works that are cited at a place in a sentence.

    Parameters
    ----------
    keys : tuple of str
        Of `bibliography`; none cites nothing.
    """

    keys: tuple[str, ...]


Piece = str | Cite
Sentence = tuple[Piece, ...]
Writer = Callable[[Piece], str]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph.

    Parameters
    ----------
    heading : str
    sentences : tuple of tuple
        Of plain text and citations.
    """

    heading: str
    sentences: tuple[Sentence, ...]

    @property
    def keys(self) -> list[str]:
        """What it cites, in order, repeatedly if it does."""
        pieces = (piece for sentence in self.sentences for piece in sentence)
        return [key for piece in pieces if isinstance(piece, Cite) for key in piece.keys]


def cite(*keys: str) -> Cite:
    """Cite works by their keys."""
    return Cite(keys)


def markdown(paragraphs: Sequence[Paragraph], works: Mapping[str, Paper]) -> str:
    r"""Paragraphs with citations by author and year, and a list of references.

    Parameters
    ----------
    paragraphs : sequence of Paragraph
    works : mapping of str to Paper
        Those that are cited.

    Examples
    --------
    >>> print(markdown([Paragraph("Data", (("Of a_b.",),))], {}), end="")
    **Data.** Of a\_b.
    """

    def written(piece: Piece) -> str:
        if isinstance(piece, str):
            return in_markdown(piece)
        return f" ({'; '.join(in_markdown(works[key].label) for key in piece.keys)})" if piece.keys else ""

    body = [f"**{in_markdown(each.heading)}.** {_joined(each, written)}" for each in paragraphs]
    listed = [f"- {in_markdown(work.line)}{_link(work)}" for work in sorted(works.values(), key=_order)]
    return "\n\n".join([*body, *(["**References**", "\n".join(listed)] if listed else [])]) + "\n"


def in_latex(paragraphs: Sequence[Paragraph]) -> str:
    r"""Paragraphs with citations of the keys of the BibTeX file.

    Examples
    --------
    >>> print(in_latex([Paragraph("Data", (("All", cite("he2016"), "."),))]), end="")
    \paragraph{Data.} All~\cite{he2016}.
    """

    def written(piece: Piece) -> str:
        if isinstance(piece, str):
            return latex(piece)
        return f"~\\cite{{{','.join(piece.keys)}}}" if piece.keys else ""

    return "\n\n".join(f"\\paragraph{{{latex(each.heading)}.}} {_joined(each, written)}" for each in paragraphs) + "\n"


def in_markdown(text: str) -> str:
    r"""A text of which Markdown takes nothing for mark-up.

    Examples
    --------
    >>> print(in_markdown("<b> [a](b) *"))
    \<b\> \[a\](b) \*
    """
    return text.translate(_MARKDOWN)


def _joined(paragraph: Paragraph, written: Writer) -> str:
    return " ".join("".join(map(written, sentence)) for sentence in paragraph.sentences)


def _link(work: Paper) -> str:
    return f" <{work.address.replace('<', '%3C').replace('>', '%3E')}>" if work.address else ""


def _order(work: Paper) -> tuple[str, str, str]:
    return work.authors[0].strip("{}").lower(), work.year, work.title


def used(paragraphs: Iterable[Paragraph], works: Mapping[str, Paper]) -> dict[str, Paper]:
    """The works that paragraphs cite, in the order of their keys."""
    keys = {key for paragraph in paragraphs for key in paragraph.keys}
    return {key: works[key] for key in sorted(keys)}
