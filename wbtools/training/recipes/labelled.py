"""What recipes share that learn from a label of every image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import InputError
from wbtools.text import counted
from wbtools.training.loop.feeding import Plan, seed_of, shared_out
from wbtools.training.recipes.recipe import Material


class Labelled:
    """A label of every image, as numbers, and batches of images with it.

    Parameters
    ----------
    material : Material
    label : str
        Its column.
    least : int
        Images that every class needs in each part.

    Raises
    ------
    InputError
        If images lack the label, all have the same, or a part has too few of a class.
    """

    def __init__(self, material: Material, label: str, least: int = 1) -> None:
        self.material = material
        self.classes = material.data.classes(label)
        numbers = {name: place for place, name in enumerate(self.classes)}
        self.numbers = np.array([numbers[value] for value in material.data.labels(label)], np.int64)
        for part in ("train", "val"):
            counts = np.bincount(self.numbers[material.rows(part)], minlength=len(self.classes))
            if counts.min() < least:
                number = int(counts.argmin())
                name, all_of_it = self.classes[number], int((self.numbers == number).sum())
                more = f"prepare more images whose {label} is {name}"
                raise InputError(
                    f"the part {part} of {material.data.folder} has {counted(int(counts.min()), 'image')} "
                    f"whose {label} is {name}, "
                    f"{least} is the least",
                    hint=f"{more}: there are {all_of_it}, and {2 * least} are the least for training and validation"
                    if all_of_it < 2 * least
                    else f"{more}, or give a larger share to that part: --fractions, of training, validation and test",
                )

    @property
    def batches(self) -> int:
        """In an epoch."""
        return len(shared_out(self.material.rows("train"), self.material.settings.batch))

    def plans(self, epoch: int) -> Sequence[Plan]:
        """All training images in an order of the epoch's own."""
        settings = self.material.settings
        rows = np.random.default_rng(seed_of(settings.seed, epoch)).permutation(self.material.rows("train"))
        return [
            Plan(part, seed_of(settings.seed, epoch, number), {"class": self.of(part)})
            for number, part in enumerate(shared_out(rows, settings.batch))
        ]

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the classes of rows."""
        found: NDArray[np.int64] = self.numbers[rows]
        return found
