"""Running `wbtools batch` on stand-in subjects, for the tests of this folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from click.testing import CliRunner
from crash_recovery import wbtools
from stand_in import installed, manner

from wbtools.cli import main


def run(
    out: Path, *ids: str, options: tuple[object, ...] = (), seconds: float = 0.0, how: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """`wbtools batch run` on this machine, ended."""
    return subprocess.run(
        wbtools("run", *ids, "--out", out, "--other", manner(seconds, *how), "--threads", 1, *options),
        capture_output=True,
        text=True,
        timeout=120,
    )


def start(
    out: Path, *ids: str, options: tuple[object, ...] = (), seconds: float = 0.0, how: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    """The same, going on in a process group of its own."""
    return subprocess.Popen(
        wbtools("run", *ids, "--out", out, "--other", manner(seconds, *how), "--threads", 1, *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def care(command: str, *words: object) -> subprocess.CompletedProcess[str]:
    """`wbtools batch status` and its like, in this process: starting one takes longer than what they do."""
    with installed():
        result = CliRunner().invoke(main, ["batch", command, *map(str, words)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return subprocess.CompletedProcess(command, result.exit_code, result.stdout, result.stderr)


def worker(*words: object) -> subprocess.CompletedProcess[str]:
    """`wbtools batch worker`, which holds back signals and forks, in a process of its own."""
    return subprocess.run(wbtools("worker", *words), capture_output=True, text=True, timeout=120)
