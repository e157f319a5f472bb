"""Other people's brains as networks see them, registered to the reference brain: once, and kept on disk.

A file's name is a hash of everything that decides its content, this code included, so that nothing can be stale, and
several processes may use one folder at a time. Files are their owner's alone to read: they show people's brains.
"""

from __future__ import annotations

import hashlib
import logging
import math
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools import atomic
from wbtools.atomic import Access
from wbtools.attribution.references.people import OtherBrain, other_brain
from wbtools.errors import CheckError, InputError
from wbtools.exporting import comparison_people
from wbtools.images.template import NAME as TEMPLATE
from wbtools.model import Model
from wbtools.model.input import MASKED_WITH
from wbtools.provenance import code_sha256, sha256
from wbtools.space.grid import Grid, Volume
from wbtools.subject.selection import FoundPerson
from wbtools.text import line

logger = logging.getLogger(__name__)

_DAMAGE = (OSError, EOFError, ValueError, OverflowError, SyntaxError, MemoryError)
"""What numpy raises for a file that is no array: its header is a Python literal."""

_HEADER = 4096
"""Most bytes before the values of an array."""

_MATRICES = 16, 16
"""Numbers of the grid's affine, and of the map to the reference brain; behind them, one says how it was masked."""

_BESIDE = sum(_MATRICES) + 1
"""Numbers beside the voxels."""


@dataclass(frozen=True, eq=False)
class _Conformed:
    """A person as one network sees them.

    Parameters
    ----------
    brain : OtherBrain
    roughly_masked : bool
        Whether the skull was removed with a template's brain mask.
    """

    brain: OtherBrain
    roughly_masked: bool


@dataclass(frozen=True, eq=False)
class ConformedPeople:
    """Other people as one network sees them.

    Parameters
    ----------
    brains : tuple of OtherBrain
    remarks : tuple of str
        Who was left out, and why, without naming them.
    """

    brains: tuple[OtherBrain, ...]
    remarks: tuple[str, ...] = ()


def conformed(
    people: Sequence[FoundPerson], networks: Mapping[str, Model], work: Path | None
) -> dict[str, ConformedPeople]:
    """What every network is shown of other people.

    Parameters
    ----------
    people : sequence of FoundPerson
    networks : mapping of str to Model
        By name.
    work : Path or None
        Keeps them for the next export.

    Raises
    ------
    InputError
        If an image cannot be read, shows a skull that a network must not see and nothing removes, or nobody is left.
    """
    found = [_of_one(person, networks, work) for person in people]
    return {name: _of_network([each[name] for each in found]) for name in networks}


def _of_network(found: Sequence[_Conformed | None]) -> ConformedPeople:
    """Those who could be registered, and what has to be said of them."""
    kept = [person for person in found if person is not None]
    failed, rough = len(found) - len(kept), sum(person.roughly_masked for person in kept)
    said = (
        (failed, f"References: {failed} of {len(found)} were left out, who could not be registered."),
        (rough, f"References: {rough} of {len(found)} show heads. {MASKED_WITH['template']}"),
    )
    if not kept:
        raise InputError(
            f"none of {failed} references could be registered to the template",
            hint="look at their images: is each a T1w scan of a whole brain? Or use --references made-up",
        )
    return ConformedPeople(tuple(person.brain for person in kept), tuple(text for count, text in said if count))


def _of_one(person: FoundPerson, networks: Mapping[str, Model], work: Path | None) -> dict[str, _Conformed | None]:
    """What networks are shown of one person, from the cache where it is there; the image is read once at most."""
    keys = {name: _key(person, network) for name, network in networks.items()}
    kept = {name: _read(work, key, networks[name].card.shape) if work else None for name, key in keys.items()}
    missing = {name: network for name, network in networks.items() if kept[name] is None}
    found: dict[str, _Conformed | None] = dict(kept)
    if not missing:
        return found
    try:
        shown = comparison_people.show(person, missing)
    except InputError as error:
        raise error.about(f"--references {person.t1w.name}") from None
    for name, network in missing.items():
        image = shown.images[name]
        try:
            packed = _packed(other_brain(network, image), MASKED_WITH["template"] in image.remarks)
        except CheckError as error:
            logger.warning("%s is no reference: %s", line(person.name), line(error))
            found[name] = None
            continue
        if work:
            _write(work, keys[name], packed)
        found[name] = _unpacked(packed, network.card.shape)
    return found


def _key(person: FoundPerson, network: Model) -> str:
    """Hash of all that decides what a network is shown of a person, but for the intensities that it is given."""
    card = network.card
    reference = sha256(network.reference) if network.reference else TEMPLATE
    asked = (card.shape, card.orientation, card.resampling, card.skull_stripped, reference)
    code = code_sha256("wbtools.attribution", "wbtools.model", "wbtools.space", "wbtools.images")
    return hashlib.sha256(repr((sorted(person.files.items()), asked, code)).encode()).hexdigest()


def _packed(other: OtherBrain, roughly_masked: bool) -> NDArray[np.float32]:
    """A person as one array: voxels, the grid's affine, the map to the reference brain, and how it was masked."""
    parts = (other.brain.data, other.brain.grid.affine, other.matrix, roughly_masked)
    return np.concatenate([np.ravel(part) for part in parts]).astype(np.float32)


def _unpacked(packed: NDArray[np.float32], shape: tuple[int, int, int]) -> _Conformed:
    voxels, affine, matrix, masked = np.split(packed, np.cumsum([math.prod(shape), *_MATRICES]))
    grid = Grid(shape, affine.reshape(4, 4).astype(np.float64))
    brain = OtherBrain(Volume(voxels.reshape(shape), grid), matrix.reshape(4, 4).astype(np.float64))
    return _Conformed(brain, bool(masked[0]))


def _read(work: Path, key: str, shape: tuple[int, int, int]) -> _Conformed | None:
    """The brain in a file; None if it is missing, or anything but such a brain."""
    path, count = _file(work, key), math.prod(shape) + _BESIDE
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode) or not 0 < facts.st_size - 4 * count <= _HEADER:
            raise ValueError("its size is that of something else")
        packed = np.load(path, allow_pickle=False)
        if packed.dtype != np.float32 or packed.shape != (count,) or not np.isfinite(packed).all():
            raise ValueError("it holds something else")
        return _unpacked(packed, shape)
    except FileNotFoundError:
        return None
    except (*_DAMAGE, InputError) as error:
        logger.warning("%s in the cache is not usable (%s); it is computed again", path.name, line(error))
        return None


def _write(work: Path, key: str, packed: NDArray[np.float32]) -> None:
    """Put a brain into place, whole or not at all; a folder that cannot be written is reported to the log."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        atomic.write(_file(work, key), lambda file: np.save(file, packed), access=Access.PRIVATE)
    except OSError as error:
        logger.warning("a reference could not be cached: %s", error)


def _file(work: Path, key: str) -> Path:
    return work / f"reference-{key}.npy"
