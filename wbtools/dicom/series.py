"""The series below a folder, and which of them is meant."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from wbtools.dicom import contrast, stack
from wbtools.dicom.header import DamagedHeader, Frame, ImageHeader, is_dicom, read_header
from wbtools.dicom.stack import Reason
from wbtools.errors import InputError
from wbtools.space.grid import Grid

DIRECTORY = "DICOMDIR"
"""The file that lists what is on a medium; the folder itself says the same."""

INSTALL = "install it: pip install pydicom highdicom dcm2niix"

_IMAGES = {
    "1.2.840.10008.5.1.4.1.1.4": "MR image",
    "1.2.840.10008.5.1.4.1.1.4.1": "enhanced MR image",
    "1.2.840.10008.5.1.4.1.1.4.4": "legacy converted enhanced MR image",
}
"""The classes of objects that can be taken (PS3.4 B.5)."""

_OTHER = frozenset(
    (
        *(".nii", ".gz", ".mgz", ".mgh", ".gii", ".json", ".txt", ".tsv", ".csv", ".html", ".htm", ".png", ".jpg"),
        *(
            ".pdf",
            ".xml",
            ".py",
            ".exe",
            ".dll",
            ".inf",
            ".zip",
            ".annot",
            ".label",
            ".curv",
            ".scene",
            ".spec",
            ".log",
        ),
    )
)
"""Endings of files that are not opened when a folder is only asked whether it holds DICOM files."""
_OPENED, _ENTERED = 200, 400
"""So many files and folders are looked at then."""


@dataclass(frozen=True)
class SeriesChoice:
    """Which series of a folder is taken, and what its subject is called.

    Parameters
    ----------
    number : int or None
        Of the series, which is then taken whatever its contrast; None takes the only T1w-like one.
    patient_id : bool
        Whether outputs are called by the patient's id; else by a pseudonym.
    """

    number: int | None = None
    patient_id: bool = False

    @property
    def is_usual(self) -> bool:
        """Whether nothing was chosen."""
        return not self.options

    @property
    def options(self) -> tuple[str, ...]:
        """The options that were given."""
        given = {"--series": self.number is not None, "--patient-id": self.patient_id}
        return tuple(name for name, is_given in given.items() if is_given)


@dataclass(frozen=True, eq=False)
class Series:
    """The images of one series.

    Parameters
    ----------
    images : tuple of ImageHeader
        Each once; in the order of slices, if they have one.
    """

    images: tuple[ImageHeader, ...]

    @classmethod
    def of(cls, images: Sequence[ImageHeader]) -> Series:
        """Of the images of a series, in any order; copies of an image count once."""
        in_order = sorted(images, key=lambda image: image.path)
        each = {(image.instance or str(image.path), image.frames): image for image in in_order}
        placed = all(image.frames and image.frames[0].is_placed for image in each.values())
        return cls(tuple(sorted(each.values(), key=lambda image: stack.along(image.frames[0]) if placed else 0.0)))

    @property
    def first(self) -> ImageHeader:
        """The image that speaks for all."""
        return self.images[0]

    @property
    def files(self) -> tuple[Path, ...]:
        """One a slice, in their order; or one for all."""
        return tuple(image.path for image in self.images)

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """All slices, in their order."""
        found = [frame for image in self.images for frame in image.frames]
        return tuple(sorted(found, key=stack.along)) if all(frame.is_placed for frame in found) else tuple(found)

    @cached_property
    def grid(self) -> Grid:
        """The voxels of the volume; only of a series without `hindrance`."""
        return stack.grid(self.frames, self.first.size)

    @property
    def orientation(self) -> str:
        """The plane of its slices, in words."""
        return stack.orientation(self.frames[0]) if self.frames else "unknown"

    @property
    def distance(self) -> float:
        """The usual distance between slices, mm; 0 of a single slice."""
        return stack.distance(self.frames)

    @property
    def pseudonym(self) -> str:
        """What outputs are called: the same for the same images, and nobody's name."""
        digest = hashlib.sha256(f"{self.first.study}\n{self.first.series}".encode())
        return f"scan-{digest.hexdigest()[:10]}"

    @cached_property
    def hindrance(self) -> Reason | None:
        """Why it cannot be taken whatever is asked for; nothing of it is a text of the header."""
        if self.first.modality != "MR" or any(image.sop_class not in _IMAGES for image in self.images):
            return Reason("is no MR image")
        if not (self.first.study and self.first.series):
            return Reason("has no UID", "export it again from the scanner or the archive")
        if not all(image.is_whole for image in self.images):
            return Reason("has files that end too early", "copy the series again from where it came from")
        if any(image.shown_as not in {"MONOCHROME2", ""} for image in self.images):
            return Reason("holds colours, or is bright where its values are low", "take a series of MONOCHROME2 images")
        if len({image.size for image in self.images}) > 1:
            return Reason("has images of different sizes")
        if len({image.is_signed for image in self.images}) > 1:
            return Reason("has some images of signed, and some of unsigned numbers", "copy the series from its archive")
        if len(self.images) > 1 and any(len(image.frames) > 1 for image in self.images):
            return Reason("consists of several multi-frame files", "give one of them alone, in a folder of its own")
        return stack.unfit(self.frames)

    @cached_property
    def doubt(self) -> Reason | None:
        """Why it is probably no T1w image, although it could be read."""
        return contrast.unlike_t1w(self.first)

    @property
    def is_candidate(self) -> bool:
        """Whether it may be taken without having been named."""
        return self.hindrance is None and self.doubt is None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What has to be known of it."""
        last = max(image.place for image in self.images)
        count = len(self.images)
        if count == 1 or last <= count:
            return ()
        return (
            f"The DICOM series numbers its images up to {last}, and there are {count}: outer slices may be missing.",
        )


@dataclass(frozen=True, eq=False)
class Found:
    """What is below a folder.

    Parameters
    ----------
    series : tuple of Series
        By their studies and numbers.
    damaged : int
        DICOM files whose header cannot be read: they may belong to any series.
    """

    series: tuple[Series, ...]
    damaged: int = 0


def require_pydicom() -> None:
    """Raise InputError unless pydicom is installed."""
    if find_spec("pydicom") is None:
        raise InputError("reading DICOM files needs the Python package pydicom, which is not installed", hint=INSTALL)


def series_below(folder: Path) -> Found:
    """All series of the DICOM files below a folder; other files do not count.

    Raises
    ------
    InputError
        If pydicom is not installed, or a file or folder may not be read.
    """
    require_pydicom()
    images, damaged = defaultdict[tuple[str, ...], list[ImageHeader]](list), 0
    for path in files_below(folder):
        try:
            image = read_header(path)
        except DamagedHeader:
            damaged += 1
        except OSError as error:
            raise _unreadable(folder, error) from None
        else:
            if image is not None:
                images[image.study, image.series].append(image)
    found = (Series.of(group) for group in images.values())
    return Found(
        tuple(sorted(found, key=lambda each: (each.first.study, each.first.number or 0, each.first.path))), damaged
    )


def read_again(files: Sequence[Path]) -> Series:
    """The series of files that were found to be one.

    Raises
    ------
    InputError
        If they have changed since.
    """
    try:
        images = [read_header(path) for path in files]
    except (DamagedHeader, OSError):
        images = [None]
    whole = [image for image in images if image is not None]
    if len(whole) < len(images) or len({image.series for image in whole}) > 1:
        raise InputError("the DICOM files have changed since they were found", hint="run the command again")
    return Series.of(whole)


def files_below(folder: Path) -> Iterator[Path]:
    """All regular files below a folder, sorted, without the list of a medium; links to folders are not followed.

    Raises
    ------
    InputError
        If a folder, or what a link leads to, may not be read.
    """

    def refuse(error: OSError) -> NoReturn:
        raise _unreadable(folder, error) from None

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        for path in (Path(place, name) for name in sorted(names) if name.upper() != DIRECTORY):
            try:
                if path.is_file():
                    yield path
            except OSError as error:  # a link to where nobody may look
                refuse(error)


def holds_images(folder: Path) -> bool:
    """Whether DICOM files are in a folder or below it; looks at the first files only.

    Examples
    --------
    >>> holds_images(Path("/dev"))
    False
    """
    opened = 0
    for entered, (place, folders, names) in enumerate(os.walk(folder)):
        folders.sort()
        for name in sorted(names):
            if name.upper() == DIRECTORY:
                return True
            if os.path.splitext(name)[1].lower() in _OTHER:  # noqa: PTH122  (a path would cost more than the rest)
                continue
            opened += 1
            if is_dicom(Path(place, name)):
                return True
        if opened > _OPENED or entered > _ENTERED:
            return False
    return False


def _unreadable(folder: Path, error: OSError) -> InputError:
    """The error for what may not be read below a folder, which is not named: its name may be a person's."""
    return InputError(f"something below {folder} cannot be read: {error.strerror}", hint="check its permissions")
