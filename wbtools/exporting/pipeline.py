"""The order of stages from one person's folder to a finished Workbench session; the stages themselves are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from wbtools.errors.system import writing
from wbtools.exporting import computation, networks, preflight, preparation, recording
from wbtools.exporting.session import assembly, files, page_viewer, scanner_objects
from wbtools.exporting.settings import ExportJob, ExportSettings
from wbtools.model import Model
from wbtools.output import destination
from wbtools.output.kinds import Output, OutputKind
from wbtools.output.publishing import publishing
from wbtools.provenance import Provenance
from wbtools.regions import Ranking
from wbtools.regions.second_ranking import AlsoRanked


@dataclass(frozen=True)
class ExportResult:
    """What an export left behind.

    Parameters
    ----------
    folder, scene : Path
        The published folder, and the scene file in it.
    pictures : tuple of Path
        Of scenes, and of what networks were shown, which needs no Workbench; empty when none were asked for.
    rankings, also : dict of str to Ranking, AlsoRanked
        By network name; `also` by the second method, where there is one.
    decisions : dict of str to tuple of str
        By network name: what the network says, and what was explained, in words.
    planted : dict of str to tuple of str
        By network name, where a card says what was planted: where the map has it, in words.
    notices : tuple of str
        What every reader of the result must know.
    briefs : tuple of str
        The same as a terminal shows it: each caution once, its first sentences.
    """

    folder: Path
    scene: Path
    pictures: tuple[Path, ...]
    rankings: dict[str, Ranking]
    also: dict[str, AlsoRanked]
    decisions: dict[str, tuple[str, ...]]
    planted: dict[str, tuple[str, ...]]
    notices: tuple[str, ...]
    briefs: tuple[str, ...]


def export_subject(
    job: ExportJob,
    settings: ExportSettings,
    listener: Callable[[str], None] = lambda stage: None,
    loaded: Sequence[Model] = (),
) -> ExportResult:
    """Export one subject: from its folder to maps, ranking, session, pictures and record.

    Parameters
    ----------
    job : ExportJob
        Of whom, and where to.
    settings : ExportSettings
        How.
    listener : callable
        Told the name of every stage when it begins.
    loaded : sequence of Model
        What `networks.load` gave for these settings, to load them once for many subjects.

    Raises
    ------
    WbtoolsError
        Whatever is wrong with the input, the machine or a result; nothing is published then.
    """
    record = Provenance({"subject": job.subject, **settings.as_record(job.compared)}, listener)
    with record.stage("subject"):
        inputs = preflight.find(job, settings)
        recording.note_inputs(record, inputs)
        recording.note_references(record, inputs.references)
        place = preflight.require_exportable(job, settings, inputs)
        tools = preparation.find_tools(settings, record)
    with record.stage("networks"):
        models = loaded or networks.load(settings.models, settings.explanation, job.compared, tried=False)
        networks.require_references(models, settings)
        recording.note_deciding(record, models, inputs.people, inputs.references.listed)
        named = networks.by_name(models, settings.models)
        recording.note_networks(record, list(named.values()), settings.models, inputs)
        published = destination.require(place, list(named))
    tidy = not loaded  # a batch tidies up once for all its subjects
    with publishing(place.out, place.name, overwrite=place.overwrite, subject=place.subject, tidy=tidy) as staged:
        made = computation.compute(inputs, named, settings, tools, record)
        out = replace(published, folder=staged)
        with writing(staged):
            with record.stage("files"):
                data = files.write(out, made, tools.threads, drawn=settings.render)
            page = page_viewer.making(made, settings.report, beside=tools.draws_elsewhere)
            with record.stage("scenes and pictures"), page as add_page:
                shown = assembly.make(out, data, made, tools.renderer, tools.threads)
            if settings.dicom_out:
                shown += scanner_objects.write(out, made, shown, inputs.subject, record)
            written = data + shown + out.convention.write_sidecars(data, out, made.notice)
            finished = partial(
                ExportResult,
                published.folder,
                published.path(Output(OutputKind.SCENE)),
                tuple(sorted(published.path(figure.what) for figure in written.of(OutputKind.FIGURE))),
                rankings={each.name: each.ranking for each in made.explanations},
                also={each.name: each.also.ranked for each in made.explanations if each.also},
                decisions={each.name: each.said for each in made.explanations},
                planted={each.name: each.planted.sentences() for each in made.explanations if each.planted},
            )
            del made, page  # volumes, whose memory the report needs
            recording.write(record, out, written, inputs, tools, add_page)
    out.convention.describe_exports(place.out, inputs.subject.folder)
    return finished(notices=tuple(record.notices), briefs=tuple(record.briefs))
