"""What happened to each subject: one small file per subject, one event per line.

For people, and for counting attempts; whether a subject is done is asked of its published folder. Lines may be lost or
cut by a crash, and no harm comes of it.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from wbtools.batch.layout import Layout, append_line


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


Event = Mapping[str, object]


def record(layout: Layout, subject: str, event: str, **facts: object) -> None:
    """Add one event to a subject's file."""
    line = {"time": round(time.time(), 3), "event": event, **facts}
    append_line(layout.attempts(subject), json.dumps(line, ensure_ascii=False))


def record_start(layout: Layout, subject: str, run: str, attempt: int, log: str) -> None:
    """Put the beginning of an attempt on record, with what helps to find it."""
    facts = {"host": socket.gethostname(), "pid": os.getpid(), "job": os.environ.get("SLURM_JOB_ID"), "log": log}
    record(layout, subject, "start", run=run, attempt=attempt, **{k: v for k, v in facts.items() if v is not None})


@dataclass(frozen=True)
class History:
    """The events of one subject since it was last given new attempts.

    Parameters
    ----------
    events : tuple of mapping
        In the order of the file.
    """

    events: tuple[Event, ...] = ()

    @classmethod
    def read(cls, layout: Layout, subject: str) -> History:
        """The history on disk; what cannot be read does not count."""
        try:
            lines = layout.attempts(subject).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return cls()
        return cls.parse(lines)

    @classmethod
    def parse(cls, lines: list[str]) -> History:
        """The history that lines tell.

        Examples
        --------
        >>> History.parse(['{"event": "start", "run": "a"}', '{"event": "retry"}', '{"ev']).events
        ()
        """
        events: list[Event] = []
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                events = [] if event.get("event") == "retry" else [*events, event]
        return cls(tuple(events))

    @property
    def starts(self) -> tuple[Event, ...]:
        """All beginnings."""
        return tuple(one for one in self.events if one.get("event") == "start")

    @property
    def ends(self) -> tuple[Event, ...]:
        """All endings that somebody saw."""
        return tuple(one for one in self.events if one.get("event") == "end")

    @property
    def used(self) -> int:
        """Attempts that count: all but those that were interrupted through no fault of the subject's."""
        return len(self.starts) - sum(one.get("ending") == Ending.INTERRUPTED.value for one in self.ends)

    @property
    def hopeless(self) -> bool:
        """Whether the input is at fault, so that another attempt cannot help."""
        return any(one.get("ending") == Ending.BAD_INPUT.value for one in self.ends)

    def open(self, timeout: float, now: float) -> Event | None:
        """The last beginning whose ending nobody saw, if it may still be running."""
        ended = {one.get("run") for one in self.ends}
        for start in reversed(self.starts):
            began = start.get("time")
            if start.get("run") not in ended and isinstance(began, float) and now - began < timeout and _lives(start):
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
        for one in reversed(self.ends):
            if one.get("reason"):
                return str(one["reason"])
        return "its worker ended before it did" if self.starts else ""

    @property
    def log(self) -> str:
        """The path of the last attempt's log."""
        return str(self.starts[-1].get("log", "")) if self.starts else ""


def _lives(start: Event) -> bool:
    """Whether the worker that began may still be there; of other machines nothing is known."""
    pid = start.get("pid")
    if start.get("host") != socket.gethostname() or not isinstance(pid, int):
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
