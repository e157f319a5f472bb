"""Other people's brains as networks see them, registered to the reference brain: once, and kept on disk.

A file's name is a hash of everything that decides its content, this code included, so that nothing can be stale, and
several processes may use one folder at a time. Files are their owner's alone to read: they show people's brains.
"""

from __future__ import annotations

import hashlib
import io
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
from wbtools.exporting.references.place import ReferencePerson
from wbtools.images import arrays
from wbtools.images.diagnosis import ARRAY_DAMAGE
from wbtools.images.template import NAME as TEMPLATE
from wbtools.model import Model, ModelInput
from wbtools.model.input import MASKED_WITH
from wbtools.placement import brain_extraction
from wbtools.placement.options import INSTALL, PlacementOptions
from wbtools.provenance import code_sha256, sha256
from wbtools.space.grid import Grid, Volume
from wbtools.subject.selection import FoundPerson
from wbtools.text import counted, line

logger = logging.getLogger(__name__)

_ROUGHLY_MASKED = (
    "Their skulls were removed with the MNI152 template's brain mask, which cuts away 5 to 12 % of a brain. To have "
    f"them removed by deepbet: {INSTALL}."
)

_DECIDING = ("attribution", "exporting", "images", "model", "native", "placement", "space", "subject")
"""Packages with code that decides what a network is shown of a person."""

_FLAT = 1e-3
"""Values that differ by less than this part are one: a mask that was averaged over voxels of a grid is rounded."""

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
    labels : tuple of str
        What the record calls them.
    remarks : tuple of str
        Who was left out, and why, without naming them.
    """

    brains: tuple[OtherBrain, ...]
    labels: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def conformed(
    people: Sequence[ReferencePerson], networks: Mapping[str, Model], work: Path | None
) -> dict[str, ConformedPeople]:
    """What every network is shown of other people.

    Parameters
    ----------
    people : sequence of ReferencePerson
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
    return {name: _of_network([each[name] for each in found], people) for name in networks}


def _of_network(found: Sequence[_Conformed | None], people: Sequence[ReferencePerson]) -> ConformedPeople:
    """Those who could be registered, and what has to be said of them."""
    kept = [(shown, person.label) for shown, person in zip(found, people, strict=True) if shown is not None]
    failed, rough = len(found) - len(kept), sum(shown.roughly_masked for shown, _ in kept)
    said = (
        (failed, f"References: {failed} of {len(found)} were left out, who could not be registered."),
        (rough, f"References: {rough} of {len(found)} show heads. {_ROUGHLY_MASKED}"),
    )
    if not kept:
        raise InputError(
            f"none of {counted(failed, 'reference')} could be registered to the template",
            hint="look at their images: is each a T1w scan of a whole brain?",
        )
    brains, labels = zip(*((shown.brain, label) for shown, label in kept), strict=True)
    return ConformedPeople(brains, labels, tuple(text for count, text in said if count))


def _of_one(person: ReferencePerson, networks: Mapping[str, Model], work: Path | None) -> dict[str, _Conformed | None]:
    """What networks are shown of one person, from the cache where it is there; the image is read once at most."""
    keys = {name: _key(person, network) for name, network in networks.items()}
    kept = {name: _read(work, key, networks[name].card.shape) if work else None for name, key in keys.items()}
    missing = {name: network for name, network in networks.items() if kept[name] is None}
    found: dict[str, _Conformed | None] = dict(kept)
    if not missing:
        return found
    try:
        shown = comparison_people.show(person, missing, placing=PlacementOptions(work=work))
    except InputError as error:
        raise error.about(f"the reference {person.t1w}") from None
    for name, network in missing.items():
        image = shown.images[name]
        _require_contrast(image, person)
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


def _require_contrast(image: ModelInput, person: ReferencePerson) -> None:
    """Require that a brain is no mask, as lie in folders beside images: it would differ from everybody everywhere."""
    if is_flat(image):
        raise InputError(
            f"the reference {person.t1w} has the same value nearly everywhere in the brain, as a mask has",
            hint="give T1w images only; to leave files of a folder out, list the others in a text file",
        )


def is_flat(image: ModelInput) -> bool:
    """Whether an image has the same value nearly everywhere in the brain, as a mask has."""
    values = image.plain[image.plain > 0]
    return bool(values.size and np.isclose(values, np.median(values), rtol=_FLAT, atol=0).mean() > 0.5)


def _key(person: FoundPerson, network: Model) -> str:
    """Hash of all that decides what a network is shown of a person, but for the intensities that it is given."""
    card = network.card
    reference = sha256(network.reference) if network.reference else TEMPLATE
    asked = (
        card.shape,
        card.orientation,
        card.resampling,
        card.skull_stripped,
        reference,
        brain_extraction.installed(),
    )
    code = code_sha256(*(f"wbtools.{package}" for package in _DECIDING))
    return hashlib.sha256(repr((sorted(person.files.items()), asked, code)).encode()).hexdigest()


def _packed(other: OtherBrain, roughly_masked: bool) -> NDArray[np.float32]:
    """A person as one array: voxels, the grid's affine, the map to the reference brain, and how it was masked."""
    parts = (other.brain.data, other.brain.grid.affine, other.matrix, roughly_masked)
    return np.asarray(np.concatenate([np.ravel(part) for part in parts]), np.float32)


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
        packed = arrays.load(path)
        if packed.dtype != np.float32 or packed.shape != (count,) or not np.isfinite(packed).all():
            raise ValueError("it holds something else")
        return _unpacked(packed, shape)
    except FileNotFoundError:
        return None
    except (*ARRAY_DAMAGE, InputError) as error:
        logger.warning("%s in the cache is not usable (%s); it is computed again", path.name, line(error))
        return None


def _write(work: Path, key: str, packed: NDArray[np.float32]) -> None:
    """Put a brain into place, whole or not at all; a folder that cannot be written is reported to the log."""
    file = io.BytesIO()  # numpy, writing to a disk without room, does not say so
    np.save(file, packed)
    try:
        work.mkdir(parents=True, exist_ok=True)
        atomic.write(_file(work, key), file.getvalue(), access=Access.PRIVATE)
    except OSError as error:
        logger.warning("a reference could not be cached: %s", error)


def _file(work: Path, key: str) -> Path:
    return work / f"reference-{key}.npy"
