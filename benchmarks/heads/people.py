"""Made people as files: the head alone, the brain alone, and a subject of the HCP layout that holds the truth."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from heads.looks import Looks
from heads.painting import Average, paint
from heads.skull import head
from wbtools.anatomy import Hemisphere
from wbtools.images import nifti
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.subject import Subject, SurfaceKind, find
from wbtools.subject.demo import write_demo_subject
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.mesh import Mesh

_ANATOMICAL: tuple[SurfaceKind, ...] = ("white", "midthickness", "pial")
_AVERAGE = Grid((182, 218, 182), np.array([[-1.0, 0, 0, 90], [0, 1, 0, -126], [0, 0, 1, -72], [0, 0, 0, 1]]))


@dataclass(frozen=True)
class Files:
    """A person whose surfaces are known.

    Parameters
    ----------
    name : str
    head : Path
        The T1w of the whole head.
    brain : Path or None
        The same image without skull; None where nobody knows.
    mask : Path or None
        The true brain mask.
    truth : Path
        The subject's folder with surfaces.
    """

    name: str
    head: Path
    brain: Path | None
    mask: Path | None
    truth: Path


def write_person(looks: Looks, folder: Path, native_frequency: int = 64) -> Files:
    """Write a made person into FOLDER/NAME, or take what is there.

    Parameters
    ----------
    looks : Looks
    folder : Path
    native_frequency : int
        Resolution of the native mesh, see `wbtools.surfaces.icosphere`.
    """
    place = folder / looks.name
    name = f"{looks.name}_T1w.nii.gz"
    files = Files(
        looks.name, place / "head" / name, place / "brain" / name, place / "mask.nii.gz", place / "truth" / looks.name
    )
    if not place.exists():
        making = folder / f"{looks.name}.part"
        shutil.rmtree(making, ignore_errors=True)
        _write(looks, making, native_frequency)
        making.rename(place)
    return files


def real_person(folder: Path, name: str = "") -> Files:
    """A real person by the folder of recon-all; orig.mgz or T1.mgz is the head."""
    found = [folder / "mri" / name for name in ("orig.mgz", "T1.mgz") if (folder / "mri" / name).exists()]
    return Files(name or folder.name, found[0], None, None, folder)


def _write(looks: Looks, place: Path, native_frequency: int) -> None:
    """Write the head, the brain, the mask and the truth."""
    study = place / "truth"
    subject_folder = write_demo_subject(
        study, looks.name, grid=_AVERAGE, native_frequency=native_frequency, variant="average"
    )
    subject = find(study, looks.name)
    average = Average(nifti.read_volume(subject.t1w), nifti.read_volume(_segmentation(subject), Unit.LABEL))
    moved = _move(subject_folder, looks)
    brain = paint(looks, average, moved)
    scan, stripped = head(brain, looks)
    for part in ("head", "brain"):
        (place / part).mkdir()
    name = f"{looks.name}_T1w.nii.gz"
    nifti.write_volume(place / "head" / name, Volume(scan, looks.grid))
    nifti.write_volume(place / "brain" / name, Volume(stripped, looks.grid))
    nifti.write_volume(place / "mask.nii.gz", Volume(brain.mask.astype(np.int32), looks.grid, Unit.LABEL))
    nifti.write_volume(_segmentation(subject), Volume(brain.labels, looks.grid, Unit.LABEL))
    for t1w in subject_folder.glob("T1w/T1w_acpc_dc_restore*.nii.gz"):
        nifti.write_volume(t1w, Volume(stripped, looks.grid))


def _segmentation(subject: Subject) -> Path:
    assert subject.segmentation is not None  # the built-in subject has one
    return subject.segmentation


def _move(subject_folder: Path, looks: Looks) -> dict[tuple[Hemisphere, SurfaceKind], Mesh]:
    """Deform all surfaces of a subject that have a place in the head; white and pial of its 32k mesh."""
    found: dict[tuple[Hemisphere, SurfaceKind], Mesh] = {}
    for path in sorted(subject_folder.glob("T1w/*/*.surf.gii")):
        side = next(side for side in Hemisphere if f".{side.letter}." in path.name)
        kind = next((kind for kind in _ANATOMICAL if f".{side.letter}.{kind}" in path.name), None)
        if kind is None:
            continue
        surface = meshes.read(path, side)
        surface = replace(surface, vertices=looks.push(surface.vertices).astype(np.float32))
        meshes.write(path, surface, kind)
        if "32k" in path.name:
            found[side, kind] = surface
    return found
