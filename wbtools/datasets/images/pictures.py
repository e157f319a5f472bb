"""Pictures: PNG, JPEG and the like, brought to one size and one number of channels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wbtools.datasets.images.made import Made
from wbtools.datasets.manifest import Kind
from wbtools.errors import InputError
from wbtools.images.diagnosis import require_file

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".pgm", ".ppm")
"""Endings of pictures, in lower case."""

_LARGEST = 1 << 27
"""Pixels of the largest picture that is decoded."""
_GREY = ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L")
"""Pillow's modes without colour."""
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, OverflowError)
"""What Pillow raises for damaged files."""


@dataclass(frozen=True)
class Look:
    """What a picture's header says.

    Parameters
    ----------
    height, width : int
        Pixels.
    colour : bool
    """

    height: int
    width: int
    colour: bool


class Picture(Protocol):
    """A picture that can be decoded."""

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read."""

    def check(self) -> None:
        """Raise InputError if its header already shows that it cannot be read."""

    def look(self) -> Look:
        """What the header says."""

    def grey(self) -> NDArray[np.uint8]:
        """Its grey values, (H, W)."""

    def colours(self) -> NDArray[np.uint8]:
        """Red, green and blue, (H, W, 3)."""


@dataclass(frozen=True)
class PictureFile:
    """A picture in a file of its own.

    Parameters
    ----------
    path : Path
    """

    path: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """The file."""
        return (self.path,)

    def check(self) -> None:
        """Read the header."""
        self.look()

    def look(self) -> Look:
        """What the header says."""
        return _look(self.path)

    def grey(self) -> NDArray[np.uint8]:
        """Its grey values, (H, W)."""
        with opened(self.path) as image:
            return grey_of(image)

    def colours(self) -> NDArray[np.uint8]:
        """Red, green and blue, (H, W, 3)."""
        with opened(self.path) as image:
            return colours_of(image)


@lru_cache(maxsize=1 << 18)
def _look(path: Path) -> Look:
    """The header; it is asked for twice, when the size is chosen and when files are checked."""
    with opened(path) as image:
        return look_at(image)


def look_at(image: Image) -> Look:
    """What a picture's header says; a camera that was held upright has the picture turned."""
    width, height = image.size
    if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):
        width, height = height, width
    return Look(height, width, image.mode not in _GREY)


@contextmanager
def opened(path: Path, stream: Any = None) -> Iterator[Image]:
    """A picture, decoded when it is used.

    Parameters
    ----------
    path : Path
        What to call it in errors, and where it is without a stream.
    stream : binary file, optional

    Raises
    ------
    InputError
        If it is none, damaged, or larger than any that is meant.
    """
    from PIL import Image

    if stream is None:
        require_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(stream or path) as image:
                if image.width * image.height > _LARGEST:
                    raise InputError(f"{path} has {image.width} x {image.height} pixels, which is too many")
                yield image
    except (*_DAMAGE, Image.DecompressionBombError) as error:
        raise InputError(f"{path} is no picture that can be read: {error}") from None


def grey_of(image: Image) -> NDArray[np.uint8]:
    """The grey values of a picture, (H, W); of 16 bits the upper 8."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        return _eight_bits(np.asarray(upright))
    return np.asarray(upright.convert("L"))


def colours_of(image: Image) -> NDArray[np.uint8]:
    """Red, green and blue of a picture, (H, W, 3)."""
    from PIL import ImageOps

    if image.mode in _GREY:
        return np.repeat(grey_of(image)[..., None], 3, axis=2)
    return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values of more than 8 bits in 8; of numbers with a fraction the lowest becomes 0 and the highest 255.

    Examples
    --------
    >>> _eight_bits(np.array([[0, 256, 65535]], np.int32)).tolist(), _eight_bits(np.array([[-1.0, 1.0]])).tolist()
    ([[0, 1, 255]], [[0, 255]])
    """
    if np.issubdtype(values.dtype, np.integer) and values.min() >= 0 and values.max() < 1 << 16:
        return np.asarray(values >> 8 if values.max() > 255 else values, np.uint8)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite((low, high)).all():
        raise ValueError("it holds values that are no numbers")
    return np.asarray((values - low) * (255 / max(high - low, 1e-30)) + 0.5, np.uint8)


def resized(plane: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """A plane (H, W) at another size, stretched, each pixel the mean of what it covers."""
    from PIL import Image

    if plane.shape == (height, width):
        return plane
    return np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR))


@dataclass(frozen=True)
class PicturePreparation:
    """Pictures of one size.

    Parameters
    ----------
    height, width : int
        Pixels.
    channels : int
        1 for grey, 3 for colours.
    """

    height: int
    width: int
    channels: int

    @classmethod
    def fitting(cls, looks: Sequence[Look], shape: tuple[int, ...] | None, usual: int) -> PicturePreparation:
        """The preparation for pictures: in colour if any is, of the usual size unless all are smaller and alike.

        Examples
        --------
        >>> PicturePreparation.fitting([Look(28, 28, False)] * 3, None, 224)
        PicturePreparation(height=28, width=28, channels=1)
        """
        sizes = {(look.height, look.width) for look in looks}
        own = next(iter(sizes)) if len(sizes) == 1 else (usual, usual)
        height, width = shape or (own if max(own) <= usual else (usual, usual))
        return cls(height, width, 3 if any(look.colour for look in looks) else 1)

    @property
    def kind(self) -> Kind:
        """Pictures."""
        return Kind.PICTURES

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height, width."""
        return (self.channels, self.height, self.width)

    @property
    def card(self) -> Mapping[str, Any]:
        """Nothing: cards are about scans."""
        return {}

    @property
    def settings(self) -> Mapping[str, Any]:
        """The shape, and how it is reached."""
        return {"shape": list(self.shape), "resampling": "stretched, antialiased (bilinear)"}

    def make(self, image: Picture) -> Made:
        """The row of a picture."""
        planes = image.grey()[..., None] if self.channels == 1 else image.colours()
        if planes.size and np.ptp(planes) == 0:
            raise InputError("all of its pixels are equal")
        resizes = [resized(np.ascontiguousarray(plane), self.height, self.width) for plane in np.moveaxis(planes, 2, 0)]
        return Made(np.stack(resizes))
