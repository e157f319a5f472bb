"""The weights that a run begins with, where they are those of a checkpoint (`--init`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.errors import InputError, MissingFile
from wbtools.provenance import sha256
from wbtools.training.runs.folder import STATE, RunFolder

if TYPE_CHECKING:
    from torch import Tensor, nn


def digest(init: Path | None) -> str:
    """SHA-256 of a checkpoint to begin with; empty without one.

    Raises
    ------
    MissingFile
        If it is no file.
    """
    if init is None:
        return ""
    if not init.is_file():
        raise MissingFile(init, hint="give --init a checkpoint")
    return sha256(init)


def require_again(folder: RunFolder, init: Path | None, began_with: str) -> None:
    """Require the checkpoint that a run began with, if the run has finished no epoch and so kept no weights.

    Parameters
    ----------
    folder : RunFolder
    init : Path or None
        What is given now; elsewhere known to be the same, if it is given.
    began_with : str
        SHA-256 that the run noted; empty if its weights were drawn.

    Raises
    ------
    InputError
        If it is not given.
    """
    if began_with and init is None and not (folder.path / STATE).exists():
        raise InputError(
            f"{folder.path} began with the weights of a checkpoint and has finished no epoch",
            hint=f"give the same --init again (SHA-256 {began_with[:16]}...)",
        )


def fitting(network: nn.Module, checkpoint: Path) -> dict[str, Tensor]:
    """Tensors of a checkpoint whose names and shapes fit a network.

    Raises
    ------
    InputError
        If hardly anything fits, or it is no checkpoint.
    """
    from wbtools.model import load

    given = load(checkpoint).network.state_dict()
    own = network.state_dict()
    found = {name: value for name, value in given.items() if name in own and value.shape == own[name].shape}
    if 2 * len(found) < len(own):
        raise InputError(
            f"--init {checkpoint} is another network: {len(found)} of {len(own)} tensors fit",
            hint="give a checkpoint of the same --backbone",
        )
    return found


def begin_with(network: nn.Module, checkpoint: Path) -> list[str]:
    """Give a network the weights of a checkpoint, where their names and shapes fit.

    Returns
    -------
    list of str
        Names of layers that keep their own.

    Raises
    ------
    InputError
        As `fitting`.
    """
    found, own = fitting(network, checkpoint), network.state_dict()
    network.load_state_dict({**own, **found})
    return sorted({name.rpartition(".")[0] for name in own.keys() - found.keys()})
