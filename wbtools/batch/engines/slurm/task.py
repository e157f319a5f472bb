"""What a worker knows and does as a Slurm job: when its time is over, and how it comes back for what is left."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from wbtools.batch.engines.slurm import queue
from wbtools.batch.resources import Deadline, whole_number
from wbtools.search_path import find_program

logger = logging.getLogger(__name__)

_RESTARTS = 20
_UNTIL_KILLED = 600.0


def own_job(environment: Mapping[str, str]) -> str | None:
    """The job around this process, None if it is in none.

    An array's last task carries the array's own number; asked by that, Slurm would mean every task of the array.

    Examples
    --------
    >>> own_job({"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "19"})
    '7_19'
    """
    array, task = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else environment.get("SLURM_JOB_ID")


def deadline(environment: Mapping[str, str]) -> Deadline:
    """The end of the job around this process; no end outside of one."""
    job = own_job(environment)
    if job is None or find_program("squeue") is None:
        return Deadline()
    left = queue.time_left(job)
    return Deadline() if left is None else Deadline(time.monotonic() + left)


def come_back(environment: Mapping[str, str]) -> None:
    """Have Slurm start this job again, and wait for Slurm to end it; return only if it will not.

    A task that leaves by itself after it was preempted counts as completed or failed, with its work undone. One that
    was cancelled stays so.
    """
    job = own_job(environment)
    if job is None or (whole_number(environment.get("SLURM_RESTART_COUNT", "")) or 0) >= _RESTARTS:
        return
    if queue.is_running(job) and queue.requeue(job):
        logger.info("waiting to be started again")
        time.sleep(_UNTIL_KILLED)
