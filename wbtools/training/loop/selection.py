"""Which epoch's weights are kept: several criteria, each with a best epoch of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Criterion:
    """What makes an epoch the best.

    Parameters
    ----------
    name : str
        Short, for file names.
    figure : str
        The figure of the validation that decides.
    higher : bool
        Whether more is better.
    """

    name: str
    figure: str
    higher: bool = True


@dataclass(frozen=True)
class Best:
    """The best epoch by a criterion so far.

    Parameters
    ----------
    epoch : int
        From 0.
    value : float
    loss : float
        Of the validation part; decides between equal values.
    """

    epoch: int
    value: float
    loss: float


class Selection:
    """The best epochs by several criteria, and whether it is time to stop.

    Parameters
    ----------
    criteria : sequence of Criterion
        The first decides when training stops.
    patience : int
        Epochs without a better value; 0 never stops.

    Examples
    --------
    >>> chosen = Selection([Criterion("loss", "loss", higher=False)], patience=1)
    >>> [chosen.better(epoch, {"loss": loss}) for epoch, loss in enumerate((3.0, 2.0, 2.0))]
    [('loss',), ('loss',), ()]
    >>> chosen.finished(2)
    True
    """

    def __init__(self, criteria: Sequence[Criterion], patience: int = 0) -> None:
        self.criteria = tuple(criteria)
        self.patience = patience
        self.best: dict[str, Best] = {}

    def better(self, epoch: int, figures: Mapping[str, float]) -> tuple[str, ...]:
        """Names of the criteria by which an epoch is better than all before; it is kept as their best."""
        names = []
        for criterion in self.criteria:
            value, loss = figures[criterion.figure], figures["loss"]
            before = self.best.get(criterion.name)
            gain = math.inf if before is None else (value - before.value) * (1 if criterion.higher else -1)
            if math.isfinite(value) and (gain > 0 or (before and gain == 0 and loss < before.loss)):
                self.best[criterion.name] = Best(epoch, value, loss)
                names.append(criterion.name)
        return tuple(names)

    def finished(self, epoch: int) -> bool:
        """Whether the first criterion has not become better for so long that training ends after an epoch."""
        best = self.best.get(self.criteria[0].name, Best(-1, math.nan, math.nan))
        return bool(self.patience) and epoch - best.epoch >= self.patience

    def state(self) -> dict[str, Any]:
        """The best epochs, as plain values."""
        return {name: [best.epoch, best.value, best.loss] for name, best in self.best.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take the best epochs of an earlier run."""
        self.best = {name: Best(int(epoch), float(value), float(loss)) for name, (epoch, value, loss) in state.items()}
