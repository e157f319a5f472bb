"""The card of a checkpoint: what a network expects of its input, and what it is for."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from numbers import Real
from pathlib import Path
from typing import Any, cast

import numpy as np

from wbtools.errors import CheckpointError, InputError
from wbtools.grid import Grid

CONVENTION = "edge-aligned, area-averaged over the T1w field of view"
INTENSITY = "min-max to [0, 1]"
ANSWERS = {"embedding": "raw", "classes": "logits"}
"""What a card may call a network's answer, and the method that gives it."""

_IMAGE = re.compile(r"[^/\\:]+\.nii(\.gz)?")


@dataclass(frozen=True)
class Card:
    """What a network expects of its input, and what it is for.

    Published checkpoints carry none of this; without a card beside the checkpoint its family's defaults are assumed,
    and outputs say so.

    Parameters
    ----------
    name : str
        Short, for file names: letters, digits, `-` and `_`.
    title, family : str
    shape : tuple of int, (3,)
        Voxels of the input image.
    orientation : str
        The directions in which its indices increase, for example `LAS`.
    resampling : str
        How the T1w image is brought to `shape`; only CONVENTION is known.
    intensity : str
        How intensities are normalised; only INTENSITY is known.
    skull_stripped : bool
    threshold : float or None
        Two people count as twins below this cosine distance.
    answer : str
        What the network answers with, a key of ANSWERS; empty for what its family answers with.
    classes : tuple of str
        Names of the classes, in the order of the answer; empty if they have none.
    reference : str
        Name of a NIfTI file beside the checkpoint: the brain that others are compared with; empty for the template.
    training_data, intended_use, notice : str
        `notice` is repeated in every output.
    performance : dict
        Figures of held-out data, by name.
    provenance : dict
        How the checkpoint was made: command, seed, versions.
    built_in : bool
        Whether it comes with wbtools.
    assumed : bool
        Whether these are the family's defaults; never in the file.

    Raises
    ------
    CheckpointError
        If a value cannot be meant.

    Examples
    --------
    >>> Card(name="unet", title="U-Net", family="unet").orientation
    'LAS'
    """

    name: str
    title: str
    family: str
    shape: tuple[int, int, int] = (86, 103, 86)
    orientation: str = "LAS"
    resampling: str = CONVENTION
    intensity: str = INTENSITY
    skull_stripped: bool = True
    threshold: float | None = None
    answer: str = ""
    classes: tuple[str, ...] = ()
    reference: str = ""
    training_data: str = "unknown"
    intended_use: str = "research only"
    notice: str = ""
    performance: dict[str, float] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)
    built_in: bool = False
    assumed: bool = False

    def __post_init__(self) -> None:
        shape = tuple(self.shape)
        if len(shape) != 3 or not all(type(n) is int and n > 0 for n in shape):
            raise CheckpointError(f"the card's shape {list(shape)} is not three positive whole numbers")
        object.__setattr__(self, "shape", shape)
        try:
            Grid((1, 1, 1), np.eye(4)).reoriented(self.orientation)
        except InputError as error:
            raise CheckpointError(f"the card's orientation is wrong: {error}", mend=error.mend) from None
        if self.resampling != CONVENTION or self.intensity != INTENSITY:
            raise CheckpointError(
                f"the card asks for '{self.resampling}', '{self.intensity}'",
                mend=f"wbtools knows '{CONVENTION}' and '{INTENSITY}'",
            )
        if not self.name or not self.name.replace("-", "").replace("_", "").isalnum():
            raise CheckpointError(f"the card's name '{self.name}' does not fit into file names")
        object.__setattr__(self, "classes", _names(self.classes))
        if self.answer and self.answer not in ANSWERS:
            raise CheckpointError(
                f"the card's answer '{self.answer}' is unknown", mend=f"write {' or '.join(ANSWERS)}, or leave it out"
            )
        if self.reference and not (_IMAGE.fullmatch(self.reference) and self.reference.isprintable()):
            raise CheckpointError(
                f"the card's reference '{self.reference}' is not the name of a NIfTI file",
                mend="put the file beside the checkpoint, and write its name without any folder",
            )


def _names(classes: object) -> tuple[str, ...]:
    """The names of classes, which have to differ and to fit into one line."""
    names = tuple(classes) if isinstance(classes, (list, tuple)) else (None,)
    if not all(isinstance(name, str) and name.strip() and name.isprintable() for name in names):
        raise CheckpointError(f"the card's classes {classes!r} are not a list of names")
    if len(set(names)) < len(names):
        raise CheckpointError(f"the card names a class twice: {', '.join(map(str, names))}")
    return cast(tuple[str, ...], names)


_TYPES: dict[str, type | tuple[type, ...]] = {
    "shape": list,
    "classes": list,
    "skull_stripped": bool,
    "built_in": bool,
    "threshold": (Real, type(None)),
    "performance": dict,
    "provenance": dict,
}
"""JSON types of the fields that are not strings."""


def beside(checkpoint: Path) -> Path:
    """Where the card of a checkpoint is kept.

    Examples
    --------
    >>> beside(Path("networks/best.pt")).as_posix()
    'networks/best.json'
    """
    return checkpoint.with_suffix(".json")


def read(path: Path) -> Card:
    """Read a card from a JSON file, as `parse` does."""
    return parse(path.read_bytes(), path)


def parse(text: str | bytes, path: Path) -> Card:
    """Read a card.

    Parameters
    ----------
    text : str or bytes
        JSON with some or all fields of `Card`; name, title and family are needed.
    path : Path
        Where it comes from, for messages.

    Raises
    ------
    CheckpointError
        If the text is not JSON, or a field is unknown, missing or of the wrong type.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}", mend="repair the card or remove it") from None
    known = {f.name for f in fields(Card)} - {"assumed"}
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is not a card", mend="write one JSON object, or remove the file")
    if unknown := sorted(set(content) - known):
        raise CheckpointError(
            f"{path} has unknown fields: {', '.join(unknown)}", mend=f"use {', '.join(sorted(known))}"
        )
    if missing := sorted({"name", "title", "family"} - set(content)):
        raise CheckpointError(f"{path} lacks {', '.join(missing)}", mend="complete the card or remove it")
    for name, value in content.items():
        if not isinstance(value, _TYPES.get(name, str)) or (name == "threshold" and isinstance(value, bool)):
            raise CheckpointError(f"{path} has a {type(value).__name__} as {name}", mend="correct the card's field")
    try:
        return Card(**content)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}", mend=error.mend or "correct the card") from None


def dumps(card: Card) -> str:
    """The card as JSON, without `assumed`."""
    content: dict[str, Any] = asdict(card)
    del content["assumed"]
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write(path: Path, card: Card) -> None:
    """Write a card as JSON, without `assumed`."""
    path.write_text(dumps(card), encoding="utf-8")
