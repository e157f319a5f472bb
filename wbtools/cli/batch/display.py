"""What a person sees of a running batch: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from wbtools.batch.state.attempts import State
from wbtools.batch.state.overview import Overview
from wbtools.cli.console import err

_LOOK_EVERY = 1.0
_LOOK_SHARE = 0.05
"""Looking may take this share of the time, so that a slow file system is asked less often."""
_LINE_EVERY = 30.0


class Pace:
    """How fast subjects get done, from looks at the clock.

    Parameters
    ----------
    done : int
        Subjects that were done at the beginning.
    now : float
        Seconds on any clock.

    Examples
    --------
    >>> pace = Pace(10, 0.0)
    >>> pace.look(40, 3600.0)
    >>> pace.per_hour(), pace.left(70, 3600.0), pace.left(70, 3610.0), pace.left(70, 9999.0)
    (30.0, 3600.0, 3590.0, None)
    """

    def __init__(self, done: int, now: float) -> None:
        self._first, self._since = done, now
        self._done, self._last = done, now

    def look(self, done: int, now: float) -> None:
        """Take note of how many are done now; between two that get done, the pace is that of the last one."""
        if done != self._done:
            self._done, self._last = done, now

    def per_hour(self) -> float:
        """Subjects per hour until the last one was done."""
        return 3600 * (self._done - self._first) / max(self._last - self._since, 1e-9)

    def left(self, total: int, now: float) -> float | None:
        """Seconds until all are done; None before the first one is, and when the next one is late."""
        rate, waiting = self.per_hour(), total - self._done
        if not rate:
            return None
        left = 3600 * waiting / rate - (now - self._last)
        return max(left, 0.0) if left > 0 or not waiting else None


def sentence(seen: Overview, pace: Pace, now: float) -> str:
    """One line: done, running, failed, rate, time left."""
    counts, total = seen.counts, len(seen.states)
    done, failed = counts[State.DONE], counts[State.FAILED] + counts[State.EXCLUDED]
    pace.look(done, now)
    left = pace.left(total - failed, now)
    words = [f"{done} of {total} done", f"{counts[State.RUNNING]} running", f"{failed} failed"]
    if pace.per_hour() > 0:
        words.append(f"{pace.per_hour():.0f} an hour")
    if left is not None:
        words.append(f"{clock(left)} left")
    return ", ".join(words)


def clock(seconds: float) -> str:
    """A duration in hours and minutes, or minutes and seconds.

    Examples
    --------
    >>> clock(59.7), clock(3700)
    ('1:00', '1 h 01')
    """
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600} h {whole % 3600 // 60:02d}"


@contextmanager
def display(look: Callable[[], Overview]) -> Iterator[Callable[[], None]]:
    """Show how a batch gets on.

    Parameters
    ----------
    look : callable
        Gives how it stands; asked no more often than is worth it.

    Yields
    ------
    callable
        To be called often, and whenever there is time.
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    seen = look()
    pace = Pace(seen.counts[State.DONE], time.monotonic())
    bar = Progress(BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), console=err, transient=True)
    shown = bar.add_task(sentence(seen, pace, time.monotonic()), total=len(seen.states))
    next_look = next_line = 0.0

    def tick() -> None:
        nonlocal next_look, next_line
        began = time.monotonic()
        if began < next_look:
            return
        now_seen = look()
        now = time.monotonic()
        next_look = now + max(_LOOK_EVERY, (now - began) / _LOOK_SHARE)
        text = sentence(now_seen, pace, now)
        bar.update(shown, completed=now_seen.counts[State.DONE], description=text)
        if not err.is_terminal and now >= next_line:
            next_line = now + _LINE_EVERY
            click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)

    if err.is_terminal:
        with bar:
            yield tick
    else:
        yield tick
