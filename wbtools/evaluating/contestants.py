"""The checkpoints that are evaluated: where they are, and which run they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbtools import model as models
from wbtools.errors import InputError, MissingFile
from wbtools.text import line
from wbtools.training.runs.folder import RECORD, RunFolder

if TYPE_CHECKING:
    from wbtools.model import Model

_LAST = "last"


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
        Checkpoints, or folders of runs, of which the checkpoint of the first criterion is taken.

    Raises
    ------
    InputError
        If there is none, or it cannot be used.
    """
    names: list[str] = []
    opened = []
    for place in places:
        path = chosen(place) if place.is_dir() else place
        if not path.exists():
            raise MissingFile(path, hint="give the folder of a run, or a checkpoint")
        stem = line(f"{path.absolute().parent.name}/{path.stem}", 60)
        names.append(stem if stem not in names else f"{stem} ({len(names) + 1})")
        opened.append(_opened(names[-1], path))
    return tuple(opened)


def chosen(run: Path) -> Path:
    """The checkpoint of a run that is meant to be used: the best by its first criterion.

    Raises
    ------
    InputError
        If the folder holds no run, or a run without any checkpoint.
    """
    if not (run / RECORD).exists():
        raise InputError(
            f"{run} is no run: it has no {RECORD}", hint="give the --out of wbtools train, or a checkpoint"
        )
    folder = RunFolder(run)
    record = _record(folder)
    best = list(record.get("finished", {}).get("best", {})) or [
        name for each in folder.epochs() for name in each["best"]
    ]
    names = [*(f"best-{name}" for name in best[:1]), _LAST]
    path = next((path for name in names if (path := run / f"{name}.pt").exists()), None)
    if path is None:
        raise InputError(f"the run {run} has no checkpoint yet", hint="wait for the end of its first epoch")
    return path


def _opened(name: str, path: Path) -> Contestant:
    model = models.load(path)
    folder = RunFolder(path.parent)
    record = _record(folder) if (path.parent / RECORD).exists() else None
    made_of = model.card.provenance.get("data_sha256", "")
    if record is not None and made_of and made_of != record["data_sha256"]:
        record = None  # it was copied here from elsewhere
    return Contestant(name, path, model, record, tuple(folder.epochs()) if record is not None else ())


def _record(folder: RunFolder) -> dict[str, Any]:
    """The record of a run; every key that is read here or later is there."""
    path = folder.path / RECORD
    try:
        record = folder.record()
    except InputError as error:
        raise error.hinting("train anew, or give another run") from None
    if not all(isinstance(record.get(key), kind) for key, kind in _KEYS.items()):
        raise InputError(f"{path} is damaged", hint="train anew, or give another run")
    people = record["split"].get("people")
    if not isinstance(people, dict) or not all(isinstance(names, list) for names in people.values()):
        raise InputError(f"{path} does not say who was in which part", hint="train anew, or give another run")
    return record


_KEYS = {"recipe": str, "data_sha256": str, "split": dict, "options": dict, "settings": dict}
