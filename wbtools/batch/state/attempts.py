"""What happened to each subject: one small file per subject, one event per line.

For people, and for counting attempts; whether a subject is done is asked of its published folder. Lines may be lost or
cut by a crash, and no harm comes of it.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from wbtools.batch.state.folder import BatchFiles, append_line
from wbtools.batch.state.records import Record, Records, whole

_SKEW = 60.0
"""Seconds that the clocks of two machines may differ by."""
_LONGEST = 1e8
"""More seconds than any attempt takes."""
_LAST_PID = 1 << 22


class State(Enum):
    """How a subject stands."""

    DONE = "done"
    TODO = "to do"
    RUNNING = "running"
    FAILED = "failed"
    EXCLUDED = "excluded"


class Ending(Enum):
    """How an attempt ended."""

    PUBLISHED = "published"
    LOST_RACE = "lost race"
    BAD_INPUT = "bad input"
    FAULT = "fault"
    INTERRUPTED = "interrupted"
    NOT_BEGUN = "not begun"


_BLAMELESS = {Ending.PUBLISHED.value, Ending.INTERRUPTED.value, Ending.NOT_BEGUN.value}
"""What speaks against no subject; one that was published and is not there was taken away."""

Event = Record


def record(files: BatchFiles, subject: str, event: str, **facts: object) -> None:
    """Add one event to a subject's file."""
    line = {"time": round(time.time(), 3), "event": event, **facts}
    append_line(files.attempts(subject), json.dumps(line), files.own_attempts(subject))


def record_start(files: BatchFiles, subject: str, run: str, attempt: int, log: str) -> None:
    """Put the beginning of an attempt on record, with what helps to find it."""
    facts = {"host": socket.gethostname(), "pid": os.getpid(), "job": os.environ.get("SLURM_JOB_ID"), "log": log}
    record(files, subject, "start", run=run, attempt=attempt, **{k: v for k, v in facts.items() if v is not None})


@dataclass(frozen=True)
class History:
    """The events of one subject since it was last given new attempts.

    Parameters
    ----------
    events : tuple of mapping
        In the order of the file.
    written : float
        When something was last put on record, by the clock of the file system; infinite if unknown.
    damaged : int
        Lines that nobody can read.
    """

    events: tuple[Event, ...] = ()
    written: float = float("inf")
    damaged: int = 0

    @classmethod
    def read(cls, files: BatchFiles, subject: str, folders: Iterable[Path] | None = None) -> History:
        """The history on disk; what cannot be read does not count.

        Parameters
        ----------
        files : BatchFiles
        subject : str
        folders : iterable of Path, optional
            `layout.attempt_folders()`, for whoever reads many.
        """
        paths = [folder / files.attempts(subject).name for folder in folders or files.attempt_folders()]
        read = [(Records.read(path), _changed(path)) for path in paths]
        events = [event for records, _ in read for event in records.found]
        if len(paths) > 1:  # of several users: each has a file
            events.sort(key=_when)
        damaged = sum(records.damaged for records, _ in read)
        return cls(_since_retry(events), max(changed for _, changed in read), damaged)

    @classmethod
    def parse(cls, lines: list[str]) -> History:
        """The history that lines tell.

        Examples
        --------
        >>> History.parse(['{"event": "start", "run": "a"}', '{"event": "retry"}', '{"ev']).events
        ()
        """
        records = Records.parse(lines)
        return cls(_since_retry(records.found), damaged=records.damaged)

    @property
    def starts(self) -> tuple[Event, ...]:
        """All beginnings."""
        return tuple(event for event in self.events if event.get("event") == "start")

    @property
    def ends(self) -> tuple[Event, ...]:
        """All endings that somebody saw."""
        return tuple(event for event in self.events if event.get("event") == "end")

    @property
    def used(self) -> int:
        """Attempts that count: all but those that ended well, or through no fault of the subject's."""
        blameless = {event.get("run") for event in self.ends if event.get("ending") in _BLAMELESS}
        return sum(start.get("run") not in blameless for start in self.starts)

    @property
    def hopeless(self) -> bool:
        """Whether the input is at fault, so that another attempt cannot help."""
        return any(event.get("ending") == Ending.BAD_INPUT.value for event in self.ends)

    @property
    def not_begun(self) -> bool:
        """Whether the last attempt could not begin, for want of something that the machine has not."""
        return bool(self.ends) and self.ends[-1].get("ending") == Ending.NOT_BEGUN.value

    def open(self, timeout: float, now: float) -> Event | None:
        """The last beginning whose ending nobody saw, if it may still be running.

        The clock of the machine that began may be ahead: what was on disk at some time began before. A beginning that
        lies in the future all the same says nothing.
        """
        ended = {event.get("run") for event in self.ends}
        for start in reversed(self.starts):
            age = now - min(_when(start), self.written)
            if start.get("run") not in ended and -_SKEW < age < timeout and _lives(start):
                return start
        return None

    def state(self, max_attempts: int, timeout: float) -> State:
        """How a subject stands whose folder is not published.

        Examples
        --------
        >>> start, end = {"event": "start", "run": "a"}, {"event": "end", "run": "a", "ending": "fault"}
        >>> History((start, end)).state(2, 60), History((start, end, start, end)).state(2, 60)
        (<State.TODO: 'to do'>, <State.EXCLUDED: 'excluded'>)
        """
        if self.hopeless:
            return State.FAILED
        if self.open(timeout, time.time()):
            return State.RUNNING
        return State.EXCLUDED if self.used >= max_attempts else State.TODO

    @property
    def reason(self) -> str:
        """The last sentence that tells of a failure."""
        for event in reversed(self.ends):
            if event.get("reason"):
                return str(event["reason"])
        return "its worker ended before it did" if self.starts else ""

    @property
    def log(self) -> str:
        """The path of the last attempt's log; empty without one."""
        return str(self.starts[-1].get("log", "")) if self.starts else ""


def endings(histories: Iterable[History]) -> Iterable[Event]:
    """All endings whose figures can be meant."""
    for history in histories:
        for end in history.ends:
            seconds = end.get("seconds")
            if (
                isinstance(seconds, (int, float))
                and 0 <= seconds < _LONGEST
                and whole(end.get("memory", 0), 0, 1 << 50)
            ):
                yield end


def _since_retry(events: Iterable[Event]) -> tuple[Event, ...]:
    """The events after the last one that gave new attempts."""
    found: list[Event] = []
    for event in events:
        if event.get("event") == "retry":
            found.clear()
        else:
            found.append(event)
    return tuple(found)


def _when(event: Event) -> float:
    """The time of an event; one that has none is long ago."""
    time = event.get("time")
    return float(time) if isinstance(time, (int, float)) else float("-inf")


def _changed(path: Path) -> float:
    """When a file was last written to; long ago if there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return float("-inf")


def _lives(start: Event) -> bool:
    """Whether the worker that began may still be there; of other machines nothing is known."""
    pid = start.get("pid")
    if start.get("host") != socket.gethostname() or not isinstance(pid, int) or not 0 < pid <= _LAST_PID:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
