"""The scripts that batch systems run: one array task works through one pack of subjects."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from wbtools.batch.allotment import variables

_WARNING = 60
"""Seconds before its end at which a task is told."""

_SLURM = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}{limit}
#SBATCH --requeue --open-mode=append --signal=B:TERM@{warning}
#SBATCH --output={log}
{directives}
export {exports}
# exec: the worker gets Slurm's signals itself. No srun: with it, a preempted task would count as failed.
exec {worker} --shard $((SLURM_ARRAY_TASK_ID + {offset}))
"""


def array(
    name: str,
    tasks: int,
    words: Sequence[str],
    worker: Sequence[str],
    *,
    log: Path,
    threads: int,
    offset: int = 0,
    max_parallel: int | None = None,
) -> str:
    """An sbatch script for a job array.

    Parameters
    ----------
    name : str
        Of the job; unique, so that it is found again if `sbatch` gives no answer.
    tasks : int
    words : sequence of str
        More options of `sbatch`.
    worker : sequence of str
        The command that takes the pack; its number is added.
    log : Path
        Of each task, with Slurm's own placeholders.
    threads : int
        Per subject.
    offset : int
        Number of the first task's pack.
    max_parallel : int, optional
        Tasks at once.
    """
    return _SLURM.format(
        name=name,
        last=tasks - 1,
        limit=f"%{max_parallel}" if max_parallel else "",
        warning=_WARNING,
        log=shlex.quote(str(log)),
        directives="\n".join(f"#SBATCH {shlex.quote(word)}" for word in words),
        exports=_exports(threads),
        worker=shlex.join(worker),
        offset=offset,
    )


_TEMPLATES = {
    "sge": """\
#!/bin/bash
# Sun/Univa Grid Engine. UNTESTED TEMPLATE: names of queues, parallel environments and memory differ between sites.
#$ -N {name}
#$ -t 1-{tasks}
#$ -tc 200
#$ -pe smp {threads}
#$ -l h_vmem=8G,h_rt=04:00:00
#$ -r y
#$ -notify
#$ -j y -o {logs}
export {exports}
exec {worker} --shard auto
""",
    "pbs": """\
#!/bin/bash
# PBS Professional, OpenPBS. UNTESTED TEMPLATE: names of queues and limits differ between sites.
#PBS -N {name}
#PBS -J 0-{last}
#PBS -l select=1:ncpus={threads}:mem=8gb
#PBS -l walltime=04:00:00
#PBS -r y
#PBS -j oe -o {logs}
export {exports}
exec {worker} --shard auto
""",
    "lsf": """\
#!/bin/bash
# IBM Spectrum LSF. UNTESTED TEMPLATE: names of queues, and the unit of memory, differ between sites.
#BSUB -J "{name}[1-{tasks}]%200"
#BSUB -n {threads}
#BSUB -R "rusage[mem=8GB] span[hosts=1]"
#BSUB -W 04:00
#BSUB -r
#BSUB -o {logs}/%J_%I.log
export {exports}
exec {worker} --shard auto
""",
}

TEMPLATES = tuple(_TEMPLATES)
"""Batch systems for which there is only a template that nobody tried."""


def template(system: str, name: str, tasks: int, worker: Sequence[str], *, logs: Path, threads: int) -> str:
    """The script for a batch system that wbtools does not submit to itself."""
    return _TEMPLATES[system].format(
        name=name,
        tasks=tasks,
        last=max(1, tasks - 1),
        threads=threads,
        logs=shlex.quote(str(logs)),
        exports=_exports(threads),
        worker=shlex.join(worker),
    )


def shard_number(environment: Mapping[str, str]) -> int | None:
    """The number of an array task's pack, from 0, by what batch systems tell their tasks; None outside of one.

    Examples
    --------
    >>> shard_number({"SGE_TASK_ID": "3"}), shard_number({"PBS_ARRAY_INDEX": "3"}), shard_number({})
    (2, 3, None)
    """
    first = {"SLURM_ARRAY_TASK_ID": 0, "PBS_ARRAY_INDEX": 0, "PBS_ARRAYID": 0, "AWS_BATCH_JOB_ARRAY_INDEX": 0}
    for name, begins in {**first, "SGE_TASK_ID": 1, "LSB_JOBINDEX": 1}.items():
        if environment.get(name, "").isdecimal():
            return int(environment[name]) - begins
    return None


def _exports(threads: int) -> str:
    return " ".join(f"{name}={value}" for name, value in variables(threads).items())
