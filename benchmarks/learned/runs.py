"""Trainings and evaluations as a user starts them: the program, in processes of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Training:
    """A run of `wbtools train`.

    Parameters
    ----------
    name : str
        Of its folder.
    recipe, data : str
    words : tuple of str
        Options of the command.
    """

    name: str
    recipe: str
    data: str
    words: tuple[str, ...] = ()


def wbtools(*words: str) -> None:
    """Run a command of wbtools; what it says is shown only if it fails."""
    program = [sys.executable, "-c", "from wbtools.cli import main; main()"]
    done = subprocess.run([*program, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"wbtools {' '.join(words)} ended with {done.returncode}:\n{done.stdout}")


def train(training: Training, work: Path) -> Path:
    """The run's folder, trained if it is not finished."""
    folder = work / training.name
    record = folder / "run.json"
    if not record.exists() or "finished" not in json.loads(record.read_text()):
        resume = ("--resume",) if record.exists() else ()
        data, out = str(work / training.data), str(folder)
        wbtools("train", training.recipe, data, "--out", out, "--device", "cpu", *training.words, *resume)
    return folder


def evaluate(folders: Sequence[Path], data: Path, out: Path, *words: str) -> dict[str, Any]:
    """What `wbtools evaluate` finds on the test people, with these options."""
    wbtools("evaluate", *map(str, folders), str(data), "--out", str(out), "--device", "cpu", "--overwrite", *words)
    found: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return found


def processor_seconds() -> float:
    """Of this process and those that it waited for."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
