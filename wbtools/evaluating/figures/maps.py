"""How well maps of several methods do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from wbtools.evaluating.bootstrap import Estimate
from wbtools.evaluating.figures.style import COLOURS, look, panels, plain, styled
from wbtools.evaluating.findings import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BySize = Mapping[str, Mapping[int, Mapping[str, Estimate]]]
"""By method, the best first; size in pixels; and figure."""

_MOST = len(COLOURS) - 1
"""Curves that can be told apart."""
_GREY = "#888888"


def localisation(name: str, place: int, found: BySize) -> Figure:
    """Relevance inside the lesion and AUC of voxels by size, a curve for each method."""
    few = dict(list(found.items())[:_MOST])
    with styled():
        figure, (inside, auc) = panels(columns=2, width=1.3)
        first = next(iter(few.values()))
        inside.plot(list(first), [each["chance"].value for each in first.values()], color=_GREY, label="chance")
        auc.axhline(0.5, color=_GREY)
        for number, (method, each) in enumerate(few.items()):
            for axes, figure_name in ((inside, "inside"), (auc, "auc")):
                shift = 0.25 * (number - (len(few) - 1) / 2)  # bars of intervals do not hide each other
                _curve(axes, {size + shift: of[figure_name] for size, of in each.items()}, number, method)
        inside.set(ylabel="share of relevance inside the lesion")
        inside.set_ylim(bottom=0)
        auc.set(ylabel="AUC of voxels", ylim=(-0.02, 1.02))
        for axes in (inside, auc):
            axes.set(xlabel="size of the lesion, pixels across")
        figure.legend(*inside.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    shares = {
        method: [f"{size} px {of['inside'].value:.2f}" for size, of in each.items()] for method, each in few.items()
    }
    words = " ".join(f"{method}: {', '.join(each)}." for method, each in shares.items())
    alt = (
        f"Share of relevance inside the lesion, and AUC of voxels, by size and method, with intervals; grey is chance. "
        f"{_left(found)}Shares of {name}: {words}"
    )
    return Figure(f"maps-by-size-{place}", f"Maps by size of the lesion, {name}", alt, figure)


def _shares(found: Mapping[int, Mapping[str, Estimate]]) -> list[str]:
    return [f"{size} px {each['inside'].value:.2f}" for size, each in found.items()]


def _left(found: Mapping[str, object]) -> str:
    return f"The {_MOST} methods with the highest AUC of {len(found)}. " if len(found) > _MOST else ""


def _curve(axes: Axes, found: Mapping[float, Estimate], number: int, label: str) -> None:
    value, low, high = (np.array([getattr(each, part) for each in found.values()]) for part in ("value", "low", "high"))
    spread = np.stack([value - low, high - value]).clip(0)
    axes.errorbar(list(found), value, spread, marker="o", markersize=3, capsize=2, label=plain(label), **look(number))
