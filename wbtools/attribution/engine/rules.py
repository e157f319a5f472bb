"""How a linear map divides the relevance of its outputs among its inputs.

With contributions c_ij = x_i w_ij of input i to output j, every rule here is

    R_i = sum_j R_j q_ij / sum_i q_ij,    q_ij = signed * c_ij + matched * s_j |c_ij|,

where s_j is the sign of output j. One adjoint of W and one of |W| are then enough for any of them:

    R_i = signed * x_i (W^T (R / D))_i + matched * |x_i| (|W|^T (s R / D))_i,    D = sum_i q_ij.

With signed = matched = 1/2 only the contributions of the output's own sign count. If the contributions add up to the
output, as they do for differences, |D| is at least as large as signed times the output: nothing explodes, and nothing
is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from wbtools.attribution.engine.linear import LinearMap

TINY = 1e-12  # keeps denominators off zero; relevance is never left where nothing contributed

Pull = Callable[[Tensor], tuple[Tensor | None, ...]]
"""From the relevance of a layer's outputs, of K seeds at once, to that of each of its inputs; None for none."""


@dataclass(frozen=True, eq=False)
class Division:
    """The way back through a linear map: all that has to be kept for it.

    Parameters
    ----------
    linear : LinearMap
    x : Tensor, (1, ...)
        Its input.
    total : Tensor, (1, ...)
        D of every output, never 0.
    signed, matched : float
        As in the rule.
    opposed : Tensor of bool, (1, ...), optional
        Where the sign s is not that of D.
    places : Tensor of int, (1, C, ...), optional
        If only the outputs at these places of their channel have relevance, as those that a maximum pool picked.
    shape : tuple of int
        Of all outputs.
    """

    linear: LinearMap
    x: Tensor
    total: Tensor
    signed: float = 1
    matched: float = 0
    opposed: Tensor | None = None
    places: Tensor | None = None
    shape: tuple[int, ...] = ()

    def at(self, places: Tensor) -> Division:
        """The same where only the outputs at these places (1, C, ...), int64, of their channel have relevance."""
        return replace(
            self,
            total=picked(self.total, places),
            opposed=None if self.opposed is None else picked(self.opposed, places),
            places=places.int(),  # half the memory
            shape=tuple(self.total.shape[1:]),
        )

    def __call__(self, r: Tensor) -> tuple[Tensor]:
        """Relevance (K, ...) of the inputs, from that of the outputs, or of those at the places."""
        inputs = self.x.shape[1:]
        relevance = self.linear.adjoint(self._spread(r / self.total), inputs).mul_(self.x)
        if self.matched == 0:
            return (relevance,)
        total = self.total.abs()
        if self.opposed is not None:
            total.mul_(1 - 2 * self.opposed.to(r.dtype))
        rest = self.linear.absolute().adjoint(self._spread(r / total), inputs)
        return (relevance.mul_(self.signed).addcmul_(rest, self.x.abs(), value=self.matched),)

    def _spread(self, r: Tensor) -> Tensor:
        return r if self.places is None else spread(r, self.places, self.shape)


def picked(values: Tensor, places: Tensor) -> Tensor:
    """Values (1, C, X, Y, Z) at places (1, C, ...), int64, in the flattened (X, Y, Z): (1, C, ...)."""
    return values.flatten(2).gather(2, places.flatten(2)).view(places.shape)


def spread(values: Tensor, places: Tensor, shape: Sequence[int]) -> Tensor:
    """Add values (K, C, ...) to 0 at their places (1, C, ...) in the flattened (X, Y, Z): (K, C, X, Y, Z)."""
    everywhere = values.new_zeros(len(values), *shape)
    index = places.long().flatten(2).expand(len(values), -1, -1)
    everywhere.flatten(2).scatter_add_(2, index, values.flatten(2))
    return everywhere


@dataclass(frozen=True)
class Rule:
    """A rule of the form above.

    Parameters
    ----------
    signed, matched : float
    both_signs : bool
        False takes every s_j as +1: only positive contributions count, whatever the sign of the output.

    Examples
    --------
    >>> gamma(0.5)
    Rule(signed=1.25, matched=0.25, both_signs=True)
    """

    signed: float
    matched: float
    both_signs: bool = True

    def divide(self, linear: LinearMap, x: Tensor, contributed: Tensor, output: Tensor | None = None) -> Division:
        """The way back through a linear map.

        Parameters
        ----------
        linear : LinearMap
        x : Tensor, (1, ...)
            Its input, or the change of it.
        contributed : Tensor, (1, ...)
            W x.
        output : Tensor, (1, ...), optional
            What decides the sign, if that is not W x: the layer may have a bias that counts.
        """
        if self.matched == 0:
            return Division(linear, x, stable(contributed.clone()))
        if not self.both_signs and bool((x >= 0).all()):
            positive = linear.positive()
            return Division(positive, x, positive(x).add_(TINY))
        total = linear.absolute()(x.abs())
        if self.both_signs:
            total.copysign_(contributed if output is None else output)
        opposed = None if self.both_signs and output is None else total.signbit()
        total.mul_(self.matched).add_(contributed, alpha=self.signed)
        if opposed is not None:
            opposed ^= total.signbit()
        return Division(linear, x, stable(total), self.signed, self.matched, opposed)


def stable(total: Tensor) -> Tensor:
    """Keep a denominator off 0, in place.

    Examples
    --------
    >>> 1 / stable(torch.tensor([4.0, -0.5]))
    tensor([ 0.2500, -2.0000])
    """
    return total.add_(torch.copysign(total.new_tensor(TINY), total))


EPSILON = Rule(signed=1, matched=0)
"""In proportion to the contributions."""

Z_PLUS = Rule(signed=0.5, matched=0.5, both_signs=False)
"""In proportion to the positive contributions."""

MATCHED = Rule(signed=0.5, matched=0.5)
"""In proportion to the contributions of the output's own sign ("sgamma": gamma without bound)."""


def gamma(strength: float) -> Rule:
    """Contributions of the output's own sign count 1 + strength times as much as the others.

    On differences it conserves relevance ("cgamma"): the contributions then always have the output as their sum.
    """
    return Rule(signed=1 + strength / 2, matched=strength / 2)


GAMMA = gamma(0.25)
"""The strength that was measured to find planted regions best."""


@dataclass(frozen=True)
class Rules:
    """The rules of a network.

    Parameters
    ----------
    convolutions, dense : Rule
        For convolutions and for linear layers. Pools and sums always take `MATCHED`.
    owed : bool
        An activation counts only as far as it is owed to the image, and positive contributions only, in all layers but
        the linear ones (see `wbtools.attribution.engine.owed`). Not for differences, which owe nothing to biases.
    """

    convolutions: Rule = GAMMA
    dense: Rule = EPSILON
    owed: bool = False


PLAIN = Rules(Z_PLUS, gamma(1e3), owed=True)
"""Plain z-plus. In the linear layers practically only contributions of the output's own sign count: the denominators of
`EPSILON`, a sum of both signs, come close to zero there."""
