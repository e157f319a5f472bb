"""A series made one NIfTI image by dcm2niix, of which nothing but voxels and their position is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from wbtools.dicom.series import INSTALL, Series
from wbtools.errors import CheckError, CommandError, CommandMissing, CommandNotStarted, InputError, ending
from wbtools.search_path import find_program, without_working_directory
from wbtools.space.grid import Grid, Volume, reorient

PROGRAM = "dcm2niix"

_SAME_PLACE = 0.01  # mm
_PATIENCE = 900  # s; the largest series take a tenth of it on a slow disk
_OPTIONS = ("-g", "i", "-b", "n", "-ba", "y", "-z", "n", "-m", "0", "-f", "image")
"""The user's defaults ignored, no sidecar (which would be anonymised), not compressed, echoes not merged, its name."""


def find_converter() -> Path:
    """The dcm2niix on PATH, else beside Python, else of the wheel.

    Raises
    ------
    CommandMissing
        If there is none.
    """
    beside = Path(sys.executable).with_name(PROGRAM)
    found = find_program(PROGRAM) or (str(beside) if os.access(beside, os.X_OK) else _of_wheel())
    if not found:
        raise CommandMissing(f"{PROGRAM}, which converts DICOM files, is not installed", hint=INSTALL)
    return Path(found)


def installed() -> dict[str, tuple[str, str]]:
    """What reads DICOM files here, by name: what was found, and how to get what is missing (else empty).

    Examples
    --------
    >>> list(installed())
    ['pydicom', 'dcm2niix']
    """
    try:
        reader = (metadata.version("pydicom"), "")
    except metadata.PackageNotFoundError:
        reader = ("not installed: DICOM files cannot be read", INSTALL)
    try:
        converter = (f"at {find_converter()}", "")
    except CommandMissing:
        converter = ("not installed: DICOM files cannot be converted", INSTALL)
    return {"pydicom": reader, PROGRAM: converter}


def _of_wheel() -> str:
    """The program inside the Python package dcm2niix; empty without the package."""
    if find_spec("dcm2niix") is None:
        return ""
    import dcm2niix

    return str(dcm2niix.bin)


def convert(series: Series, folder: Path) -> Path:
    """Make a series one NIfTI image, whose header holds nothing of the series' but the position of voxels.

    Parameters
    ----------
    series : Series
        Without `hindrance`.
    folder : Path
        An existing folder; it receives the image, and files that are not needed afterwards.

    Returns
    -------
    Path
        The image. Values are those of the scanner, scaled as its headers say; int16 and the like where they were.

    Raises
    ------
    CommandError
        If dcm2niix is not there or fails.
    InputError
        If it makes several images of the series, or none.
    CheckError
        If a voxel is elsewhere than the headers of the series say, by more than 0.01 mm.
    """
    given, made = folder / "series", folder / "converted"
    for inside in (given, made):
        inside.mkdir()
    for place, path in enumerate(series.files):
        (given / f"{place:06}.dcm").symlink_to(path.absolute())  # a neutral name, and no other series beside it
    _run((str(find_converter()), *_OPTIONS, "-o", str(made), str(given)), folder)
    images = list(made.glob("*.nii"))
    if len(images) != 1:
        what = f"{len(images)} images" if images else "no image"
        raise InputError(f"{PROGRAM} made {what} of the DICOM series, not one", hint="convert it by hand, and look")
    return _cleaned(images[0], series.grid, folder / "T1w.nii")


def _run(argv: tuple[str, ...], folder: Path) -> None:
    """Run the program; what it prints repeats the header, and is not shown."""
    try:
        completed = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=without_working_directory(os.environ),
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandError(
            f"{PROGRAM} did not end within {_PATIENCE // 60} minutes", hint="look at the files"
        ) from None
    except OSError as error:
        raise CommandNotStarted(argv, error, hint=INSTALL) from None
    if completed.returncode:
        raise CommandError(
            f"{PROGRAM} cannot convert the DICOM series: {ending(completed.returncode)}",
            hint="its files may be damaged, gone, or compressed in a way that this dcm2niix was built without; "
            "or there is no room for temporary files",
        )


def _cleaned(converted: Path, expected: Grid, path: Path) -> Path:
    """Write the voxels under a new header, once they are where the series has them."""
    import nibabel as nib

    image = nib.load(converted)
    data = np.asanyarray(image.dataobj)
    if data.ndim != 3:
        raise InputError(
            f"{PROGRAM} made an image of {data.ndim} axes of the DICOM series, not one volume",
            hint="take a series of one volume",
        )
    _require_in_place(Volume(data, Grid(data.shape, image.affine)), expected)
    clean = nib.Nifti1Image(data, image.affine, dtype=data.dtype)
    clean.header.set_xyzt_units("mm")
    clean.set_sform(image.affine, "scanner")
    clean.set_qform(image.affine, "scanner")
    nib.save(clean, path)
    return path


def _require_in_place(volume: Volume, expected: Grid) -> None:
    """Raise CheckError unless all voxels are where they are expected, whatever the order of their axes."""
    found = reorient(volume, "RAS").grid
    if not found.same_as(expected.reoriented("RAS"), tolerance=_SAME_PLACE):
        raise CheckError(
            f"{PROGRAM} placed the DICOM series elsewhere than its headers say",
            hint="take another series, and write to us which scanner made this one",
        )
