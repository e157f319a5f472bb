"""Batch norms that are settled on the way: each is given the statistics of both images just before it acts.

A network that has learned nothing has no statistics of its own. They are those of the images that it is shown, which
pass it for their difference anyway: one pass is enough for both.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from wbtools.attribution.engine import rescale
from wbtools.attribution.engine.difference import DifferencePropagator
from wbtools.attribution.engine.graph import Step
from wbtools.attribution.engine.layers import convolution, scale_and_offset
from wbtools.attribution.engine.signal import ActivationChange, Kept
from wbtools.model.family import Network


def settle(norm: _BatchNorm, *reached: Tensor) -> None:
    """Give a batch norm the mean and variance of what reaches it; one that keeps none is left as it is.

    So is one that is reached by a single value per channel.

    Parameters
    ----------
    norm : BatchNorm
        Changed in place.
    reached : Tensor, (N, C, ...) each
        Of the same number of values per channel.
    """
    if norm.running_mean is None or norm.running_var is None:
        return
    channels = [part.flatten(2) if part.dim() > 2 else part[..., None] for part in reached]
    count = sum(part.shape[0] * part.shape[2] for part in channels)
    if count > 1:
        mean = torch.stack([part.mean((0, 2)) for part in channels]).mean(0)
        # torch.var_mean takes four times as long on a processor.
        lengths = [torch.linalg.vector_norm(part - mean[:, None], dim=2) for part in channels]
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(torch.cat(lengths).square().sum(0) / count)


class SettlingPropagator(DifferencePropagator):
    """A difference in a network whose batch norms are settled while it passes: with the statistics of both images.

    Parameters
    ----------
    network : Network
        In evaluation mode; its batch norms are changed.
    image, reference, output, magnitudes, kept
        As for `DifferencePropagator`.
    """

    def _known(self, step: Step, x: ActivationChange) -> ActivationChange | None:
        norm = step.norm or step.module
        if not isinstance(norm, nn.BatchNorm3d):
            return None
        if not isinstance(step.module, nn.Conv3d):
            settle(norm, x.image, x.reference)
            return None
        weights, bias = convolution(step.module, name=step.name)
        y = ActivationChange(weights.quick()(x.change), rescale.affine(weights, bias, x.image))
        settle(norm, y.image, y.reference)
        scale, offset = (t[:, None, None, None] for t in scale_and_offset(norm))
        return ActivationChange(y.change.mul_(scale), y.image.mul_(scale).add_(offset))


class Differences:
    """The differences of one image from several references in one network: the image passes it once for all of them.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    image : Tensor, (1, 1, X, Y, Z)
    output : str
        The network's method that is explained.
    count : int
        How many references there will be: what depends on the image alone is kept only for several.
    magnitudes : bool
        As for `DifferencePropagator`.
    """

    def __init__(
        self, network: Network, image: Tensor, output: str = "raw", count: int = 1, magnitudes: bool = True
    ) -> None:
        self._network, self._image = network, image
        self._how = output, magnitudes, Kept() if count > 1 else None
        self._begun: tuple[Tensor, DifferencePropagator] | None = None

    def settle(self, reference: Tensor) -> Tensor:
        """Settle the network's batch norms with the image and a reference, the first that is asked for afterwards.

        Returns
        -------
        Tensor, (2, E)
            What the network answers to the image and to the reference.
        """
        first = SettlingPropagator(self._network, self._image, reference, *self._how)
        self._begun = reference, first
        return torch.cat((first.output, first.output - first.change))

    def against(self, reference: Tensor) -> DifferencePropagator:
        """The difference from a reference; each needs much memory, and is not kept."""
        begun, self._begun = self._begun, None
        if begun and begun[0] is reference:
            return begun[1]
        return DifferencePropagator(self._network, self._image, reference, *self._how)
