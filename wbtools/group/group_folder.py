"""The folder of a group: tables, figures for programs, maps, the page and the record, all of them or none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.errors import InputError
from wbtools.errors.system import writing
from wbtools.group.analysis import GroupResult
from wbtools.group.maps.averaging import average_maps
from wbtools.group.maps.group_files import NetworkMaps
from wbtools.group.maps.group_session import write_maps
from wbtools.group.palm_model import write_model
from wbtools.group.telling.group_page import page
from wbtools.group.telling.group_record import as_record, left_out
from wbtools.group.telling.region_table import as_tsv
from wbtools.group.telling.sentences import people as people_of
from wbtools.group.told_reading import Tell, ToldReading
from wbtools.group.vertex_tests import write_vertices
from wbtools.output.destination import require_writable_around
from wbtools.output.ownership import PROVENANCE
from wbtools.output.publishing import publishing, require_absent
from wbtools.provenance import Provenance, sha256

if TYPE_CHECKING:
    from wbtools.drawing.renderer_choice import Renderer
    from wbtools.reading import Batch

FOLDER = "wbtools-group"
"""The only folder in the folder of exports itself that a group may lie in."""
SUBJECT = "group"
"""What the record calls its subject, so that no export is taken for a group."""
FIGURES, PAGE, PALM = "group.json", "group.html", "palm"


@dataclass(frozen=True)
class GroupPlace:
    """Where the files of a group go, and which.

    Parameters
    ----------
    out : Path
        The folder itself.
    maps : bool
        Whether maps on the cortex and in MNI space are made.
    palm : bool
        Whether data and model are written for PALM.
    overwrite : bool
        Whether an earlier group in `out` is replaced.
    jobs : int
        People whose maps are read at the same time, and cores for pictures.
    """

    out: Path
    maps: bool = True
    palm: bool = False
    overwrite: bool = False
    jobs: int = 1

    def require(self, batch: Batch) -> None:
        """Raise InputError unless a group of these exports can be written there."""
        whole, exports = self.out.absolute(), batch.folder.resolve()
        if exports in (whole.resolve(), *whole.resolve().parents) and whole.resolve() != exports / FOLDER:
            raise InputError(
                f"--out {self.out} lies in the folder of the exports, {batch.folder}",
                hint=f"choose a folder beside it, or {batch.folder / FOLDER}, which no group takes for an export",
            )
        require_writable_around(self.out, "--out")
        require_absent(whole.parent, whole.name, self.overwrite, SUBJECT)


def write(
    result: GroupResult,
    place: GroupPlace,
    renderer: Renderer | None = None,
    tell: Tell = lambda done, total: None,
) -> tuple[Path, ...]:
    """Write a group's folder.

    Parameters
    ----------
    result : GroupResult
    place : GroupPlace
    renderer : Renderer, optional
        Draws the maps; without it they are not drawn.
    tell : callable
        Told how many people's maps were read, and of how many.

    Returns
    -------
    tuple of Path
        The files, relative to the folder.
    """
    place.require(result.batch)
    record = _record(result, place)
    whole = place.out.absolute()
    with publishing(whole.parent, whole.name, overwrite=place.overwrite, subject=SUBJECT) as folder, writing(folder):
        written = _tables(result, folder)
        if place.maps:
            with record.stage("maps"):
                made = _averaged(result, place.jobs, tell)
            with record.stage("files, scenes and pictures"):
                written += [file.path for file in write_maps(folder, made, renderer, place.jobs)]
            if renderer:
                record.facts["pictures"] = renderer.as_record()
                record.notice(renderer.notice, grave=False)
        if place.palm:
            with record.stage("files for PALM"):
                for name, each in result.networks.items():
                    written += write_model(folder / PALM / name, each, result.settings.formula)
        written.append(_text(folder / PAGE, page(result, folder, written, renderer if place.maps else None)))
        names = [path.relative_to(folder) for path in written]
        record.write(folder / PROVENANCE, folder, names)
    return tuple(names)


def _tables(result: GroupResult, folder: Path) -> list[Path]:
    """A table for each network, tests of vertices, and all figures for programs."""
    figures = json.dumps(as_record(result), indent=2, ensure_ascii=False, allow_nan=False)
    tables = [_text(folder / f"group.{name}.regions.tsv", as_tsv(each.table)) for name, each in result.networks.items()]
    vertices = [
        path
        for name, each in result.networks.items()
        if each.vertices
        for path in write_vertices(folder, name, each.vertices)
    ]
    return [*tables, *vertices, _text(folder / FIGURES, f"{figures}\n")]


def _averaged(result: GroupResult, jobs: int, tell: Tell) -> list[NetworkMaps]:
    """Mean maps of all networks."""
    made: list[NetworkMaps] = []
    before, total = 0, sum(len(found.cohort) for found in result.networks.values())
    for name, found in result.networks.items():

        def further(done: int, _: int, before: int = before) -> None:
            tell(before + done, total)

        people = tuple(found.cohort.results.values())
        maps = average_maps(ToldReading(people, further), jobs)
        areas = {"mean level": found.table["mean_level"].to_dict()}
        who = people_of(found.cohort)
        made.append(NetworkMaps(name, found.cohort.title, maps, areas, notices=result.briefs, who=who))
        before += len(people)
    return made


def _text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def _record(result: GroupResult, place: GroupPlace) -> Provenance:
    """The record, with what the result was made from, and what must be known of it."""
    asked = {"maps": place.maps, "palm": place.palm}
    record = Provenance({"subject": SUBJECT, **result.settings.as_record(), **asked})
    for notice in result.notices:
        record.notice(notice, grave=False)
    for who in result.people:
        path = result.batch.exports[who].folder / PROVENANCE
        record.inputs[f"{who}/{PROVENANCE}"] = sha256(path)
        record.input_sizes[f"{who}/{PROVENANCE}"] = path.stat().st_size
    for file in (result.batch.participants_file, *map(Path, result.settings.annotations)):
        if file is not None and file.is_file():
            record.add_inputs(file.parent, [file])
    record.facts["group"] = {"people": list(result.people), "left_out": left_out(result)}
    return record
