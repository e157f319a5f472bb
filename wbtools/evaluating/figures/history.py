"""How training went: losses and what the best epochs were chosen by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wbtools.evaluating.figures.style import look, panels, plain, styled
from wbtools.evaluating.findings import Figure
from wbtools.text import counted

_MARKS = "osD^vPX"


def best_epochs(log: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The best epoch by each criterion, from 1.

    Examples
    --------
    >>> best_epochs([{"epoch": 1, "best": ["auc", "loss"]}, {"epoch": 2, "best": ["loss"]}])
    {'auc': 1, 'loss': 2}
    """
    return {name: int(each["epoch"]) for each in log for name in each["best"]}


def losses(name: str, place: int, log: Sequence[Mapping[str, Any]]) -> Figure:
    """Losses of a run, with the best epochs marked.

    Parameters
    ----------
    name : str
        Of the checkpoint.
    place : int
        Its number, from 1.
    log : sequence of mapping
        At least one epoch.
    """
    best = best_epochs(log)
    epochs = [int(each["epoch"]) for each in log]
    with styled():
        figure, (axes,) = panels(width=2.2)
        for number, (part, said) in enumerate((("train", "training"), ("val", "validation"))):
            values = [_number(each[part].get("loss")) for each in log]
            axes.plot(epochs, values, label=said, **look(number))
        known = dict(zip(epochs, (_number(each["val"].get("loss")) for each in log), strict=True))
        for number, (criterion, epoch) in enumerate(best.items()):
            axes.plot(
                epoch, known[epoch], _MARKS[number % len(_MARKS)], color="black", fillstyle="none",
                markersize=7 + 2 * number, linestyle="none", label=f"best {plain(criterion)}: epoch {epoch}",
            )  # fmt: skip
        axes.locator_params("x", integer=True)
        axes.set(xlabel="epoch", ylabel="loss", title=plain(name))
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    said = ", ".join(f"{criterion} in epoch {epoch}" for criterion, epoch in best.items())
    ends = {part: [_number(log[place][part].get("loss")) for place in (0, -1)] for part in ("train", "val")}
    alt = (
        f"Loss by epoch over {counted(len(epochs), 'epoch')} of {name}: training from {ends['train'][0]:.4g} to "
        f"{ends['train'][1]:.4g}, validation from {ends['val'][0]:.4g} to {ends['val'][1]:.4g}. Best by {said}."
    )
    return Figure(f"losses-{place}", f"Losses of {name}", alt, figure)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
