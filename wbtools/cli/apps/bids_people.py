"""The people of a BIDS dataset who can be explained, as `wbtools batch run` calls them.

Of whom something cannot be read, was not fetched or is not finished, is among them: the batch says what, does the
others, and has the exit code of that.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from wbtools.errors import InputError, SubjectError, missing_folder
from wbtools.subject import AUTO, locate, not_found, places
from wbtools.subject.identity import person_of, session_of
from wbtools.subject.layouts import Layout, layouts_selected
from wbtools.text import counted, first_of, line

_AT_ONCE = 16
"""Threads that look for people: on a network file system, asking takes long and costs nothing."""
_SHOWN = 30
"""Labels that a sentence lists."""
_NOTED = 10
"""The same of a note."""
_EXPLAINED = "--layout t1w explains raw T1w images alone, with surfaces of a group average laid over them"


@dataclass(frozen=True)
class Wanted:
    """Whom the command line asks for.

    Parameters
    ----------
    labels, sessions : collection of str
        Without `sub-` and `ses-`; empty for all.
    layout : str
        As of `wbtools batch run`.
    """

    labels: Collection[str] = ()
    sessions: Collection[str] = ()
    layout: str = AUTO

    @property
    def is_raw(self) -> bool:
        """Whether raw images are asked for, so that nobody needs surfaces."""
        return _layouts(self.layout)[0].is_raw

    @property
    def what(self) -> str:
        """What people need."""
        return "a raw image" if self.is_raw else "surfaces"


@dataclass(frozen=True)
class People:
    """Who was found.

    Parameters
    ----------
    study : Path
        The study folder that has them.
    ids : tuple of str
        Such as `sub-01` and `sub-02_ses-a`.
    without : tuple of str
        Labels of participants who are left out, for they have no surfaces.
    sessions : tuple of str
        The same of sessions of others, such as `sub-03_ses-b`.
    """

    study: Path
    ids: tuple[str, ...]
    without: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()

    def left_out(self, wanted: Wanted) -> Iterator[str]:
        """Sentences on who is left out."""
        of = f" of session {', '.join(wanted.sessions)}" if wanted.sessions else ""
        more = "" if wanted.is_raw else "; --layout t1w explains raw T1w images"
        if self.without:
            shown = first_of(self.without, _NOTED)
            many = counted(len(self.without), "participant")
            yield f"{many} left out, without {wanted.what} to be read{of}: {shown}{more}"
        if self.sessions:
            shown = first_of(self.sessions, _NOTED)
            yield f"{counted(len(self.sessions), 'session')} left out, without {wanted.what}: {shown}"


def find_people(bids_dir: Path, derivatives: Sequence[Path], wanted: Wanted) -> People:
    """Find who is to be explained, and in which study folder.

    Parameters
    ----------
    bids_dir : Path
    derivatives : sequence of Path
        Folders, or `NAME=FOLDER`; without, all places in `bids_dir` are looked at in which derivatives usually are.
    wanted : Wanted

    Raises
    ------
    InputError
        If a folder or a label does not exist, naming the labels that do, or may not be read, or nobody has surfaces,
        or not all who are named, or several datasets have them.
    """
    studies = [_folder(word) for word in derivatives] or [bids_dir]
    for folder in (bids_dir, *studies):
        if not places.is_dir(folder):
            raise missing_folder(folder, hint="give the folder of a BIDS dataset")
        if places.closed(folder):
            raise not_found.not_readable(folder)
    found, refused = [], []
    for study in studies:
        try:
            found.append(_of_study(bids_dir, study, wanted))
        except InputError as error:
            refused.append(error)
    having = [people for people in found if people.ids]
    if len(having) > 1:
        raise InputError(
            f"{having[0].study} and {having[1].study} both have these participants", hint="name one with --derivatives"
        )
    if not having:
        raise refused[0] if refused else _nobody(bids_dir, found[0], wanted)
    return having[0]


def _folder(word: Path) -> Path:
    """The folder of a word such as `fmriprep=/data/fmriprep`."""
    name, mark, path = str(word).partition("=")
    return Path(path) if mark and "/" not in name and not word.exists() else word


def _asked(bids_dir: Path, study: Path, sessions: Mapping[str, Collection[str]], wanted: Wanted) -> list[str]:
    """The people who are asked for.

    Raises
    ------
    InputError
        If nobody has a label, or a data set may not be read and no other has any of them.
    """
    if unknown := [word for word in wanted.labels if f"sub-{word}" not in sessions]:
        labels = (person[4:] for person in sessions)
        raise _absent("participant", unknown, labels, study, _closed(bids_dir, study))
    asked = [person for person in sorted(sessions) if not wanted.labels or person[4:] in wanted.labels]
    known = {session for named in sessions.values() for session in named}
    if unknown := [word for word in wanted.sessions if word not in known]:
        raise _absent("session", unknown, known, study, _closed(bids_dir, study, asked))
    closed = [] if wanted.is_raw else _closed(bids_dir, study)
    if asked and closed and not any(_is_there(study, person, wanted.layout) for person in asked):
        raise not_found.not_readable(closed[0])  # once, not of everybody
    return asked


def _of_study(bids_dir: Path, study: Path, wanted: Wanted) -> People:
    """The people of one study folder."""
    sessions = _sessions(bids_dir, study)
    raw = {person_of(home.name) for home in _homes(bids_dir)}
    asked = _asked(bids_dir, study, sessions, wanted)

    def ids(person: str) -> list[str]:
        return _ids(study, person, sorted(sessions[person]), wanted.layout)

    def lacking(person: str) -> list[str]:
        return _lacking(bids_dir, person, sorted(sessions[person]), found[person], wanted)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = dict(zip(asked, pool.map(ids, asked), strict=True))
        left = dict(zip(asked, pool.map(lacking, asked), strict=True))
    without = [person for person, each in found.items() if not each and (person in raw or wanted.labels)]
    if wanted.labels and without:
        names = first_of([person[4:] for person in without], _SHOWN)
        raise InputError(f"participants without {wanted.what} in {study}: {names}", hint=_advice(study, wanted))
    chosen = {person: [each for each in some if _is_chosen(study, each, wanted)] for person, some in found.items()}
    without += [person for person, some in found.items() if some and not chosen[person] and not left[person]]
    everybody, lost = (tuple(chain.from_iterable(each.values())) for each in (chosen, left))
    if wanted.sessions and lost and (wanted.labels or not everybody):
        raise InputError(
            f"sessions without {wanted.what} in {study}: {first_of(lost, _SHOWN)}",
            hint=f"ask for sessions that have them; {_advice(study, wanted)}",
        )
    return People(study, everybody, tuple(person[4:] for person in sorted(without)), lost)


def _homes(root: Path) -> list[Path]:
    return [folder for folder in places.children(root) if folder.name.startswith("sub-")]


def _roots(bids_dir: Path, study: Path) -> list[Path]:
    """The raw data and all places of derivatives."""
    return list(dict.fromkeys((bids_dir, study, *places.data_sets(study, ""))))


def _closed(bids_dir: Path, study: Path, people: Collection[str] = ()) -> list[Path]:
    """The folders that are unreadable: of data, and of these people."""
    roots = _roots(bids_dir, study)
    homes = (home for root in roots for home in _homes(root) if person_of(home.name) in people)
    return list(filter(places.closed, (*roots, *homes)))


def _sessions(bids_dir: Path, study: Path) -> Mapping[str, set[str]]:
    """The labels of everybody's sessions, by person."""
    found: dict[str, set[str]] = {}
    for root in _roots(bids_dir, study):
        for home in _homes(root):
            person = person_of(home.name)
            names = [home.name.removeprefix(person).removeprefix("_"), *(path.name for path in places.children(home))]
            found.setdefault(person, set()).update(filter(None, map(session_of, names)))
    return found


