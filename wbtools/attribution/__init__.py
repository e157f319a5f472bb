"""Relevance: how much each voxel of the input contributes to what a network says about it.

A method is one module of this package with a constant `METHOD`; adding its name to `METHODS` makes it a choice of the
command line. torch and zennit are imported by the functions, not by this module.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution.method import Attribution, Explanation, Method
from wbtools.attribution.question import Aim, Question
from wbtools.attribution.target import KINDS, Target, aim, default
from wbtools.errors import CheckError, InputError
from wbtools.grid import Unit, Volume
from wbtools.model import Model, ModelInput

__all__ = [
    "KINDS",
    "METHODS",
    "Aim",
    "Attribution",
    "Method",
    "Question",
    "Target",
    "aim",
    "ask",
    "attribute",
    "default",
    "method",
]

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


def attribute(
    model: Model,
    image: ModelInput,
    name: str = "lrp",
    target: Target | None = None,
    others: Sequence[ModelInput] = (),
    regions: NDArray[np.integer] | None = None,
    threads: int | None = None,
) -> Attribution:
    """Explain a network's answer for an image.

    Parameters
    ----------
    model : Model
    image : ModelInput
    name : str
        One of METHODS.
    target : Target, optional
        What is explained; without, what the network is for: its embedding, or the class it decides for.
    others : sequence of ModelInput
        The people that the target compares with, `--other` first.
    regions : ndarray, (X, Y, Z), int, optional
        Keys of an atlas's regions on the image's grid, for methods that need them.
    threads : int, optional
        How many threads torch may use; its own choice without.

    Returns
    -------
    Attribution
        Relevance as a density (1/mm3) on the image's grid, signed.

    Raises
    ------
    InputError
        If there is no such method or target.
    CheckError
        If the relevance is not finite.
    """
    explain = method(name)
    with _threads(threads):
        start = time.perf_counter()
        question = ask(model, image, explain, target or default(model), others, regions)
        result = explain.explain(question)
        seconds = time.perf_counter() - start
    return _judged(model, image, explain, question, result, seconds)


def ask(
    model: Model,
    image: ModelInput,
    explain: Method,
    target: Target,
    others: Sequence[ModelInput] = (),
    regions: NDArray[np.integer] | None = None,
) -> Question:
    """The question that a method is given; parameters as in `attribute`."""
    import torch

    watched, *people = (torch.from_numpy(one.data) for one in (image, *others))
    reference = torch.from_numpy(explain.reference(model.card, image).data) if explain.reference else None
    keys = torch.from_numpy(regions.astype(np.int64)) if regions is not None and explain.by_region else None
    if explain.by_region and keys is None:
        raise InputError(f"--method {explain.name} needs the regions of an atlas")
    goal = aim(model, target, watched, people[0] if people else None, torch.cat(people[1:]) if people[1:] else None)
    return Question(model.network, watched, goal, reference, keys)


def _judged(
    model: Model, image: ModelInput, explain: Method, question: Question, result: Explanation, seconds: float
) -> Attribution:
    """A method's result with all that can be said of it at once."""
    relevance, put_in = result.relevance, result.put_in
    if not np.isfinite(relevance).all():
        raise CheckError(f"the relevance of {model.name} is not finite", mend="try another checkpoint or method")
    size = float(np.abs(relevance).sum(dtype=np.float64))
    outside = float(np.abs(relevance[image.data[0, 0] == 0]).sum(dtype=np.float64))
    return Attribution(
        relevance=Volume((relevance / image.grid.voxel_volume).astype(np.float32), image.grid, Unit.DENSITY),
        method=explain.name,
        rules=explain.rules,
        caution=explain.caution,
        target=question.aim.description,
        score=question.aim.score,
        put_in=put_in,
        conservation=result.conservation,
        cancellation=size / abs(put_in) if put_in else None,
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
