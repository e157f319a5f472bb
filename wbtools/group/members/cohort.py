"""Who belongs to a group: different people, whose maps were made alike and can be trusted; the others are named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError, UnknownChoice
from wbtools.group.members import sameness
from wbtools.group.members.family_names import joined_families, person
from wbtools.group.members.formula import column_named
from wbtools.group.members.sameness import named
from wbtools.output.kinds import Output, OutputKind
from wbtools.reading import Batch, NetworkResults
from wbtools.reading.batch import natural
from wbtools.reading.participants import FILE, bare_id, joined, read_participants
from wbtools.reading.record import section
from wbtools.text import counted, line

if TYPE_CHECKING:
    import pandas as pd

FAMILY = ("family_id", "Family_ID", "family")
"""Columns that are taken for that of the families, where none is named."""

Tell = Callable[[int, int], None]
"""To be told how many are done, and of how many."""

Names = NDArray[np.str_]


@dataclass(frozen=True)
class Selection:
    """Whose exports are taken.

    Parameters
    ----------
    networks : tuple of str
        Names of networks in file names; empty for all.
    family : str
        Column of the table of participants that is the same for members of a family; empty takes one of `FAMILY`.
    columns : tuple of str
        Columns that nobody may lack.
    include_failed : bool
        Whether maps are taken that failed their trust checks.
    leave_out : bool
        Whether people who do not fit are left out and listed; else the first of them is an error.
    paired : str
        Column that has the same in both of a pair; empty if there are no pairs.
    """

    networks: tuple[str, ...] = ()
    family: str = ""
    columns: tuple[str, ...] = ()
    include_failed: bool = False
    leave_out: bool = False
    paired: str = ""


@dataclass(frozen=True)
class LeftOut:
    """Somebody who is not in the group.

    Parameters
    ----------
    who : str
        An id, or the name of a folder.
    why : str
        A sentence without a full stop.
    network : str
        Of which network the map is left out; empty if the whole export is.
    """

    who: str
    why: str
    network: str = ""


@dataclass(frozen=True, eq=False)
class Cohort:
    """The people of a group with their maps of one network.

    Parameters
    ----------
    network : str
        Its name in file names.
    results : dict of str to NetworkResults
        By id, in the order of ids.
    participants : DataFrame
        A row per person of `results`, in that order.
    families : ndarray of str, (N,)
        Whoever has the same is drawn, and permuted, together.
    paired : str
        The column of pairs, who are families; empty if there are no pairs.
    """

    network: str
    results: Mapping[str, NetworkResults]
    participants: pd.DataFrame
    families: Names
    paired: str = ""

    @property
    def people(self) -> tuple[str, ...]:
        """Ids, in order."""
        return tuple(self.results)

    @property
    def title(self) -> str:
        """What the network's card calls it."""
        return next(iter(self.results.values())).title

    def __len__(self) -> int:
        return len(self.results)


@dataclass
class Chosen:
    """The people of a group for each network, and who was left out.

    Parameters
    ----------
    selection : Selection
    cohorts : list of Cohort
    left_out : list of LeftOut
    family : str
        The column of families; empty if there is none.
    without_export : list of str
        Rows of the table of participants that are nobody's.
    """

    selection: Selection
    cohorts: list[Cohort] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    family: str = ""
    without_export: list[str] = field(default_factory=list)

    @property
    def families_by(self) -> tuple[str, ...]:
        """The columns that make families: of these, and of pairs."""
        return tuple(dict.fromkeys(filter(None, [self.family, self.selection.paired])))

    def leave_out(self, found: Mapping[str, str], error: Callable[[str, str], InputError], network: str = "") -> None:
        """List people with what is wrong with each; raise what `error` makes of the first unless they are to be."""
        gone = {each.who for each in self.left_out if not each.network}
        found = {who: why for who, why in found.items() if who not in gone}
        if not found:
            return
        if not self.selection.leave_out:
            who = next(iter(found))
            raise error(who, f" ({counted(len(found), 'export')} in all)" if len(found) > 1 else "")
        self.left_out += [LeftOut(who, why, network) for who, why in found.items()]


_HINT = "--leave-out goes on without, and lists what was left out"


