"""How somebody stands: as the batch's own records say it, or as their folder shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DONE, FAILED, EXCLUDED, TODO, RUNNING = "done", "failed", "excluded", "to do", "running"
"""States of a batch's subjects."""
UNREADABLE, NO_EXPORT = "cannot be read", "no export"
"""States of folders."""

LOST = (FAILED, EXCLUDED, UNREADABLE, NO_EXPORT)
"""States that somebody has to look into."""


@dataclass(frozen=True)
class Standing:
    """What the records of a batch say of a subject.

    Parameters
    ----------
    subject : str
        As on the batch's list.
    state : str
    folder : Path
        Where the results are, or will be.
    reason : str
        Why it failed, or is to be made again.
    log : Path or None
        Of the last attempt.
    """

    subject: str
    state: str
    folder: Path
    reason: str = ""
    log: Path | None = None
