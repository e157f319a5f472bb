"""Slurm's own programs, each asked one thing. Accounting (`sacct`) is not needed: many sites have none."""

from __future__ import annotations

import logging
import os
import re
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wbtools.batch.resources import seconds
from wbtools.errors import CommandError, CommandNotStarted, InputError, TransientError
from wbtools.search_path import find_program
from wbtools.text import line

logger = logging.getLogger(__name__)

PATIENCE = 120
"""Seconds that Slurm has to answer a question."""
_DEFAULT_ARRAY = 1001
_TRIES = 5
_PAUSE = 3.0
_LONGEST_ANSWER = 200
_STUCK = re.compile("held|DRAIN|DOWN|NeverSatisfied|Inactive", re.IGNORECASE)
"""In the reasons of jobs that wait for a user or an administrator."""
_NEVER = re.compile(
    r"Partition(Config|TimeLimit|NodeLimit|MinNodes|MaxNodes)|BadConstraints|MaxMemPerLimit|ReservationDeleted"
    r"|(Assoc|QOS)Max\w*Per(Job|Node)\w*|(Assoc|QOS)Grp\w*(?<!Run)Minutes\w*|QOSMin\w*|(Association|QOS)TimeLimit"
    r"|Invalid(Account|QOS)|(Account|QOS)NotAllowed",
    re.ASCII,
)
"""Reasons of jobs that ask for more, or for something else, than they will ever get (`man squeue`, JOB REASON CODES).

Limits on what a user or an account has at a time are none of them: other jobs end. Minutes of an account that are
used up are.
"""
_NUMBER = re.compile(
    r"(?:Submitted batch job )?(?P<number>[0-9]+)(?:(?:;| on cluster )(?P<cluster>[\w.+-]+))?", re.ASCII
)


@dataclass(frozen=True)
class Submitted:
    """A job that Slurm took.

    Parameters
    ----------
    number : str
    cluster : str
        Where several clusters may be asked, the one that took it; else empty.
    """

    number: str
    cluster: str = ""

    @classmethod
    def from_answer(cls, printed: str) -> Submitted | None:
        r"""The job that `sbatch --parsable` tells of; None if it tells of none.

        Plugins and wrappers of a site print lines of their own, before the number and after it: the last line that
        looks like a number counts.

        Examples
        --------
        >>> Submitted.from_answer("ticket renewed\n4711;delta\n"), Submitted.from_answer("welcome\n")
        (Submitted(number='4711', cluster='delta'), None)
        """
        found = [match for text in printed.splitlines() if (match := _NUMBER.fullmatch(text.strip()))]
        return cls(found[-1]["number"], found[-1]["cluster"] or "") if found else None


@dataclass(frozen=True)
class Job:
    """One job or array task in the queue.

    Parameters
    ----------
    id, name, state, reason : str
        As `squeue` shows them.
    cluster : str
        Where it is; empty for the cluster of this machine.
    """

    id: str
    name: str
    state: str
    reason: str
    cluster: str = ""

    @property
    def stuck(self) -> bool:
        """Whether it waits for somebody to do something."""
        return self.state == "PENDING" and bool(_STUCK.search(self.reason))

    @property
    def impossible(self) -> bool:
        """Whether it cannot start as it was submitted."""
        return self.state == "PENDING" and bool(_NEVER.fullmatch(self.reason))


def submit(script: Path, words: Sequence[str] = (), cluster: str = "") -> Submitted:
    """Submit a script; its job name must be unique.

    The options in the script are repeated on the command line, where variables such as `SBATCH_PARTITION` do not
    override them.

    Parameters
    ----------
    script : Path
    words : sequence of str
        More options of `sbatch`.
    cluster : str
        Which of several clusters is asked; empty leaves that to the script and to `SLURM_CLUSTERS`.

    Raises
    ------
    InputError
        If Slurm refuses it, in its words, or is not installed here.
    CommandError
        If `sbatch` ended well and gave no number.
    TransientError
        If Slurm does not answer.
    """
    asked = [*_directives(script.read_text(encoding="utf-8", errors="surrogateescape")), *words, *_on(cluster)]
    done = _run("sbatch", "--parsable", *asked, str(script))
    if done.returncode == 0 and (made := Submitted.from_answer(done.stdout)):
        return made
    # A request that timed out may have been accepted: look before anybody submits it again.
    name = next((word.partition("=")[2] for word in asked if word.startswith("--job-name=")), "")
    accepted = jobs([name], clusters(asked)) if name else []
    if accepted:
        return Submitted(accepted[0].id.split("_")[0], accepted[0].cluster)
    if done.returncode == 0:
        printed = line(done.stdout, _LONGEST_ANSWER) or "nothing"
        raise CommandError(
            f"sbatch took the job {name} and printed no job number; it printed: {printed}",
            hint=f"look for it with squeue --name={name}; if it is not there, run the same line again",
        )
    said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
    if re.search(r"contact slurm controller|timed out|Connection refused|temporarily", said, re.IGNORECASE):
        raise TransientError(f"Slurm does not answer: {said}", hint="try again later")
    raise InputError(f"Slurm refused the job: {said}", hint="change the options that Slurm names")


