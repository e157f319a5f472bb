"""What is known of people beside their images: pairs of twins, families, sex and other columns of tables.

Three forms are told apart by content: a list of pairs (`idA,idB` a line), the Human Connectome Project's behavioural
table, whose families and zygosity give the pairs, and any other table with a column of ids, as BIDS' participants.tsv.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wbtools.datasets.candidates import Candidate
from wbtools.datasets.items import COLUMNS
from wbtools.datasets.split import TWIN
from wbtools.errors import InputError, UnknownChoice
from wbtools.images.diagnosis import require_file
from wbtools.subject import places
from wbtools.subject.identity import person_key
from wbtools.tables import listfile, tabular
from wbtools.tables.tabular import Table
from wbtools.text import counted, line

IDS = ("participant_id", "subject_id", "subject", "participant", "person", "id")
"""Headings that announce ids."""

PAIRS = "twin_pairs.txt"
PARTICIPANTS = "participants.tsv"

_HEADINGS = frozenset(["twin1", "twin2", "id1", "id2", "ida", "idb", "twin_1", "twin_2"])
"""What a list of pairs may begin with."""
_FAMILY = ("family", "family_id")
_ZYGOSITY = ("zygositygt", "zygositysr", "zygosity")
_SEX = ("sex", "gender")
_ZYGOTIC = "MZ"
_MANY = 40
"""Tables with more columns than that keep the usual ones only."""
_USUAL = ("age", "handedness", "group", "diagnosis", "dx", "site", "education", "race", *_SEX, *_ZYGOSITY)
_BEHAVIOURAL = ("gender", "family_id", "zygositygt")
"""One of these beside `Subject` tells the project's tables from others in a study folder."""


