"""Which checkpoint is meant where a network is asked for: that of a run, the built-in one, or a file itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wbtools import model as models
from wbtools.errors import InputError
from wbtools.training.runs.folder import RECORD, RunFolder

BUILT_IN = "demo"
"""What the built-in demonstration network is called, wherever no file and no run has this name."""

_LAST = "last"
_OTHERWISE = "train anew, or give another run"
_KEYS = {"recipe": str, "data_sha256": str, "split": dict, "options": dict, "settings": dict}


def place_of(network: str | Path) -> Path:
    """Where the network is that a user names.

    Parameters
    ----------
    network : str or Path
        The folder of a run, of which the best checkpoint by the first criterion is meant; BUILT_IN; anything else is
        taken as it is: a checkpoint, a `.pt2` file, or a Python function that builds a network.

    Raises
    ------
    InputError
        If it is a folder without a run, or of a run without any checkpoint.

    Examples
    --------
    >>> place_of("lab.networks:build").name, place_of("demo").name
    ('lab.networks:build', 'demo_unet.pt')
    """
    place = Path(network)
    if str(network) == BUILT_IN and not _is_network(place):
        return models.built_in_file()
    return checkpoint_of(place) if place.is_dir() else place


def _is_network(place: Path) -> bool:
    """Whether a file or a run lies there; a folder of other things, such as people, hides no network."""
    return os.path.lexists(place / RECORD) if place.is_dir() else os.path.lexists(place)


def checkpoint_of(run: Path) -> Path:
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
    record = record_of(folder)
    best = list(record.get("finished", {}).get("best", {})) or [
        name for each in folder.epochs() for name in each["best"]
    ]
    path = run / f"{f'best-{best[0]}' if best else _LAST}.pt"
    if not path.exists() and best:
        raise InputError(f"the run {run} has no {path.name} any more", hint="name another checkpoint of it")
    if not path.exists():
        raise InputError(f"the run {run} has no checkpoint yet", hint="wait for the end of its first epoch")
    return path


def record_of(folder: RunFolder) -> Mapping[str, Any]:
    """The record of a run that is used, not resumed; it has everything that is read of it.

    Raises
    ------
    InputError
        If it is damaged.
    """
    path = folder.path / RECORD
    record = folder.record(_OTHERWISE)
    if not all(isinstance(record.get(key), kind) for key, kind in _KEYS.items()):
        raise InputError(f"{path} is damaged", hint=_OTHERWISE)
    people = record["split"].get("people")
    if not isinstance(people, dict) or not all(_are_names(names) for names in people.values()):
        raise InputError(f"{path} does not say who was in which part", hint=_OTHERWISE)
    return record


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
