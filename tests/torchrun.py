"""Processes that train together, as torchrun starts or forks them."""

from __future__ import annotations

import socket
from pathlib import Path

from forked import Program, program

THERE = "127.0.0.1"


def launcher(count: int) -> tuple[str, ...]:
    """The words for torchrun, as a module, with several processes on this machine."""
    with socket.socket() as free:
        free.bind((THERE, 0))
        port = free.getsockname()[1]
    return ("torch.distributed.run", "--nproc-per-node", str(count), "--master-addr", THERE, "--master-port", str(port))


def together(count: int, script: object, *words: object) -> Program:
    """A program of Python in several processes on this machine, which torchrun forks."""
    torchrun, *options = launcher(count)
    return program(torchrun, torchrun, *options, "--start-method", "fork", "--run-path", script, *words)


def children(process: Program) -> list[int]:
    """The processes that one has started."""
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(word) for word in found.split()]
