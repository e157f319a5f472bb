"""The functions of the public Python interface; users call them by `import wbtools`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from wbtools import model as models
from wbtools.attribution.references.people import of_people
from wbtools.dicom.series import SeriesChoice
from wbtools.errors import InputError, require_kind
from wbtools.errors.in_python import in_python
from wbtools.exporting import comparison_people, pipeline, preparation
from wbtools.exporting.explanation import Explanation, ExplanationOptions, ShownPerson, seen_by
from wbtools.exporting.explanation import explain as explain_image
from wbtools.exporting.pipeline import ExportResult
from wbtools.exporting.references import people as reference_people
from wbtools.exporting.references.conforming import conformed
from wbtools.exporting.settings import ExportJob, ExportSettings
from wbtools.model import Model
from wbtools.native import person
from wbtools.provenance import Provenance
from wbtools.subject import Subject, prepared, resolve
from wbtools.subject.containment import default_out
from wbtools.subject.selection import NOBODY, Comparison, FileChoice, FoundPerson


@in_python
def find_subject(subject: str | Path, study_folder: str | Path = ".", files: FileChoice | None = None) -> Subject:
    """Find one person's files.

    Parameters
    ----------
    subject : str or Path
        The name of a folder in the study folder, or a path: a folder as the Human Connectome Project, FreeSurfer or
        fMRIPrep leaves it, one T1w image, or a folder of DICOM files or an image of the series in it.
    study_folder : str or Path
        Folder that holds the subject's folder.
    files : FileChoice, optional
        Which files are taken, as `ExportSettings(...).files` says it; by default whatever is there.

    Returns
    -------
    Subject

    Raises
    ------
    WbtoolsError
        If nobody is found, or files are missing: all are listed with what they forbid.

    Examples
    --------
    >>> subject = wbtools.find_subject("100307", "study")  # doctest: +SKIP
    """
    folder, name = resolve(Path(_named("study_folder", study_folder)), _named("subject", subject))
    return (files or FileChoice(series=SeriesChoice())).subject(folder, name)


@in_python
def load_model(source: str | Path | None = None) -> Model:
    """Load a network and its card.

    Parameters
    ----------
    source : str or Path, optional
        A checkpoint, a `.pt2` file of torch.export, or `package.module:build`, a Python function that builds a network;
        by default the built-in demonstration network, which is not for science.

    Returns
    -------
    Model

    Raises
    ------
    WbtoolsError
        If there is no such network, it holds code, or it does not fit its card.

    Examples
    --------
    >>> load_model().name
    'unet'
    """
    return models.built_in() if source is None else models.load(source)


@in_python
def explain(
    model: Model,
    subject: Subject,
    settings: ExportSettings | None = None,
    compared_with: Sequence[Subject] = (),
) -> Explanation:
    """Explain a network's decision on one person's brain; nothing is written.

    Parameters
    ----------
    model : Model
    subject : Subject
    settings : ExportSettings, optional
        How it is explained: `method`, `target`, `references`, `nulls`, `trust`, `threads` and `work` count. So many
        other people, and ids in a list, are looked for beside the subject's folder.
    compared_with : sequence of Subject
        The people that the target compares with.

    Returns
    -------
    Explanation
        With the `attribution` on the network's own grid, `volumes` on the T1w grid, the `ranking` of regions, and what
        is known of how far the map can be trusted.

    Raises
    ------
    WbtoolsError
        Whatever is wrong with an input or a result.

    Examples
    --------
    >>> explanation = wbtools.explain(model, subject, settings)  # doctest: +SKIP
    """
    require_kind("model", model, Model, "give what wbtools.load_model returns")
    for person_given in (subject, *compared_with):
        require_kind("subject", person_given, Subject, "give what wbtools.find_subject returns")
    how = settings or ExportSettings()
    target = how.explanation.target_of(model)
    target.require_known(model, len(compared_with))
    target.require_existing(model)
    tools = preparation.find_tools(replace(how, render=False), Provenance({}))
    with prepared(subject, how.placing) as ready:
        me = person.read(ready, how.files.meshes(ready)[:1], tools.projection)
    shown = [ShownPerson(subject.id, seen_by(model, me.scan))]
    for other in compared_with:
        found = comparison_people.show(FoundPerson(other.t1w, other), {model.name: model}, placing=how.placing)
        shown.append(found.shown_to(model))
    return explain_image(model, shown, me.atlas.whole, _with_references(model, subject, compared_with, how))


def _with_references(
    model: Model, subject: Subject, compared_with: Sequence[Subject], how: ExportSettings
) -> ExplanationOptions:
    """How a network is explained; with the people who are references, if there are some."""
    known = tuple(FoundPerson(somebody.t1w, somebody) for somebody in (subject, *compared_with))
    people = reference_people.find(how.references, subject.folder.parent, how.files, known).people
    if not people:
        return how.explanation
    found = conformed(people, {model.name: model}, how.work)[model.name]
    return replace(how.explanation, references=of_people(found.brains, labels=found.labels))


@in_python
def export(
    subject: str | Path,
    study_folder: str | Path = ".",
    out: str | Path | None = None,
    settings: ExportSettings | None = None,
    *,
    compared_with: Sequence[str | Path] = (),
    overwrite: bool = False,
) -> ExportResult:
    """Export one person as a finished Workbench session, as `wbtools export-subject` does.

    Parameters
    ----------
    subject : str or Path
        As in `find_subject`.
    study_folder : str or Path
        Folder that holds the subject's folder.
    out : str or Path, optional
        Folder that receives a folder named after the subject; by default `derivatives/wbtools` in the study folder.
    settings : ExportSettings, optional
        How; every option of the command line is a field.
    compared_with : sequence of str or Path
        The people that the target compares with: ids, folders or images; the first is that of `--other`.
    overwrite : bool
        Whether an earlier export of this subject is replaced.

    Returns
    -------
    ExportResult
        Where the result lies, and what was found.

    Raises
    ------
    WbtoolsError
        Whatever is wrong with the input, the machine or a result; nothing is published then.

    Examples
    --------
    >>> export = wbtools.export("100307", "study", "out", settings)  # doctest: +SKIP
    """
    if isinstance(compared_with, str | Path):
        compared_with = (compared_with,)
    given = Path(_named("study_folder", study_folder))
    folder, name = resolve(given, _named("subject", subject))
    people = tuple(str(other) for other in compared_with)
    compared = Comparison(people[0], people[1:]) if people else NOBODY
    place = default_out(folder, name, given) if out is None else Path(out)
    job = ExportJob(name, folder, place, None, compared, overwrite, series=SeriesChoice())
    return pipeline.export_subject(job, settings or ExportSettings())


def _named(what: str, value: object) -> str:
    """What a program named, as it would be typed."""
    if not isinstance(value, str | Path):
        raise InputError(f"{what}={value!r} does not name a folder or a file", hint="give a name or a path")
    return str(value)
