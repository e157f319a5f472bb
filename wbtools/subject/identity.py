"""The identity of the subject that a path belongs to: one rule for all layouts, for dry runs, exports and batches.

The id is derived from the path as typed. Links are not followed, since their targets have names of an archive or of
git-annex. Names of programs, processing steps, sessions or runs alone do not identify a subject; then the folders above
are used.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from wbtools.errors import SubjectError
from wbtools.subject.layouts import Layout, layouts_selected

IMAGES = (".nii.gz", ".nii", ".mgz", ".mgh")
"""Suffixes of image names."""

STEPS = frozenset(
    word
    for line in (
        "freesurfer fs fastsurfer recon all reconall samseg cat12 fmriprep smriprep mriqc qsiprep xcp xcpd",
        "hcp hcppipelines ciftify",
        "anatomical struct structural t1 t2w mprage mp2rage acpc dc restore gdc biascorr brain brainmask head",
        "derivatives derivative rawdata raw sourcedata bids nifti nii dicom data",
        "preproc proc processed processing output outputs out results result",
    )
    for word in line.split()
)
"""Words in names of programs and processing steps, in lower case and without `-`; layouts have more."""

CONTAINERS = frozenset(["subjects", "participants", "patients", "studies", "users", "home", "tmp", "mnt", "media"])
"""Names of folders that contain many subjects; no folder above them identifies a subject."""

_PROGRAMS = ("freesurfer", "fastsurfer", "reconall", "fmriprep", "smriprep", "ciftify", "qsiprep")
_VERSIONED = re.compile(rf"({'|'.join(_PROGRAMS)}|fs(?=v?\d+\.)|cat(?=12|26))v?\d[\d.a-z]*")
"""Programs with a version: `freesurfer7`, `fmriprep23.1.4`, `fs7.1`, `CAT12.9_2565`; `fs01` may be a subject."""
_VERSION = re.compile(r"v?\d+(\.\d+)+|v\d+")
_SESSION = re.compile(
    r"(?:ses|sess|session|visit|timepoint|wave)(?:[-_]([A-Za-z0-9]+)|(\d+))|(baseline|followup\d*)", re.I
)
_ENTITY = re.compile(r"(?:run|acq|rec|echo|part)-[A-Za-z0-9]+", re.I)
_RUN = re.compile(r"run[-_]?(\d+)", re.I)
_CENTRAL = re.compile(r"[lr]h\.central\.(?:r(?=sub-))?(.+?)(?:_T1w?)?\.gii")
"""Central surfaces of CAT12 and T1Prep, which have the scan's name; an `r` before it says that it was realigned."""
_QUALIFIED = re.compile(r"_(?=(?:ses|run|acq|rec|echo|part)-)")


def identity(path: Path) -> str:
    """The id of the subject that a folder or an image belongs to.

    Parameters
    ----------
    path : Path
        An image or a subject's folder, as typed. The disk is not accessed, except for the working directory if the path
        is relative.

    Returns
    -------
    str
        A plain name; `_ses-X` and `_run-X` are appended if only a folder gives the session or the run.

    Raises
    ------
    SubjectError
        If all folders have names of programs or steps.

    Examples
    --------
    >>> identity(Path("/scans/sub-01_ses-2_T1w.nii.gz")), identity(Path("/subjects/bert/mri/T1.mgz"))
    ('sub-01_ses-2', 'bert')
    >>> identity(Path("/study/sub-A/T1w_HCP_run-01/freesurfer")), identity(Path("/study/P7/session-2/FreeSurfer"))
    ('sub-A_run-01', 'P7_ses-2')
    """
    names = list(_names(typed(path)))
    collected: list[str] = []
    for place, name in enumerate(names):
        if name.lower() in CONTAINERS:
            break
        qualifiers = _of_nobody(name)
        if qualifiers is None:
            return "_".join((name, *_in_order([*_above(name, names[place + 1 :]), *collected], name)))
        collected[:0] = qualifiers
    raise SubjectError(
        f"{path} names no person: the folders' names are those of programs, steps or sessions",
        hint="give the person's name with --id NAME",
    )


def typed(path: Path) -> Path:
    """An absolute path that keeps the names as typed: links, also in the working directory, are not followed.

    Examples
    --------
    >>> typed(Path("/study/sub-01/../sub-02"))
    PosixPath('/study/sub-02')
    """
    whole = path if path.is_absolute() else _working_directory() / path
    plain = Path(os.path.normpath(whole))
    if ".." in whole.parts and _same(whole, whole) and not _same(plain, whole):
        return Path(os.path.realpath(whole))  # `..` after a link leads elsewhere than the names suggest
    return plain


