"""The shape of the images that a network was trained on, where the run beside its checkpoint tells.

Networks that average in the end take images of every size, and answer whatever they are shown: a card whose
shape is wrong is noticed by nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wbtools.errors import CheckpointError
from wbtools.model import card as cards
from wbtools.model.card import Card
from wbtools.model.files import source
from wbtools.text import lengths

_RECORD, _LARGEST = "run.json", 1 << 26
"""Name of the record of a run, and the bytes that are read of it at most."""
_LONGEST = 4096
"""Voxels along an axis."""

_CHECKPOINT = re.compile(r"(best-.+|last)\.pt")


def require_run(path: Path, card: Card) -> None:
    """Require that a card says what the run of `wbtools train` that the checkpoint belongs to was trained on.

    Parameters
    ----------
    path : Path
        Of the checkpoint. Nothing is required unless it lies in the folder of a run, is called as its checkpoints are,
        and has a card of the same data.
    card : Card

    Raises
    ------
    CheckpointError
        If the images of the run had another shape.
    """
    mine = card.provenance.get("data_sha256")
    if mine is None or card.pictures or not _CHECKPOINT.fullmatch(path.name) or not (path.parent / _RECORD).exists():
        return
    record = _record(path.parent / _RECORD)
    trained = _volume(record.get("sizes"))
    if trained is None or trained == card.shape or mine != record.get("data_sha256"):
        return
    raise CheckpointError(
        f"{path} was trained on images of {lengths(trained)} voxels, as {_RECORD} beside it says, and its card says "
        f"{lengths(card.shape)}",
        hint=f"write {list(trained)} as the shape into {cards.beside(path)}",
    )


def _record(path: Path) -> Mapping[str, Any]:
    """The record of a run; empty if it cannot be read, which is said where the run is used."""
    try:
        with source.opened(path, "record of a run", source.CARDS) as file:
            found = json.loads(file.read(_LARGEST))
    except (CheckpointError, OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _volume(sizes: object) -> tuple[int, int, int] | None:
    """The voxels of the images of a run, of which `sizes` tells; None unless they are volumes."""
    images = sizes.get("images") if isinstance(sizes, dict) else None
    if not isinstance(images, list) or len(images) != 4 or not all(type(length) is int for length in images):
        return None
    if not all(0 < length <= _LONGEST for length in images[1:]):
        return None
    return images[1], images[2], images[3]
