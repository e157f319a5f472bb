"""What an export would read and where it would write, in words; nothing is computed or written."""

from __future__ import annotations

from collections.abc import Sequence

from wbtools.exporting import face_removal, networks, preflight
from wbtools.exporting.settings import ExportJob, ExportSettings
from wbtools.model import Model
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
    networks.require_references_used(loaded, settings)
    names = list(networks.by_name(loaded, settings.models))
    published = destination.require(place, names)  # last: it hides no other mistake
    subject = inputs.subject
    lines = [
        f"subject: {subject.id} ({subject.layout} layout, registration {subject.registration})",
        f"T1w: {subject.t1w}",
        f"meshes: {', '.join(inputs.meshes)}",
        f"segmentation: {subject.segmentation or 'none: cortex only'}",
        f"networks: {', '.join(names)}",
        *_second_maps(loaded, settings),
        *(f"compared with: {known.t1w}" for known in inputs.people),
        *(f"reference: {known.t1w}" for known in inputs.references.people),
        *(f"note: {remark}" for remark in subject.remarks),
        *(f"will make: {made}" for made in (*subject.derived, face_removal.planned(subject, settings.keep_face))),
        f"would write: {published.folder}",
    ]
    return lines + [f"missing: {missing.path} (forbids {missing.forbids})" for missing in subject.missing]


def _second_maps(loaded: Sequence[Model], settings: ExportSettings) -> list[str]:
    """By which methods there will be second maps."""
    found = {also.method for network in loaded if (also := settings.explanation.companion_of(network))}
    return [f"second map by: {name}" for name in sorted(found)]
