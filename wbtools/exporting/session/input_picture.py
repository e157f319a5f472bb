"""The picture of what a network was shown: three planes of its input, and below them those of the reference."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.exporting.network_input import NetworkInput
from wbtools.space.foreground import bounding_box
from wbtools.space.grid import Volume, reorient
from wbtools.text import lengths, line

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH = 900
_QUALITY = 90
_EDGE = 12  # pixels
_LETTER = 18  # of room for a letter at each side of a plane
_TITLE, _WORDS, _SMALL = 17, 14, 12
_NEXT_LINE = 1.4
_BRIGHTEST = 99.5  # percentile of the brain that is white
_BACKGROUND, _INK = 0, 235

_PLANES = ((0, "APSI"), (1, "LRSI"), (2, "LRAP"))
"""Of an image in RAS order: the axis across each plane, and the letters left, right, above and below it."""


@dataclass(frozen=True)
class Words:
    """The words of the picture; untrusted text.

    Parameters
    ----------
    title, network, notice : str
        Above, the network's name in files, and at the foot.
    """

    title: str
    network: str
    notice: str


def write(path: Path, shown: NetworkInput, words: Words) -> None:
    """Draw what a network was shown, as a JPEG: pictures of scenes are the PNG files of an export.

    Parameters
    ----------
    path : Path
    shown : NetworkInput
        Without anybody's face.
    words : Words
    """
    rows = planes(shown)
    sizes = lengths(shown.image.grid.voxel_sizes, ".2g")
    shape = lengths(shown.image.grid.shape)
    headings = [f"Input of {words.network}: {shape} voxels of {sizes} mm", shown.about]
    page = _Page()
    page.write(words.title, _TITLE)
    page.write(headings[0], _WORDS)
    page.show(rows[0])
    page.write(headings[1], _WORDS)
    for row in rows[1:]:
        page.show(row)
    page.write(words.notice, _SMALL)
    page.image().save(path, "JPEG", quality=_QUALITY, optimize=True)


def planes(shown: NetworkInput) -> list[list[NDArray[np.uint8]]]:
    """Sagittal, coronal and axial plane through the centre of the person's brain; then of the reference, if any.

    Parameters
    ----------
    shown : NetworkInput

    Returns
    -------
    list of list of ndarray, (H, W), uint8
        As they are looked at: the subject's left is left, and front is left in sagittal planes. Grey from 0 to the
        99.5th percentile of the person's brain in both rows, cropped to what is shown in either.
    """
    images = [reorient(volume, "RAS") for volume in (shown.image, shown.reference) if volume]
    brain = images[0].data > 0
    box = bounding_box(np.any([image.data > 0 for image in images], axis=0))
    centre = [int(np.rint(places.mean())) for places in np.nonzero(brain)] if brain.any() else [p.start for p in box]
    white = float(np.percentile(images[0].data[brain], _BRIGHTEST)) if brain.any() else 1.0
    scale = _pixels_per_mm(images[0], box)
    return [[_plane(image, axis, centre, box, scale) for axis, _ in _PLANES] for image in _grey(images, white)]


def _grey(images: list[Volume], white: float) -> list[Volume]:
    return [Volume((image.data / white * 255).clip(0, 255).astype(np.uint8), image.grid) for image in images]


def _pixels_per_mm(image: Volume, box: tuple[slice, slice, slice]) -> float:
    """So that the three planes are as wide as the picture."""
    x, y, _ = (size * (part.stop - part.start) for size, part in zip(image.grid.voxel_sizes, box, strict=True))
    return (WIDTH - 2 * _EDGE - 6 * _LETTER) / float(y + x + x)


def _plane(
    image: Volume, axis: int, centre: list[int], box: tuple[slice, slice, slice], scale: float
) -> NDArray[np.uint8]:
    """A plane of an image in RAS order, its voxels as they are."""
    from PIL import Image

    index = tuple(centre[axis] if other == axis else part for other, part in enumerate(box))
    plane = image.data[index].T[::-1]  # up is up
    if axis == 0:
        plane = plane[:, ::-1]  # front is left
    across, up = (size for other, size in enumerate(image.grid.voxel_sizes) if other != axis)
    size = max(1, round(plane.shape[1] * across * scale)), max(1, round(plane.shape[0] * up * scale))
    return np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.Resampling.NEAREST))


class _Page:
    """A picture that grows downwards."""

    def __init__(self) -> None:
        self._strips: list[Image] = []

    def write(self, text: str, letters: int) -> None:
        """Add words in the middle, as many lines as they need."""
        plain = line(text).encode("ascii", "backslashreplace").decode()  # which letters the font has is not known
        height = round(_NEXT_LINE * letters)
        for words in textwrap.wrap(plain, int((WIDTH - 2 * _EDGE) / (0.53 * letters))):
            self._strip(height, [(words, WIDTH / 2, height / 2, letters)])
        self._strip(_EDGE // 2, [])

    def show(self, row: list[NDArray[np.uint8]]) -> None:
        """Add planes beside one another, with letters around."""
        from PIL import Image

        height = max(plane.shape[0] for plane in row) + 2 * _LETTER
        left, middle, letters = float(_EDGE), height / 2, []
        places = []
        for plane, (_, around) in zip(row, _PLANES, strict=True):
            tall, wide = plane.shape
            top, half = round(middle - tall / 2), _LETTER / 2
            places.append((plane, (round(left) + _LETTER, top)))
            centre = left + _LETTER + wide / 2
            xs = (left + half, left + _LETTER + wide + half, centre, centre)
            ys = (middle, middle, top - half, top + tall + half)
            letters += [(letter, x, y, _WORDS) for letter, x, y in zip(around, xs, ys, strict=True)]
            left += wide + 2 * _LETTER
        strip = self._strip(height, letters)
        for plane, place in places:
            strip.paste(Image.fromarray(plane), place)

    def image(self) -> Image:
        """All of it."""
        from PIL import Image

        whole = Image.new("L", (WIDTH, sum(strip.height for strip in self._strips) + _EDGE), _BACKGROUND)
        top = _EDGE // 2
        for strip in self._strips:
            whole.paste(strip, (0, top))
            top += strip.height
        return whole

    def _strip(self, height: int, texts: list[tuple[str, float, float, int]]) -> Image:
        """Add a strip with texts around points, letters so many pixels high."""
        from PIL import Image, ImageDraw, ImageFont

        strip = Image.new("L", (WIDTH, height), _BACKGROUND)
        draw = ImageDraw.Draw(strip)
        for text, x, y, letters in texts:
            draw.text((x, y), text, fill=_INK, font=ImageFont.load_default(letters), anchor="mm")
        self._strips.append(strip)
        return strip
