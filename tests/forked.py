"""Programs forked from a process in which the libraries are loaded: real processes, seconds of imports cheaper.

Such a program is a child of the process that asked for it, with its own environment, limits, streams and session, and
wbtools is imported in it as in any other. What is about starting itself (search paths, variables that libraries read as
they are imported, the interpreter) is tested with programs that are started. Run as a script, that process.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import json
import os
import resource
import runpy
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

LIBRARIES = (
    "torch.distributed.run",
    "torch._dynamo",
    "torch.utils.tensorboard",
    "torchvision",
    "scipy.ndimage",
    "scipy.sparse.csgraph",
    "scipy.stats",
    "sklearn.metrics",
    "pytorch_metric_learning.losses",
    "numba",
    "nibabel",
    "SimpleITK",
    "rich.progress",
)
"""What programs of the tests import sooner or later; nothing of wbtools."""

MAIN = Path(__file__).parents[1] / "wbtools" / "cli" / "__main__.py"
"""The program `wbtools` as a file."""

_PR_SET_CHILD_SUBREAPER = 36


class Program:
    """A forked program: what of `subprocess.Popen` tests need.

    Parameters
    ----------
    pid : int
        A child of this process.
    output : int
        Where all is read that it writes; closed in the end.
    """

    def __init__(self, pid: int, output: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._output: int | None = output

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """All that it and what it started have written to either stream, as soon as they have ended."""
        end = None if timeout is None else time.monotonic() + timeout
        content = b""
        while self._output is not None:
            left = None if end is None else max(0.0, end - time.monotonic())
            if not select.select([self._output], [], [], left)[0]:
                raise TimeoutError(f"it still runs; so far it wrote: {content.decode()}")
            part = os.read(self._output, 1 << 16)
            content += part
            if not part:
                os.close(self._output)
                self._output = None
        while self.poll() is None:
            if end is not None and time.monotonic() > end:
                raise TimeoutError("it has closed its streams and still runs")
            time.sleep(0.01)
        return content.decode(), None


@dataclass(frozen=True)
class Asked:
    """What a program is to be.

    Parameters
    ----------
    module : str
        It is run as by `python -m`.
    argv : list of str
        `sys.argv` until then.
    environment : dict of str to str
    folder : str
        Where it works.
    limits : list of (int, int)
        Constants `resource.RLIMIT_...`, and what is set.
    """

    module: str
    argv: list[str]
    environment: dict[str, str]
    folder: str
    limits: list[tuple[int, int]]


def wbtools(*words: object, limits: Mapping[int, int] | None = None) -> Program:
    """The program `wbtools` in a session of its own, nothing to read, both streams in one, as many threads as here.

    Parameters
    ----------
    *words : object
        As on the command line.
    limits : mapping of int to int, optional
        By a constant `resource.RLIMIT_...`, what is set before the program begins.
    """
    return program("wbtools.cli", MAIN, *words, limits=limits)


def program(module: str, *argv: object, limits: Mapping[int, int] | None = None) -> Program:
    """A module run as by `python -m`, in the same way."""
    import torch

    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    words = [str(word) for word in argv]
    return _nursery().born(Asked(module, words, environment, str(Path.cwd()), list((limits or {}).items())))


@cache
def _nursery() -> Nursery:
    """One for as long as this process lives."""
    return Nursery(LIBRARIES)


class Nursery:
    """The process that programs are forked from; it ends with this one.

    Parameters
    ----------
    libraries : sequence of str
        Modules that are imported there, once.
    """

    def __init__(self, libraries: Sequence[str]) -> None:
        self._door, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            words = [sys.executable, __file__, str(other.fileno()), *libraries]
            self._process = subprocess.Popen(words, pass_fds=[other.fileno()], stdin=subprocess.DEVNULL)
        atexit.register(self.close)
        assert self._door.recv(16) == b"ready", "a library cannot be imported"

    def close(self) -> None:
        """End it; programs live on."""
        self._door.close()
        self._process.wait()

    def born(self, asked: Asked) -> Program:
        """A program whose parent is this process."""
        read, write = os.pipe()
        try:
            with _adopting():
                socket.send_fds(self._door, [json.dumps(asdict(asked)).encode()], [write])
                pid = int(self._door.recv(16))
        finally:
            os.close(write)
        return Program(pid, read)


@contextmanager
def _adopting() -> Iterator[None]:
    """For the block, processes below this one whose parents end become its children."""
    system = ctypes.CDLL(None, use_errno=True)
    assert system.prctl(_PR_SET_CHILD_SUBREAPER, 1) == 0
    try:
        yield
    finally:
        system.prctl(_PR_SET_CHILD_SUBREAPER, 0)


# ------------------------------------------------------------------------------- the process that programs are born in


def _serve(door: socket.socket) -> tuple[Asked, int]:
    """Fork programs until the door is closed; returns in each program, with what it is to be."""
    while True:
        message, handles, *_ = socket.recv_fds(door, 1 << 20, 1)
        if not message:
            sys.exit()
        read, write = os.pipe()
        between = os.fork()
        if not between:
            parent = os.getpid()
            if child := os.fork():
                os.write(write, str(child).encode())
                os._exit(0)
            for handle in (read, write, door.detach()):
                os.close(handle)
            while os.getppid() == parent:
                time.sleep(0.001)  # until the one between has ended
            return Asked(**json.loads(message)), handles[0]
        os.close(write)
        os.close(handles[0])
        os.waitpid(between, 0)
        door.send(os.read(read, 16))
        os.close(read)


def _become(asked: Asked, output: int) -> None:
    """Be a program until its end."""
    os.setsid()
    for target in (1, 2):
        os.dup2(output, target)
    os.close(output)
    os.chdir(asked.folder)
    os.environ.clear()
    os.environ.update(asked.environment)
    if torch := sys.modules.get("torch"):  # which has read the variable already
        torch.set_num_threads(int(asked.environment["OMP_NUM_THREADS"]))
    for kind, most in asked.limits:
        resource.setrlimit(kind, (most, most))
    sys.argv[:] = asked.argv
    runpy.run_module(asked.module, run_name="__main__", alter_sys=True)


def _main() -> None:
    del sys.path[0]  # the tests are not on the path of a program
    door = socket.socket(fileno=int(sys.argv[1]))
    for name in sys.argv[2:]:
        importlib.import_module(name)
    with suppress(BrokenPipeError):
        door.send(b"ready")
    _become(*_serve(door))


if __name__ == "__main__":
    _main()
