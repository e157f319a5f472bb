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
from pathlib import Path

from wbtools.errors import InputError, UnreadableFile, WbtoolsError
from wbtools.exporting.references.choice import MOST, ReferenceChoice
from wbtools.images import nifti
from wbtools.subject import not_found, places, resolve
from wbtools.subject.identity import IMAGES, person_of, session_of
from wbtools.subject.layouts import layouts_selected
from wbtools.subject.selection import FileChoice, FoundPerson
from wbtools.text import line

logger = logging.getLogger(__name__)

_OPTION = "--references"
_LONGEST = 1 << 20  # bytes of a list
_SEED = "wbtools references"
_SHOWN = 80


@dataclass(frozen=True, eq=False)
class ReferencePeople:
    """Other people that a person's brain is compared with.

    Parameters
    ----------
    people : tuple of FoundPerson
    remarks : tuple of str
        Who was left out, and why, without naming them.
    listed : tuple of FoundPerson
        Everybody in the folder or list that was named, whoever is exported.
    """

    people: tuple[FoundPerson, ...] = ()
    remarks: tuple[str, ...] = ()
    listed: tuple[FoundPerson, ...] = ()


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
    listed = candidates(choice, study_folder, files)
    taken = tuple(other for other in listed if not any(_same_person(other, somebody) for somebody in known))
    if not taken:
        raise InputError(
            f"{_OPTION} {choice.place} holds nobody but the exported person and those compared with",
            hint="give other people, or --references made-up",
        )
    left = len(listed) - len(taken)
    said = f"References: {left} of {len(listed)} were left out, who are the exported person or one compared with."
    return ReferencePeople(taken, (said,) if left else (), listed)


def candidates(
    choice: ReferenceChoice, study_folder: Path, files: FileChoice, most: int = MOST
) -> tuple[FoundPerson, ...]:
    """The people of a folder or a list, whoever is exported; nobody for other choices.

    Raises
    ------
    InputError
        As `find`.
    """
    if choice.place is None:
        return ()
    place = choice.place
    found = tuple(_of_folder(place, files) if places.is_dir(place) else _of_list(place, study_folder, files))
    if len(found) > most:
        raise InputError(
            f"{_OPTION} {place} holds {len(found)} people, {most} is the most",
            hint="list those to take in a text file, one id or path per line",
        )
    for person in found:
        _require_readable(person, place)
    return found


def _of_folder(folder: Path, files: FileChoice) -> Iterator[FoundPerson]:
    """The subjects of a study folder; if there are none, the images in a folder."""
    if places.closed(folder):
        raise UnreadableFile(folder, PermissionError(13, "Permission denied"), what=f"the folder of {_OPTION},")
    names = not_found.list_subjects(folder, [known for known in layouts_selected(files.layout) if not known.is_raw])
    if names:
        yield from (_subject(folder, name, files) for name in names)
        return
    images = [path for path in places.files(folder) if path.name.endswith(IMAGES) and not path.name.startswith(".")]
    if images:
        yield from (FoundPerson(path) for path in images)
        return
    raw = not_found.list_subjects(folder, layouts_selected(files.layout))
    if not raw:
        raise InputError(
            f"{_OPTION} {folder} holds neither subjects nor images",
            hint="give a study folder, or a folder of NIfTI images of brains",
        )
    yield from (_subject(folder, name, files) for name in raw)


def _subject(folder: Path, name: str, files: FileChoice) -> FoundPerson:
    try:
        subject = files.subject(folder, name)
    except InputError as error:
        raise error.about(f"{_OPTION} {folder}") from None
    return FoundPerson(subject.t1w, subject)


def _of_list(path: Path, study_folder: Path, files: FileChoice) -> Iterator[FoundPerson]:
    """The people of a text file: an id of the study folder or a path in each line, seen from the list or from here."""
    for word in _lines(path):
        beside = path.parent / word
        given = beside if _is_image(beside) or ("/" in word and places.is_dir(beside)) else word
        yield _named(str(given), path, study_folder, files)


