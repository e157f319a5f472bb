"""The engine for one machine: one worker process, begun again if it dies."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from wbtools.batch.engines.first import StartWorker
from wbtools.batch.state.folder import BatchFiles, write_whole
from wbtools.batch.worker import last_error, last_hint
from wbtools.errors import InputError, TransientError

logger = logging.getLogger(__name__)

_DEATHS = 20
_TICK = 0.2


def run(
    files: BatchFiles,
    todo: Callable[[], Sequence[str]],
    start: StartWorker,
    *,
    jobs: int,
    threads: int,
    gpus: Sequence[str],
) -> Generator[None, None, None]:
    """Work through what is to be done; control comes back every half second, for the display.

    Parameters
    ----------
    files : BatchFiles
    todo : callable
        Gives the subjects that still are to be done.
    start : callable
        Begins a worker.
    jobs, threads : int
        Subjects at once, and threads of each.
    gpus : sequence of str
        Handed out to subjects.

    Raises
    ------
    InputError
        If the worker could not do its work at all.
    TransientError
        If it was killed again and again.
    """
    options = ["--jobs", str(jobs), "--threads", str(threads), *(["--gpus", ",".join(gpus)] if gpus else [])]
    for _ in range(_DEATHS):
        subjects = todo()
        if not subjects:
            return
        code, log = yield from _one_worker(files, subjects, start, options)
        if code >= 0:
            if code not in (0, 1, TransientError.exit_code):
                advice = last_hint(log)
                raise InputError(last_error(log), hint=f"{advice} (log: {log})" if advice else f"see {log}")
            return
        logger.warning("the worker was killed (signal %d); beginning another one", -code)
    raise TransientError("the worker was killed again and again", hint="look at the machine, then run again")


def _one_worker(
    files: BatchFiles, subjects: Sequence[str], start: StartWorker, options: Sequence[str]
) -> Generator[None, None, tuple[int, Path]]:
    """One worker process until it ends; gives its exit code and its log."""
    name = f"local-{uuid.uuid4().hex[:8]}"
    write_whole(files.round(name), "".join(f"{subject}\n" for subject in subjects))
    log = files.logs / f"worker.{name}.log"
    process = start(files.out, ["--list", str(files.round(name)), *options], log)
    try:
        while process.poll() is None:
            yield
            time.sleep(_TICK)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        files.round(name).unlink(missing_ok=True)
    return process.returncode, log
