"""The processes that train together: one alone, or as many as `torchrun` starts.

What the loop asks of the others is here, and a process that trains alone answers it by itself. `several` has the
answers of processes that share every batch: the loop need not know whether there are others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbtools.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from wbtools.training.loop.feeding import Plan, Share


@dataclass(frozen=True)
class Place:
    """Which of the processes this is.

    Parameters
    ----------
    rank : int
        From 0.
    world_size : int
        How many there are.
    local_rank : int
        Number among those of the same machine: that of its graphics card.
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    @classmethod
    def told(cls, environment: Mapping[str, str]) -> Place:
        """The place that `torchrun`, or whoever started the processes, left in the environment.

        Raises
        ------
        InputError
            If it is none.

        Examples
        --------
        >>> Place.told({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "MASTER_ADDR": "node1"})
        Place(rank=5, world_size=8, local_rank=1)
        >>> Place.told({})
        Place(rank=0, world_size=1, local_rank=0)
        """
        words = {name: environment.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
        if not words["RANK"] or words["WORLD_SIZE"] in ("", "1"):
            return cls()
        hint = "start all processes with torchrun, or unset RANK and WORLD_SIZE to train alone"
        try:
            found = cls(int(words["RANK"]), int(words["WORLD_SIZE"]), int(words["LOCAL_RANK"] or 0))
        except ValueError:
            found = cls(-1)
        if not (0 <= found.rank < found.world_size and found.local_rank >= 0):
            said = ", ".join(f"{name}={word}" for name, word in words.items())
            raise InputError(f"{said} in the environment is no place among several processes", hint=hint)
        if not environment.get("MASTER_ADDR"):
            raise InputError("RANK and WORLD_SIZE are in the environment, and MASTER_ADDR is not", hint=hint)
        return found


class Ranks:
    """A process that trains alone; also what one of several is asked.

    Parameters
    ----------
    place : Place
    """

    def __init__(self, place: Place = Place()) -> None:
        self.place = place

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return self.place.rank == 0

    @property
    def several(self) -> bool:
        """Whether there are others."""
        return self.place.world_size > 1

    def share_of(self, total: int) -> Share | None:
        """Which of so many rows are this process's; None for all."""
        return None

    def shared(self, plan: Plan) -> Plan:
        """A batch, of which this process shows its share."""
        return plan

    def showing(self, share: Share | None) -> AbstractContextManager[None]:
        """Let networks that were prepared know, for the block, which share of a batch they are shown."""
        return nullcontext()

    def gathered(self, answers: tuple[Tensor, ...], share: Share | None) -> tuple[Tensor, ...]:
        """Answers to the whole batch, in its order; gradients reach those to this process's share."""
        return answers

    def add_up(self, parameters: Iterable[nn.Parameter]) -> None:
        """Let every process have the gradient of the whole batch, where each has that of its share."""
        return None

    def prepare(self, learner: nn.Module) -> None:
        """Let layers that look at a whole batch do so, and all processes begin with the first one's weights."""
        return None

    def agreed(self, figures: Mapping[str, float]) -> dict[str, float]:
        """The first process's figures: decisions that follow from them are the same everywhere."""
        return dict(figures)

    def agreed_rows(self, make: Callable[[], NDArray[np.int64]]) -> NDArray[np.int64]:
        """Rows (N, M) as the first process makes them."""
        return make()

    def broadcast(self, make: Callable[[], bytes]) -> bytes:
        """What the first process makes; nobody else makes it."""
        return make()

    def barrier(self) -> None:
        """Wait until every process is here; none goes on if one fails before."""
        return None

    def failed(self, code: int) -> int | None:
        """Tell the others that this process fails; the exit code of the one that failed first, if another did."""
        return None

    def leave(self) -> None:
        """End what connects the processes."""
        return None


ALONE = Ranks()
