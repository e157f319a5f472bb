"""Distances of twins and others, and where thresholds lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from wbtools.evaluating.figures.style import APART, COLOURS, TOGETHER, look, panels, plain, styled
from wbtools.evaluating.findings import Figure
from wbtools.evaluating.pairs import Distances, Pairs
from wbtools.evaluating.thresholds import Curve
from wbtools.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS = 40


def histogram(name: str, place: int, pairs: Pairs, threshold: float | None) -> Figure:
    """Distances of twins and of others, each with the area 1.

    Parameters
    ----------
    name : str
        Of the checkpoint.
    place : int
        Its number, from 1.
    pairs : Pairs
    threshold : float, optional
    """
    with styled():
        figure, (axes,) = panels(width=1.8)
        _draw(axes, pairs)
        if threshold is not None:
            axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.3g}")
        axes.set(xlabel="cosine distance", ylabel="density", title=plain(name))
        axes.legend(loc="upper right")
    at = "" if threshold is None else f" The threshold is {threshold:.3g}."
    alt = (
        f"Histogram of cosine distances of {name}: {_range(pairs.together)} for "
        f"{counted(len(pairs.together), 'pair')} of twins, "
        f"{_range(pairs.apart)} for {counted(len(pairs.apart), 'other pair')}.{at}"
    )
    return Figure(f"distances-{place}", f"Distances, {name}", alt, figure)


def _draw(axes: Axes, pairs: Pairs) -> None:
    both = np.concatenate([pairs.together, pairs.apart])
    bins = np.linspace(both.min(), max(both.max(), both.min() + 1e-6), _BINS + 1).tolist()
    for values, said, colour, hatch in ((pairs.together, "twins", TOGETHER, ""), (pairs.apart, "others", APART, "///")):
        axes.hist(values, bins, density=True, alpha=0.55, color=colour, edgecolor="white", hatch=hatch, label=said)


def _range(values: Distances) -> str:
    return f"mean {values.mean():.3g}, from {values.min():.3g} to {values.max():.3g}"


def thresholds(name: str, place: int, curve: Curve, chosen: Mapping[str, float]) -> Figure:
    """Six panels: what every threshold decides, and those that criteria choose.

    Parameters
    ----------
    name : str
        Of the checkpoint.
    place : int
        Its number, from 1.
    curve : Curve
        Of validation data.
    chosen : mapping of str to float
        Thresholds by the words of their criteria; NaN where there is none.
    """
    x = curve.thresholds
    known = {said: value for said, value in chosen.items() if np.isfinite(value)}
    drawn = (
        ("F scores", {"F1": curve.f(1), "F0.5": curve.f(0.5), "F2": curve.f(2)}),
        ("precision and recall", {"precision": curve.precision, "recall": curve.recall}),
        (
            "accuracy",
            {"balanced accuracy": (curve.recall + 1 - curve.false) / 2, "Youden's J": curve.recall - curve.false},
        ),
    )
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), 500)).round().astype(int))
    with styled():
        figure, axes = panels(2, 3)
        for panel, (title, lines) in zip(axes, drawn, strict=False):
            for number, (said, values) in enumerate(lines.items()):
                panel.plot(x[kept], values[kept], label=said, **look(number))
            panel.set(xlabel="threshold", title=title, ylim=(-0.02, 1.02))
            panel.legend(loc="lower center")
        _draw(axes[3], curve.pairs)
        for number, value in enumerate(known.values()):
            axes[3].axvline(value, linewidth=0.9, **look(number + 2))
        axes[3].set(xlabel="cosine distance", ylabel="density", title="thresholds among distances")
        _gaussians(axes[4], curve.pairs)
        axes[5].barh(range(len(known)), list(known.values()), color=COLOURS[5])
        axes[5].set_yticks(range(len(known)), [plain(said) for said in known])
        axes[5].invert_yaxis()
        axes[5].set(xlabel="threshold", title="chosen thresholds")
        figure.suptitle(plain(name))
    said = ", ".join(f"{criterion} {value:.3g}" for criterion, value in known.items())
    alt = (
        f"Six panels on thresholds of {name}, on validation data: F scores, precision and recall, accuracies by "
        f"threshold; thresholds among the distances; two normal distributions fitted to them; chosen thresholds {said}."
    )
    return Figure(f"thresholds-{place}", f"Thresholds of {name} on validation data", alt, figure)


def _gaussians(panel: Axes, pairs: Pairs) -> None:
    both = np.concatenate([pairs.together, pairs.apart])
    x = np.linspace(both.min(), both.max(), 300)
    for number, (values, said) in enumerate(((pairs.together, "twins"), (pairs.apart, "others"))):
        mean, sd = values.mean(), values.std() or 1e-9
        density = np.exp(-((x - mean) ** 2) / (2 * sd**2)) / (sd * np.sqrt(2 * np.pi))
        panel.plot(x, density, label=said, **look(number))
    panel.set(xlabel="cosine distance", ylabel="density", title="normal distributions")
    panel.legend(loc="upper right")
