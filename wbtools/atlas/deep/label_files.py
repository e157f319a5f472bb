"""Where the files of a source are: in the person's own folder, in T1Prep's package, or where the user says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from wbtools.atlas.deep.known_sources import T1PREP
from wbtools.atlas.deep.label_source import LabelFile, LabelSource
from wbtools.errors import AtlasError

PACKAGE = "t1prep"
_COARSE = "FSvoxelSpace"
"""In the names of FreeSurfer's labels that were resampled to 1 mm; the others are as fine as they were made."""


@dataclass(frozen=True)
class FoundFile:
    """A file of labels that is there.

    Parameters
    ----------
    path : Path
    file : LabelFile
    remark : str
        That it was chosen among several; empty if it is the only one.
    """

    path: Path
    file: LabelFile
    remark: str = ""


def locate(source: LabelSource, folder: Path | None) -> FoundFile:
    """The file that a source's labels are read from; the first of its files that is there.

    Parameters
    ----------
    source : LabelSource
    folder : Path or None
        The person's own folder; None where there is none of this person alone.

    Raises
    ------
    AtlasError
        If there is none: where it was looked for, and how to get it.

    Examples
    --------
    >>> from wbtools.atlas.deep.known_sources import SOURCES
    >>> locate(SOURCES["hypothalamus"].at(Path("/no such folder")), None)
    Traceback (most recent call last):
    wbtools.errors.AtlasError: --subcortex hypothalamus: /no such folder does not exist
    """
    if source.place and not source.place.exists():
        raise AtlasError(f"--subcortex {source.name}: {source.place} does not exist", hint="check the path")
    looked = []
    for file in source.files:
        for place, patterns in _places(source, file, folder):
            found = [path for pattern in patterns for path in sorted(place.glob(pattern))]
            if found:
                return _chosen(found, file)
            names = dict.fromkeys(Path(pattern).name for pattern in patterns) if source.place else patterns
            looked.append(f"{' or '.join(names)} in {place}")
        if file.place == "t1prep" and source.place is None and package_folder() is None:
            looked.append("the Python package t1prep, which is not installed")
    useful = (file for file in source.files if file.place != "subject" or _has_freesurfers(source, file, folder))
    hints = dict.fromkeys(file.how_to_get for file in useful if file.how_to_get)
    raise AtlasError(
        f"there are no labels for --subcortex {source.name}: looked for {'; and for '.join(looked) or 'them nowhere'}",
        hint="; or ".join(hints) or "check the path",
    )


def _has_freesurfers(source: LabelSource, file: LabelFile, folder: Path | None) -> bool:
    """Whether FreeSurfer's labels could be made of a person: there is a folder in which they would be looked for."""
    if folder is None or source.place:
        return False
    return any(any(folder.glob(str(Path(pattern).parent))) for pattern in file.patterns)


def package_folder() -> Path | None:
    """The folder of the installed package T1Prep, which is not imported; None without it."""
    spec = find_spec(PACKAGE)
    return Path(spec.origin).parent if spec and spec.origin else None


def template_folders(source: LabelSource) -> tuple[Path, ...]:
    """Folders that may hold the displacement between templates: the one that the user named, and T1Prep's."""
    named = source.place and (source.place if source.place.is_dir() else source.place.parent)
    package = package_folder()
    places = [named, package and package / T1PREP, named and named / T1PREP, named and named / PACKAGE / T1PREP]
    return tuple(place for place in places if place)


def _places(source: LabelSource, file: LabelFile, folder: Path | None) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Folders to look in, each with the patterns to look for."""
    if source.place and file.place != "subject":
        yield from _named(source.place, file)
    elif file.place == "subject" and folder and not source.place:
        yield folder, file.patterns
    elif file.place == "t1prep" and (package := package_folder()):
        yield package, file.patterns


def _named(place: Path, file: LabelFile) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A file that the user named, or a folder that the atlas, or an unpacked wheel with it, lies in."""
    if place.is_file() or file.place == "user":
        yield place.parent, (_literal(place.name),)
        return
    names = tuple(Path(pattern).name for pattern in file.patterns)
    yield place, (*names, *file.patterns, *(f"{PACKAGE}/{pattern}" for pattern in file.patterns))


def _literal(name: str) -> str:
    """A name as a pattern that fits it alone."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _chosen(found: list[Path], file: LabelFile) -> FoundFile:
    """The finest and, of several versions, the last by name."""
    fine = [path for path in found if _COARSE not in path.name] or found
    path = fine[-1]
    others = [other.name for other in fine if other.name != path.name]
    remark = f"Of {len(others) + 1} files of labels, {path.name} was taken, not {', '.join(others)}." if others else ""
    return FoundFile(path, file, remark)
