"""Placements on disk, for people who are exported more than once.

A file's name is a hash of all that decides its content: the brain, the templates, the version of ANTs and the code. So
nothing can be stale, and several processes may use one folder at a time. Files are their owner's alone to read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools import atomic
from wbtools.atomic import Access
from wbtools.errors import InputError
from wbtools.images import arrays
from wbtools.images.diagnosis import ARRAY_DAMAGE
from wbtools.placement.ants_images import installed
from wbtools.placement.fields import Field
from wbtools.placement.placement import Placement
from wbtools.placement.templates import Template
from wbtools.provenance import code_sha256
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.text import line

logger = logging.getLogger(__name__)

_DAMAGE = (*ARRAY_DAMAGE, KeyError, TypeError, zipfile.BadZipFile, RuntimeError, InputError)
_LONGEST = 100_000  # bytes of facts
_FACTS = {"registration", "correlation", "overlap", "folded"}
"""What is said of a placement to whoever looks at it."""


@dataclass(frozen=True)
class Store:
    """The file of one placement.

    Parameters
    ----------
    path : Path or None
        None keeps nothing.
    """

    path: Path | None

    @classmethod
    def of(cls, work: Path | None, brain: Volume, template: Template, kind: str = "anatomy") -> Store:
        """Where the placement of a template over a brain is kept; of each kind apart."""
        if work is None:
            return cls(None)
        key = hashlib.sha256(repr((installed(), template.names, brain.grid.shape)).encode())
        for image in (brain, *template.images):
            key.update(image.grid.affine.tobytes() + np.ascontiguousarray(image.data).tobytes())
        key.update(code_sha256("wbtools.placement", "wbtools.space").encode())
        return cls(work / f"placement-{kind}-{key.hexdigest()}.npz")

    def read(self, grid: Grid) -> tuple[Placement, Volume] | None:
        """The placement and the labels on a grid; None where there is none, or a file that holds no such."""
        if self.path is None:
            return None
        try:
            arrays.require_plain_archive(self.path)
            with np.load(self.path, allow_pickle=False) as file:
                facts = json.loads(bytes(file["facts"][:_LONGEST]))
                coarse = Grid(file["to_person"].shape[:3], file["grid"])
                there, back = (Field(_as(np.float32, file[name]), coarse) for name in ("to_person", "to_template"))
                labels, affine = _as(np.int32, file["labels"]), Grid(grid.shape, file["affine"]).affine
            if (
                labels.shape != grid.shape
                or labels.min() < 0
                or not (isinstance(facts, dict) and facts.keys() >= _FACTS)
            ):
                raise ValueError("arrays of other shapes")
            if not all(np.isfinite(field.shifts).all() for field in (there, back)):
                raise ValueError("numbers that are not finite")
            return Placement(affine, there, back, facts), Volume(labels, grid, Unit.LABEL)
        except FileNotFoundError:
            return None
        except _DAMAGE as error:
            logger.warning("%s in the cache is not usable (%s); it is computed again", self.path.name, line(error))
            return None

    def write(self, placement: Placement, labels: Volume) -> None:
        """Put a placement into place, whole or not at all; a folder that cannot be written is reported to the log."""
        if self.path is None or placement.to_person is None or placement.to_template is None:
            return
        parts: dict[str, Any] = {
            "affine": placement.affine,
            "grid": placement.to_person.grid.affine,
            "to_person": placement.to_person.shifts,
            "to_template": placement.to_template.shifts,
            "labels": labels.data.astype(np.int16),
            "facts": np.frombuffer(json.dumps(placement.facts).encode(), np.uint8),
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(self.path, lambda file: np.savez(file, **parts), access=Access.PRIVATE)
        except OSError as error:
            logger.warning("the placement could not be cached: %s", error)


def _as(kind: type[np.generic], values: NDArray[Any]) -> NDArray[Any]:
    """Numbers of a type; TypeError if they are of another sort, such as fractions for whole numbers."""
    return values.astype(kind, casting="same_kind")
