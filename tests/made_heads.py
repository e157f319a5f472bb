"""Heads with a skull, skin and a face around the built-in subject's brain, in every layout."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import torch
from made_layouts import write_bids, write_freesurfer
from scipy.ndimage import distance_transform_edt

from wbtools.images import nifti
from wbtools.model import Card
from wbtools.model import card as cards
from wbtools.model.families.unet import UNet, UNetArchitecture
from wbtools.space.grid import Volume
from wbtools.subject import find

BRAIN = "T1w/T1w_acpc_dc_restore_brain.nii.gz"
HEAD = "T1w/T1w_acpc_dc_restore.nii.gz"


def brain_of(t1w: Volume) -> np.ndarray:
    """The mask of a brain without skull."""
    return t1w.data > 0


def with_face(t1w: Volume, face: int = 0) -> Volume:
    """A brain in a dark skull under bright skin, with features of its own for each number; 4 litres and more."""
    away = distance_transform_edt(~brain_of(t1w), sampling=t1w.grid.voxel_sizes)
    bright = float(np.quantile(t1w.data[brain_of(t1w)], 0.9))
    features = np.random.default_rng(face).uniform(0.5, 1.4, t1w.data.shape).astype(np.float32)
    skin = np.where((away > 9) & (away < 32), bright * features, np.where(away >= 32, 0, 0.1 * bright))
    return Volume(np.where(brain_of(t1w), t1w.data, skin).astype(np.float32), t1w.grid)


def _replaced(path: Path, volume: Volume) -> None:
    """Write a volume under the name of another one, in that file's format."""
    if path.suffix == ".mgz":
        nibabel.save(nibabel.MGHImage(volume.data.astype(np.float32), volume.grid.affine), path)
    else:
        nifti.write_volume(path, volume)


def write_hcp(study: Path, to: Path) -> Path:
    """The subject of the HCP layout with a whole head alone, and no brain mask."""
    person = shutil.copytree(study / "100307", to / "100307")
    t1w = nifti.read_volume(person / BRAIN)
    (person / BRAIN).unlink()
    _replaced(person / HEAD, with_face(t1w))
    return to


def write_freesurfer_head(study: Path, to: Path) -> Path:
    """recon-all's folder with T1.mgz alone."""
    folder = write_freesurfer(find(study, "100307"), to / "100307")
    t1w = nifti.read_volume(folder / "mri/brain.mgz")
    for name in ("brain", "orig"):
        (folder / f"mri/{name}.mgz").unlink()
    _replaced(folder / "mri/T1.mgz", with_face(t1w))
    return to


def write_bids_head(study: Path, to: Path, session: str = "", face: int = 0, mask: bool = True) -> Path:
    """fMRIPrep's anat folder, whose preprocessed T1w is a whole head."""
    anat = write_bids(find(study, "100307"), to, "sub-100307" + (f"_ses-{session}" if session else ""))
    (t1w,) = (path for path in anat.glob("*_desc-preproc_T1w.nii.gz") if "space-" not in path.name)
    _replaced(t1w, with_face(nifti.read_volume(t1w), face))
    if not mask:
        next(anat.glob("*_desc-brain_mask.nii.gz")).unlink()
    return to


def write_t1w_head(study: Path, to: Path) -> Path:
    """The scan alone."""
    to.mkdir(parents=True)
    _replaced(to / "100307_T1w.nii.gz", with_face(nifti.read_volume(study / "100307" / BRAIN)))
    return to


def write_network(folder: Path, name: str = "small") -> Path:
    """A checkpoint of a small network that was trained on nothing."""
    torch.manual_seed(0)
    torch.save(UNet(UNetArchitecture((8, 8, 16), attention=(2,), embedding=16)).state_dict(), folder / f"{name}.pt")
    cards.write(folder / f"{name}.json", Card(name, name, "unet", shape=(30, 36, 30)))
    return folder / f"{name}.pt"
