"""A study folder in any layout that exports know (HCP, FreeSurfer, BIDS, raw scans), or a folder of images.

What is known of people lies beside them: `twin_pairs.txt`, `participants.tsv`, tables of the Human Connectome Project.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from wbtools.datasets import labels
from wbtools.datasets.candidates import Candidate, Found, SourceOptions
from wbtools.datasets.images.slices import ScanSlice
from wbtools.datasets.images.volumes import ScanImage
from wbtools.datasets.items import Item
from wbtools.datasets.labels import Knowledge
from wbtools.datasets.manifest import Kind
from wbtools.datasets.sources import Source, outside
from wbtools.errors import InputError, SubjectError
from wbtools.exporting.references.people import sessions
from wbtools.model.input import FIELD_OF_VIEW
from wbtools.subject import Subject, containment, not_found, places
from wbtools.subject.identity import IMAGES, identity, person_of, session_of
from wbtools.subject.layouts import layout_named, layouts_selected
from wbtools.subject.selection import FileChoice
from wbtools.subject.subject import is_plain_name
from wbtools.text import line

_HEIGHTS = (-15.0, 55.0)  # mm from the anterior commissure


def recognises(place: Path) -> bool:
    """Whether it is a folder with a subject or an image."""
    return places.is_dir(place) and bool(_names(place, "auto") or _images(place))


def find(place: Path, kind: Kind, options: SourceOptions) -> Found:
    """Every session of every subject, or every image of a plain folder, with what tables beside them say."""
    if names := _names(place, options.layout):
        names = sorted({*names, *_locked(place)})
        found = [candidate for name in names for candidate in _of_person(place, name, options.layout)]
    else:
        found = [_of_image(path, place) for path in _images(place)]
    if kind is Kind.SLICES:
        found = [candidate for each in found for candidate in _slices(each)]
    known = Knowledge()
    for path in dict.fromkeys((*options.labels, *labels.beside(place))):
        known.add(path, options.columns)
    known.require_columns(options.columns)
    return Found(known.joined(found), tuple(known.remarks))


def require_outside(out: Path, place: Path) -> None:
    """Require that a folder to write to is neither in the study folder nor in a subject's of another study."""
    outside(out, place)
    containment.require_no_subjects(out, place, "--out")


def _names(place: Path, layout: str) -> list[str]:
    """Everybody who has a folder or a raw scan, also those with sessions only."""
    there = set(not_found.list_subjects(place, layouts_selected(layout)))
    with_sessions = (
        folder.name
        for folder in places.children(place)
        if any(session_of(inside.name) is not None for inside in places.children(folder))
    )
    return sorted({*there, *(name for name in with_sessions if name.startswith("sub-"))})


def _locked(place: Path) -> list[str]:
    """Everybody whose folder is unreadable, which looks like nobody's."""
    derived = (folder.name for root in places.data_sets(place, "") for folder in places.locked(root))
    return [*(folder.name for folder in places.locked(place)), *(name for name in derived if name.startswith("sub-"))]


def _images(place: Path) -> list[Path]:
    return [path for path in places.files(place) if path.name.endswith(IMAGES) and not path.name.startswith(".")]


def _of_person(place: Path, name: str, layout: str) -> Iterator[Candidate]:
    """The scans of a person; of several sessions all."""
    if not is_plain_name(name):
        yield _refused(name, InputError("a folder of this name is nobody's", hint="rename it, as in sub-01"))
        return
    choice = FileChoice(layout)
    several = list(sessions(place, name))
    for each in several if len(several) > 1 else [name]:
        try:
            yield _of_subject(place, choice.scan(place, each))
        except InputError as error:
            yield _refused(each, error)


def _refused(name: str, error: InputError) -> Candidate:
    said = f"{error}; {error.hint}" if error.hint else str(error)
    shown = line(name)
    return Candidate(Item(0, person_of(shown), shown, session=_session(shown)), None, said)


def _of_subject(place: Path, subject: Subject) -> Candidate:
    raw = layout_named(subject.layout).is_raw
    item = Item(0, person_of(subject.id), _relative(subject.t1w, place), session=_session(subject.id))
    return Candidate(item, ScanImage(subject.t1w, None if raw else subject))


def _of_image(path: Path, place: Path) -> Candidate:
    try:
        name = identity(path)
    except SubjectError:
        name = path.name
    return Candidate(Item(0, person_of(name), _relative(path, place), session=_session(name)), ScanImage(path))


def _slices(candidate: Candidate) -> Iterator[Candidate]:
    """Axial slices of a scan, from below the anterior commissure to below the vertex: all show much of a brain."""
    from wbtools.model.families.hemispheres import FAMILY

    if not isinstance(candidate.image, ScanImage):
        yield candidate
        return
    grid = replace(FAMILY.card, orientation="LAS")
    heights = FIELD_OF_VIEW.reoriented("LAS").covering(grid.shape)
    for level in range(grid.shape[2]):
        height = float((heights.affine @ (0, 0, level, 1))[2])
        if _HEIGHTS[0] <= height <= _HEIGHTS[1]:
            item = replace(candidate.item, source=f"{candidate.item.source}#{level}")
            yield Candidate(item, ScanSlice(candidate.image, grid, level))


def _session(name: str) -> str:
    """The session in an id; empty without."""
    found = (session_of(part) for part in name.split("_"))
    return next((session for session in found if session is not None), "")


def _relative(path: Path, place: Path) -> str:
    """A path as the record may have it: from the source, or its last parts."""
    return path.relative_to(place).as_posix() if path.is_relative_to(place) else "/".join(path.parts[-3:])


SOURCE = Source(
    "study",
    "a study folder of HCP, FreeSurfer or BIDS, or a folder of NIfTI images",
    frozenset([Kind.VOLUMES, Kind.SLICES]),
    recognises,
    find,
    require_outside,
    takes=frozenset(["layout", "column"]),
)
