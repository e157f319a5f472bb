"""Arrays that were conformed before, in parts: `{train,val,test}/subjects/ID.npy`, as the twin study (S1) keeps them.

Each part may have `twin_pairs.txt` (`idA,idB` a line) and `all_subjects.txt`, which says who counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wbtools.datasets.candidates import Candidate, Found, SourceOptions
from wbtools.datasets.images.volumes import StoredVolume
from wbtools.datasets.items import SPLITS, Item
from wbtools.datasets.labels import PAIRS, Knowledge
from wbtools.datasets.manifest import Kind
from wbtools.datasets.sources import Source
from wbtools.subject import places, require_plain_name
from wbtools.tables import listfile
from wbtools.text import counted

_SUBJECTS, _LISTED = "subjects", "all_subjects.txt"
_SUFFIX = ".npy"


def recognises(place: Path) -> bool:
    """Whether a part has arrays of subjects."""
    return any(places.is_dir(place / part / _SUBJECTS) for part in SPLITS)


def find(place: Path, kind: Kind, options: SourceOptions) -> Found:
    """Everybody who is listed, or of whom there is an array."""
    known, found, remarks = Knowledge(), [], []
    for part in SPLITS:
        pairs = place / part / PAIRS
        if places.is_file(pairs):
            known.add(pairs)
        inside = list(_of_part(place, part))
        found += inside
        there = {path.stem for path in places.files(place / part / _SUBJECTS) if path.suffix == _SUFFIX}
        if unlisted := there - {candidate.item.person for candidate in inside}:
            remarks.append(f"{counted(len(unlisted), 'array')} of {part} are not in {_LISTED} and do not count.")
    for path in options.labels:
        known.add(path, options.columns)
    known.require_columns(options.columns)
    return Found(known.joined(found), (*remarks, *known.remarks))


def _of_part(place: Path, part: str) -> Iterator[Candidate]:
    folder, listed = place / part / _SUBJECTS, place / part / _LISTED
    names = sorted(path.stem for path in places.files(folder) if path.suffix == _SUFFIX)
    if places.is_file(listed):
        lines = listfile.of_file(listed, str(listed)).text.split()
        names = list(dict.fromkeys(word.strip(",") for word in lines))
    for name in names:
        require_plain_name(name)
        item = Item(0, name, f"{part}/{_SUBJECTS}/{name}{_SUFFIX}", split=part)
        yield Candidate(item, StoredVolume(folder / f"{name}{_SUFFIX}"))


SOURCE = Source(
    "arrays",
    "{train,val,test}/subjects/ID.npy with twin_pairs.txt",
    frozenset([Kind.VOLUMES]),
    recognises,
    find,
)
