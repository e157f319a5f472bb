"""Where a batch keeps its own files: `OUT/.wbtools`, beside the subjects' folders and apart from them.

Nothing here decides whether a subject is done; the published folder with its record does. All of it may be lost.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from wbtools.errors import InputError

NAME = ".wbtools"


@dataclass(frozen=True)
class Layout:
    """The names of all files of a batch.

    Parameters
    ----------
    out : Path
        The folder of all exports, absolute.

    Examples
    --------
    >>> Layout(Path("/out")).attempts("100307").as_posix()
    '/out/.wbtools/attempts/100307.jsonl'
    """

    out: Path

    @classmethod
    def of(cls, out: Path) -> Layout:
        """The layout of an existing batch.

        Raises
        ------
        InputError
            If no batch was ever started there.
        """
        found = cls(out.resolve())
        if not found.plan.is_file():
            raise InputError(f"{out} holds no batch", mend="start one: wbtools batch run LIST --out OUT")
        return found

    @property
    def home(self) -> Path:
        """The folder of all the batch's own files."""
        return self.out / NAME

    @property
    def plan(self) -> Path:
        """What is to be done to every subject."""
        return self.home / "batch.json"

    @property
    def subjects(self) -> Path:
        """Everybody who was ever asked for, one id per line."""
        return self.home / "subjects.txt"

    @property
    def failed(self) -> Path:
        """A table of those that failed, for people."""
        return self.home / "failed.tsv"

    @property
    def summary(self) -> Path:
        """Counts, for other programs."""
        return self.home / "summary.json"

    @property
    def submissions(self) -> Path:
        """One line per submitted array."""
        return self.home / "submissions.jsonl"

    @property
    def stop(self) -> Path:
        """While this file is there, workers begin nothing and interrupt what they run."""
        return self.home / "stop"

    @property
    def slurm(self) -> Path:
        """Scripts and logs of array tasks."""
        return self.home / "slurm"

    @property
    def aside(self) -> Path:
        """Damaged and outdated exports, until `clean`."""
        return self.home / "aside"

    @property
    def logs(self) -> Path:
        """One log per attempt."""
        return self.home / "logs"

    def attempts(self, subject: str) -> Path:
        """What happened to one subject, one event per line."""
        return self.home / "attempts" / f"{subject}.jsonl"

    def log(self, subject: str, attempt: int, run: str) -> Path:
        """What one attempt printed."""
        return self.logs / f"{subject}.{attempt}.{run}.log"

    def round(self, name: str) -> Path:
        """The frozen list of one round; array tasks take their pack from it."""
        return self.home / f"round-{name}.txt"

    def make(self) -> None:
        """Create the folders."""
        for folder in (self.home / "attempts", self.logs, self.slurm, self.aside):
            folder.mkdir(parents=True, exist_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Replace a file's content at once: readers see the old or the new one, never a part."""
    _written_beside(path, text).replace(path)


def create_once(path: Path, text: str) -> bool:
    """Write a file that is not there yet, at once; False if somebody else was quicker."""
    beside = _written_beside(path, text)
    try:
        path.hardlink_to(beside)  # fails if the name is taken, unlike a rename
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if path.exists():
            return False
        beside.replace(path)
        return True
    finally:
        beside.unlink(missing_ok=True)
    return True


def _written_beside(path: Path, text: str) -> Path:
    """A file with this content, on disk, under a name that nobody else has."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with beside.open("x", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    return beside


def append_line(path: Path, text: str) -> None:
    """Add one line in one write, so that lines of several processes on one machine do not mix."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, f"{text}\n".encode())
    finally:
        os.close(handle)
