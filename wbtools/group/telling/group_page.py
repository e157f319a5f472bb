"""The page of a group: the result in a sentence, pictures of all networks side by side, tables, who is left out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.group.telling import contrast_tables, group_tables, sentences
from wbtools.group.telling.group_methods import methods
from wbtools.report.page import NOTICE, Page, render
from wbtools.report.parts import Picture
from wbtools.text import line

if TYPE_CHECKING:
    from wbtools.drawing.renderer_choice import Renderer
    from wbtools.group.analysis import GroupResult
    from wbtools.group.network_findings import NetworkFindings

_OVERVIEW = "overview"
_WIDTHS = {1: 1200, 2: 800}
"""Of pictures, pixels, by the number of networks that stand side by side; more of them have 640."""
_NARROW = 640
_CONSISTENCY = "consistency"


def page(result: GroupResult, folder: Path, files: Sequence[Path], renderer: Renderer | None = None) -> str:
    """The page as text.

    Parameters
    ----------
    result : GroupResult
    folder : Path
        Where pictures lie, in `figures`, if they were drawn.
    files : sequence of Path
        What else was written.
    renderer : Renderer, optional
        What drew the pictures.
    """
    drawn, by_whom = ([renderer.notice], [renderer.said]) if renderer else ([], [])
    titles = ", ".join(line(each.cohort.title, 100) for each in result.networks.values())
    title = f"{sentences.shown(result.people)}: {titles}"
    compared = any(each.contrasts for each in result.networks.values())
    sections = [("result", "Overview"), *([("contrasts", "Contrasts")] if compared else [])]
    sections += [("regions", "Regions"), ("figures", "Figures")]
    sections += (
        [("context", "Brain context")] if any(each.context.profiles for each in result.networks.values()) else []
    )
    sections += [("networks", "Between networks")] if result.shared else []
    sections += [("people", "People"), ("methods", "Methods"), ("files", "Files")]
    names = sorted(path.relative_to(folder).as_posix() for path in files)
    return render(
        "group.html",
        Page(title, [*result.notices, *filter(None, drawn), NOTICE], sections),
        {
            "headline": result.headline,
            "left_out_said": sentences.left_out(result.chosen),
            "overviews": _pictures(result, folder, _OVERVIEW, "Mean relevance"),
            "consistencies": _pictures(result, folder, _CONSISTENCY, "Consistency"),
            "networks": [_network(each) for each in result.networks.values()],
            "shared": group_tables.shared(result.shared) if result.shared else None,
            "left_out": group_tables.left_out(result.left_out),
            "cohort": group_tables.people(result),
            "methods": [*methods(result), *by_whom],
            "files": names,
            "count": sentences.shown(result.people),
        },
    )


def _pictures(result: GroupResult, folder: Path, scene: str, what: str) -> list[Picture]:
    """A scene's pictures of all networks; none that was not drawn."""
    width = _WIDTHS.get(len(result.networks), _NARROW)
    found = []
    for name, each in result.networks.items():
        path = folder / "figures" / f"{name}.{scene}.png"
        if path.is_file():
            alt = f"{what} of {sentences.people(each.cohort)} by {line(name, 60)}: three planes and both hemispheres."
            caption = f"{what}, {line(each.cohort.title, 100)}"
            found.append(Picture.read(path, width, alt, caption))
    return found


def _network(found: NetworkFindings) -> dict[str, object]:
    """What the template shows of a network."""
    return {
        "name": found.name,
        "title": line(found.cohort.title, 100),
        "marks": group_tables.rank_marks(found),
        "regions": found.measures.names,
        "contrasts": contrast_tables.contrasts(found),
        "table": group_tables.regions(found),
        "bars": group_tables.bars(found),
        "deep": group_tables.deep(found.deep) if found.deep else None,
        "profiles": [group_tables.profile(each) for each in found.context.profiles],
        "spins": group_tables.spins(found.context.spins) if found.context.spins else None,
    }
