"""wbtools, but for one thing: what its batches do to a subject is a stand-in that sleeps, crashes or cheats.

As a program it takes the words of wbtools: `stand_in.py batch run a b --out OUT --other "0.3 --misbehave crash b"`.
Plan, engines, workers and children are the real ones. What the stand-in is to do is the value of `--other`, an option
of exports that takes any word and that a batch keeps with the others.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NoReturn
from unittest.mock import patch

from wbtools.batch.engines import launch
from wbtools.batch.engines.first import Identified
from wbtools.batch.state.names import PublishedName
from wbtools.cli import main
from wbtools.cli.batch import run, worker

PROGRAM = Path(__file__).absolute()
EXPORT = PROGRAM.with_name("stub_export.py")


def manner(seconds: float, *options: str) -> str:
    """The value of `--other` that says what the stand-in is to do."""
    return shlex.join([str(seconds), *options])


@dataclass(frozen=True)
class StandIn:
    """A program as payload, made from what the real one is made from."""

    options: Mapping[str, object]
    out: Path
    threads: int

    def identity(self) -> str:
        return sha256(self._asked().encode()).hexdigest()

    def warm(self) -> str:
        return self.identity()

    def name(self, subject: str) -> PublishedName:
        return PublishedName(subject, subject)

    def inputs(self, subject: str) -> None:
        return None

    def described(self, subject: str) -> str:
        return f"to be done by {EXPORT.name}"

    def work(self, subject: str) -> NoReturn:
        words = [str(EXPORT), subject, str(self.out), self.identity(), *shlex.split(self._asked())]
        os.execv(sys.executable, [sys.executable, *words])

    def _asked(self) -> str:
        asked = self.options.get("other") or ""
        assert isinstance(asked, str)
        return asked


@contextmanager
def installed() -> Iterator[None]:
    """Have this process, and every one that it starts, work with the stand-in."""
    with (
        patch.object(worker, "ExportPayload", StandIn),
        patch.object(run, "identified", lambda kept: nullcontext(Identified(StandIn(kept, Path(), 1).identity()))),
        patch.object(launch, "START", [str(PROGRAM)]),
    ):
        yield


_LASTING = ExitStack()


def dask_setup(worker: object) -> None:
    """The same for a process of Dask, which loads this module with `--preload`."""
    _LASTING.enter_context(installed())


if __name__ == "__main__":
    with installed():
        main()
