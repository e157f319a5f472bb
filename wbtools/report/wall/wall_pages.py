"""The pages of a wall: counts and tables on the first, thumbnails on all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wbtools.report.page import NOTICE, Page, render
from wbtools.report.parts import Picture
from wbtools.report.wall.data_set import called
from wbtools.report.wall.distance import RULE
from wbtools.report.wall.gathering import Person, Wall
from wbtools.report.wall.links import Links
from wbtools.report.wall.standing import DONE, EXCLUDED, FAILED, NO_EXPORT, RUNNING, TODO, UNREADABLE
from wbtools.report.wall.wall_tables import FAR, Tables
from wbtools.text import line, sentences

if TYPE_CHECKING:
    import pandas as pd

PER_PAGE = 50
"""Thumbnails of a page."""

_SENTENCES = 2
"""Of a notice that are shown."""
_TEMPLATE = "wall.html"
_SAME = "All exports are of one network, by one method, of one version and with the same settings."


@dataclass(frozen=True)
class Card:
    """A person with a thumbnail.

    Parameters
    ----------
    place : str
        Its place in the page.
    person : Person
    report, folder : str
        Addresses; empty where there is none.
    """

    place: str
    person: Person
    report: str
    folder: str

    @property
    def picture(self) -> Picture | None:
        """The thumbnail."""
        return self.person.glimpse.thumbnail

    @property
    def badges(self) -> Iterator[tuple[str, str]]:
        """What stands out, in words, each with a class of style."""
        network, declared = self.person.network, self.person.declared
        if network is not None:
            yield {True: "passed", False: "failed", None: "told"}[network.passed], f"trust {network.trust}"
        for check in declared.failed_checks if declared else ():
            yield "failed", f"self-check failed: {check}"
        if self.person.far:
            yield "far", FAR
        if self.person.state != DONE:
            yield "told", self.person.state
        for remark in self.person.remarks:
            yield "told", remark

    @property
    def lines(self) -> Iterator[tuple[str, str]]:
        """What was found, in names and words."""
        glimpse = self.person.glimpse
        if self.person.network is not None and self.person.network.decision:
            yield "Decision", self.person.network.decision
        if glimpse.first:
            yield ("First regions, calibrated" if glimpse.calibrated else "First regions"), glimpse.first_in_words
        if not math.isnan(glimpse.outside):
            yield "Outside the atlas", f"{glimpse.outside:.1%}"
        if not math.isnan(self.person.distance):
            yield "Distance", f"{self.person.distance:.3g}"


def pages(wall: Wall, links: Links, participants: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """File names and contents of all pages.

    Parameters
    ----------
    wall : Wall
    links : Links
    participants : DataFrame
        What a table says of each person, a row each in the order of `wall.people`; may have no columns.

    Yields
    ------
    tuple of str
        Name and HTML of a page.
    """
    shown = [place for place, person in enumerate(wall.people) if person.declared is not None]
    parts = [shown[start : start + PER_PAGE] for start in range(0, len(shown), PER_PAGE)] or [[]]
    cards = {
        place: f"{'' if number == 0 else _file(number)}#{_anchor(place)}"
        for number, part in enumerate(parts)
        for place in part
    }
    for number, part in enumerate(parts):
        content = {
            "cards": [_card(wall.people[place], place, links) for place in part],
            "pages": [(_file(each), _range(wall, places)) for each, places in enumerate(parts)],
            "number": number,
            "first": _first(wall, Tables(wall.people, links, cards), participants) if number == 0 else None,
            "rule": RULE,
        }
        yield _file(number), render(_TEMPLATE, _page(wall, number, len(parts)), content)


def _page(wall: Wall, number: int, count: int) -> Page:
    name = line(called(wall.root), 80)
    title = f"Batch report: {name}" + (f", page {number + 1} of {count}" if number else "")
    sections = [
        ("common", "How alike the exports are"),
        ("failures", "Failures"),
        ("farthest", "Farthest from the group"),
    ]
    sections += [("everybody", "Everybody"), ("wall", "Thumbnails")]
    return Page(title, _short(wall.notices), [] if number else sections)


def _short(notices: Sequence[str]) -> list[str]:
    """Notices without their details, which each person's report has."""
    return [sentences(notice, _SENTENCES) for notice in notices] or [NOTICE]


def _first(wall: Wall, tables: Tables, participants: pd.DataFrame) -> Mapping[str, object]:
    """What only the first page has."""
    lost = tables.lost()
    return {
        "counts": list(_counts(wall.people)),
        "network": wall.network,
        "mixed": wall.mixed or ((_SAME,) if wall.network else ()),
        "lost": lost if lost.rows else None,
        "farthest": tables.farthest(),
        "everybody": tables.everybody(participants),
    }


def _counts(people: Sequence[Person]) -> Iterator[tuple[int, str, str]]:
    """How many, what they are, and a class of style."""
    states = Counter(person.state for person in people)
    yield len(people), "people", "told"
    yield states[DONE], "done", "told"
    yield states[FAILED] + states[EXCLUDED], "failed", _alarm(states[FAILED] + states[EXCLUDED])
    yield states[TODO] + states[RUNNING], "to do or running", "told"
    distrusted = sum(person.distrusted for person in people)
    yield distrusted, "maps failed their trust checks", _alarm(distrusted)
    checks = sum(bool(person.declared and person.declared.failed_checks) for person in people)
    yield checks, "with failed self-checks", _alarm(checks)
    far = sum(person.far for person in people)
    yield far, FAR, "far" if far else "told"
    for state in (UNREADABLE, NO_EXPORT):
        if states[state]:
            yield states[state], {UNREADABLE: "cannot be read", NO_EXPORT: "folders without export"}[state], "failed"


def _alarm(count: int) -> str:
    return "failed" if count else "told"


def _card(person: Person, place: int, links: Links) -> Card:
    return Card(_anchor(place), person, links.report(person), links.to(person.folder))


def _range(wall: Wall, places: Sequence[int]) -> str:
    """First and last person of a page."""
    names = [line(wall.people[place].name, 40) for place in places]
    return f"{names[0]} to {names[-1]}" if len(names) > 1 else "".join(names)


def _file(number: int) -> str:
    return "index.html" if number == 0 else f"page-{number + 1}.html"


def _anchor(place: int) -> str:
    return f"person-{place + 1}"
