"""What a source of labels below the cortex is: which files, which regions, and how they go with the segmentation."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from wbtools.anatomy import SUBCORTEX, Colour, Hemisphere, Kind, Region, Structure
from wbtools.atlas.deep.label_table import STEMS, NamedLabel
from wbtools.errors import InputError
from wbtools.text import line

Space = Literal["T1w", "MNI152NLin2009cAsym", "MNI152NLin6Asym"]
Place = Literal["subject", "t1prep", "user"]
"""Who has a file: the subject's own folder, the installed package T1Prep, or the user, who named it."""

_GOLDEN = 0.618033988749895  # hues this far apart never come close to each other


@dataclass(frozen=True)
class LabelFile:
    """A file of labels as it is known before it is looked for.

    Parameters
    ----------
    place : {"subject", "t1prep", "user"}
    patterns : tuple of str
        Its path below that place; `*` stands for anything.
    space : str
        In which its labels lie: `T1w` for the person's own.
    made_by : str
        Whose labels they are, as words that follow "of".
    names : mapping of str to str
        Stems of region names by the labels' names in the table; several may be one region. Others are left out. Empty
        takes all labels, under their own names.
    first_key : int
        Key of the first region; each stem has two, left and right.
    table : callable
        Gives the labels of a file that was found.
    papers : tuple of str
        What to cite, as keys of the methods text's bibliography.
    acknowledgement : str
        What those who publish with it have to cite, and its licence.
    reach : float
        How far, mm, a voxel of a divided structure may lie from the part that it is counted to: about as far as
        registrations err where an atlas leaves no gaps, less where it does.
    how_to_get : str
        As words that follow "to have it,".
    """

    place: Place
    patterns: tuple[str, ...]
    space: Space
    made_by: str
    names: Mapping[str, str]
    first_key: int
    table: Callable[[Path], tuple[NamedLabel, ...]]
    papers: tuple[str, ...] = ()
    acknowledgement: str = ""
    reach: float = 0.0
    how_to_get: str = ""


@dataclass(frozen=True)
class LabelSource:
    """A word of `--subcortex`.

    Parameters
    ----------
    name : str
        The word; of a file that the user named, its name without folders.
    title : str
        What it is, in words.
    files : tuple of LabelFile
        The first that is there is taken: a person's own labels before an atlas.
    within : frozenset of str
        Stems of structures whose voxels its labels may take, besides those that the segmentation leaves free.
    divides : frozenset of str
        Stems of structures that it divides into parts, and thereby replaces.
    place : Path or None
        A file or folder that the user named for it, the only place that is looked at.
    """

    name: str
    title: str
    files: tuple[LabelFile, ...]
    within: frozenset[str]
    divides: frozenset[str] = frozenset()
    place: Path | None = None

    def at(self, place: Path) -> LabelSource:
        """The same from a file or folder that the user names."""
        return replace(self, place=place)


@dataclass(frozen=True)
class DeepRegion:
    """A region of a source.

    Parameters
    ----------
    region : Region
    labels : tuple of int
        Its values in the source's file.
    structure : Structure or None
        Of CIFTI, which its voxels belong to in dense files; None belongs to none.
    part_of : str
        Stem of the structure that the file's table says it is a part of; empty where it says none.
    split : bool
        Whether the file has no sides, so that the sign of x in the template decides.
    """

    region: Region
    labels: tuple[int, ...]
    structure: Structure | None
    part_of: str = ""
    split: bool = False

    @property
    def stem(self) -> str:
        """The region's name without its side."""
        return stem_without_side(self.region.name)


def stem_without_side(name: str) -> str:
    """A region's name without its side.

    Examples
    --------
    >>> stem_without_side("THALAMUS_LEFT"), stem_without_side("BRAIN_STEM")
    ('THALAMUS', 'BRAIN_STEM')
    """
    return name.removesuffix("_LEFT").removesuffix("_RIGHT")


