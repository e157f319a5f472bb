"""One subject in one process: forked from a warm worker, watched, ended with everything it started."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

_LOST_TERMINAL = frozenset({signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else ())
"""Not watched where nohup has it ignored: a signal that is held back would be fetched nevertheless."""
WATCHED = frozenset({signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1}) | _LOST_TERMINAL
"""Signals that a worker holds back and fetches one by one, so that none interrupts its bookkeeping."""

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Exit:
    """How a child ended.

    Parameters
    ----------
    code : int
        Exit code; negative for a signal.
    seconds : float
        Wall time.
    memory : int
        Largest resident memory of the child and the programs that ran at the same time, bytes; looked at every second.
    """

    code: int
    seconds: float
    memory: int


@dataclass
class Child:
    """A running subject.

    Parameters
    ----------
    pid : int
        Also the number of its process group.
    began : float
        On the monotonic clock.
    """

    pid: int
    began: float = field(default_factory=time.monotonic)
    asked: float | None = None
    timed_out: bool = False
    memory: int = 0

    def ask_to_end(self) -> None:
        """Ask it to clean up and end; once."""
        if self.asked is None:
            self.asked = time.monotonic()
            _signal_group(self.pid, signal.SIGTERM)

    def mind(self, timeout: float, grace: float) -> None:
        """Ask it to end after its time, end it when it does not; look how much memory it takes."""
        now = time.monotonic()
        self.memory = max(self.memory, resident(self.pid))
        if self.asked is None and now - self.began > timeout:
            self.timed_out = True
            self.ask_to_end()
        if self.asked is not None and now - self.asked > grace:
            _signal_group(self.pid, signal.SIGKILL)

    def ended(self) -> Exit | None:
        """How it ended, None while it runs; nothing it started outlives it."""
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        _signal_group(self.pid, signal.SIGKILL)  # before its number is free for others
        _, status, usage = os.wait4(self.pid, 0)
        seconds = time.monotonic() - self.began
        memory = max(self.memory, usage.ru_maxrss * 1024)  # the latter of one process alone, but at any moment
        return Exit(os.waitstatus_to_exitcode(status), round(seconds, 3), memory)


def start(work: Callable[[], int], log: Path, environment: Mapping[str, str]) -> Child:
    """Fork a child that works, writes to a log, and gives an exit code.

    The child has its own process group and dies with its parent.

    Parameters
    ----------
    work : callable
        Gives the exit code; may raise SystemExit.
    log : Path
        Receives standard output and error.
    environment : mapping
        Variables to set.
    """
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _be_child(work, log, environment, parent)
    with suppress(PermissionError, ProcessLookupError):
        os.setpgid(pid, pid)  # the child does it too; whoever is first
    return Child(pid)


def die_with(parent: int, by: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process a signal when the one that started it is gone; end now if it is already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGTERM)


def hold_back(signals: Iterable[signal.Signals] = WATCHED) -> None:
    """From now on, signals wait until they are fetched."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)


def until_alone(patience: float = 1.0) -> bool:
    """Wait until this process has a single thread, which is how it is forked safely; whether it has.

    Python's join of a thread returns a moment before the kernel has ended it.

    Parameters
    ----------
    patience : float
        Seconds to wait at most.
    """
    until = time.monotonic() + patience
    while sum(1 for _ in Path("/proc/self/task").iterdir()) > 1:
        if time.monotonic() > until:
            return False
        time.sleep(0.001)
    return True


def redirect(log: Path) -> None:
    """Nothing to read; everything written goes to the log."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(source, target)
    for source in (nothing, written):
        if source > 2:
            os.close(source)


def resident(pid: int) -> int:
    """Resident memory of a process and all that it started, bytes; 0 once it is gone.

    Examples
    --------
    >>> resident(os.getpid()) > 1 << 20
    True
    """
    process = Path(f"/proc/{pid}")
    try:
        pages = int((process / "statm").read_text().split()[1])
        started = [
            int(number) for task in (process / "task").iterdir() for number in (task / "children").read_text().split()
        ]
    except (OSError, IndexError, ValueError):  # it ended meanwhile
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident(number) for number in started)


def _be_child(work: Callable[[], int], log: Path, environment: Mapping[str, str], parent: int) -> NoReturn:
    """Everything that happens in the child; never returns into the parent's code."""
    code = 1
    try:
        os.setpgid(0, 0)
        for number in WATCHED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
        die_with(parent)
        redirect(log)
        os.environ.update(environment)
        tempfile.tempdir = None  # Python asks for TMPDIR once, and may have done so in the parent
        code = work()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # the end of the process: whatever it is belongs into the log, nothing may escape the fork
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _signal_group(group: int, number: signal.Signals) -> None:
    """Signal every process of a group that is still there."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
