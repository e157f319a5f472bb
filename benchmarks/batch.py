"""What `wbtools batch` promises, under kills and at size.

    python benchmarks/batch.py                    the first two parts: about ten minutes
    python benchmarks/batch.py crashes            1000 stand-ins on a real Slurm, 24 kills of every kind
    python benchmarks/batch.py overhead           what the batch adds to a subject, 100 to 10,000 subjects; status
    python benchmarks/batch.py exports            8 real exports, --jobs 2, against 8 single runs: a quarter of an hour

Crashes need Debian's slurmctld, slurmd, slurm-client and munge; their own Slurm is started on loopback.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "batch"))

from crash_recovery import CrashRecovery, exporting, wbtools
from exports.eight import exports
from exports.measuring import load
from slurm_loopback import Slurm, missing
from stand_in import manner

from wbtools.batch.child import hold_back
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.names import PublishedName
from wbtools.batch.state.plan import Plan, add_subjects
from wbtools.batch.worker import Result, Worker, count
from wbtools.output.ownership import MARKER, PROVENANCE
from wbtools.output.publishing import publishing
from wbtools.provenance import settings_sha256

PARTS = ("crashes", "overhead", "exports")


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory(prefix="wbtools-", dir=options.folder) as name:
        folder = Path(name)
        for part in options.parts:
            print(f"--- {part}", flush=True)
            if part == "crashes":
                crashes(folder, options.subjects, options.kills, options.seed)
            elif part == "overhead":
                overhead(folder)
            else:
                print(exports(folder, options.exports), load(), sep="\n\n")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=["crashes", "overhead"])
    parser.add_argument("--subjects", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--exports", type=int, default=8, metavar="N", help="Subjects of the third part.")
    parser.add_argument("--folder", help="Where everything is made. [default: the folder for temporary files]")
    return parser.parse_args()


# ------------------------------------------------------------------------------------------------------------ crashes


def crashes(folder: Path, subjects: int, kills: int, seed: int) -> None:
    """Real Slurm, stand-in subjects, kills; raises if a promise is broken."""
    if missing():
        sys.exit(f"Slurm is not installed ({', '.join(missing())}): apt install slurmctld slurmd slurm-client munge")
    ids = [f"{100000 + number}" for number in range(subjects)]
    (folder / "list.txt").write_text("\n".join(ids))
    cluster = Slurm(folder / "slurm").up()
    try:
        out = folder / "out"
        line = [folder / "list.txt", "--out", out, "--engine", "slurm", "--mem", "100M", "--time", "10:00", "--wait"]
        line += ["--pack", 5, "--max-parallel", 8, "--max-attempts", 6, "--other", manner(0.3)]
        seen = CrashRecovery(
            cluster, out, ids, seed, kills, line, say=lambda text: print(f"  {text}", flush=True)
        ).run()
        print(seen)
        seen.require()
        assert subprocess.run(wbtools("verify", out), stdout=subprocess.DEVNULL).returncode == 0
    finally:
        cluster.down()


# ----------------------------------------------------------------------------------------------------------- overhead


@dataclass(frozen=True)
class Instant:
    """A subject that costs nothing but its publishing: two small files and a record."""

    out: Path

    def warm(self) -> str:
        return settings_sha256({}, [])

    def name(self, subject: str) -> PublishedName:
        return PublishedName(subject, subject)

    def inputs(self, subject: str) -> None:
        return None

    def described(self, subject: str) -> str:
        return "made at once"

    def work(self, subject: str) -> int:
        with publishing(self.out, subject, overwrite=False) as made:
            (made / f"{subject}.wbtools.scene").write_text("scene")
            (made / f"{subject}.unet.regions.tsv").write_text("table")
            written = [path for path in made.iterdir() if path.name != MARKER]
            record = {
                "settings_sha256": self.warm(),
                "outputs_sha256": {path.name: "" for path in written},
                "outputs_bytes": {path.name: path.stat().st_size for path in written},
            }
            (made / PROVENANCE).write_text(json.dumps(record))
        return 0


def overhead(folder: Path) -> None:
    """Seconds per subject of everything but the export, and how they grow."""
    hold_back()
    per_subject = {}
    print("subjects   per subject ms   resume s   status s (wall, CPU)   memory MiB")
    for number in (100, 1000, 10000):
        files = BatchFiles(folder / f"overhead-{number}")
        payload = Instant(files.out)
        plan = Plan(payload.warm())
        plan.write(files)
        ids = [f"{100000 + place}" for place in range(number)]
        add_subjects(files, ids)
        began = time.perf_counter()
        results = Worker(files, plan, payload).run(ids)
        per_subject[number] = (time.perf_counter() - began) / number
        assert count(results)[Result.PUBLISHED] == number, count(results)
        began = time.perf_counter()
        assert count(Worker(files, plan, payload).run(ids))[Result.SKIPPED] == number
        resume = time.perf_counter() - began
        status, processor, memory = timed(exporting("status", files.out))
        print(
            f"{number:8d}   {1000 * per_subject[number]:14.1f}   {resume:8.2f}   "
            f"{status:8.2f}, {processor:6.2f}         {memory / 2**20:8.0f}",
            flush=True,
        )
    print(f"growth from 100 to 10,000: x {per_subject[10000] / per_subject[100]:.2f} per subject (1 is linear)")


def timed(words: list[str]) -> tuple[float, float, int]:
    """Wall seconds, CPU seconds and peak memory of a program."""
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


if __name__ == "__main__":
    main()
