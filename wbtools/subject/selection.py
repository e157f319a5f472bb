"""Whom an export is about, as the user named them: the subject, and the people that the target compares with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from wbtools.errors import InputError, SubjectError
from wbtools.images import nifti
from wbtools.provenance import sha256
from wbtools.subject import MeshChoice, MeshName, Registration, Subject, meshes_named, require_plain_name, resolve
from wbtools.subject import find as find_subject
from wbtools.subject.identity import identity
from wbtools.subject.layouts import AUTO


@dataclass(frozen=True)
class FileChoice:
    """Which of a person's files are taken.

    Parameters
    ----------
    layout : str
        A name of `LAYOUTS`, or `auto`.
    mesh : str, optional
        A word of `MESHES`; None takes every mesh that there is.
    registration : {"MSMAll", "MSMSulc"}, optional
        None takes the best there is.
    """

    layout: str = AUTO
    mesh: MeshChoice | None = None
    registration: Registration | None = None

    def subject(self, study_folder: Path, name: str) -> Subject:
        """A subject of a study folder, by its id; raises what `wbtools.subject.find` does."""
        return find_subject(study_folder, name, self.mesh, self.registration, self.layout)

    def meshes(self, subject: Subject) -> tuple[MeshName, ...]:
        """The meshes that are asked for, of those that the subject has; all of them if it has none of these."""
        wanted = meshes_named(self.mesh)
        return tuple(mesh for mesh in subject.meshes if mesh in wanted) or subject.meshes


@dataclass(frozen=True)
class Comparison:
    """The people that a target compares with, as the user named them: an id, a subject's folder, or an image each.

    Parameters
    ----------
    other : str, optional
        The first.
    others : tuple of str
        More people, for targets that compare with several.

    Examples
    --------
    >>> Comparison("100408", ("100509",)).people
    ('100408', '100509')
    """

    other: str | None = None
    others: tuple[str, ...] = ()

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody, `other` first."""
        return (*((self.other,) if self.other else ()), *self.others)


NOBODY = Comparison()
"""Nobody is compared with."""


@dataclass(frozen=True, eq=False)
class FoundPerson:
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


def find_named(study_folder: Path, name: str, choice: FileChoice, given_id: str | None = None) -> Subject:
    """The subject that is exported, under the id that was given for it, if any.

    Raises
    ------
    InputError
        If the id cannot name files, or the subject cannot be exported.
    """
    if given_id is not None:
        require_plain_name(given_id, "--id")
    subject = choice.subject(study_folder, name)
    return replace(subject, id=given_id) if given_id is not None else subject


def find_people(study_folder: Path, compared: Comparison, choice: FileChoice) -> tuple[FoundPerson, ...]:
    """Everybody that the target compares with, `--other` first, looked for before anything is read.

    Raises
    ------
    InputError
        If a person is not there, or is neither a subject nor an image.
    """
    options = {person: "--other" if person == compared.other else "--others" for person in compared.people}
    return tuple(_found(study_folder, person, choice, options[person]) for person in compared.people)


def _found(study_folder: Path, person: str, choice: FileChoice, option: str) -> FoundPerson:
    """A person whose image has a header that can be read."""
    path = Path(person)
    try:
        subject = None if path.is_file() else choice.subject(*resolve(study_folder, person))
        found = FoundPerson(subject.t1w if subject else path, subject)
        nifti.read_grid(found.t1w)
    except InputError as error:
        raise error.about(f"{option} {person}") from None
    return found
