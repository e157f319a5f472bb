"""The card of a checkpoint: what a network expects of its input, and what it is for."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field, fields
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from wbtools.errors import CheckpointError, InputError
from wbtools.images.diagnosis import require_file
from wbtools.model.card_fields import (
    is_number,
    names,
    require_apart,
    require_entries,
    require_line,
    require_stacks,
    short,
    voxels,
)
from wbtools.model.conventions import CONVENTION, CONVENTIONS
from wbtools.model.files import source
from wbtools.model.intensity import Intensity
from wbtools.space.grid import Grid

ANSWERS = {"embedding": "raw", "classes": "logits"}
"""What a card may call a network's answer, and the method that gives it."""

_TEXT = 1000
_TEXTS = {
    **dict.fromkeys(("name", "family", "intensity", "answer"), 64),
    **dict.fromkeys(("title", "reference", "planted_in", "decoy_in"), 200),
    **dict.fromkeys(("resampling", "training_data", "intended_use", "notice"), _TEXT),
    "orientation": 8,
}
"""Fields that are one line of text, and how long it may be. Outputs repeat them."""

_SET, _FILE = 64, 1 << 20  # files of references, bytes that a card may have

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
        How the T1w image is brought to `shape`, one of CONVENTIONS.
    intensity : str
        The intensities that the network was trained on, in a form that `Intensity.parse` reads.
    skull_stripped : bool
    threshold : float or None
        Two people count as twins below this cosine distance.
    answer : str
        What the network answers with, a key of ANSWERS; empty for what its family answers with.
    classes : tuple of str
        Names of the classes, in the order of the answer; empty if they have none.
    reference : str
        Name of a NIfTI file beside the checkpoint: the brain that others are compared with; empty for the template.
    references : tuple of str
        Names of such files with brains that lie in the world of `reference`: what methods that compare with several
        brains compare with.
    reference_components : tuple of str
        Instead of them, names of files on the grid of `reference` with the principal components of such brains, each
        times its standard deviation: references are drawn from them, and nobody's brain is given away.
    training_data, intended_use, notice : str
        `notice` is repeated in every output.
    performance : dict
        Figures by name; those that begin with `validation_` are of the people who chose epoch and threshold.
    provenance : dict
        How the checkpoint was made: command, seed, versions.
    plane : str
        The plane of the slices that a network of stacks is shown, one of PLANES; empty for what is usual in its family.
    places : int
        At how many places it is asked; 0 for what is usual in its family.
    planted, decoy : tuple of str
        Names of regions, where it is known what there is to find: in the planted ones lies what the network can know
        people by, in those of the decoy as great a difference that says nothing. `planted_in`, `decoy_in`: in words.
    pictures : bool
        Whether it was trained on pictures: then the image's fields say only what an export shows it.
    built_in, assumed : bool
        Whether it comes with wbtools, and whether these are the family's defaults, which no file says.

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
    intensity: str = "minmax"
    skull_stripped: bool = True
    threshold: float | None = None
    answer: str = ""
    classes: tuple[str, ...] = ()
    reference: str = ""
    references: tuple[str, ...] = ()
    reference_components: tuple[str, ...] = ()
    training_data: str = "unknown"
    intended_use: str = "research only"
    notice: str = ""
    performance: dict[str, float] = field(default_factory=dict)
    provenance: dict[str, str] = field(default_factory=dict)
    plane: str = ""
    places: int = 0
    planted: tuple[str, ...] = ()
    planted_in: str = ""
    decoy: tuple[str, ...] = ()
    decoy_in: str = ""
    pictures: bool = False
    built_in: bool = False
    assumed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", voxels(self.shape))
        for name, most in _TEXTS.items():
            require_line(name, getattr(self, name), most)
        for name in ("performance", "provenance"):
            require_entries(name, getattr(self, name))
        _require_distance(self.threshold)
        require_stacks(self.plane, self.places)
        try:
            Grid((1, 1, 1), np.eye(4)).reoriented(self.orientation)
        except InputError as error:
            raise CheckpointError(f"the card's orientation is wrong: {error}", hint=error.hint) from None
        if self.resampling not in CONVENTIONS:
            known = " and ".join(f"'{convention}'" for convention in CONVENTIONS)
            raise CheckpointError(f"the card asks for '{self.resampling}'", hint=f"wbtools knows {known}")
        object.__setattr__(self, "intensity", str(Intensity.parse(self.intensity)))
        if not self.name or not self.name.replace("-", "").replace("_", "").isalnum():
            raise CheckpointError(
                f"the card's name '{self.name}' does not fit into file names",
                hint="use letters, digits, - and _",
            )
        for name in ("classes", "planted", "decoy"):
            object.__setattr__(self, name, names(name, getattr(self, name)))
        require_apart(self.planted, self.decoy)
        if self.answer and self.answer not in ANSWERS:
            raise CheckpointError(
                f"the card's answer '{self.answer}' is unknown", hint=f"write {' or '.join(ANSWERS)}, or leave it out"
            )
        if self.reference:
            _require_image("reference", self.reference)
        for name in ("references", "reference_components"):
            object.__setattr__(self, name, _images(name, getattr(self, name)))
        if self.reference_set and not self.reference:
            hint = "name the mean brain, or the template that they were registered to, as reference"
            raise CheckpointError("the card has a set of references and no reference, in whose world they lie", hint)
        if self.references and self.reference_components:
            raise CheckpointError("the card has references and reference_components", hint="leave one of them out")

    @property
    def reference_set(self) -> tuple[str, ...]:
        """Names of the files of several references: brains, or components of them."""
        return self.references or self.reference_components


