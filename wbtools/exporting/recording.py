"""What goes on an export's record, in the order in which it is known; and what its reader is told."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from wbtools.attribution import measured
from wbtools.exporting.explanation import Explanation
from wbtools.exporting.maps_by_method import MapsByMethod, SecondMap
from wbtools.exporting.networks import deciding
from wbtools.exporting.preflight import Inputs
from wbtools.exporting.preparation import Tools
from wbtools.exporting.references.people import ReferencePeople
from wbtools.exporting.session.page_viewer import AddPage
from wbtools.model import Model
from wbtools.model.input import scaling_of
from wbtools.output.names import OutputFolder
from wbtools.output.written import WrittenFiles
from wbtools.provenance import Provenance
from wbtools.subject.selection import FoundPerson
from wbtools.subject.training_record import said_of
from wbtools.text import sentences

logger = logging.getLogger(__name__)

_SHOWN = 2
"""Sentences of a method's caution that a terminal shows; files hold all."""


def note_inputs(record: Provenance, inputs: Inputs) -> None:
    """Whom the export is about, and what of the subject's files is missing."""
    subject = inputs.subject
    record.notice(subject.notice, grave=False)
    for text in subject.remarks:
        record.notice(text)
    if subject.scanner_files:  # whose folder may be called after the person
        record.settings = {**record.settings, "subject": subject.id}
    record.facts["subject"] = {
        "id": subject.id,
        "layout": subject.layout,
        "registration": subject.registration,
        "sphere_space": subject.sphere_space,
        "meshes": list(inputs.meshes),
        "missing": [{"file": missing.path, "forbids": missing.forbids} for missing in subject.missing],
    }
    for missing in subject.missing:
        logger.warning("missing: %s (forbids %s)", missing.path, missing.forbids)


def note_references(record: Provenance, references: ReferencePeople) -> None:
    """The people who are references: who, by ids that the user knows, and which files; notices name nobody."""
    for remark in references.remarks:
        record.notice(remark)
    record.facts["references"] = [person.as_record() for person in references.people]


def files_of(people: Sequence[FoundPerson]) -> list[dict[str, str]]:
    """Names and SHA-256 of the files that were read of other people."""
    return [{"file": name, "sha256": digest} for person in people for name, digest in person.files.items()]


def note_deciding(
    record: Provenance, networks: Sequence[Model], people: Sequence[FoundPerson], listed: Sequence[FoundPerson] = ()
) -> None:
    """What decides a result: networks under their own names, people compared with, and those listed as references."""
    record.deciding = deciding(networks, (*people, *listed))
    record.facts["compared with"] = files_of(people)


def note_networks(
    record: Provenance, networks: Sequence[Model], models: Sequence[Path] = (), inputs: Inputs | None = None
) -> None:
    """What has to be said of networks, under their names in files, and of people whom they learned from.

    Parameters
    ----------
    record : Provenance
    networks : sequence of Model
    models : sequence of Path
        Their checkpoints; none means the built-in network.
    inputs : Inputs, optional
        The people who are explained and compared with.
    """
    for place, network in enumerate(networks):
        about = network.name if len(networks) > 1 else ""
        known = learned_people(models[place : place + 1], inputs) if inputs else []
        for text in (network.card.notice, *network.remarks, *known):
            record.notice(text, about=about)
        if network.card.assumed:
            usual = f"input usual for {network.family} is assumed, {scaling_of(network.card)}"
            record.notice(f"No card lies beside the checkpoint: {usual}.", about=about)


def learned_people(models: Sequence[Path], inputs: Inputs) -> list[str]:
    """A sentence about each person who is explained or compared with and whom a checkpoint learned from, each once."""
    people = _asked_about(inputs)
    return list(dict.fromkeys(said for model in models for said in said_of(model, people)))


def _asked_about(inputs: Inputs) -> tuple[tuple[str, ...], ...]:
    """The ids of each person whom networks are asked about: as outputs have it, then as folder or file have it."""
    subject = inputs.subject
    return (subject.id, subject.found_as or subject.id), *((person.name,) for person in inputs.people)


def note_explanation(record: Provenance, explanation: Explanation, about: str) -> None:
    """What has to be said of a map.

    Parameters
    ----------
    record : Provenance
    explanation : Explanation
    about : str
        The network's name, where there are several.
    """
    _note_cautions(record, explanation, about)
    trust = explanation.trust
    record.notice(trust.verdict, about=about, grave=bool(trust.failures))
    if explanation.also:
        _note_second(record, explanation.also, about)


def _note_cautions(record: Provenance, maps: MapsByMethod, about: str) -> None:
    """What has to be said of the image and the method; a terminal shows what was measured of no method."""
    attribution = maps.attribution
    whole = attribution.caution.removesuffix(measured.sentence(attribution.method))
    for said in maps.cautions:
        brief = sentences(whole, _SHOWN) if said == attribution.caution else None
        record.notice(said, about=about, brief=brief)


def _note_second(record: Provenance, also: SecondMap, about: str) -> None:
    """What has to be said of the map by a second method, and of both together."""
    record.notice(also.notice, about=about, brief=also.advice)
    record.notice(also.agreement, about=about, grave=False)
    maps, trust = also.maps, also.maps.trust
    for said in maps.cautions:
        first = sentences(said, 1)
        known = said in record.notices or any(first in shown for shown in record.briefs)
        record.notice(f"{also.method}: {said}", about=about, brief="" if known else f"{also.method}: {first}")
    record.notice(f"{also.method}: {trust.verdict}", about=about, grave=bool(trust.failures))


def write(
    record: Provenance,
    out: OutputFolder,
    written: WrittenFiles,
    inputs: Inputs,
    tools: Tools,
    add_page: AddPage | None,
) -> None:
    """The provenance, last: its presence means that the folder is whole; and the page, which is made of it."""
    with record.stage("hashes"):
        scans = inputs.subject.scanner_files
        files = [path for path in inputs.subject.used(inputs.meshes) if path not in scans]
        record.add_inputs(inputs.subject.folder, files)
        if scans:  # their names may be people's
            record.add_together(inputs.subject.source, scans)
        if tools.renderer:
            record.facts["pictures"] = tools.renderer.as_record()
            record.notice(tools.renderer.notice, grave=False)
        record.facts["acknowledgement"] = tools.projection.atlas.acknowledgement
        record.facts["commands"] = [
            {"argv": list(command.argv), "seconds": round(command.seconds, 2)}
            for command in (tools.workbench.completed if tools.workbench else [])
        ]
    record.write(out.provenance, out.folder, written.relative(out.folder))
    if add_page:
        with record.stage("report"):
            add_page(out.folder)
