"""Learning curves: accuracy by training examples, and the difference between two kinds of networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wbtools.evaluating.bootstrap import Estimate
from wbtools.evaluating.figures.style import COLOURS, look, panels, plain, styled
from wbtools.evaluating.findings import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_APART = 1.04
"""So far from each other, as a factor, are kinds drawn, so that their bars can be told apart."""


@dataclass(frozen=True, eq=False)
class Point:
    """A place on a curve.

    Parameters
    ----------
    examples : float
        Where it is drawn.
    found : Estimate
        The mean over seeds, whose `drawn` are the values of single seeds.
    """

    examples: float
    found: Estimate


def learning(kinds: Mapping[str, Mapping[str, Point]], difference: Mapping[str, Point]) -> Figure:
    """Accuracy by examples of each class on the left, the paired difference on the right if there are pairs.

    Parameters
    ----------
    kinds : mapping of str to mapping of str to Point
        By kind of network and number of examples.
    difference : mapping of str to Point
    """
    ticks = {label: point.examples for points in (*kinds.values(), difference) for label, point in points.items()}
    with styled():
        figure, axes = panels(columns=2 if difference else 1, width=1.35)
        shown = {kind: points for kind, points in kinds.items() if points}
        for place, (kind, points) in enumerate(shown.items()):
            _curve(axes[0], points, _APART ** (2 * place - len(shown) + 1), {**look(place), "label": plain(kind)})
        axes[0].set(ylabel="accuracy")
        if difference:
            axes[1].axhline(0, color="#888888", linewidth=0.8)
            _curve(axes[1], difference, 1.0, {"color": COLOURS[-1], "linestyle": "-"})
            axes[1].set(ylabel="difference of accuracies in pairs of runs")
        for each in axes:
            each.set(xlabel="training examples of each class", xscale="log")
            each.margins(0.12)
            each.set_xticks(list(ticks.values()), list(ticks))
            each.minorticks_off()
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    words = " ".join(f"{kind}: {_said(points)}." for kind, points in shown.items())
    if difference:
        words += f" Difference: {', '.join(f'{label} {point.found.said()}' for label, point in difference.items())}."
    alt = (
        "Accuracy by training examples of each class: means over seeds, bars are intervals where there are any, faint "
        f"points single seeds. {words}"
    )
    return Figure("learning-curves", "Learning curves", alt, figure)


def _said(points: Mapping[str, Point]) -> str:
    return ", ".join(f"{label} {point.found}" for label, point in points.items())


def _curve(axes: Axes, points: Mapping[str, Point], shift: float, style: Mapping[str, Any]) -> None:
    places = np.array([point.examples * shift for point in points.values()])
    value, low, high = (
        np.array([getattr(point.found, part) for point in points.values()]) for part in ("value", "low", "high")
    )
    axes.errorbar(places, value, np.stack([value - low, high - value]), marker="o", markersize=4, capsize=3, **style)
    for place, point in zip(places * (shift if shift != 1 else _APART), points.values(), strict=True):
        if len(point.found.drawn) < 2:
            continue  # it is the mean
        single = np.full(len(point.found.drawn), place)
        axes.plot(single, point.found.drawn, "o", markersize=4, alpha=0.3, color=style["color"], markeredgewidth=0)
