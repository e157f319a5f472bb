"""Temporary data: on the machine that computes, one folder per attempt, removed always."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"wbtools-(?P<host>.+)-(?P<pid>\d+)-[^-]+")


def folder(asked: str | None, environment: Mapping[str, str]) -> Path:
    """Where temporary data goes.

    Examples
    --------
    >>> folder(None, {"TMPDIR": "/scratch", "SLURM_TMPDIR": "/local/17"}).as_posix()
    '/local/17'
    """
    return Path(asked or environment.get("SLURM_TMPDIR") or environment.get("TMPDIR") or "/tmp")


def make(parent: Path) -> Path:
    """A new folder that says whose it is."""
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"wbtools-{socket.gethostname()}-{os.getpid()}-", dir=parent))


def remove_left_over(parent: Path) -> int:
    """Remove what workers of this machine left that are gone; gives how many folders."""
    count = 0
    for path in parent.glob("wbtools-*"):
        found = _NAME.fullmatch(path.name)
        if found and found["host"] == socket.gethostname() and not Path(f"/proc/{found['pid']}").exists():
            shutil.rmtree(path, ignore_errors=True)
            count += not path.exists()
    return count