def is_step(name: str) -> bool:
    """Whether a folder is named after a program, processing step, session or run instead of a subject.

    Examples
    --------
    >>> [is_step(name) for name in ("FreeSurfer", "recon-all", "fmriprep-23.1.4", "T1w_run-01", "ses-1")]
    [True, True, True, True, True]
    >>> is_step("bert"), is_step("fs01")
    (False, False)
    """
    return _of_nobody(name) is not None


def session_of(name: str) -> str | None:
    """The session label in a folder's name; None if it is not the name of a session.

    Examples
    --------
    >>> session_of("ses-01"), session_of("session_2"), session_of("sub-01"), session_of("sesame")
    ('01', '2', None, None)
    """
    found = _SESSION.fullmatch(name)
    return next(filter(None, found.groups())) if found else None


def person_of(subject_id: str) -> str:
    """An id without session, run and other entities that distinguish scans of a person.

    Examples
    --------
    >>> person_of("sub-01_ses-2_run-1"), person_of("HCA6002236_V1_MR")
    ('sub-01', 'HCA6002236_V1_MR')
    """
    return _QUALIFIED.split(subject_id, maxsplit=1)[0]


def person_key(person: str) -> str:
    r"""An id as tables and folders share it: with `sub-` and without, it is the same person.

    Accents are composed (Unicode's NFC): folders that a Mac made have them apart from their letters.

    Examples
    --------
    >>> person_key("sub-01"), person_key("100307"), person_key("Zoe\u0308") == person_key("Zo\u00eb")
    ('01', '100307', True)
    """
    return unicodedata.normalize("NFC", person.strip()).removeprefix("sub-")


def image_stem(name: str) -> str:
    """An image's name without its suffix; any other name unchanged.

    Examples
    --------
    >>> image_stem("bert_T1w.nii.gz"), image_stem("bert")
    ('bert_T1w', 'bert')
    """
    return next((name.removesuffix(end) for end in IMAGES if name.endswith(end)), name)


def _working_directory() -> Path:
    """The logical working directory (as `pwd -L`)."""
    here, named = Path.cwd(), Path(os.environ.get("PWD", ""))
    return named if named.is_absolute() and _same(named, here) else here


def _same(path: Path, other: Path) -> bool:
    """Whether two paths lead to the same existing file or folder."""
    with suppress(OSError):
        return path.samefile(other)
    return False


def _names(path: Path) -> Iterator[str]:
    """The names in a path, innermost first; that of an image without its suffix and `_T1w`."""
    *folders, last = path.parts[1:] or ("",)
    if central := _CENTRAL.fullmatch(last):
        yield central[1]
        yield from reversed(folders)
        return
    stem = image_stem(last)
    if stem != last and folders[-1:] == ["orig"]:  # of recon-all: 001.mgz
        yield from reversed(folders)
        return
    yield stem.removesuffix("_T1w").removesuffix("_T1") if stem != last else last
    yield from reversed(folders)


def _of_nobody(name: str) -> list[str] | None:
    """Session and run entities in a name that does not identify a subject; None for a name that does."""
    if (session := session_of(name)) is not None:
        return [f"ses-{session}"]
    if run := _RUN.fullmatch(name):
        return [f"run-{run[1]}"]
    found: list[str] = []
    words: list[str] = []
    for word in filter(None, re.split(r"[_\s]", name)):
        if (session := session_of(word)) is not None:
            found.append(f"ses-{session}")
        elif _ENTITY.fullmatch(word):
            found.append(word)
        else:
            words += word.lower().split("-")
    return found if not words or _are_steps(words) else None


def _are_steps(words: list[str]) -> bool:
    """Whether words, the last of which may be a version, name a program or steps."""
    *first, last = words
    if first and (_VERSION.fullmatch(last) or (last.isdecimal() and first[-1] in _PROGRAMS)):
        words = first
    plain, steps = "".join(words), _steps(layouts_selected())
    return steps.issuperset(words) or plain in steps or _VERSIONED.fullmatch(plain) is not None


@lru_cache
def _steps(layouts: tuple[Layout, ...]) -> frozenset[str]:
    """All words that name no subject: those of programs and steps, and of the folders in subjects' folders."""
    folders = (part.lower() for layout in layouts for part in layout.parts)
    return STEPS.union(folders, *(layout.steps for layout in layouts))


def _above(person: str, names: list[str]) -> list[str]:
    """Session and run entities of the folders between a name and the folder above that repeats it."""
    found: list[str] = []
    for name in names:
        if name in {person, f"sub-{person}"}:
            return found
        qualifiers = _of_nobody(name)
        if qualifiers is None:
            return []
        found[:0] = qualifiers
    return []


def _in_order(entities: list[str], name: str) -> list[str]:
    """Each entity once, the session first, without those of a kind that the name has already."""
    kept: dict[str, str] = {}
    for entity in entities:
        kind = entity.partition("-")[0]
        if f"_{kind}-" not in name:
            kept.setdefault(kind, entity)
    return sorted(kept.values(), key=lambda entity: not entity.startswith("ses-"))
