"""The methods: where each is, and what the command line has to know of it before torch is imported.

A method is a constant of type `Method` in a module of `methods`; an entry here makes it a choice of the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Literal

from wbtools.attribution.measured import compared, ranked_better, sentence
from wbtools.attribution.method import Method
from wbtools.attribution.slicewise import piece_by_piece
from wbtools.attribution.target import Target
from wbtools.errors import InputError, require_choice
from wbtools.model import Model


@dataclass(frozen=True)
class Companion:
    """A method whose map is written beside that of another.

    Parameters
    ----------
    method : str
    advice : str
        Which of both maps is to be trusted for what, in a sentence.
    """

    method: str
    advice: str


@dataclass(frozen=True)
class Entry:
    """What is known of a method without its module, which imports torch, zennit or captum.

    Parameters
    ----------
    place : str
        The module of `methods` that holds it, and the name of the constant there.
    null_networks : int
        With how many randomised networks its maps are compared unless the user says. One is enough for the sanity
        check. Ranks against the null need four; so that a region can reach p < .05, 20 are needed.
    suits : callable, optional
        Whether it is taken for a network and target if the user names no method; of several, the first is. Without, it
        never is.
    beside : str
        The method whose map stands beside its own by default where the network's answer is classes or a number: one
        that ranked regions better in some task.
    layers : {"any", "visible", "known"}
        Which networks it can explain: any; those whose layers are modules; or those whose every layer the engine
        knows (`wbtools.attribution.engine`).
    """

    place: str
    null_networks: int = 1
    suits: Callable[[Model, Target], bool] | None = None
    beside: str = ""
    layers: Literal["any", "visible", "known"] = "any"


def _has_reference(model: Model, target: Target) -> bool:
    """Networks trained on heads with a skull have no reference brain unless their card names one."""
    return model.card.skull_stripped or model.reference is not None


def _has_none(model: Model, target: Target) -> bool:
    return not _has_reference(model, target)


def _is_known(model: Model, target: Target) -> bool:
    """Whether there is a reference, and every layer is known to the engine."""
    from wbtools.attribution.engine.difference import can_follow

    return _has_reference(model, target) and can_follow(model.network, target.answer)


_CALIBRATING = 20  # randomised networks: the fewest with which a region can be below p = .05

ENTRIES = {
    "lrp": Entry("lrp.METHOD", layers="known"),
    "deviation": Entry("deviation.METHOD", null_networks=_CALIBRATING, layers="known"),
    "deviation-magnitude": Entry("deviation.MAGNITUDE", null_networks=_CALIBRATING, layers="known"),
    "deviation-squared": Entry("deviation.SQUARED", null_networks=_CALIBRATING, layers="known"),
    "deviation-smooth": Entry(
        "deviation.SMOOTH",
        null_networks=_CALIBRATING,
        suits=_is_known,
        beside="gradient",
        layers="known",
    ),
    "deviation-moved": Entry("shifted_deviation.METHOD", layers="known"),
    "lrp-epsilon": Entry("composites.EPSILON", layers="visible"),
    "lrp-gamma": Entry("composites.GAMMA", layers="visible"),
    "lrp-alpha-beta": Entry("composites.ALPHA_BETA", layers="visible"),
    "lrp-flat": Entry("composites.FLAT", layers="visible"),
    "lrp-w-square": Entry("composites.W_SQUARE", layers="visible"),
    "lrp-box": Entry("composites.BOX", layers="visible"),
    "integrated-gradients": Entry("integrated_gradients.TEMPLATE", suits=_has_reference),
    "integrated-gradients-zero": Entry("integrated_gradients.ZERO", suits=_has_none),
    "integrated-gradients-blurred": Entry("integrated_gradients.BLURRED"),
    "gradient": Entry("gradient.METHOD"),
    "gradient-x-input": Entry("gradient_products.INPUT"),
    "gradient-x-difference": Entry("gradient_products.DIFFERENCE"),
    "smoothgrad": Entry("smoothgrad.MEAN"),
    "smoothgrad-x-input": Entry("smoothgrad.MEAN_X_INPUT"),
    "smoothgrad-x-difference": Entry("smoothgrad.MEAN_X_DIFFERENCE"),
    "smoothgrad-squared": Entry("smoothgrad.SQUARED"),
    "smoothgrad-squared-x-input": Entry("smoothgrad.SQUARED_X_INPUT"),
    "smoothgrad-squared-x-difference": Entry("smoothgrad.SQUARED_X_DIFFERENCE"),
    "vargrad": Entry("smoothgrad.VARIANCE"),
    "vargrad-x-input": Entry("smoothgrad.VARIANCE_X_INPUT"),
    "vargrad-x-difference": Entry("smoothgrad.VARIANCE_X_DIFFERENCE"),
    "guided-backprop": Entry("guided_backprop.METHOD", layers="visible"),
    "activation-gradients": Entry("activation_gradients.METHOD", layers="visible"),
    "grad-cam": Entry("class_activation.GRAD_CAM", layers="visible"),
    "hires-cam": Entry("class_activation.HIRES_CAM", layers="visible"),
    "occlusion": Entry("occlusion.METHOD"),
    "meaningful-perturbation": Entry("perturbation.METHOD"),
    "attention": Entry("attention_maps.METHOD", layers="visible"),
}
"""By the names that are the choices of `--method`."""

METHODS = tuple(ENTRIES)
"""Names of the methods."""

NO_SECOND = "none"
"""The choice of `--also` for one map only."""

SECOND_METHODS = (*METHODS, NO_SECOND)
"""The choices of `--also`."""


def method(name: str) -> Method:
    """The method of this name; of networks that look at pieces of an image, it explains one after the other.

    Raises
    ------
    InputError
        If there is none.
    """
    require_choice("attribution method", name, METHODS)
    entry = ENTRIES[name]
    module, constant = entry.place.split(".")
    found: Method = getattr(import_module(f"{__package__}.methods.{module}"), constant)
    explain = piece_by_piece(found.explain)
    if found.on_cards:
        from wbtools.attribution.runtime.device import accelerated

        explain = accelerated(explain)
    if found.pooled:
        from wbtools.attribution.pooling import pooling

        explain = pooling(explain, found.pooled)
    caution = f"{found.caution} {sentence(name)}"
    return replace(found, explain=explain, caution=caution, null_networks=entry.null_networks)


def default_method(model: Model, target: Target) -> str:
    """The method that is taken unless told: deviation-smooth where every layer is known, else integrated gradients.

    Both compare with a reference brain; where there is none, integrated gradients from an empty image.
    """
    return next(name for name, entry in ENTRIES.items() if entry.suits and entry.suits(model, target))


def default_companion(target: Target, first: str) -> str | None:
    """The method whose map stands beside that of the first unless the user says; None for none.

    Examples
    --------
    >>> [default_companion(Target(kind), "deviation-smooth") for kind in ("class", "embedding")]
    ['gradient', None]
    """
    return ENTRIES[first].beside or None if target.answer == "logits" else None


def companion(first: str, second: str) -> Companion:
    """The method whose map is written beside that of the first, and which of both is to be trusted for what.

    Parameters
    ----------
    first, second : str
        Names of methods.

    Raises
    ------
    InputError
        If the second is the first, or there is no such method.

    Examples
    --------
    >>> print(companion("deviation", "occlusion").advice)
    Nothing was measured of both deviation and occlusion; what both show does not depend on the choice of the method.
    """
    require_choice("attribution method", second, METHODS)
    if second == first:
        raise InputError(
            f"--also {second} is the method of the first map", hint="name another method, or leave --also out"
        )
    shared = "what both show does not depend on the choice of the method."
    return Companion(second, f"{compared(first, second)}; {ranked_better(first, second)}{shared}")


def null_networks_by_default() -> str:
    """How many randomised networks maps are compared with unless the user says, in words.

    Examples
    --------
    >>> null_networks_by_default()
    '20 for deviation, deviation-magnitude, deviation-squared, deviation-smooth, else 1'
    """
    counts = sorted({entry.null_networks for entry in ENTRIES.values()} - {1}, reverse=True)
    several = (
        f"{count} for {', '.join(name for name, entry in ENTRIES.items() if entry.null_networks == count)}"
        for count in counts
    )
    return ", ".join((*several, "else 1"))