def _ids(study: Path, person: str, sessions: Sequence[str], layout: str) -> list[str]:
    """The ids of a person's exports: one for each session, if these have surfaces of their own; empty without any."""
    names = [f"{person}_ses-{each}" for each in sessions]
    if not _is_there(study, person, layout):
        return _hindered(study, person, names, layout)
    alone = []
    with suppress(SubjectError):
        alone = [locate(study, person, layout).id]
    if alone and "_ses-" not in alone[0]:  # one anatomy of all sessions
        return alone
    names = [name for name in names if not any(_is_part(each, name) for each in alone)]
    there = [name for name in names if _is_there(study, name, layout)] or ([] if alone else [person])
    unusable = _unusable(study, names, layout)
    try:
        return sorted([*alone, *(locate(study, name, layout).id for name in there), *unusable])
    except SubjectError as error:
        if _layouts(layout)[0].is_raw:  # of several images, say: the batch tells of whom, and does the others
            return sorted([*alone, *there, *unusable])
        raise _choosing(error, study, person) from None


def _unusable(study: Path, names: Iterable[str], layout: str) -> list[str]:
    """The sessions that may have surfaces: something of theirs cannot be read."""
    return [name for name in names if not _is_there(study, name, layout) and _is_hindered(study, name, layout)]


def _hindered(study: Path, person: str, names: Sequence[str], layout: str) -> list[str]:
    """The ids of a person of whom nothing was found, for something of theirs cannot be read; else empty."""
    unusable = _unusable(study, names, layout)
    if unusable or not _is_hindered(study, person, layout):
        return unusable
    return [name for name in names if _has_image(study, name)] or [person]


def _is_hindered(study: Path, name: str, layout: str) -> bool:
    """Whether a folder or an image that may be a person's or a session's is unreadable, unfetched or unfinished."""
    if any(known.unfetched(study, name) for known in _layouts(layout)):
        return True
    raw = _layouts(layout)[0].is_raw  # looked for in the study folder only
    roots = [study, *(() if raw else places.data_sets(study, ""))]
    if name == person_of(name) and any(map(places.closed, roots)):
        return True
    return any(not_found.is_unfinished(folder) for root in roots for folder in _folders(root, name))


