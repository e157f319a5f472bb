"""What a network was shown of a person, and of the references beside: kept to be drawn, without anybody's face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.space.foreground import is_stripped
from wbtools.space.grid import Grid, Volume
from wbtools.space.resampling import resample_labels
from wbtools.text import counted

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.attribution import Question


@dataclass(frozen=True, eq=False)
class NetworkInput:
    """Images as a network was given them, their darkest voxel lifted to 0, which is also where there is no brain.

    Parameters
    ----------
    image : Volume
        Of the person, on the grid of the network's input.
    reference : Volume or None
        Mean of the images that it was compared with, on the same grid; None where there are none to be shown.
    about : str
        What the reference is, or why it is not shown; empty without any.
    """

    image: Volume
    reference: Volume | None = None
    about: str = ""

    @classmethod
    def of(cls, asked: Sequence[Question], grid: Grid, *, of_people: bool) -> NetworkInput:
        """What was shown where some methods were asked about a person.

        Parameters
        ----------
        asked : sequence of Question
            The first that compares with any reference says with which.
        grid : Grid
            Of the images.
        of_people : bool
            Whether several references are other people, whom no export shows.
        """
        question = next((each for each in asked if each.compared), asked[0])
        image = _plain(question.image)
        brain = image[image != question.empty]
        darkest = float(brain.min()) if brain.size else 0.0

        def lifted(values: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.asarray(np.where(values == question.empty, 0, values - darkest).clip(0), np.float32)

        shown, count = Volume(lifted(image), grid), len(question.compared)
        if not count:
            return cls(shown)
        if of_people and question.references:
            return cls(shown, None, f"Compared with {counted(count, 'other person')}, not shown here.")
        mean = np.stack([lifted(_plain(each)) for each in question.compared]).mean(axis=0)
        source = str((question.reference_record or {}).get("source", ""))
        return cls(shown, Volume(mean, grid), f"Reference: {'mean of ' if count > 1 else ''}{source}")

    def cut(self, visible: Volume) -> NetworkInput:
        """The same without what may not be shown of a head; a reference that is a brain alone is left as it is.

        Parameters
        ----------
        visible : Volume
            Labels on any grid, above 0 where the person's head may be shown; the reference lies in the same place.

        Examples
        --------
        >>> grid = Grid((1, 1, 2), np.eye(4))
        >>> shown = NetworkInput(Volume(np.array([[[3.0, 7.0]]]), grid))
        >>> shown.cut(Volume(np.array([[[0, 1]]]), grid)).image.data.ravel().tolist()
        [0.0, 7.0]
        """
        inside = resample_labels(visible, self.image.grid).data > 0

        def cut(volume: Volume) -> Volume:
            return replace(volume, data=np.where(inside, volume.data, volume.data.dtype.type(0)))

        reference = self.reference
        if reference and not is_stripped(reference):
            reference = cut(reference)
        return replace(self, image=cut(self.image), reference=reference)

    def without_other_heads(self) -> NetworkInput:
        """The same without a reference that shows more than a brain: its face is not the person's to give away."""
        if self.reference is None or is_stripped(self.reference):
            return self
        return replace(self, reference=None, about=f"{self.about}, a whole head, not shown here.")


def _plain(image: Tensor) -> NDArray[np.float32]:
    """An image (1, 1, X, Y, Z) as an array (X, Y, Z)."""
    found: NDArray[np.float32] = image[0, 0].numpy()
    return found
