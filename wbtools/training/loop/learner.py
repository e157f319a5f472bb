"""A network while it learns: with batch norms that are merged into its weights afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn

from wbtools.model.family import Network
from wbtools.training.triplet import merge

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class _Normed:
    """A forward hook that sends a layer's output through a batch norm; copies of the network copy it with the norm."""

    def __init__(self, norm: nn.Module) -> None:
        self.norm = norm

    def __call__(self, module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
        found: Tensor = self.norm(output)
        return found


class Learner(nn.Module):
    """A network in training.

    Parameters
    ----------
    network : Network
    normed : sequence of str
        Names of its linear layers whose output is normalised over the batch in training. Embeddings of similar brains
        start so close together that nothing moves them apart without it.
    """

    def __init__(self, network: Network, normed: Sequence[str] = ()) -> None:
        super().__init__()
        self.network = network
        self.normed = tuple(normed)
        self.norms = nn.ModuleList()
        for name in self.normed:
            layer = network.get_submodule(name)
            assert isinstance(layer, nn.Linear)
            norm = nn.BatchNorm1d(layer.out_features)
            self.norms.append(norm)
            layer.register_forward_hook(_Normed(norm))

    def published(self) -> dict[str, Tensor]:
        """The weights as the network alone needs them, on the CPU, in single precision, batch norms merged."""
        copy = deepcopy(self)
        for name, norm in zip(copy.normed, copy.norms, strict=True):
            layer = copy.network.get_submodule(name)
            assert isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d)
            merge(layer, norm)
        single = {torch.float64: torch.float32}
        return {
            key: value.detach().cpu().to(single.get(value.dtype, value.dtype)).contiguous()
            for key, value in copy.network.state_dict().items()
        }

    @torch.no_grad()
    def follow(self, other: Learner, decay: float) -> None:
        """Move the weights towards another's: the moving average of weights. Statistics of batch norms are copied."""
        for mine, its in zip(self.parameters(), other.parameters(), strict=True):
            mine.lerp_(its, 1 - decay)
        for kept, new in zip(self.buffers(), other.buffers(), strict=True):
            kept.copy_(new)

    def copied(self) -> Learner:
        """A copy that learns nothing by itself."""
        return deepcopy(self).requires_grad_(False).eval()


@contextmanager
def evaluating(learner: Learner) -> Iterator[None]:
    """Evaluation mode without gradients, for the block."""
    training = learner.training
    learner.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        learner.train(training)


@torch.no_grad()
def settle(learner: Learner, batches: Iterable[Tensor], answer: Callable[[Network, Tensor], object]) -> None:
    """Measure the statistics of batch norms anew with the present weights; dropout is off meanwhile.

    Those gathered in training lag behind the weights, and were gathered under dropout, which changes variances.

    Parameters
    ----------
    learner : Learner
    batches : iterable of Tensor
        Images; the statistics are the mean over batches.
    answer : callable
        Sends images through all of the network that has batch norms, once.
    """
    training = learner.training
    learner.eval()
    norms = {module: module.momentum for module in learner.modules() if isinstance(module, _NORMS)}
    for norm in norms:
        norm.momentum = None  # the plain mean
        norm.train()
        norm.reset_running_stats()
    for images in batches:
        answer(learner.network, images)
    for norm, momentum in norms.items():
        norm.momentum = momentum
    learner.train(training)
