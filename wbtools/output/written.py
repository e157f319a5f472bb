"""What an export wrote, as values: specs, scenes, sidecars and the record read these, and nothing lists files again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.output.kinds import Output, OutputKind

if TYPE_CHECKING:
    from wbtools.workbench.palette import Palette


@dataclass(frozen=True)
class Written:
    """A file that was written.

    Parameters
    ----------
    what : Output
    path : Path
    maps : mapping of str to Palette or None
        The maps that it holds by name, in their order, with the palette that each carries.
    sidecar : mapping of str to object
        What a sidecar says of this file beside, or instead of, what it says of the kind.
    """

    what: Output
    path: Path
    maps: Mapping[str, Palette | None] = field(default_factory=dict)
    sidecar: Mapping[str, object] = field(default_factory=dict)

    def index(self, name: str) -> int:
        """The place of a map in the file, from 0.

        Raises
        ------
        ValueError
            If the file has no such map.
        """
        return list(self.maps).index(name)


@dataclass(frozen=True)
class WrittenFiles:
    """Files that were written, in the order of writing.

    Parameters
    ----------
    files : tuple of Written

    Examples
    --------
    >>> areas = Output(OutputKind.DLABEL, mesh="32k_fs_LR", atlas="HCP-MMP1")
    >>> files = WrittenFiles((Written(areas, Path("out/areas.dlabel.nii")),))
    >>> [file.path.name for file in files.of(OutputKind.DLABEL, mesh="32k_fs_LR")], files.of(OutputKind.T1W)
    (['areas.dlabel.nii'], [])
    """

    files: tuple[Written, ...] = ()

    def __iter__(self) -> Iterator[Written]:
        return iter(self.files)

    def __add__(self, others: WrittenFiles) -> WrittenFiles:
        return WrittenFiles((*self.files, *others.files))

    def of(
        self,
        kind: OutputKind,
        *,
        network: str | None = None,
        mesh: str | None = None,
        surface: str | None = None,
        by: str | None = None,
    ) -> list[Written]:
        """The files of a kind; of one network, mesh, kind of surface or second method where that is given."""
        wanted = {"network": network, "mesh": mesh, "surface": surface, "by": by}
        return [
            file
            for file in self.files
            if file.what.kind is kind
            and all(value is None or getattr(file.what, name) == value for name, value in wanted.items())
        ]

    def relative(self, folder: Path) -> list[Path]:
        """The paths from a folder, sorted."""
        return sorted(file.path.relative_to(folder) for file in self.files)
