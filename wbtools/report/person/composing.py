"""The report of one person's export, put together in the order in which it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere, Kind
from wbtools.errors import InputError
from wbtools.reading import inline
from wbtools.reading.finished import Export
from wbtools.reading.record import section
from wbtools.reading.results import NetworkResults
from wbtools.report.methods import methods_text
from wbtools.report.page import NOTICE, Page, render
from wbtools.report.parts import Bar, Picture, Table
from wbtools.report.person import outlines, rankings, recorded, trust_figures
from wbtools.report.person.findings import Findings, cautions
from wbtools.report.person.viewing import viewer_of
from wbtools.space.grid import Unit, Volume
from wbtools.text import line

if TYPE_CHECKING:
    from wbtools.surfaces.mesh import Mesh

_SECTIONS = (
    ("overview", "Overview"),
    ("regions", "Regions"),
    ("trust", "Trust"),
    ("placement", "Placement"),
    ("look", "Interactive viewer"),
    ("methods", "Methods"),
    ("record", "Record"),
)
_OVERVIEW, _INPUT = "overview", "input"
_WIDTH = {"full": 1400, "static": 1000}  # pixels
_SMALL = 800
_SURFACES = ("white", "pial")

_ALTS = {
    "overview": "Slices of the T1w above and inflated cortex below, regions coloured by their smoothed score",
    "relevance-volume": "Relevance on sagittal, coronal and axial slices of the T1w",
    "relevance-pial": "Relevance on the pial surface, both hemispheres from outside and inside",
    "relevance-inflated": "Relevance on inflated cortex with the borders of areas",
    "region-heatmap": "Every region in the colour of its score, on slices and inflated cortex",
    "heatmap-pial": "Smoothed region scores on the pial surface",
    "region-heatmap-calibrated": "Areas in the colour of what they have beyond randomised networks, inflated cortex",
    "also-relevance": "Relevance by the second method, on slices and inflated cortex",
    "also-region-heatmap": "Region scores by both methods, the first above, the second below",
    "pairs": "What one area of this person adds to the likeness with each area of the other, inflated cortex",
    "input": "What the network was shown, in three planes, and the reference below it where there is one",
}

_WITHOUT_T1W = (
    "The T1w is not in this pack: wbtools pack --without-t1w left it out, with all that shows it. So there are no "
    "pictures of its slices, no placement and no viewer on this page."
)


@dataclass(frozen=True, eq=False)
class Shown:
    """What the page shows of one network; see `person.html`."""

    name: str
    findings: Findings
    overview: Picture | None
    more_pictures: tuple[Picture, ...]
    input: Picture | None
    tables: list[Table]
    ranking_note: str
    verdict: str
    bars: list[Bar]
    second_method: str
    second_advice: str
    second_bars: list[Bar]
    cautions: list[str]


def report(export: Export, *, static: bool = False, viewer: str = "") -> str:
    """The report of an export as one HTML page that needs no other file.

    Parameters
    ----------
    export : Export
    static : bool
        Without the interactive viewer and with smaller pictures: at most 2 MB instead of 10.
    viewer : str
        If it is made already.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If a file of the export is missing or damaged, unless it is a picture.
    """
    without = _WITHOUT_T1W if export.contents.left_out_t1w else ""
    placement = None if without else _placement(export)
    content = {
        "networks": [_shown(results, static) for results in export.networks.values()],
        "placement": placement,
        "left_out": without,
        "viewer": None if static or without else viewer or viewer_of(export),
        "methods": methods_text(export.provenance),
        "record_tables": recorded.tables(export.contents.record),
        "record_text": recorded.text(export.contents.record),
        "research": NOTICE,
    }
    return render("person.html", _page(export, static or bool(without), without), content)


def _page(export: Export, flat: bool, without: str) -> Page:
    names = ", ".join(line(results.name) for results in export.networks.values())
    return Page(
        title=f"{line(export.subject)}: what the network looked at ({names})",
        notices=[*_notices(export), *filter(None, [without])],
        sections=[each for each in _SECTIONS if not flat or each[0] != "look"],
    )


def _notices(export: Export) -> list[str]:
    """What every reader must know, without what the page says elsewhere: verdicts, cautions, its purpose."""
    elsewhere = {NOTICE}
    for results in export.networks.values():
        elsewhere |= {str(results.trust.get("verdict") or NOTICE), *cautions(results)}
    known = (notice for notice in export.notices if not notice.endswith(tuple(elsewhere)))
    return [line(notice) for notice in known]


def _shown(results: NetworkResults, static: bool) -> Shown:
    second = section(results.about, "also")
    pictures = dict(_pictures(results, static))
    return Shown(
        name=line(results.name, 80),
        findings=Findings.of(results),
        overview=pictures.pop(_OVERVIEW, None),
        input=pictures.pop(_INPUT, None),
        more_pictures=() if static else tuple(pictures.values()),
        tables=rankings.tables(results),
        ranking_note=rankings.note(results),
        verdict=line(results.trust.get("verdict", "The map was not checked.")),
        bars=trust_figures.bars(results.about),
        second_method=line(second.get("method", "")),
        second_advice=line(second.get("advice", "")),
        second_bars=trust_figures.bars(second),
        cautions=cautions(results),
    )


def _pictures(results: NetworkResults, static: bool) -> Iterator[tuple[str, Picture]]:
    """The pictures that the page shows, by scene."""
    for scene, name in results.contents.figures(results.name).items():
        if static and scene not in {_OVERVIEW, _INPUT}:
            continue
        width = _WIDTH["static" if static else "full"] if scene == _OVERVIEW else _SMALL
        yield scene, _picture(results, scene, name, width)


def _picture(results: NetworkResults, scene: str, name: str, width: int) -> Picture:
    """A picture of the export, or a sentence in its place."""
    caption = _ALTS.get(scene, scene)
    try:
        path = results.contents.path_of(name)
        return Picture.read(path, width, f"{caption}; network {line(results.name, 80)}", caption)
    except InputError:
        return Picture("", 0, 0, f"{line(name)} cannot be read")


def _placement(export: Export) -> Picture | None:
    """The outlines of the cortex, and of a brain mask that had to be made, over the T1w."""
    mesh = next((each for each in export.meshes if all(export.has_surface(each, kind) for kind in _SURFACES)), None)
    if mesh is None:
        return None
    surfaces = {kind: [export.surface(side, mesh, kind) for side in Hemisphere] for kind in _SURFACES}
    mask, centre = export.brain_mask, _centre(surfaces["white"])
    masks = {"mask": mask} if mask else {}
    if recorded.own_grey_matter(export.contents.record):
        surfaces, masks = {}, {**masks, "cortex": _cortex(export)}
        what = "voxels that have a cortical area"
        legend = (
            "Outlines of the voxels that have a cortical area (yellow) over the T1w: they should follow its grey "
            "matter. The average's surfaces only lend them names: they do not follow this person's folds."
        )
    else:
        what = "white and the pial surface"
        legend = (
            f"Outlines of the white surface (yellow) and the pial surface (red) of the {mesh} mesh over the T1w: they "
            "should follow the borders of the cortex."
        )
    drawn = outlines.draw(export.t1w, surfaces, centre, masks)
    said = (legend, recorded.mask_legend(export.contents.record) if mask else "", "Left is left.")
    caption = " ".join(filter(None, said))
    also = " and the brain mask" if mask else ""
    alt = f"Sagittal, coronal and axial slice of the T1w with the outlines of the {what}{also}"
    return Picture(inline.webp(drawn), drawn.width, drawn.height, alt, caption)


def _cortex(export: Export) -> Volume:
    """1 where a voxel has a cortical area."""
    keys = [region.key for region in export.regions if region.kind is Kind.CORTEX]
    labels = export.atlas.volume
    return Volume(np.isin(labels.data, keys).astype(np.uint8), labels.grid, Unit.LABEL)


def _centre(meshes: list[Mesh]) -> NDArray[np.float64]:
    """The middle of the cortex, but on the left: all slices through it show folds, mm."""
    left, right = (mesh.vertices.mean(axis=0, dtype=np.float64) for mesh in meshes)
    return np.array([left[0], *(left + right)[1:] / 2])
