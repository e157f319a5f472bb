"""Whether an export may be made and written as it is wanted: asked before any work, by dry runs as well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from wbtools.atlas.deep.label_files import locate
from wbtools.atlas.deep.spelling import sources_named
from wbtools.attribution import Target
from wbtools.dicom.objects import source_series
from wbtools.drawing.renderer_choice import choose, look
from wbtools.errors import InputError
from wbtools.exporting.references import people as reference_people
from wbtools.exporting.references import place as reference_place
from wbtools.exporting.references.choice import OPTION
from wbtools.exporting.references.people import NOBODY, ReferencePeople, same_image
from wbtools.exporting.references.place import PeoplePlace
from wbtools.exporting.settings import ExportJob, ExportSettings
from wbtools.images.diagnosis import require_file
from wbtools.native.engines import ENGINES
from wbtools.native.person import own_folder
from wbtools.output.destination import Destination, require_writable
from wbtools.output.names import Naming
from wbtools.subject import MeshName, Subject, containment
from wbtools.subject.layouts import layout_named
from wbtools.subject.selection import Comparison, FileChoice, FoundPerson, find_named, find_people
from wbtools.workbench.runner import Workbench


@dataclass(frozen=True, eq=False)
class Inputs:
    """What an export reads, as found.

    Parameters
    ----------
    subject : Subject
        Under the name of its outputs.
    people : tuple of FoundPerson
        Everybody that the target compares with, `--other` first.
    choice : FileChoice
        Which of their files are taken.
    references : ReferencePeople
        Other people as references, for methods that compare with several.
    cache : Path or None
        Keeps what networks are shown of them.
    """

    subject: Subject
    people: tuple[FoundPerson, ...]
    choice: FileChoice
    references: ReferencePeople = NOBODY
    cache: Path | None = None

    @property
    def meshes(self) -> tuple[MeshName, ...]:
        """The subject's meshes that are exported."""
        return self.choice.meshes(self.subject)


def find(job: ExportJob, settings: ExportSettings) -> Inputs:
    """Look for the subject and the people that it is compared with.

    Raises
    ------
    WbtoolsError
        If this machine lacks what options name, or somebody is not there, or lacks files.
    """
    require_machine(settings)
    subject = find_named(job.study_folder, job.subject, replace(settings.files, series=job.series), job.id)
    people = find_people(job.study_folder, job.compared, settings.files)
    known = (FoundPerson(subject.t1w, subject), *people)
    references = reference_people.find(settings.references, job.study_folder, settings.files, known)
    return Inputs(subject, people, settings.files, references, settings.work or job.cache)


def require_exportable(job: ExportJob, settings: ExportSettings, inputs: Inputs) -> Destination:
    """Require outputs apart from all inputs, people who are several, and files that can be opened.

    Returns
    -------
    Destination
        Of the outputs; whether they can be there, `wbtools.output.destination.require` asks.

    Raises
    ------
    InputError
        Naming what is in the way.
    """
    convention: Naming = settings.naming or layout_named(inputs.subject.layout).naming
    destination = Destination(job.out, job.study_folder, inputs.subject.id, convention, job.overwrite)
    read = [*inputs.subject.own_folders(job.study_folder), *inputs.subject.used(inputs.subject.meshes)]
    read += [person.t1w for person in (*inputs.people, *inputs.references.people)]
    read += [path for path in settings.models if path.exists()]
    read += [locate(each, own_folder(inputs.subject)).path for each in sources_named(settings.subcortex)]
    containment.require_apart(destination.folder, read, job.study_folder)
    containment.require_place(job.out, job.study_folder, work=settings.work)
    if settings.references.place:
        reference_place.require_apart(PeoplePlace(settings.references.place, OPTION), job.out, "--out")
    containment.require_no_subject(destination.folder, job.study_folder)
    require_others(job.compared, settings.target, inputs)
    for path in inputs.subject.used(inputs.meshes):
        require_file(path)
    if settings.dicom_out:
        source_series.require(inputs.subject.scanner_files)
    return destination


def require_machine(settings: ExportSettings) -> None:
    """Require that this machine has what options name: a folder for caches that can be written, a Workbench.

    Raises
    ------
    InputError
        If the folder of `--work` is none, or can neither be written nor made, or a registration is not installed.
    CommandMissing
        If the Workbench that was named, or that has to map or to draw, is not there.
    CommandError
        If the one that has to draw cannot.
    """
    if settings.work is not None:
        require_writable(settings.work, "--work")
    settings.placing.require_installed()
    if settings.wb_command or ENGINES[settings.engine].needs_workbench:
        Workbench.find(settings.wb_command).version()
    if settings.render and settings.renderer == "workbench":
        choose(settings.renderer, look(settings.wb_command))


def require_others(compared: Comparison, target: Target | None, inputs: Inputs) -> None:
    """Require that a target which compares people is not given one image twice: all that it explains would be 0.

    Raises
    ------
    InputError
        If `--other` is the subject's own image, or `--others` are all that of `--other`.
    """
    if not compared.other or target is None or not target.compares:
        return
    first, *more = (person.t1w for person in inputs.people)
    if same_image(inputs.subject.t1w, first):
        raise InputError(
            f"--other {compared.other} is the image of {inputs.subject.id} itself: there is no difference to explain",
            hint="name another person with --other",
        )
    if more and all(same_image(first, image) for image in more):
        raise InputError(
            f"--others is the image of --other {compared.other}: there is no difference to explain",
            hint="name other people with --others",
        )
