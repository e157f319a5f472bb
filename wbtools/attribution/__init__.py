"""Relevance: how much each voxel of the input contributes to what a network says about it.

A method is one module of this package with a constant `METHOD`; adding its name to `METHODS` makes it a choice of the
command line. torch and zennit are imported by the functions, not by this module.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import numpy as np

from wbtools.attribution.method import Attribution, Method
from wbtools.errors import CheckError, InputError
from wbtools.grid import Unit, Volume
from wbtools.model import Model, ModelInput

__all__ = ["METHODS", "Attribution", "Method", "attribute", "method", "require_explainable"]

METHODS = ("lrp", "deviation")
"""Modules of this package that hold a method; the choices of `--method`."""


def method(name: str) -> Method:
    """The method of this name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in METHODS:
        raise InputError(f"'{name}' is no attribution method", mend=f"choose one of {', '.join(METHODS)}")
    found: Method = import_module(f"{__name__}.{name}").METHOD
    return found


def require_explainable(model: Model) -> None:
    """Raise InputError, before anything is computed, if no method explains what the network answers with."""
    from wbtools.model.family import Classifier

    if isinstance(model.network, Classifier):
        raise InputError(
            f"{model.name} answers with classes; it has no embedding that could be explained",
            mend="give a network with an embedding; `wbtools models` lists the families",
        )


def attribute(model: Model, image: ModelInput, name: str = "lrp", threads: int | None = None) -> Attribution:
    """Explain what makes the embedding of an image what it is.

    Parameters
    ----------
    model : Model
    image : ModelInput
    name : str
        One of METHODS.
    threads : int, optional
        How many threads torch may use; its own choice without.

    Returns
    -------
    Attribution
        Relevance as a density (1/mm3) on the image's grid, signed.

    Raises
    ------
    InputError
        If there is no such method.
    CheckError
        If the relevance is not finite.
    """
    import torch

    explain = method(name)
    with _threads(threads):
        images = [image] if explain.reference is None else [image, explain.reference(model.card, image)]
        tensor = torch.from_numpy(np.concatenate([i.data for i in images]))
        start = time.perf_counter()
        result = explain.explain(model.network, tensor)
        seconds = time.perf_counter() - start
    relevance = result.relevance
    if not np.isfinite(relevance).all():
        raise CheckError(f"the relevance of {model.name} is not finite", mend="try another checkpoint or method")
    size = float(np.abs(relevance).sum(dtype=np.float64))
    outside = float(np.abs(relevance[image.data[0, 0] == 0]).sum(dtype=np.float64))
    return Attribution(
        relevance=Volume((relevance / image.grid.voxel_volume).astype(np.float32), image.grid, Unit.DENSITY),
        method=explain.name,
        rules=explain.rules,
        caution=explain.caution,
        target=explain.target,
        score=result.score,
        conservation=float(relevance.sum(dtype=np.float64)) / result.seed if result.seed else 1.0,
        cancellation=size / abs(result.seed) if result.seed else 1.0,
        background=outside / size if size else 0.0,
        seconds=seconds,
    )


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Let torch use `count` threads inside the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
