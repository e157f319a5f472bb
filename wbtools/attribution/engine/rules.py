"""How a linear map divides the relevance of its outputs among its inputs.

With contributions c_ij = x_i w_ij of input i to output j, every rule here is

    R_i = sum_j R_j q_ij / sum_i q_ij,    q_ij = signed * c_ij + matched * s_j |c_ij|,

where s_j is the sign of output j. One adjoint of W and one of |W| are then enough for any of them:

    R_i = x_i (W^T (signed * R / D))_i + |x_i| (|W|^T (matched * s R / D))_i,    D = sum_i q_ij.

With signed = matched = 1/2 only the contributions of the output's own sign count. If the contributions add up to the
output, as they do for differences, |D| is at least as large as signed times the output: nothing explodes, and nothing
is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wbtools.attribution.engine.linear import LinearMap

TINY = 1e-12  # keeps denominators off zero; relevance is never left where nothing contributed

Pull = Callable[[Tensor], tuple[Tensor, ...]]
"""From the relevance of a layer's outputs, of K seeds at once, to that of each of its inputs."""


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

    def pull(self, linear: LinearMap, x: Tensor, contributed: Tensor, output: Tensor) -> Pull:
        """The way back through a linear map.

        Parameters
        ----------
        linear : LinearMap
        x : Tensor, (1, ...)
            Its input, or the change of it.
        contributed : Tensor, (1, ...)
            W x.
        output : Tensor, (1, ...)
            What decides the sign: W x, plus the bias if the layer has one that counts.
        """
        shape = x.shape[1:]
        if self.matched == 0:
            scale = reciprocal(contributed)
            return lambda r: (linear.adjoint(r * scale, shape) * x,)
        if not self.both_signs and bool((x >= 0).all()):
            positive = linear.positive()
            scale = reciprocal(positive(x))
            return lambda r: (positive.adjoint(r * scale, shape) * x,)
        absolute, size = linear.absolute(), x.abs()
        total = absolute(size)
        if self.both_signs:
            total.copysign_(output)
        scale = reciprocal((self.signed * contributed).add_(total, alpha=self.matched))
        matched = (self.matched * scale).copysign_(total.mul_(scale))
        scale = scale.mul_(self.signed)
        return lambda r: (
            linear.adjoint(r * scale, shape).mul_(x).addcmul_(absolute.adjoint(r * matched, shape), size),
        )


def reciprocal(d: Tensor) -> Tensor:
    """1 / d; large but finite where d is 0.

    Examples
    --------
    >>> reciprocal(torch.tensor([4.0, -0.5]))
    tensor([ 0.2500, -2.0000])
    """
    return torch.copysign(d.new_tensor(TINY), d).add_(d).reciprocal_()


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
    """

    convolutions: Rule = GAMMA
    dense: Rule = EPSILON
