"""The people of a BIDS dataset who can be explained, as `wbtools batch run` calls them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from wbtools.errors import InputError, SubjectError, missing_folder
from wbtools.subject import AUTO, locate, places
from wbtools.subject.identity import person_of, session_of
from wbtools.subject.layouts import layouts_selected
from wbtools.text import first_of, line

_AT_ONCE = 16
"""Threads that look for people: on a network file system, asking takes long and costs nothing."""
_SHOWN = 30
"""Labels that a sentence lists."""

_HINT = "--layout t1w explains raw T1w images alone, with surfaces of a group average laid over them"


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
        Labels of participants who are left out, for nothing of theirs can be read.
    """

    study: Path
    ids: tuple[str, ...]
    without: tuple[str, ...] = ()


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
        If a folder or a label does not exist, naming the labels that do, or nobody has surfaces, or several datasets
        have them.
    """
    studies = [_folder(word) for word in derivatives] or [bids_dir]
    for folder in (bids_dir, *studies):
        if not places.is_dir(folder):
            raise missing_folder(folder, hint="give the folder of a BIDS dataset")
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


def _of_study(bids_dir: Path, study: Path, wanted: Wanted) -> People:
    """The people of one study folder."""
    sessions = _sessions(bids_dir, study)
    raw = {person_of(home.name) for home in _homes(bids_dir)}
    if unknown := [word for word in wanted.labels if f"sub-{word}" not in sessions]:
        raise _absent("participant", unknown, (person[4:] for person in sessions), study)
    known = {session for named in sessions.values() for session in named}
    if unknown := [word for word in wanted.sessions if word not in known]:
        raise _absent("session", unknown, known, study)
    asked = [person for person in sorted(sessions) if not wanted.labels or person[4:] in wanted.labels]

    def ids(person: str) -> list[str]:
        return _ids(study, person, sorted(sessions[person]), wanted.layout)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = dict(zip(asked, pool.map(ids, asked), strict=True))
    without = [person for person, each in found.items() if not each and (person in raw or wanted.labels)]
    if wanted.labels and without:
        names = first_of([person[4:] for person in without], _SHOWN)
        raise InputError(f"participants without surfaces in {study}: {names}", hint=_HINT)
    chosen = {person: [each for each in some if _is_of(each, wanted.sessions)] for person, some in found.items()}
    without += [person for person, some in found.items() if some and not chosen[person]]
    return People(study, tuple(chain.from_iterable(chosen.values())), tuple(person[4:] for person in sorted(without)))


def _homes(root: Path) -> list[Path]:
    return [folder for folder in places.children(root) if folder.name.startswith("sub-")]


def _sessions(bids_dir: Path, study: Path) -> Mapping[str, set[str]]:
    """The labels of everybody's sessions, by person, in the raw data and in all places of derivatives."""
    found: dict[str, set[str]] = {}
    for root in dict.fromkeys((bids_dir, study, *places.data_sets(study, ""))):
        for home in _homes(root):
            person = person_of(home.name)
            names = [home.name.removeprefix(person).removeprefix("_"), *(path.name for path in places.children(home))]
            found.setdefault(person, set()).update(filter(None, map(session_of, names)))
    return found


def _ids(study: Path, person: str, sessions: Sequence[str], layout: str) -> list[str]:
    """The ids of a person's exports: one for each session, if these have surfaces of their own; empty without any."""
    if not _is_there(study, person, layout):
        return []
    with suppress(SubjectError):
        return [locate(study, person, layout).id]
    names = [name for name in (f"{person}_ses-{each}" for each in sessions) if _is_there(study, name, layout)]
    try:
        return [locate(study, name, layout).id for name in names or [person]]
    except SubjectError as error:
        if layouts_selected(layout)[0].is_raw:  # of several images, say: the batch tells of whom, and does the others
            return names or [person]
        raise _choosing(error, study, person) from None


def _choosing(refused: SubjectError, study: Path, person: str) -> SubjectError:
    """Why a person is not found once, with what to type where several datasets have them."""
    roots = [root for root in places.data_sets(study, "") if places.is_dir(root / person)]
    if len(roots) < 2:
        return refused
    return refused.hinting(f"name one of the datasets, for example --derivatives {roots[0]}")


def _is_there(study: Path, name: str, layout: str) -> bool:
    """Whether a layout has a person or a session; of all layouts, only those of surfaces count."""
    for known in layouts_selected(layout):
        if layout == AUTO and known.is_raw:
            continue
        try:
            if known.locate(study, name) or known.candidates(study, name):
                return True
        except SubjectError:
            return True
    return False


def _is_of(found: str, sessions: Collection[str]) -> bool:
    """Whether an id is that of one of these sessions."""
    return not sessions or any(f"_ses-{session}_" in f"{found}_" for session in sessions)


def _absent(noun: str, unknown: Sequence[str], known: Iterable[str], study: Path) -> InputError:
    """The refusal of labels that nobody has."""
    listed, shown = first_of(sorted(known), _SHOWN), first_of([line(word, 40) or "''" for word in unknown], _SHOWN)
    return InputError(
        f"{study} has no {noun} {shown}; it has {listed or 'none'}",
        hint=f"give {noun}s that are there, or leave --{noun}-label out",
    )


def _nobody(bids_dir: Path, people: People, wanted: Wanted) -> InputError:
    """Why there is nobody to explain."""
    if wanted.sessions:
        return InputError(
            f"nobody of those asked for has surfaces of session {', '.join(wanted.sessions)} in {people.study}",
            hint="fMRIPrep puts the anatomy of several sessions together: leave --session-label out",
        )
    if people.without:
        return InputError(
            f"nobody in {people.study} has surfaces", hint=f"name their dataset with --derivatives; {_HINT}"
        )
    return InputError(f"{bids_dir} has no participant", hint="give the folder that holds the folders sub-*")
