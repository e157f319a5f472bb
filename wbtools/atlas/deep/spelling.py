"""How `--subcortex` is written: sources joined by `+`, each a word, a word with a place, or a file of one's own.

`aseg`, the person's segmentation, is there in any case and may be left out: `hypothalamus` is `aseg+hypothalamus`.
`hypothalamus=FOLDER` looks in that folder alone; a path is a user's own labels, named by the table beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wbtools.atlas.deep.known_sources import SEGMENTATION, SOURCES, read_beside
from wbtools.atlas.deep.label_source import LabelFile, LabelSource, Space
from wbtools.atlas.deep.label_table import STEMS
from wbtools.errors import InputError, UnknownChoice
from wbtools.text import line

OPTION = "--subcortex"
WORDS = (SEGMENTATION, *SOURCES)
SPACES: tuple[Space, ...] = ("T1w", "MNI152NLin2009cAsym", "MNI152NLin6Asym")
"""The spaces that a file of one's own may name in its path, `T1w` as a part of its own."""

_FIRST_OF_FILES, _PER_FILE = 1000, 10000
_VOLUMES = (".nii", ".nii.gz", ".mgz", ".mgh")


def sources_named(text: str) -> tuple[LabelSource, ...]:
    """The sources of a value of `--subcortex`, without the segmentation.

    Raises
    ------
    InputError
        If a word is unknown, a source is named twice, two divide the same structure, or a file does not tell its space.

    Examples
    --------
    >>> [source.name for source in sources_named("aseg+hypothalamus+melbourne")]
    ['hypothalamus', 'melbourne']
    >>> sources_named("aseg")
    ()
    """
    items = list(_items(text))
    files = [item for item in items if _is_place(item)]
    found = [_source(item, files) for item in items if item != SEGMENTATION]
    names = [source.name for source in found]
    for source in found:
        if names.count(source.name) > 1:
            raise InputError(f"{OPTION} names {source.name} twice", hint="name each source once")
    for place, source in enumerate(found):
        for other in found[:place]:
            if shared := sorted(source.divides & other.divides):
                raise InputError(
                    f"{OPTION}: both {other.name} and {source.name} divide {line(shared[0], 60)}", hint="name one"
                )
    return tuple(found)


def recorded(text: str) -> str:
    """A value as records have it: one spelling, and no folders of this machine.

    Examples
    --------
    >>> recorded("hypothalamus=/data/atlases"), recorded("aseg"), recorded("aseg+/data/nuclei_space-T1w_dseg.nii.gz")
    ('aseg+hypothalamus', 'aseg', 'aseg+nuclei_space-T1w_dseg.nii.gz')
    """
    return "+".join((SEGMENTATION, *(source.name for source in sources_named(text))))


def from_root(text: str) -> str:
    """A value with its paths from the root, for whoever reads it in another folder.

    Examples
    --------
    >>> from_root("aseg+hypothalamus=/data/a+b"), from_root("aseg")
    ('aseg+hypothalamus=/data/a+b', 'aseg')
    """
    return "+".join(_from_root(item) for item in _items(text))


def _from_root(item: str) -> str:
    if _is_place(item):
        return str(Path(item).expanduser().absolute())
    name, equals, place = item.partition("=")
    return f"{name}={Path(place).expanduser().absolute()}" if equals else item


def _items(text: str) -> Iterator[str]:
    """The items of a value; a `+` inside a path, as in `aparc+aseg.nii.gz`, separates nothing."""
    item = ""
    for piece in text.split("+"):
        if item and (item in WORDS or _begins_item(piece)):
            yield item
            item = piece
        else:
            item = f"{item}+{piece}" if item else piece
    yield item


def _begins_item(piece: str) -> bool:
    return piece.partition("=")[0] in WORDS or piece.startswith(("/", "./", "../", "~"))


def _is_place(item: str) -> bool:
    return item.endswith(_VOLUMES) and item.partition("=")[0] not in WORDS


def _source(item: str, files: list[str]) -> LabelSource:
    """The source of an item."""
    if _is_place(item):
        return _of_user(Path(item).expanduser(), _FIRST_OF_FILES + _PER_FILE * files.index(item))
    name, equals, place = item.partition("=")
    if name not in SOURCES:
        raise UnknownChoice("source of labels or .nii.gz file", line(item, 100), WORDS, option=OPTION)
    if not equals:
        return SOURCES[name]
    if not place:
        raise InputError(f"{OPTION} {name}= names no file or folder", hint=f"write {name}=FOLDER, or {name} alone")
    return SOURCES[name].at(Path(place).expanduser())


def _of_user(path: Path, first_key: int) -> LabelSource:
    """A file of one's own: its labels take all but cortex and fluid."""
    file = LabelFile("user", (path.name,), _space(path), f"the file {path.name}", {}, first_key, read_beside)
    return LabelSource(path.name, "labels of a file of one's own", (file,), within=STEMS, place=path)


def _space(path: Path) -> Space:
    """The space that a file's name tells, or that of its folder."""
    for text in (path.name, path.absolute().parent.name):
        for space in SPACES[1:]:
            if space in text:
                return space
        if "space-T1w" in text:
            return "T1w"
    raise InputError(
        f"{OPTION}: {path} does not say in which space its labels lie",
        hint=f"put it into its name: {' or '.join(f'space-{space}' for space in SPACES)}",
    )
