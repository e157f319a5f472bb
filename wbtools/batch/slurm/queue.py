"""Slurm's own programs, each asked one thing. Accounting (`sacct`) is not needed: many sites have none."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wbtools.batch.allotment import seconds
from wbtools.errors import InputError, TransientError

logger = logging.getLogger(__name__)

_PATIENCE = 120
_DEFAULT_ARRAY = 1001
_TRIES = 5


@dataclass(frozen=True)
class Job:
    """One job or array task in the queue.

    Parameters
    ----------
    id, name, state, reason : str
        As `squeue` shows them.
    """

    id: str
    name: str
    state: str
    reason: str

    @property
    def stuck(self) -> bool:
        """Whether it waits for somebody to do something."""
        return self.state == "PENDING" and bool(re.search("held|DRAIN|DOWN|NeverSatisfied", self.reason, re.IGNORECASE))


def submit(script: Path, words: Sequence[str] = ()) -> str:
    """Submit a script; gives the job's number. The script's job name must be unique.

    Raises
    ------
    InputError
        If Slurm refuses it, in its words, or is not installed here.
    TransientError
        If Slurm does not answer.
    """
    name = re.search(r"--job-name=(\S+)", script.read_text(encoding="utf-8"))
    done = _run("sbatch", "--parsable", *words, str(script))
    if done.returncode == 0:
        return done.stdout.strip().split(";")[0]
    # A request that timed out may have been accepted: look before anybody submits it again.
    accepted = jobs([name[1]]) if name else []
    if accepted:
        return accepted[0].id.split("_")[0]
    said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
    if re.search(r"contact slurm controller|timed out|Connection refused|temporarily", said, re.IGNORECASE):
        raise TransientError(f"Slurm does not answer: {said}", mend="try again later")
    raise InputError(f"Slurm refused the job: {said}", mend="change the options that Slurm names")


def jobs(names: Sequence[str]) -> list[Job]:
    """The jobs and array tasks of given names that are still in the queue, one by one.

    Raises
    ------
    TransientError
        If Slurm does not answer for a while.
    """
    if not names:
        return []
    for left in reversed(range(_TRIES)):
        done = _run("squeue", "--noheader", "--array", f"--name={','.join(names)}", "--format=%i|%j|%T|%r")
        if done.returncode == 0:
            rows = (line.split("|", 3) for line in done.stdout.splitlines())
            return [Job(*row) for row in rows if len(row) == 4]
        if left:
            time.sleep(3)
    raise TransientError(f"Slurm does not answer: {' '.join(done.stderr.split())}", mend="try again later")


def cancel(ids: Sequence[str]) -> None:
    """Cancel jobs; those that ended meanwhile do not matter."""
    if ids:
        _run("scancel", *ids)


def requeue(job: str) -> bool:
    """Put a running job back into the queue; whether Slurm will."""
    done = _run("scontrol", "requeue", job)
    # Two of them may ask at once: the second is told that the job is pending already.
    if done.returncode == 0 or "pending" in done.stderr.lower():
        return True
    logger.warning("Slurm did not requeue job %s: %s", job, " ".join(done.stderr.split()))
    return False


def is_running(job: str) -> bool:
    """Whether Slurm still means a job to run: neither cancelled nor on its way out."""
    return _run("squeue", "--noheader", "--jobs", job, "--format=%T").stdout.strip() == "RUNNING"


def time_left(job: str) -> float | None:
    """Seconds until a job's time is over; None if Slurm sets no end or does not answer."""
    return seconds(_run("squeue", "--noheader", "--jobs", job, "--format=%L").stdout.strip())


def largest_array() -> int:
    """How many tasks an array may have."""
    found = re.search(r"MaxArraySize\s*=\s*(\d+)", _run("scontrol", "show", "config").stdout)
    return max(1, int(found[1])) if found else _DEFAULT_ARRAY


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
            # A job that submits must not hand its own number, memory and restarts on to what it submits.
            env={k: v for k, v in os.environ.items() if not k.startswith("SLURM_") or k == "SLURM_CONF"},
        )
    except FileNotFoundError:
        raise InputError(
            f"{words[0]} is not here: this machine belongs to no Slurm cluster",
            mend="log in to the cluster's login node, or choose another --engine",
        ) from None
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, "", f"{words[0]} timed out")
