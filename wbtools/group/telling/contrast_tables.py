"""Contrasts on a group's page: of each the regions with the lowest p."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbtools.group.measures import MEAN
from wbtools.report.parts import Column, Table, number, words
from wbtools.text import counted, line

if TYPE_CHECKING:
    from wbtools.group.contrast_tests import ContrastTest
    from wbtools.group.network_findings import NetworkFindings

_ROWS = 20


def contrasts(found: NetworkFindings) -> list[Table]:
    """A table for each contrast."""
    return [_contrast(test, found) for test in found.contrasts]


def _contrast(test: ContrastTest, found: NetworkFindings) -> Table:
    columns = [
        Column("region"),
        Column("kind"),
        Column("t", True),
        Column("p", True, "corrected for the number of regions"),
        Column("effect", True, test.effect),
    ]
    rows = [
        [
            words(found.measures.regions[place].name),
            words(found.measures.regions[place].kind.value),
            number(float(test.t[place]), ".2f"),
            number(float(test.p_corrected[place]), ".3g"),
            number(float(test.effect_size[place]), ".2f"),
        ]
        for place in test.ordered[:_ROWS].tolist()
    ]
    title = (
        f"{line(test.name, 60)} in the maps of {line(found.name, 60)}: the {counted(len(rows), 'region')} of lowest p"
    )
    return Table(title, columns, rows, _note(test))


def _note(test: ContrastTest) -> str:
    freedom = counted(test.tests.freedom, "residual degree", "residual degrees")
    return (
        f"Positive: {test.contrast.says}. Of levels of {MEAN}; {freedom} of freedom; effect: {test.effect}. "
        f"By {test.said}. All regions stand in the table below."
    )
