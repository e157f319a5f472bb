"""Everything that an export computes, from the files of a person to what is written; nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from wbtools.anatomy import Atlas
from wbtools.attribution import Target
from wbtools.attribution.references.people import of_people
from wbtools.exporting import comparison_people, cortical_maps, face_removal, preparation, recording
from wbtools.exporting.comparison_people import ComparedPerson
from wbtools.exporting.explanation import Explanation, ExplanationOptions, ShownPerson, explain, seen_by
from wbtools.exporting.preflight import Inputs
from wbtools.exporting.preparation import Tools
from wbtools.exporting.references.conforming import conformed
from wbtools.exporting.region_pairs import ParcellatedImage, RegionPairs, pair
from wbtools.exporting.session.data import ExportData
from wbtools.exporting.settings import ExportSettings
from wbtools.model import Model
from wbtools.native import person
from wbtools.native.person import Person
from wbtools.provenance import Provenance
from wbtools.space.foreground import Scan
from wbtools.subject import Subject


def compute(
    inputs: Inputs, networks: Mapping[str, Model], settings: ExportSettings, tools: Tools, record: Provenance
) -> ExportData:
    """Read a person, explain what each network says, and carry the maps to the cortex.

    Parameters
    ----------
    inputs : Inputs
    networks : mapping of str to Model
        By their names in files.
    settings : ExportSettings
    tools : Tools
    record : Provenance

    Returns
    -------
    ExportData
        As it may be written: without the face, unless that was asked for.

    Raises
    ------
    WbtoolsError
        Whatever is wrong with a file or a result.
    """
    me, ready = preparation.read(inputs, tools, record)
    notice = preparation.check(me, ready, settings.allow, record)
    compared = compared_with(inputs, networks, settings.target, tools, record)
    options = with_references(inputs, networks, settings, record)
    found, pairings = explanations(inputs.subject.id, me, networks, compared, options, record)
    with record.stage("maps on the cortex"):
        parts = [part for explanation in found for part in explanation.parts]
        metrics = cortical_maps.on_cortex(me, parts, me.projection)
    data = ExportData(me, found, metrics, pairings, notice)
    return face_removal.whole_head(data, record) if settings.keep_face else face_removal.brain_only(data, record)


def compared_with(
    inputs: Inputs, networks: Mapping[str, Model], target: Target | None, tools: Tools, record: Provenance
) -> list[ComparedPerson]:
    """What the networks are shown of the people compared with; with regions where two people are compared."""

    def regions(subject: Subject, scan: Scan) -> Atlas:
        mesh = inputs.choice.meshes(subject)[-1:]
        return person.read(subject, mesh, tools.projection, scan=scan).atlas.whole

    paired = target is not None and target.paired
    found = []
    for place, other in enumerate(inputs.people):
        with record.stage("people compared with"):
            found.append(
                comparison_people.show(other, networks, regions if paired and not place else None, tools.placing)
            )
        for remark in found[-1].remarks:
            record.notice(f"Of the person compared with: {remark}")
    return found


def with_references(
    inputs: Inputs, networks: Mapping[str, Model], settings: ExportSettings, record: Provenance
) -> dict[str, ExplanationOptions]:
    """How each network is explained: with its own view of the people who are references, where there are some."""
    options, people = settings.explanation, inputs.references.people
    if not people:
        return dict.fromkeys(networks, options)
    with record.stage("references"):
        found = conformed(people, networks, inputs.cache)
    for remark in dict.fromkeys(remark for each in found.values() for remark in each.remarks):
        record.notice(remark)
    return {
        name: replace(options, references=of_people(each.brains, labels=each.labels), of_people=True)
        for name, each in found.items()
    }


def _step(record: Provenance, name: str, step: str) -> None:
    """Show which step of a network's explanation begins."""
    record.listener(f"relevance of {name}: {step}")


def explanations(
    subject_id: str,
    me: Person,
    networks: Mapping[str, Model],
    compared: Sequence[ComparedPerson],
    options: Mapping[str, ExplanationOptions],
    record: Provenance,
) -> tuple[tuple[Explanation, ...], dict[str, RegionPairs]]:
    """The explanation of each network, and by network the pairs of regions of two people who are compared."""
    found: list[Explanation] = []
    pairings: dict[str, RegionPairs] = {}
    for name, network in networks.items():
        with record.stage(f"relevance of {name}"):
            told = partial(_step, record, name)
            shown = [
                ShownPerson(subject_id, seen_by(network, me.scan)),
                *(other.shown_to(network) for other in compared),
            ]
            found.append(explain(network, shown, me.atlas.whole, replace(options[name], told=told)))
            recording.note_explanation(record, found[-1], about=name if len(networks) > 1 else "")
        if compared and compared[0].atlas and network.network.in_slices:
            record.notice(f"{name} has an embedding for every slice, none of the whole brain: no pairs of regions.")
        elif compared and compared[0].atlas:
            with record.stage(f"pairs of regions in {name}"):
                mine = ParcellatedImage(shown[0].image, me.atlas.whole)
                theirs = ParcellatedImage(shown[1].image, compared[0].atlas)
                pairings[name] = pair(network, mine, theirs, options[name].threads, options[name].references)
    record.facts["networks"] = {explanation.name: explanation.as_record() for explanation in found}
    if pairings:
        record.facts["pairs_of_regions"] = {name: pairing.as_record() for name, pairing in pairings.items()}
    return tuple(found), pairings
