"""Where a wall leads: to exports, reports and logs, by paths relative to its own folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from wbtools.report.parts import Cell, words
from wbtools.report.wall.gathering import Person


@dataclass(frozen=True)
class Links:
    """Makes links.

    Parameters
    ----------
    site : Path
        The folder of the pages, which need not be there yet.
    root : Path
        The folder of exports.
    """

    site: Path
    root: Path

    @cached_property
    def possible(self) -> bool:
        """Whether relative paths lead from the pages to the exports: both lie on one file system."""
        near = next(path for path in self.site.absolute().parents if path.exists())
        return near.stat().st_dev == self.root.stat().st_dev

    def to(self, path: Path) -> str:
        """The address of a file or folder; empty if it is not there, or no link is possible."""
        if not self.possible or not path.exists():
            return ""
        relative = Path(os.path.relpath(path.resolve(), self._base))
        return quote(os.fsencode(relative)) + ("/" if path.is_dir() else "")

    def report(self, person: Person) -> str:
        """The address of a person's report; empty if there is none."""
        report = person.declared.report if person.declared else ""
        return self.to(person.folder / report) if report else ""

    def cell(self, person: Person) -> Cell:
        """A cell that leads to a person's report, else to the folder."""
        report, folder = self.report(person), self.to(person.folder)
        if not folder:
            return words(None)
        return words("report", report) if report else words("folder", folder)

    def log(self, person: Person) -> Cell:
        """A cell that leads to the log of the last attempt."""
        return words(person.log.name, self.to(person.log)) if person.log else words(None)

    @cached_property
    def _base(self) -> Path:
        """The folder of the pages, without links on the way to it."""
        return self.site.absolute().parent.resolve() / self.site.name
