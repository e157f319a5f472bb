"""The people of a folder or a list, whoever is exported: found before anything is read, each brain once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wbtools.errors import InputError, SubjectError, UnreadableFile
from wbtools.images import nifti
from wbtools.subject import identity, lists, not_found, places, resolve
from wbtools.subject.identity import IMAGES
from wbtools.subject.layouts import layouts_selected
from wbtools.subject.presence import hindrance
from wbtools.subject.selection import FileChoice, FoundPerson
from wbtools.tables import listfile

_WORD = "subject id or path"
_HINT = f"give a text file with one {_WORD} per line, or a folder of images"


@dataclass(frozen=True)
class PeoplePlace:
    """A folder of people, or a list of them, as the user named it.

    Parameters
    ----------
    path : Path
    option : str
        Where it was given; empty for a command's argument.

    Examples
    --------
    >>> str(PeoplePlace(Path("controls"), "--references")), str(PeoplePlace(Path("controls")))
    ('--references controls', 'controls')
    """

    path: Path
    option: str = ""

    def __str__(self) -> str:
        """As errors begin."""
        return f"{self.option} {self.path}".lstrip()


@dataclass(frozen=True, eq=False)
class ReferencePerson(FoundPerson):
    """A person who is a reference, and what the record may call them.

    Parameters
    ----------
    label : str
        The id of a subject of the study folder, or what the user wrote in a list; a number for the others of a folder,
        whose names the user did not give.
    """

    label: str = ""

    def as_record(self) -> dict[str, str]:
        """What provenance keeps: who it is, and which files were read."""
        t1w, *mask = self.files.values()
        return {"id": self.label, "t1w_sha256": t1w, **({"mask_sha256": mask[0]} if mask else {})}


@dataclass(frozen=True, eq=False)
class ListedPeople:
    """The people of a folder or a list.

    Parameters
    ----------
    people : tuple of ReferencePerson
    again : int
        How many more entries are there whose image is that of one of them.
    """

    people: tuple[ReferencePerson, ...] = ()
    again: int = 0

    @property
    def remarks(self) -> tuple[str, ...]:
        """What has to be said of them."""
        total = len(self.people) + self.again
        said = f"References: {self.again} of {total} were left out, whose image is that of another one."
        return (said,) if self.again else ()


def people_of(place: PeoplePlace, study_folder: Path, files: FileChoice, most: int) -> ListedPeople:
    """The people of a folder or a list.

    Parameters
    ----------
    place : PeoplePlace
    study_folder : Path
        Where ids of a list are looked for.
    files : FileChoice
        Which of a subject's files are taken.
    most : int
        So many at most.

    Raises
    ------
    InputError
        If there is nobody, there are too many, or the header of somebody's image cannot be read.
    """
    found: list[ReferencePerson] = []
    for person in _entries(place, study_folder, files, most):
        try:
            nifti.read_grid(person.t1w)
        except InputError as error:
            raise error.about(place) from None
        found.append(person)
    once = _each_once(found)
    return ListedPeople(once, len(found) - len(once))


def require_apart(place: PeoplePlace, folder: Path, option: str) -> None:
    """Require that a folder to write to is not the one that people are taken from: they would be others next time.

    Raises
    ------
    InputError
        Naming both.
    """
    if places.is_dir(place.path) and places.is_dir(folder) and place.path.samefile(folder):
        said = f"the folder of {place.option}" if place.option else "the folder of the people"
        raise InputError(f"{option} {folder} is {said}, which is never written to", hint=f"choose another {option}")


def _entries(place: PeoplePlace, study_folder: Path, files: FileChoice, most: int) -> Iterator[ReferencePerson]:
    """Everybody who is named, maybe twice."""
    if not places.is_dir(place.path):
        words = _words(place, study_folder)
        _require_few(len(words), most, place)
        yield from (_listed(word, place, study_folder, files) for word in words)
        return
    if places.closed(place.path):
        raise UnreadableFile(
            place.path, PermissionError(13, "Permission denied"), what=f"{place.option} folder".strip()
        )
    names = not_found.list_subjects(place.path, [known for known in layouts_selected(files.layout) if not known.is_raw])
    images = [] if names else _images(place.path)
    if not names and not images:
        names = not_found.list_subjects(place.path, layouts_selected(files.layout))
    _require_few(len(names or images), most, place)
    if not names and not images:
        raise InputError(
            f"{place} holds neither subjects nor images",
            hint="give a study folder, or a folder of NIfTI images of brains; DICOM files become images with dcm2niix",
        )
    if names and (locked := places.locked(place.path)):  # a mean that silently lacks somebody would be another one
        error = not_found.not_readable(locked[0])
        raise error.hinting(f"{error.hint}; or list those to take in a text file")
    own = places.is_dir(study_folder) and place.path.samefile(study_folder)
    for number, name in enumerate(names, 1):
        yield _subject(place, place.path, name, name if own else _numbered(number, place), files)
    for number, image in enumerate(images, 1):
        yield ReferencePerson(image, None, _numbered(number, place))


def _numbered(number: int, place: PeoplePlace) -> str:
    return f"number {number} of {place.path.name or 'a folder'}"


def _require_few(count: int, most: int, place: PeoplePlace) -> None:
    if count > most:
        raise InputError(
            f"{place} holds {count} people, {most} is the most",
            hint=f"list those to take in a text file, one {_WORD} per line",
        )


def _images(folder: Path) -> list[Path]:
    return [path for path in places.files(folder) if path.name.endswith(IMAGES) and not path.name.startswith(".")]


def _subject(place: PeoplePlace, folder: Path, name: str, label: str, files: FileChoice) -> ReferencePerson:
    try:
        subject = files.subject(folder, name)
    except InputError as error:
        raise error.about(place) from None
    return ReferencePerson(subject.t1w, subject, label)


def _listed(word: str, place: PeoplePlace, study_folder: Path, files: FileChoice) -> ReferencePerson:
    """Somebody of a list: an id of the study folder or a path, seen from the list or from here."""
    beside = place.path.parent / word
    given = beside if _is_image(beside) or ("/" in word and places.is_dir(beside)) else Path(word)
    if _is_image(given):
        return ReferencePerson(given, None, _label(word))
    try:
        folder, name = resolve(study_folder, str(given))
    except InputError as error:
        raise error.about(place) from None
    return _subject(place, folder, name, _label(word), files)


def _label(word: str) -> str:
    """The id in what the user wrote, of which folders above are no part."""
    with suppress(SubjectError):
        return identity(Path("/", word))
    return Path(word).name


def _is_image(path: Path) -> bool:
    return path.name.endswith(IMAGES) and places.is_file(path)


def _words(place: PeoplePlace, study_folder: Path) -> list[str]:
    """What a list names, each once."""
    path = place.path
    if path.name.endswith(IMAGES):
        raise InputError(f"{place} is one image", hint=_HINT)
    if not path.exists():
        if reason := hindrance(path):  # a link to nowhere
            raise reason.about(place)
        raise InputError(f"{place} does not exist", hint=f"check the path; {_HINT}")

    def known(word: str) -> bool:
        return any(_exists(folder / name) for folder in (path.parent, study_folder, Path()) for name in _names(word))

    found = dict.fromkeys(lists.words(listfile.of_file(path, str(place)), str(place), known, _WORD))
    if not found:
        raise InputError(f"{place} lists nobody", hint=_HINT)
    return list(found)


def _names(word: str) -> tuple[str, str]:
    return word, f"sub-{word}"


def _exists(path: Path) -> bool:
    return places.is_file(path) or places.is_dir(path)


def _each_once(found: Sequence[ReferencePerson]) -> tuple[ReferencePerson, ...]:
    """Those whose images differ; of several with one image, the first."""
    sizes = [person.t1w.stat().st_size for person in found]
    taken: dict[object, ReferencePerson] = {}
    for place, (person, size) in enumerate(zip(found, sizes, strict=True)):
        key = place if sizes.count(size) == 1 else person.files[person.t1w.name]  # reads what may be the same only
        taken.setdefault(key, person)
    return tuple(taken.values())
