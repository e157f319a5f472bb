"""The labels of a source on a person's T1w grid, from file to regions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.atlas.deep.label_files import FoundFile, locate, template_folders
from wbtools.atlas.deep.label_source import DeepRegion, LabelSource, regions_of
from wbtools.atlas.deep.label_table import STEMS
from wbtools.atlas.deep.template_spaces import between
from wbtools.atlas.deep.template_warp import Warp
from wbtools.errors import AtlasError
from wbtools.images import nifti
from wbtools.provenance import sha256
from wbtools.space.grid import Grid, Unit, Volume, canonical
from wbtools.space.resampling import resample_labels


@dataclass(frozen=True, eq=False)
class PlacedLabels:
    """The labels of a source in a person's T1w space.

    Parameters
    ----------
    source : LabelSource
    found : FoundFile
    sha256 : str
        Of the file.
    regions : tuple of DeepRegion
    volume : Volume
        Keys of regions on the T1w grid; 0 elsewhere.
    expected : dict of int to float
        Volume that each region of an atlas would have here if all of it were scaled alike, mm3; empty for labels of
        this person.
    how : tuple of str
        How the labels came here, as words that follow "carried".
    linear : bool
        Whether they came by an affine.
    """

    source: LabelSource
    found: FoundFile
    sha256: str
    regions: tuple[DeepRegion, ...]
    volume: Volume
    expected: dict[int, float]
    how: tuple[str, ...] = ()
    linear: bool = False

    @property
    def remarks(self) -> tuple[str, ...]:
        """What every reader must know: which of several files was taken, and how coarse an affine is."""
        coarse = (
            f"Labels of {self.source.name} came from a template by an affine: they lie about 2 to 5 mm from where they "
            "should, as far as small nuclei are wide. Look at them over the T1w before relying on them."
        )
        return tuple(filter(None, (self.found.remark, coarse if self.linear else "")))

    @property
    def own(self) -> bool:
        """Whether the labels were made of this person, and not of an atlas."""
        return self.found.file.space == "T1w"

    @property
    def confined(self) -> bool:
        """Whether parts stay inside the structure that they divide: an atlas does not know its outline here."""
        return not self.own and self.found.file.place != "user"

    @property
    def divides(self) -> frozenset[str]:
        """Stems of the structures that the labels replace: those that they divide, and those whose name they have."""
        same = {deep.stem for deep in self.regions} & STEMS
        return self.source.divides | same | {deep.part_of for deep in self.regions if deep.part_of}

    def as_record(self) -> dict[str, object]:
        """The entry in provenance, as JSON values."""
        file = self.found.file
        return {
            "name": self.source.name,
            "title": self.source.title,
            "labels_of": file.made_by,
            "file": self.found.path.name,
            "sha256": self.sha256,
            "space": file.space,
            "how": list(self.how),
            "regions": len(self.regions),
            "replaces": sorted(self.divides),
            "papers": list(file.papers),
            "acknowledgement": file.acknowledgement,
        }


def placed_labels(
    sources: Sequence[LabelSource], folder: Path | None, grid: Grid, warp: Callable[[], Warp]
) -> tuple[PlacedLabels, ...]:
    """The labels of each source on a person's T1w grid.

    Parameters
    ----------
    sources : sequence of LabelSource
    folder : Path or None
        The person's own folder, in which labels of this person are looked for first.
    grid : Grid
        Of the T1w.
    warp : callable
        Makes the warp of template labels to this person; called only if there are some.

    Raises
    ------
    InputError, AtlasError
        If there are no labels, they cannot be read, or none of them lies in the T1w.
    """
    return tuple(_placed(source, locate(source, folder), grid, warp) for source in sources)


def _placed(source: LabelSource, found: FoundFile, grid: Grid, warp: Callable[[], Warp]) -> PlacedLabels:
    regions = _regions(found)
    volume = canonical(nifti.read_volume(found.path, Unit.LABEL))
    keyed = Volume(_keys(volume, regions), volume.grid, Unit.LABEL)
    if not keyed.data.any():
        raise AtlasError(f"{found.path} holds none of the labels that its table names", hint="give both of one atlas")
    if found.file.space == "T1w":
        placed = PlacedLabels(source, found, sha256(found.path), regions, resample_labels(keyed, grid), {})
    else:
        placed = _warped(keyed, source, found, regions, warp())
    if not placed.volume.data.any():
        raise AtlasError(
            f"none of the labels of {found.path} lies in the T1w", hint="check that both are of one person and space"
        )
    return placed


def _regions(found: FoundFile) -> tuple[DeepRegion, ...]:
    try:
        return regions_of(found.file, found.file.table(found.path))
    except AtlasError as error:
        raise error.about(found.path) from None


def _warped(
    keyed: Volume, source: LabelSource, found: FoundFile, regions: tuple[DeepRegion, ...], warp: Warp
) -> PlacedLabels:
    """Labels of a template on the T1w grid."""
    moved, between_templates = between(keyed, found.file.space, warp.space, template_folders(source))
    laid = warp.carry(moved, warp.space)
    how = tuple(filter(None, (between_templates, f"from {warp.space} to this brain by {warp.description}")))
    expected = _expected(keyed, laid, regions)
    return PlacedLabels(source, found, sha256(found.path), regions, laid, expected, how, warp.linear)


def _keys(volume: Volume, regions: Sequence[DeepRegion]) -> NDArray[np.int32]:
    """Keys of regions instead of a file's labels; where the file has no sides, x of the template tells them."""
    values = np.unique(volume.data)
    keys = np.zeros((len(Hemisphere), len(values)), np.int32)
    for side, label, key in _entries(regions):
        keys[side, values == label] = key
    number = np.searchsorted(values, volume.data)
    if not any(deep.split for deep in regions):
        return np.asarray(keys[0][number], np.int32)
    x = volume.grid.to_world(np.moveaxis(np.indices(volume.grid.shape, np.float64), 0, -1))[..., 0]
    return np.asarray(np.where(x < 0, keys[0][number], keys[1][number]), np.int32)


def _entries(regions: Sequence[DeepRegion]) -> Iterator[tuple[int, int, int]]:
    """Row (left, right), label and key; labels of one side alone are the same in both rows."""
    for deep in regions:
        rows = [list(Hemisphere).index(deep.region.hemisphere)] if deep.split and deep.region.hemisphere else [0, 1]
        yield from ((row, label, deep.region.key) for row in rows for label in deep.labels)


def _expected(keyed: Volume, laid: Volume, regions: Sequence[DeepRegion]) -> dict[int, float]:
    """Volumes in the atlas, scaled by how much larger all labels together became, mm3."""
    most = max(deep.region.key for deep in regions) + 1
    counts = np.bincount(keyed.data.ravel(), minlength=most)
    scale = np.count_nonzero(laid.data) * laid.grid.voxel_volume / np.count_nonzero(keyed.data)
    return {deep.region.key: float(counts[deep.region.key] * scale) for deep in regions}
