"""The tables of a wall: everybody, those whose ranking lies farthest from the group's, and what is not there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbtools.report.parts import Cell, Column, Table, number, words
from wbtools.report.wall.distance import RULE
from wbtools.report.wall.gathering import Person
from wbtools.report.wall.links import Links
from wbtools.report.wall.standing import LOST
from wbtools.text import counted

if TYPE_CHECKING:
    import pandas as pd

FAR = "far from the group"
"""What somebody is called whose ranking is unlike the others'."""

_FARTHEST = 20
_MOST_COLUMNS = 8
"""Of the table of participants."""
_PRINTED = 500


@dataclass(frozen=True)
class Tables:
    """Writes tables.

    Parameters
    ----------
    people : sequence of Person
    links : Links
    cards : mapping of int to str
        Where the thumbnail of a person stands, by the person's place in `people`.
    """

    people: Sequence[Person]
    links: Links
    cards: Mapping[int, str]

    def everybody(self, participants: pd.DataFrame) -> Table:
        """A row per person, with what the table of participants says of each.

        Parameters
        ----------
        participants : DataFrame
            A row per person, in the same order.
        """
        joined = participants.iloc[:, :_MOST_COLUMNS]
        columns = [
            Column("Person"), Column("State"),
            *(Column(words(name).shown, number=joined[name].dtype.kind in "if") for name in joined),
            Column("Decision"), Column("Trust"),
            Column("Self-checks failed"), Column("Outside the atlas", number=True, about="Share of the relevance"),
            self._first_regions, Column("Distance", number=True, about=RULE),
            Column("Remarks"), Column("Opens"),
        ]  # fmt: skip
        rows = [
            [
                *(self._name(place), words(person.state)),
                *map(_of_participant, joined.iloc[place]),
                *self._found(person),
                *self._rest(person),
            ]
            for place, person in enumerate(self.people)
        ]
        left_out = participants.shape[1] - joined.shape[1]
        more = f" {counted(left_out, 'more column')} of the table of participants are left out." if left_out else ""
        return Table(counted(len(rows), "person"), columns, rows, f"Distance: {RULE}.{more}", _PRINTED)

    def farthest(self) -> Table:
        """Those whose ranking lies farthest from the group's, the farthest first."""
        known = [place for place, person in enumerate(self.people) if not math.isnan(person.distance)]
        ordered = sorted(known, key=lambda place: -self.people[place].distance)[:_FARTHEST]
        columns = [
            Column("Person"), Column("Distance", number=True, about=RULE), Column(FAR.capitalize()),
            Column("Trust"), self._first_regions, Column("Opens"),
        ]  # fmt: skip
        rows = [
            [
                self._name(place), number(person.distance), words("yes" if person.far else "no"),
                _trust(person), _first(person), self.links.cell(person),
            ]
            for place in ordered
            for person in [self.people[place]]
        ]  # fmt: skip
        return Table("Rankings, the farthest first", columns, rows, f"Distance: {RULE}.")

    def lost(self) -> Table:
        """Those who failed, and folders that hold no export that can be read."""
        columns = [Column("Person"), Column("State"), Column("Reason"), Column("Log")]
        chosen = [person for person in self.people if person.state in LOST]
        rows = [
            [words(person.name), words(person.state), words(_remarks(person)), self.links.log(person)]
            for person in chosen
        ]
        return Table(f"Failed, or not readable: {len(rows)}", columns, rows)

    @property
    def _first_regions(self) -> Column:
        """Says by which rank: calibrated ones, unless somebody has none."""
        known = [person.glimpse.calibrated for person in self.people if person.glimpse.first]
        name = "First regions, calibrated" if known and all(known) else "First regions"
        return Column(name, about="By calibrated rank, else by rank; some region always comes first")

    def _found(self, person: Person) -> list[Cell]:
        failed = person.declared.failed_checks if person.declared else None
        checks = words(None if failed is None else ", ".join(failed) or "none")
        decision = words(person.network.decision or None if person.network else None)
        return [
            decision, _trust(person), checks,
            number(person.glimpse.outside, ".1%"), _first(person), _distance(person),
        ]  # fmt: skip

    def _rest(self, person: Person) -> list[Cell]:
        return [words(_remarks(person)) if person.remarks else Cell("", ""), self.links.cell(person)]

    def _name(self, place: int) -> Cell:
        return words(self.people[place].name, self.cards.get(place, ""))


def _trust(person: Person) -> Cell:
    return words(person.network.trust if person.network else None)


def _first(person: Person) -> Cell:
    return words(person.glimpse.first_in_words or None)


def _distance(person: Person) -> Cell:
    cell = number(person.distance)
    return Cell(f"{cell.shown}, {FAR}", cell.value) if person.far else cell


def _remarks(person: Person) -> str:
    return "; ".join(person.remarks)


def _of_participant(value: object) -> Cell:
    if isinstance(value, str):
        return words(value)
    return number(float(value), ".6g") if isinstance(value, int | float) else words(value)