def _folders(root: Path, name: str) -> Iterator[Path]:
    """The folders of a person in a data set; of a session, only those of that session."""
    session = session_of(name.removeprefix(person_of(name)).removeprefix("_"))
    for home in places.homes(root, name):
        if session is None or home.name == name:
            yield home
        else:
            yield from (folder for folder in places.children(home) if session_of(folder.name) == session)


def _has_image(root: Path, name: str) -> bool:
    """Whether there is a raw image of a person or a session, fetched or not."""
    return any(known.candidates(root, name) or known.unfetched(root, name) for known in layouts_selected())


def _lacking(bids_dir: Path, person: str, sessions: Iterable[str], ids: Sequence[str], wanted: Wanted) -> list[str]:
    """The sessions of a person that have no surfaces while others have, and an image or somebody who asks for them."""
    if not ids or any("_ses-" not in each for each in ids):
        return []
    names = [f"{person}_ses-{each}" for each in sessions if not wanted.sessions or each in wanted.sessions]
    lost = [name for name in names if not any(_is_part(each, name) for each in ids)]
    return [name for name in lost if (wanted.labels and wanted.sessions) or _has_image(bids_dir, name)]


def _choosing(refused: SubjectError, study: Path, person: str) -> SubjectError:
    """Why a person is not found once, with what to type where several datasets have them."""
    roots = [root for root in places.data_sets(study, "") if places.is_dir(root / person)]
    if len(roots) < 2:
        return refused
    return refused.hinting(f"name one of the datasets, for example --derivatives {roots[0]}")


def _layouts(layout: str) -> tuple[Layout, ...]:
    """The layouts that count: of all, only those of surfaces."""
    return tuple(known for known in layouts_selected(layout) if layout != AUTO or not known.is_raw)


def _is_there(study: Path, name: str, layout: str) -> bool:
    """Whether a layout has a person or a session."""
    for known in _layouts(layout):
        try:
            if known.locate(study, name) or known.candidates(study, name):
                return True
        except SubjectError:
            return True
    return False


def _is_part(found: str, name: str) -> bool:
    """Whether an id is that of a session, or of a run of it."""
    return f"{found}_".startswith(f"{name}_")


def _is_chosen(study: Path, found: str, wanted: Wanted) -> bool:
    """Whether an id is one of the sessions that are asked for, or may have them: of whom nothing can be read."""
    if not wanted.sessions or any(f"_ses-{session}_" in f"{found}_" for session in wanted.sessions):
        return True
    return "_ses-" not in found and not _is_there(study, found, wanted.layout)


def _absent(noun: str, unknown: Sequence[str], known: Iterable[str], study: Path, closed: Sequence[Path]) -> InputError:
    """The refusal of labels that nobody has."""
    listed, shown = first_of(sorted(known), _SHOWN), first_of([line(word, 40) or "''" for word in unknown], _SHOWN)
    return InputError(
        f"{study} has no {noun} {shown}; it has {listed or 'none'}{_unsearched(closed)}",
        hint=not_found.not_readable(closed[0]).hint
        if closed
        else f"give {noun}s that are there, or leave --{noun}-label out",
    )


def _nobody(bids_dir: Path, people: People, wanted: Wanted) -> InputError:
    """Why there is nobody to explain."""
    if wanted.sessions:
        named = f"{wanted.what} of session {', '.join(wanted.sessions)}"
        together = "" if wanted.is_raw else "fMRIPrep puts the anatomy of several sessions together: "
        return InputError(
            f"nobody of those asked for has {named} in {people.study}", hint=f"{together}leave --session-label out"
        )
    if people.without:
        return InputError(f"nobody in {people.study} has {wanted.what}", hint=_advice(people.study, wanted))
    closed = _closed(bids_dir, people.study)
    return InputError(
        f"{bids_dir} has no participant{_unsearched(closed)}",
        hint=not_found.not_readable(closed[0]).hint if closed else "give the folder that holds the folders sub-*",
    )


def _unsearched(closed: Sequence[Path]) -> str:
    """The end of a sentence on people who are not there."""
    return f"; folders without read permission were not searched ({first_of([*map(str, closed)], 3)})" * bool(closed)


def _advice(study: Path, wanted: Wanted) -> str:
    """What to do where somebody has no surfaces, or no image."""
    if wanted.is_raw:
        return "give those who have a T1w image in anat/, by --participant-label"
    said = "name their dataset with --derivatives; " + _EXPLAINED
    empty = [root for root in (study, *places.data_sets(study, "")) if _is_empty(root)]
    if not empty:
        return said
    return (
        f"{said}; {empty[0]} is empty: if it is a subdataset, install it (datalad get -n {shlex.quote(str(empty[0]))})"
    )


def _is_empty(folder: Path) -> bool:
    return places.is_dir(folder) and not places.closed(folder) and not places.entries(folder)
