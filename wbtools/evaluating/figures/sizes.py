"""How networks do by the size of lesions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wbtools.evaluating.bootstrap import Estimate
from wbtools.evaluating.figures.style import look, panels, plain, styled
from wbtools.evaluating.findings import Figure

BySize = Mapping[str, Mapping[int, Mapping[str, Estimate]]]
"""By checkpoint, size in pixels, and figure."""


def by_size(found: BySize) -> Figure:
    """AUC by size, with intervals."""
    with styled():
        figure, (axes,) = panels(width=1.8)
        axes.axhline(0.5, color="#888888", linewidth=0.8)
        for place, (name, each) in enumerate(found.items()):
            aucs = [values["auc"] for values in each.values()]
            value, low, high = (np.array([getattr(auc, part) for auc in aucs]) for part in ("value", "low", "high"))
            spread = np.stack([value - low, high - value]).clip(0)
            axes.errorbar(
                list(each), value, spread, marker="o", markersize=3, label=plain(name), capsize=2, **look(place)
            )
        axes.set(xlabel="size of the lesion, pixels across", ylabel="AUC", ylim=(-0.02, 1.02))
        figure.legend(loc="outside lower center")
    sure = any(values["auc"].sure for each in found.values() for values in each.values())
    alt = f"AUC by size of the lesion{', with intervals' if sure else ''}; the grey line is chance. {_said(found)}"
    return Figure("auc-by-size", "AUC by size of the lesion", alt, figure)


def heatmap(found: BySize) -> Figure:
    """Accuracy of every checkpoint with every size."""
    values = np.array([[each[size]["accuracy"].value for size in each] for each in found.values()])
    sizes = list(next(iter(found.values())))
    with styled():
        figure, (axes,) = panels(width=1.9)
        axes.grid(visible=False)
        image = axes.imshow(values, cmap="cividis", vmin=0.5, vmax=1, aspect="auto")
        for row, column in np.ndindex(*values.shape):
            colour = "black" if values[row, column] > 0.75 else "white"
            axes.text(column, row, f"{values[row, column]:.2f}", ha="center", va="center", color=colour, fontsize=7)
        axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        axes.set_yticks(range(len(found)), [plain(name) for name in found])
        axes.set(xlabel="size of the lesion, pixels across")
        figure.colorbar(image, ax=axes, label="accuracy")
    alt = "Heatmap of accuracies: a row for each checkpoint, a column for each size of the lesion. " + " ".join(
        f"{name}: {', '.join(f'{size} px {value:.2f}' for size, value in zip(sizes, row, strict=True))}."
        for name, row in zip(found, values, strict=True)
    )
    return Figure("accuracy-by-size", "Accuracy by checkpoint and size of the lesion", alt, figure)


def _said(found: BySize) -> str:
    return " ".join(
        f"{name}: {', '.join(f'{size} px {auc:.2f}' for size, auc in _aucs(each))}." for name, each in found.items()
    )


def _aucs(each: Mapping[int, Mapping[str, Estimate]]) -> list[tuple[int, float]]:
    return [(size, values["auc"].value) for size, values in each.items()]
