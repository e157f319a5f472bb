"""The series that a scan came from: whose study it is, and where its slices lie.

Objects are derived from it frame by frame, so they have its own positions, digit by digit; what was computed on a
converted image only has to be put into its order of voxels.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wbtools.dicom import stack
from wbtools.dicom.header import DamagedHeader, ImageHeader, read_header, silenced
from wbtools.dicom.series import INSTALL
from wbtools.errors import CheckError, InputError
from wbtools.space.grid import Array, Grid, Volume, reorient

if TYPE_CHECKING:
    from pydicom import Dataset

_OFF_VOXEL = 0.1  # of a voxel, between an image and the slices that it was converted from

_IDENTITY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"),
)
"""What says whose study it is, and every header has, if only empty (type 2, Patient and General Study modules)."""
_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
_UNNUMBERED = 90  # stands for the number of a series that has none


@dataclass(frozen=True, eq=False)
class SourceSeries:
    """The images of one series, in the order of their files or frames.

    Parameters
    ----------
    study : Dataset
        The first header as it is: whose study it is.
    headers : tuple of Dataset
        Without pixels and identity: one a slice, or one multi-frame image.
    number : int or None
        Of the series in its study.
    grid : Grid
        World millimetres (RAS+) of its voxels, indexed by column, row and slice.
    order : tuple of int
        Which slice of the grid each frame is.
    """

    study: Dataset
    headers: tuple[Dataset, ...]
    number: int | None
    grid: Grid
    order: tuple[int, ...]

    def series_number(self, place: int) -> int:
        """The number of a new series, which is none of a scanner's: a hundred times the source's and its place."""
        return 100 * (self.number if self.number and self.number > 0 else _UNNUMBERED) + place

    def frames(self, volume: Volume) -> Array:
        """A volume's values in the frames of the series.

        Parameters
        ----------
        volume : Volume
            On the grid of the converted image, in any order of its axes.

        Returns
        -------
        ndarray, (frames, rows, columns)
            Of the same type; no value is changed.

        Raises
        ------
        CheckError
            If the volume's voxels are not those of the series.
        """
        within = Volume(volume.data, Grid(volume.grid.shape, np.linalg.inv(self.grid.affine) @ volume.grid.affine))
        indexed = reorient(within, "RAS")
        if not indexed.grid.same_as(Grid(self.grid.shape, np.eye(4)), tolerance=_OFF_VOXEL):
            raise CheckError(
                "the voxels of the T1w are not those of the DICOM series that it came from",
                hint="leave out --dicom-out, and write to us which scanner made the series",
            )
        return np.ascontiguousarray(indexed.data.transpose(2, 1, 0)[list(self.order)])


def require(files: Sequence[Path]) -> None:
    """Require that objects can be derived from a scan's files: asked before anything is computed.

    Parameters
    ----------
    files : sequence of Path
        Those that the scan was read from; empty where it was no DICOM.

    Raises
    ------
    InputError
        If highdicom is not installed, the scan was no DICOM, or its series cannot be taken.

    Examples
    --------
    >>> require(())
    Traceback (most recent call last):
    wbtools.errors.InputError: --dicom-out needs a scan that was read from DICOM files, and this one was not
    """
    if not files:
        raise InputError(
            "--dicom-out needs a scan that was read from DICOM files, and this one was not",
            hint="give the folder of the scanner's series as the subject, or leave out --dicom-out",
        )
    if find_spec("highdicom") is None:
        raise InputError(
            "--dicom-out needs the Python package highdicom, which is not installed",
            hint=INSTALL,
        )
    read_series(files)


def read_series(files: Sequence[Path]) -> SourceSeries:
    """Read the headers of a series: one file a slice, or one multi-frame file; no pixels are read.

    Parameters
    ----------
    files : sequence of Path
        One at least, in any order.

    Raises
    ------
    InputError
        If a file is unreadable, or its slices are not those of one volume.
    """
    with silenced():
        images = [_image(path) for path in files]
        headers = tuple(map(_header, files))
        study = deepcopy(headers[0])
        for header in headers:
            header.pop("SpecificCharacterSet", None)
            for keyword in _IDENTITY:
                setattr(header, keyword, "")  # libraries warn of names, and refuse dates that the archive has
    if len({image.instance for image in images}) < len(images):
        raise InputError(
            "several images of the DICOM series have one UID, by which objects would name them",
            hint="leave out --dicom-out",
        )
    frames = [frame for image in images for frame in image.frames]
    if reason := stack.unfit(frames):
        raise InputError(f"the DICOM series {reason.says}", hint=f"{reason.hint}, or leave out --dicom-out")
    for header in headers:
        if len(headers) > 1 and not header.get("SliceThickness"):  # which objects must say, and headers need not
            header.SliceThickness = f"{stack.distance(sorted(frames, key=stack.along)):.6g}"
    slices = sorted(range(len(frames)), key=lambda frame: stack.along(frames[frame]))
    grid = stack.grid([frames[frame] for frame in slices], images[0].size)
    return SourceSeries(study, headers, images[0].number, grid, tuple(int(place) for place in np.argsort(slices)))


def _image(path: Path) -> ImageHeader:
    """A file's header as far as it places slices."""
    try:
        image = read_header(path)
    except DamagedHeader:
        image = None
    except OSError as error:  # its name is not told, which may be a person's
        raise InputError(
            f"a file of the DICOM series cannot be read: {error.strerror}", hint="run the command again"
        ) from None
    if image is None:
        raise InputError("a file of the DICOM series is damaged, or no DICOM file", hint="copy the series again")
    return image


def _header(path: Path) -> Dataset:
    """A file's whole header, with what every header has."""
    from pydicom import dcmread

    header = dcmread(path, stop_before_pixels=True)
    for keyword in _IDENTITY:
        if keyword not in header:
            setattr(header, keyword, "")
    if missing := [keyword for keyword in _NEEDED if not header.get(keyword)]:
        raise InputError(
            f"the DICOM series has no {missing[0]}, which objects derived from it need", hint="leave out --dicom-out"
        )
    return header