def clusters(words: Sequence[str]) -> str:
    """The clusters that options of `sbatch` or the environment ask for, as Slurm takes them; empty for its default.

    Examples
    --------
    >>> clusters(["--mem=1G", "--clusters=alpha,delta"]), clusters(["-Malpha"])
    ('alpha,delta', 'alpha')
    """
    found = [match[1] for word in words if (match := re.fullmatch(r"(?:--clusters?=|-M\s*)(.+)", word))]
    return found[-1] if found else os.environ.get("SBATCH_CLUSTERS", "")


def jobs(names: Sequence[str], cluster: str = "", patience: float = PATIENCE) -> list[Job]:
    """The jobs and array tasks of given names that are still in the queue, one by one.

    Parameters
    ----------
    names : sequence of str
    cluster : str
        The clusters to ask, separated by commas; empty leaves that to `SLURM_CLUSTERS`.
    patience : float
        Seconds to wait for an answer, of all tries together.

    Raises
    ------
    TransientError
        If Slurm does not answer for a while.
    """
    if not names:
        return []
    words = ["--noheader", "--array", f"--name={','.join(names)}", "--format=%i|%j|%T|%r", *_on(cluster)]
    until = time.monotonic() + patience
    for _ in range(_TRIES):
        done = _run("squeue", *words, patience=until - time.monotonic())
        if done.returncode == 0:
            return _listed(done.stdout, cluster)
        if until - time.monotonic() < 2 * _PAUSE:  # the next try would have no time
            break
        time.sleep(_PAUSE)
    raise TransientError(f"Slurm does not answer: {' '.join(done.stderr.split())}", hint="try again later")


def _listed(printed: str, cluster: str) -> list[Job]:
    """The jobs that `squeue` lists; of several clusters, each is announced by a line of its own."""
    found: list[Job] = []
    for text in printed.splitlines():
        if text.startswith("CLUSTER:"):
            cluster = text.partition(":")[2].strip()
        elif len(row := text.split("|", 3)) == 4:
            found.append(Job(row[0], row[1], row[2], row[3], cluster))
    return found


def cancel(ids: Sequence[str], cluster: str = "") -> None:
    """Cancel jobs of one cluster; those that ended meanwhile do not matter."""
    if ids:
        _run("scancel", *_on(cluster), *ids)


def requeue(job: str) -> bool:
    """Put a running job back into the queue; whether Slurm will."""
    done = _run_here("scontrol", "requeue", job)
    # Two of them may ask at once: the second is told that the job is pending already.
    if done.returncode == 0 or "pending" in done.stderr.lower():
        return True
    logger.warning("Slurm did not requeue job %s: %s", job, " ".join(done.stderr.split()))
    return False


def is_running(job: str) -> bool:
    """Whether Slurm still means a job to run: neither cancelled nor on its way out."""
    return "RUNNING" in _run_here("squeue", "--noheader", f"--jobs={job}", "--format=%T").stdout.split()


def time_left(job: str) -> float | None:
    """Seconds until a job's time is over; None if Slurm sets no end or does not answer."""
    told = _run_here("squeue", "--noheader", f"--jobs={job}", "--format=%L").stdout.split()
    return next((found for word in reversed(told) if (found := seconds(word)) is not None), None)


def largest_array() -> int:
    """How many tasks an array may have."""
    found = re.search(r"MaxArraySize\s*=\s*(\d{1,9})\b", _run_here("scontrol", "show", "config").stdout)
    return max(1, int(found[1])) if found else _DEFAULT_ARRAY


def _on(cluster: str) -> list[str]:
    return [f"--clusters={cluster}"] if cluster else []


def _directives(text: str) -> list[str]:
    """The options of `sbatch` in a script."""
    marked = [row.removeprefix("#SBATCH ") for row in text.splitlines() if row.startswith("#SBATCH ")]
    return [word for row in marked for word in shlex.split(row)]


def _run(*words: str, patience: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    """Run one of Slurm's programs, with the clusters that the user asked for."""
    return _ask(words, _environment(os.environ), patience)


def _run_here(*words: str) -> subprocess.CompletedProcess[str]:
    """The same about this machine's own cluster: a job lies where it runs, and some programs take no list."""
    return _ask(words, {k: v for k, v in _environment(os.environ).items() if k != "SLURM_CLUSTERS"})


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """What Slurm's programs may know of this process.

    A job that submits must not hand its own number, memory and restarts on to what it submits, and what is set to
    filter a person's own look into the queue must not hide this batch's jobs.
    """
    kept = {"SLURM_CONF", "SLURM_CLUSTERS"}
    dropped = ("SLURM_", "SQUEUE_", "SCANCEL_")
    return {name: value for name, value in given.items() if name in kept or not name.startswith(dropped)}


def _ask(
    words: Sequence[str], environment: Mapping[str, str], patience: float = PATIENCE
) -> subprocess.CompletedProcess[str]:
    program = find_program(words[0])
    if program is None:
        raise InputError(
            f"{words[0]} is not here: this machine belongs to no Slurm cluster",
            hint="log in to the cluster's login node, or choose another --engine",
        )
    try:
        return subprocess.run(
            (program, *words[1:]),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
            stdin=subprocess.DEVNULL,
            env=dict(environment),
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, "", f"{words[0]} timed out after {patience:.0f} s")
    except OSError as error:
        raise CommandNotStarted((program, *words[1:]), error, hint="look at the file") from None
