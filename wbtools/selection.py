"""Whom an export is about, as the user named them: the subject, and the people that the target compares with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wbtools.errors import InputError
from wbtools.images import nifti
from wbtools.settings import ExportSettings
from wbtools.subject import Subject, placed, require_plain_name
from wbtools.subject import find as find_subject


def exported(settings: ExportSettings) -> Subject:
    """The subject that is exported, under the name that was given for it, if any."""
    if settings.id is not None:
        require_plain_name(settings.id, "--id")
    subject = find_subject(settings.study_folder, settings.subject, *_meshes(settings), layout=settings.layout)
    return replace(subject, id=settings.id) if settings.id is not None else subject


def find(settings: ExportSettings, person: str) -> Subject:
    """Another subject: an id of the study folder, or the path of a subject's folder."""
    folder, subject = placed(settings.study_folder, person)
    return find_subject(folder, subject, *_meshes(settings), layout=settings.layout)


def compared(settings: ExportSettings) -> tuple[str, ...]:
    """Everybody that the target compares with, `--other` first."""
    return (*((settings.other,) if settings.other else ()), *settings.others)


def t1w_of(person: str, settings: ExportSettings) -> Path:
    """The T1w image of another person: a file, or that of a subject."""
    path = Path(person)
    return path if path.is_file() else find(settings, person).t1w


def require_people(settings: ExportSettings) -> None:
    """Have everybody that the target compares with looked for, before anything is read.

    Raises
    ------
    InputError
        If one of them is not there, or is neither a subject nor an image.
    """
    for person in compared(settings):
        option = "--other" if person == settings.other else "--others"
        try:
            nifti.read_grid(t1w_of(person, settings))
        except InputError as error:
            raise type(error)(f"{option} {person}: {error}", mend=error.mend) from None


def _meshes(settings: ExportSettings) -> tuple[str | None, str | None]:
    """The words of --mesh and --surf-reg."""
    mesh, registration = settings.mesh, settings.registration
    return mesh.value if mesh else None, registration.value if registration else None
