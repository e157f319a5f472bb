"""Everybody of a batch: exports are opened, looked at by several processes, and compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from wbtools.errors import InputError, UnknownChoice, missing_folder
from wbtools.output.ownership import PROVENANCE
from wbtools.reading.batch import natural, no_exports
from wbtools.reading.export_folders import export_folders
from wbtools.reading.record import NoExport
from wbtools.report.wall.declared import Declared, DeclaredNetwork, read_declared
from wbtools.report.wall.distance import distances, far_out
from wbtools.report.wall.glimpse import Glimpse
from wbtools.report.wall.looking import Tell, glimpses
from wbtools.report.wall.mixture import common_notices, mixture, usual_network
from wbtools.report.wall.standing import DONE, LOST, NO_EXPORT, UNREADABLE, Standing
from wbtools.text import counted, line

_READERS = 8
"""Threads that open records: on a network file system, waiting for answers takes longest."""


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody on the wall.

    Parameters
    ----------
    name : str
        Id in the export, else on the batch's list, else the folder's name.
    state : str
    folder : Path
        Where the export is, or would be.
    remarks : tuple of str
        What is wrong, a sentence each.
    log : Path or None
        Of the last attempt, if that did not end well.
    declared : Declared or None
        What the record says, if it can be read.
    network : DeclaredNetwork or None
        What it says of the network that is shown.
    glimpse : Glimpse
    distance : float
        From the group's ranking.
    far : bool
    """

    name: str
    state: str
    folder: Path
    remarks: tuple[str, ...] = ()
    log: Path | None = None
    declared: Declared | None = None
    network: DeclaredNetwork | None = None
    glimpse: Glimpse = field(default_factory=Glimpse)
    distance: float = float("nan")
    far: bool = False

    @property
    def distrusted(self) -> bool:
        """Whether the map failed its trust checks."""
        return self.network is not None and self.network.passed is False


@dataclass(frozen=True, eq=False)
class Wall:
    """What a batch's pages show.

    Parameters
    ----------
    root : Path
        The folder of exports.
    network : str
        The network whose results are shown; empty if there is no export.
    people : tuple of Person
        Everybody, in the order of ids.
    mixed : tuple of str
        What is not the same in all exports.
    notices : tuple of str
        What all exports say to every reader.
    """

    root: Path
    network: str
    people: tuple[Person, ...]
    mixed: tuple[str, ...]
    notices: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """How everybody stands."""
        done = sum(person.state == DONE for person in self.people)
        lost = sum(person.state in LOST for person in self.people)
        distrusted = sum(person.distrusted for person in self.people)
        far = sum(person.far for person in self.people)
        return (
            f"{counted(len(self.people), 'person')}: {done} done, {lost} failed or not readable, "
            f"{distrusted} with a map that failed its trust checks, {far} far from the group"
        )


def gather(
    root: Path,
    standings: Sequence[Standing] = (),
    network: str | None = None,
    tell: Tell = lambda done, total: None,
) -> Wall:
    """Look at all exports in a folder, and at what the batch's records say.

    Parameters
    ----------
    root : Path
        What `wbtools batch run` filled, or a folder of single exports.
    standings : sequence of Standing
        Of the batch's subjects; none where there are no records.
    network : str, optional
        The network whose results are shown, by its name in file names; by default the one of most exports.
    tell : callable
        Told how many exports were looked at, and of how many.

    Raises
    ------
    InputError
        If there is nobody, or no export is of the network.
    """
    if not root.is_dir():
        raise missing_folder(root, hint="give the folder of exports")
    found = dict(_opened(root))
    declared = [each for each in found.values() if isinstance(each, Declared)]
    names = dict.fromkeys(name for each in declared for name in each.networks)
    if network is not None and network not in names:
        raise UnknownChoice("network", network, list(names))
    shown = network or usual_network(declared)
    if not found and not standings:  # folders alone may be anybody's
        raise no_exports(root)
    people = list(_people(root, found, standings))
    ordered = sorted(_compared(_looked_at(people, shown, tell)), key=lambda person: natural(person.name))
    return Wall(root, shown, tuple(ordered), mixture(declared, shown), common_notices(declared))


