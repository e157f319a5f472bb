"""What checkpoints say of a test set, asked in pieces on other machines: what workers do, and how answers come back."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from wbtools.batch import pieces
from wbtools.evaluating.answers import Coming, answers
from wbtools.evaluating.bootstrap import Resampling
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.people import Rows
from wbtools.evaluating.planning import Asked, Plan, plan
from wbtools.evaluating.recipes.evaluation import Options
from wbtools.provenance import code_sha256
from wbtools.subject.identity import typed
from wbtools.training.runs.starting import device_named

_IMAGES = 256
"""In a piece: minutes of a processor."""
_CODE = ("attribution", "evaluating", "model", "training")
"""Packages with code that decides what a checkpoint says of an image."""


@dataclass(frozen=True)
class EvaluateJob:
    """The batches of images that checkpoints are asked about; a unit is one batch and one checkpoint.

    Parameters
    ----------
    asked : Asked
    device : str
        That of the request; a worker plans without it, since a process that has woken a graphics card cannot fork.
    """

    asked: Asked
    device: str

    @functools.cached_property
    def plan(self) -> Plan:
        """What is evaluated, found out once."""
        return plan(self.asked)

    @functools.cached_property
    def _batches(self) -> list[tuple[Contestant, Rows]]:
        return [(contestant, rows) for contestant, parts in self.plan.questions for rows in parts]

    @functools.cached_property
    def _settings(self) -> Mapping[str, object]:
        found = self.plan
        rows = [[contestant.model.sha256, rows.tolist()] for contestant, rows in self._batches]
        return {
            "work": "evaluate",
            "recipe": found.evaluation.name,
            "data_sha256": found.data.sha256,
            "batches_sha256": hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
            "device": self.device,
            "code_sha256": code_sha256(*(f"wbtools.{package}" for package in _CODE)),
        }

    def settings(self) -> Mapping[str, object]:
        """What decides what is said of images."""
        return self._settings

    def make(self, units: range, folder: Path) -> Sequence[str]:
        """Ask about some batches."""
        found, device, names = self.plan, device_named(self.device), []
        for number in units:
            contestant, rows = self._batches[number]
            (given,) = answers(contestant, found.data, [rows], found.evaluation.answer, device, jobs=1)
            names.append(_file(number))
            np.save(folder / names[-1], given, allow_pickle=False)
        return names

    def cut(self, size: int | None) -> list[range]:
        """The pieces, of about so many images each."""
        return pieces.cut(len(self._batches), max(1, (size or _IMAGES) // len(self._batches[0][1])))

    def collected(self, home: Path, units: Sequence[range]) -> Coming:
        """What is said of every batch.

        Raises
        ------
        InputError
            If a piece is damaged.
        """
        for each in units:
            folder = pieces.require_whole(home, pieces.name_of(each), self.settings())
            for number in each:
                yield pieces.array(folder, _file(number))


def _file(number: int) -> str:
    return f"{number:07d}.npy"


def as_json(asked: Asked) -> Mapping[str, object]:
    """What the plan of a batch keeps; paths from the root, since workers may run elsewhere."""
    record = asdict(asked)
    record["places"] = [str(typed(path)) for path in asked.places]
    record |= {"data": str(typed(asked.data)), "out": str(typed(asked.out))}
    return {"asked": json.dumps(record)}


def job(kept: Mapping[str, object]) -> EvaluateJob:
    """The job that `as_json` keeps.

    Raises
    ------
    InputError
        If that is none.
    """
    try:
        found = json.loads(str(kept["asked"]))
        kept_options = found["options"]
        parts = {"resampling": Resampling(**kept_options["resampling"]), "explain": tuple(kept_options["explain"])}
        options = Options(**{**kept_options, **parts})
        places, data, out = (tuple(map(Path, found["places"])), Path(found["data"]), Path(found["out"]))
        asked = Asked(**{**found, "options": options, "places": places, "data": data, "out": out, "device": "cpu"})
        return EvaluateJob(asked, str(found["device"]))
    except (KeyError, TypeError, ValueError):
        raise pieces.damaged_record("evaluate") from None
