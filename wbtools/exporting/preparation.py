"""Before anything is computed: what this machine has, and one person's files read, with the atlas, and checked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from wbtools.atlas import cortical_atlas
from wbtools.atlas.deep.label_files import locate
from wbtools.atlas.deep.spelling import sources_named
from wbtools.drawing.renderer_choice import Renderer, choose, look
from wbtools.errors import CommandMissing
from wbtools.exporting.preflight import Inputs
from wbtools.exporting.settings import ExportSettings
from wbtools.native import checks, cortex, person
from wbtools.native.cortex import Cortex
from wbtools.native.defacing import mask_record
from wbtools.native.engines import ENGINES
from wbtools.native.person import Person
from wbtools.native.projection import Projection
from wbtools.placement.anatomy import placement_in
from wbtools.placement.options import INSTALL, USUAL, PlacementOptions
from wbtools.provenance import Provenance
from wbtools.space.foreground import Scan, foreground, is_stripped
from wbtools.subject import Subject, prepared
from wbtools.workbench.runner import Workbench

logger = logging.getLogger(__name__)

_ROUGH = (
    "Areas are those of an average's ribbon, which covers about a third of this person's cortex. With SyN they lie "
    f"on its own grey matter: {INSTALL}."
)
"""What is said where nothing better is installed."""


@dataclass(frozen=True, eq=False)
class Tools:
    """What computes and draws on this machine.

    Parameters
    ----------
    projection : Projection
        Carries numbers between voxels and cortex.
    workbench : Workbench or None
        The installed Workbench; None where none is there or needed.
    threads : int
    placing : PlacementOptions
        How a template is laid over people without surfaces.
    choosing : Future of Renderer, or None
        Who draws, while that is found out; None where nothing is drawn.
    """

    projection: Projection
    workbench: Workbench | None
    threads: int
    placing: PlacementOptions = USUAL
    choosing: Future[Renderer] | None = None

    @property
    def renderer(self) -> Renderer | None:
        """Who draws; None where nothing is drawn."""
        return self.choosing.result() if self.choosing else None

    @property
    def draws_elsewhere(self) -> bool:
        """Whether another program draws, beside which a processor has time for something else."""
        return self.threads > 1 and self.renderer is not None and self.renderer.workbench is not None

    def inflated(self, surfaces: Cortex) -> Cortex:
        """A cortex with the inflated surfaces that it may lack, where Workbench can make them."""
        return cortex.inflated(surfaces, self.workbench, self.threads) if self.workbench else surfaces


def find_tools(settings: ExportSettings, record: Provenance) -> Tools:
    """The tools that settings need, as far as they are there: without a Workbench, wbtools draws scenes itself."""
    engine = ENGINES[settings.engine]
    found = look(settings.wb_command) if settings.render or engine.needs_workbench else None
    if isinstance(found, CommandMissing) and (engine.needs_workbench or settings.wb_command):
        raise found
    choosing = _choosing(settings, found) if settings.render else None
    workbench = None if isinstance(found, CommandMissing) else found
    if workbench:
        record.facts["workbench"] = workbench.version()
    atlas = replace(cortical_atlas(settings.atlas), deep=sources_named(settings.subcortex))
    projection = engine.projection(workbench, settings.processors, settings.work, atlas)
    return Tools(projection, workbench, settings.processors, settings.placing, choosing)


def _choosing(settings: ExportSettings, found: Workbench | CommandMissing | None) -> Future[Renderer]:
    """Ask Workbench for a drawing, which takes half a second, while networks are loaded."""
    pool = ThreadPoolExecutor(1)
    choosing = pool.submit(choose, settings.renderer, found)
    pool.shutdown(wait=False)
    return choosing


@contextmanager
def files_of(inputs: Inputs, tools: Tools, record: Provenance) -> Iterator[Subject]:
    """The subject with what had to be made, whose files exist inside the block."""
    with ExitStack() as files:
        with record.stage("files made for this subject"):
            ready = files.enter_context(prepared(inputs.subject, _placing(tools, record)))
        yield ready


def read_scan(ready: Subject, tools: Tools, record: Provenance) -> Scan:
    """The person's image."""
    with record.stage("T1w and brain mask"):
        return person.read_scan(ready, tools.placing)


def read(ready: Subject, scan: Scan, inputs: Inputs, tools: Tools, record: Provenance) -> tuple[Person, Subject]:
    """The person's surfaces and atlas, and the subject with its place in a template; all of it goes on record."""
    placing = _placing(tools, record)
    ready = _with_placement(ready, scan, tools, placing, record)
    me = person.read(ready, inputs.meshes, tools.projection, tools.inflated, record.stage, scan)
    record.notice(ready.notice if ready.notice != inputs.subject.notice else "", grave=False)
    if ready.from_template and not ready.own_grey_matter and placing.registration is None:
        record.notice(_ROUGH)
    for remark in me.remarks:
        record.notice(remark)
    if mask := mask_record(me.scan):
        record.facts["brain_mask"] = mask
    if ready.placement:
        record.facts["placement"] = ready.placement.facts
    record.facts["derived"] = list(ready.derived)
    record.facts["atlas"] = {"mesh": me.main, **me.atlas.as_record()}
    return me, ready


def _placing(tools: Tools, record: Provenance) -> PlacementOptions:
    """How a template is laid over people, with somebody who is told each step."""
    return replace(tools.placing, told=partial(_step, record))


def _step(record: Provenance, step: str) -> None:
    """Say which step of laying a template over a head begins; each takes up to a minute."""
    record.listener(f"template in this head: {step}")
    logger.info("template in this head: %s", step)


def _with_placement(
    subject: Subject, scan: Scan, tools: Tools, placing: PlacementOptions, record: Provenance
) -> Subject:
    """A subject with the template's place in their head, where labels have to be carried from it and SyN is there."""
    folder = person.own_folder(subject)
    carried = any(locate(source, folder).file.space != "T1w" for source in tools.projection.atlas.deep)
    brain = foreground(scan.t1w) if is_stripped(scan.t1w) else scan.inside
    if not carried or subject.placement or brain is None or not placing.nonlinear:
        return subject
    with record.stage("template in this head"):
        return replace(subject, placement=placement_in(scan.t1w, brain, placing))


def check(me: Person, subject: Subject, allowed: tuple[str, ...], record: Provenance) -> str:
    """Check that image, surfaces and atlas belong together.

    Returns
    -------
    str
        What every reader must know about the data.

    Raises
    ------
    CheckError
        If a check fails that is not allowed.
    """
    with record.stage("self-checks"):
        cortices, areas = list(me.cortices.values()), {str(mesh): keys for mesh, keys in me.areas.items()}
        own = not subject.from_template
        checked = checks.run(me.t1w, cortices, areas, me.atlas, frozenset(allowed), own_surfaces=own)
        record.facts["checks"] = [result.as_record() for result in checked]
        for result in checked:
            record.notice(result.notice)
    return checks.marked(subject.notice, checked)
