"""What the shell pipeline starts from, made before the clock runs: files that a user has already."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nibabel
import numpy as np

from exports.pipeline import WORKBENCH

FREESURFER = 400
"""What wbtools adds to FreeSurfer's keys of structures."""


def write_given(folder: Path, subject: Path, export: Path) -> Path:
    """The network, the image as the network takes it, the published atlas, lists of labels, the MNI grid.

    Parameters
    ----------
    folder : Path
        A new folder.
    subject : Path
        The subject's folder.
    export : Path
        An export of the subject by wbtools, for the atlas's names and colours.
    """
    folder.mkdir(parents=True)
    _write_network(folder, subject)
    (folder / "atlas.dlabel.nii").symlink_to(next(export.glob("*.dlabel.nii")))
    for name, source in (("cortex", "HCP-MMP1.T1w"), ("atlas", "HCP-MMP1+subcortex.T1w")):
        volume = export / f"{subject.name}.{source}.nii.gz"
        subprocess.run([WORKBENCH, "-volume-label-export-table", volume, "1", folder / f"{name}.txt"], check=True)
    (folder / "deep.txt").write_text(deep_labels((folder / "atlas.txt").read_text(encoding="utf-8")), encoding="utf-8")
    affine = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(np.zeros((91, 109, 91), np.float32), affine), folder / "2mm.nii.gz")
    from wbtools.anatomy import Hemisphere
    from wbtools.surfaces.standard import average_32k

    (folder / "average.L.surf.gii").symlink_to(average_32k(Hemisphere.LEFT))
    return folder


def deep_labels(atlas: str) -> str:
    """Of the atlas's list of labels, the structures below the cortex, under FreeSurfer's own keys.

    Examples
    --------
    >>> deep_labels("L_V1_ROI\\n181 1 2 3 255\\nPUTAMEN_LEFT\\n412 4 5 6 255\\n")
    'PUTAMEN_LEFT\\n12 4 5 6 255\\n'
    """
    lines, kept = atlas.splitlines(), []
    for name, row in zip(lines[::2], lines[1::2], strict=True):
        key, colour = row.split(maxsplit=1)
        if int(key) > FREESURFER:
            kept.append(f"{name}\n{int(key) - FREESURFER} {colour}\n")
    return "".join(kept)


def _write_network(folder: Path, subject: Path) -> None:
    """The built-in network as a torch module, and the image on its grid and in its greys."""
    import torch

    from wbtools import load_model
    from wbtools.images import nifti
    from wbtools.model import model_input

    model = load_model()
    torch.save(model.network, folder / "network.pt")
    shown = model_input(nifti.read_volume(subject / "T1w/T1w_acpc_dc_restore_brain.nii.gz"), model.card)
    nibabel.save(nibabel.Nifti1Image(shown.data[0, 0], shown.grid.affine), folder / "image.nii.gz")
