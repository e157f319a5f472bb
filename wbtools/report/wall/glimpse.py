"""A look at one export: its region table and its overview picture, and no volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.errors import InputError, UnreadableFile
from wbtools.reading.finished import open_export
from wbtools.reading.results import NetworkResults
from wbtools.reading.table import OUTSIDE
from wbtools.report.parts import Picture
from wbtools.report.person.findings import none_stands_out
from wbtools.text import line

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 240
"""Of thumbnails, pixels."""
_FIRST = 3
_CALIBRATED, _P = "calibrated_rank", "p_corrected"


@dataclass(frozen=True, eq=False)
class Glimpse:
    """What a look at an export found.

    Parameters
    ----------
    means : mapping of str to float
        Mean |relevance| of every region, 1/mm3; empty where the table cannot be read.
    first : tuple of str
        The first three regions by calibrated rank, else by rank.
    calibrated : bool
        Whether that is the calibrated rank.
    p : float
        Of the first region against randomised networks, corrected; NaN where there are none.
    outside : float
        Share of relevance outside the atlas.
    thumbnail : Picture or None
    remarks : tuple of str
        What is missing or damaged, a sentence each.
    """

    means: Mapping[str, float] = field(default_factory=dict)
    first: tuple[str, ...] = ()
    calibrated: bool = False
    p: float = float("nan")
    outside: float = float("nan")
    thumbnail: Picture | None = None
    remarks: tuple[str, ...] = ()

    @property
    def first_in_words(self) -> str:
        """The first regions, and that none stands out where that is so: some region always comes first."""
        named, alone = ", ".join(self.first), none_stands_out(self.p)
        return f"{named} ({alone})" if named and alone else named


def glimpse(folder: Path, network: str) -> Glimpse:
    """Look at what a network found in an export; what is missing or damaged is said, not raised.

    Parameters
    ----------
    folder : Path
    network : str
        One of the export's.
    """
    export = open_export(folder)
    results = export.networks[network]
    thumbnail, remark = _thumbnail(results, export.subject)
    try:
        table = results.table
    except InputError as error:
        return Glimpse(thumbnail=thumbnail, remarks=(_without(folder, error), *filter(None, [remark])))
    regions = table.drop(index=OUTSIDE, errors="ignore")
    first, calibrated = _first(regions)
    p = float(regions[_P].min()) if calibrated and _P in regions else float("nan")
    means = dict(zip(map(str, regions.index), map(float, regions["abs_mean"]), strict=True))
    return Glimpse(means, first, calibrated, p, results.share_outside, thumbnail, tuple(filter(None, [remark])))


def _first(regions: pd.DataFrame) -> tuple[tuple[str, ...], bool]:
    calibrated = _CALIBRATED in regions and bool(regions[_CALIBRATED].notna().any())
    ordered = regions[_CALIBRATED if calibrated else "rank"].nsmallest(_FIRST)
    return tuple(line(name, 60) for name in ordered.index), calibrated


def _thumbnail(results: NetworkResults, subject: str) -> tuple[Picture | None, str]:
    """The overview picture made small, or why there is none."""
    try:
        path = results.picture("overview")
        if path is None:
            return None, "no overview picture was drawn"
        return Picture.read(path, WIDTH, f"Overview of {line(subject, 60)}: three slices and the cortex"), ""
    except UnreadableFile:
        return None, "its overview picture is damaged"
    except InputError as error:
        return None, _without(results.contents.container.place, error)


def _without(folder: Path, error: InputError) -> str:
    """A sentence without the path of the export, which is not shown on pages."""
    return line(str(error).replace(f"{folder}/", "").replace(str(folder), "it"))
