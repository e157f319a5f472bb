"""Processes that prepare images side by side; what they write does not depend on how many there are."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from wbtools.batch.resources import variables
from wbtools.datasets.images.made import Preparation, SourceImage
from wbtools.datasets.plan import Plan, Row, write_row
from wbtools.errors import CheckError, InputError, TransientError
from wbtools.errors.system import from_os_error
from wbtools.text import line

_PR_SET_PDEATHSIG = 1
_AHEAD = 2
"""Tasks of each process that wait for it."""
_TASK = 1 << 22
"""Bytes of rows that one task makes, so that small pictures do not wait for messages."""
_MOST_ROWS = 256


@dataclass(frozen=True, eq=False)
class Task:
    """Rows to make.

    Parameters
    ----------
    preparation : Preparation
    rows : Path
        The file of the array.
    plan : Plan
    images : tuple of (int, SourceImage)
        Each with its row.
    """

    preparation: Preparation[Any]
    rows: Path
    plan: Plan
    images: tuple[tuple[int, SourceImage], ...]

    def run(self) -> list[Row]:
        """Write the rows; images of which none can be made are refused with a sentence."""
        return [self._row(place, image) for place, image in self.images]

    def _row(self, place: int, image: SourceImage) -> Row:
        try:
            made = self.preparation.make(image)
        except (InputError, CheckError) as error:
            return Row(place, refused=line(error))
        except OSError as error:
            found = from_os_error(error)
            if isinstance(found, TransientError):
                raise found from None
            return Row(place, refused=line(found))
        return Row(place, write_row(self.rows, self.plan, place, made.array), "", made.remarks)


def tasks(
    preparation: Preparation[Any], rows: Path, plan: Plan, images: Sequence[tuple[int, SourceImage]]
) -> Iterator[Task]:
    """What is to be made, in pieces of a few megabytes."""
    size = max(1, min(_MOST_ROWS, _TASK // plan.row_bytes))
    for start in range(0, len(images), size):
        yield Task(preparation, rows, plan, tuple(images[start : start + size]))


def run(todo: Iterator[Task], jobs: int) -> Generator[list[Row], None, None]:
    """Run tasks in so many processes of a single thread, which sum in the same order on every machine.

    Yields
    ------
    list of Row
        Of each task, as they get done.

    Raises
    ------
    TransientError
        If a process was killed.
    """
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with _threads(1), ProcessPoolExecutor(jobs, context, _begin, (os.getpid(),)) as pool:
        try:
            running: set[Future[list[Row]]] = set()
            while True:
                running |= {pool.submit(Task.run, task) for task in islice(todo, _AHEAD * jobs - len(running))}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        except BrokenProcessPool:
            raise TransientError(
                "a process that prepared images was killed, perhaps for want of memory",
                hint="run the same command again with fewer --jobs; it resumes",
            ) from None
        except BaseException:  # nobody waits for rows that are not noted: they are made again
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let processes that are begun in the block use so many threads each."""
    changed = variables(count)
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _begin(parent: int) -> None:
    """Leave Ctrl-C to the process that began this one, and end when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that was said
        os._exit(1)
