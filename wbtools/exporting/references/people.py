"""Other people as references: who they are, looked for before anything is read.

Never among them are the exported person and those that the target compares with: under the same id in whichever
session or run, or with the same image. Relatives cannot be told from ids; whoever compares twins lists the references.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from filecmp import cmp
from itertools import islice
from pathlib import Path

from wbtools.errors import InputError, WbtoolsError
from wbtools.exporting.references.choice import MOST, OPTION, ReferenceChoice
from wbtools.exporting.references.place import ListedPeople, PeoplePlace, ReferencePerson, people_of
from wbtools.images import nifti
from wbtools.subject import not_found, places
from wbtools.subject.identity import person_of, session_of
from wbtools.subject.layouts import layouts_selected
from wbtools.subject.selection import FileChoice, FoundPerson
from wbtools.text import line

logger = logging.getLogger(__name__)

_SEED = "wbtools references"
_SHOWN = 80


@dataclass(frozen=True, eq=False)
class ReferencePeople:
    """Other people that a person's brain is compared with.

    Parameters
    ----------
    people : tuple of ReferencePerson
    remarks : tuple of str
        Who was left out, and why, without naming them.
    listed : tuple of ReferencePerson
        Everybody in the folder or list that was named, whoever is exported.
    """

    people: tuple[ReferencePerson, ...] = ()
    remarks: tuple[str, ...] = ()
    listed: tuple[ReferencePerson, ...] = ()


NOBODY = ReferencePeople()


def find(
    choice: ReferenceChoice, study_folder: Path, files: FileChoice, known: Sequence[FoundPerson]
) -> ReferencePeople:
    """The people who serve as references for one person.

    Parameters
    ----------
    choice : ReferenceChoice
    study_folder : Path
    files : FileChoice
        Which of a subject's files are taken.
    known : sequence of FoundPerson
        The exported person, then those that the target compares with.

    Raises
    ------
    InputError
        If nobody is left, fewer are there than were asked for, or somebody's image cannot be read.
    """
    if choice.count is not None:
        return ReferencePeople(_chosen(choice.count, study_folder, files, known))
    if choice.place is None:
        return NOBODY
    found = listed(choice, study_folder, files)
    taken = tuple(other for other in found.people if not any(_same_person(other, somebody) for somebody in known))
    if not taken:
        raise InputError(
            f"{OPTION} {choice.place} holds nobody but the exported person and those compared with",
            hint="give other people, or --references made-up",
        )
    left = len(found.people) - len(taken)
    said = f"References: {left} of {len(found.people)} were left out, who are the exported person or one compared with."
    return ReferencePeople(taken, (*found.remarks, *([said] if left else [])), found.people)


def listed(choice: ReferenceChoice, study_folder: Path, files: FileChoice) -> ListedPeople:
    """The people of the folder or list that was named, whoever is exported; nobody for other choices.

    Raises
    ------
    InputError
        As `find`.
    """
    place = choice.place
    if place is None:
        return ListedPeople()
    return people_of(PeoplePlace(place, OPTION), study_folder, _for_images(files), MOST)


def _for_images(files: FileChoice) -> FileChoice:
    """The same choice of a layout alone: nothing but the image of a reference is read, so it may lack a mesh."""
    return FileChoice(files.layout)


def require_enough(
    choice: ReferenceChoice, study_folder: Path, files: FileChoice, known: Sequence[FoundPerson]
) -> None:
    """Require that there are so many other people for whomever of the study folder is exported.

    Parameters
    ----------
    choice : ReferenceChoice
    study_folder : Path
    files : FileChoice
    known : sequence of FoundPerson
        Those that the target compares with.

    Raises
    ------
    InputError
        If there are fewer.
    """
    if choice.count is not None:
        there = list(islice(_others(study_folder, files, known), choice.count + 1))
        if len(there) <= choice.count:
            raise _too_few(choice.count, study_folder, max(0, len(there) - 1))


def _chosen(
    count: int, study_folder: Path, files: FileChoice, known: Sequence[FoundPerson]
) -> tuple[ReferencePerson, ...]:
    """So many other people of a study folder."""
    taken = tuple(islice(_others(study_folder, files, known), count))
    if len(taken) < count:
        raise _too_few(count, study_folder, len(taken))
    logger.info("references: %s", ", ".join(line(person.name, _SHOWN) for person in taken))
    return taken


def _too_few(count: int, study_folder: Path, there: int) -> InputError:
    return InputError(
        f"{OPTION} {count}: {study_folder} has {there} other people whose T1w image can be used",
        hint="give a smaller number, or a folder or list of other people; those who are exported, compared with or "
        "incomplete do not count",
    )


def _others(study_folder: Path, files: FileChoice, known: Sequence[FoundPerson]) -> Iterator[ReferencePerson]:
    """The other people of a study folder, in an order that nothing but their ids decides.

    The order is the same for everybody who is exported, so that a batch conforms as few people as possible.
    """
    there = set(not_found.list_subjects(study_folder, layouts_selected(files.layout)))
    there.update(folder.name for folder in places.children(study_folder) if _sessions_in(folder))
    seen: list[FoundPerson] = list(known)
    for name in sorted(there, key=_order):
        person = _usable(study_folder, name, _for_images(files))
        if person and not any(_same_person(person, somebody) for somebody in seen):
            seen.append(person)
            yield person


def _order(name: str) -> bytes:
    return hashlib.sha256(f"{_SEED} {name}".encode(errors="surrogateescape")).digest()


def _usable(study_folder: Path, name: str, files: FileChoice) -> ReferencePerson | None:
    """A subject with a T1w image whose header can be read, of several sessions the first; None without."""
    for found in (name, *sessions(study_folder, name)):
        try:
            subject = files.subject(study_folder, found)
            nifti.read_grid(subject.t1w)
        except WbtoolsError as error:
            logger.info("%s is no reference: %s", line(found, _SHOWN), line(error))
        else:
            return ReferencePerson(subject.t1w, subject, subject.id)
    return None


def sessions(study_folder: Path, name: str) -> Iterator[str]:
    """Ids of a person's sessions, in the study folder and in the data sets derived from it."""
    roots = (study_folder, *places.data_sets(study_folder, name))
    labels = {label for root in roots for label in _sessions_in(root / name)}
    yield from (f"{person_of(name)}_ses-{label}" for label in sorted(labels))


def _sessions_in(folder: Path) -> list[str]:
    """Labels of the sessions in a person's folder."""
    labels = (session_of(inside.name) for inside in places.children(folder))
    return [label for label in labels if label is not None]


def _same_person(first: FoundPerson, second: FoundPerson) -> bool:
    """Whether two are one person: by id, sessions and runs apart, or because their images are the same file."""
    return _label(first.name) == _label(second.name) or same_image(first.t1w, second.t1w)


def _label(name: str) -> str:
    return person_of(name).removeprefix("sub-").removesuffix("_T1w")


def same_image(first: Path, second: Path) -> bool:
    """Whether two files are one, or have the same bytes."""
    return first.samefile(second) or cmp(first, second, shallow=False)  # stops where they differ
