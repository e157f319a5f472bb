"""Relevance: how much each voxel of the input contributes to what a network says about it.

A method is a constant of type `Method` in a module of `methods`; adding it to the registry here makes it a choice of
the command line. torch, zennit and captum are imported by those modules, not by this one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution.method import Attribution, Method, MethodOutput
from wbtools.attribution.question import Objective, Question
from wbtools.attribution.slicewise import piece_by_piece
from wbtools.attribution.target import KINDS, Target, aim, default, spelt
from wbtools.errors import CheckError, InputError
from wbtools.model import Model, ModelInput
from wbtools.space.grid import Unit, Volume

__all__ = [
    "KINDS",
    "METHODS",
    "Attribution",
    "Method",
    "Objective",
    "Question",
    "Target",
    "aim",
    "answer",
    "ask",
    "attribute",
    "default",
    "default_method",
    "method",
    "spelt",
    "threaded",
]

_PLACES = {
    "lrp": "lrp.METHOD",
    "deviation": "deviation.METHOD",
    "deviation-moved": "shifted_deviation.METHOD",
    "lrp-epsilon": "composites.EPSILON",
    "lrp-gamma": "composites.GAMMA",
    "lrp-alpha-beta": "composites.ALPHA_BETA",
    "lrp-flat": "composites.FLAT",
    "lrp-w-square": "composites.W_SQUARE",
    "lrp-box": "composites.BOX",
    "integrated-gradients": "integrated_gradients.TEMPLATE",
    "integrated-gradients-zero": "integrated_gradients.ZERO",
    "integrated-gradients-blurred": "integrated_gradients.BLURRED",
    "gradient-x-input": "gradient_products.INPUT",
    "gradient-x-difference": "gradient_products.DIFFERENCE",
    "guided-backprop": "guided_backprop.METHOD",
    "grad-cam": "class_activation.GRAD_CAM",
    "hires-cam": "class_activation.HIRES_CAM",
    "occlusion": "occlusion.METHOD",
    "meaningful-perturbation": "perturbation.METHOD",
    "attention": "attention_maps.METHOD",
}
"""The module of `methods` that holds a method, and the name of the constant there."""

METHODS = tuple(_PLACES)
"""Names of the methods; the choices of `--method`."""


def method(name: str) -> Method:
    """The method of this name; of networks that look at pieces of an image, it explains one after the other.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in METHODS:
        raise InputError(f"'{name}' is no attribution method", hint=f"choose one of {', '.join(METHODS)}")
    module, constant = _PLACES[name].split(".")
    found: Method = getattr(import_module(f"{__name__}.methods.{module}"), constant)
    explain = piece_by_piece(found.explain)
    if found.on_cards:
        from wbtools.attribution.runtime.device import accelerated

        explain = accelerated(explain)
    return replace(found, explain=explain)


def attribute(
    model: Model,
    image: ModelInput,
    name: str = "deviation",
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
    how = method(name)
    with threaded(threads):
        return answer(model, image, how, ask(model, image, how, target or default(model), others, regions))


def ask(
    model: Model,
    image: ModelInput,
    how: Method,
    target: Target,
    others: Sequence[ModelInput] = (),
    regions: NDArray[np.integer] | None = None,
) -> Question:
    """The question that a method is given; parameters as in `attribute`."""
    import torch

    if how.by_region and regions is None:
        raise InputError(f"--method {how.name} needs the regions of an atlas")
    watched, *people = (torch.from_numpy(one.data) for one in (image, *others))
    reference = how.reference(model.card, image, model.reference) if how.reference else None
    before = torch.from_numpy(reference.data) if reference else None
    rest = torch.cat(people[1:]) if people[1:] else None
    goal = aim(model, target, watched, people[0] if people else None, rest, before)
    return Question(
        model.network,
        watched,
        goal,
        before,
        torch.from_numpy(regions.astype(np.int64)) if how.by_region and regions is not None else None,
        reference.as_record() if reference else None,
        image.empty,
        (float(image.data.min()), float(image.data.max())),
    )


def answer(model: Model, image: ModelInput, how: Method, question: Question) -> Attribution:
    """Put a question to a method; raises and returns as `attribute` does."""
    start = time.perf_counter()
    result = how.explain(question)
    return _judged(model, image, how, question, result, time.perf_counter() - start)


def default_method(model: Model, target: Target) -> str:
    """The method that is taken unless told: deviation where every layer is known, else integrated gradients.

    Both compare with a reference brain; networks trained on heads with a skull have none unless their card names one.
    """
    from wbtools.attribution.engine.difference import can_follow

    if not model.card.skull_stripped and model.reference is None:
        return "integrated-gradients-zero"
    return "deviation" if can_follow(model.network, target.answer) else "integrated-gradients"


def _judged(
    model: Model, image: ModelInput, how: Method, question: Question, result: MethodOutput, seconds: float
) -> Attribution:
    """A method's result with all that can be said of it at once."""
    relevance, expected_sum = result.relevance, result.expected_sum
    if not np.isfinite(relevance).all():
        raise CheckError(f"the relevance of {model.name} is not finite", hint="try another checkpoint or method")
    size = float(np.abs(relevance).sum(dtype=np.float64))
    outside = float(np.abs(relevance[~image.brain]).sum(dtype=np.float64))
    return Attribution(
        relevance=Volume((relevance / image.grid.voxel_volume).astype(np.float32), image.grid, Unit.DENSITY),
        method=how.name,
        rules=how.rules,
        caution=how.caution,
        target=question.objective.description,
        reference=question.reference_record,
        score=question.objective.score,
        expected_sum=expected_sum,
        conservation=result.conservation,
        cancellation=size / abs(expected_sum) if expected_sum else None,
        background=outside / size if size else 0.0,
        seconds=seconds,
        device=result.device,
    )


@contextmanager
def threaded(count: int | None) -> Iterator[None]:
    """Let torch use `count` threads inside the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
