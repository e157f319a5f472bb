"""Commands of a pipeline: what runs after what, and what each takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from exports.measuring import Cost, run

AT_ONCE = 2
"""Commands that run at the same time, each with one thread."""

Word = str | Path


@dataclass(frozen=True)
class Step:
    """One command.

    Parameters
    ----------
    what : str
        What it makes, for tables: steps with the same words are added up.
    words : tuple
        The program, then its words; a file by its path.
    sides : int
        For how many hemispheres it stands: 2 where the other side is left out and would cost as much.
    """

    what: str
    words: tuple[Word, ...]
    sides: int = 1


Chain = Sequence[Step]
"""Steps one after the other."""

Round = Sequence[Chain]
"""Chains side by side."""


@dataclass(frozen=True)
class Done:
    """A step that has run."""

    step: Step
    cost: Cost

    @property
    def processor(self) -> float:
        """Seconds of the processor, of the other side, too, where the step stands for it."""
        return self.cost.processor * self.step.sides


def run_all(rounds: Sequence[Round], tell: Callable[[Done], None] = lambda done: None) -> list[Done]:
    """Run all steps, round by round, chains of a round two at a time, and tell what each took.

    Raises
    ------
    Failed
        If a command fails.
    """

    def of_chain(chain: Chain) -> list[Done]:
        found = []
        for step in chain:
            found.append(Done(step, run(step.words, threads=1)))
            tell(found[-1])
        return found

    done: list[Done] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for chains in rounds:
            done += [each for found in pool.map(of_chain, chains) for each in found]
    return done


def added(done: Sequence[Done]) -> dict[str, tuple[int, float]]:
    """How many commands, and how many processor seconds, by what they make; in the order in which they began."""
    found: dict[str, tuple[int, float]] = {}
    for each in done:
        number, seconds = found.get(each.step.what, (0, 0.0))
        found[each.step.what] = number + each.step.sides, seconds + each.processor
    return found