def _opened(root: Path) -> Iterator[tuple[Path, Declared | InputError]]:
    """All records, or why they cannot be read."""
    folders = list(export_folders(root))
    with ThreadPoolExecutor(_READERS) as pool:
        for folder, found in zip(folders, pool.map(_declared, folders), strict=True):
            if not isinstance(found, NoExport):
                yield folder, found


def _declared(folder: Path) -> Declared | InputError:
    try:
        return read_declared(folder)
    except InputError as error:
        return error


def _people(root: Path, found: Mapping[Path, Declared | InputError], standings: Sequence[Standing]) -> Iterator[Person]:
    """Everybody once: exports, subjects of the batch without one, and folders that hold nothing."""
    known = {standing.folder: standing for standing in standings}
    first: dict[str, Path] = {}
    for folder, export in found.items():
        person = _person(root, folder, export, known.get(folder))
        if isinstance(export, Declared) and (other := first.setdefault(export.subject, folder)) != folder:
            twice = f"{_place(root, other)} is an export of {line(export.subject, 60)}, too"
            person = replace(person, remarks=(*person.remarks, twice))
        yield person
    for standing in standings:
        if standing.folder not in found:
            reason = tuple(filter(None, [standing.reason]))
            yield Person(standing.subject, standing.state, standing.folder, reason, standing.log)
    taken = {folder.relative_to(root).parts[0] for folder in {*found, *known} if folder.is_relative_to(root)}
    for folder in _empty(root, taken):
        yield Person(_place(root, folder), NO_EXPORT, folder, (f"it has no {PROVENANCE}: it is no finished export",))


def _person(root: Path, folder: Path, export: Declared | InputError, standing: Standing | None) -> Person:
    name = standing.subject if standing else _place(root, folder)
    state = standing.state if standing else DONE
    reason = tuple(filter(None, [standing.reason])) if standing else ()
    log = standing.log if standing else None
    if isinstance(export, Declared):
        return Person(export.subject, state, folder, reason, log, export)
    why = line(str(export).replace(f" of {folder}", "").replace(str(folder), "it"))
    return Person(name, UNREADABLE, folder, (why, *reason), log)


def _place(root: Path, folder: Path) -> str:
    return line(folder.relative_to(root).as_posix(), 120)


def _empty(root: Path, taken: Iterable[str]) -> Iterator[Path]:
    """Folders without an export in them."""
    try:
        there = sorted(root.iterdir())
    except OSError:
        return
    for folder in there:
        hidden = folder.name.startswith(".") or folder.name in taken
        if not hidden and folder.is_dir() and not (folder / PROVENANCE).exists():
            yield folder


def _looked_at(people: Sequence[Person], network: str, tell: Tell) -> list[Person]:
    """People with what their tables and pictures show."""
    having = [person for person in people if person.declared is not None and network in person.declared.networks]
    seen = dict(zip(map(id, having), glimpses([person.folder for person in having], network, tell), strict=True))
    return [_with_glimpse(person, network, seen.get(id(person))) for person in people]


def _with_glimpse(person: Person, network: str, seen: Glimpse | None) -> Person:
    if person.declared is None:
        return person
    if seen is None:
        others = ", ".join(line(name, 60) for name in person.declared.networks)
        missing = f"it has no results of {line(network, 60)}, but of {others}"
        return replace(person, remarks=(*person.remarks, missing))
    known = person.declared.networks[network]
    return replace(person, remarks=(*person.remarks, *seen.remarks), network=known, glimpse=seen)


def _compared(people: Sequence[Person]) -> list[Person]:
    """People with their distances from the group."""
    found = distances([person.glimpse.means for person in people])
    bound = far_out(found)
    pairs = zip(people, map(float, found), strict=True)
    return [replace(person, distance=distance, far=distance > bound) for person, distance in pairs]