def _is_image(path: Path) -> bool:
    return path.name.endswith(IMAGES) and places.is_file(path)


def _named(word: str, path: Path, study_folder: Path, files: FileChoice) -> FoundPerson:
    image = Path(word)
    if _is_image(image):
        return FoundPerson(image)
    try:
        subject = files.subject(*resolve(study_folder, word))
    except InputError as error:
        raise error.about(f"{_OPTION} {path}") from None
    return FoundPerson(subject.t1w, subject)


def _lines(path: Path) -> list[str]:
    """The lines of a list that count, each once."""
    hint = "give a text file with one id or path per line"
    if path.name.endswith(IMAGES):
        raise InputError(f"{_OPTION} {path} is one image", hint=f"{hint}, or a folder of images")
    try:
        with path.open("rb") as stream:
            data = stream.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise InputError(f"{_OPTION} {path} has more than {_LONGEST >> 20} MiB", hint=hint)
        text = data.decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{_OPTION} {path} does not exist", hint=f"{hint}, a folder, or a number") from None
    except UnicodeDecodeError:
        raise InputError(f"{_OPTION} {path} is no text in UTF-8", hint=hint) from None
    except (OSError, ValueError) as error:
        raise UnreadableFile(path, error, hint, what="the list") from None
    words = [word for raw in text.splitlines() if (word := raw.strip()) and not word.startswith("#")]
    if not words:
        raise InputError(f"{_OPTION} {path} lists nobody", hint=hint)
    return list(dict.fromkeys(words))


def _require_readable(person: FoundPerson, place: Path) -> None:
    """Raise InputError unless the header of a person's image can be read."""
    try:
        nifti.read_grid(person.t1w)
    except InputError as error:
        raise error.about(f"{_OPTION} {place}") from None


def _chosen(count: int, study_folder: Path, files: FileChoice, known: Sequence[FoundPerson]) -> tuple[FoundPerson, ...]:
    """So many other people of a study folder, in an order that nothing but their ids decides.

    The order is the same for everybody who is exported, so that a batch conforms as few people as possible.
    """
    listed = set(not_found.list_subjects(study_folder, layouts_selected(files.layout)))
    listed.update(folder.name for folder in places.children(study_folder) if _sessions_in(folder))
    taken: list[FoundPerson] = []
    people: set[str] = set()
    for name in sorted(listed, key=_order):
        if len(taken) == count:
            break
        person = _usable(study_folder, name, files)
        if person is None or _label(person.name) in people:
            continue
        if not any(_same_person(person, somebody) for somebody in known):
            taken.append(person)
            people.add(_label(person.name))
    if len(taken) < count:
        raise InputError(
            f"{_OPTION} {count}: {study_folder} has {len(taken)} other people whose T1w image can be used",
            hint=f"give a smaller number, or a folder or list of other people; of {len(listed)} subjects, those that "
            "are incomplete, exported or compared with do not count",
        )
    logger.info("references: %s", ", ".join(line(person.name, _SHOWN) for person in taken))
    return tuple(taken)


def _order(name: str) -> bytes:
    return hashlib.sha256(f"{_SEED} {name}".encode(errors="surrogateescape")).digest()


def _usable(study_folder: Path, name: str, files: FileChoice) -> FoundPerson | None:
    """A subject with a T1w image whose header can be read, of several sessions the first; None without."""
    for found in (name, *_sessions(study_folder, name)):
        try:
            subject = files.subject(study_folder, found)
            nifti.read_grid(subject.t1w)
        except WbtoolsError as error:
            logger.info("%s is no reference: %s", line(found, _SHOWN), line(error))
        else:
            return FoundPerson(subject.t1w, subject)
    return None


def _sessions(study_folder: Path, name: str) -> Iterator[str]:
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
