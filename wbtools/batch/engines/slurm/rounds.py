"""Rounds of job arrays: one round submits all that is to be done, and a job after it begins the next round."""

from __future__ import annotations

import json
import re
import shlex
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wbtools.batch.engines.launch import program, worker_command
from wbtools.batch.engines.slurm import queue, script
from wbtools.batch.engines.slurm.queue import Submitted
from wbtools.batch.engines.slurm.request import Request
from wbtools.batch.state.attempts import State
from wbtools.batch.state.folder import BatchFiles, append_line, write_whole
from wbtools.batch.state.overview import Cost, cost, overview
from wbtools.batch.state.plan import Plan, list_subjects
from wbtools.batch.state.records import Records
from wbtools.errors import CommandError, InputError, TransientError

_REFUSED = (InputError, CommandError, TransientError)

_AFTER = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --cpus-per-task=1 --mem=1G --time=00:20:00
#SBATCH --kill-on-invalid-dep=yes --open-mode=append
#SBATCH --output={log}
{directives}
export {exports}
exec {command}
"""


@dataclass(frozen=True)
class Round:
    """What a round submitted.

    Parameters
    ----------
    subjects, tasks, pack : int
    arrays : tuple of str
        Numbers of the array jobs.
    after : str
        Number of the job that begins the next round; empty if there is none.
    left : int
        Packs that Slurm did not take now; the next round will.
    trouble : str
        Why there is no job after the arrays although there should be one.
    """

    subjects: int
    tasks: int
    pack: int
    arrays: tuple[str, ...]
    after: str = ""
    left: int = 0
    trouble: str = ""


def scripts(files: BatchFiles, plan: Plan, subjects: Sequence[str], name: str) -> list[str]:
    """The sbatch scripts of one round, as few as the site's largest array allows."""
    request = Request.from_record(plan.engine)
    known = cost(files)
    pack = request.pack_of(len(subjects), known)
    tasks = -(-len(subjects) // pack)
    largest = queue.largest_array()
    starts = range(0, tasks, largest)
    share = max(1, request.max_parallel // len(starts)) if request.max_parallel else None
    worker = worker_command(files.out, _worker_options(files, name, pack, known), attached=False)
    return [
        script.JobArray(
            f"wb-{name}-{number}",
            min(largest, tasks - start),
            request.words(known, pack),
            worker,
            log=script.log_pattern(files.slurm, "%A_%a.log"),
            threads=plan.threads or request.cpus,
            offset=start,
            max_parallel=share,
        ).script()
        for number, start in enumerate(starts)
    ]


def _worker_options(files: BatchFiles, name: str, pack: int, known: Cost | None) -> list[str]:
    expected = ["--expect", f"{known.high:.0f}"] if known else []
    return ["--list", str(files.round(name)), "--pack", str(pack), *expected]


def submit(files: BatchFiles, plan: Plan, subjects: Sequence[str], number: int = 1) -> Round:
    """Submit a round: arrays for all subjects, and the job that begins the next round when they are over.

    Raises
    ------
    InputError
        If Slurm refuses the first array.
    TransientError
        If it does not answer.
    """
    request = Request.from_record(plan.engine)
    name = uuid.uuid4().hex[:8]
    write_whole(files.round(name), "".join(f"{subject}\n" for subject in subjects))
    texts = scripts(files, plan, subjects, name)
    arrays: list[Submitted] = []
    left = 0
    for place, text in enumerate(texts):
        path = files.slurm / f"{name}-{place}.sh"
        write_whole(path, text)
        try:
            # All on the cluster of the first: the job after them cannot wait for another cluster's.
            arrays.append(queue.submit(path, cluster=arrays[0].cluster if arrays else ""))
        except _REFUSED as error:
            if not arrays:
                if isinstance(error, CommandError):  # it is in the queue, perhaps: the next look must find it
                    _note(files, f"wb-{name}-{place}", Submitted("", queue.clusters(request.sbatch)), len(subjects))
                raise
            left = len(texts) - place  # a limit on jobs in the queue: the rest comes when these are over
            break
        _note(files, f"wb-{name}-{place}", arrays[-1], len(subjects))
    after, trouble = "", ""
    if number < request.rounds or left:
        after, trouble = _submit_after(files, request, name, arrays, number + (not left))
    pack = request.pack_of(len(subjects), cost(files))
    numbers = tuple(job.number for job in arrays)
    return Round(len(subjects), -(-len(subjects) // pack), pack, numbers, after, left, trouble)


def _submit_after(
    files: BatchFiles, request: Request, name: str, arrays: Sequence[Submitted], number: int
) -> tuple[str, str]:
    """Submit the job that looks what is left when the arrays are over, however they ended.

    Gives its number, or the sentence that tells why there is none: the arrays are in the queue all the same.
    """
    partition = [f"--partition={request.partition}"] if request.partition else []
    text = _AFTER.format(
        name=f"wb-{name}-next",
        log=shlex.quote(script.log_pattern(files.slurm, "%j.next.log")),
        directives=script.directives([*partition, *request.sbatch]),
        exports=script.exports(1),
        command=shlex.join([*program(), "next-round", str(files.out), "--number", str(number)]),
    )
    path = files.slurm / f"{name}-next.sh"
    write_whole(path, text)
    numbers = ":".join(job.number for job in arrays)
    try:
        made = queue.submit(path, [f"--dependency=afterany:{numbers}"], arrays[0].cluster)
    except _REFUSED as error:
        return "", str(error)
    _note(files, f"wb-{name}-next", made, 0)
    return made.number, ""


def following(files: BatchFiles, number: int) -> Round | None:
    """Submit the next round if anything is left and nobody cancelled the batch; None if not."""
    plan = Plan.read(files)
    seen = overview(files, plan, list_subjects(files))
    # The arrays are over: whoever still seems to run was lost with its worker.
    left = seen.having(State.TODO, State.RUNNING)
    if not left or files.stop.exists():
        return None
    return submit(files, plan, left, number)


def jobs(files: BatchFiles, patience: float = queue.PATIENCE) -> list[queue.Job]:
    """The jobs of this batch that are still in the queue, on every cluster that took some.

    Parameters
    ----------
    files : BatchFiles
    patience : float
        Seconds to wait for the answer of a cluster.

    Raises
    ------
    TransientError
        If one does not answer.
    """
    return [job for cluster, names in _submitted(files).items() for job in queue.jobs(names, cluster, patience)]


def cancel(files: BatchFiles) -> int:
    """Cancel the jobs of this batch, those that would begin another round first; gives how many."""
    found = jobs(files)
    for part in (True, False):
        chosen = [job for job in found if job.name.endswith("-next") is part]
        for cluster in sorted({job.cluster for job in chosen}):
            queue.cancel(sorted({job.id.split("_")[0] for job in chosen if job.cluster == cluster}), cluster)
    return len(found)


_NAME = re.compile(r"wb-[\w-]+", re.ASCII)
_CLUSTERS = re.compile(r"[\w.+,-]*", re.ASCII)


def _submitted(files: BatchFiles) -> Mapping[str, list[str]]:
    """The names of all jobs that were ever submitted for this batch, by cluster; damaged lines do not count."""
    found: dict[str, list[str]] = {}
    for line in (line for path in files.submission_files() for line in Records.read(path).found):
        name, cluster = line.get("name"), line.get("cluster", "")
        if (
            isinstance(name, str)
            and isinstance(cluster, str)
            and _NAME.fullmatch(name)
            and _CLUSTERS.fullmatch(cluster)
        ):
            found.setdefault(cluster, []).append(name)
    return found


def _note(files: BatchFiles, name: str, job: Submitted, subjects: int) -> None:
    line = {"time": round(time.time(), 3), "name": name, "job": job.number, "subjects": subjects}
    known = {**line, **({"cluster": job.cluster} if job.cluster else {})}
    append_line(files.submissions, json.dumps(known), files.own_submissions)
