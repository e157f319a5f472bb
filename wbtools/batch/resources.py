"""What a worker may use: processors, time."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

_MOST_PROCESSORS = 4096
"""More on one machine are a mistake."""


def threads(asked: int | None, jobs: int, environment: Mapping[str, str]) -> int:
    """Threads for one subject, where `jobs` run at once.

    What Slurm gave counts before what the machine has; torch and others would take every processor they see.

    Examples
    --------
    >>> threads(None, 2, {"SLURM_CPUS_PER_TASK": "8"}), threads(3, 2, {})
    (4, 3)
    """
    given = whole_number(environment.get("SLURM_CPUS_PER_TASK", ""))
    processors = given if given and given <= _MOST_PROCESSORS else len(os.sched_getaffinity(0))
    return asked or max(1, processors // jobs)


def whole_number(text: str) -> int | None:
    """What a batch system's variable says, None for anything that is no plain number.

    Examples
    --------
    >>> whole_number("8"), whole_number("8(x2)"), whole_number("9" * 5000)
    (8, None, None)
    """
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def variables(count: int) -> dict[str, str]:
    """What tells libraries how many threads to use; read when they are loaded.

    OpenBLAS would start its threads at once, and pyarrow, which pandas loads where it is installed, one for its memory.
    A process that forks must have none; nothing here needs them.

    Examples
    --------
    >>> variables(4)["OMP_NUM_THREADS"], variables(4)["OPENBLAS_NUM_THREADS"]
    ('4', '1')
    """
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
    threads_at_once = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
    return {**dict.fromkeys(names, str(count)), **threads_at_once}


@dataclass(frozen=True)
class Deadline:
    """When the worker's own time is over.

    Parameters
    ----------
    at : float
        On the monotonic clock; infinite when nobody ends the worker.
    """

    at: float = float("inf")

    @property
    def left(self) -> float:
        """Seconds until then."""
        return self.at - time.monotonic()


def seconds(text: str) -> float | None:
    """A time as Slurm writes it, or as people do, in seconds; None for what is no time.

    Examples
    --------
    >>> seconds("1-02:00:00"), seconds("30:00"), seconds("90m"), seconds("1.5h"), seconds("45"), seconds("UNLIMITED")
    (93600.0, 1800.0, 5400.0, 5400.0, 45.0, None)
    """
    if found := re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)\s*([smhd]?)", text):
        return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
    if found := re.fullmatch(r"(?:([0-9]{1,9})-)?(?:([0-9]{1,9}):)?([0-9]{1,9}):([0-9]{1,9})", text):
        days, hours, minutes, rest = (int(part or 0) for part in found.groups())
        return float(((days * 24 + hours) * 60 + minutes) * 60 + rest)
    return None


def slurm_seconds(text: str) -> float | None:
    """What `--time` asks Slurm for, in seconds: in Slurm's own forms, or with a unit; None for what is no time.

    A number alone is minutes there, and after days come hours.

    Examples
    --------
    >>> slurm_seconds("90"), slurm_seconds("90:00"), slurm_seconds("1-2"), slurm_seconds("1-02:30"), slurm_seconds("2h")
    (5400.0, 5400.0, 93600.0, 95400.0, 7200.0)
    >>> slurm_seconds("UNLIMITED"), slurm_seconds("tomorrow")
    (inf, None)
    """
    if text.upper() in {"UNLIMITED", "INFINITE"}:
        return float("inf")
    if re.fullmatch(r"[0-9]{1,9}", text):
        return 60.0 * int(text)
    if found := re.fullmatch(r"([0-9]{1,9})-([0-9]{1,9})(?::([0-9]{1,9}))?(?::([0-9]{1,9}))?", text):
        days, hours, minutes, rest = (int(part or 0) for part in found.groups())
        return float(((days * 24 + hours) * 60 + minutes) * 60 + rest)
    return seconds(text)


def slurm_time(duration: float) -> str:
    """Seconds as Slurm's `--time` wants them, rounded up to minutes.

    Examples
    --------
    >>> slurm_time(93601)
    '26:01:00'
    """
    minutes = max(1, -int(-duration // 60))
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"
