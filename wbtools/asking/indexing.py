"""From a data set to an index: all images of it embedded by one network, some at a time."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from wbtools import atomic
from wbtools.asking import index as files
from wbtools.asking.embedding import Embedder, Vectors, embedding, kind_of
from wbtools.asking.fingerprints import fingerprint
from wbtools.asking.index import Header, Index
from wbtools.asking.pictures.thumbnails import HEIGHT, WIDTH, thumbnail
from wbtools.asking.prepared import differences, preparation
from wbtools.attribution.runtime.threads import in_order, usual_jobs
from wbtools.datasets import DataSet
from wbtools.datasets import Kind as Images
from wbtools.datasets.recipes import RECIPES, Wanted, recipe_named
from wbtools.errors import InputError, OutOfRange
from wbtools.errors.system import writing
from wbtools.model import Card, Model
from wbtools.output.destination import require_writable_around
from wbtools.subject.containment import require_outside_inputs
from wbtools.text import lengths

if TYPE_CHECKING:
    import torch

_VOXELS_AT_ONCE = 1_000_000
_MOST_AT_ONCE = 64

Pictures = NDArray[np.uint8]
"""Small pictures, (K, HEIGHT, WIDTH)."""

Tell = Callable[[int, int], None]
"""Told how many images are done, and of how many."""


def nobody(done: int, total: int) -> None:
    """Is told how far it is."""


def require_fitting(data: DataSet, model: Model) -> None:
    """Require that the images of a data set are what a network takes.

    Raises
    ------
    InputError
        If they were prepared otherwise, in a sentence that says how.
    """
    manifest, card = data.manifest, model.card
    if manifest.kind is not Images.VOLUMES:
        raise InputError(
            f"{data.folder} holds {manifest.kind.value}, and {model.name} takes T1w volumes",
            hint="give a data set of scans, as wbtools prepare makes it for twins, classes and hashing; pictures "
            "are for wbtools evaluate",
        )
    other = differences({**manifest.card, "shape": lengths(manifest.shape[1:])}, card)
    if manifest.shape[0] != 1:
        other.append(f"{manifest.shape[0]} channels, not 1")
    if other:
        raise InputError(
            f"{data.folder} was not prepared as {model.name} takes images: {'; '.join(other)}",
            hint=_how_to_prepare(card),
        )


def _how_to_prepare(card: Card) -> str:
    """The command that makes images as a network takes them: by a recipe that lays scans as its card says."""
    scans = [found for name in RECIPES if (found := recipe_named(name)).kind is Images.VOLUMES]
    made = {found.name: found.preparation(Wanted(), ()).card for found in scans}
    lain = ("orientation", "resampling")
    fitting = [name for name, how in made.items() if all(how[each] == getattr(card, each) for each in lain)]
    if not fitting:
        return "wbtools prepare lays no scans like that: ask about single people with wbtools compare"
    return f"make a data set with wbtools prepare {' or '.join(fitting)} ... {_as_options(card)}"


def _as_options(card: Card) -> str:
    head = "" if card.skull_stripped else " --whole-head"
    return f"--shape {','.join(map(str, card.shape))} --intensity {card.intensity}{head}"


@dataclass(frozen=True, eq=False)
class Work:
    """Which images are embedded by which network.

    Parameters
    ----------
    data : DataSet
    model : Model
    pictures : bool
        Whether small pictures are kept.
    batch : int or None
        Images at a time; None takes what suits their size.

    Raises
    ------
    InputError
        If the network has no embedding, or takes other images.
    """

    data: DataSet
    model: Model
    pictures: bool = True
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.batch is not None and self.batch < 1:
            raise OutOfRange("--batch", self.batch, of="images")
        kind_of(self.model)
        require_fitting(self.data, self.model)

    @property
    def parts(self) -> list[NDArray[np.int64]]:
        """Rows of the batches."""
        size = self.batch or max(1, min(_MOST_AT_ONCE, _VOXELS_AT_ONCE // math.prod(self.model.card.shape)))
        return [np.arange(start, min(start + size, len(self.data))) for start in range(0, len(self.data), size)]

    def header(self, length: int) -> Header:
        """Of the index, whose vectors have so many bits or values."""
        model, data = self.model, self.data
        return Header(
            kind_of(model),
            length,
            len(data),
            model.name,
            model.card.title,
            model.sha256,
            model.card.notice,
            data.sha256,
            data.manifest.synthetic,
            self.pictures,
            preparation(model.card),
            data.manifest.notices,
        )


def require_place(out: Path, data: Path, *, overwrite: bool) -> None:
    """Require that an index can be written, and that nothing else is in its place.

    Raises
    ------
    InputError
        If something is there that is no index, or is one and must not be replaced.
    """
    require_writable_around(out, "--out")
    require_outside_inputs(out, "--out")
    if not os.path.lexists(out):
        return
    _require_index(out, out)
    if not overwrite:
        raise InputError(f"{out} exists", hint="add --overwrite to replace that index, or choose another --out")


def _require_index(earlier: Path, out: Path) -> None:
    """Require that what is in the file's place, for the moment under this name, may be replaced."""
    if earlier.is_symlink() or not earlier.is_file() or not files.is_index(earlier):
        raise InputError(f"{out} exists and is no index, so it is not wbtools' to replace", hint="choose another --out")