@dataclass
class Knowledge:
    """What tables say of people, by their ids without `sub-`.

    Parameters
    ----------
    labels : dict of str to dict of str to str
    families : dict of str to str
    twins : dict of str to str
        The pair that somebody belongs to.
    sources : list of str
        Names of the tables.
    columns : set of str
        Headings of the tables.
    remarks : list of str
    """

    labels: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    families: dict[str, str] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)

    def add(self, path: Path, columns: Sequence[str] = ()) -> None:
        """Add what a file says.

        Raises
        ------
        InputError
            If it is neither a list of pairs nor a table with ids, or says two things of somebody.
        """
        require_file(path)
        pairs = pairs_in(path)
        if pairs is None:
            self._add_table(tabular.read(path), columns)
        else:
            self.add_pairs(pairs, path)
        self.sources.append(path.name)

    def add_pairs(self, pairs: Sequence[tuple[str, str]], path: Path) -> None:
        """Add pairs of twins."""
        for first, second in pairs:
            if first == second:
                raise InputError(f"{path}: {first} is paired with itself")
            for person in (first, second):
                self._set(self.twins, person, f"{first}-{second}", f"{path}: {person} is in two pairs,")

    def _add_table(self, table: Table, columns: Sequence[str]) -> None:
        ids = table.column(*IDS)
        if not ids:
            raise InputError(
                f"{table.path} has no column of ids (its heading: {line(', '.join(table.names), 80)})",
                hint=f"name the column {IDS[0]}, or give pairs of twins, idA,idB a line",
            )
        kept = _kept(table, ids, columns)
        require_one_sex(table, columns or table.names)
        self.columns.update(table.names)
        family, zygosity = table.column(*_FAMILY), table.column(*_ZYGOSITY)
        twins: dict[str, list[str]] = defaultdict(list)
        for row in table.rows:
            if not (person := person_key(row.get(ids, ""))):
                continue
            if family and row.get(family):
                self._set(self.families, person, row[family], f"{table.path}: {person} is in two families,")
            for name, heading in kept.items():
                said = f"{table.path}: {person} has two values of {heading},"
                self._set(self.labels[person], name, row.get(heading, ""), said)
            if family and zygosity and row.get(family) and row.get(zygosity, "").upper() == _ZYGOTIC:
                twins[row[family]].append(person)
        for name, members in twins.items():
            self._add_twins(sorted(set(members)), f"{name} of {table.path.name}")

    def _add_twins(self, members: Sequence[str], family: str) -> None:
        if len(members) == 2:
            for person in members:
                self.twins.setdefault(person, "-".join(members))
        elif len(members) > 2:
            self.remarks.append(f"The family {family} has {len(members)} monozygotic twins and gives no pair.")

    @staticmethod
    def _set(table: dict[str, str], person: str, value: str, said: str) -> None:
        """Say something of somebody, unless something else was said before."""
        before = table.get(person, "")
        if before and value and before != value:
            raise InputError(f"{said} {before} and {value}", hint="correct the table")
        table[person] = before or value

    def joined(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Candidates with what is known of them; what their source says itself comes first."""
        there = {person_key(candidate.item.person) for candidate in candidates}
        both = {pair for pair, count in Counter(self.twins[p] for p in there if p in self.twins).items() if count == 2}
        single = set(self.twins.values()) - both
        if single and self.twins:
            self.remarks.append(f"{counted(len(single), 'twin pair')} of {len(single) + len(both)} are not complete.")
        names = sorted({name for labels in self.labels.values() for name in labels})
        return tuple(self._with(candidate, names, both) for candidate in candidates)

    def require_columns(self, columns: Sequence[str]) -> None:
        """Require that every column that was asked for is in one of the tables.

        Raises
        ------
        InputError
            If one is not.
        """
        for name in columns:
            if name not in self.columns:
                raise UnknownChoice("column", name, sorted(self.columns), option="--column")

    def _with(self, candidate: Candidate, names: Sequence[str], pairs: Collection[str]) -> Candidate:
        item = candidate.item
        person = person_key(item.person)
        known = {name: self.labels[person].get(name, "") for name in names}
        if self.twins:
            pair = self.twins.get(person, "")
            known[TWIN] = pair if pair in pairs else ""
        labels = {**known, **{name: value for name, value in item.labels.items() if value or name not in known}}
        family = item.family or self.families.get(person, "")
        return replace(candidate, item=replace(item, family=family, labels=labels))


def beside(folder: Path) -> Iterator[Path]:
    """Tables of people in a study folder, or above it if it holds what was derived from the study."""
    if places.is_file(folder / PAIRS):
        yield folder / PAIRS
    above = [folder, *(list(folder.absolute().parents)[:2] if "derivatives" in folder.absolute().parts else [])]
    found = next((place / PARTICIPANTS for place in above if places.is_file(place / PARTICIPANTS)), None)
    if found:
        yield found
    for path in places.files(folder):
        if path.suffix.lower() in (".csv", ".tsv") and path.name != PARTICIPANTS and _is_behavioural(path):
            yield path


def pairs_in(path: Path) -> list[tuple[str, str]] | None:
    """Pairs of twins, if a file is a list of them; None otherwise."""
    lines = [text for text in listfile.of_file(path, str(path)).text.splitlines() if text.strip()]
    lines = [text for text in lines if not text.lstrip().startswith("#")]
    pairs = [[person_key(line(word)) for word in text.replace("\t", ",").split(",")] for text in lines]
    if not pairs or any(len(pair) != 2 or not all(pair) for pair in pairs):
        return None
    heading = {word.lower() for word in pairs[0]}
    if heading & set(IDS):
        return None
    return [(first, second) for first, second in (pairs[1:] if heading & _HEADINGS else pairs)]


def require_one_sex(table: Table, chosen: Collection[str]) -> None:
    """Require that columns of sex and gender do not contradict each other, since they become one label.

    Parameters
    ----------
    table : Table
    chosen : collection of str
        Headings that become labels.

    Raises
    ------
    InputError
        Naming the first row in which they do.
    """
    columns = [name for name in table.names if name in chosen and name.lower() in _SEX]
    for number, row in enumerate(table.rows, 2):
        said = {value for name in columns if (value := row.get(name, ""))}
        if len({value[0].lower() for value in said}) > 1:
            raise InputError(
                f"{table.path}: in row {number}, {' and '.join(columns)} say {' and '.join(sorted(said))}",
                hint="correct the table, or name the columns that count with --column",
            )


def _is_behavioural(path: Path) -> bool:
    """Whether a table in a study folder is about its people: one of the Human Connectome Project."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            first = stream.readline(1 << 16)
    except OSError:
        return False
    names = [cell.strip().strip('"').lower() for cell in first.removeprefix("\ufeff").split(tabular.mark_of(first))]
    return "subject" in names and bool(set(_BEHAVIOURAL) & set(names))


def _kept(table: Table, ids: str, columns: Sequence[str]) -> Mapping[str, str]:
    """Names of labels, and the columns that they are in."""
    usual = (name for name in table.names if len(table.names) <= _MANY or name.lower() in _USUAL)
    chosen = [name for name in columns or usual if name in table.names and name != ids]
    return {_label(name): name for name in chosen if name != table.column(*_FAMILY) and name.lower() not in COLUMNS}


def _label(heading: str) -> str:
    """What a column is called in the data set."""
    lower = heading.lower()
    return "sex" if lower in _SEX else "zygosity" if lower in _ZYGOSITY else heading
