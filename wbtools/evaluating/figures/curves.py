"""ROC and precision-recall curves, a curve for each checkpoint, and confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.evaluating.figures.style import look, panels, plain, styled
from wbtools.evaluating.findings import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = NDArray[np.float64]
_POINTS = 500


@dataclass(frozen=True, eq=False)
class Line:
    """A curve.

    Parameters
    ----------
    x, y : ndarray
    said : str
        For the legend and the alternative text.
    """

    x: Values
    y: Values
    said: str


def roc(lines: Mapping[str, Line], suffix: str = "", words: str = "") -> Figure:
    """Hits by false alarms; the suffix is of the file's name, the words say of what."""
    with styled():
        figure, (axes,) = panels()
        axes.plot([0, 1], [0, 1], color="#888888", linewidth=0.8)
        _draw(axes, lines)
        axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        figure.legend(loc="outside lower center")
    title = f"ROC curve {words}".strip()
    return Figure(f"roc{suffix}", title, f"{title}. {_said(lines)} The grey diagonal is chance.", figure)


def precision_recall(lines: Mapping[str, Line], chance: float, words: str, suffix: str = "") -> Figure:
    """Precision by recall."""
    with styled():
        figure, (axes,) = panels()
        axes.axhline(chance, color="#888888", linewidth=0.8)
        _draw(axes, lines)
        axes.set(xlabel="recall", ylabel="precision", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        figure.legend(loc="outside lower center")
    alt = f"Precision by recall {words}. {_said(lines)} The grey line at {chance:.3g} is chance."
    return Figure(f"precision-recall{suffix}", f"Precision and recall {words}", alt, figure)


def _draw(axes: Axes, lines: Mapping[str, Line]) -> None:
    for place, (name, each) in enumerate(lines.items()):
        x, y = thinned(each.x, each.y)
        axes.plot(x, y, label=f"{plain(name)}: {each.said}", **look(place))


def _said(lines: Mapping[str, Line]) -> str:
    return " ".join(f"{name}: {each.said}." for name, each in lines.items())


def thinned(x: Values, y: Values) -> tuple[Values, Values]:
    """A curve with so few points that its file stays small; the ends stay."""
    if len(x) <= _POINTS:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, _POINTS).round().astype(int))
    return x[kept], y[kept]


def confusion(name: str, place: int, counts: NDArray[np.int64], classes: Sequence[str], title: str) -> Figure:
    """How often each class was predicted, for each true one.

    Parameters
    ----------
    name : str
        Of the checkpoint.
    place : int
        Its number, from 1.
    counts : ndarray, (K, K), int
        Rows are true.
    classes : sequence of str
    title : str
    """
    total = counts.sum(1, keepdims=True)
    share = counts / np.where(total > 0, total, 1)
    with styled():
        figure, (axes,) = panels(width=max(1.15, 0.35 * len(classes)))
        axes.grid(visible=False)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for row in range(len(classes)):
            for column in range(len(classes)):
                text = f"{counts[row, column]}\n{share[row, column]:.1%}"
                colour = "white" if share[row, column] > 0.5 else "black"
                axes.text(column, row, text, ha="center", va="center", color=colour)
        words = [plain(each) for each in classes]
        axes.set_xticks(range(len(classes)), words)
        axes.set_yticks(range(len(classes)), words)
        axes.set(xlabel="predicted", ylabel="true", title=plain(name))
    cells = [
        f"{counts[row, column]} of {classes[row]} called {classes[column]}"
        for row in range(len(classes))
        for column in range(len(classes))
    ]
    return Figure(f"confusion-{place}", f"{title}, {name}", f"Confusion of {name}: {', '.join(cells)}.", figure)
