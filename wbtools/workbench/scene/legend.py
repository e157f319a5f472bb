"""The words of a figure and its colour bar, as views above and below what is drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wbtools.workbench.scene.elements import Align, ColourBar, Rectangle, Text
from wbtools.workbench.scene.scene import View

NOTICE = "Research use only. Not for diagnosis."

WIDTH = 1600
"""Of a figure, pixels."""

# Pixels; letters are about half as wide as they are high.
_TITLE, _WORDS, _SMALL = 28, 22, 20
_NEXT_LINE = 1.4
_BAR = 380  # width of the colour bar with its margin
_MOST_LINES = 3  # of title and caption each; the record has the whole
_MOST_NOTICES = 8  # lines of the notice: the first ones and the last two, which say what the picture is not for


@dataclass(frozen=True)
class Legend:
    """The words of a figure, beside what is drawn.

    Parameters
    ----------
    title : str
    caption : str
        What the network decided; below the title.
    notice : str
        What every reader must know; at the foot.
    unit : str
        Of the overlay, above the colour bar and its numbers.
    about : tuple of str
        Sentences on what is shown, for wb_view's list of scenes alone.
    """

    title: str
    caption: str = ""
    notice: str = NOTICE
    unit: str = ""
    about: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """All words, for wb_view's list of scenes."""
        ended = self.caption and f"{self.caption.removesuffix('.')}."
        return "\n".join(filter(None, (self.title, " ".join(self.about), ended, self.notice)))

    def header(self) -> tuple[View, int]:
        """Title and caption as a view, and its height in pixels."""
        lines = [(line, _TITLE) for line in _wrapped(self.title, _TITLE, WIDTH - 40)[:_MOST_LINES]]
        lines += [(line, _WORDS) for line in _wrapped(self.caption, _WORDS, WIDTH - 40)[:_MOST_LINES]]
        height = round(sum(_NEXT_LINE * letters for _, letters in lines)) + 24
        return View("Title", texts=_stacked(lines, 50, height, Align.CENTER)), height

    def footer(self, hidden: View) -> tuple[View, int]:
        """Colour bar, unit and notice as a view, and its height in pixels.

        Workbench draws a colour bar only in views that draw its layer: here by `hidden`, which shows nothing else.
        """
        wrapped = _wrapped(self.notice, _SMALL, WIDTH - _BAR - 40)
        if len(wrapped) > _MOST_NOTICES:
            wrapped = [*wrapped[: _MOST_NOTICES - 2], *wrapped[-2:]]
        lines = [(line, _SMALL) for line in wrapped]
        height = max(round(_NEXT_LINE * _SMALL * len(lines)), 90) + 16
        bar = _colour_bar(height)
        above = Text(self.unit, bar.place.centre[0], bar.place.top + 0.6 * bar.letters, bar.letters, Align.CENTER)
        texts = (*_stacked(lines, 98.5, height, Align.RIGHT), *([above] if self.unit else []))
        layer, *_ = hidden.layers
        return replace(hidden, name="Legend", layers=(replace(layer, colour_bar=bar),), texts=texts), height


def _colour_bar(height: int) -> ColourBar:
    """A colour bar at the left of a view of so many pixels, room for its unit above."""
    low, high = (100 * (height / 2 + pixels) / height for pixels in (-44, 16))
    return ColourBar(Rectangle(2, 22, low, high), letters=100 * _WORDS / height)


def _stacked(lines: Sequence[tuple[str, int]], x: float, height: int, align: Align) -> tuple[Text, ...]:
    """Lines of given letters (pixels) below one another, in the middle of a view of so many pixels."""
    top = (height + sum(_NEXT_LINE * letters for _, letters in lines)) / 2
    texts = []
    for line, letters in lines:
        texts.append(Text(line, x, 100 * (top - _NEXT_LINE * letters / 2) / height, 100 * letters / height, align))
        top -= _NEXT_LINE * letters
    return tuple(texts)


def _wrapped(text: str, letters: int, width: int) -> list[str]:
    """A text in lines that are at most so many pixels wide, with letters of that height."""
    return textwrap.wrap(text, int(width / (0.53 * letters)))
