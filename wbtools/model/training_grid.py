"""The grid of the images that a network was trained on, where files beside its checkpoint tell: its card may be wrong.

Networks that average in the end take images of every size, and answer whatever they are shown. Two things tell that a
card's shape is wrong: the record of the run of `wbtools train` that the checkpoint belongs to, and a reference brain
that wbtools laid on the network's own grid, as `wbtools train` and `wbtools make-references` do. Of a reference on any
other grid, such as a template's, nothing follows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wbtools.errors import CheckpointError, InputError
from wbtools.images import nifti
from wbtools.model import card as cards
from wbtools.model.card import Card
from wbtools.model.files import source
from wbtools.model.input import FIELD_OF_VIEW
from wbtools.space.grid import Grid

_RECORD, _LARGEST = "run.json", 1 << 26
"""Name of the record of a run, and the bytes that are read of it at most."""

_CHECKPOINT = re.compile(r"(best-.+|last)\.pt")


def require_run(path: Path, card: Card) -> None:
    """Require that a card says what the run of `wbtools train` that the checkpoint belongs to was trained on.

    Parameters
    ----------
    path : Path
        Of the checkpoint. Nothing is required unless it lies in the folder of a run, is called as its checkpoints are,
        and its card, if there is one, is not of other data.
    card : Card

    Raises
    ------
    CheckpointError
        If the images of the run had another shape.
    """
    if card.pictures or not _CHECKPOINT.fullmatch(path.name) or not (path.parent / _RECORD).exists():
        return
    record = _record(path.parent / _RECORD)
    trained, data = _volume(record.get("sizes")), record.get("data_sha256")
    if trained is None or trained == card.shape or card.provenance.get("data_sha256", data) != data:
        return
    said, hint = f"its card says {_voxels(card.shape)}", f"write {list(trained)} as the shape into {cards.beside(path)}"
    if card.assumed:
        said, hint = f"without a card {_voxels(card.shape)} is assumed", f"put its card back: {cards.beside(path)}"
    raise CheckpointError(
        f"{path} was trained on images of {_voxels(trained)} voxels, as {_RECORD} beside it says, and {said}", hint=hint
    )


def require_reference(path: Path, card: Card, reference: Path) -> None:
    """Require that a reference brain which wbtools laid on a network's own grid lies on that of this card.

    Parameters
    ----------
    path : Path
        Of the checkpoint, for messages.
    card : Card
    reference : Path
        The file that it names.

    Raises
    ------
    CheckpointError
        If it lies on the networks' field of view in another number of voxels, or other directions, than the card's.
    """
    try:
        grid = nifti.read_grid(reference)
    except InputError:  # said where it is read
        return
    if not _of_network(grid) or grid.same_as(_network_grid(card.orientation, card.shape)):
        return
    raise CheckpointError(
        f"the card of {path.name} says images of {_voxels(card.shape)} voxels in {card.orientation}, and its reference "
        f"{reference.name} was made for images of {_voxels(grid.shape)} in {grid.orientation}",
        hint="correct the card's shape and orientation, or make references for it: wbtools make-references",
    )


def _network_grid(orientation: str, shape: tuple[int, int, int]) -> Grid:
    """The grid of a network's images in the world of the brains that it learned from."""
    return FIELD_OF_VIEW.reoriented(orientation).covering(shape)


def _of_network(grid: Grid) -> bool:
    """Whether a grid is the networks' field of view, divided otherwise than scans of the project that it comes from."""
    scans = FIELD_OF_VIEW.reoriented(grid.orientation).shape
    return grid.shape != scans and grid.same_as(_network_grid(grid.orientation, grid.shape))


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
    return images[1], images[2], images[3]


def _voxels(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
