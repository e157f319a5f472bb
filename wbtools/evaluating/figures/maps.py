"""How well maps of several methods do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wbtools.evaluating.bootstrap import Estimate
from wbtools.evaluating.figures.style import COLOURS, LINES, look, panels, plain, styled
from wbtools.evaluating.findings import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BySize = Mapping[str, Mapping[int, Mapping[str, Estimate]]]
"""By method, the best first; size in pixels; and figure."""

Right = Mapping[str, Sequence[Estimate]]
"""For each share that is shown, by method; then of random voxels, of none, and of the whole image."""

_MOST = len(COLOURS) - 1
"""Curves that can be told apart."""
_GREY = "#888888"


def localisation(name: str, place: int, found: BySize, without: BySize) -> Figure:
    """Relevance inside the lesion and AUC of voxels by size, a curve for each method; grey without a network."""
    few = dict(list(found.items())[:_MOST])
    grey = [{"color": _GREY, "linestyle": line} for line in LINES[1:]]
    looks = [*(look(number) for number in range(len(few))), *grey]
    with styled():
        figure, (inside, auc) = panels(columns=2, width=1.3)
        first = next(iter(without.values()))
        inside.plot(list(first), [each["chance"].value for each in first.values()], color=_GREY, label="chance")
        auc.axhline(0.5, color=_GREY)
        for number, (method, each) in enumerate({**few, **without}.items()):
            for axes, shown in ((inside, "inside"), (auc, "auc")):
                shift = 0.25 * (number - len(few) / 2)  # bars of intervals do not hide each other
                _curve(axes, {size + shift: of[shown] for size, of in each.items()}, looks[number], method)
        inside.set(ylabel="share of relevance inside the lesion")
        inside.set_ylim(bottom=0)
        auc.set(ylabel="AUC of voxels", ylim=(-0.02, 1.02))
        for axes in (inside, auc):
            axes.set(xlabel="size of the lesion, pixels across")
        figure.legend(*inside.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    words = " ".join(f"{method}: {', '.join(_shares(each))}." for method, each in {**few, **without}.items())
    alt = (
        "Share of relevance inside the lesion, and AUC of voxels, by size and method"
        f"{_intervals([each['auc'] for of in found.values() for each in of.values()])}; grey are chance and "
        f"what needs no network. {_left(found)}Shares of {name}: {words}"
    )
    return Figure(f"maps-by-size-{place}", f"Maps by size of the lesion, {name}", alt, figure)


def masked(name: str, place: int, right: Right, shares: Sequence[float]) -> Figure:
    """Share of right answers by share of voxels shown, a curve for each method."""
    *methods, random, nothing, whole = right
    few = sorted(methods, key=lambda method: -np.mean([each.value for each in right[method]]))[:_MOST]
    with styled():
        figure, (axes,) = panels(width=1.6)
        for level, line in ((whole, "-"), (nothing, "-.")):
            axes.axhline(right[level][0].value, color=_GREY, linestyle=line, label=plain(level))
        for number, method in enumerate((*few, random)):
            shift = 1.05 ** (number - len(few) / 2)  # bars of intervals do not hide each other
            style = look(number) if method != random else {"color": _GREY, "linestyle": ":"}
            values = {share * shift: each for share, each in zip(shares, right[method], strict=True)}
            _curve(axes, values, style, method)
        axes.set_xscale("log")
        axes.set_xticks(list(shares), [f"{share:.0%}" for share in shares])
        axes.minorticks_off()
        axes.set(xlabel="share of the brain's voxels that is shown", ylabel="share of right answers")
        axes.set_ylim(-0.02, 1.02)
        figure.legend(loc="outside lower center", ncols=3)
    said = {
        method: [f"{share:.0%} {each.value:.2f}" for share, each in zip(shares, right[method], strict=True)]
        for method in (*few, random)
    }
    words = " ".join(f"{method}: {', '.join(each)}." for method, each in said.items())
    alt = (
        "Share of right answers by share of the most relevant voxels that are shown, by method"
        f"{_intervals([each for method in few for each in right[method]])}; grey are the whole image, as many random "
        f"voxels, and none. {_left(methods)}{words} "
        f"Whole image: {right[whole][0].value:.2f}; no voxels: {right[nothing][0].value:.2f}."
    )
    return Figure(f"maps-shown-{place}", f"Answers to the most relevant voxels alone, {name}", alt, figure)


def _shares(found: Mapping[int, Mapping[str, Estimate]]) -> list[str]:
    return [f"{size} px {each['inside'].value:.2f}" for size, each in found.items()]


def _intervals(found: Sequence[Estimate]) -> str:
    return ", with intervals" if any(each.sure for each in found) else ""


def _left(found: Collection[str]) -> str:
    return f"The best {_MOST} of {len(found)} methods. " if len(found) > _MOST else ""


def _curve(axes: Axes, found: Mapping[float, Estimate], style: Mapping[str, Any], label: str) -> None:
    value, low, high = (np.array([getattr(each, part) for each in found.values()]) for part in ("value", "low", "high"))
    spread = np.stack([value - low, high - value]).clip(0)
    axes.errorbar(list(found), value, spread, marker="o", markersize=3, capsize=2, label=plain(label), **style)
