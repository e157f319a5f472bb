"""An index whose images are embedded in pieces on other machines: what workers do, and how the pieces come together."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wbtools import model as models
from wbtools.asking.embedding import embedding
from wbtools.asking.indexing import Coming, Embedded, Work, embedded
from wbtools.batch import pieces
from wbtools.datasets import open_data
from wbtools.provenance import code_sha256
from wbtools.subject.identity import typed
from wbtools.training.runs.starting import device_named

_FILES = ("vectors.npy", "fingerprints.npy", "pictures.npy", "length.npy")
_IMAGES = 256
"""In a piece: minutes of a processor."""
_CODE = ("asking", "attribution", "model")
"""Packages with code that decides what is kept of an image."""


@dataclass(frozen=True)
class Asked:
    """Which images are to be embedded by which network.

    Parameters
    ----------
    data : Path
    model : str
        As `--model` has it.
    pictures : bool
    batch : int or None
    device : str
    """

    data: Path
    model: str
    pictures: bool = True
    batch: int | None = None
    device: str = "auto"

    def as_json(self) -> Mapping[str, object]:
        """What the plan of a batch keeps; paths from the root, since workers may run elsewhere."""
        model = Path(self.model)
        return {
            "data": str(typed(self.data)),
            "model": str(typed(model)) if model.exists() else self.model,
            "pictures": self.pictures,
            "batch": self.batch,
            "device": self.device,
        }

    def work(self) -> Work:
        """The data set and the network, both checked."""
        return Work(open_data(self.data), models.load(self.model), self.pictures, self.batch)


@dataclass(frozen=True)
class EmbedJob:
    """The batches of images of an index; a unit is one of them.

    Parameters
    ----------
    asked : Asked
    """

    asked: Asked

    @functools.cached_property
    def work(self) -> Work:
        """What is embedded, opened once."""
        return self.asked.work()

    @functools.cached_property
    def _settings(self) -> Mapping[str, object]:
        work = self.work
        return {
            "work": "index",
            "data_sha256": work.data.sha256,
            "model_sha256": work.model.sha256,
            "pictures": work.pictures,
            "images_at_once": len(work.parts[0]),
            "device": self.asked.device,
            "code_sha256": code_sha256(*(f"wbtools.{package}" for package in _CODE)),
        }

    def settings(self) -> Mapping[str, object]:
        """What decides what is kept of images."""
        return self._settings

    def make(self, units: range, folder: Path) -> Sequence[str]:
        """Embed the images of some batches."""
        parts = self.work.parts[units.start : units.stop]
        with embedding(self.work.model, device_named(self.asked.device)) as embed:
            found = list(embedded(self.work, embed, parts, jobs=1))
        vectors, prints, pictures = (
            np.concatenate([getattr(batch, name) for batch in found]) for name in ("vectors", "prints", "pictures")
        )
        for name, array in zip(_FILES, (vectors, prints, pictures, np.array(found[0].length)), strict=True):
            np.save(folder / name, array, allow_pickle=False)
        return _FILES

    def cut(self, size: int | None) -> list[range]:
        """The pieces, of about so many images each."""
        parts = self.work.parts
        return pieces.cut(len(parts), max(1, (size or _IMAGES) // len(parts[0])))

    def collected(self, home: Path, units: Sequence[range]) -> Coming:
        """What is kept of all images, piece by piece.

        Raises
        ------
        InputError
            If a piece is damaged.
        """
        for each in units:
            folder = pieces.require_whole(home, pieces.name_of(each), self.settings())
            vectors, prints, pictures, length = (pieces.array(folder, name) for name in _FILES)
            yield Embedded(vectors, prints, pictures, int(length))


def job(kept: Mapping[str, object]) -> EmbedJob:
    """The job that `Asked.as_json` keeps.

    Raises
    ------
    InputError
        If that is none.
    """
    try:
        data, model, batch, device = kept["data"], kept["model"], kept["batch"], kept["device"]
    except KeyError:
        raise pieces.damaged_record("index") from None
    if not (isinstance(data, str) and isinstance(model, str) and isinstance(device, str)):
        raise pieces.damaged_record("index")
    count = batch if isinstance(batch, int) else None
    return EmbedJob(Asked(Path(data), model, kept.get("pictures") is True, count, device))