@dataclass(frozen=True, eq=False)
class Embedded:
    """What is kept of some images, in the order of the data set.

    Parameters
    ----------
    vectors : ndarray, (K, S)
    prints : ndarray, (K, LENGTH), float32
        Fingerprints.
    pictures : ndarray, (K, HEIGHT, WIDTH), uint8
        None of them if none are kept.
    length : int
        Bits or values of a vector.
    """

    vectors: Vectors
    prints: NDArray[np.float32]
    pictures: Pictures
    length: int


Coming = Generator[Embedded, None, None]
"""All images of a data set, some at a time; what computes them is ended when it is closed."""


def here(work: Work, device: torch.device | None = None, tell: Tell = nobody, jobs: int | None = None) -> Coming:
    """Embed all images in this process.

    Parameters
    ----------
    work : Work
    device : torch.device, optional
        The processor without.
    tell : callable
    jobs : int, optional
        Batches at a time, on a processor; as many as torch has threads without.

    Raises
    ------
    InputError
        If an image has values that are no numbers.
    """
    done = 0
    tell(done, len(work.data))
    with embedding(work.model, device) as embed:
        for found in embedded(work, embed, work.parts, jobs):
            yield found
            done += len(found.vectors)
            tell(done, len(work.data))


def embedded(work: Work, embed: Embedder, parts: Sequence[NDArray[np.int64]], jobs: int | None = None) -> Coming:
    """Some batches of a data set; each is computed on one thread, so that vectors depend on nothing but the batch."""

    def batch(rows: NDArray[np.int64]) -> Embedded:
        images = _read(work, rows)
        prints = np.stack([fingerprint(image[0]) for image in images])
        kept = [thumbnail(image[0], work.model.card.orientation) for image in images] if work.pictures else []
        pictures = np.stack(kept) if kept else np.empty((0, HEIGHT, WIDTH), np.uint8)
        return Embedded(embed(images), prints, pictures, embed.length)

    # A card computes one batch, while the next images are read.
    return in_order(batch, parts, jobs or (usual_jobs() if embed.on_processor else 2))


def make(work: Work, out: Path, coming: Coming, *, overwrite: bool = False) -> Header:
    """Write the index of a data set, whole or not at all.

    Parameters
    ----------
    work : Work
    out : Path
        The file.
    coming : generator of Embedded
        All images, of `here` or of pieces.
    overwrite : bool
        Whether an index that is there is replaced; nothing else ever is.

    Raises
    ------
    InputError
        If an image has changed or has values that are no numbers, or something is in the file's place.
    """
    require_place(out, work.data.folder, overwrite=overwrite)
    work.data.verify()
    found = _Found(work)

    def fill(stream: BinaryIO) -> None:
        pictures = found.noted(coming)
        if not work.pictures:
            for _ in pictures:
                pass
        files.write(stream, work.data.items, pictures if work.pictures else None, found.whole)

    with closing(coming), writing(out.parent, whole=False):
        out.parent.mkdir(parents=True, exist_ok=True)
        atomic.remove_leftovers(out, files.begins_as_index)
        if overwrite:
            atomic.write_over(out, fill, partial(_require_index, out=out), durable=True)
        else:
            atomic.write_new(out, fill, durable=True)
    return found.whole()[0]


def in_memory(work: Work, device: torch.device | None = None, tell: Tell = nobody) -> Index:
    """The same without a file and without pictures; errors as of `make`."""
    work = replace(work, pictures=False)
    found = _Found(work)
    for _ in found.noted(here(work, device, tell)):
        pass
    header, vectors, prints = found.whole()
    return Index(header, work.data.items, vectors, prints)


@dataclass(frozen=True, eq=False)
class _Found:
    """What is kept of the batches that are done, but for their pictures."""

    work: Work
    vectors: list[Vectors] = field(default_factory=list)
    prints: list[NDArray[np.float32]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    def noted(self, coming: Coming) -> Iterator[Pictures]:
        """Note vectors and fingerprints, and give the small pictures, batch by batch."""
        for batch in coming:
            self.vectors.append(batch.vectors)
            self.prints.append(batch.prints)
            self.lengths.append(batch.length)
            yield batch.pictures

    def whole(self) -> tuple[Header, Vectors, NDArray[np.float32]]:
        """Header, vectors and fingerprints of all images."""
        return self.work.header(self.lengths[-1]), np.concatenate(self.vectors), np.concatenate(self.prints)


def _read(work: Work, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Images of some rows as the network takes them."""
    images = np.asarray(work.data.images[rows], np.float32)
    for row, image in zip(rows, images, strict=True):
        if not np.isfinite(image).all():
            raise InputError(
                f"the image of {work.data.items[int(row)].source} has values that are no numbers",
                hint="leave it out, and run wbtools prepare again",
            )
    return images
