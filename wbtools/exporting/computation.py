"""Everything that an export computes, from the files of a person to what is written; nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from wbtools.anatomy import Atlas
from wbtools.attribution import Target
from wbtools.attribution.references.people import of_people
from wbtools.attribution.runtime.memory import give_back
from wbtools.attribution.runtime.stopping import Stop
from wbtools.exporting import comparison_people, cortical_maps, face_removal, preparation, recording
from wbtools.exporting.comparison_people import ComparedPerson
from wbtools.exporting.explanation import (
    Answer,
    Explanation,
    ExplanationOptions,
    ShownPerson,
    answer,
    carried,
    seen_by,
    with_heatmaps,
)
from wbtools.exporting.networks import without_comparison
from wbtools.exporting.preflight import Inputs
from wbtools.exporting.preparation import Tools
from wbtools.exporting.references.conforming import conformed
from wbtools.exporting.region_pairs import ParcellatedImage, RegionPairs, pair
from wbtools.exporting.session.data import ExportData
from wbtools.exporting.settings import ExportSettings
from wbtools.model import Model
from wbtools.native import person
from wbtools.provenance import Provenance
from wbtools.space.foreground import Scan
from wbtools.subject import Subject


@dataclass(frozen=True, eq=False)
class Asked:
    """A network, whom it is asked about, and how its answer is to be explained."""

    name: str
    network: Model
    subject_id: str
    scan: Scan
    compared: Sequence[ComparedPerson]
    options: ExplanationOptions

    @cached_property
    def shown(self) -> list[ShownPerson]:
        """What the network is shown: of the person, then of those compared with."""
        me = ShownPerson(self.subject_id, seen_by(self.network, self.scan))
        return [me, *(other.shown_to(self.network) for other in self.compared)]


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
    with preparation.files_of(inputs, tools, record) as files:
        scan = preparation.read_scan(files, tools, record)
        with ExitStack() as blocks:
            for network in networks.values():
                blocks.enter_context(network.asked())
            compared = compared_with(inputs, networks, settings.target, tools, record)
            options = with_references(inputs, networks, settings, record)
        asked = [
            Asked(name, network, inputs.subject.id, scan, compared, options[name]) for name, network in networks.items()
        ]
        with answering(asked, record, beside=tools.threads > 1) as answers:
            me, ready = preparation.read(files, scan, inputs, tools, record)
            notice = preparation.check(me, ready, settings.allow, record)
            visible = None if settings.keep_face else face_removal.visible_of(me, record)
            found = explanations(asked, answers, me.atlas.whole, record)
    pairings = paired(asked, me.atlas.whole, record)
    with record.stage("maps on the cortex"):
        parts = [part for explanation in found for part in explanation.parts]
        metrics = cortical_maps.on_cortex(me, parts, me.projection)
    with record.stage("heatmaps"):
        give_back()
        found = tuple(with_heatmaps(explanation, me.atlas.whole) for explanation in found)
    data = ExportData(me, found, metrics, pairings, notice)
    return face_removal.brain_only(data, visible, record) if visible else face_removal.whole_head(data, record)


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


@dataclass(frozen=True, eq=False)
class Answers:
    """What networks answer, each when it is asked for, and where the person's atlas is put once it is made."""

    sought: dict[str, Callable[[], Answer]]
    atlas: Future[Atlas] = field(default_factory=Future)


@contextmanager
def answering(asked: Sequence[Asked], record: Provenance, *, beside: bool) -> Iterator[Answers]:
    """Networks, asked one after the other: each when its answer is needed, or from now on in a thread of their own.

    Most answers need the person's image alone, so that they can be found beside the atlas. What waits for the atlas
    itself, a method that hides a region, waits in the thread.

    Parameters
    ----------
    asked : sequence of Asked
    record : Provenance
    beside : bool
        Whether there is a processor for the thread.
    """
    stop = Stop()

    def find(each: Asked, atlas: Future[Atlas]) -> Answer:
        with stop.heeded(), each.network.asked(), record.stage(f"relevance of {each.name}"):
            threads = max(1, each.options.threads - beside)  # a thread is busy with the atlas
            options = replace(each.options, told=partial(_step, record, each.name), threads=threads)
            return answer(each.network, each.shown, atlas.result, options)

    answers = Answers({})
    with ThreadPoolExecutor(1) as pool:
        for each in asked:
            work = partial(find, each, answers.atlas)
            if beside:
                record.expect(f"relevance of {each.name}")
            answers.sought[each.name] = pool.submit(work).result if beside else work
        try:
            yield answers
        except BaseException:
            stop.now()
            answers.atlas.cancel()
            raise


def _step(record: Provenance, name: str, step: str) -> None:
    """Show which step of a network's explanation begins."""
    record.listener(f"relevance of {name}: {step}")


def explanations(asked: Sequence[Asked], answers: Answers, atlas: Atlas, record: Provenance) -> tuple[Explanation, ...]:
    """The explanation of each network, on the grid of the person's T1w."""
    answers.atlas.set_result(atlas)
    found: list[Explanation] = []
    for each in asked:
        answered = answers.sought.pop(each.name)()
        give_back()
        with record.stage(f"regions of {each.name}"):
            found.append(carried(answered, each.network, atlas, each.options))
            about = each.name if len(asked) > 1 else ""
            recording.note_explanation(record, found[-1], about=about)
            record.notice(without_comparison(each.network, each.options, len(each.compared)), about=about)
    record.facts["networks"] = {explanation.name: explanation.as_record() for explanation in found}
    return tuple(found)


def paired(asked: Sequence[Asked], atlas: Atlas, record: Provenance) -> dict[str, RegionPairs]:
    """By network, the pairs of regions of two people who are compared."""
    found: dict[str, RegionPairs] = {}
    for each in asked:
        other = each.compared[0] if each.compared else None
        if other is None or other.atlas is None:
            continue
        if each.network.network.in_slices:
            record.notice(
                f"{each.name} has an embedding for every slice, none of the whole brain: no pairs of regions."
            )
            continue
        with record.stage(f"pairs of regions in {each.name}"):
            mine, theirs = (
                ParcellatedImage(seen.image, of) for seen, of in zip(each.shown, (atlas, other.atlas), strict=False)
            )
            found[each.name] = pair(each.network, mine, theirs, each.options.threads, each.options.references)
    if found:
        record.facts["pairs_of_regions"] = {name: pairing.as_record() for name, pairing in found.items()}
    return found
