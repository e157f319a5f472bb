"""Fonts of words on pictures: DejaVu Sans, and where it lacks a letter, a font of this machine that has it."""

from __future__ import annotations

import logging
import os
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.search_path import find_program, without_working_directory

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

logger = logging.getLogger(__name__)

_NO_LETTER = "\uffff"  # never assigned: a font draws what it draws for all that it lacks
_SIZE = 24.0  # pixels at which letters are compared
_MOST = 100  # letters that are asked for at once
_LIMIT = 10.0  # seconds; without its cache, fontconfig reads all fonts first


def font_of(text: str, size: float, bold: bool = False) -> FreeTypeFont:
    """The font that a text is written in: DejaVu Sans unless it lacks a letter that a font of this machine has.

    Parameters
    ----------
    text : str
    size : float
        Pixels.
    bold : bool

    Examples
    --------
    >>> font_of("Größe", 12.0).getname()
    ('DejaVu Sans', 'Book')
    """
    own = _own(bold)
    lacking = "" if text.isascii() else _lacking(own, text)
    return _font(*((_elsewhere(lacking) if lacking else None) or own), max(1.0, size))


def _own(bold: bool) -> tuple[str, int]:
    return str(Path(__file__).with_name(f"DejaVuSans{'-Bold' * bold}.ttf")), 0


@lru_cache(32)
def _font(file: str, index: int, size: float) -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(file, size, index, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(256)
def _lacking(face: tuple[str, int], text: str) -> str:
    """The letters of a text for which a font has the sign of a missing letter: a box, in most."""
    font = _font(*face, _SIZE)
    box = bytes(font.getmask(_NO_LETTER))
    return "".join(sorted(each for each in {*text} if not each.isspace() and bytes(font.getmask(each)) == box))


@lru_cache(256)
def _elsewhere(letters: str) -> tuple[str, int] | None:
    """File and face of a font of this machine that has letters, by fontconfig; None if it has none, which is said."""
    try:
        face = _matching(letters)
        if face and not _lacking(face, letters):
            return face
    except (OSError, ValueError, UnicodeError, subprocess.SubprocessError):  # no fontconfig, no font, only bitmaps
        pass
    _say()
    return None


def _matching(letters: str) -> tuple[str, int] | None:
    """The font that fontconfig has for letters; it names the nearest one where none has them all."""
    program = find_program("fc-match")
    if not program:
        return None
    pattern = f"sans:charset={' '.join(f'{ord(each):x}' for each in letters[:_MOST])}"
    told = subprocess.run(
        [program, "--format=%{index} %{file}", pattern], env=without_working_directory(os.environ),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT, check=True,
    ).stdout  # fmt: skip
    index, _, file = told.partition(" ")
    return file, int(index) & 0xFFFF  # above that, instances of variable fonts are counted


@lru_cache(1)
def _say() -> None:
    """Once a process."""
    logger.warning("words on pictures have letters that no font here has, and show boxes for them")
