"""A worker: takes a pack of subjects and works through it, several at once, each in a process of its own.

It loads what all subjects need once and forks a child per subject, which costs milliseconds instead of the seconds that
starting Python and torch take, and shares the memory. A child that crashes, hangs or is killed costs one attempt. The
worker itself has one thread, so that forking is safe, and fetches signals instead of being interrupted by them.
"""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import time
import uuid
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from wbtools import atomic
from wbtools.batch import scratch
from wbtools.batch.child import WATCHED, Child, Exit, start
from wbtools.batch.payload import Payload
from wbtools.batch.resources import Deadline, variables
from wbtools.batch.state import attempts, marks, names, own_exports, published
from wbtools.batch.state.attempts import Ending, History
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.plan import Plan
from wbtools.batch.state.published import Inspection, Published, place
from wbtools.errors import InputError, TransientError, WbtoolsError
from wbtools.output import staging

logger = logging.getLogger(__name__)

_RESERVE = 1.5
"""A subject is begun only if so many times the longest time seen is left."""
_WALL_TIME = 120.0
"""A request to end so many seconds before the job's end announces that end; an earlier one is preemption."""
_FAREWELL = 25.0
"""Seconds before the job's end at which subjects that still run are interrupted."""
_PATIENCE = 3
"""After so many attempts in a row that the machine made fail, a worker stops: more would only use up attempts."""
_TICK = 1.0
_LAST_BYTES = 4096
_INPUT_AT_FAULT = (2, 3)


class Result(Enum):
    """What became of one subject in this worker."""

    PUBLISHED = "published"
    SKIPPED = "published before"
    LOST_RACE = "published by another worker"
    FAILED = "failed"
    LEFT = "left"


@dataclass
class _Running:
    """A child and what it needs to be accounted for."""

    subject: str
    run: str
    child: Child
    log: Path
    scratch: Path
    gpu: str | None