def regions_of(file: LabelFile, labels: Sequence[NamedLabel]) -> tuple[DeepRegion, ...]:
    """The regions of a file, in the order of their keys.

    Raises
    ------
    InputError
        If the file's table lacks names of the source, or two regions have one name.

    Examples
    --------
    >>> names = {"AV": "THALAMUS_AV"}
    >>> file = LabelFile("user", (), "T1w", "somebody", names, 600, lambda path: ())
    >>> labels = [NamedLabel(3, "AV", Hemisphere.LEFT), NamedLabel(4, "AV", Hemisphere.RIGHT)]
    >>> [(each.region.key, each.region.name, each.structure) for each in regions_of(file, labels)]
    [(600, 'THALAMUS_AV_LEFT', <Structure.THALAMUS_LEFT: 'THALAMUS_LEFT'>), \
(601, 'THALAMUS_AV_RIGHT', <Structure.THALAMUS_RIGHT: 'THALAMUS_RIGHT'>)]
    """
    names = file.names or {label.name: stem_of(label.name) for label in labels}
    absent = [name for name in names if name not in {label.name for label in labels}]
    if absent:
        raise InputError(f"its table has no label named {line(absent[0], 60)}", hint="give the atlas of this source")
    stems = {stem: place for place, stem in enumerate(dict.fromkeys(names.values()))}
    found: dict[int, DeepRegion] = {}
    for label in labels:
        if label.name in names:
            for side, split in _sides(label, file.space):
                _add(found, names[label.name], _key(file.first_key, stems[names[label.name]], side), label, side, split)
    regions = [found[key] for key in sorted(found)]
    return tuple(_coloured(each, (each.region.key - file.first_key) // 2, labels) for each in regions)


def stem_of(name: str) -> str:
    """A name as a part of a region's.

    Examples
    --------
    >>> stem_of("red nucleus"), stem_of("MV(Re)")
    ('RED_NUCLEUS', 'MV_RE')
    """
    stem = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
    if not stem:
        raise InputError(f"{line(name, 60)!r} makes no name of a region", hint="write names with letters or digits")
    return stem


def _sides(label: NamedLabel, space: Space) -> Iterable[tuple[Hemisphere | None, bool]]:
    """The sides of a label, and whether it has to be split; in a person's own space, x tells no sides."""
    if label.side:
        return ((label.side, False),)
    return ((None, False),) if space == "T1w" else tuple((side, True) for side in Hemisphere)


def _key(first: int, place: int, side: Hemisphere | None) -> int:
    return first + 2 * place + (side is Hemisphere.RIGHT)


def _add(
    found: dict[int, DeepRegion], stem: str, key: int, label: NamedLabel, side: Hemisphere | None, split: bool
) -> None:
    """Add a label to its region, which several may share."""
    name = f"{stem}_{side.name}" if side else stem
    known = found.get(key)
    if known and known.region.name != name:
        raise InputError(f"its labels {known.region.name} and {name} cannot be told apart", hint="name each its side")
    labels = (*(known.labels if known else ()), label.key)
    region = Region(key, name, side, Kind.SUBCORTEX, (0.0, 0.0, 0.0, 1.0))
    structure = _structure(stem, label.structure, side)
    found[key] = DeepRegion(region, labels, structure, label.structure, split)


def _structure(stem: str, told: str, side: Hemisphere | None) -> Structure | None:
    """The CIFTI structure of a region: what its table says, or what its name begins with."""
    host = told or next((known for known in sorted(STEMS) if stem == known or stem.startswith(f"{known}_")), "")
    host = "DIENCEPHALON_VENTRAL" if not host and stem.split("_")[0] == "HYPOTHALAMUS" else host
    name = f"{host}_{side.name}" if side and host != "BRAIN_STEM" else host
    return Structure(name) if name in {structure.value for structure in SUBCORTEX} else None


def _coloured(deep: DeepRegion, place: int, labels: Sequence[NamedLabel]) -> DeepRegion:
    """The region in its label's colour, else in one of its own; both sides share it."""
    told = next((label.colour for label in labels if label.key in deep.labels and label.colour), None)
    return replace(deep, region=replace(deep.region, colour=told or _colour(place)))


def _colour(place: int) -> Colour:
    """A colour for each place in a list; neighbours differ in hue, and every third in lightness."""
    red, green, blue = colorsys.hls_to_rgb((place * _GOLDEN) % 1.0, 0.35 + 0.15 * (place % 3), 0.8)
    return round(red, 4), round(green, 4), round(blue, 4), 1.0
