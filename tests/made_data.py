"""Small data sets for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from wbtools.datasets import DataSet, Item, Kind, write_data
from wbtools.images import nifti
from wbtools.images.template import mni152
from wbtools.model.input import FIELD_OF_VIEW
from wbtools.space.grid import Volume, reorient
from wbtools.space.resampling import average


def made_items(count: int, per_person: int = 1, labels: Sequence[dict[str, str]] = ()) -> list[Item]:
    """Items of so many images, some of one person each, with their labels."""
    return [
        Item(row, f"p{row // per_person}", f"p{row // per_person}/{row}.nii.gz", labels=labels[row] if labels else {})
        for row in range(count)
    ]


def made_volumes(folder: Path, items: Sequence[Item], seed: int = 0) -> DataSet:
    """A data set of noise at 4 x 5 x 6, one image an item."""
    images = np.random.default_rng(seed).random((len(items), 1, 4, 5, 6), np.float32)
    return write_data(folder, Kind.VOLUMES, images, items, {"orientation": "LAS", "shape": [4, 5, 6]})


def small_brain() -> Volume:
    """The MNI152 template's brain on the grid of HCP's T1w at 6 mm."""
    grid = FIELD_OF_VIEW.with_spacing(6.0)
    return average(reorient(mni152(), grid.orientation), grid)


def varied(brain: Volume, seed: int) -> Volume:
    """The same brain with other intensities."""
    gain = 1 + 0.2 * np.random.default_rng(seed).random(brain.data.shape)
    return replace(brain, data=(brain.data * gain).astype(np.float32))


def made_study(folder: Path, people: Sequence[str]) -> Path:
    """An HCP study folder of which nothing but the T1w images was downloaded."""
    brain = small_brain()
    for seed, person in enumerate(people):
        (folder / person / "T1w").mkdir(parents=True)
        nifti.write_volume(folder / person / "T1w" / "T1w_acpc_dc_restore_brain.nii.gz", varied(brain, seed))
    return folder


def made_arrays(folder: Path, people: Mapping[str, Sequence[str]], shape: tuple[int, int, int] = (5, 6, 7)) -> Path:
    """`{part}/subjects/ID.npy` of noise, with `all_subjects.txt`; the first two of every part are twins."""
    generator = np.random.default_rng(3)
    for part, names in people.items():
        (folder / part / "subjects").mkdir(parents=True)
        (folder / part / "all_subjects.txt").write_text("".join(f"{name}\n" for name in names))
        (folder / part / "twin_pairs.txt").write_text(f"{names[0]},{names[1]}\n")
        for name in names:
            values = generator.random(shape)
            values -= values.min()
            np.save(folder / part / "subjects" / f"{name}.npy", (values / values.max()).astype(np.float32))
    return folder
