"""Many finished exports as a value: people x regions x measures, joined with the table of participants."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.errors import InputError, UnknownChoice, missing_folder
from wbtools.output.ownership import PROVENANCE
from wbtools.reading.export_folders import export_folders
from wbtools.reading.finished import Export, open_export
from wbtools.reading.participants import FILE, joined, read_participants
from wbtools.reading.record import NoExport
from wbtools.reading.results import NetworkResults
from wbtools.reading.table import OUTSIDE
from wbtools.text import counted

if TYPE_CHECKING:
    import pandas as pd

_READERS = 8
"""Threads that open exports: on a network file system, waiting for answers takes longest."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Finished exports in one folder, by the ids of people.

    Parameters
    ----------
    folder : Path
    exports : dict of str to Export
        By id, in the order of ids.
    unreadable : dict of str to str
        By folder: why what lies there cannot be opened, in a sentence.
    participants_file : Path or None
        The table of participants; None if there is none.

    Examples
    --------
    >>> batch = wbtools.open_batch("out")  # doctest: +SKIP
    >>> batch["100307"].table.head()  # doctest: +SKIP
    >>> batch.measure("z").loc["100307", "THALAMUS_LEFT"]  # doctest: +SKIP
    """

    folder: Path
    exports: Mapping[str, Export]
    unreadable: Mapping[str, str] = field(default_factory=dict)
    participants_file: Path | None = None

    @property
    def people(self) -> tuple[str, ...]:
        """Ids of all people whose exports can be opened."""
        return tuple(self.exports)

    @cached_property
    def networks(self) -> tuple[str, ...]:
        """Names of networks, as they come."""
        return tuple(dict.fromkeys(name for export in self.exports.values() for name in export.networks))

    def results(self, network: str | None = None) -> dict[str, NetworkResults]:
        """One network's results, by id, of the people who have them.

        Parameters
        ----------
        network : str, optional
            May be left out if there is one only.

        Raises
        ------
        InputError
            If nobody has results of it, or none is named and there are several.
        """
        if network is None:
            if len(self.networks) != 1:
                raise InputError(
                    f"the exports in {self.folder} are of {len(self.networks)} networks: {', '.join(self.networks)}",
                    hint="name one of them",
                )
            network = self.networks[0]
        found = {who: export.networks[network] for who, export in self.exports.items() if network in export.networks}
        if not found:
            raise InputError(f"no export in {self.folder} is of the network {network}", hint=", ".join(self.networks))
        return found

    def table(self, network: str | None = None) -> pd.DataFrame:
        """The region tables of all people one below the other, indexed by `person` and `region`."""
        import pandas as pd

        tables = {who: each.table for who, each in self.results(network).items()}
        return pd.concat(tables, names=["person", "region"])

    def measure(self, name: str, network: str | None = None) -> pd.DataFrame:
        """One measure, people x regions.

        Parameters
        ----------
        name : str
            A column of the region tables.
        network : str, optional

        Raises
        ------
        InputError
            If somebody's table has no such column.
        """
        import pandas as pd

        columns = {}
        for who, each in self.results(network).items():
            if name not in each.table:
                raise InputError(
                    f"the region table of {who} has no column {name!r}", hint=f"columns: {', '.join(each.table)}"
                )
            columns[who] = each.table[name].drop(index=OUTSIDE, errors="ignore")
        return pd.DataFrame(columns).T

    @cached_property
    def participants(self) -> pd.DataFrame:
        """What the table of participants says of each person; without columns if there is no table."""
        import pandas as pd

        if self.participants_file is None:
            return pd.DataFrame(index=list(self.people))
        return joined(self.people, read_participants(self.participants_file))

    def __getitem__(self, person: str) -> Export:
        """The export of a person.

        Raises
        ------
        UnknownChoice
            If there is none of this id.
        """
        if person not in self.exports:
            raise UnknownChoice("person", str(person), list(self.people))
        return self.exports[person]

    def __contains__(self, person: object) -> bool:
        return person in self.exports

    def __iter__(self) -> Iterator[Export]:
        return iter(self.exports.values())

    def __len__(self) -> int:
        return len(self.exports)

    def __repr__(self) -> str:
        return f"<Batch of {counted(len(self), 'export')} in {self.folder}>"

    def _repr_html_(self) -> str:
        from wbtools.reading.notebook import summary_of_batch

        return summary_of_batch([export.networks.values() for export in self], self.unreadable)


def open_batch(folder: str | Path, participants: str | Path | None = None) -> Batch:
    """Open all finished exports in a folder.

    Parameters
    ----------
    folder : str or Path
        What `wbtools batch run` filled, or the folder of single exports; BIDS sessions lie in their subjects' folders.
    participants : str or Path, optional
        A table of people; by default `participants.tsv` in the folder, if there is one.

    Returns
    -------
    Batch
        What cannot be opened is listed in `unreadable`.

    Raises
    ------
    InputError
        If there is no such folder, no export in it, two of one person, or the table that was named cannot be read.
    """
    root = Path(folder)
    if not root.is_dir():
        raise missing_folder(root, hint="give the folder of exports")
    places = list(export_folders(root))
    with ThreadPoolExecutor(_READERS) as pool:
        opened = list(pool.map(_opened, places))
    exports: dict[str, Export] = {}
    unreadable = {}
    for place, found in zip(places, opened, strict=True):
        if isinstance(found, NoExport):
            continue
        if isinstance(found, InputError):
            unreadable[place.relative_to(root).as_posix()] = str(found)
        elif found.subject in exports:
            raise InputError(
                f"{exports[found.subject].folder} and {place} are both exports of {found.subject}",
                hint="move one of them away",
            )
        else:
            exports[found.subject] = found
    if not exports and not unreadable:
        raise no_exports(root)
    beside = root / FILE
    table = Path(participants) if participants is not None else beside if beside.is_file() else None
    batch = Batch(root, dict(sorted(exports.items(), key=lambda each: natural(each[0]))), unreadable, table)
    if participants is not None:
        _ = batch.participants  # what is wrong with a table that was named is told now, not when it is first used
    return batch


def no_exports(root: Path, hint: str = "give the folder that exports were written to") -> InputError:
    """Why there is no export in a folder: there is none, or the folder itself is one."""
    if os.path.lexists(root / PROVENANCE) and not isinstance(_opened(root), NoExport):
        return InputError(f"{root} is one export, not a folder of exports", hint="give the folder above it")
    return InputError(f"{root} holds no finished export", hint=hint)


def natural(who: str) -> list[tuple[int, int, str]]:
    """What ids are sorted by: numbers in them count as numbers.

    Examples
    --------
    >>> sorted(["p10", "p2", "p1"], key=natural)
    ['p1', 'p2', 'p10']
    """
    parts = re.split(r"(\d{1,18})", who.casefold())
    return [(1, int(part), "") if part.isascii() and part.isdigit() else (0, 0, part) for part in parts]


def _opened(place: Path) -> Export | InputError:
    try:
        return open_export(place)
    except InputError as error:
        return error
