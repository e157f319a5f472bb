"""Pictures inside HTML, as data addresses: such a page needs no other file."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def address(content: bytes, kind: str) -> str:
    """A file's content as a data address.

    Parameters
    ----------
    content : bytes
    kind : str
        The media type.

    Examples
    --------
    >>> address(b"<svg/>", "image/svg+xml")
    'data:image/svg+xml;base64,PHN2Zy8+'
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def read(path: Path, width: int) -> Image:
    """A picture of at most this width, pixels, without transparency.

    Raises
    ------
    OSError
        If it is no picture, or damaged.
    """
    from PIL import Image

    with Image.open(path) as picture:
        picture.draft("RGB", (width, width))
        picture.load()
    plain = picture if picture.mode == "RGB" else picture.convert("RGB")
    if plain.width <= width:
        return plain
    size = (width, round(plain.height * width / plain.width))
    return plain.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def webp(picture: Image, quality: int = 80) -> str:
    """A picture as the data address of a WebP file, which all browsers have shown since 2020."""
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=quality)
    return address(stream.getvalue(), "image/webp")
