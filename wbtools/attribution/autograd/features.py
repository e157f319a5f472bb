"""Feature maps: the layers that a network calls, which of them sees the image last, and where their voxels lie in it.

A feature voxel stands for the centre of what it sees. Convolutions without padding see less and less of the rim, so
that stretching their maps over the whole image, as is usual, moves them: by six voxels at the edges of MriNet's last
convolution. Strided convolutions with padding see the first voxel of each step; stretching moves theirs by half a step.

Networks that look at slices are followed, too: their features lie in slices, and these are put back to where the
network took them from the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from wbtools.errors import InputError

if TYPE_CHECKING:
    from wbtools.attribution.question import Question

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)
_MOVING = (*CONVOLUTIONS, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool2d, nn.AvgPool3d)

Sizes = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One call of a layer.

    Parameters
    ----------
    layer : nn.Module
        Without layers of its own.
    before, after : tuple of int
        Shapes of its first input and its output, (N, C, x, y, z) in a volume, (N, C, x, y) in a slice.
    """

    layer: nn.Module
    before: Sizes
    after: Sizes


@dataclass(frozen=True)
class Placement:
    """Where the voxels of a feature map lie: voxel i at `offset + step * i` in voxels of the image, along each axis."""

    step: tuple[float, ...]
    offset: tuple[float, ...]

    @classmethod
    def covering(cls, size: Sequence[int], shape: Sequence[int]) -> Placement:
        """A map of this size stretched over an image of this shape, edge to edge.

        Examples
        --------
        >>> Placement.covering((2, 3), (4, 3))
        Placement(step=(2.0, 1.0), offset=(0.5, 0.0))
        """
        step = tuple(whole / count for whole, count in zip(shape, size, strict=True))
        return cls(step, tuple((length - 1) / 2 for length in step))

    def after(self, layer: nn.Module) -> Placement | None:
        """Of a convolution's or pool's output, if this is its input's; None if its padding is not a number."""
        axes = len(self.step)
        kernel, stride, padding = (_setting(layer, name, axes) for name in ("kernel_size", "stride", "padding"))
        dilation = _setting(layer, "dilation", axes) or (1,) * axes
        if not (kernel and stride and padding):
            return None
        centre = ((k - 1) * d / 2 - p for k, d, p in zip(kernel, dilation, padding, strict=True))
        return Placement(
            tuple(a * b for a, b in zip(self.step, stride, strict=True)),
            tuple(o + s * c for o, s, c in zip(self.offset, self.step, centre, strict=True)),
        )


def _setting(layer: nn.Module, name: str, axes: int) -> Sizes | None:
    """A setting of a convolution or pool for each axis."""
    value = getattr(layer, name, None)
    if isinstance(value, int):
        return (value,) * axes
    return value if isinstance(value, tuple) and len(value) == axes else None


def calls(question: Question) -> list[LayerCall]:
    """The layers that a network calls for its answer, in order."""
    made: list[LayerCall] = []

    def note(layer: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        if inputs and isinstance(inputs[0], Tensor) and isinstance(output, Tensor):
            made.append(LayerCall(layer, tuple(inputs[0].shape), tuple(output.shape)))

    leaves = [module for module in question.network.modules() if next(module.children(), None) is None]
    handles = [leaf.register_forward_hook(note) for leaf in leaves]
    try:
        with torch.no_grad():
            question.answer(question.image)
    finally:
        for handle in handles:
            handle.remove()
    return made


def reading(made: Sequence[LayerCall], name: str) -> LayerCall:
    """The convolution that reads the image.

    Raises
    ------
    InputError
        If there is none among the calls; the message names the method.
    """
    for call in made:
        if isinstance(call.layer, CONVOLUTIONS):
            return call
    raise InputError(
        f"--method {name} needs a network whose convolutions are layers that can be seen",
        hint="use --method integrated-gradients or gradient-x-difference, which need nothing but gradients",
    )


def last_convolution(made: Sequence[LayerCall]) -> int:
    """The place of the last convolution among the calls; those to one channel do not count, they make attention."""
    convolutions = [i for i, call in enumerate(made) if isinstance(call.layer, CONVOLUTIONS)]
    return max([i for i in convolutions if made[i].after[1] > 1] or convolutions)


def last_features(made: Sequence[LayerCall]) -> LayerCall:
    """The layer that gives the last feature map before features are pooled or put in a row.

    That is the last call on the grid of the last convolution and with all its channels: usually a ReLU. Convolutions to
    one channel do not count, they make attention; nor does a layer that is called again later, as a hook would see that
    call.

    Parameters
    ----------
    made : sequence of LayerCall
        With a convolution among them.
    """
    last = last_convolution(made)
    grid, rest = made[last].after[2:], made[last:]
    channels = max(call.after[1] for call in rest if call.after[2:] == grid)
    final = {call.layer: call for call in rest}  # of several calls of a layer, the last
    same = [call for call in final.values() if call.after[1:] == (channels, *grid)]
    return max(same, key=rest.index, default=made[last])


def placements(made: Sequence[LayerCall], first: LayerCall) -> dict[Sizes, Placement]:
    """Placement of the feature maps of each size in what the first convolution reads.

    Only sizes that convolutions and pools lead to are known.
    """
    shape = first.before[2:]
    found = {shape: Placement((1,) * len(shape), (0,) * len(shape))}
    for call in made:
        before, after = call.before[2:], call.after[2:]
        if isinstance(call.layer, _MOVING) and before in found and after not in found:
            placed = found[before].after(call.layer)
            if placed is not None:
                found[after] = placed
    return found


def spread(maps: Tensor, placement: Placement | None, shape: Sequence[int]) -> Tensor:
    """Feature maps (N, x, y, z) laid over a grid, (N, X, Y, Z): linear between their voxels, constant beyond the last.

    Without a placement they are stretched edge to edge.

    Examples
    --------
    >>> spread(torch.arange(3.0)[None], Placement((2,), (1,)), (6,)).tolist()
    [[0.0, 0.0, 0.5, 1.0, 1.5, 2.0]]
    """
    place = placement or Placement.covering(maps.shape[1:], shape)
    for count, size, step, offset in zip(shape, maps.shape[1:], place.step, place.offset, strict=True):
        at = ((torch.arange(count) - offset) / step).clamp(0, size - 1)
        weights = (1 - (at[:, None] - torch.arange(size)).abs()).clamp(min=0)
        maps = torch.tensordot(maps, weights, dims=([1], [1]))  # the axis moves to the end: after all, in order again
    return maps


@contextmanager
def shown(layer: nn.Module) -> Iterator[list[Tensor]]:
    """A block that notes what a layer is given first each time the network runs."""
    noted: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda module, inputs: noted.append(inputs[0]))
    try:
        yield noted
    finally:
        handle.remove()


def put_back(maps: Tensor, given: Tensor, image: Tensor) -> Tensor:
    """Maps of what the first convolution was given, at the image's voxels where that was taken from.

    Parameters
    ----------
    maps : Tensor, (N, X, Y, Z) or (N, X, Y)
    given : Tensor, (N, C, X, Y, Z) or (N, C, X, Y)
        Made from the image by turning, cutting, padding or repeating it.
    image : Tensor, (1, 1, X, Y, Z)
        It records gradients: the way back from `given` is the gradient's.

    Returns
    -------
    Tensor, (1, 1, X, Y, Z)
    """
    weights = (maps[:, None] / given.shape[1]).expand_as(given)
    (found,) = torch.autograd.grad(given, image, weights)
    return found
