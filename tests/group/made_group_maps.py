"""Finished exports of made-up people, as `made_cohort` writes them, with maps on the cortex and in voxels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from made_cohort import write_people
from made_exports import files_in
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.images import gifti, nifti
from wbtools.output.ownership import PROVENANCE
from wbtools.provenance import sha256
from wbtools.reading import NetworkResults, open_export
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.standard import VERTICES_32K, average_32k
from wbtools.surfaces.standard_affine import MNI_2MM

LEVEL = 1e-6  # 1/mm3


def average_surfaces() -> dict[Hemisphere, Mesh]:
    return {side: meshes.read(average_32k(side), side, placed=True) for side in Hemisphere}


def moved(surfaces: dict[Hemisphere, Mesh], affine: NDArray[np.floating]) -> dict[Hemisphere, Mesh]:
    """Surfaces whose points went through an affine."""
    return {
        side: Mesh((mesh.vertices @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32), mesh.triangles, side)
        for side, mesh in surfaces.items()
    }


def affine_near_identity(seed: int) -> NDArray[np.float64]:
    """Turned, stretched and moved as much as people differ."""
    dice = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3, :3] += dice.normal(0, 0.05, (3, 3))
    affine[:3, 3] = dice.normal(0, 5, 3)
    return affine


def write_group(root: Path, people: Sequence[str]) -> list[NetworkResults]:
    """Exports with maps that are random, and relevance in MNI space."""
    write_people(root, people)
    for place, who in enumerate(people):
        dice = np.random.default_rng(place)
        _write_cortex(root / who, who, dice)
        data = (LEVEL * dice.gamma(1, 1, MNI_2MM.shape)).astype(np.float32)
        volume = Volume(data, MNI_2MM, Unit.DENSITY)
        nifti.write_volume(root / who / f"{who}.unet.density.MNI152_2mm.nii", volume)
        record_again(root / who)
    return [open_export(root / who).network("unet") for who in people]


def write_elsewhere(root: Path, who: str, affine: NDArray[np.float64], data: NDArray[np.float32], grid: Grid) -> None:
    """An export of a person whom an affine takes to MNI space, with relevance on the T1w's grid."""
    write_people(root, [who])
    _write_cortex(root / who, who, np.random.default_rng(0))
    folder = root / who / "T1w" / "fsaverage_LR32k"
    folder.mkdir(parents=True)
    for side, mesh in moved(average_surfaces(), np.linalg.inv(affine)).items():
        meshes.write(folder / f"{who}.{side.letter}.midthickness.32k_fs_LR.surf.gii", mesh, "midthickness")
    nifti.write_volume(root / who / f"{who}.unet.relevance.T1w.nii.gz", Volume(data, grid, Unit.DENSITY))
    record_again(root / who)


def _write_cortex(folder: Path, who: str, dice: np.random.Generator) -> None:
    for side in Hemisphere:
        values = LEVEL * dice.gamma(1, 1, VERTICES_32K)
        gifti.write_metrics(folder / f"{who}.{side.letter}.unet.32k_fs_LR.func.gii", {"relevance": values}, side)


def record_again(folder: Path) -> None:
    """Put what lies in a folder on record, and the standard mesh."""
    place = folder / PROVENANCE
    content = json.loads(place.read_text())
    content["subject"]["meshes"] = ["32k_fs_LR"]
    names = [name for name in files_in(folder) if name.name != PROVENANCE]
    content["outputs_sha256"] = {name.as_posix(): sha256(folder / name) for name in names}
    place.write_text(json.dumps(content))
