"""The scripts that batch systems run: one array task works through one pack of subjects."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wbtools.batch.resources import variables, whole_number
from wbtools.errors import InputError
from wbtools.search_path import python_path

_SLURM = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}{limit}
#SBATCH --requeue --open-mode=append
#SBATCH --output={log}
{directives}
export {exports}
# exec: the worker gets Slurm's signals itself. No srun: with it, a preempted task would count as failed.
exec {worker} --shard $((SLURM_ARRAY_TASK_ID + {offset}))
"""


@dataclass(frozen=True)
class JobArray:
    """A job array of Slurm.

    Parameters
    ----------
    name : str
        Of the job; unique, so that it is found again if `sbatch` gives no answer.
    tasks : int
    words : sequence of str
        More options of `sbatch`.
    worker : sequence of str
        The command that takes the pack; its number is added.
    log : str
        Of each task, a pattern as `log_pattern` gives it.
    threads : int
        Per subject.
    offset : int
        Number of the first task's pack.
    max_parallel : int, optional
        Tasks at once.
    """

    name: str
    tasks: int
    words: Sequence[str]
    worker: Sequence[str]
    log: str
    threads: int
    offset: int = 0
    max_parallel: int | None = None

    def script(self) -> str:
        """The script that `sbatch` is given."""
        return _SLURM.format(
            name=self.name,
            last=self.tasks - 1,
            limit=f"%{self.max_parallel}" if self.max_parallel else "",
            log=shlex.quote(self.log),
            directives=directives(self.words),
            exports=exports(self.threads),
            worker=shlex.join(self.worker),
            offset=self.offset,
        )


def directives(words: Sequence[str]) -> str:
    """Options of `sbatch` as lines of a script.

    Examples
    --------
    >>> print(directives(["--partition=main", "--comment=a b"]))
    #SBATCH --partition=main
    #SBATCH '--comment=a b'
    """
    return "\n".join(f"#SBATCH {shlex.quote(word)}" for word in words)


def log_pattern(folder: Path, name: str) -> str:
    """Where Slurm writes a log, with its own placeholders in the name only.

    Parameters
    ----------
    folder : Path
    name : str
        For example `%A_%a.log`.

    Raises
    ------
    InputError
        If no script can name the folder: Slurm takes a backslash for a mark of its own.

    Examples
    --------
    >>> log_pattern(Path("/data/%A"), "%j.log")
    '/data/%%A/%j.log'
    """
    return f"{_nameable(folder).replace('%', '%%')}/{name}"


def _nameable(folder: Path) -> str:
    """A folder as a line of a script can hold it."""
    text = str(folder)
    if not text.isprintable() or "\\" in text:
        raise InputError(
            f"the path of --out has a character that no batch script can hold: {text!a}",
            hint="choose a folder whose path has no line break, no control character and no backslash",
        )
    return text


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
        logs=shlex.quote(_nameable(logs)),
        exports=exports(threads),
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
        if (number := whole_number(environment.get(name, ""))) is not None:
            return number - begins
    return None


def exports(threads: int) -> str:
    """Variables of a task. Where Python looks for modules is decided here, not by what a job happens to inherit."""
    known = {**variables(threads), "PYTHONPATH": python_path(os.environ)}
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in known.items())
