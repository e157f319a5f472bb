"""The null of a map: the same map of networks that have learned nothing, for the same image.

Such maps depend on the architecture and the image, and not on what a network has learned: kept on disk, they serve
every checkpoint of a family. A file's name is a hash of everything that decides its content, this code included, so
that nothing can be stale, and several processes may use one folder at a time.
"""

from __future__ import annotations

import hashlib
import logging
import math
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools import atomic
from wbtools.atomic import Access
from wbtools.errors import InputError
from wbtools.images import arrays
from wbtools.images.diagnosis import ARRAY_DAMAGE
from wbtools.model import FAMILIES
from wbtools.provenance import code_sha256
from wbtools.text import line

if TYPE_CHECKING:
    from wbtools.attribution.method import Method
    from wbtools.attribution.question import Question

logger = logging.getLogger(__name__)

Map = NDArray[np.float32]

FIRST_SEED = 7_206_001
"""Of the randomised networks, one after the other; no number that someone begins a training with."""

_REFERENCES = 2
_SPARE = 4

_HEADER = 4096
"""Most bytes before the values of a map."""


@dataclass(frozen=True, eq=False)
class NullMaps:
    """The maps of randomised networks.

    Parameters
    ----------
    maps : ndarray, (K, X, Y, Z), float32
        Signed relevance per voxel, before pooling. Zeros for networks that could not be replaced, at the end.
    seeds : tuple of int
        Of the networks of all maps but such zeros, in their order: a seed and an architecture are one network, whoever
        is explained.
    """

    maps: NDArray[np.float32]
    seeds: tuple[int, ...] = ()


def asked_of_null(question: Question) -> Question:
    """What randomised networks are asked, and the network itself for a map to be compared with theirs.

    Of several references, the first two: all networks are asked alike, and each reference costs a map of each.
    """
    first = slice(_REFERENCES)
    if len(question.references) <= _REFERENCES:
        return question
    return replace(question, references=question.references[first], objectives=question.objectives[first])


def null_maps(
    question: Question,
    method: Method,
    count: int,
    cache: NullCache | None = None,
    told: Callable[[str], None] = lambda step: None,
) -> NullMaps:
    """Explain the same image by randomised networks, one after the other.

    Parameters
    ----------
    question : Question
        As `asked_of_null` gives it; its target is read off the answers of every network anew.
    method : Method
    count : int
        How many networks; their seeds follow `FIRST_SEED`. Those that have nothing to explain, or whose map is not
        finite, are replaced by the next, up to 4 of them.
    cache : NullCache, optional
    told : callable, optional
        Told which network begins.

    Returns
    -------
    NullMaps
        Of `count` networks.
    """
    shape = tuple(question.image.shape[2:])
    key = _key(question, method) if cache else ""
    maps, seeds = np.zeros((count, *shape), np.float32), list[int]()
    for seed in range(FIRST_SEED, FIRST_SEED + count + _SPARE):
        if len(seeds) == count:
            break
        told(f"randomised network {len(seeds) + 1} of {count}")
        name = f"null-{key}-{seed}.npy"
        found = cache.read(name, shape) if cache else None
        if found is None:
            found = _null_map(question, method, seed)
            if cache:
                cache.write(name, found)
        if found.any():
            maps[len(seeds)] = found
            seeds.append(seed)
    return NullMaps(maps, tuple(seeds))


def _null_map(question: Question, method: Method, seed: int) -> Map:
    """The map of one randomised network."""
    try:
        found = method.explain(_asked_of_randomised(question, method, seed)).unpooled
    except InputError as error:  # a network that has learned nothing may have nothing to explain
        logger.warning("randomised network %d cannot be explained: %s", seed, error)
        return np.zeros(question.image.shape[2:], np.float32)
    if not np.isfinite(found).all():
        logger.warning("the relevance of randomised network %d is not finite", seed)
        return np.zeros(found.shape, np.float32)
    return np.asarray(found, np.float32)


def _asked_of_randomised(question: Question, method: Method, seed: int) -> Question:
    """The question, put to one randomised network.

    Its batch norms are fitted while the image and the first reference pass it for their difference, where the method
    needs that, of the whole image, and on the processor.
    """
    from wbtools.attribution.engine import Differences
    from wbtools.attribution.evaluation.randomisation import settle, untrained
    from wbtools.attribution.runtime.device import usable
    from wbtools.attribution.slicewise import in_pieces

    network, answer = untrained(question.model, seed), question.target.answer
    if method.by_magnitude is None or (method.on_cards and usable()) or in_pieces(question):
        return question.for_network(network, settle(network, question.shown, network.modules(), answer))
    differences = Differences(network, question.image, answer, len(question.compared), method.by_magnitude)
    answers = differences.settle(question.require_reference())
    return replace(question.for_network(network, answers), differences=differences)


@dataclass(frozen=True)
class NullCache:
    """A folder of maps of randomised networks.

    Parameters
    ----------
    folder : Path
        Made when needed. wbtools never empties it; it may be removed at any time.
    """

    folder: Path

    def read(self, name: str, shape: tuple[int, ...]) -> Map | None:
        """The map in a file, None if it is missing or anything but a map of this shape."""
        path = self.folder / name
        try:
            facts = path.stat()
            if not stat.S_ISREG(facts.st_mode) or not 0 < facts.st_size - 4 * math.prod(shape) <= _HEADER:
                raise ValueError("its size is that of something else")
            found = arrays.load(path)
        except FileNotFoundError:
            return None
        except ARRAY_DAMAGE as error:
            logger.warning("%s in the cache is not usable (%s); it is computed again", name, line(error))
            return None
        if found.dtype != np.float32 or found.shape != shape or not np.isfinite(found).all():
            logger.warning("%s in the cache holds something else; it is computed again", name)
            return None
        return np.asarray(found)

    def write(self, name: str, data: Map) -> None:
        """Put a map into place, whole or not at all; a folder that cannot be written is reported to the log."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            atomic.write(self.folder / name, lambda file: np.save(file, data), access=Access.PRIVATE)
        except OSError as error:
            logger.warning("the map of a randomised network could not be cached: %s", error)


def _key(question: Question, method: Method) -> str:
    """Hash of all that decides a randomised network's map, but for its seed."""
    import torch

    model, target = question.model, str(question.target)
    shapes = {name: tuple(value.shape) for name, value in model.network.state_dict().items()}
    weights = "" if model.family in FAMILIES else model.sha256  # those of other networks are made from their own
    answers = (model.network.answers, model.card.classes)
    counts = len(question.people), len(question.references)  # all arrays follow one another below
    asked = (method.name, method.rules, target, counts, question.empty, question.bounds)
    key = hashlib.sha256(repr((model.family, shapes, weights, answers, asked, torch.__version__)).encode())
    tensors = (question.image, question.reference, question.regions, *question.people, *question.references)
    for array in (tensor.numpy() for tensor in tensors if tensor is not None):
        key.update(repr((array.shape, array.dtype)).encode() + np.ascontiguousarray(array).tobytes())
    key.update(code_sha256("wbtools.attribution", "wbtools.model").encode())
    return key.hexdigest()
