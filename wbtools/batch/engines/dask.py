"""A Dask scheduler's address as an engine: dask-jobqueue, Kubernetes and clouds all end in one.

A Dask task is a pack of subjects and starts a worker process like any other engine. It gives back one word, so that
Dask holds no results which it would make again when one of its workers is lost.
"""

from __future__ import annotations

import math
import os
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.batch.engines.launch import worker_command, worker_environment
from wbtools.batch.resources import threads as allotted
from wbtools.batch.state.folder import BatchFiles
from wbtools.errors import InputError, MissingFile, TransientError

if TYPE_CHECKING:
    from distributed import Client

_LARGEST_PACK = 15
_PACKS_PER_WORKER = 4
_PATIENCE = 600
_TICK = 0.5
_RETRIES = 2


def run(
    files: BatchFiles,
    todo: Callable[[], Sequence[str]],
    *,
    scheduler: str | None,
    file: Path | None,
    threads: int | None,
) -> Generator[None, None, None]:
    """Work through what is to be done on the workers of a scheduler; control comes back every half second.

    Parameters
    ----------
    files : BatchFiles
        Its folder must be visible to the workers under the same path.
    todo : callable
        Gives the subjects that still are to be done.
    scheduler : str or None
        Address, for example `tcp://host:8786`.
    file : Path or None
        What the scheduler wrote with `--scheduler-file`.
    threads : int or None
        Per subject; None shares a Dask worker's processors among its threads.

    Raises
    ------
    InputError
        If Dask is not installed, no scheduler answers, or the workers cannot do the work.
    TransientError
        If no worker comes.
    """
    with _client(scheduler, file) as client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError:
            raise TransientError("the Dask scheduler has no worker", hint="start workers, then run again") from None
        slots = sum(client.nthreads().values())
        arguments = [(str(files.out), pack, threads) for pack in _packs(todo(), slots)]
        waiting = [client.submit(work, *given, pure=False, retries=_RETRIES) for given in arguments]
        while waiting:
            yield
            time.sleep(_TICK)
            for future in [future for future in waiting if future.done()]:
                waiting.remove(future)
                if future.status == "error":
                    raise InputError(f"a Dask worker could not begin: {future.exception()}", hint="fix what it says")


def work(out: str, subjects: list[str], threads: int | None) -> str:
    """What a Dask worker runs: a pack of subjects, in a worker process of wbtools.

    Gives one word; a lost worker costs the subjects in flight, since finished ones are published.

    Raises
    ------
    RuntimeError
        If the process could not begin or was killed; Dask tries again.
    """
    from distributed import get_worker

    each = allotted(threads, get_worker().state.nthreads, os.environ)
    done = subprocess.run(
        worker_command(Path(out), ["--list", "-", "--threads", str(each)], attached=True),
        input="\n".join(subjects),
        env=worker_environment(),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1, TransientError.exit_code):
        said = [line for line in done.stderr.splitlines() if line.startswith("Error: ")] or ["it was killed"]
        raise RuntimeError(f"{said[-1].removeprefix('Error: ')} (exit code {done.returncode})")
    return "finished" if done.returncode in (0, 1) else "left"


def _client(scheduler: str | None, file: Path | None) -> Client:
    """A connection to the scheduler."""
    try:
        from distributed import Client
    except ImportError:
        raise InputError("Dask is not installed", hint="install it: pip install distributed") from None
    if (scheduler is None) == (file is None):
        raise InputError("--engine dask needs a scheduler", hint="give --scheduler ADDRESS or --scheduler-file FILE")
    if file is not None and not file.is_file():
        raise MissingFile(file, hint="give what dask scheduler --scheduler-file wrote")
    try:
        client: Client = Client(scheduler) if scheduler else Client(scheduler_file=str(file))  # type: ignore[no-untyped-call]
        return client
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler or file}: {error}", hint="check that it runs"
        ) from None


def _packs(subjects: Sequence[str], slots: int) -> list[list[str]]:
    """Packs small enough to keep every worker busy to the end.

    Examples
    --------
    >>> [len(pack) for pack in _packs(["a"] * 60, 2)][:3], len(_packs(["a"] * 10000, 2))
    ([8, 8, 8], 667)
    """
    size = min(_LARGEST_PACK, max(1, math.ceil(len(subjects) / (_PACKS_PER_WORKER * max(1, slots)))))
    return [list(subjects[start : start + size]) for start in range(0, len(subjects), size)]
