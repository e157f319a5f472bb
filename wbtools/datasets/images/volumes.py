"""T1w scans, conformed by the same code that shows a person to a network when it is explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wbtools.datasets.images.made import Made
from wbtools.datasets.manifest import SUBJECT_SAYS, Kind
from wbtools.datasets.remarks import SKULL
from wbtools.errors import InputError
from wbtools.exporting.comparison_people import plain_scan
from wbtools.exporting.references.conforming import is_flat
from wbtools.images import arrays, nifti
from wbtools.images.diagnosis import ARRAY_DAMAGE, require_file
from wbtools.model.card import Card
from wbtools.model.input import brain_only, model_input
from wbtools.model.intensity import Intensity
from wbtools.native.person import read_scan
from wbtools.placement import brain_extraction
from wbtools.space.foreground import Scan
from wbtools.subject import Subject
from wbtools.text import lengths

_CARRIED = ("orientation", "resampling", "intensity", "skull_stripped")
"""Fields of a card that the preparation decides, beside the shape."""


class VolumeImage(Protocol):
    """A scan that can be conformed."""

    @property
    def files(self) -> tuple[Path, ...]:
        """What is read."""

    def check(self) -> None:
        """Raise InputError if its header already shows that it cannot be read."""

    def conformed(self, card: Card) -> Made:
        """What a network with this card is given of it, (1, X, Y, Z), float32."""


@dataclass(frozen=True)
class ScanImage:
    """A T1w image with its brain mask, as far as the person has one.

    Parameters
    ----------
    t1w : Path
    subject : Subject or None
        None for an image alone, and for a raw scan, which has nothing of its own beside the image.
    """

    t1w: Path
    subject: Subject | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The image, its brain mask, and the segmentation that stands in for one."""
        mask = self.subject and (self.subject.brain_mask or self.subject.segmentation)
        return (self.t1w, *([mask] if mask else []))

    def check(self) -> None:
        """Read the header."""
        nifti.read_grid(self.t1w)

    def conformed(self, card: Card) -> Made:
        """The image as `wbtools.model.model_input` makes it.

        Raises
        ------
        InputError
            If the image cannot be read, shows a skull that nothing removes, or holds no contrast.
        """
        scan = self._scan(card)
        shown, remarks = brain_only(scan, card)
        found = model_input(shown, card)
        if is_flat(found):
            raise InputError(f"{self.t1w} has the same value nearly everywhere in the brain, as a mask has")
        notice = self.subject.notice if self.subject else ""
        said = (f"{SUBJECT_SAYS}{notice}",) if notice else ()
        return Made(found.data[0], (*said, *scan.remarks, *remarks, *found.remarks))

    def _scan(self, card: Card) -> Scan:
        return read_scan(self.subject) if self.subject else plain_scan(self.t1w, card.skull_stripped)


@dataclass(frozen=True)
class StoredVolume:
    """A scan that somebody conformed already: an array of numpy without any position in space.

    Parameters
    ----------
    path : Path
    """

    path: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """The array."""
        return (self.path,)

    def check(self) -> None:
        """Read the header."""
        self._opened()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along the axes."""
        x, y, z = self._opened().shape
        return x, y, z

    def conformed(self, card: Card) -> Made:
        """The array with the card's intensities, if it has the card's shape.

        Raises
        ------
        InputError
            If it has not, or holds anything but numbers that differ.
        """
        values = np.array(self._opened(), np.float32)
        if values.shape != card.shape:
            shapes = [lengths(shape) for shape in (values.shape, card.shape)]
            raise InputError(f"{self.path} has {shapes[0]} voxels, not {shapes[1]}")
        if not np.isfinite(values).all():
            raise InputError(f"{self.path} holds values that are no numbers (NaN or infinite)")
        if np.ptp(values) == 0:
            raise InputError(f"all voxels of {self.path} are equal")
        scale = Intensity.parse(card.intensity).scale(values, values != 0)
        return Made(scale(values, values != 0)[None])

    def _opened(self) -> NDArray[Any]:
        require_file(self.path)
        try:
            found = arrays.load(self.path, "r")
        except ARRAY_DAMAGE as error:
            raise InputError(f"{self.path} is no array of numpy that can be read: {error}") from None
        values = found[0] if found.ndim == 4 and len(found) == 1 else found
        if values.ndim != 3 or not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
            raise InputError(f"{self.path} holds {found.dtype} of shape {found.shape}, not one volume of numbers")
        return values


@dataclass(frozen=True)
class VolumePreparation:
    """Scans become what a network with a card is given.

    Parameters
    ----------
    grid : Card
        Shape, orientation, intensities, and whether the skull is removed.
    """

    grid: Card

    @property
    def kind(self) -> Kind:
        """Volumes."""
        return Kind.VOLUMES

    @property
    def shape(self) -> tuple[int, ...]:
        """One channel and the card's voxels."""
        return (1, *self.grid.shape)

    @property
    def card(self) -> Mapping[str, Any]:
        """The card's fields that say how the input is made."""
        return {"shape": list(self.grid.shape), **{name: getattr(self.grid, name) for name in _CARRIED}}

    @property
    def settings(self) -> Mapping[str, Any]:
        """The same, and what removes a skull where an image has one and its person no mask.

        In the manifest of the finished data set, `wbtools.datasets.remarks.skull_removed_by` says what did.
        """
        version = brain_extraction.installed()
        skull = {SKULL: f"deepbet {version}" if version else "the MNI152 template's brain mask"}
        return {**self.card, **(skull if self.grid.skull_stripped else {})}

    def make(self, image: VolumeImage) -> Made:
        """The row of a scan."""
        made = image.conformed(self.grid)
        if not np.isfinite(made.array).all():
            raise InputError("it holds values that are no numbers (NaN or infinite)")
        return made
