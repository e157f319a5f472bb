"""Noise that methods add to what a network is shown: how much, how often, and from which seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Noise:
    """Normal noise, independent in every voxel and draw.

    Parameters
    ----------
    draws : int
    level : float
        Standard deviation as a share of the image's range, from its lowest to its highest value.
    seed : int
        Of a generator of its own on the processor: neither the state of torch, nor threads, nor the device that a
        network runs on changes a draw.
    """

    draws: int
    level: float
    seed: int = 0

    def deviation(self, bounds: tuple[float, float]) -> float:
        """Standard deviation for an image between these values.

        Examples
        --------
        >>> Noise(draws=25, level=0.1).deviation((0.0, 255.0))
        25.5
        """
        return self.level * (bounds[1] - bounds[0])

    def added(self, image: Tensor, bounds: tuple[float, float]) -> Iterator[Tensor]:
        """The image with every draw of noise, one after the other.

        Parameters
        ----------
        image : Tensor
        bounds : tuple of float
            The lowest and the highest value of the whole image.
        """
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(self.draws):
            drawn = torch.randn(image.shape, generator=generator, dtype=image.dtype)
            yield image.detach() + self.deviation(bounds) * drawn.to(image.device)

    def words(self) -> str:
        """For the rules of a method.

        Examples
        --------
        >>> Noise(draws=25, level=0.1).words()
        "25 draws of normal noise, standard deviation .1 of the image's range, in every voxel, seed 0"
        """
        level = f"{self.level:g}".lstrip("0")
        return (
            f"{self.draws} draws of normal noise, standard deviation {level} of the image's range, in every voxel, "
            f"seed {self.seed}"
        )

    def as_record(self, bounds: tuple[float, float]) -> dict[str, float]:
        """For the provenance."""
        return {**asdict(self), "standard_deviation": self.deviation(bounds)}
