"""A convolution of what is 0 outside a box: computed where the box is seen, and back only into the box.

Much of an image is the same in every person: the field around a head, or the frame of a picture. There nothing changes,
and a change of nothing stays nothing, exactly, as far as no kernel reaches. Multipliers of what does not change are not
needed: times its change they are nothing. What stays the same only because changes cancel would hand on parts that
cancel, too: beyond the outermost changes they are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn import functional

from wbtools.attribution.engine.linear import Convolution, LinearMap
from wbtools.attribution.engine.pooled_convolution import Place, part
from wbtools.attribution.engine.signal import box
from wbtools.model.convolution import Triple

_WORTH = 0.8
"""Of the inputs, at most: copying costs more than is saved else."""


@dataclass(frozen=True)
class Span:
    """A convolution along one axis, of which only some inputs are not 0.

    Parameters
    ----------
    first, last : int
        Of these inputs.
    low, high : int
        Of the outputs that see them; of none, if `high` is below `low`.
    start, stop : int
        The inputs that these outputs see, also beyond the ends.
    """

    first: int
    last: int
    low: int
    high: int
    start: int
    stop: int

    @classmethod
    def of(cls, ends: tuple[int, int], size: int, how: tuple[int, int, int]) -> Span:
        """Of an axis of some size, and of a convolution of some reach, stride and padding.

        Examples
        --------
        >>> Span.of((3, 4), 9, (3, 2, 1))
        Span(first=3, last=4, low=1, high=2, start=1, stop=6)
        """
        (first, last), (reach, stride, padding) = ends, how
        low = max(0, -((reach - 1 - padding - first) // stride))
        high = min((size + 2 * padding - reach) // stride, (last + padding) // stride)
        return cls(first, last, low, high, low * stride - padding, high * stride - padding + reach)


@dataclass(frozen=True, eq=False)
class Confined(LinearMap):
    """A convolution of what is 0 outside a box, whose adjoint is 0 there, too.

    Parameters
    ----------
    whole : Convolution
    spans : tuple of Span, (3,)
    size : tuple of int, (3,)
        Of the output.
    """

    whole: Convolution
    spans: tuple[Span, Span, Span]
    size: tuple[int, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """(N, inputs, X, Y, Z), 0 outside the box, to (N, outputs, X', Y', Z')."""
        found = x.new_zeros(len(x), len(self.whole.weight), *self.size)
        if self._seen:
            window = part(self._inputs, x)
            window = functional.pad(window, self._rest) if any(self._rest) else window
            part(self._outputs, found).copy_(self._bare(window))
        return found

    def adjoint(self, y: Tensor, shape: Sequence[int]) -> Tensor:
        """(N, outputs, X', Y', Z') to (N, inputs, X, Y, Z), 0 outside the box."""
        found = y.new_zeros(len(y), *shape)
        if self._seen:
            ends = [(s.start + m, s.stop - m) for s, m in zip(self.spans, self._margins, strict=True)]
            back = self._bare.adjoint(part(self._outputs, y), (shape[0], *(stop - start for start, stop in ends)))
            seen = tuple(slice(max(s.first, s.start), min(s.last + 1, s.stop)) for s in self.spans)
            there = tuple(slice(i.start - start, i.stop - start) for i, (start, _) in zip(seen, ends, strict=True))
            part(seen, found).copy_(part(there, back))
        return found

    @property
    def _seen(self) -> bool:
        return all(span.low <= span.high for span in self.spans)

    @property
    def _inputs(self) -> Place:
        return tuple(slice(span.first, span.last + 1) for span in self.spans)

    @property
    def _outputs(self) -> Place:
        return tuple(slice(span.low, span.high + 1) for span in self.spans)

    @property
    def _margins(self) -> Triple:
        """Zeros that the outputs see on both sides of the box: padding, which the library does without copying."""
        x, y, z = (max(0, min(s.first - s.start, s.stop - 1 - s.last)) for s in self.spans)
        return x, y, z

    @property
    def _rest(self) -> list[int]:
        """Zeros that they see besides, axes backwards; below 0 where they do not see all of the box."""
        sides = [
            (s.first - s.start - margin, s.stop - 1 - s.last - margin)
            for s, margin in zip(self.spans, self._margins, strict=True)
        ]
        return [number for pair in reversed(sides) for number in pair]

    @property
    def _bare(self) -> Convolution:
        return replace(self.whole, padding=self._margins)


def confined(weights: LinearMap, change: Tensor) -> LinearMap:
    """A convolution confined to where anything changes, if that is worth it; any other linear map as it is.

    Parameters
    ----------
    weights : LinearMap
    change : Tensor, (1, C, X, Y, Z)
    """
    if not isinstance(weights, Convolution):
        return weights
    ends, sizes = box(change), change.shape[2:]
    if ends is None or math.prod(b + 1 - a for a, b in ends) > _WORTH * math.prod(sizes):
        return weights
    how = list(zip(weights.reach, weights.stride, weights.padding, strict=True))
    x, y, z = (Span.of(*given) for given in zip(ends, sizes, how, strict=True))
    size = tuple(
        (n + 2 * padding - reach) // stride + 1 for n, (reach, stride, padding) in zip(sizes, how, strict=True)
    )
    return Confined(weights, (x, y, z), size)