def _images(name: str, given: object) -> tuple[str, ...]:
    """Names of NIfTI files, each once."""
    names = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    if len(names) > _SET:
        raise CheckpointError(f"the card's {name} are {len(names)} files", hint=f"name {_SET} at most")
    for image in names:
        _require_image(name, image)
    if len(set(names)) < len(names):
        raise CheckpointError(f"the card's {name} name a file twice: {short(names)}")
    return names


def _require_image(name: str, image: object) -> None:
    """Raise CheckpointError unless a value is the name of a NIfTI file, without any folder."""
    if isinstance(image, str) and _IMAGE.fullmatch(image) and image.isprintable() and len(image) <= _TEXTS["reference"]:
        return
    raise CheckpointError(
        f"the card's {name} {short(image)} is not the name of a NIfTI file",
        hint="put the file beside the checkpoint, and write its name without any folder",
    )


def is_distance(number: float) -> bool:
    """Whether a number can be a cosine distance, as a threshold between twins and others is.

    Examples
    --------
    >>> is_distance(0.2), is_distance(-5), is_distance(2.5)
    (True, False, False)
    """
    return is_number(number) and 0 <= number <= 2


def _require_distance(threshold: float | None) -> None:
    """Raise CheckpointError unless a threshold is a cosine distance, or there is none."""
    if threshold is None or is_distance(threshold):
        return
    if not is_number(threshold):
        raise CheckpointError("the card's threshold is no number", hint="write a number, or null")
    raise CheckpointError(
        f"the card's threshold {threshold:.4g} is no cosine distance", hint="write a number from 0 to 2, or null"
    )


_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("shape", "classes", "references", "reference_components", "planted", "decoy"), list),
    **dict.fromkeys(("skull_stripped", "pictures", "built_in"), bool),
    **dict.fromkeys(("performance", "provenance"), dict),
    "places": int,
    "threshold": (Real, type(None)),
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


def given(checkpoint: Path) -> Card | None:
    """The card beside a checkpoint; None where nothing has its name.

    Raises
    ------
    CheckpointError
        If something has its name that cannot be read as a card, a link to nowhere included: other values than the
        author's would silently be assumed.
    """
    path = beside(checkpoint)
    if path == checkpoint or not os.path.lexists(path):
        return None
    try:
        require_file(path)
    except InputError as error:
        if source.is_closed(path):  # the card may be as it should, and wanted
            raise CheckpointError(f"the card {error}", hint=error.hint) from None
        hint = error.hint if path.is_symlink() else "put the card itself there"
        raise CheckpointError(
            f"the card {error}", hint=f"{hint}; or remove that name, and its family's defaults are assumed"
        ) from None
    return read(path)


def read(path: Path) -> Card:
    """Read a card from a JSON file, as `parse` does."""
    with source.opened(path, "card", source.CARDS) as file:
        text = file.read(_FILE + 1)
    return parse(text, path)


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
    if len(text) > _FILE:
        raise CheckpointError(f"{path} has more than {_FILE:,} bytes, which no card has", hint="repair or remove it")
    try:
        content = json.loads(text, parse_int=_whole)
    except RecursionError:
        raise CheckpointError(f"{path} is nested too deeply for a card", hint="repair or remove it") from None
    except ValueError as error:
        raise CheckpointError(
            f"{path} is not valid JSON: {_said(error)}", hint="repair the card or remove it"
        ) from None
    known = {f.name for f in fields(Card)} - {"assumed"}
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is not a card", hint="write one JSON object, or remove the file")
    if unknown := sorted(set(content) - known):
        raise CheckpointError(
            f"{path} has unknown fields: {short(', '.join(unknown))}", hint=f"use {', '.join(sorted(known))}"
        )
    if missing := sorted({"name", "title", "family"} - set(content)):
        raise CheckpointError(f"{path} lacks {', '.join(missing)}", hint="complete the card or remove it")
    for name, value in content.items():
        if not isinstance(value, _TYPES.get(name, str)) or (name == "threshold" and isinstance(value, bool)):
            raise CheckpointError(f"{path} has a {type(value).__name__} as {name}", hint="correct the card's field")
    try:
        return Card(**content)
    except CheckpointError as error:
        raise error.about(path, hint=error.hint or "correct the card") from None


def _whole(digits: str) -> int:
    """A whole number; ValueError for one that is too long for Python, in words of our own."""
    try:
        return int(digits)
    except ValueError:
        raise ValueError(f"a number in it has {len(digits):,} digits") from None


def _said(error: ValueError) -> str:
    """What JSON's reader says, in one short line."""
    return "".join(c if c.isprintable() else "?" for c in str(error))[:100]


def dumps(card: Card) -> str:
    """The card as JSON, without `assumed`."""
    content: dict[str, Any] = asdict(card)
    del content["assumed"]
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write(path: Path, card: Card) -> None:
    """Write a card as JSON, without `assumed`."""
    path.write_text(dumps(card), encoding="utf-8")
