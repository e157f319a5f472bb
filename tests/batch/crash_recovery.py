"""A batch of stand-in subjects on a real Slurm while processes are killed, and what must be true of it afterwards.

Tests run it small, `benchmarks/batch.py` large. It looks at the published folders with its own eyes, not with wbtools'.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clusters import processes
from slurm_loopback import Slurm
from stand_in import EXPORT, PROGRAM
from stub_export import FILES, content

KINDS = ("child", "worker", "stepd", "slurmd", "slurmctld", "scancel", "client")
_SHARES = {
    "child": 0.4,
    "worker": 0.25,
    "stepd": 0.12,
    "slurmd": 0.08,
    "slurmctld": 0.04,
    "scancel": 0.06,
    "client": 0.05,
}
_SAMPLE = 60


def wbtools(*words: object) -> list[str]:
    """`wbtools batch`, whose subjects the stand-in does as `--allow` says."""
    return [sys.executable, str(PROGRAM), "batch", *map(str, words)]


def exporting(*words: object) -> list[str]:
    """`wbtools batch`, whose subjects are exported."""
    return [sys.executable, "-m", "wbtools.cli", "batch", *map(str, words)]


def is_whole(out: Path, subject: str) -> bool:
    """Whether what anybody sees of a subject is everything, byte for byte."""
    try:
        record = json.loads((out / subject / "provenance.json").read_text())
        made = all((out / subject / name).read_bytes() == content(subject, name) for name in FILES)
    except (OSError, ValueError):
        return False
    return made and set(record["outputs_sha256"]) == set(FILES)


def visible(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir() if path.name[0] != ".") if out.is_dir() else []


def events(out: Path, subject: str) -> list[dict[str, object]]:
    path = out / ".wbtools" / "attempts" / f"{subject}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def running(out: Path, kind: str, slurm: Slurm | None = None) -> list[int]:
    """The processes of one kind that belong to this batch."""
    marks = {"child": EXPORT.name, "worker": " batch worker", "client": f"{PROGRAM.name} batch run"}
    if kind == "stepd":
        ours = {pid for pid, words in processes() if words.startswith("slurmstepd: [")}
        # Another Slurm on this machine is none of our business.
        return [pid for pid in ours if slurm and str(slurm.home) in _environment(pid)]
    if kind in ("slurmd", "slurmctld"):
        return [slurm.pid(kind)] if slurm else []
    return [
        pid
        for pid, words in processes()
        if marks[kind] in words and str(out) in words and (" batch " in words) is (kind != "child")
    ]


def _environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace")
    except OSError:
        return ""


@dataclass
class Report:
    """What a run with kills showed."""

    subjects: list[str]
    kills: list[str] = field(default_factory=list)
    probes: int = 0
    torn: int = 0
    runs: int = 0
    healed: int = 0
    code: int = -1
    code_again: int = -1
    begun: int = 0
    begun_again: int = 0
    published_twice: int = 0
    wrong: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    left_over: int = 0
    after_clean: int = 0
    still_running: int = 0
    seconds: float = 0.0

    def require(self) -> None:
        """All promises of a batch; the negative control breaks them."""
        assert self.torn == 0, f"{self.torn} of {self.probes} looks met a subject that was not whole"
        assert not self.wrong and not self.extra, (self.wrong[:5], self.extra[:5])
        assert self.published_twice == 0
        assert self.code == 0
        assert self.code_again == 0
        assert self.begun_again == 0, "a further run began subjects"
        assert self.left_over <= len(self.kills)
        assert self.after_clean == 0
        assert self.still_running == 0

    def __str__(self) -> str:
        return (
            f"{len(self.subjects)} subjects, {len(self.kills)} kills {dict(Counter(self.kills))}: {self.runs} runs, "
            f"{self.begun} begun, {len(self.subjects) - len(self.wrong)} published, {self.published_twice} twice, "
            f"{self.torn} torn in {self.probes} looks, {self.left_over} folders left over ({self.after_clean} after "
            f"clean), {self.healed} administrator's acts, a further run began {self.begun_again} and gave "
            f"{self.code_again}, {self.seconds:.0f} s"
        )


@dataclass
class CrashRecovery:
    """N subjects, K kills, one seed."""

    slurm: Slurm
    out: Path
    subjects: Sequence[str]
    seed: int
    kills: int
    line: Sequence[object]
    pause: tuple[float, float] = (1.0, 5.0)
    say: Callable[[str], None] = lambda text: None

    def run(self) -> Report:
        """Run the batch's line again and again until it is done, killing meanwhile; then look closely."""
        self._random = random.Random(self.seed)
        self._report = Report(list(self.subjects))
        self._plan = self._kinds()
        began = time.monotonic()
        self._next_kill = began + 3
        while self._report.runs < 12 and self._report.code not in (0, 1):
            self._report.runs += 1
            self._report.code = self._one_run()
        self._wait_for_silence()
        self._report.seconds = time.monotonic() - began
        self._look_closely()
        return self._report

    def _kinds(self) -> list[str]:
        counts = {kind: max(1, round(self.kills * share)) for kind, share in _SHARES.items()}
        plan = [kind for kind in KINDS for _ in range(counts[kind])]
        plan = (
            (plan + ["child"] * self.kills)[: self.kills]
            if self.kills >= len(KINDS)
            else ["child", "worker"] * self.kills
        )
        plan = plan[: self.kills]
        self._random.shuffle(plan)
        return plan

    def _one_run(self) -> int:
        client = subprocess.Popen(
            wbtools("run", *self.line),
            env=self.slurm.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        ticks = 0
        while client.poll() is None:
            time.sleep(0.5)
            ticks += 1
            self._probe()
            if self._plan and time.monotonic() > self._next_kill:
                self._kill()
            if ticks % 6 == 0:
                self._report.healed += self.slurm.heal()
        said = client.stderr.read() if client.stderr else ""
        self.say(f"run {self._report.runs} gave {client.returncode}: {said.strip().splitlines()[-1:]}")
        return client.returncode

    def _probe(self) -> None:
        """Whatever is visible at any moment must be whole."""
        names = visible(self.out)
        for name in self._random.sample(names, min(_SAMPLE, len(names))):
            self._report.probes += 1
            # A folder that was set aside between the listing and the look is not there, which is no harm.
            self._report.torn += not is_whole(self.out, name) and (self.out / name).exists()

    def _kill(self) -> None:
        kind = self._plan[0]
        if kind == "scancel":
            tasks = self.slurm("squeue", "-h", "-r", "-t", "R", "-o", "%i").split()
            if not tasks:
                return
            self.slurm("scancel", self._random.choice(tasks))
        else:
            found = running(self.out, kind, self.slurm)
            if not found:
                return
            try:
                os.kill(self._random.choice(found), signal.SIGKILL)
            except ProcessLookupError:
                return
        self._plan.pop(0)
        self._report.kills.append(kind)
        self._next_kill = time.monotonic() + self._random.uniform(*self.pause)
        self.say(f"killed a {kind}; {len(visible(self.out))} published")
        if kind in ("slurmd", "slurmctld"):
            time.sleep(3)
            self.slurm.start(kind)

    def _wait_for_silence(self) -> None:
        for _ in range(120):
            if not self.slurm("squeue", "-h").strip() and not self._alive():
                return
            self._report.healed += self.slurm.heal()
            time.sleep(1)

    def _alive(self) -> int:
        return sum(len(running(self.out, kind)) for kind in ("child", "worker", "client"))

    def _look_closely(self) -> None:
        report, out = self._report, self.out
        report.wrong = [subject for subject in self.subjects if not is_whole(out, subject)]
        report.extra = sorted(set(visible(out)) - set(self.subjects))
        report.begun = self._begun()
        for subject in self.subjects:
            told = sum(event.get("ending") == "published" for event in events(out, subject))
            report.published_twice += told > 1
        report.code_again = subprocess.run(
            wbtools("run", *self.line), env=self.slurm.environment, capture_output=True
        ).returncode
        report.begun_again = self._begun() - report.begun
        report.left_over = self._left_over()
        subprocess.run(wbtools("clean", out, "--now"), check=True, capture_output=True)
        report.after_clean = self._left_over()
        report.still_running = self._alive()

    def _begun(self) -> int:
        return sum(event["event"] == "start" for subject in self.subjects for event in events(self.out, subject))

    def _left_over(self) -> int:
        aside = self.out / ".wbtools" / "aside"
        hidden = [path for path in self.out.iterdir() if path.name[0] == "." and path.name != ".wbtools"]
        return len(hidden) + len(list(aside.iterdir()))
