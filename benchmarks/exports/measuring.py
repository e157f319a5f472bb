"""What commands cost: seconds on the clock and of the processor, memory of all their processes; and tables of it."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLED_EVERY = 0.5
"""Seconds between two looks at the memory of all processes; each look stops them for a moment."""


class Failed(Exception):
    """A command failed; the message is the end of what it printed."""


@dataclass(frozen=True)
class Cost:
    """What a command took, with all processes that it started.

    Parameters
    ----------
    wall, processor : float
        Seconds on the clock; of the processor, user and system.
    largest : int
        Peak resident memory of the largest process, bytes, as `/usr/bin/time -v` has it.
    together : int
        Peak of the proportional memory of all processes at once, bytes: what is shared counts once.
    """

    wall: float
    processor: float
    largest: int = 0
    together: int = 0


class Measured:
    """What a block's child processes took; they must have ended when it ends."""

    wall = processor = 0.0
    peak = 0

    def __enter__(self) -> Measured:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        self._began, self._used = time.perf_counter(), children_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.processor = time.perf_counter() - self._began, children_seconds() - self._used
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLED_EVERY):
            self.peak = max(self.peak, sum(map(proportional, below(os.getpid()))))


def run(words: Sequence[str | Path], threads: int | None = None, cwd: Path | None = None) -> Cost:
    """Run a command to its end.

    Parameters
    ----------
    words : sequence of str or Path
    threads : int, optional
        For OpenMP; without, whatever the environment says.
    cwd : Path, optional
        Where it runs.

    Raises
    ------
    Failed
        If it exits with another code than 0.
    """
    environment = os.environ if threads is None else {**os.environ, "OMP_NUM_THREADS": str(threads)}
    began = time.perf_counter()
    child = subprocess.Popen(
        list(map(str, words)),
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert child.stderr is not None
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stderr.close()
    if child.returncode:
        raise Failed(f"{' '.join(map(str, words))[:200]}\n{said.decode(errors='replace')[-2000:]}")
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def children_seconds() -> float:
    """Processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def below(pid: int) -> list[int]:
    """All processes that a process started, directly or not."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *below(child)]
    except OSError:
        pass
    return found


def proportional(pid: int) -> int:
    """A process's memory in bytes; what it shares counts by its share. 0 of a process that has ended."""
    try:
        return in_kilobytes(Path(f"/proc/{pid}/smaps_rollup").read_text(), "Pss") * 1024
    except OSError:
        return 0


def in_kilobytes(text: str, name: str) -> int:
    """A figure of a file of /proc that counts in kB; 0 where it is missing.

    Examples
    --------
    >>> in_kilobytes("Rss:   20 kB\\nPss:   12 kB\\nPss_Anon:  3 kB", "Pss")
    12
    """
    rows = (row.split(":") for row in text.splitlines() if ":" in row)
    return next((int(value.split()[0]) for key, value in rows if key == name), 0)


def moved(text: str) -> tuple[int, int]:
    """Bytes that a process and its ended children have read and written, as /proc/PID/io has them, caches included.

    Examples
    --------
    >>> moved("rchar: 120\\nwchar: 7\\nsyscr: 3\\n")
    (120, 7)
    """
    found = {key: int(value) for key, _, value in (row.partition(":") for row in text.splitlines())}
    return found["rchar"], found["wchar"]


def load() -> str:
    """How busy the machine was, to be printed with every figure."""
    return f"load of the machine, mean of 1 and of 15 minutes: {os.getloadavg()[0]:.1f}, {os.getloadavg()[2]:.1f}"


# --------------------------------------------------------------------------------------------------------------- tables


@dataclass(frozen=True)
class Promise:
    """A figure that is promised to be at most, or at least, so much."""

    what: str
    found: float
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Whether the figure is as promised."""
        return self.found >= self.limit if self.at_least else self.found <= self.limit

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """What, found, promised, found over promised, kept."""
        unit = f" {self.unit}" if self.unit else ""
        sign = ">=" if self.at_least else "<="
        found, limit = f"{self.found:.3g}{unit}", f"{sign} {self.limit:g}{unit}"
        return self.what, found, limit, f"{self.found / self.limit:.2f}", "yes" if self.kept else "**no**"


def promises(rows: Iterable[Promise]) -> str:
    """A table of promises."""
    return table(("what", "found", "promised", "found / promised", "kept"), [row.row for row in rows])


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown.

    Examples
    --------
    >>> print(table(("a", "b"), [("1", "2")]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [f"| {' | '.join(row)} |" for row in (heads, *rows)]
    return "\n".join((lines[0], "|---" * len(heads) + "|", *lines[1:]))


def shares(parts: Mapping[str, float]) -> dict[str, float]:
    """Each part's share of the sum; 0 of nothing.

    Examples
    --------
    >>> shares({"a": 1.0, "b": 3.0})
    {'a': 0.25, 'b': 0.75}
    """
    whole = sum(parts.values())
    return {name: part / whole if whole else 0.0 for name, part in parts.items()}
