"""The brain in a T1w image of a whole head, found by deepbet's network.

Source: Fisch et al. (2024), deepbet: Fast brain extraction of T1-weighted MRI using convolutional neural networks,
Computers in Biology and Medicine 179:108845. The weights lie in its package; nothing is fetched.

Masks are kept on disk for people who are exported more than once. A file's name is a hash of all that decides its
content, so nothing can be stale; files are their owner's alone to read.
"""

from __future__ import annotations

import hashlib
import io
import logging
import math
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from wbtools import atomic
from wbtools.atomic import Access
from wbtools.errors import InputError
from wbtools.images import arrays
from wbtools.images.diagnosis import ARRAY_DAMAGE
from wbtools.placement.options import PlacementOptions
from wbtools.provenance import code_sha256
from wbtools.space.foreground import LARGEST_BRAIN
from wbtools.space.grid import Unit, Volume, reorient
from wbtools.text import line

logger = logging.getLogger(__name__)

PACKAGE = "deepbet"
_SMALLEST_BRAIN = 0.5  # litres; newborns have less, and no network here was trained on them
_THRESHOLD = 0.5
_HEADER = 4096  # most bytes before the values of an array

_KNOWN: WeakKeyDictionary[Volume, BrainMask | None] = WeakKeyDictionary()
"""As long as an image is in use: several networks, pictures and the removal of the face ask for the same mask."""


@dataclass(frozen=True, eq=False)
class BrainMask:
    """The brain in an image.

    Parameters
    ----------
    inside : ndarray of bool, (X, Y, Z)
        On the image's grid.
    """

    inside: NDArray[np.bool_]


def installed() -> str | None:
    """The version of deepbet; None where it is not installed."""
    try:
        return version(PACKAGE) if find_spec(PACKAGE) else None
    except PackageNotFoundError:
        return None


def brain_mask(t1w: Volume, options: PlacementOptions) -> BrainMask | None:
    """Find the brain in an image of a head.

    Parameters
    ----------
    t1w : Volume
        Intensities, with skull.
    options : PlacementOptions
        Where the mask is kept, and the number of threads.

    Returns
    -------
    BrainMask or None
        None where deepbet is not installed, or finds nothing of the size of a brain.

    Raises
    ------
    InputError
        If deepbet is installed, but cannot be loaded.
    """
    if t1w not in _KNOWN:
        _KNOWN[t1w] = _found(t1w, options) if installed() else None
    return _KNOWN[t1w]


def _found(t1w: Volume, options: PlacementOptions) -> BrainMask | None:
    """The mask that is kept on disk, or that the network makes now."""
    path = options.work / f"brain-{_key(t1w)}.npy" if options.work else None
    inside = _read(path, t1w.grid.shape) if path else None
    if inside is None:
        inside = _extracted(t1w, options.threads)
        if path:
            _write(path, inside)
    litres = np.count_nonzero(inside) * t1w.grid.voxel_volume / 1e6
    if _SMALLEST_BRAIN <= litres <= LARGEST_BRAIN:
        return BrainMask(inside)
    logger.warning("deepbet found %.2f litres of brain in this image, which is no brain; they are not used", litres)
    return None


def _extracted(t1w: Volume, threads: int) -> NDArray[np.bool_]:
    """What the network takes for brain: its largest piece, without holes."""
    upright = reorient(t1w, "RAS")
    network = _network()
    with _torch_threads(threads):
        try:
            share = network.run_model(_finite(upright.data))
            inside = network.postprocess(share > _THRESHOLD)
        except (AssertionError, ValueError):  # it sees no brain at all
            return np.zeros(t1w.grid.shape, bool)
    found = Volume(np.asarray(inside, np.uint8), upright.grid, Unit.LABEL)
    return np.asarray(reorient(found, t1w.grid.orientation).data > 0)


def _network() -> Any:
    """The network on the processor; of its package, nothing that opens windows is imported."""
    try:
        from deepbet.bet import BrainExtraction

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of TorchScript, in which its weights are stored
            return BrainExtraction(no_gpu=True)
    except (ImportError, ValueError, RuntimeError) as error:
        raise InputError(
            f"deepbet is installed, but cannot be loaded: {line(error)}",
            hint=f"install it again: pip install --force-reinstall {PACKAGE}",
        ) from None


def _finite(data: NDArray[Any]) -> NDArray[np.float32]:
    """A copy of voxels, the lowest value where one is no finite number."""
    values = np.array(data, np.float32, order="C")
    fine = np.isfinite(values)
    if not fine.all():
        values[~fine] = values[fine].min() if fine.any() else 0
    return values


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _key(t1w: Volume) -> str:
    """Hash of all that decides a mask."""
    key = hashlib.sha256(repr((installed(), t1w.grid.shape, str(t1w.data.dtype))).encode())
    key.update(t1w.grid.affine.tobytes() + np.ascontiguousarray(t1w.data).tobytes())
    key.update(code_sha256("wbtools.placement").encode())
    return key.hexdigest()


def _read(path: Path, shape: tuple[int, int, int]) -> NDArray[np.bool_] | None:
    """The mask in a file, None if it is missing or holds anything else."""
    count = -(-math.prod(shape) // 8)
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode) or not 0 < facts.st_size - count <= _HEADER:
            raise ValueError("its size is that of something else")
        packed = arrays.load(path)
        if packed.dtype != np.uint8 or packed.shape != (count,):
            raise ValueError("it holds something else")
        return np.unpackbits(packed, count=math.prod(shape)).reshape(shape).astype(bool)
    except FileNotFoundError:
        return None
    except ARRAY_DAMAGE as error:
        logger.warning("%s in the cache is not usable (%s); it is computed again", path.name, line(error))
        return None


def _write(path: Path, inside: NDArray[np.bool_]) -> None:
    """Put a mask into place, whole or not at all; a folder that cannot be written is reported to the log."""
    file = io.BytesIO()  # numpy, writing to a disk without room, does not say so
    np.save(file, np.packbits(inside))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, file.getvalue(), access=Access.PRIVATE)
    except OSError as error:
        logger.warning("the brain mask could not be cached: %s", error)
