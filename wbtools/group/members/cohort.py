"""Who belongs to a group: different people, whose maps were made alike and can be trusted; the others are named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError, UnknownChoice
from wbtools.group.members import sameness
from wbtools.group.members.formula import column_named
from wbtools.group.members.sameness import named
from wbtools.output.kinds import Output, OutputKind
from wbtools.reading import Batch, NetworkResults
from wbtools.reading.participants import read_participants
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
        Whether maps are taken that failed the checks of their trust.
    leave_out : bool
        Whether people who do not fit are left out and listed; else the first of them is an error.
    """

    networks: tuple[str, ...] = ()
    family: str = ""
    columns: tuple[str, ...] = ()
    include_failed: bool = False
    leave_out: bool = False


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
    """

    network: str
    results: Mapping[str, NetworkResults]
    participants: pd.DataFrame
    families: Names

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
    """

    selection: Selection
    cohorts: list[Cohort] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    family: str = ""

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


def choose(batch: Batch, selection: Selection, tell: Tell = lambda done, total: None) -> Chosen:
    """The people of a group.

    Parameters
    ----------
    batch : Batch
    selection : Selection
    tell : callable
        Told how many exports were read, and of how many.

    Raises
    ------
    InputError
        If somebody does not fit and is not to be left out, or fewer than two people are left.
    """
    chosen = Chosen(selection)
    names = _networks(batch, selection)
    broken = {**batch.unreadable, **_damaged(batch, names, tell)}
    chosen.leave_out(broken, lambda who, more: InputError(f"{broken[who]}{more}", hint=_HINT))
    chosen.family = _family_column(batch, selection)
    used = tuple(dict.fromkeys((*selection.columns, *filter(None, [chosen.family]))))
    _require_rows(batch, chosen, used)
    _require_different(batch, chosen)
    gone = {each.who for each in chosen.left_out}
    for name in names:
        people = [who for who in batch.people if who not in gone]
        found = _of_network(batch, name, people, chosen)
        table = batch.participants.loc[list(found)]
        chosen.cohorts.append(Cohort(name, found, table, _families(table, chosen.family)))
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
    if len(alike) < 2:
        raise _too_few(name, alike, failed)
    return alike


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
    return f"failed its trust: {line(said, 200)}" if said else "failed its trust: it was not checked"


def _too_few(name: str, left: Mapping[str, object], failed: Mapping[str, str]) -> InputError:
    who = f": {named(list(left))}" if left else ""
    return InputError(
        f"a group needs two people at least, and {line(name, 60)} has maps of {len(left)}{who}",
        hint=f"maps of {named(list(failed))} failed their trust; --include-failed takes them"
        if failed
        else "give a folder with exports of several people",
    )


def _family_column(batch: Batch, selection: Selection) -> str:
    """The column of families; empty if there is none."""
    if selection.family:
        column_named(selection.family, batch.participants)
        return selection.family
    return next((name for name in FAMILY if name in batch.participants), "")


def _require_rows(batch: Batch, chosen: Chosen, used: tuple[str, ...]) -> None:
    """Everybody has the columns that are used, and every row an export."""
    if batch.participants_file is None and not used:
        return
    where = batch.participants_file.name if batch.participants_file else ""
    lacking = {
        who: f"has no {line(name, 60)} in {where}"
        for name in reversed(used)
        for who in batch.people
        if column_named(name, batch.participants).isna()[who]
    }
    chosen.leave_out(
        {who: lacking[who] for who in batch.people if who in lacking},
        lambda who, more: InputError(f"{line(who, 60)} {lacking[who]}{more}", hint=_HINT),
    )
    absent = dict.fromkeys(_rows_without_export(batch), "has no export")
    chosen.leave_out(
        absent, lambda who, more: InputError(f"{line(who, 60)} of {where} has no export{more}", hint=_HINT)
    )


def _rows_without_export(batch: Batch) -> list[str]:
    if batch.participants_file is None:
        return []
    folders = (part for folder in batch.unreadable for part in folder.split("/"))
    there = {_bare(who) for who in (*batch.people, *folders)}
    there |= set(map(person, there))
    return [str(row) for row in read_participants(batch.participants_file).index if _bare(str(row)) not in there]


def _bare(who: str) -> str:
    return who.removeprefix("sub-")


def _require_different(batch: Batch, chosen: Chosen) -> None:
    """Nobody is there twice under two names."""
    first: dict[str, str] = {}
    twice = {}
    for who, export in batch.exports.items():
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


def person(who: str) -> str:
    """The person of an export: sessions of a person have exports of their own.

    Examples
    --------
    >>> person("01_ses-a"), person("100307")
    ('01', '100307')
    """
    return who.partition("_ses-")[0]


def _families(table: pd.DataFrame, column: str) -> Names:
    """The family of each export: that of the person, of all whose sessions; without a column, persons are families."""
    if not column:
        return np.array([f"person {person(who)}" for who in table.index])
    first: dict[str, str] = {}
    pairs = zip(table.index, table[column], strict=True)
    return np.array([first.setdefault(person(who), f"family {value}") for who, value in pairs])