@dataclass
class Worker:
    """The work through one pack.

    Parameters
    ----------
    layout, plan, payload
        What is done, and where.
    jobs : int
        Subjects at once.
    threads : int
        Threads per subject.
    gpus : sequence of str
        Handed out one per subject as CUDA_VISIBLE_DEVICES; empty leaves that variable alone.
    deadline : Deadline
        When the worker is ended by others.
    longest : float
        Seconds that a subject is expected to take, later the most that one took.
    """

    files: BatchFiles
    plan: Plan
    payload: Payload
    jobs: int = 1
    threads: int = 1
    gpus: Sequence[str] = ()
    deadline: Deadline = field(default_factory=Deadline)
    results: dict[str, Result] = field(default_factory=dict)
    stopping: bool = False
    longest: float = 0.0
    _hurried: bool = False
    _begun: int = 0
    _in_a_row: int = 0
    _queue: deque[str] = field(default_factory=deque)
    _running: list[_Running] = field(default_factory=list)
    _free_gpus: deque[str] = field(default_factory=deque)
    _postponed: set[str] = field(default_factory=set)

    def run(self, subjects: Sequence[str]) -> dict[str, Result]:
        """Work until every subject has a result, a signal comes, or the time would not suffice for another one.

        Signals must be held back already (`child.hold_back`).

        Raises
        ------
        InputError
            If the settings or the network are not those of the batch.
        WbtoolsError
            Whatever is wrong with the network.
        """
        self._queue.extend(subjects)
        self._free_gpus.extend(self.gpus)
        scratch.require(self._scratch)
        self._warm()
        scratch.remove_left_over(self._scratch)
        out = self.files.out
        staging.tidy(out, {k: v for subject in subjects for k, v in published.folders_of(out, subject).items()})
        while self._running or (self._queue and not self.stopping):
            self._heed(0)
            self._fill()
            if self._running:
                self._heed(_TICK)
            self._reap()
        gc.unfreeze()
        self.results.update(dict.fromkeys(self._queue, Result.LEFT))
        return self.results

    def _warm(self) -> None:
        """Load, check that it is what the batch is about, and have forks share the memory."""
        if self.payload.warm() != self.plan.settings_sha256:
            raise InputError(
                "the network, the settings or wbtools' version changed since this batch was started",
                hint="put them back, or start a batch in another --out",
            )
        gc.collect()
        gc.freeze()
        alive = len(list(Path("/proc/self/task").iterdir()))
        if alive > 1:
            logger.warning("%d threads run before the first subject is forked", alive)

    # -------------------------------------------------------------------------------------------- beginning subjects

    def _fill(self) -> None:
        """Begin subjects while there is room, time and leave to."""
        while self._queue and len(self._running) < self.jobs and not self.stopping:
            if self.files.stop.exists():
                self._stop("the batch was cancelled")
            elif self._begun and self.deadline.left - _FAREWELL < _RESERVE * self.longest:
                self._stop(f"{self.deadline.left:.0f} s are left, too few for another subject")
            else:
                self._take(self._queue.popleft())

    def _take(self, subject: str) -> None:
        """Begin a subject, unless that is not needed, not allowed, or better done later."""
        names.note(self.files.out, subject, self.payload.name(subject))
        found = self._look(subject)
        if found.what in {Published.CURRENT, Published.UNFETCHED}:
            self.results[subject] = Result.SKIPPED
            return
        history = History.read(self.files, subject)
        refused = self._why_refused(subject, found)
        if refused and not history.hopeless:
            self._refuse(subject, refused)
        if refused or history.hopeless or history.used >= self.plan.max_attempts:
            self.results[subject] = Result.FAILED
            return
        if subject not in self._postponed and history.open(self.plan.timeout, time.time()):
            self._postponed.add(subject)  # somebody else is at it: later it is done, or theirs was lost
            self._queue.append(subject)
            return
        if found.what is not Published.ABSENT:
            logger.warning("%s is made again: %s", subject, found.why)
            self._set_aside(subject)
        self._begin(subject, len(history.starts) + 1)

    def _begin(self, subject: str, attempt: int) -> None:
        """Fork the child; a full disk ends the worker's work, not the worker, and is put on record."""
        run = uuid.uuid4().hex[:12]
        log = self.files.log(subject, attempt, run)
        gpu = self._free_gpus.popleft() if self._free_gpus else None
        if attempt > 1:
            staging.tidy(self.files.out, published.folders_of(self.files.out, subject))
        try:
            temporary = scratch.make(self._scratch)
            environment = {**variables(self.threads), "TMPDIR": str(temporary)}
            environment |= {"CUDA_VISIBLE_DEVICES": gpu} if gpu is not None else {}
            attempts.record_start(self.files, subject, run, attempt, log.relative_to(self.files.home).as_posix())
            child = start(lambda: self.payload.work(subject), log, environment)
        except (OSError, WbtoolsError) as error:
            reason = f"{error}; {error.hint}" if isinstance(error, WbtoolsError) and error.hint else str(error)
            self._stop(f"{subject} could not be begun: {reason}")
            self._end(subject, run, Ending.NOT_BEGUN, reason=reason)
            self._queue.append(subject)
            return
        self._begun += 1
        self._running.append(_Running(subject, run, child, log, temporary, gpu))

    def _look(self, subject: str, folder: Path | None = None) -> Inspection:
        """What a subject's folder is; one that `verify` marked is damaged."""
        where = folder or place(self.files.out, subject)
        ids = published.ids_of(self.files.out, subject)
        found = published.look(where, self.plan.settings_sha256, self.payload.inputs(subject), ids=ids)
        marked = marks.why(self.files, subject, where) if found.what is Published.CURRENT else ""
        return Inspection(Published.DAMAGED, marked) if marked else found

    def _why_refused(self, subject: str, found: Inspection) -> str:
        """Why what is there may neither be counted nor moved away; empty if it may be."""
        if found.what is Published.ABSENT:
            return ""
        if found.what in {Published.FOREIGN, Published.ANOTHERS}:
            return found.why
        return published.why_foreign(self.files.out, subject)

    def _refuse(self, subject: str, why: str) -> None:
        """Put on record that a folder that is not wbtools' own is in the way."""
        folder = place(self.files.out, subject)
        reason = f"{folder} exists already and is not wbtools' to replace: {why}; move it away, or choose another --out"
        self._end(subject, "", Ending.BAD_INPUT, reason=reason, code=3)
        if published.is_there(self.files.out, subject):
            with suppress(OSError):  # without it, the subject counts as done in tables
                marks.put(self.files, subject, why)

    def _set_aside(self, subject: str) -> None:
        """Move a damaged or outdated folder out of sight; put it back if it is not that one any more."""
        folder = place(self.files.out, subject)
        aside = self.files.aside / f"{published.flat(folder, self.files.out)}.{uuid.uuid4().hex[:12]}"
        try:
            folder.rename(aside)
            repaired = self._look(subject, aside).what is Published.CURRENT
            if repaired or published.why_foreign(self.files.out, subject, aside):
                atomic.without_replacing(aside, folder)
            else:
                marks.remove(self.files, subject)
        except OSError as error:  # another worker was quicker; who publishes is decided at the end
            logger.info("%s: %s", folder, error)

    # -------------------------------------------------------------------------------------------- waiting, accounting

    def _heed(self, patience: float) -> None:
        """Sleep until a child ends, a signal comes, or the patience is over; do what the signal says."""
        received = signal.sigtimedwait(WATCHED, patience)
        if received is not None and received.si_signo != signal.SIGCHLD:
            self._stop(f"received {signal.Signals(received.si_signo).name}")
            # Nobody knows how long a preempted job may stay; before the end of its time there is a minute.
            self._hurried |= self.deadline.left > _WALL_TIME
        elif self.files.stop.exists():
            self._stop("the batch was cancelled")
            self._hurried = True
        for running in self._running:
            if self._hurried or self.deadline.left < _FAREWELL:
                running.child.ask_to_end()
            running.child.mind(self.plan.timeout, self.plan.grace)

    def _stop(self, why: str) -> None:
        if not self.stopping:
            logger.info("%s: beginning no more subjects", why)
        self.stopping = True

    def _reap(self) -> None:
        """Account for the children that ended."""
        for running in list(self._running):
            ended = running.child.ended()
            if ended is not None:
                self._running.remove(running)
                shutil.rmtree(running.scratch, ignore_errors=True)
                if running.gpu is not None:
                    self._free_gpus.append(running.gpu)
                self._account(running, ended)

    def _account(self, running: _Running, ended: Exit) -> None:
        """Decide by the published folder what became of the subject; the exit code only tells why not."""
        self.longest = max(self.longest, ended.seconds)
        facts = {"seconds": ended.seconds, "memory": ended.memory, "code": ended.code}
        ids = published.ids_of(self.files.out, running.subject)
        look = published.look(place(self.files.out, running.subject), self.plan.settings_sha256, ids=ids)
        if look.what is Published.CURRENT:
            own_exports.note(self.files, self.plan.settings_sha256, running.subject)
            won = ended.code == 0
            self._in_a_row = 0
            self._end(running.subject, running.run, Ending.PUBLISHED if won else Ending.LOST_RACE, **facts)
            self.results[running.subject] = Result.PUBLISHED if won else Result.LOST_RACE
            logger.info("%s: %s after %.1f s", running.subject, self.results[running.subject].value, ended.seconds)
            return
        ending, reason = self._judge(running, ended)
        self._in_a_row = self._in_a_row + 1 if ended.code == TransientError.exit_code else 0
        if self._in_a_row >= _PATIENCE:
            self._stop(f"{self._in_a_row} attempts in a row failed for want of disk or memory ({reason})")
        self._end(running.subject, running.run, ending, reason=reason, **facts)
        if ending is Ending.INTERRUPTED:
            self.results[running.subject] = Result.LEFT
        elif ending is Ending.BAD_INPUT or History.read(self.files, running.subject).used >= self.plan.max_attempts:
            self.results[running.subject] = Result.FAILED
        elif self.stopping:
            self.results[running.subject] = Result.LEFT
        else:
            self._queue.append(running.subject)
        logger.info("%s: %s: %s", running.subject, ending.value, reason)

    def _judge(self, running: _Running, ended: Exit) -> tuple[Ending, str]:
        """How an attempt without a result ended, and the sentence that tells why."""
        if running.child.timed_out:
            return Ending.FAULT, f"it ran longer than {self.plan.timeout:g} s (--timeout)"
        if running.child.asked is not None:
            if self.deadline.left < _WALL_TIME:
                return Ending.FAULT, "the job's time was over before it was done: ask for more --time"
            return Ending.INTERRUPTED, "the worker was asked to end"
        if ended.code == 0:
            return Ending.BAD_INPUT, f"it ended well, yet {running.subject} is not there as a whole"
        if ended.code == -signal.SIGKILL:
            return Ending.FAULT, "it was killed (signal 9): most often there was not enough memory"
        if ended.code < 0:
            return Ending.FAULT, f"it was ended by {signal.Signals(-ended.code).name}"
        reason = last_error(running.log) or f"it ended with exit code {ended.code}"
        return (Ending.BAD_INPUT if ended.code in _INPUT_AT_FAULT else Ending.FAULT), reason

    def _end(self, subject: str, run: str, ending: Ending, **facts: object) -> None:
        """Put an ending on record; a full disk must not stop the others."""
        try:
            attempts.record(self.files, subject, "end", run=run, ending=ending.value, **facts)
        except OSError as error:
            logger.warning("the ending of %s could not be put on record: %s", subject, error)

    @property
    def _scratch(self) -> Path:
        return scratch.folder(self.plan.scratch, os.environ)


def count(results: dict[str, Result]) -> Counter[Result]:
    """How many subjects came to which result."""
    return Counter(results.values())


def last_error(log: Path) -> str:
    """The last sentence in a log that begins with `Error:`, else its last line; empty if there is none."""
    lines = _last_lines(log)
    return _last_said("Error: ", lines) or (lines or [""])[-1]


def last_hint(log: Path) -> str:
    """What a log advises last; empty if it advises nothing."""
    return _last_said("Hint: ", _last_lines(log))


def _last_said(word: str, lines: Sequence[str]) -> str:
    return next((line.removeprefix(word) for line in reversed(lines) if line.startswith(word)), "")


def _last_lines(log: Path) -> list[str]:
    """The lines at the end of a log that are not empty; none if it cannot be read."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _LAST_BYTES))
            text = stream.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]
