"""What is to be made of which rows, and how a row gets to its place in the array."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.datasets.manifest import Kind, Manifest, require_shape
from wbtools.datasets.remarks import SKULL, skull_removed_by
from wbtools.errors import InputError
from wbtools.errors.system import writing
from wbtools.images.arrays import NPY_FORMAT


@dataclass(frozen=True)
class Plan:
    """What is to be made.

    Parameters
    ----------
    kind : Kind
    shape : tuple of int
        Of one image, channels first.
    count : int
        Of images, if none has to be left out.
    card, source, settings, code_sha256
        As in `Manifest`.
    inputs_sha256 : str
        As in `Manifest`; a draft of other inputs is not resumed.
    """

    kind: Kind
    shape: tuple[int, ...]
    count: int
    card: Mapping[str, Any]
    source: str = ""
    settings: Mapping[str, Any] | None = None
    inputs_sha256: str = ""
    code_sha256: str = ""

    def __post_init__(self) -> None:
        require_shape(self.kind, self.shape)
        if self.count < 1:
            raise InputError("a data set needs an image")

    @property
    def row_bytes(self) -> int:
        """Of one image."""
        return math.prod(self.shape) * np.dtype(self.kind.dtype).itemsize

    def header(self, count: int) -> bytes:
        """What the file of so many images begins with."""
        stream = io.BytesIO()
        facts = {"descr": np.dtype(self.kind.dtype).newbyteorder("<").str, "fortran_order": False}
        NPY_FORMAT.write_array_header_1_0(stream, {**facts, "shape": (count, *self.shape)})
        return stream.getvalue()

    def dumps(self) -> str:
        """As JSON, for an unfinished data set."""
        shape = [self.count, *self.shape]
        known = [self.kind.value, shape, self.inputs_sha256, self.code_sha256, dict(self.settings or {})]
        digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
        return json.dumps({"wbtools": "unfinished data set", "plan_sha256": digest}) + "\n"

    def manifest(self, count: int, images_sha256: str, items_sha256: str, notes: Notes) -> Manifest:
        """Of the finished data set."""
        settings = dict(self.settings or {})
        if SKULL in settings:  # until then, what would remove one
            settings[SKULL] = skull_removed_by(notes.remarks)
        return Manifest(
            self.kind,
            self.shape,
            count,
            self.card,
            self.source,
            settings,
            images_sha256,
            items_sha256,
            self.inputs_sha256,
            self.code_sha256,
            left_out=notes.left_out,
            remarks=notes.remarks,
        )


@dataclass(frozen=True)
class Notes:
    """What has to be said of a data set.

    Parameters
    ----------
    left_out : mapping of str to str
        Why something is not in it, by its source.
    remarks : mapping of str to tuple of str
        What had to be decided, and for which images, by their sources.
    """

    left_out: Mapping[str, str]
    remarks: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Row:
    """An image that has been dealt with.

    Parameters
    ----------
    place : int
        Its row in the unfinished array.
    sha256 : str
        Of its bytes; empty if it was left out.
    refused : str
        Why it was left out.
    remarks : tuple of str
        What had to be decided to make it.
    stamp : str
        Of the files that it was made of: another one means that it has to be made again.
    """

    place: int
    sha256: str = ""
    refused: str = ""
    remarks: tuple[str, ...] = ()
    stamp: str = ""

    def dumps(self) -> str:
        """As a line of JSON."""
        return json.dumps([self.place, self.sha256, self.refused, list(self.remarks), self.stamp]) + "\n"

    @classmethod
    def loads(cls, text: str) -> Row:
        """Read such a line; ValueError or TypeError for anything else."""
        place, digest, refused, remarks, stamp = json.loads(text)
        return cls(int(place), str(digest), str(refused), tuple(map(str, remarks)), str(stamp))


def write_row(path: Path, plan: Plan, place: int, image: NDArray[Any]) -> str:
    """Write an image into its row of an unfinished array; several processes may do that at a time.

    Parameters
    ----------
    path : Path
        The file, as in `Draft.rows`.
    plan : Plan
    place : int
        The row.
    image : ndarray, (C, ...)
        Of the plan's shape and type.

    Returns
    -------
    str
        SHA-256 of the image's bytes.
    """
    if image.shape != plan.shape or image.dtype != np.dtype(plan.kind.dtype):
        raise ValueError(f"an image of shape {image.shape} and type {image.dtype} in an array of {plan.shape}")
    content = np.ascontiguousarray(image).data.cast("B")
    with writing(path.parent), opened(path) as handle:
        offset, written = len(plan.header(plan.count)) + place * plan.row_bytes, 0
        while written < len(content):
            written += os.pwrite(handle, content[written:], offset + written)
    return hashlib.sha256(content).hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A file that is there, open for writing in place; its descriptor."""
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)
