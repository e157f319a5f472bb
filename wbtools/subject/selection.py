"""The subject of an export, and the people that the target compares with, as named by the user."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from wbtools.dicom.series import SeriesChoice
from wbtools.errors import InputError, SubjectError
from wbtools.images import nifti
from wbtools.provenance import sha256
from wbtools.subject import MeshChoice, MeshName, Registration, Subject, meshes_named, require_plain_name, resolve
from wbtools.subject import find as find_subject
from wbtools.subject.identity import identity
from wbtools.subject.layouts import AUTO, hcp


@dataclass(frozen=True)
class FileChoice:
    """The choice among a person's files.

    Parameters
    ----------
    layout : str
        A name of `LAYOUTS`, or `auto`.
    mesh : str, optional
        A key of `MESHES`; None takes every available mesh.
    registration : {"MSMAll", "MSMSulc"}, optional
        None takes the best available.
    series : SeriesChoice, optional
        Which of a scanner's series is taken; without, DICOM files are refused.
    """

    layout: str = AUTO
    mesh: MeshChoice | None = None
    registration: Registration | None = None
    series: SeriesChoice | None = None

    def subject(self, study_folder: Path, name: str) -> Subject:
        """A subject of a study folder, by its id; raises what `wbtools.subject.find` does."""
        return find_subject(study_folder, name, self.mesh, self.registration, self.layout, self.series)

    def scan(self, study_folder: Path, name: str) -> Subject:
        """A subject of whom only the T1w image and its mask are needed; errors as of `subject`."""
        try:
            return self.subject(study_folder, name)
        except SubjectError:
            folder = hcp.locate(study_folder, name) if self.layout in (AUTO, hcp.LAYOUT.name) else None
            alone = hcp.scan_alone(folder) if folder else None
            if alone is None:
                raise
            return alone

    def meshes(self, subject: Subject) -> tuple[MeshName, ...]:
        """The requested meshes that the subject has; all of its meshes if it has none of them."""
        wanted = meshes_named(self.mesh)
        return tuple(mesh for mesh in subject.meshes if mesh in wanted) or subject.meshes


@dataclass(frozen=True)
class Comparison:
    """The people that a target compares with, each named by an id, a subject's folder, or an image.

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
        """All people, `other` first."""
        return (*((self.other,) if self.other else ()), *self.others)


NOBODY = Comparison()
"""No comparison."""


@dataclass(frozen=True, eq=False)
class FoundPerson:
    """A person that the target compares with, whose files were found.

    Parameters
    ----------
    t1w : Path
        The T1w image.
    subject : Subject or None
        None for an image alone.
    """

    t1w: Path
    subject: Subject | None = None

    @property
    def name(self) -> str:
        """The id, by the rule for subjects; the file name of an image that gives no id."""
        if self.subject:
            return self.subject.id
        try:
            return identity(self.t1w)
        except SubjectError:
            return self.t1w.name

    @cached_property
    def files(self) -> dict[str, str]:
        """SHA-256 by name of the files that determine the network's input: the image, and its mask or segmentation."""
        mask = self.subject and (self.subject.brain_mask or self.subject.segmentation)
        return {path.name: sha256(path) for path in (self.t1w, mask) if path}


def find_named(study_folder: Path, name: str, choice: FileChoice, given_id: str | None = None) -> Subject:
    """The subject to export, with the given id if any.

    Raises
    ------
    InputError
        If the id cannot name files, or the subject cannot be exported.
    """
    if given_id is not None:
        require_plain_name(given_id, "--id")
    subject = choice.subject(study_folder, name)
    return replace(subject, id=given_id, found_as=subject.id) if given_id is not None else subject


def find_people(study_folder: Path, compared: Comparison, choice: FileChoice) -> tuple[FoundPerson, ...]:
    """Find all people that the target compares with, `--other` first, before anything is read.

    Raises
    ------
    InputError
        If a person is not there, or is neither a subject nor an image.
    """
    options = {person: "--other" if person == compared.other else "--others" for person in compared.people}
    return tuple(_found(study_folder, person, choice, options[person]) for person in compared.people)


def _found(study_folder: Path, person: str, choice: FileChoice, option: str) -> FoundPerson:
    """Find a person, whose image must have a readable header."""
    path = Path(person)
    try:
        subject = None if path.is_file() else choice.subject(*resolve(study_folder, person))
        found = FoundPerson(subject.t1w if subject else path, subject)
        nifti.read_grid(found.t1w)
    except InputError as error:
        raise error.about(f"{option} {person}") from None
    return found
