"""The order of stages from one person's folder to a finished Workbench session; the stages themselves are elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wbtools import model
from wbtools.anatomy import Atlas
from wbtools.atlas import mmp
from wbtools.attribution import Target
from wbtools.errors import CommandMissing, writing
from wbtools.exporting import admission, cortical_maps, files, people, release
from wbtools.exporting import scenes as session
from wbtools.exporting.explanation import Explanation, ExplanationOptions, ShownPerson, explain, seen_by
from wbtools.exporting.files import Results
from wbtools.exporting.people import ComparedPerson
from wbtools.exporting.region_pairs import ParcellatedImage, RegionPairs, pair
from wbtools.images.diagnosis import require_file
from wbtools.model import Model
from wbtools.model.input import scaling_of
from wbtools.native import checks, cortex, person
from wbtools.native.cortex import Cortex
from wbtools.native.projection import NativeProjection, Projection, WorkbenchProjection
from wbtools.output import destination, publishing
from wbtools.output import names as naming
from wbtools.output.publishing import OutputFolder
from wbtools.provenance import Provenance
from wbtools.regions import Ranking
from wbtools.settings import Engine, ExportSettings
from wbtools.space.foreground import Scan, is_stripped
from wbtools.subject import MeshName, Subject, meshes_named, prepared, selection
from wbtools.subject.selection import Known
from wbtools.surfaces.ribbon.cache import WeightCache
from wbtools.workbench.runner import Workbench

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Export:
    """What an export left behind.

    Parameters
    ----------
    folder, scene : Path
        The published folder, and the scene file in it.
    pictures : tuple of Path
        Empty when nothing was rendered.
    rankings : dict of str to Ranking
        By network name.
    decisions : dict of str to tuple of str
        By network name: what the network says, and what was explained, in words.
    notices : tuple of str
        What every reader of the result must know.
    """

    folder: Path
    scene: Path
    pictures: tuple[Path, ...]
    rankings: dict[str, Ranking]
    decisions: dict[str, tuple[str, ...]]
    notices: tuple[str, ...]


def export_subject(
    settings: ExportSettings,
    listener: Callable[[str], None] = lambda stage: None,
    networks: Sequence[Model] = (),
) -> Export:
    """Export one subject: from its folder to maps, ranking, session, pictures and record.

    Parameters
    ----------
    settings : ExportSettings
    listener : callable
        Told the name of every stage when it begins.
    networks : sequence of Model
        What `load_networks` gave for these settings, to load them once for many subjects.

    Returns
    -------
    Export

    Raises
    ------
    WbtoolsError
        Whatever is wrong with the input, the machine or a result; nothing is published then.
    """
    record = Provenance(settings.as_record(), listener)
    with record.stage("subject"):
        admission.require_words(settings)
        admission.require_machine(settings)
        subject, others = _found(settings, record)
        choice = naming.naming_of(subject.layout, settings.naming)
        name = naming.folder_name(subject.id, choice)
        _require_admitted(settings, subject, name, others)
        workbench = _workbench(settings, record)
    with record.stage("networks"):
        named = _networks(settings, networks, others, record)
        published = destination.require(settings, subject.id, choice, list(named))
    alone = not networks  # a batch tidies up once for all its subjects
    with publishing.publishing(
        settings.out, name, overwrite=settings.overwrite, subject=subject.id, tidy=alone
    ) as staged:
        made = _computed(settings, subject, named, others, workbench, record)
        stripped = not settings.keep_face or is_stripped(made.person.t1w)
        out = naming.FOLDERS[choice](staged.folder, subject.id, stripped)
        with writing(staged.folder):
            with record.stage("files"):
                files.write(out, made, settings.threads)
            _shown(out, made, workbench, settings, record)
            naming.write_sidecars(out, made.notice)
            _recorded(out, settings, subject, made, workbench, record)
        pictures = tuple(path.name for path in sorted(out.figure("x").parent.glob("*.png")))
    if choice == "bids":
        naming.write_dataset_description(settings.out)
    return Export(
        published.folder,
        published.scene(),
        tuple(published.folder / "figures" / name for name in pictures),
        rankings={one.name: one.ranking for one in made.explanations},
        decisions={one.name: one.said for one in made.explanations},
        notices=tuple(record.notices),
    )


def plan(settings: ExportSettings) -> list[str]:
    """What `export_subject` would read and where it would write, as lines; nothing is written.

    Raises
    ------
    WbtoolsError
        As `export_subject`, as far as can be told without computing.
    """
    admission.require_words(settings)
    admission.require_machine(settings)
    subject, others = selection.exported(settings), selection.people(settings)
    choice = naming.naming_of(subject.layout, settings.naming)
    _require_admitted(settings, subject, naming.folder_name(subject.id, choice), others)
    names = naming.unique([one.name for one in load_networks(settings)], settings.models)
    published = destination.require(settings, subject.id, choice, names)  # last: it hides no other mistake
    meshes = _meshes(settings, subject)
    lines = [
        f"subject: {subject.id} ({subject.layout} layout, registration {subject.registration})",
        f"T1w: {subject.t1w}",
        f"meshes: {', '.join(meshes)}",
        f"segmentation: {subject.segmentation or 'none: cortex only'}",
        f"networks: {', '.join(names)}",
        *(f"compared with: {known.t1w}" for known in others),
        *(f"note: {remark}" for remark in subject.remarks),
        *(f"will make: {one}" for one in (*subject.derived, release.planned(subject, settings.keep_face))),
        f"would write: {published.folder}",
    ]
    return lines + [f"missing: {one.path} (forbids {one.forbids})" for one in subject.missing]


# ------------------------------------------------------------------------------------------------ stages, in order


def _found(settings: ExportSettings, record: Provenance) -> tuple[Subject, tuple[Known, ...]]:
    """The subject, with what it lacks put on record, and the people that the target compares with."""
    subject, others = selection.exported(settings), selection.people(settings)
    record.notice(subject.notice, grave=False)
    for text in subject.remarks:
        record.notice(text)
    record.facts["subject"] = {
        "id": subject.id,
        "layout": subject.layout,
        "registration": subject.registration,
        "sphere_space": subject.sphere_space,
        "meshes": list(_meshes(settings, subject)),
        "missing": [{"file": one.path, "forbids": one.forbids} for one in subject.missing],
    }
    for one in subject.missing:
        logger.warning("missing: %s (forbids %s)", one.path, one.forbids)
    return subject, others


def _require_admitted(settings: ExportSettings, subject: Subject, name: str, others: Sequence[Known]) -> None:
    """Require outputs apart from all inputs, people who are several, and files that can be opened."""
    admission.require_apart(settings, subject, name, [known.t1w for known in others])
    admission.require_others(settings, subject, others)
    for path in subject.used(_meshes(settings, subject)):
        require_file(path)


def _workbench(settings: ExportSettings, record: Provenance) -> Workbench | None:
    """The installed Workbench; None without one when only pictures would need it."""
    if settings.engine is Engine.NATIVE and not settings.render:
        return None
    try:
        workbench = Workbench.find(settings.wb_command)
        record.facts["workbench"] = workbench.version()
    except CommandMissing as error:
        if settings.engine is Engine.WB_COMMAND or settings.wb_command:
            raise
        record.notice(f"No pictures were rendered: {error}. To have them, {error.hint}.")
        return None
    return workbench


def _networks(
    settings: ExportSettings, given: Sequence[Model], others: Sequence[Known], record: Provenance
) -> dict[str, Model]:
    """The networks by their names in files; they and the people compared with decide a result."""
    networks = list(given) or load_networks(settings)
    record.deciding = _deciding(networks, others)
    record.facts["compared with"] = [
        {"file": name, "sha256": digest} for known in others for name, digest in known.files.items()
    ]
    names = naming.unique([one.name for one in networks], settings.models)
    networks = [one.named(name) for name, one in zip(names, networks, strict=True)]
    for network in networks:
        about = network.name if len(networks) > 1 else ""
        for text in (network.card.notice, *network.remarks):
            record.notice(text, about=about)
        if network.card.assumed:
            usual = f"input usual for {network.family} is assumed, {scaling_of(network.card)}"
            record.notice(f"No card lies beside the checkpoint: {usual}.", about=about)
    return dict(zip(names, networks, strict=True))


def _computed(
    settings: ExportSettings,
    subject: Subject,
    networks: dict[str, Model],
    others: Sequence[Known],
    workbench: Workbench | None,
    record: Provenance,
) -> Results:
    """Everything that is computed, nothing of it written yet."""
    projection = _projection(settings, workbench)

    def inflate(one: Cortex) -> Cortex:
        return cortex.inflated(one, workbench, settings.threads) if workbench else one

    with prepared(subject) as ready:
        me = person.read(ready, _meshes(settings, ready), projection, inflate, record.stage)
    for remark in me.remarks:
        record.notice(remark)
    record.facts["derived"] = list(ready.derived)
    record.facts["atlas"] = {"mesh": me.main, **me.atlas.as_record()}
    with record.stage("self-checks"):
        cortices, own = list(me.cortices.values()), subject.layout != "t1w"
        areas = {str(mesh): keys for mesh, keys in me.areas.items()}
        checked = checks.run(me.t1w, cortices, areas, me.atlas, frozenset(settings.allow), own_surfaces=own)
        record.facts["checks"] = [one.as_record() for one in checked]
        for one in checked:
            record.notice(one.notice)
    compared = _shown_others(settings, networks, others, projection, record)
    explanations: list[Explanation] = []
    options = _options(settings)
    pairings: dict[str, RegionPairs] = {}
    for name, network in networks.items():
        with record.stage(f"relevance of {name}"):
            shown = [
                ShownPerson(subject.id, seen_by(network, me.scan)),
                *(other.shown_to(network) for other in compared),
            ]
            explanations.append(explain(network, shown, me.atlas.whole, options))
            about = name if len(networks) > 1 else ""
            for caution in explanations[-1].cautions:
                record.notice(caution, about=about)
            trust = explanations[-1].trust
            record.notice(trust.verdict, about=about, grave=bool(trust.failures))
        if compared and compared[0].atlas:
            with record.stage(f"pairs of regions in {name}"):
                atlases = me.atlas.whole, compared[0].atlas
                mine, theirs = (ParcellatedImage(p.image, atlas) for p, atlas in zip(shown[:2], atlases, strict=True))
                pairings[name] = pair(network, mine, theirs, settings.threads)
    record.facts["networks"] = {one.name: one.as_record() for one in explanations}
    if pairings:
        record.facts["pairs_of_regions"] = {name: one.as_record() for name, one in pairings.items()}
    with record.stage("maps on the cortex"):
        metrics = cortical_maps.on_cortex(me, explanations, projection)
    made = Results(me, tuple(explanations), metrics, pairings, checks.marked(subject.notice, checked))
    return release.whole_head(made, record) if settings.keep_face else release.brain_only(made, record)


def _shown_others(
    settings: ExportSettings,
    networks: dict[str, Model],
    others: Sequence[Known],
    projection: Projection,
    record: Provenance,
) -> list[ComparedPerson]:
    """What the networks are shown of the people compared with; with regions where two people are compared."""
    paired = bool(settings.other and settings.target and Target.parse(settings.target).paired)

    def regions(subject: Subject, scan: Scan) -> Atlas:
        return person.read(subject, _meshes(settings, subject)[-1:], projection, scan=scan).atlas.whole

    found = []
    for place, known in enumerate(others):
        with record.stage("people compared with"):
            found.append(people.show(known, networks, regions if paired and not place else None))
        for remark in found[-1].remarks:
            record.notice(f"Of the person compared with: {remark}")
    return found


def _shown(
    out: OutputFolder, made: Results, workbench: Workbench | None, settings: ExportSettings, record: Provenance
) -> None:
    """Scenes, pictures and specs."""
    with record.stage("scenes and pictures"):
        scenes = {k: v for one in made.explanations for k, v in session.scenes(out, made, one).items()}
        if workbench and settings.render:
            scenes = session.draw(out, scenes, workbench, settings.threads)
        session.write(out, scenes, made)


def _recorded(
    out: OutputFolder,
    settings: ExportSettings,
    subject: Subject,
    made: Results,
    workbench: Workbench | None,
    record: Provenance,
) -> None:
    """The provenance, last: its presence means that the folder is whole."""
    with record.stage("hashes"):
        record.add_inputs(subject.folder, subject.used(_meshes(settings, subject)))
        record.facts["acknowledgement"] = mmp.ACKNOWLEDGEMENT
        record.facts["commands"] = [
            {"argv": list(one.argv), "seconds": round(one.seconds, 2)}
            for one in (workbench.completed if workbench else [])
        ]
    record.write(out.provenance(), out.folder, out.files())


# ------------------------------------------------------------------------------------------------ small decisions


def _projection(settings: ExportSettings, workbench: Workbench | None) -> Projection:
    """The engine that was asked for."""
    if settings.engine is Engine.WB_COMMAND:
        assert workbench  # `_workbench` raises otherwise
        return WorkbenchProjection(workbench, settings.threads)
    return NativeProjection(settings.threads, WeightCache(settings.work) if settings.work else None)


def _meshes(settings: ExportSettings, subject: Subject) -> tuple[MeshName, ...]:
    """The meshes to export: those asked for, of those the subject has."""
    wanted = meshes_named(_value(settings.mesh))
    return tuple(mesh for mesh in subject.meshes if mesh in wanted) or subject.meshes


def load_networks(settings: ExportSettings) -> list[Model]:
    """The networks that were asked for, each of a kind that gives what is to be explained.

    Raises
    ------
    InputError
        If a network cannot be loaded, or has not what is to be explained.
    """
    networks = [model.load(path) for path in settings.models] or [model.built_in()]
    for network in networks:
        target = _options(settings).target_of(network)
        target.require_known(network, 0 if settings.other is None else 1 + len(settings.others))
        target.require_existing(network)
    return networks


def deciding(settings: ExportSettings, networks: Sequence[Model]) -> list[str]:
    """SHA-256 of all files that decide a result beside the subject's own, for `provenance.settings_sha256`.

    Raises
    ------
    SubjectError
        If a person that the target compares with is not there.
    """
    return _deciding(networks, selection.people(settings))


def _deciding(networks: Sequence[Model], others: Sequence[Known]) -> list[str]:
    """As `deciding`, of people that were found."""
    hashes = [digest for known in others for digest in known.files.values()]
    return [*(one for network in networks for one in network.hashes), *hashes]


def _options(settings: ExportSettings) -> ExplanationOptions:
    """How networks are to be explained."""
    return ExplanationOptions(
        settings.method, settings.target, settings.nulls, settings.trust == "full", settings.threads, settings.work
    )


def _value(choice: object) -> str | None:
    """The word on the command line, None for an option that was not given."""
    return str(getattr(choice, "value")) if choice is not None else None  # noqa: B009
