"""What a worker does to one subject: the export itself, or any program that publishes by the same contract."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wbtools.batch.state.names import Name


class Payload(Protocol):
    """Work on one subject. The result appears in `OUT/SUBJECT` by one rename, with a record, or not at all."""

    def warm(self) -> str:
        """Load once what every subject needs, without starting a thread; gives the settings' hash."""

    def name(self, subject: str) -> Name | None:
        """What the subject is called, as its export will say it; None if there is no such subject."""

    def inputs(self, subject: str) -> Path | None:
        """The folder of the subject's inputs, to notice that they changed; None if unknown."""

    def described(self, subject: str) -> str:
        """As what the subject was found, in words for a dry run.

        Raises
        ------
        InputError
            Why nobody was found, or the export cannot begin.
        """

    def work(self, subject: str) -> int:
        """Make and publish one subject, in a process of its own; gives the exit code."""


@dataclass(frozen=True)
class Command:
    """A program as payload.

    Parameters
    ----------
    argv : tuple of str
        `{subject}`, `{out}` and `{settings}` are filled in.
    out : Path
    settings_sha256 : str

    Examples
    --------
    >>> Command(("export", "{subject}", "--out={out}"), Path("/out"), "0f").words("100307")
    ('export', '100307', '--out=/out')
    """

    argv: tuple[str, ...]
    out: Path
    settings_sha256: str

    def words(self, subject: str) -> tuple[str, ...]:
        """The command line for one subject."""
        known: Mapping[str, str] = {"{subject}": subject, "{out}": str(self.out), "{settings}": self.settings_sha256}
        words = self.argv
        for mark, value in known.items():
            words = tuple(word.replace(mark, value) for word in words)
        return words

    def warm(self) -> str:
        """Nothing is loaded; the settings are what they were."""
        return self.settings_sha256

    def name(self, subject: str) -> Name | None:
        """What the list says."""
        return Name(subject, subject)

    def inputs(self, subject: str) -> Path | None:
        """Unknown."""
        return None

    def described(self, subject: str) -> str:
        """The program alone knows."""
        return f"to be done by {Path(self.argv[0]).name}"

    def work(self, subject: str) -> int:
        """Become the program."""
        words = self.words(subject)
        try:
            os.execvp(words[0], words)
        except OSError as error:
            sys.stderr.write(f"Error: {words[0]} cannot be started: {error.strerror}\n")
            return 3
