"""Whom an export is about, as the user named them: the subject, and the people that the target compares with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from wbtools.errors import InputError, SubjectError
from wbtools.images import nifti
from wbtools.provenance import sha256
from wbtools.settings import ExportSettings
from wbtools.subject import Subject, placed, require_plain_name
from wbtools.subject import find as find_subject
from wbtools.subject.identity import identity


@dataclass(frozen=True, eq=False)
class Known:
    """A person that the target compares with, as found.

    Parameters
    ----------
    t1w : Path
        The T1w image.
    subject : Subject or None
        None for a plain image, of which nothing else is known.
    """

    t1w: Path
    subject: Subject | None = None

    @property
    def name(self) -> str:
        """What the person is called, by the rule for subjects; an image that names nobody by its own name."""
        if self.subject:
            return self.subject.id
        try:
            return identity(self.t1w)
        except SubjectError:
            return self.t1w.name

    @cached_property
    def files(self) -> dict[str, str]:
        """SHA-256 by name of what decides what a network is shown of the person: the image, and what masks it."""
        mask = self.subject and (self.subject.brain_mask or self.subject.segmentation)
        return {path.name: sha256(path) for path in (self.t1w, mask) if path}


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


def people(settings: ExportSettings) -> tuple[Known, ...]:
    """Everybody that the target compares with, `--other` first, looked for before anything is read.

    Raises
    ------
    InputError
        If one of them is not there, or is neither a subject nor an image.
    """
    return tuple(_known(settings, person) for person in compared(settings))


def _known(settings: ExportSettings, person: str) -> Known:
    """One person, whose image has a header that can be read."""
    option, path = "--other" if person == settings.other else "--others", Path(person)
    try:
        subject = None if path.is_file() else find(settings, person)
        known = Known(subject.t1w if subject else path, subject)
        nifti.read_grid(known.t1w)
    except InputError as error:
        raise type(error)(f"{option} {person}: {error}", hint=error.hint) from None
    return known


def _meshes(settings: ExportSettings) -> tuple[str | None, str | None]:
    """The words of --mesh and --surf-reg."""
    mesh, registration = settings.mesh, settings.registration
    return mesh.value if mesh else None, registration.value if registration else None
