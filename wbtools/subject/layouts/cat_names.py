"""Names of the files that CAT12 and T1Prep write: the scan's name stands at the end of each.

CAT12 writes `mri/` and `surf/` beside the scan or, for a scan in a BIDS `anat` folder, all files flat into
`derivatives/CAT12.VERSION/sub-X/ses-Y/anat`; T1Prep does the same (`derivatives/T1Prep-vVERSION`) and leaves out the
`_T1w` of the scan's name. Names: `cat_io_subfolders.m` of CAT12, `Names.tsv` of T1Prep 0.8.1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.subject.identity import IMAGES, identity
from wbtools.subject.presence import is_named

_CENTRAL = re.compile(r"[lr]h\.central\.(?!resampled|Template)(.+)\.gii")
_MADE = re.compile(r"(p0|mwp[0-9]|y_|iy_).+\.nii(\.gz)?")
"""Images that both programs write and FreeSurfer does not: tissue labels, modulated tissue, deformations."""
_RAW = ("", "rawdata")
"""Folders of a data set, from above its `derivatives`, that hold the scans."""


@dataclass(frozen=True)
class CatScan:
    """A scan that CAT12 or T1Prep processed.

    Parameters
    ----------
    folder : Path
        Holds `mri/` and `surf/`, or all files.
    name : str
        At the end of the name of each file.
    is_flat : bool
        Whether there is no `mri/` and `surf/`.

    Examples
    --------
    >>> CatScan(Path("study"), "sub-01_T1w").surface(Hemisphere.LEFT, "central").as_posix()
    'study/surf/lh.central.sub-01_T1w.gii'
    """

    folder: Path
    name: str
    is_flat: bool = False

    @classmethod
    def of(cls, central: Path) -> CatScan:
        """The scan of a central surface.

        Examples
        --------
        >>> CatScan.of(Path("P1/surf/lh.central.P1.gii"))
        CatScan(folder=PosixPath('P1'), name='P1', is_flat=False)
        """
        found = _CENTRAL.fullmatch(central.name)
        assert found is not None  # `locate` gave it
        is_flat = central.parent.name != "surf"
        return cls(central.parent if is_flat else central.parent.parent, found[1], is_flat)

    @property
    def id(self) -> str:
        """What the name of the scan says of whose it is."""
        return identity(self.surface(Hemisphere.LEFT, "central"))

    def is_called(self, subject_id: str) -> bool:
        """Whether an id, with or without `sub-`, names the scan."""
        return subject_id.removeprefix("sub-") in {name.removeprefix("sub-") for name in (self.id, self.name)}

    def is_of(self, person: str) -> bool:
        """Whether it is a session or a run of a person."""
        return self.id.removeprefix("sub-").startswith(f"{person.removeprefix('sub-')}_")

    def within(self, part: str, name: str) -> Path:
        """A file of `mri` or `surf`."""
        return self.folder / name if self.is_flat else self.folder / part / name

    def surface(self, side: Hemisphere, kind: str) -> Path:
        """The file of a surface: central, white, pial, inflated, sphere.reg."""
        return self.within("surf", f"{_side(side)}.{kind}.{self.name}.gii")

    def values(self, side: Hemisphere, what: str) -> Path:
        """The file of a value per vertex: thickness, sulc, depth, mask."""
        return self.within("surf", f"{_side(side)}.{what}.{self.name}")

    def image(self, kind: str) -> Path | None:
        """The image in the space of the scan whose name begins with this: m, p0, mask; None if there is none."""
        named = (self.within("mri", f"{kind}{self.name}{suffix}") for suffix in IMAGES)
        return next(filter(is_named, named), None)

    def original(self) -> Path | None:
        """The scan itself: beside `mri/`, or in the data set that a folder of derivatives was made of."""
        names = [f"{self.name}{end}{suffix}" for end in ("", "_T1w") for suffix in IMAGES]
        return next(filter(is_named, (folder / name for folder in self._scans_folders() for name in names)), None)

    def _scans_folders(self) -> Iterator[Path]:
        """The folders that the scan may lie in."""
        yield self.folder
        *above, _ = (*(place for place, part in enumerate(self.folder.parts) if part == "derivatives"), None)
        for place in reversed(above):
            root, below = Path(*self.folder.parts[:place]), self.folder.parts[place + 2 :]
            for raw in _RAW:
                yield from (root.joinpath(raw, *below), root.joinpath(raw, *below, "anat"))


def scans_in(folder: Path) -> list[CatScan]:
    """The scans in a folder with `surf/` and `mri/`, or with all files, by their names."""
    nested = [CatScan(folder, name) for name in _scans(folder / "surf")]
    flat = [] if folder.name == "surf" else [CatScan(folder, name, is_flat=True) for name in _scans(folder)]
    return nested or flat


def is_made(folder: Path) -> bool:
    """Whether CAT12 or T1Prep wrote a folder, with surfaces or without."""
    return bool(scans_in(folder)) or any(map(_MADE.fullmatch, _names(folder / "mri")))


def _scans(folder: Path) -> list[str]:
    """Names of the scans with a central surface in a folder."""
    try:
        return list(_scans_listed(folder, folder.stat().st_mtime_ns))
    except OSError:
        return []


@lru_cache(maxsize=64)
def _scans_listed(folder: Path, changed: int) -> tuple[str, ...]:
    """The same, sorted; cached while the folder is unchanged, since a batch asks for every subject."""
    return tuple(sorted({found[1] for name in _names(folder) if (found := _CENTRAL.fullmatch(name))}))


def _names(folder: Path) -> list[str]:
    """Names of everything in a folder; none if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except OSError:
        return []


def _side(hemisphere: Hemisphere) -> str:
    return f"{hemisphere.letter.lower()}h"
