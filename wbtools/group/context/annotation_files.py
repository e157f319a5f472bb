"""Reading annotations: surface maps, CIFTI files and tables of the user, and those of neuromaps by name."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, MissingFile, UnreadableFile
from wbtools.group.context import neuromaps_files
from wbtools.group.context.annotation import Annotation
from wbtools.images import cifti_document, gifti

_MISSING = {"", "n/a", "na", "nan"}
_LARGEST = 2**24  # bytes of a table
_MARKS = (
    r"(?<=hemi-)[LR](?=[_.])",
    r"(?<=[._])[LR](?=[._])",
    r"^[LR](?=[._])",
    r"^[lr](?=h\.)",
    r"(?<=[._])[lr](?=h[._])",
)
"""Where the name of a file says its hemisphere; the first that is found counts."""

_Sides = Mapping[Hemisphere, NDArray[np.float32]]


def read_annotations(source: str) -> tuple[Annotation, ...]:
    """Read the maps of a file, or of neuromaps, as values per cortical area.

    Parameters
    ----------
    source : str
        - a `.func.gii` or `.shape.gii` file of one hemisphere, on 32k_fs_LR; that of the other lies next to it, under
          the same name with the other side (`.L.`/`.R.`, `hemi-L`/`hemi-R`, `lh.`/`rh.`);
        - a `.dscalar.nii` or `.pscalar.nii` file, on 32k_fs_LR;
        - a `.tsv` file: the first column has names of regions, each other column is a map; `n/a` where it has none;
        - `neuromaps:source-desc-space-den`, with the package neuromaps.

    Returns
    -------
    tuple of Annotation
        All maps of the file, in its order.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another kind, on another mesh, or of the wrong side.
    """
    if source.startswith(neuromaps_files.PREFIX):
        return _annotations(source, _gifti(neuromaps_files.fetch(source)))
    path = Path(source)
    kind = next((ending for ending in _READERS if path.name.endswith(ending)), None)
    if kind is None:
        raise InputError(f"{path} is no map that can be read", hint=f"give a file that ends in {', '.join(_READERS)}")
    if not path.is_file():
        raise MissingFile(path)
    return _READERS[kind](path)


def read_all(sources: Iterable[str]) -> tuple[Annotation, ...]:
    """Read several sources, each once: both hemispheres' files are one source.

    Maps of one name are told apart by their files' names, and by numbers where these are the same, too.

    Parameters
    ----------
    sources : iterable of str
        As `read_annotations` takes them.

    Raises
    ------
    InputError
        As `read_annotations` does.
    """
    once: dict[frozenset[str], str] = {}
    for source in sources:
        once.setdefault(_files(source), source)
    found = [(Path(source).name, each) for source in once.values() for each in read_annotations(source)]
    twice = {name for name, count in Counter(each.name for _, each in found).items() if count > 1}
    names = [f"{each.name} ({file})" if each.name in twice else each.name for file, each in found]
    numbered = (
        f"{name} #{names[:n].count(name) + 1}" if names.count(name) > 1 else name for n, name in enumerate(names)
    )
    return tuple(replace(each, name=name) for (_, each), name in zip(found, numbered, strict=True))


def _files(source: str) -> frozenset[str]:
    """What a source is read from."""
    path = Path(source)
    if source.startswith(neuromaps_files.PREFIX) or not path.is_file():
        return frozenset([source])
    surfaces = any(path.name.endswith(ending) for ending, reader in _READERS.items() if reader is _surfaces)
    return frozenset(str(each.resolve()) for each in (_pair(path).values() if surfaces else [path]))


def _surfaces(path: Path) -> tuple[Annotation, ...]:
    """The maps of a GIFTI file and of its partner."""
    return _annotations(path.name.split(".")[0] or path.name, _gifti(_pair(path)))


def _pair(path: Path) -> dict[Hemisphere, Path]:
    """The files of both hemispheres, from the name of either."""
    mark = next(filter(None, (re.search(pattern, path.name) for pattern in _MARKS)), None)
    if mark is None:
        raise InputError(f"the name of {path} does not say its hemisphere", hint="call it NAME.L.func.gii")
    side = Hemisphere.parse(mark[0])
    other = Hemisphere.RIGHT if side is Hemisphere.LEFT else Hemisphere.LEFT
    letter = other.letter.lower() if mark[0].islower() else other.letter
    partner = path.with_name(path.name[: mark.start()] + letter + path.name[mark.end() :])
    if not partner.is_file():
        raise MissingFile(partner, hint="put the maps of both hemispheres in one folder", needed_by=path.name)
    return {side: path, other: partner}


def _gifti(files: Mapping[Hemisphere, Path]) -> dict[str, _Sides]:
    """Maps by name from files of hemispheres; unnamed ones by their place."""
    read = {side: list(gifti.read_metrics(path, side).items()) for side, path in files.items()}
    counts = {len(maps) for maps in read.values()}
    if len(counts) > 1:
        raise InputError(
            f"{' and '.join(path.name for path in files.values())} have different numbers of maps",
            hint="give files that belong together",
        )
    names = [name for name, _ in next(iter(read.values()))]
    return {name: {side: maps[place][1] for side, maps in read.items()} for place, name in enumerate(names)}


def _cifti(path: Path) -> tuple[Annotation, ...]:
    """The maps of a CIFTI file of vertices or of parcels."""
    from nibabel.cifti2.cifti2_axes import BrainModelAxis, ParcelsAxis, ScalarAxis

    maps, elements, data = cifti_document.read(path)
    if not isinstance(maps, ScalarAxis) or not isinstance(elements, BrainModelAxis | ParcelsAxis):
        raise InputError(f"{path} holds no maps with a value per vertex", hint="give a .dscalar.nii or .pscalar.nii")
    sizes = {side: elements.nvertices.get(side.cortex.cifti) for side in Hemisphere}
    if not any(sizes.values()):
        raise InputError(f"{path} has no cortex", hint="give maps of the cortex")
    whole = {side: np.full((len(data), size), np.nan, np.float32) for side, size in sizes.items() if size}
    parts = _model_parts(elements) if isinstance(elements, BrainModelAxis) else _parcel_parts(elements)
    for structure, columns, vertices in parts:
        if structure not in {side.cortex.cifti for side in whole}:
            continue
        target = whole[Hemisphere.parse(structure)]
        if vertices.min(initial=0) < 0 or vertices.max(initial=-1) >= target.shape[1]:
            raise InputError(f"{path} names vertices beyond its mesh of {target.shape[1]:,}", hint="make it again")
        target[:, vertices] = data[:, columns]
    names = [str(name) or f"#{place}" for place, name in enumerate(maps.name, 1)]
    columns_of = {f"{name} #{n}" if name in names[: n - 1] else name: n - 1 for n, name in enumerate(names, 1)}
    stem = path.name.split(".")[0] or path.name
    return _annotations(
        stem, {name: {side: rows[place] for side, rows in whole.items()} for name, place in columns_of.items()}
    )


_Parts = Iterable[tuple[str, "slice | NDArray[np.intp]", NDArray[np.intp]]]


def _model_parts(axis: object) -> _Parts:
    """Structure, columns and vertices of each brain model."""
    for structure, columns, part in axis.iter_structures():  # type: ignore[attr-defined]
        yield structure, columns, part.vertex


def _parcel_parts(axis: object) -> _Parts:
    """Structure, column and vertices of each piece of a parcel."""
    for column, pieces in enumerate(axis.vertices):  # type: ignore[attr-defined]
        for structure, vertices in pieces.items():
            yield structure, np.array([column]), np.asarray(vertices)


def _table(path: Path) -> tuple[Annotation, ...]:
    """The columns of a table of regions."""
    header, rows = _cells(path)
    found = []
    for place, name in enumerate(header[1:], 1):
        values: dict[str, float] = {}
        for row in rows:
            if row[0] in values:
                raise InputError(f"{path}: the region {row[0]!r} is there twice", hint="give each region once")
            values[row[0]] = _number(row[place], path, row[0])
        try:
            found.append(Annotation.by_region(name or path.stem, values))
        except InputError as error:
            raise error.about(path) from None
    return tuple(found)


def _cells(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of a table, all of one length."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read(_LARGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(path, error, what="the table") from None
    rows = [row for row in csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE) if row]
    if len(text) > _LARGEST or len(rows) < 2 or len(rows[0]) < 2 or len(set(map(len, rows))) != 1:
        raise InputError(
            f"{path} is no table of regions", hint="write a header, then a region and its values a line, between tabs"
        )
    return rows[0], rows[1:]


def _number(word: str, path: Path, region: str) -> float:
    """A number, NaN for what is missing."""
    if word.strip().lower() in _MISSING:
        return float("nan")
    try:
        return float(word)
    except ValueError:
        raise InputError(
            f"{path}: {word[:40]!r} of {region!r} is no number", hint="write n/a where it has none"
        ) from None


def _annotations(source: str, maps: Mapping[str, _Sides]) -> tuple[Annotation, ...]:
    """Maps of vertices as annotations, named by their source, and by the map where there are several."""
    return tuple(
        Annotation.by_vertex(source if len(maps) == 1 else f"{source}: {name}", sides) for name, sides in maps.items()
    )


_READERS: Mapping[str, Callable[[Path], tuple[Annotation, ...]]] = {
    ".func.gii": _surfaces,
    ".shape.gii": _surfaces,
    ".dscalar.nii": _cifti,
    ".pscalar.nii": _cifti,
    ".tsv": _table,
}
