"""What a worker does to one subject."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from wbtools.batch.state.names import PublishedName


class Payload(Protocol):
    """Work on one subject. The result appears in `OUT/SUBJECT` by one rename, with a record, or not at all."""

    def warm(self) -> str:
        """Load once what every subject needs, without starting a thread; gives the settings' hash."""

    def name(self, subject: str) -> PublishedName | None:
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
