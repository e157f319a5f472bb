"""What an export would read and where it would write, in words; nothing is computed or written."""

from __future__ import annotations

from collections.abc import Sequence

from wbtools.atlas.deep.label_files import locate
from wbtools.atlas.deep.spelling import sources_named
from wbtools.exporting import face_removal, networks, preflight, recording
from wbtools.exporting.references import planned
from wbtools.exporting.settings import ExportJob, ExportSettings
from wbtools.model import Model
from wbtools.native import person
from wbtools.output import destination


def plan(job: ExportJob, settings: ExportSettings) -> list[str]:
    """What `pipeline.export_subject` would read and where it would write, as lines.

    Raises
    ------
    WbtoolsError
        As `export_subject`, as far as can be told without computing.
    """
    inputs = preflight.find(job, settings)
    place = preflight.require_exportable(job, settings, inputs)
    loaded = networks.load(settings.models, settings.explanation, job.compared)
    networks.require_references(loaded, settings)
    names = list(networks.by_name(loaded, settings.models))
    published = destination.require(place, names)  # last: it hides no other mistake
    subject = inputs.subject
    lines = [
        f"subject: {subject.id} ({subject.layout} layout, registration {subject.registration})",
        f"T1w: {subject.source}",
        *([f"template: laid over it {settings.placing.words}"] if subject.from_template else []),
        f"meshes: {', '.join(inputs.meshes)}",
        f"segmentation: {subject.segmentation or 'none: cortex only'}",
        *(
            f"labels of {source.name}: {locate(source, person.own_folder(subject)).path}"
            for source in sources_named(settings.subcortex)
        ),
        f"networks: {', '.join(names)}",
        *_methods(names, loaded, settings, len(inputs.references.people)),
        *(f"compared with: {known.t1w}" for known in inputs.people),
        *(f"reference: {known.t1w}" for known in inputs.references.people),
        *(f"note: {remark}" for remark in (*subject.remarks, *inputs.references.remarks)),
        *(f"note: {said}" for said in recording.learned_people(settings.models, inputs)),
        *(f"note: {said}" for said in _alone(loaded, settings, len(inputs.people))),
        *(f"will make: {made}" for made in (*subject.derived, face_removal.planned(subject, settings.keep_face))),
        f"would write: {published.folder}",
    ]
    return lines + [f"missing: {missing.path} (forbids {missing.forbids})" for missing in subject.missing]


def _alone(loaded: Sequence[Model], settings: ExportSettings, people: int) -> list[str]:
    """Which maps are not of those compared with, each sentence once."""
    found = (networks.without_comparison(network, settings.explanation, people) for network in loaded)
    return list(filter(None, dict.fromkeys(found)))


def _methods(names: Sequence[str], loaded: Sequence[Model], settings: ExportSettings, people: int) -> list[str]:
    """How networks are explained and what with, in two lines; in two for each if they differ."""
    said = [_method(network, settings, people) for network in loaded]
    if len(set(said)) == 1:
        return list(said[0])
    return [f"{name}: {text}" for name, texts in zip(names, said, strict=True) for text in texts]


def _method(network: Model, settings: ExportSettings, people: int) -> tuple[str, ...]:
    """The methods that explain a network, and the references that they compare with."""
    first, *second = settings.explanation.methods_of(network)
    found = {how.name: planned.in_words(how, network, settings.references, people) for how in (first, *second)}
    if len(set(found.values())) == 1:
        references = found[first.name]
    else:
        references = "; ".join(f"{name}: {words or 'none'}" for name, words in found.items())
    return (
        f"method: {first.name}" + "".join(f"; second map by: {how.name}" for how in second),
        f"references: {references or 'none'}",
    )
