"""Where a batch keeps its own files: `OUT/.wbtools`, beside the subjects' folders and apart from them.

Nothing here decides whether a subject is done; the published folder with its record does. All of it may be lost.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wbtools import atomic
from wbtools.atomic import Access
from wbtools.errors import InputError
from wbtools.output.ownership import BATCH_STATE, PROVENANCE, read_plain

NAME = BATCH_STATE
_MARK = "made by wbtools batch: its own files, all of which may be lost\n"
_ANNEX = b"annex/objects/"
"""In the target of every link that git-annex makes."""


@dataclass(frozen=True)
class BatchFiles:
    """The names of all files of a batch.

    Parameters
    ----------
    out : Path
        The folder of all exports, absolute.

    Examples
    --------
    >>> BatchFiles(Path("/out")).attempts("100307").as_posix()
    '/out/.wbtools/attempts/100307.jsonl'
    """

    out: Path

    @classmethod
    def of(cls, out: Path) -> BatchFiles:
        """The files of an existing batch.

        Raises
        ------
        InputError
            If no batch was ever started there.
        """
        try:
            found = cls(out.resolve())
            if os.path.lexists(found.plan):
                found.require_own()
            if found.plan.is_file():
                return found
            lost = f": {found.plan} is missing" if found.home.is_dir() else ""
        except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
            reason = error.strerror if isinstance(error, OSError) else "its links lead in a circle"
            raise InputError(
                f"{out} cannot be looked into: {reason}", hint="check the path and its permissions"
            ) from None
        single = None if lost else found.single_export()
        if single is not None:
            raise InputError(
                f"{out} holds no batch: there are exports, but no {NAME}, where a batch keeps its own files",
                hint=f"the SHA-256 of every file is in {single}; if a batch made them, its own line writes {NAME} anew "
                "and skips what is whole; to look after others, export them with: wbtools batch run LIST --out OUT",
            )
        raise InputError(f"{out} holds no batch{lost}", hint="start one: wbtools batch run LIST --out OUT")

    def single_export(self) -> Path | None:
        """The record of an export that lies here, or is this folder itself; None without any."""
        names = (PROVENANCE, f"*/{PROVENANCE}", f"*/ses-*/{PROVENANCE}")
        with suppress(OSError):
            return next((path for name in names for path in self.out.glob(name)), None)
        return None

    @property
    def home(self) -> Path:
        """The folder of all the batch's own files."""
        return self.out / NAME

    @property
    def mark(self) -> Path:
        """What says that wbtools made the folder of the batch's own files."""
        return self.home / "README.txt"

    @property
    def plan(self) -> Path:
        """What is to be done to every subject."""
        return self.home / "batch.json"

    @property
    def subjects(self) -> Path:
        """Everybody who was ever asked for, one id per line."""
        return self.home / "subjects.txt"

    @property
    def names(self) -> Path:
        """What subjects are called, and where their results are; see `names`."""
        return self.home / "names.tsv"

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
    def own_submissions(self) -> Path:
        """The same, for a user who may not write into what another one began."""
        return self.home / f"submissions{_OWN}{os.geteuid()}.jsonl"

    def submission_files(self) -> list[Path]:
        """All files of submissions that there are."""
        return sorted(self.home.glob("submissions*.jsonl"))

    @property
    def published(self) -> Path:
        """Whose records were read and are the batch's own; see `own_exports`."""
        return self.home / "published.tsv"

    @property
    def own_published(self) -> Path:
        """The same, for a user who may not write into what another one began."""
        return self.home / f"published{_OWN}{os.geteuid()}.tsv"

    def published_files(self) -> list[Path]:
        """All such files that there are."""
        return sorted(self.home.glob("published*.tsv"))

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
    def references(self) -> Path:
        """Other people's brains as networks see them, where references are people; each is its owner's to read."""
        return self.home / "references"

    @property
    def logs(self) -> Path:
        """One log per attempt."""
        return self.home / "logs"

    def attempts(self, subject: str) -> Path:
        """What happened to one subject, one event per line."""
        return self.home / "attempts" / f"{subject}.jsonl"

    def own_attempts(self, subject: str) -> Path:
        """The same, for a user who may not write into what another one began."""
        return self.home / f"attempts{_OWN}{os.geteuid()}" / f"{subject}.jsonl"

    def attempt_folders(self) -> list[Path]:
        """Where attempts are on record: one folder, and one more for each user who could not write into its files."""
        first = self.home / "attempts"
        try:
            names = sorted(entry.name for entry in os.scandir(self.home) if entry.name.startswith(f"attempts{_OWN}"))
        except OSError:
            names = []
        return [first, *(self.home / name for name in names)]

    def log(self, subject: str, attempt: int, run: str) -> Path:
        """What one attempt printed."""
        return self.logs / f"{subject}.{attempt}.{run}.log"

    def round(self, name: str) -> Path:
        """The frozen list of one round; array tasks take their pack from it."""
        return self.home / f"round-{name}.txt"

    def make(self) -> None:
        """Create the folders; where the group may write into the folder of exports, it may write into these."""
        self.require_own()
        self.out.mkdir(parents=True, exist_ok=True)
        for folder in (self.home, self.home / "attempts", self.logs, self.slurm, self.aside):
            if not folder.is_dir():
                folder.mkdir(exist_ok=True)
                atomic.share(folder)
            if folder == self.home and os.access(folder, os.W_OK | os.X_OK):
                create_once(self.mark, _MARK)
        if not os.access(self.home, os.W_OK | os.X_OK):
            raise InputError(
                f"you may not write into {self.home}, which another user made",
                hint=f"have its owner allow it: chmod -R g+w {shlex.quote(str(self.home))}",
            )

    def require_own(self) -> None:
        """Require that the folder of the batch's own files, if it is there, is that, and leads nowhere else.

        Raises
        ------
        InputError
            If wbtools did not make it, or a link or something else has the name of a folder in it.
        """
        for path in (self.out, self.home):
            if os.path.lexists(path) and not path.is_dir():
                raise InputError(f"{path} is no folder", hint="choose another --out")
        try:
            there = [path for path in sorted(self.home.iterdir()) if not re.fullmatch(atomic.BESIDE, path.name)]
        except FileNotFoundError:
            return
        self._require_no_annex(there)
        if there and not self._is_marked():
            raise InputError(
                f"{self.home} was not made by wbtools: it holds {there[0].name}",
                hint="move it away, or choose another --out",
            )
        folders = (self.home / "attempts", self.logs, self.slurm, self.aside, self.references, self.home / "marks")
        for path in there:
            if path.is_symlink():
                raise InputError(f"{path} is a link, which wbtools did not make", hint="remove the link")
            if path in folders and not path.is_dir():
                raise InputError(f"{path} is no folder", hint="move it away")

    def _require_no_annex(self, there: Iterable[Path]) -> None:
        """Say of the batch's own files that git-annex has moved them away: they are links, and none is written through.

        Raises
        ------
        InputError
            Naming the first.
        """
        for path in there:
            if path.is_symlink() and _ANNEX in os.fsencode(path.readlink()):
                home = shlex.quote(str(self.home))
                raise InputError(
                    f"{path} is a link of git-annex (datalad save makes them): a batch's own files must be plain files",
                    hint=f"make them plain again: git annex unlock {home}; and name {NAME} in .gitignore "
                    "before the next datalad save",
                )

    def _is_marked(self) -> bool:
        """Whether wbtools made the folder: by its mark, or (an early version) by a plan."""
        try:
            if read_plain(self.mark, follow=False) == _MARK.encode():
                return True
        except (OSError, ValueError):
            pass
        try:
            found = json.loads(read_plain(self.plan, follow=False))
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(found, dict) and {"settings_sha256", "max_attempts"} <= found.keys()


_OWN = "~"
"""Before a user's number, in the names of what belongs to one user; no subject id has it."""


def write_whole(path: Path, text: str) -> None:
    """Replace a file's content at once: readers see the old or the new one, never a part."""
    atomic.write(path, text, access=Access.GROUP, durable=True)


def create_once(path: Path, text: str) -> bool:
    """Write a file that is not there yet, at once; False if somebody else was quicker."""
    try:
        atomic.write_new(path, text, access=Access.GROUP, durable=True)
    except FileExistsError:
        return False
    return True


def append_line(path: Path, text: str, own: Path) -> None:
    """Add one line in one write, so that lines of several processes on one machine do not mix.

    Parameters
    ----------
    path : Path
    text : str
    own : Path
        Takes the line where the file is another user's and may not be written.
    """
    try:
        handle = _appending(path)
    except PermissionError:
        own.parent.mkdir(exist_ok=True)
        handle = _appending(own)
    try:
        os.write(handle, f"{text}\n".encode())
    finally:
        os.close(handle)


def _appending(path: Path) -> int:
    """A file to append to, made if it is not there."""
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        atomic.share(path)
        return handle
