"""What an export costs, as ratios measured in one run; on a quiet machine.

    python benchmarks/export.py                     all parts: three quarters of an hour
    python benchmarks/export.py whole               an export with pictures, 8 nulls and report; its stages
    python benchmarks/export.py start               how soon the command answers
    python benchmarks/export.py physical            each stage against what it cannot do without
    python benchmarks/export.py shell [--quick]     against the shell pipeline for the same files (10 minutes; quick: 6)
    python benchmarks/export.py batch               8 exports with --jobs 2 against 8 single runs

Everything is of the built-in subject, with its native and its 32k mesh. --quick runs the left side's long commands
and counts them twice.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exports import eight, physical, pipeline, stages, steps, whole
from exports.given import write_given
from exports.measuring import Promise, load, promises, run, table

PIPELINE = 35.0
"""Promised: how many times less of the processor an export takes than the shell pipeline."""

SAME_FILES = ("--null", "0", "--no-report")
"""Options of an export that makes what the shell pipeline makes."""


@dataclass(frozen=True)
class Bench:
    """Where everything is made, and of whom.

    Parameters
    ----------
    folder : Path
    quick : bool
        Whether one side stands for both in the shell pipeline.
    exports : int
        People of a batch.
    """

    folder: Path
    quick: bool
    exports: int

    @property
    def study(self) -> Path:
        """The study folder with the built-in subject."""
        from wbtools.subject.demo import write_demo_subject

        study = self.folder / "study"
        if not study.exists():
            write_demo_subject(study, stages.SUBJECT)
            # Compiled code lies on disk after the first export ever: no part of any figure.
            run(whole.export(study, self.folder / "first", "--null", "4"))
        return study

    def stages(self) -> list[stages.Stage]:
        """The stages of an export, measured once for all parts."""
        kept = self.folder / "stages.json"
        if not kept.exists():
            found = stages.measured(self.study, self.folder / "stages", whole.NULLS)
            kept.write_text(json.dumps([vars(stage) for stage in found]))
        return [stages.Stage(**each) for each in json.loads(kept.read_text())]


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory(prefix="wbtools-benchmark-", dir=options.folder) as name:
        bench = Bench(Path(name), options.quick, options.exports)
        for part in options.parts or PARTS:
            print(f"\n### {part}\n", flush=True)
            print(PARTS[part](bench), f"\n{load()}", sep="\n", flush=True)


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    parser.add_argument("--quick", action="store_true", help="one side of the shell pipeline's long commands, doubled")
    parser.add_argument("--exports", type=int, default=8, metavar="N", help="people of the batch")
    parser.add_argument("--folder", help="where everything is made [default: the folder for temporary files]")
    return parser.parse_args()


def whole_export(bench: Bench) -> str:
    """A whole export's promises, and its stages."""
    words = whole.export(bench.study, bench.folder / "whole", "--null", str(whole.NULLS))
    return f"{whole.whole(whole.measured(words))}\n\n{whole.by_stage(bench.stages())}"


def start(bench: Bench) -> str:
    """How soon the command answers."""
    return whole.start(bench.study, bench.folder / "start")


def against_limits(bench: Bench) -> str:
    """Each stage against what it cannot do without."""
    found = bench.stages()
    export = bench.folder / "stages" / stages.SUBJECT
    words = [sys.executable, physical.__file__, str(bench.study), str(export)]
    printed = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    speeds = physical.Speeds(**json.loads(printed))
    return f"{physical.described(speeds)}\n\n{physical.compared(found, speeds, whole.NULLS)}"


def shell(bench: Bench) -> str:
    """The shell pipeline, command by command, against an export."""
    ours = whole.measured(whole.export(bench.study, bench.folder / "same", *SAME_FILES))
    subject, export = bench.study / stages.SUBJECT, bench.folder / "same" / stages.SUBJECT
    out = bench.folder / "pipeline"
    out.mkdir()
    given = write_given(bench.folder / "given", subject, export)
    place = pipeline.Place(subject, given, out, export, "L" if bench.quick else "LR")
    done = steps.run_all(pipeline.rounds(place), tell=say)
    theirs = sum(each.processor for each in done)
    rows = [(what, str(number), f"{seconds:.1f}") for what, (number, seconds) in steps.added(done).items()]
    rows += [("the shell pipeline", str(sum(each.step.sides for each in done)), f"{theirs:.1f}")]
    rows += [(f"wbtools export-subject {' '.join(SAME_FILES)}", "1", f"{ours.processor:.1f}")]
    ratio = Promise("shell pipeline / wbtools, processor time", theirs / ours.processor, PIPELINE, at_least=True)
    return f"{table(('what is made', 'commands', 'processor s'), rows)}\n\n{promises([ratio])}"


def say(done: steps.Done) -> None:
    """Tell of a command that has run."""
    name = next(str(word) for word in done.step.words[1:])
    twice = " (counted twice)" if done.step.sides == 2 else ""
    print(f"  {done.processor / done.step.sides:7.2f} s  {Path(name).name}: {done.step.what}{twice}", flush=True)


def batch(bench: Bench) -> str:
    """8 exports with --jobs 2."""
    return eight.exports(bench.folder / "batch", bench.exports)


PARTS: dict[str, Callable[[Bench], str]] = {
    "whole": whole_export,
    "start": start,
    "physical": against_limits,
    "shell": shell,
    "batch": batch,
}


if __name__ == "__main__":
    main()
