"""What an export prints at its end: the decision, the strongest regions, and what to open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells

from wbtools.cli.console import out
from wbtools.cli.sharing.viewer_lines import print_opening
from wbtools.output.ownership import PROVENANCE
from wbtools.text import counted, first_of, line

if TYPE_CHECKING:
    from wbtools.exporting.pipeline import ExportResult
    from wbtools.regions import Ranking
    from wbtools.regions.second_ranking import AlsoRanked

_REPORT = "report.html"
_TOP = 10
_LEAST_NAME = 12  # columns that a name keeps, however narrow the terminal
_DISPENSABLE = ("kind", "mm3", "z", "share", "calib.")
"""Columns that a narrow terminal goes without, the first one first."""


@dataclass(frozen=True)
class Column:
    """A column of a table on the terminal.

    Parameters
    ----------
    heading : str
    cells : tuple of str
    words : bool
        Whether they stand at the left, as words, which may be cut; numbers stand at the right and are never cut.
    """

    heading: str
    cells: tuple[str, ...]
    words: bool = False

    @property
    def width(self) -> int:
        """Columns of the terminal that it takes."""
        return max(map(cell_len, (self.heading, *self.cells)))


def summarise(export: ExportResult, *, whole: bool = False) -> None:
    """Print what every network says, the strongest regions, what to know and what to open.

    Parameters
    ----------
    export : ExportResult
    whole : bool
        Whether notices are printed as files have them.
    """
    for name, ranking in export.rankings.items():
        for sentence in export.decisions[name]:
            out.print(out.wrapped(f"{line(name)}: {line(sentence)}"))
        out.print()
        _say_regions(name, ranking)
        if name in export.also:
            _say_also(export.also[name])
        for sentence in export.planted.get(name, ()):
            out.print(out.wrapped(line(sentence)))
        out.print()
    for notice in export.notices if whole else export.briefs:
        out.print(out.wrapped(f"Note: {line(notice)}"))
    if not whole and export.briefs != export.notices:
        out.print(f"Notes in full: {line(export.folder / PROVENANCE)}")
    out.print(f"Wrote {line(export.folder)}")
    out.print(f"Pictures: {line(export.folder / 'figures')}" if export.pictures else "Pictures: none")
    if (export.folder / _REPORT).is_file():
        out.print(f"Read:  {line(export.folder / _REPORT)}")
    print_opening(export.scene)
    out.print("Research use only. Not for diagnosis.")


def _say_regions(name: str, ranking: Ranking) -> None:
    out.print(fitted(line(f"{name}: regions with the most relevance ({ranking.values})"), out.width))
    for row in table(columns(ranking), out.width):
        out.print(row)
    out.print(out.wrapped(outside(ranking)))
    if ranking.null:
        out.print(f"against {counted(ranking.null.networks, 'randomised network')}: {_standing_out(ranking)}")
        if found := [line(row.region.name) for row in ranking.significant() if row.region]:
            out.print(out.wrapped(f"  {first_of(found, _TOP)}"))


def _say_also(also: AlsoRanked) -> None:
    ranked = [line(row.region.name) for row in also.ranking.rows if row.region and row.rank]
    out.print(out.wrapped(f"first regions by {also.method}: {', '.join(ranked[:_TOP])}"))


def _standing_out(ranking: Ranking) -> str:
    """How many regions do, or why none can."""
    if ranking.null and not ranking.null.enough:
        return f"too few for a region to stand out; p is at least {ranking.null.lowest_p:.2g} (see --null)"
    return f"regions that stand out (p < .05, corrected): {len(ranking.significant())}"


def outside(ranking: Ranking) -> str:
    """How much of the relevance lies outside the atlas; why that may be no part of a whole."""
    said = f"outside the atlas: {ranking.outside.share:.1%} of the relevance"
    if all(0 <= row.share <= 1 for row in (*ranking.rows, ranking.outside)):
        return said
    return f"{said} (of the sum, in which relevance of both signs cancels: shares may be below 0 % or above 100 %)"


def columns(ranking: Ranking) -> list[Column]:
    """The ten strongest regions as columns."""
    rows = [(row, row.region) for row in ranking.rows[:_TOP] if row.region]

    def null(form: str) -> tuple[str, ...]:
        return tuple(form.format(row.null) if row.null else "n/a" for row, _ in rows)

    against = [Column("calib.", null("{0.rank}")), Column("z", null("{0.z:.1f}"))] if ranking.null else []
    return [
        Column("rank", tuple(str(row.rank) for row, _ in rows)),
        *against,
        Column("region", tuple(line(region.name) for _, region in rows), words=True),
        Column("kind", tuple(region.kind.value for _, region in rows), words=True),
        Column("mm3", tuple(f"{row.volume:.0f}" for row, _ in rows)),
        Column("share", tuple(f"{row.share:.2%}" for row, _ in rows)),
        Column("score", tuple(f"{row.score:.3f}" for row, _ in rows)),
    ]


def table(made: Sequence[Column], width: int) -> list[str]:
    """Columns as lines of at most `width`: closer together, without some, or with shortened names, as far as needed.

    Examples
    --------
    >>> table([Column("rank", ("1", "2")), Column("region", ("THALAMUS_LEFT", "V1"), words=True)], 30)
    ['rank  region', '   1  THALAMUS_LEFT', '   2  V1']
    """
    kept, gap = list(made), 2
    if _width(kept, gap) > width:
        gap = 1
    for heading in _DISPENSABLE:
        if _width(kept, gap) - _spare(kept) <= width:
            break
        kept = [column for column in kept if column.heading != heading]
    room = width - _width(kept, gap)
    kept = [
        _narrowed(column, column.width + room) if room < 0 and column.heading == "region" else column for column in kept
    ]
    lines = zip(*([column.heading, *column.cells] for column in kept), strict=True)
    return [
        (" " * gap).join(_padded(c, column) for c, column in zip(cells, kept, strict=True)).rstrip() for cells in lines
    ]


def _width(made: Sequence[Column], gap: int) -> int:
    return sum(column.width for column in made) + gap * (len(made) - 1)


def _spare(made: Sequence[Column]) -> int:
    """Columns of the terminal that shortening names would win."""
    return sum(max(0, column.width - _LEAST_NAME) for column in made if column.heading == "region")


def _narrowed(column: Column, width: int) -> Column:
    room = max(width, _LEAST_NAME)
    return Column(column.heading, tuple(fitted(cell, room) for cell in column.cells), column.words)


def _padded(cell: str, column: Column) -> str:
    blanks = " " * (column.width - cell_len(cell))
    return cell + blanks if column.words else blanks + cell


def fitted(text: str, width: int) -> str:
    """A text of at most `width` columns: a longer one loses its middle, as its end often says which side is meant.

    Examples
    --------
    >>> fitted("DIENCEPHALON_VENTRAL_RIGHT", 16)
    'DIENCEPH\u2026L_RIGHT'
    """
    if cell_len(text) <= width:
        return text
    ellipsis = out.fit("\u2026")
    room = max(0, width - len(ellipsis))
    head, *_ = chop_cells(text, max(1, room - room // 2))
    tail, *_ = chop_cells(text[::-1], max(1, room // 2))
    return head + ellipsis + tail[::-1]
