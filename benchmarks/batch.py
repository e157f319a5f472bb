"""What `wbtools batch` promises, under kills and at size.

    python benchmarks/batch.py                    the first two parts: about ten minutes
    python benchmarks/batch.py ordeal             1000 stand-ins on a real Slurm, 24 kills of every kind
    python benchmarks/batch.py overhead           what the batch adds to a subject, 100 to 10,000 subjects; status
    python benchmarks/batch.py exports            8 real exports, --jobs 2, against 8 single runs: half an hour

The ordeal needs Debian's slurmctld, slurmd, slurm-client and munge; it starts its own Slurm on loopback.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "batch"))

from ordeal import Ordeal, stub, wbtools
from slurm_loopback import Slurm, missing

from wbtools.batch.child import hold_back
from wbtools.batch.layout import Layout
from wbtools.batch.plan import Plan, add_subjects
from wbtools.batch.worker import Result, Worker, count
from wbtools.outputs import publishing
from wbtools.provenance import settings_sha256

PARTS = ("ordeal", "overhead", "exports")


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory(prefix="wbtools-", dir=options.folder) as name:
        folder = Path(name)
        for part in options.parts:
            print(f"--- {part}", flush=True)
            if part == "ordeal":
                ordeal(folder, options.subjects, options.kills, options.seed)
            elif part == "overhead":
                overhead(folder)
            else:
                exports(folder, options.exports)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=["ordeal", "overhead"])
    parser.add_argument("--subjects", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--exports", type=int, default=8, metavar="N", help="Subjects of the third part.")
    parser.add_argument("--folder", help="Where everything is made. [default: the folder for temporary files]")
    return parser.parse_args()


# ------------------------------------------------------------------------------------------------------------- ordeal


def ordeal(folder: Path, subjects: int, kills: int, seed: int) -> None:
    """Real Slurm, stand-in subjects, kills; raises if a promise is broken."""
    if missing():
        sys.exit(f"Slurm is not installed ({', '.join(missing())}): apt install slurmctld slurmd slurm-client munge")
    ids = [f"{100000 + number}" for number in range(subjects)]
    (folder / "list.txt").write_text("\n".join(ids))
    cluster = Slurm(folder / "slurm").up()
    try:
        out = folder / "out"
        line = [folder / "list.txt", "--out", out, "--engine", "slurm", "--mem", "100M", "--time", "10:00", "--wait"]
        line += ["--pack", 5, "--max-parallel", 8, "--max-attempts", 6, "--command", stub(0.3)]
        seen = Ordeal(cluster, out, ids, seed, kills, line, say=lambda text: print(f"  {text}", flush=True)).run()
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

    def inputs(self, subject: str) -> None:
        return None

    def work(self, subject: str) -> int:
        with publishing(self.out, subject, overwrite=False) as made:
            made.scene().write_text("scene")
            made.regions("unet").write_text("table")
            record = {
                "settings_sha256": self.warm(),
                "outputs_sha256": {name.as_posix(): "" for name in made.files()},
                "outputs_bytes": {name.as_posix(): (made.folder / name).stat().st_size for name in made.files()},
            }
            made.provenance().write_text(json.dumps(record))
        return 0


def overhead(folder: Path) -> None:
    """Seconds per subject of everything but the export, and how they grow."""
    hold_back()
    per_subject = {}
    print("subjects   per subject ms   resume s   status s (wall, CPU)   memory MiB")
    for number in (100, 1000, 10000):
        layout = Layout(folder / f"overhead-{number}")
        payload = Instant(layout.out)
        plan = Plan(payload.warm(), command=("true",))
        plan.write(layout)
        ids = [f"{100000 + one}" for one in range(number)]
        add_subjects(layout, ids)
        began = time.perf_counter()
        results = Worker(layout, plan, payload).run(ids)
        per_subject[number] = (time.perf_counter() - began) / number
        assert count(results)[Result.PUBLISHED] == number, count(results)
        began = time.perf_counter()
        assert count(Worker(layout, plan, payload).run(ids))[Result.SKIPPED] == number
        resume = time.perf_counter() - began
        status, processor, memory = timed(wbtools("status", layout.out))
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


# ------------------------------------------------------------------------------------------------------------ exports


def exports(folder: Path, number: int) -> None:
    """Exports as a batch of two at once, and the same one after the other."""
    from wbtools.subject.demo import write_demo_subject

    ids = [f"{100307 + one}" for one in range(number)]
    for subject in ids:
        write_demo_subject(folder / "study", subject)
    study = ["--study-folder", str(folder / "study")]
    with Memory() as together:
        began, used = time.perf_counter(), processor_seconds()
        words = [*ids, "--out", folder / "batch", "--jobs", 2, "--threads", 1, *study]
        assert subprocess.run(wbtools("run", *words)).returncode == 0
        batch, batch_used = time.perf_counter() - began, processor_seconds() - used
    program = [sys.executable, "-m", "wbtools.cli", "export-subject"]
    with Memory() as alone:
        began, used = time.perf_counter(), processor_seconds()
        for subject in ids:
            words = [*program, subject, "--out", str(folder / "single"), *study]
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        single, single_used = time.perf_counter() - began, processor_seconds() - used
    # Another number of threads adds in another order: the last digits differ.
    apart = max(apart_by(folder, f"{subject}/{subject}.unet.regions.tsv") for subject in ids)
    print(f"largest difference of a region's share between the two: {apart:.1e}")
    load = os.getloadavg()[2]
    print(f"{number} exports with --jobs 2: {batch:.0f} s; {number} single runs: {single:.0f} s")
    print(f"ratio {batch / single:.2f} (<= 0.65 wanted); load of the machine meanwhile {load:.1f}")
    print(f"processor time: {batch_used:.0f} s against {single_used:.0f} s, x {batch_used / single_used:.2f}")
    print(
        f"memory (proportional, all processes): {together.peak / 2**30:.2f} GiB against {alone.peak / 2**30:.2f} GiB, "
        f"x {together.peak / alone.peak:.2f} (<= 2 wanted)"
    )


def apart_by(folder: Path, table: str) -> float:
    """The largest difference between the shares of two tables."""

    def shares(where: str) -> dict[str, float]:
        with (folder / where / table).open() as stream:
            rows = csv.DictReader(stream, delimiter="\t")
            return {row["region"]: float(row["share"]) for row in rows if row["share"] != "n/a"}

    ours, theirs = shares("batch"), shares("single")
    return max(abs(ours[region] - theirs[region]) for region in theirs)


def processor_seconds() -> float:
    """What all ended children used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Memory:
    """Peak of the proportional memory of all processes below this one."""

    peak = 0

    def __enter__(self) -> Memory:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self.peak = max(self.peak, sum(map(proportional, below(os.getpid()))))


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
    """A process's memory in bytes; what it shares counts by its share."""
    try:
        for row in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if row.startswith("Pss:"):
                return int(row.split()[1]) * 1024
    except OSError:
        pass
    return 0


if __name__ == "__main__":
    main()
