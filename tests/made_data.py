"""Small data sets for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wbtools.datasets import DataSet, Item, Kind, write_data


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
