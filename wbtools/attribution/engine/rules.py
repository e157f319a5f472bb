"""The rules of LRP: how a linear map divides the relevance of its outputs among its inputs.

A rule is a constant of this module, of a class derived from `Rule`. With contributions c_ij = x_i w_ij of input i to
output j, every `Proportional` rule is

    R_i = sum_j R_j q_ij / sum_i q_ij,    q_ij = signed * c_ij + matched * s_j |c_ij|,

where s_j is the sign of output j. One adjoint of W and one of |W| are then enough for any of them:

    R_i = signed * x_i (W^T (R / D))_i + matched * |x_i| (|W|^T (s R / D))_i,    D = sum_i q_ij.

With signed = matched = 1/2 only the contributions of the output's own sign count.

References: Bach et al. 2015 (epsilon), Montavon et al. 2017 (z-plus), Montavon et al. 2019 (gamma).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from wbtools.attribution.engine.linear import LinearMap
from wbtools.attribution.engine.signal import Activation

TINY = 1e-12  # keeps denominators off zero; relevance is never left where nothing contributed


@dataclass(frozen=True, eq=False)
class Redistribution:
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

    def at(self, places: Tensor) -> Redistribution:
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


class Rule(ABC):
    """What a linear map, such as a convolution, does on the way forward, and how it divides relevance on the way back.

    Attributes
    ----------
    needs_share : bool
        Whether it has to know what part of its input comes from the image (`Activation.share`).
    """

    needs_share: ClassVar[bool] = False

    @abstractmethod
    def apply(self, linear: LinearMap, bias: Tensor | None, x: Activation) -> tuple[Activation, Redistribution]:
        """The output of a linear map with a bias, and the way back."""


@dataclass(frozen=True)
class Proportional(Rule):
    """A rule of the form above. The bias is left out of the denominators: it takes no relevance.

    Parameters
    ----------
    signed, matched : float
    both_signs : bool
        False takes every s_j as +1: only positive contributions count, whatever the sign of the output.

    Examples
    --------
    >>> gamma(0.5)
    Proportional(signed=1.25, matched=0.25, both_signs=True)
    """

    signed: float
    matched: float
    both_signs: bool = True

    def apply(self, linear: LinearMap, bias: Tensor | None, x: Activation) -> tuple[Activation, Redistribution]:
        """The output of a linear map with a bias, and the way back."""
        output = linear(x.value)
        if bias is None:
            return Activation(output), self.divide(linear, x.value, output)
        division = self.divide(linear, x.value, output, output + bias)
        return Activation(output.add_(bias)), division

    def divide(self, linear: LinearMap, x: Tensor, contributed: Tensor, output: Tensor | None = None) -> Redistribution:
        """The way back through a linear map.

        Parameters
        ----------
        linear : LinearMap
        x : Tensor, (1, ...)
            Its input.
        contributed : Tensor, (1, ...)
            W x.
        output : Tensor, (1, ...), optional
            The same with the bias, if there is one; decides the sign.
        """
        if self.matched == 0:
            return Redistribution(linear, x, stable(contributed.clone()))
        if not self.both_signs and bool((x >= 0).all()):
            positive = linear.positive()
            return Redistribution(positive, x, positive(x).add_(TINY))
        total = linear.absolute()(x.abs())
        if self.both_signs:
            total.copysign_(contributed if output is None else output)
        opposed = None if self.both_signs and output is None else total.signbit()
        total.mul_(self.matched).add_(contributed, alpha=self.signed)
        if opposed is not None:
            opposed ^= total.signbit()
        return Redistribution(linear, x, stable(total), self.signed, self.matched, opposed)


class ImageShare(Rule):
    """z-plus in which an activation counts only as far as it comes from the image, directly or through layers before.

    Of the positive contributions to an output, the bias among them, those of the image are its share. Relevance of what
    biases alone make, as in the empty background, would be lost otherwise.
    """

    needs_share = True

    def apply(self, linear: LinearMap, bias: Tensor | None, x: Activation) -> tuple[Activation, Redistribution]:
        """The output of a linear map with a bias, its share, and the way back."""
        if x.share is None:  # behind a layer that keeps no share, such as attention
            return Z_PLUS.apply(linear, bias, x)
        positive, counted = linear.positive(), x.from_image
        now, offset = positive.ready(), TINY if bias is None else bias.clamp(min=0) + TINY
        made = now(counted)
        # The first layer sees nothing but the image.
        everything = made + offset if torch.equal(counted, x.value) else now(x.value).add_(offset)
        output = linear(x.value)
        if bias is not None:
            output.add_(bias)
        share = torch.div(made, everything, out=everything)
        return Activation(output, share), Redistribution(positive, counted, made.add_(TINY))


def stable(total: Tensor) -> Tensor:
    """Keep a denominator off 0, in place.

    Examples
    --------
    >>> 1 / stable(torch.tensor([4.0, -0.5]))
    tensor([ 0.2500, -2.0000])
    """
    return total.add_(torch.copysign(total.new_tensor(TINY), total))


EPSILON = Proportional(signed=1, matched=0)
"""In proportion to the contributions."""

Z_PLUS = Proportional(signed=0.5, matched=0.5, both_signs=False)
"""In proportion to the positive contributions."""

MATCHED = Proportional(signed=0.5, matched=0.5)
"""In proportion to the contributions of the output's own sign: gamma without bound."""

IMAGE_SHARE = ImageShare()
"""In proportion to the positive contributions, as far as they come from the image and not from biases."""


def gamma(strength: float) -> Proportional:
    """Contributions of the output's own sign count 1 + strength times as much as the others."""
    return Proportional(signed=1 + strength / 2, matched=strength / 2)


@dataclass(frozen=True)
class RuleSet:
    """The rules of a network: one for each kind of linear layer.

    Parameters
    ----------
    convolutions, dense, averages : Rule
        For convolutions, linear layers and average pools.
    """

    convolutions: Rule
    dense: Rule = EPSILON
    averages: Rule = MATCHED

    @property
    def needs_share(self) -> bool:
        """Whether any rule has to know what comes from the image."""
        return any(rule.needs_share for rule in (self.convolutions, self.dense, self.averages))


PLAIN = RuleSet(IMAGE_SHARE, gamma(1e3), IMAGE_SHARE)
"""The rules of `--method lrp`. In the linear layers practically only contributions of the output's own sign count: the
denominators of `EPSILON`, a sum of both signs, come close to zero there."""
