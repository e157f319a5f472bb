"""Publishing a wall: whole or not at all, in place of wbtools' own earlier one and of nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wbtools.errors import InputError
from wbtools.output.destination import require_writable_around
from wbtools.output.ownership import PROVENANCE
from wbtools.output.publishing import publishing, require_absent
from wbtools.provenance import Provenance
from wbtools.reading.batch import no_exports
from wbtools.reading.participants import FILE, joined, read_participants
from wbtools.report.page import NOTICE
from wbtools.report.wall.gathering import Wall
from wbtools.report.wall.links import Links
from wbtools.report.wall.standing import Standing
from wbtools.report.wall.wall_pages import pages

FOLDER = "wbtools-report"
"""Where the pages lie in a folder of exports."""
SUBJECT = "batch report"
"""What the record of the pages names as its subject, so that no export is taken for it; an id has no blank."""


@dataclass(frozen=True)
class Site:
    """Where pages go.

    Parameters
    ----------
    folder : Path
        Of the pages.
    root : Path
        The folder of exports.
    participants : Path or None
        A table of people; without, the one in `root`, if there is one.
    """

    folder: Path
    root: Path
    participants: Path | None = None

    def require(self, standings: Sequence[Standing] = ()) -> None:
        """Raise InputError unless pages can be written there, before anything is read."""
        whole = self.folder.absolute()
        if any(standing.folder == whole for standing in standings):
            raise InputError(
                f"a subject of this batch has its results in {self.folder}", hint="name another folder with --out"
            )
        export = next((path for path in whole.parents if (path / PROVENANCE).exists()), None)
        if export is not None and export == self.root.absolute():
            raise no_exports(self.root)
        if export is not None:
            raise InputError(f"{self.folder} would lie in {export}, an export", hint="choose another --out")
        require_writable_around(whole, "--out")
        require_absent(whole.parent, whole.name, True, SUBJECT)

    @property
    def table(self) -> Path | None:
        """The table of participants, if there is one."""
        beside = self.root / FILE
        return self.participants or (beside if beside.is_file() else None)


def publish(wall: Wall, site: Site) -> tuple[Path, ...]:
    """Write the pages of a wall and their record.

    Parameters
    ----------
    wall : Wall
    site : Site

    Returns
    -------
    tuple of Path
        Names of the pages, the first one first.

    Raises
    ------
    InputError
        If the table of participants cannot be read, or something else has the folder's name.
    WriteFailure
        If the folder cannot be written.
    """
    import pandas as pd

    names = [person.name for person in wall.people]
    table = pd.DataFrame(index=names) if site.table is None else joined(names, read_participants(site.table))
    made = dict(pages(wall, Links(site.folder, site.root), table))
    record = Provenance({"subject": SUBJECT, "network": wall.network})
    record.facts |= {"report": {"people": len(wall.people), "mixed": list(wall.mixed)}}
    record.notices += [notice for notice in wall.notices if notice != NOTICE]  # which every record has
    whole = site.folder.absolute()
    with publishing(whole.parent, whole.name, overwrite=True, subject=SUBJECT) as folder:
        for name, content in made.items():
            (folder / name).write_text(content, encoding="utf-8")
        record.write(folder / PROVENANCE, folder, map(Path, made))
    return tuple(map(Path, made))
