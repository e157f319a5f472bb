"""Whether a network is given images as those it was trained on: its first batch norm remembers them.

A batch norm keeps the mean and the variance of what it was given in training. An image in other intensities, or of
another kind, reaches it with a mean or a variance that is far from those; what the network then answers means little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wbtools.model.checkpoint import Model
    from wbtools.model.input import ModelInput

FAR = 5.0
"""A variance this many times larger or smaller than in training is far."""

OFF = 3.0
"""A mean that is off by so many of training's standard deviations is far."""


@dataclass(frozen=True, eq=False)
class ChannelStatistics:
    """What a batch norm is given by an image, and what it was given in training; of each channel.

    Parameters
    ----------
    mean, variance : ndarray, (C,)
    usual_mean, usual_variance : ndarray, (C,)
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    usual_mean: NDArray[np.float64]
    usual_variance: NDArray[np.float64]

    @property
    def ratio(self) -> float:
        """The image's variance over training's: the median over channels that vary in training.

        Examples
        --------
        >>> ones = np.ones(3)
        >>> ChannelStatistics(ones, 6 * ones, ones, ones).ratio
        6.0
        """
        ratios = self.variance[self._live] / self.usual_variance[self._live]
        return float(np.median(ratios)) if ratios.size else 1.0

    @property
    def off(self) -> float:
        """How many of training's standard deviations the image's mean is off: the median over channels."""
        live = self._live
        away = np.abs(self.mean - self.usual_mean)[live] / np.sqrt(self.usual_variance[live])
        return float(np.median(away)) if away.size else 0.0

    @property
    def _live(self) -> NDArray[np.bool_]:
        return np.asarray(self.usual_variance > 1e-12 * self.usual_variance.max(initial=0.0))

    def remark(self, name: str) -> str:
        """What a reader must know of a network of this name; empty if the image is of the usual kind."""
        if 1 / FAR <= self.ratio <= FAR and self.off <= OFF:
            return ""
        return (
            f"This image is unlike those that {name} was trained on: its first batch norm is given a variance of "
            f"{self.variance.mean():.3g} and means of {np.abs(self.mean).mean():.3g} in size, and was trained on "
            f"{self.usual_variance.mean():.3g} and {np.abs(self.usual_mean).mean():.3g} (averages over "
            f"{len(self.mean)} channels). Its answer may mean nothing; the card's 'intensity' says how it is scaled."
        )


class _Reached(Exception):
    """Raised to end a pass where the first batch norm was reached."""


def first_norm_statistics(network: nn.Module, image: Tensor) -> ChannelStatistics | None:
    """What a network's first batch norm is given; None where there is none that remembers its training.

    Parameters
    ----------
    network : Module
        In evaluation mode.
    image : Tensor, (1, 1, X, Y, Z)
    """
    import torch
    from torch.nn.modules.batchnorm import _BatchNorm

    statistics: list[ChannelStatistics] = []

    def note(norm: Any, inputs: tuple[Tensor, ...]) -> None:
        channels = inputs[0].detach().transpose(0, 1).flatten(1).double()
        variance, mean = torch.var_mean(channels, dim=1, correction=0)
        statistics.append(
            ChannelStatistics(*(t.double().numpy() for t in (mean, variance, norm.running_mean, norm.running_var)))
        )
        raise _Reached

    norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
    handles = [norm.register_forward_pre_hook(note) for norm in norms]
    try:
        with torch.no_grad():
            network(image)
    except _Reached:
        pass
    finally:
        for handle in handles:
            handle.remove()
    return statistics[0] if statistics else None


def remark(model: Model, image: ModelInput) -> str:
    """What a reader must know of an image that a network is given; empty if it is a usual one, or nobody can tell."""
    import torch

    found = first_norm_statistics(model.network, torch.from_numpy(image.data))
    return found.remark(model.name) if found else ""
