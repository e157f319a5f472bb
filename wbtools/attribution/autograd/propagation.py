"""What every relevance propagation with zennit shares: which layers take part, where relevance starts, what is summed.

Reference: Anders et al. 2021 (zennit).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from zennit.canonizers import NamedMergeBatchNorm
from zennit.core import Composite, Hook

from wbtools.attribution.autograd.gradients import differentiable
from wbtools.attribution.method import MethodOutput
from wbtools.attribution.question import Question
from wbtools.model.family import Network
from wbtools.model.junctions import ChannelAttention, SpatialAttention


class SignalTakesAll(Hook):  # type: ignore[misc]
    """Gates: the signal takes all relevance, the coefficients count as constants."""

    def backward(self, module: nn.Module, grad_input: Any, grad_output: Any) -> tuple[Tensor, Tensor | None]:
        """Relevance of (signal, coefficients)."""
        return grad_output[0], None


def layers(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Named layers that relevance passes through: all but those inside attention, whose output counts as constant."""
    inside = tuple(f"{n}." for n, m in network.named_modules() if isinstance(m, (ChannelAttention, SpatialAttention)))
    return ((name, module) for name, module in network.named_modules() if not f"{name}.".startswith(inside or (" ",)))


def merged(network: Network) -> Composite:
    """A context in which each batch norm is part of the convolution before it."""
    return Composite(canonizers=[NamedMergeBatchNorm([([conv], norm) for conv, norm in network.batch_norms()])])


def propagate(question: Question, composite: Composite) -> MethodOutput:
    """Propagate the relevance of a network's answer back to the voxels, by the rules of a composite.

    Relevance starts at the answer itself, the embedding before normalisation, whose length counts as a constant.
    """
    network, image, objective = question.network, question.image, question.objective
    with differentiable(network), composite.context(network):
        watched = image.clone().requires_grad_()
        answer = question.answer(watched)
        seeds = objective.directions * answer.detach()
        whole = seeds.mean(0, keepdim=True)
        (relevance,) = torch.autograd.grad(answer, watched, whole, retain_graph=len(seeds) > 1)
        expected_sum = float(whole.sum(dtype=torch.float64))
        if len(seeds) == 1:
            return MethodOutput(relevance[0, 0].cpu().numpy(), expected_sum)
        mean = torch.zeros_like(relevance)
        for seed in seeds:
            mean += torch.autograd.grad(answer, watched, seed[None], retain_graph=True)[0].abs() / len(seeds)
    return MethodOutput(mean[0, 0].cpu().numpy(), expected_sum, float(relevance.sum(dtype=torch.float64)))
