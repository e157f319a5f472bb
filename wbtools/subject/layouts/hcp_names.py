"""File names of the Human Connectome Project, and the files that each mesh requires."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from wbtools.anatomy import Hemisphere
from wbtools.subject.presence import Missing
from wbtools.subject.subject import MeshName, SurfaceKind

T1W = (
    "T1w/T1w_acpc_dc_restore_brain.nii.gz",
    "T1w/T1w_acpc_dc_restore.nii.gz",
    "T1w/T1w_acpc_dc_restore.1.60.nii.gz",
    "T1w/T1w_acpc_dc_restore_1.25.nii.gz",
)
"""Names of the T1w, the best first; some download packages have only the coarser ones."""
CIFTIFY_T1W = ("T1w/T1w_brain.nii.gz", "T1w/T1w.nii.gz")
"""Ciftify's names of the T1w. In HCP folders `T1w.nii.gz` is the scan before alignment, which is never read."""

SEGMENTATIONS = ("T1w/wmparc.nii.gz", "T1w/aparc+aseg.nii.gz")
NEEDED: tuple[SurfaceKind, ...] = ("white", "pial")
REG_LR = "reg_LR"
FREESURFERS = "FreeSurfer sphere.reg, carried to fs_LR (sphere.reg.reg_LR)"

Spheres = Literal["MSMAll", "MSMSulc", "reg_LR"]


@dataclass(frozen=True)
class Names:
    """Relative paths of a subject's files for a registration.

    Parameters
    ----------
    subject : str
        Prefix of the file names.
    registration : {"MSMAll", "MSMSulc", "reg_LR"}
        The last is FreeSurfer's registration, for pipelines that ran without MSM.

    Examples
    --------
    >>> Names("100307", "MSMAll").surface(Hemisphere.LEFT, "pial", "32k_fs_LR")
    'T1w/fsaverage_LR32k/100307.L.pial_MSMAll.32k_fs_LR.surf.gii'
    >>> Names("100610", "MSMAll").surface(Hemisphere.LEFT, "pial", "59k_fs_LR")
    'T1w/fsaverage_LR59k/100610.L.pial_1.6mm_MSMAll.59k_fs_LR.surf.gii'
    """

    subject: str
    registration: Spheres

    @property
    def source(self) -> str:
        """Description of the registration, for the record."""
        return FREESURFERS if self.registration == REG_LR else self.registration

    def surface(self, side: Hemisphere, kind: SurfaceKind, mesh: MeshName) -> str:
        """A surface in the space of the T1w."""
        if mesh == "native":
            return f"T1w/Native/{self.subject}.{side.letter}.{kind}.native.surf.gii"
        folder = f"T1w/fsaverage_LR{mesh.partition('_')[0]}"
        return f"{folder}/{self.subject}.{side.letter}.{kind}{self._suffix(mesh)}.{mesh}.surf.gii"

    def sphere(self, side: Hemisphere, mesh: MeshName) -> str:
        """The sphere registered to fs_LR."""
        registration = "reg.reg_LR" if self.registration == REG_LR else self.registration
        name = f"sphere.{registration}" if mesh == "native" else "sphere"
        return f"{self._registered(mesh)}/{self.subject}.{side.letter}.{name}.{mesh}.surf.gii"

    def roi(self, side: Hemisphere, mesh: MeshName) -> str:
        """The cortex mask, without the medial wall."""
        name = "roi" if mesh == "native" else "atlasroi"
        return f"{self._registered(mesh)}/{self.subject}.{side.letter}.{name}.{mesh}.shape.gii"

    def sulc(self, side: Hemisphere, mesh: MeshName) -> str:
        """Sulcal depth; 7T data have a single file for both registrations."""
        suffix = self._suffix(mesh) if mesh == "32k_fs_LR" else ""
        return f"{self._registered(mesh)}/{self.subject}.{side.letter}.sulc{suffix}.{mesh}.shape.gii"

    def _suffix(self, mesh: MeshName) -> str:
        if self.registration != "MSMAll" or mesh == "native":
            return ""
        return "_1.6mm_MSMAll" if mesh == "59k_fs_LR" else "_MSMAll"

    @staticmethod
    def _registered(mesh: MeshName) -> str:
        """The folder of files that do not depend on the space."""
        folders = {"native": "/Native", "164k_fs_LR": ""}
        return "MNINonLinear" + folders.get(mesh, f"/fsaverage_LR{mesh.partition('_')[0]}")

    def needed(self, mesh: MeshName) -> Iterator[Missing]:
        """The files that a mesh requires."""
        label = f"the {mesh.partition('_')[0]} mesh"
        if mesh == "164k_fs_LR":
            yield from (Missing(file.path, label) for file in self.needed("native"))
        for side in Hemisphere:
            if mesh != "164k_fs_LR":
                for kind in NEEDED:
                    yield Missing(self.surface(side, kind, mesh), label)
            if mesh != "32k_fs_LR":  # whose sphere is the same for all subjects
                yield Missing(self.sphere(side, mesh), f"{label} (areas are carried over its sphere)")
