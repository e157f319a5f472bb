"""Images for ANTs, and what it gives back: its world is LPS, ours is RAS.

ANTs runs on one thread here, as SimpleITK does: results are the same on every machine. What it writes on the way, such
as maps of a person's tissue, lies in a folder of this process alone and goes with it.
"""

from __future__ import annotations

import logging
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError, TransientError
from wbtools.placement.fields import Field
from wbtools.space.grid import Grid, Volume
from wbtools.text import line

_FLIP = np.diag([-1.0, -1.0, 1.0])  # between LPS and RAS
_THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"

PACKAGE = "antspyx"
"""The distribution with the Python module `ants`."""


def installed() -> str | None:
    """The version of antspyx; None where it is not installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return None


@contextmanager
def ants_on_one_thread() -> Iterator[ModuleType]:
    """The module `ants`, which takes its number of threads from the environment at its first work.

    Atropos leaves its probability images in the folder for temporary files, for everybody to read: here that is a
    private one, which is removed.

    Raises
    ------
    InputError
        If antspyx is installed, but cannot be loaded.
    """
    ants = _loaded()  # before: matplotlib, which it imports, may keep its fonts in a folder for temporary files
    threads, folder = os.environ.get(_THREADS), tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="wbtools-") as own:
        os.environ[_THREADS], tempfile.tempdir = "1", own
        try:
            yield ants
        finally:
            tempfile.tempdir = folder
            if threads is None:
                del os.environ[_THREADS]
            else:
                os.environ[_THREADS] = threads


def _loaded() -> ModuleType:
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it warns where there is no home; nothing is drawn with it
    try:
        import ants
    except (ImportError, AttributeError, OSError) as error:
        raise InputError(
            f"{PACKAGE} is installed, but cannot be loaded: {line(error)}",
            hint=f"install it again: pip install --force-reinstall {PACKAGE}; or choose --registration affine",
        ) from None
    return ants  # type: ignore[no-any-return]


def image_of(ants: ModuleType, volume: Volume) -> Any:
    """A volume as an image of ANTs, float32."""
    affine, sizes = volume.grid.affine, volume.grid.voxel_sizes
    return ants.from_numpy(
        np.ascontiguousarray(volume.data, np.float32),
        origin=tuple((_FLIP @ affine[:3, 3]).tolist()),
        spacing=tuple(sizes.tolist()),
        direction=_FLIP @ affine[:3, :3] / sizes,
    )


def data_of(image: Any) -> NDArray[np.float32]:
    """The voxels of an image of ANTs."""
    return np.asarray(image.numpy(), np.float32)


def field_in(path: Path, grid: Grid) -> Field:
    """The displacement field in a file of ANTs, on the grid of the image that was registered to.

    Raises
    ------
    TransientError
        If the file is not whole: ANTs does not say when a disk is full, and reads what is missing as 0.
    """
    import nibabel

    try:
        shifts = np.asarray(nibabel.nifti1.Nifti1Image.from_filename(path).dataobj, np.float32)[:, :, :, 0, :]
    except (OSError, EOFError, zlib.error, ValueError, IndexError, nibabel.filebasedimages.ImageFileError):
        raise TransientError(
            "ANTs could not write the displacements that it found",
            hint="make room in the folder for temporary files, or name another one with TMPDIR",
        ) from None
    return Field(shifts * np.diagonal(_FLIP).astype(np.float32), grid)


def write_affine(ants: ModuleType, matrix: NDArray[np.float64], path: Path) -> None:
    """Write a map of world space (RAS, mm, 4 x 4) as a transform of ANTs."""
    flip = np.diag([*np.diagonal(_FLIP), 1.0])
    lps = flip @ matrix @ flip
    parameters = [*lps[:3, :3].ravel().tolist(), *lps[:3, 3].tolist()]
    transform = ants.create_ants_transform(
        transform_type="AffineTransform", dimension=3, parameters=parameters, fixed_parameters=[0.0, 0.0, 0.0]
    )
    ants.write_transform(transform, str(path))
