"""What is written of a group's maps, as values: the record, specs and scenes take them from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wbtools.atlas import mmp
from wbtools.atlas.cortical import CorticalAtlas
from wbtools.errors import InputError
from wbtools.group.maps.averaging import CONSISTENCY, MEAN, SD, GroupMaps
from wbtools.text import counted, line
from wbtools.workbench.palette import Palette
from wbtools.workbench.scene.legend import NOTICE

PREFIX = "group"
"""With what names of files begin."""


@dataclass(frozen=True)
class GroupFile:
    """A file that was written.

    Parameters
    ----------
    path : Path
    about : str
        What it holds, in a few words.
    maps : mapping of str to Palette or None
        The maps that it holds by name, in their order, with the palette that each carries.
    """

    path: Path
    about: str
    maps: Mapping[str, Palette | None] = field(default_factory=dict)

    def index(self, name: str) -> int:
        """The place of a map in the file, from 0."""
        return list(self.maps).index(name)


@dataclass(frozen=True, eq=False)
class NetworkMaps:
    """All that is shown of one network.

    Parameters
    ----------
    name : str
        In names of files, as the exports have it.
    title : str
        What the network's card calls it.
    maps : GroupMaps
    areas : mapping of str to mapping of str to float
        Further maps by name, such as the mean level: values by the names of regions; cortical areas and structures.
        A region without a value, or with one that is not finite, is 0.
    palettes : mapping of str to Palette or None
        Of `areas`; None leaves Workbench's own. Maps that are not named get one that suits their numbers.
    notices : tuple of str
        What every reader must know.
    atlas : CorticalAtlas
    who : str
        How many people, in words; those of `maps` without.

    Raises
    ------
    InputError
        If a map of `areas` has a name that is taken.
    """

    name: str
    title: str
    maps: GroupMaps
    areas: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    palettes: Mapping[str, Palette | None] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    atlas: CorticalAtlas = mmp.ATLAS
    who: str = ""

    def __post_init__(self) -> None:
        if taken := {MEAN, SD, CONSISTENCY} & set(self.areas):
            raise InputError(f"the map name '{min(taken)}' is taken", hint="give maps of areas other names")

    @property
    def people(self) -> str:
        """How many people, in words."""
        return self.who or counted(self.maps.people, "person")

    @property
    def notice(self) -> str:
        """What every reader must know, and that this is research."""
        said = dict.fromkeys(f"{line(text).rstrip('.')}." for text in self.notices if text)
        return " ".join([*(text for text in said if text != NOTICE), NOTICE])

    @property
    def meaning(self) -> str:
        """What the numbers are, for the metadata of files."""
        return (
            f"{self.people}, network {line(self.title)}. Each person's relevance is divided by the mean |relevance| of "
            "the median region. Consistency: share of people in whose map a place is in the top tenth of the cortex, "
            "or of the brain's voxels. Voxels are brought to MNI152 space by an affine registration of each person's "
            f"cortex; levels are transformed, not totals. {self.notice}"
        )
