"""What is asked of Slurm for every array task, and how many subjects a task takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wbtools.batch.resources import slurm_seconds, slurm_time
from wbtools.batch.state.overview import Cost
from wbtools.batch.state.records import whole
from wbtools.errors import InputError, OutOfRange

_AIM = 45 * 60.0
"""Seconds that an array task should take: long against the queue's overhead, short against preemption."""
_UNKNOWN_PACK = 10
_MOST = 10**9
_RESERVE = 1.5
_MEMORY_RESERVE = 1.3
_WARNING = 60
"""Seconds before its end at which a task is told, at most; Slurm may tell it up to a minute earlier."""
_LOADING = 120.0
"""Seconds that a task has for what is not of a subject: to load libraries, and Slurm's minute."""


@dataclass(frozen=True)
class Request:
    """The options of the Slurm engine.

    Parameters
    ----------
    partition, time, memory, gres : str or None
        As `sbatch` takes them; None leaves it to the site (memory: see `memory_words`).
    cpus : int
        Processors per array task; all of them work on one subject.
    pack : int or None
        Subjects per array task; None aims at 45 minutes.
    max_parallel : int or None
        Array tasks at once.
    rounds : int
        How often what failed or was interrupted is submitted.
    sbatch : tuple of str
        More options for `sbatch`.

    Raises
    ------
    InputError
        If a value cannot be meant.
    """

    partition: str | None = None
    time: str | None = None
    memory: str | None = None
    gres: str | None = None
    cpus: int = 1
    pack: int | None = None
    max_parallel: int | None = None
    rounds: int = 3
    sbatch: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in (("--cpus", self.cpus), ("--pack", self.pack), ("--rounds", self.rounds)):
            if value is not None and value < 1:
                raise OutOfRange(name, value)
        if self.max_parallel is not None and self.max_parallel < 1:
            raise OutOfRange("--max-parallel", self.max_parallel)
        named = {"--partition": self.partition, "--time": self.time, "--mem": self.memory, "--gres": self.gres}
        for name, text in (*named.items(), *(("--sbatch-arg", word) for word in self.sbatch)):
            if text and not text.isprintable():
                raise InputError(
                    f"{name} {text!a} has a line break or a control character",
                    hint="a batch script holds one option per line: give plain text, and every option by itself",
                )
        if self.time and not slurm_seconds(self.time):
            raise InputError(
                f"--time {self.time!r} is no time for a task",
                hint="write hours, minutes and seconds, for example 2:00:00; or 2h, 90m",
            )
        for word in self.sbatch:
            if not word.startswith("-"):
                raise InputError(
                    f"--sbatch-arg {word!r} is no option", hint="write for example --sbatch-arg=--account=me"
                )

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Request:
        """The request that a plan keeps.

        Raises
        ------
        InputError
            If that is none.
        """
        try:
            given = cls(**{**record, "sbatch": tuple(record["sbatch"])})
            numbers = (given.cpus, given.rounds, given.pack or 1, given.max_parallel or 1)
            if all(whole(number, 1, _MOST) for number in numbers):
                return given
        except (TypeError, KeyError, AttributeError):
            pass
        raise InputError("the batch's record of its engine is damaged", hint="run the batch's own line again")

    def words(self, cost: Cost | None, pack: int) -> list[str]:
        """The options of `sbatch` that decide what a task gets.

        Memory is always asked for: without, Slurm gives a task its node's whole memory, and tasks run one by one.

        Examples
        --------
        >>> Request(partition="main", time="1:00:00").words(None, 10)
        ['--partition=main', '--cpus-per-task=1', '--mem=8G', '--signal=B:TERM@60', '--time=1:00:00']
        >>> Request(time="2h").words(None, 10)[-1]
        '--time=02:00:00'
        >>> Request().words(Cost(20, 1.0, 2.0, 1), 1)[-2:]
        ['--signal=B:TERM@60', '--time=00:04:00']
        """
        words = [f"--partition={self.partition}"] if self.partition else []
        words += [f"--cpus-per-task={self.cpus}", f"--mem={self.memory or _memory(cost)}"]
        spent = slurm_time(pack * cost.high * _RESERVE + _WARNING + _LOADING) if cost else None
        duration = self._time() or spent
        words += [f"--signal=B:TERM@{_warning(duration)}", *([f"--time={duration}"] if duration else [])]
        words += [f"--gres={self.gres}"] if self.gres else []
        return [*words, *self.sbatch]

    def _time(self) -> str | None:
        """`--time` in a form that Slurm knows: it has no units."""
        given = slurm_seconds(self.time) if self.time and self.time[-1] in "smhd" else None
        return self.time if given is None else slurm_time(given)

    def pack_of(self, subjects: int, cost: Cost | None) -> int:
        """Subjects per task: about 45 minutes' worth, fitting into the task's time, no task idle.

        Examples
        --------
        >>> Request().pack_of(1000, Cost(20, 180.0, 240.0, 1))
        15
        >>> Request(time="30:00").pack_of(1000, Cost(20, 180.0, 240.0, 1))
        4
        """
        if self.pack:
            return self.pack
        pack = math.ceil(_AIM / cost.median) if cost else _UNKNOWN_PACK
        given = slurm_seconds(self.time) if self.time else None
        if cost and given and math.isfinite(given):
            pack = min(pack, int((given - _WARNING - _LOADING) / (_RESERVE * cost.high)))
        if self.max_parallel:
            pack = min(pack, math.ceil(subjects / self.max_parallel))
        return max(1, pack)


_DEFAULT_MEMORY = "8G"


def _warning(duration: str | None) -> int:
    """Seconds before its end at which a task of so long is told: of a short one, a quarter."""
    given = slurm_seconds(duration) if duration else None
    return int(min(_WARNING, given / 4)) if given else _WARNING


def _memory(cost: Cost | None) -> str:
    """Memory by what subjects took so far, with a reserve; a value that is enough for anybody before that is known."""
    return f"{math.ceil(cost.memory * _MEMORY_RESERVE / 2**20)}M" if cost and cost.memory else _DEFAULT_MEMORY
