"""Networks: families, checkpoints, cards, and the image a network is given.

Networks of no family come from files of torch.export, or from a Python function.
torch is imported by the functions, not by this module.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

from wbtools.model.card import Card
from wbtools.model.checkpoint import Model
from wbtools.model.families import FAMILIES, known_families
from wbtools.model.input import ModelInput, model_input

__all__ = [
    "FAMILIES",
    "Card",
    "Model",
    "ModelInput",
    "built_in",
    "built_in_file",
    "known_families",
    "load",
    "model_input",
]

_BUILT_IN = "demo_unet.pt"


def load(source: str | Path, *, tried: bool = True) -> Model:
    """Load a network and its card.

    Parameters
    ----------
    source : str or Path
        A checkpoint, a `.pt2` file of torch.export, or `package.module:build`, a Python function that builds a network.
        Python code is imported only if it is named so, and no file has this name.
    tried : bool
        As for `checkpoint.load`; networks of other kinds are always tried, and the built-in one never is.

    Returns
    -------
    Model

    Raises
    ------
    CheckpointError
        If there is no such network, it holds code, or it does not fit its card.
    """
    from wbtools.model import checkpoint
    from wbtools.model.imported import exported, pt2, python_builder

    path = Path(source)
    if python_builder.is_builder(str(source)) and not path.exists():
        return python_builder.load(str(source))
    if path.suffix == pt2.SUFFIX:
        return exported.load(path)
    if path == built_in_file():
        return replace(checkpoint.load(path, tried=False), untried=None)  # it is known to fit
    return checkpoint.load(path, tried=tried)


def built_in() -> Model:
    """The demonstration network in wbtools' package data; trained on synthetic data, not for science."""
    return load(built_in_file())


def built_in_file() -> Path:
    """Its checkpoint."""
    with resources.as_file(resources.files("wbtools") / "data") as folder:
        return Path(folder) / _BUILT_IN
