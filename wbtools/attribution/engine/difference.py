"""Differences by the rescale rule: image and reference forward together; then back, with multipliers, at will."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from wbtools.attribution.engine import pooled_difference, rescale
from wbtools.attribution.engine.graph import Step, steps
from wbtools.attribution.engine.layers import convolution
from wbtools.attribution.engine.planes import Planes
from wbtools.attribution.engine.propagator import Propagator
from wbtools.attribution.engine.signal import ActivationChange, Backward, Kept, LayerResult, Once, computed
from wbtools.errors import InputError
from wbtools.model.family import Network


class DifferencePropagator(Propagator[ActivationChange]):
    """The difference of two images in one network, ready for relevance to be sent back by DeepLIFT's rescale rule.

    What is sent back are multipliers, relevance per change, as DeepLIFT calls them. Relevance can be told only at the
    image, at the last step, at `features` and at the `cuts`.

    Parameters
    ----------
    network : Network
        In evaluation mode; it is only read.
    image, reference : Tensor, (1, 1, X, Y, Z)
    output : str
        The network's method that is explained.
    magnitudes : bool
        Whether a convolution that sees the image shares relevance among voxels by the magnitudes of their
        contributions; otherwise by the contributions themselves, as all other layers do.
    kept : Kept, optional
        Where to keep what depends on the image alone, for differences of the same image from further references by the
        same network: the memory of one image's activations, for a quarter of the time.
    """

    energy = 1 - 1e-8  # what is small at a cut, because units hardly changed, may be larger at the image

    def __init__(
        self,
        network: Network,
        image: Tensor,
        reference: Tensor,
        output: str = "raw",
        magnitudes: bool = True,
        kept: Kept | None = None,
    ) -> None:
        self._magnitudes = magnitudes
        self._seen = {0}  # the image, and its pictures: what relevance is told of
        if kept is not None:
            kept.restart()
        self._once: Once = computed if kept is None else kept
        super().__init__(network, ActivationChange(image - reference, image), self._run, output, self._once)

    def as_messages(self, relevance: Tensor, step: int) -> Tensor:
        """Multipliers: relevance per change."""
        change = self._explained[step]
        return torch.where(change == 0, 0.0, relevance / torch.where(change == 0, 1.0, change))

    def as_relevance(self, messages: Tensor, step: int) -> Tensor:
        """Multipliers times changes; what reaches the image's voxels is relevance already."""
        return messages if step in self._seen else messages * self._explained[step]

    def _run(self, step: Step, inputs: list[ActivationChange]) -> LayerResult[ActivationChange]:
        """One step; those that see the image go back to the relevance of its voxels."""
        known, module = self._known(step, inputs[0]), step.module
        if isinstance(module, Planes):
            self._seen |= {self._steps.index(step)}
            return rescale.apply(step, inputs, self._once)
        at_image = self._seen.intersection(step.inputs)
        shared = bool(at_image) and self._magnitudes and isinstance(module, nn.Conv3d)
        if step.pool is not None:
            output, back = pooled_difference.run(step, inputs[0], self._once, shared, known)
        elif isinstance(module, nn.Conv3d):
            weights, bias = convolution(module, step.norm, step.name)
            output, back = rescale.linear(weights, bias, inputs[0], self._once, shared, known)
        else:
            output, back = rescale.apply(step, inputs, self._once)
        if not at_image or shared or back is None:
            return output, back
        return output, _to_relevance(step, inputs, back, at_image)

    def _known(self, step: Step, x: ActivationChange) -> ActivationChange | None:
        """The output of a convolution and its batch norm, where that is known before it is run."""
        return None


def _to_relevance(step: Step, inputs: list[ActivationChange], back: Backward, at_image: set[int]) -> Backward:
    """The way back, multipliers of the image replaced by relevance."""

    def to_relevance(m: Tensor) -> tuple[Tensor | None, ...]:
        parts = zip(step.inputs, inputs, back(m), strict=True)
        return tuple(part * x.change if source in at_image and part is not None else part for source, x, part in parts)

    return to_relevance


_FOLLOWED: WeakKeyDictionary[Network, dict[str, bool]] = WeakKeyDictionary()
"""What is known of networks by their output: an export asks several times, and tracing takes a tenth of a second."""


def can_follow(network: Network, output: str = "raw") -> bool:
    """Whether every step of a network, which keeps its layers, is of a kind that the rescale rule is known for."""
    known = _FOLLOWED.setdefault(network, {})
    if output not in known:
        known[output] = _all_known(network, output)
    return known[output]


def _all_known(network: Network, output: str) -> bool:
    try:
        return all(step.module is None or rescale.knows(step.module) for step in steps(network, output))
    except InputError:
        return False
