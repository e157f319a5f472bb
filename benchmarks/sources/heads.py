"""The heads that people are made of: the template, and other brains where they can be had."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wbtools.attribution.reference import matched
from wbtools.errors import WbtoolsError
from wbtools.images import nifti
from wbtools.images.template import mni152
from wbtools.space.foreground import foreground
from wbtools.space.grid import Volume
from wbtools.space.registration import affine_between
from wbtools.space.resampling import resample_density
from wbtools.training.planted import Head, head_grid, mni_head

_log = logging.getLogger(__name__)


def brains_in(folder: Path | None) -> list[Path]:
    """Files of a folder that may be skull-stripped brains."""
    return sorted(folder.glob("*.nii*")) if folder and folder.is_dir() else []


def head_from(path: Path, template: Head) -> Head | None:
    """A skull-stripped brain on the template's grid, with the template's labels; None if it cannot be registered.

    Labels are those of the template in its place: what a label is called does not matter to a task, only that the label
    moves with the head.
    """
    try:
        brain = nifti.read_volume(path)
        brain = Volume(np.where(foreground(brain), brain.data, 0).astype(np.float32), brain.grid)
        laid = resample_density(affine_between(mni152(), brain).apply(brain), head_grid()).data.clip(0)
    except WbtoolsError as error:
        _log.warning("%s is left out: %s", path.name, error)
        return None
    shown = matched(laid.astype(np.float32), template.template)
    shown = shown / shown.max() * (shown > 0.02)
    return Head(shown.astype(np.float32), np.where(shown > 0, template.labels, 0).astype(np.int32))


def heads(work: Path, folder: Path | None = None) -> dict[str, Head]:
    """The template and the brains of a folder, by name; kept in `work`, and taken from there."""
    kept = work / "heads.npz"
    if not kept.exists():
        found = {"template": mni_head()}
        for path in brains_in(folder):
            if head := head_from(path, found["template"]):
                found[path.name.split(".")[0]] = head
        arrays = {
            f"{name}/{part}": getattr(head, part) for name, head in found.items() for part in ("template", "labels")
        }
        np.savez_compressed(kept, **arrays)
    with np.load(kept, allow_pickle=False) as arrays:
        names: Sequence[str] = list(dict.fromkeys(key.split("/")[0] for key in arrays.files))
        return {name: Head(arrays[f"{name}/template"], arrays[f"{name}/labels"]) for name in names}
