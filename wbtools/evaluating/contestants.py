"""The checkpoints that are evaluated: where they are, and which run they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbtools import model as models
from wbtools.errors import MissingFile
from wbtools.text import line
from wbtools.training.runs.chosen import BUILT_IN, place_of, record_of
from wbtools.training.runs.folder import RECORD, RunFolder

if TYPE_CHECKING:
    from wbtools.model import Model


@dataclass(frozen=True, eq=False)
class Contestant:
    """A checkpoint that is evaluated.

    Parameters
    ----------
    name : str
        Short and printable, unlike that of any other.
    path : Path
        The checkpoint.
    model : Model
    record : mapping or None
        What the run that made it says of itself; None if there is no run beside it.
    log : tuple of mapping
        A line for every epoch of that run.
    """

    name: str
    path: Path
    model: Model
    record: Mapping[str, Any] | None
    log: tuple[Mapping[str, Any], ...] = ()

    @property
    def trained_on(self) -> str:
        """SHA-256 of the data set that it was trained on; empty if unknown."""
        known = (self.record or {}).get("data_sha256") or self.model.card.provenance.get("data_sha256")
        return str(known or "")

    @property
    def recipe(self) -> str:
        """Name of the recipe that it was trained by; empty if unknown."""
        return str((self.record or {}).get("recipe") or self.model.card.provenance.get("recipe") or "")

    @property
    def label(self) -> str:
        """The label that it was trained to tell; empty if unknown."""
        return str((self.record or {}).get("options", {}).get("label") or "")


def found(places: Sequence[Path]) -> tuple[Contestant, ...]:
    """Open checkpoints.

    Parameters
    ----------
    places : sequence of Path
        Checkpoints, or what else `place_of` knows: folders of runs, and the built-in network.

    Raises
    ------
    InputError
        If there is none, or it cannot be used.
    """
    names: list[str] = []
    opened = []
    for place in places:
        path = place_of(place)
        if not path.exists():
            raise MissingFile(path, hint="give the folder of a run, or a checkpoint")
        stem = line(BUILT_IN if path == models.built_in_file() else f"{path.absolute().parent.name}/{path.stem}", 60)
        names.append(stem if stem not in names else f"{stem} ({len(names) + 1})")
        opened.append(_opened(names[-1], path))
    return tuple(opened)


def _opened(name: str, path: Path) -> Contestant:
    model = models.load(path)
    folder = RunFolder(path.parent)
    record = record_of(folder) if (path.parent / RECORD).exists() else None
    made_of = model.card.provenance.get("data_sha256", "")
    if record is not None and made_of and made_of != record["data_sha256"]:
        record = None  # it was copied here from elsewhere
    return Contestant(name, path, model, record, tuple(folder.epochs()) if record is not None else ())
