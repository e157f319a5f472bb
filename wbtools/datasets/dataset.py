"""A data set on disk: its images as a memory map, and what is known of each of them."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.datasets import items as table
from wbtools.datasets import manifest as record
from wbtools.datasets.items import Item
from wbtools.datasets.manifest import Manifest
from wbtools.errors import InputError, UnknownChoice, UnreadableFile
from wbtools.images import arrays
from wbtools.images.diagnosis import ARRAY_DAMAGE
from wbtools.provenance import sha256
from wbtools.text import counted, lengths, line

_LARGEST_TABLE = 1 << 30
_REMAKE = "make the data set again with wbtools prepare"


@dataclass(frozen=True, eq=False)
class DataSet:
    """Images to learn from; made by `open_data`.

    Parameters
    ----------
    folder : Path
    manifest : Manifest
    items : tuple of Item
        In the order of the array.
    images : ndarray, (N, C, ...)
        A memory map that cannot be written.
    """

    folder: Path
    manifest: Manifest
    items: tuple[Item, ...]
    images: NDArray[Any]

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def sha256(self) -> str:
        """What identifies images and table, hexadecimal."""
        both = f"{self.manifest.images_sha256} {self.manifest.items_sha256}"
        return hashlib.sha256(both.encode()).hexdigest()

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody, each once, in the order of the images."""
        return tuple(dict.fromkeys(item.person for item in self.items))

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the columns of labels."""
        return tuple(self.items[0].labels)

    def labels(self, name: str) -> tuple[str, ...]:
        """A label of every image; empty where missing.

        Raises
        ------
        InputError
            If there is no such column.
        """
        if name not in self.label_names:
            if not self.label_names:
                raise InputError(f"{self.folder} has no labels, {name} is needed", hint="give them to wbtools prepare")
            raise UnknownChoice(f"label of {self.folder.name}", name, self.label_names)
        return tuple(item.labels[name] for item in self.items)

    def classes(self, name: str) -> tuple[str, ...]:
        """The values of a label that every image has, sorted; two at least.

        Raises
        ------
        InputError
            If an image has none, or all have the same.
        """
        values = self.labels(name)
        if missing := [item for item, value in zip(self.items, values, strict=True) if not value]:
            raise InputError(
                f"{counted(len(missing), 'image')} of {self.folder} lack{'s' * (len(missing) == 1)} the label {name}, "
                f"the first is {missing[0].source}",
                hint="complete the labels, or leave these images out, and run wbtools prepare again",
            )
        found = tuple(sorted(set(values)))
        if len(found) < 2:
            raise InputError(
                f"all images of {self.folder} have the same {name}, {found[0]}", hint="nothing can be learned from that"
            )
        return found

    def verify(self) -> None:
        """Require that no byte of the images has changed since they were made; reads all of them.

        Raises
        ------
        InputError
            If one has.
        """
        if sha256(self.folder / record.IMAGES) != self.manifest.images_sha256:
            raise InputError(f"{self.folder / record.IMAGES} has changed since it was made", hint=_REMAKE)


def open_data(folder: Path) -> DataSet:
    """Open a finished data set.

    Parameters
    ----------
    folder : Path
        As `wbtools prepare` made it.

    Raises
    ------
    InputError
        If it is none, not finished, or its files do not belong together.
    """
    manifest = record.read(folder)
    return DataSet(folder, manifest, _items(folder, manifest), _images(folder, manifest))


def _items(folder: Path, manifest: Manifest) -> tuple[Item, ...]:
    path = folder / record.ITEMS
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise InputError(f"{path} is no ordinary file", hint=_REMAKE)
        if facts.st_size > _LARGEST_TABLE:
            raise InputError(f"{path} is larger than any table of images", hint=_REMAKE)
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(path, error, hint=_REMAKE) from None
    if hashlib.sha256(content).hexdigest() != manifest.items_sha256:
        raise InputError(f"{path} has changed since it was made", hint=_REMAKE)
    try:
        found = table.loads(content.decode())
        _require_fitting(found, manifest)
    except UnicodeDecodeError:
        raise InputError(f"{path} is no UTF-8", hint=_REMAKE) from None
    except InputError as error:
        raise error.about(path, hint=_REMAKE) from None
    return found


def _require_fitting(items: Sequence[Item], manifest: Manifest) -> None:
    if len(items) != manifest.count:
        raise InputError(f"it has {counted(len(items), 'line')} for {counted(manifest.count, 'image')}")
    if len({item.source for item in items}) < len(items):
        raise InputError("it names a source twice")


def _images(folder: Path, manifest: Manifest) -> NDArray[Any]:
    """The array, after its header and size have been compared with the manifest."""
    path = folder / record.IMAGES
    try:
        images = arrays.load(path, "r")
    except OSError as error:
        raise UnreadableFile(path, error, hint=_REMAKE) from None
    except ARRAY_DAMAGE as error:  # a short or foreign file
        raise InputError(f"{path} is damaged: {line(error, 100)}", hint=_REMAKE) from None
    wanted = manifest.array_shape, np.dtype(manifest.kind.dtype)
    if (images.shape, images.dtype) != wanted or not images.flags.c_contiguous:
        shapes = [lengths(shape) for shape in (images.shape, manifest.array_shape)]
        raise InputError(f"{path} holds {shapes[0]} {images.dtype}, not {shapes[1]} {wanted[1]}", hint=_REMAKE)
    return images
