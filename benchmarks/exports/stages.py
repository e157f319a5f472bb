"""The stages of an export: seconds on the clock and of the processor, bytes read and written; in a process of its own.

    python benchmarks/exports/stages.py STUDY OUT NULLS

prints them as JSON. With one thread, so that no stage runs beside another. What a stage's programs (wb_command) take
counts to the stage in which they end.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exports.measuring import moved

SUBJECT = "100307"
"""The built-in subject's id."""

STARTING = "start of Python, imports"
"""The stage before the first."""


@dataclass(frozen=True)
class Stage:
    """What one stage took."""

    name: str
    wall: float
    processor: float
    read: int
    written: int


@dataclass(frozen=True)
class Mark:
    """What a process had taken when a stage began."""

    name: str
    wall: float
    processor: float
    read: int
    written: int

    @classmethod
    def now(cls, name: str) -> Mark:
        """This process, and its children that have ended."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        processor = sum(each.ru_utime + each.ru_stime for each in used)
        return cls(name, time.time(), processor, *moved(Path("/proc/self/io").read_text()))


def between(marks: Sequence[Mark]) -> list[Stage]:
    """What each stage took, from mark to mark; steps of a stage ("relevance of unet: randomised network 2") are added.

    The last mark ends the last stage.
    """
    found: dict[str, Stage] = {}
    for here, there in pairwise(marks):
        name = here.name.split(":")[0]
        before = found.get(name, Stage(name, 0.0, 0.0, 0, 0))
        found[name] = Stage(
            name,
            before.wall + there.wall - here.wall,
            before.processor + there.processor - here.processor,
            before.read + there.read - here.read,
            before.written + there.written - here.written,
        )
    return list(found.values())


def measured(study: Path, out: Path, nulls: int) -> list[Stage]:
    """The stages of an export with pictures and report, by a process of its own."""
    began = time.time()
    words = [sys.executable, __file__, str(study), str(out), str(nulls), str(began)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return [Stage(**each) for each in json.loads(done.stdout.splitlines()[-1])]


def main(study: Path, out: Path, nulls: int, began: float) -> None:
    """Export, noting when stages begin, and print what they took."""
    marks = [Mark(STARTING, began, 0.0, 0, 0)]
    from wbtools.cli import spare_processors

    spare_processors()  # as the command does
    from wbtools.exporting import pipeline
    from wbtools.exporting.settings import ExportJob, ExportSettings

    pipeline.export_subject(
        ExportJob(SUBJECT, study, out),
        ExportSettings(nulls=nulls, threads=1),
        lambda stage: marks.append(Mark.now(stage)),
    )
    marks.append(Mark.now("end"))
    print(json.dumps([asdict(stage) for stage in between(marks)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