def choose(batch: Batch, selection: Selection, tell: Tell = lambda done, total: None, *, tables: bool = True) -> Chosen:
    """The people of a group.

    Parameters
    ----------
    batch : Batch
    selection : Selection
    tell : callable
        Told how many exports were read, and of how many.
    tables : bool
        Whether everybody's tables are read, which takes longest: without, those who have damaged ones are in it.

    Raises
    ------
    InputError
        If somebody does not fit and is not to be left out, or fewer than two people are left.
    """
    chosen = Chosen(selection)
    names = _networks(batch, selection)
    broken = {**batch.unreadable, **(_damaged(batch, names, tell) if tables else {})}
    chosen.leave_out(broken, lambda who, more: InputError(f"{broken[who]}{more}", hint=_HINT))
    chosen.family = _family_column(batch, selection)
    used = tuple(dict.fromkeys((*selection.columns, *filter(None, [chosen.family]))))
    _require_rows(batch, chosen, used)
    _require_different(batch, chosen)
    gone = {each.who for each in chosen.left_out}
    for name in names:
        people = sorted((who for who in batch.people if who not in gone), key=natural)
        found = _of_network(batch, name, people, chosen)
        table = batch.participants.loc[list(found)]
        families = joined_families(table.index, [table[column] for column in chosen.families_by])
        chosen.cohorts.append(Cohort(name, found, table, families, selection.paired))
    return chosen


def _networks(batch: Batch, selection: Selection) -> tuple[str, ...]:
    for name in selection.networks:
        if name not in batch.networks:
            raise UnknownChoice("network of these exports", line(name, 60), batch.networks)
    return tuple(dict.fromkeys(selection.networks)) or batch.networks


def _of_network(batch: Batch, name: str, people: Sequence[str], chosen: Chosen) -> dict[str, NetworkResults]:
    """One network's results of those who fit."""
    have = {who: batch.exports[who].networks[name] for who in people if name in batch.exports[who].networks}
    chosen.leave_out(
        {who: f"has no results of {line(name, 60)}" for who in people if who not in have},
        lambda who, more: InputError(
            f"{line(who, 60)} has no results of {line(name, 60)}, which others have{more}",
            hint="choose networks by --network; --leave-out goes on without these people",
        ),
        name,
    )
    alike = _alike(name, have, chosen)
    failed = {who: _failure(each) for who, each in alike.items() if not each.passed}
    if not chosen.selection.include_failed:
        chosen.left_out += [LeftOut(who, why, name) for who, why in failed.items()]
        alike = {who: each for who, each in alike.items() if who not in failed}
    if chosen.selection.paired:
        alike = _in_pairs(name, alike, batch.participants, chosen)
    if len(alike) < 2:
        raise _too_few(name, alike, failed)
    return alike


def _in_pairs(
    name: str, results: dict[str, NetworkResults], table: pd.DataFrame, chosen: Chosen
) -> dict[str, NetworkResults]:
    """Those whose pair has somebody else, too."""
    column = chosen.selection.paired
    pair = column_named(column, table).loc[list(results)]
    alone = {
        who: f"the other one of {line(column, 60)} {line(pair[who], 60)} is missing"
        for who in pair.index[~pair.duplicated(keep=False)]
    }
    chosen.leave_out(
        alone, lambda who, more: InputError(f"{line(who, 60)} is in no pair: {alone[who]}{more}", hint=_HINT), name
    )
    return {who: each for who, each in results.items() if who not in alone}


def _damaged(batch: Batch, networks: Sequence[str], tell: Tell) -> dict[str, str]:
    """Why somebody's tables cannot be used, by person."""
    found = {}
    for place, (who, export) in enumerate(batch.exports.items(), 1):
        try:
            for name in networks:
                if name in export.networks:
                    _read(export.networks[name])
        except InputError as error:
            found[who] = f"{line(who, 60)}: {line(error, 200)}"
        tell(place, len(batch))
    return found


def _read(results: NetworkResults) -> None:
    """Read a network's tables, which then are kept.

    Raises
    ------
    InputError
        If they are damaged, or not those on record.
    """
    for kind in (OutputKind.REGIONS, OutputKind.LEVELS):
        _require_as_recorded(results, Output(kind, results.name))
    _ = results.table, results.levels


def _require_as_recorded(results: NetworkResults, what: Output) -> None:
    contents = results.contents
    if not contents.has(what):
        return
    name = contents.name(what)
    if how := contents.container.differs(name, contents.record.files[name]):
        raise InputError(f"{name} {how}")


