"""A whole export as a user runs it, and how soon the command answers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from exports.measuring import Cost, Measured, Promise, promises, run, shares, table
from exports.stages import SUBJECT, Stage

NULLS = 8
RUNS, TIMED = 5, 3
"""Of the start, and of whole exports; tables have medians."""
_STAGE_ENDS = re.compile(rb"INFO subject: [\d.]+ s")

PROCESSOR, WALL, MEMORY = 26.0, 18.0, 1.6
"""Promised of a whole export on two quiet cores: seconds, seconds, GB."""

FIRST_STAGE, HELP = 1.5, 0.3
"""Promised: seconds until the first stage has ended, and of `--help`."""


def export(study: Path, out: Path, *options: str) -> list[str]:
    """The words of a command that exports the built-in subject."""
    place = ("--study-folder", str(study), "--out", str(out), "--overwrite")
    return [sys.executable, "-m", "wbtools.cli", "export-subject", SUBJECT, *place, *options]


def measured(words: Sequence[str | Path], threads: int | None = None) -> Cost:
    """What a command took, medians of some runs; the memory of all its processes is that of one run more.

    Looking at memory holds up whoever is looked at: no run is timed then.
    """
    runs = [run(words, threads) for _ in range(TIMED)]
    with Measured() as seen:
        run(words, threads)
    wall, processor = median(each.wall for each in runs), median(each.processor for each in runs)
    return Cost(wall, processor, max(each.largest for each in runs), seen.peak)


def whole(cost: Cost) -> str:
    """The table of a whole export's promises, and what all processes take together, of which nothing is promised."""
    rows = (
        Promise("processor, user and system, children included", cost.processor, PROCESSOR, "s"),
        Promise("wall", cost.wall, WALL, "s"),
        Promise("peak resident memory, largest process", cost.largest / 1e9, MEMORY, "GB"),
    )
    return f"{promises(rows)}\n\nPeak proportional memory of all processes together: {cost.together / 1e9:.2f} GB."


def by_stage(stages: Sequence[Stage]) -> str:
    """The table of stages; steps of the processor in seconds and as a share of all."""
    share = shares({stage.name: stage.processor for stage in stages})
    rows = [
        (
            stage.name,
            f"{stage.wall:.2f}",
            f"{stage.processor:.2f}",
            f"{100 * share[stage.name]:.0f} %",
            f"{stage.read / 1e6:.0f}",
            f"{stage.written / 1e6:.0f}",
        )
        for stage in stages
    ]
    wall, processor = sum(stage.wall for stage in stages), sum(stage.processor for stage in stages)
    moved = (f"{sum(stage.read for stage in stages) / 1e6:.0f}", f"{sum(stage.written for stage in stages) / 1e6:.0f}")
    rows.append(("all", f"{wall:.2f}", f"{processor:.2f}", "100 %", *moved))
    return table(("stage", "wall s", "processor s", "share", "read MB", "written MB"), rows)


def start(study: Path, out: Path) -> str:
    """The table of how soon the command answers: medians of several runs."""
    words = export(study, out, "-v", "--no-render", "--no-report", "--null", "0")
    first = median(until(_STAGE_ENDS, words) for _ in range(RUNS))
    helped = [run([sys.executable, "-m", "wbtools.cli", "--help"]).wall for _ in range(RUNS)]
    said = "from the start of the process to the end of the first stage"
    return promises((Promise(said, first, FIRST_STAGE, "s"), Promise("wbtools --help", median(helped), HELP, "s")))


def until(pattern: re.Pattern[bytes], words: Sequence[str]) -> float:
    """Seconds until a command prints a line with a pattern on standard error; it is ended then.

    Raises
    ------
    EOFError
        If it ends without such a line.
    """
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if pattern.search(line):
                found = time.perf_counter() - began
                child.terminate()
                child.communicate()
                return found
    raise EOFError(f"{words[0]} never said {pattern.pattern!r}")
