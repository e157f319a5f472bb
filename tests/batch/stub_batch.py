"""Running `wbtools batch` on stand-in subjects, for the tests of this folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from ordeal import stub, wbtools


def run(out: Path, *ids: str, options: tuple[object, ...] = (), seconds: float = 0.0, how: tuple[str, ...] = ()):
    """`wbtools batch run` on this machine, ended."""
    return subprocess.run(
        wbtools("run", *ids, "--out", out, "--command", stub(seconds, *how), "--threads", 1, *options),
        capture_output=True,
        text=True,
        timeout=120,
    )


def start(out: Path, *ids: str, options: tuple[object, ...] = (), seconds: float = 0.0, how: tuple[str, ...] = ()):
    """The same, going on in a process group of its own."""
    return subprocess.Popen(
        wbtools("run", *ids, "--out", out, "--command", stub(seconds, *how), "--threads", 1, *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def care(command: str, *words: object):
    """`wbtools batch status` and its like."""
    return subprocess.run(wbtools(command, *words), capture_output=True, text=True, timeout=120)