def _alike(name: str, results: dict[str, NetworkResults], chosen: Chosen) -> dict[str, NetworkResults]:
    """Those whose maps were made in the most frequent way."""
    kinds = sameness.by_kind(results)
    if len(kinds) < 2:
        return results
    usual, *others = kinds
    odd = {who: f"made otherwise: {sameness.differing(kind, usual)}" for kind in others for who in kinds[kind]}
    chosen.leave_out(odd, lambda who, more: sameness.mixed(name, kinds), name)
    return {who: each for who, each in results.items() if who not in odd}


def _failure(results: NetworkResults) -> str:
    said = results.trust.get("verdict")
    return f"failed its trust checks: {line(said, 200)}" if said else "failed its trust checks: it was not checked"


def _too_few(name: str, left: Mapping[str, object], failed: Mapping[str, str]) -> InputError:
    who = f": {named(list(left))}" if left else ""
    return InputError(
        f"a group needs two people at least, and {line(name, 60)} has maps of {len(left)}{who}",
        hint=f"maps of {named(list(failed))} failed their trust checks; --include-failed takes them"
        if failed
        else "give a folder with exports of several people",
    )


def _family_column(batch: Batch, selection: Selection) -> str:
    """The column of families; empty if there is none."""
    if selection.family:
        _column(batch, selection.family)
        return selection.family
    return next((name for name in FAMILY if name in batch.participants), "")


def _column(batch: Batch, name: str) -> pd.Series:
    """A column of the table of participants, which may not have been found."""
    try:
        return column_named(name, batch.participants)
    except InputError as error:
        if batch.participants_file is not None:
            raise
        raise error.saying(f"{error}: no {FILE} was found in {batch.folder}") from None


def _require_rows(batch: Batch, chosen: Chosen, used: tuple[str, ...]) -> None:
    """Everybody has a row with the columns that are used; rows without an export are listed, and no fault."""
    import pandas as pd

    columns = {name: _column(batch, name) for name in used}
    if batch.participants_file is None:
        return
    where, rows = batch.participants_file.name, read_participants(batch.participants_file).index
    chosen.without_export = _without_export(batch, rows)
    absent = joined(batch.people, pd.DataFrame({"row": 1.0}, index=rows))["row"].isna()
    lacking = {"row": absent, **{line(name, 60): column.isna() & ~absent for name, column in columns.items()}}
    for what, missing in lacking.items() if used else ():
        people = sorted(missing.index[missing], key=natural)
        chosen.leave_out(dict.fromkeys(people, f"has no {what} in {where}"), _lacks(f"has no {what} in {where}"))


def _lacks(why: str) -> Callable[[str, str], InputError]:
    return lambda who, more: InputError(f"{line(who, 60)} {why}{more}", hint=_HINT)


def _without_export(batch: Batch, rows: Iterable[object]) -> list[str]:
    """Rows that are nobody's, whether or not the export can be read."""
    folders = (part for folder in batch.unreadable for part in folder.split("/"))
    there = {bare_id(who) for who in (*batch.people, *folders)}
    there |= set(map(person, there))
    return [str(row) for row in rows if bare_id(str(row)) not in there]


def _require_different(batch: Batch, chosen: Chosen) -> None:
    """Nobody is there twice under two names; those that differ by `sub-` alone are one person's in all tables."""
    first: dict[str, str] = {}
    named_first: dict[str, str] = {}
    twice = {}
    for who, export in batch.exports.items():
        if (other := named_first.setdefault(bare_id(who), who)) != who:
            twice[who] = f"has the id of {line(other, 60)}"
        for digest in _images(export.provenance):
            if first.setdefault(digest, who) != who:
                twice[who] = f"has the very same T1w as {line(first[digest], 60)}"
    chosen.leave_out(
        twice,
        lambda who, more: InputError(f"{line(who, 60)} {twice[who]}: one person, counted twice{more}", hint=_HINT),
    )


def _images(record: Mapping[str, object]) -> list[str]:
    """SHA-256 of a person's T1w; of the largest image where no name says which it is."""
    files = section(record, "inputs_sha256")
    sizes = section(record, "inputs_bytes")
    images = [name for name in files if name.endswith((".nii", ".nii.gz", ".mgz", ".mgh"))]
    t1w = [name for name in images if "t1" in name.rpartition("/")[2].lower()]
    taken = t1w or sorted(images, key=lambda name: sizes.get(name) or 0)[-1:]
    return [str(files[name]) for name in taken]
