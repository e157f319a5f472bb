"""Checkpoints from one format to another: files of torch.save and safetensors."""

from __future__ import annotations

import filecmp
import io
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from wbtools import atomic
from wbtools.errors import InputError
from wbtools.errors.system import writing
from wbtools.model import card as cards
from wbtools.model.checkpoint import Model, load
from wbtools.model.files import safetensors
from wbtools.model.imported import pt2

PICKLES = (".pt", ".pth")
"""Endings of files of torch.save that are written."""


def convert(source: Path, target: Path | None = None) -> tuple[Path, ...]:
    """Write a checkpoint in another format: the same weights, float32, under the published names.

    A safetensors file holds the card; beside a file of torch.save it is a JSON file of the same name. The defaults of a
    family are never written as a card, so they stay assumptions. The card's reference brain comes along.

    Parameters
    ----------
    source : Path
        Whatever `load` reads.
    target : Path, optional
        Its ending decides on the format. Without it, the source's name with the other format's ending.

    Returns
    -------
    tuple of Path
        The files that were written.

    Raises
    ------
    CheckpointError
        If `load` refuses the source.
    InputError
        If a file would be replaced, or the target's ending is unknown.
    """
    source = Path(source)
    other = PICKLES[0] if source.suffix == safetensors.SUFFIX else safetensors.SUFFIX
    target = source.with_suffix(other) if target is None else Path(target)
    known = (safetensors.SUFFIX, *PICKLES)
    if target.suffix not in known:
        raise InputError(
            f"{target} has no ending that says its format", hint=f"end the name in one of {', '.join(known)}"
        )
    contents = _contents(_loaded(source), target)
    if cards.beside(source) == cards.beside(target) and cards.beside(source).is_file():
        contents.pop(cards.beside(target), None)  # one card serves both files
    for path in contents:
        if os.path.lexists(path):
            raise _taken(path)
    _write(contents)
    return tuple(contents)


def _write(contents: Mapping[Path, bytes]) -> None:
    """Write all files or none; one that is there is never replaced."""
    with ExitStack() as undo:
        for path, content in contents.items():
            with writing(path.parent, begun=False):
                try:
                    atomic.write_new(path, content)
                except FileExistsError:
                    raise _taken(path) from None
            undo.callback(path.unlink, missing_ok=True)
        undo.pop_all()


def _taken(path: Path) -> InputError:
    return InputError(f"{path} exists already", hint="remove it, or give another name")


def _loaded(source: Path) -> Model:
    """The network of a checkpoint; InputError for those that come without one."""
    if source.suffix == pt2.SUFFIX:
        raise InputError(
            f"{source} is an exported program, and only checkpoints can be converted",
            hint="use it as it is, with --model",
        )
    return load(source)


def _contents(model: Model, target: Path) -> dict[Path, bytes]:
    """What has to be written where."""
    state = model.network.state_dict()
    card = None if model.card.assumed else model.card
    written: dict[Path, bytes] = {}
    for image in model.reference_files:
        if not _is_there(image, target.parent / image.name):
            written[target.parent / image.name] = image.read_bytes()
    if target.suffix == safetensors.SUFFIX:
        return {target: safetensors.dumps(state, card, model.threshold), **written}
    import torch

    stream = io.BytesIO()
    torch.save({"model_state_dict": dict(state), "threshold": model.threshold}, stream)
    written = {target: stream.getvalue(), **written}
    return written if card is None else {**written, cards.beside(target): cards.dumps(card).encode()}


def _is_there(image: Path, other: Path) -> bool:
    """Whether a file is there already, byte for byte; another of its name would stand in for it."""
    return other.is_file() and filecmp.cmp(image, other, shallow=False)
