"""Relevance: how much each voxel of the input contributes to what a network says about it.

`attribute` explains a network's answer by one of `METHODS`. torch, zennit and captum are imported by the methods
themselves, not by this module.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution.answers import Answers, Images
from wbtools.attribution.method import Attribution, Method, MethodOutput
from wbtools.attribution.objective import Objective
from wbtools.attribution.question import Question
from wbtools.attribution.registry import METHODS, SECOND_METHODS, default_method, method
from wbtools.attribution.target import KINDS, Target, default
from wbtools.model import Model, ModelInput

__all__ = [
    "KINDS",
    "METHODS",
    "SECOND_METHODS",
    "Answers",
    "Attribution",
    "Images",
    "Method",
    "MethodOutput",
    "Objective",
    "Question",
    "Target",
    "attribute",
    "default",
    "default_method",
    "method",
]


def attribute(
    model: Model,
    image: ModelInput,
    name: str = "deviation",
    target: Target | None = None,
    others: Sequence[ModelInput] = (),
    regions: NDArray[np.integer] | None = None,
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

    Returns
    -------
    Attribution
        Relevance as a density (1/mm3) on the image's grid; its sign means something where `signed` says so.

    Raises
    ------
    InputError
        If there is no such method or target.
    CheckError
        If the relevance is not finite.
    """
    how = method(name)
    return how.attribute(how.ask(model, (image, *others), target or default(model), regions), image)
