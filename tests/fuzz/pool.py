"""Running damaged files through readers in processes of their own, whose end, memory and time are watched."""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import resource
import selectors
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from fuzz.mutation import mutated
from fuzz.targets import Seed, Target

SECONDS = 20.0
"""No file may keep a reader for longer."""

MEMORY = 2 * 2**30
"""Bytes by which a process may grow while it reads a file."""

FAULTS = ("traceback", "crash", "hang", "memory")


@dataclass
class Report:
    """What came of damaged files.

    Parameters
    ----------
    counts : dict of str to dict of str to int
        By target and outcome: `read`, `refused`, and the faults.
    faults : list of (str, str, str)
        Outcome, case, and what is known of it.
    """

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: list[tuple[str, str, str]] = field(default_factory=list)
    slowest: float = 0.0
    largest: int = 0
    cpu: float = 0.0

    def add(self, target: str, outcome: str, index: int, detail: str = "") -> None:
        """Count one outcome."""
        row = self.counts.setdefault(target, {})
        row[outcome] = row.get(outcome, 0) + 1
        if outcome in FAULTS:
            self.faults.append((outcome, f"{target}/{index}", detail))

    @property
    def total(self) -> int:
        """Files tried."""
        return sum(sum(row.values()) for row in self.counts.values())

    def lines(self) -> Iterator[str]:
        """A table of outcomes, and every fault."""
        for name, row in self.counts.items():
            yield f"{name:<24} " + "  ".join(f"{outcome} {count}" for outcome, count in sorted(row.items()))
        yield f"{self.total} files, {len(self.faults)} faults; slowest {self.slowest:.2f} s, "
        yield f"memory at most {self.largest / 2**20:.0f} MiB for one file; {self.cpu:.0f} s of processor time"
        for outcome, case, detail in self.faults:
            yield f"--- {outcome}: {case}\n{detail}"


def run(targets: Sequence[Target], count: int, seed: int = 0, processes: int = 1) -> Report:
    """Try `count` damaged files, shared evenly by the targets."""
    report = Report()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    share = -(-count // max(1, len(targets)))
    jobs = [(target, first, min(share, first + 500)) for target in targets for first in range(0, share, 500)]
    with TemporaryDirectory(prefix="fuzz-") as name, selectors.DefaultSelector() as selector:
        running: list[Worker] = []
        while jobs or running:
            while jobs and len(running) < processes:
                running.append(Worker(*jobs.pop(0), seed, Path(name), report))
                selector.register(running[-1].pipe, selectors.EVENT_READ, running[-1])
            for key, _ in selector.select(0.5):
                key.data.listen()
            for worker in list(running):
                worker.watch()
                if worker.ended:
                    selector.unregister(worker.pipe)
                    running.remove(worker)
                    jobs[:0] = worker.close()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return report


class Worker:
    """A forked process that tries the damaged files `first` to `end` of one target."""

    def __init__(self, target: Target, first: int, end: int, seed: int, folder: Path, report: Report) -> None:
        self.target, self.first, self.end, self.report = target, first, end, report
        self.next, self.since, self.fault = first, time.monotonic(), ""
        self.ended = False
        self._rest = b""
        self.pipe, writer = os.pipe()
        sys.stdout.flush()
        self.process = os.fork()
        if not self.process:
            os.close(self.pipe)
            try:
                _work(target, range(first, end), seed, folder, writer)
            except BaseException:
                os.write(writer, json.dumps({"broken": traceback.format_exc()}).encode() + b"\n")
            os._exit(0)
        os.close(writer)

    def listen(self) -> None:
        """Take in what the process says."""
        said = os.read(self.pipe, 2**16)
        self.ended = not said
        *lines, self._rest = (self._rest + said).split(b"\n")
        for line in lines:
            self._note(json.loads(line))

    def watch(self) -> None:
        """End a process that is stuck."""
        if not self.ended and time.monotonic() - self.since > 1.1 * SECONDS and not self.fault:
            self.fault = "hang"
            os.kill(self.process, signal.SIGKILL)

    def close(self) -> list[tuple[Target, int, int]]:
        """Wait for the process; what is left to do."""
        os.close(self.pipe)
        _, status = os.waitpid(self.process, 0)
        if self.next < self.end:
            detail = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {status}"
            self.report.add(self.target.name, self.fault or "crash", self.next, detail)
            self.next += 1
        return [(self.target, self.next, self.end)] if self.next < self.end else []

    def _note(self, line: dict[str, Any]) -> None:
        if "broken" in line:
            raise AssertionError(f"whole files of {self.target.name} are not read: {line['broken']}")
        self.report.add(self.target.name, line["outcome"], line["index"], line["detail"])
        self.report.slowest = max(self.report.slowest, line["seconds"])
        self.report.largest = max(self.report.largest, line["grown"])
        self.next, self.since = line["index"] + 1, time.monotonic()


def _work(target: Target, indices: range, seed: int, folder: Path, writer: int) -> None:
    """Inside the process: try file after file, and say what came of each."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1), os.dup2(null, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()
    seeds = target.seeds()
    own = folder / f"{target.name}-{os.getpid()}"
    own.mkdir()
    for whole in seeds:
        _read(target, own / whole.name, whole.stored())
    limit = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MEMORY + 2**29
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for index in indices:
        found, content = case(target, seeds, index, seed)
        start, before = time.monotonic(), _resident()
        outcome, detail = _outcome(target, own / found.name, content)
        seconds, grown = time.monotonic() - start, _peak() - before
        if outcome not in FAULTS and seconds > SECONDS:
            outcome = "hang"
        if outcome not in FAULTS and grown > MEMORY:
            outcome = "memory"
        line = {"index": index, "outcome": outcome, "detail": detail, "seconds": seconds, "grown": grown}
        os.write(writer, json.dumps(line).encode() + b"\n")


def case(target: Target, seeds: Sequence[Seed], index: int, seed: int = 0) -> tuple[Seed, bytes]:
    """The damaged file of a number."""
    return mutated(seeds, Random(f"{seed}/{target.name}/{index}"))


def _outcome(target: Target, path: Path, content: bytes) -> tuple[str, str]:
    """What comes of one damaged file."""
    from wbtools.errors import WbtoolsError

    try:
        _read(target, path, content)
    except WbtoolsError as error:
        if not str(error).strip() or not error.hint:
            return "traceback", f"a refusal without a sentence or a hint: {error!r}"
        return "refused", ""
    except BaseException:
        return "traceback", traceback.format_exc(limit=-6)
    return "read", ""


def _read(target: Target, path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with warnings.catch_warnings():
        # What numpy and others warn of reaches the user's terminal, and is a fault of the reader.
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)
        target.read(path)


def _resident() -> int:
    """Bytes of memory that this process has now, from which its peak is counted anew.

    A process that was forked has its parent's memory. It gives some of it back while it reads, and what the C library
    holds that is free serves for what is read next: both would hide what one file takes.
    """
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """The most memory that this process had since it was asked last, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
