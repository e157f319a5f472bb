"""Training by triplet loss: a person's twin should be closer than anyone else (system S1)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wbtools.model.families.ad3dcnn import AD3DCNN
from wbtools.model.families.embedding_head import Embedder
from wbtools.model.family import Network
from wbtools.training.synthetic_twins import SyntheticTwins

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of the published recipe; steps, pairs and rate are adapted to the synthetic twins.

    Parameters
    ----------
    steps, pairs : int
        Optimiser steps, and twin pairs drawn for each step.
    rate : float
        Highest learning rate of the one-cycle schedule.
    margin, weight_decay, clip, spread : float
        Triplet margin (cosine distance), AdamW's decay, gradient norm limit, weight of the term against collapse.
    negatives : int
        The nearest non-twins that each person is compared with.
    """

    steps: int = 3400
    pairs: int = 32
    rate: float = 2e-3
    margin: float = 0.1
    negatives: int = 3
    weight_decay: float = 5e-4
    clip: float = 0.5
    spread: float = 0.01


@dataclass(frozen=True)
class Scores:
    """How well twins are distinguished from others.

    Parameters
    ----------
    auc : float
        Over all twin and non-twin pairs.
    f1 : float
        At `threshold`, with as many non-twin as twin pairs.
    threshold : float
        Cosine distance below which two people count as twins.
    """

    auc: float
    f1: float
    threshold: float


def loss(first: Tensor, second: Tensor, recipe: Recipe) -> Tensor:
    """Triplet loss with the nearest non-twins in the batch, and a term against collapse of the embeddings.

    Parameters
    ----------
    first, second : Tensor, (P, E)
        Embeddings of length 1; row i of both is a twin pair.
    recipe : Recipe

    Examples
    --------
    >>> apart = torch.eye(4)
    >>> bool(loss(apart, apart, Recipe(spread=0.0)) == 0)
    True
    """
    people = torch.cat((first, second))
    distance = 1 - people @ people.T
    pair = torch.arange(len(first), device=people.device).repeat(2)
    same = pair[:, None] == pair[None]
    twin = 1 - (first * second).sum(1).repeat(2)
    others = distance.masked_fill(same, torch.inf)
    nearest = others.topk(min(recipe.negatives, len(people) - 2), largest=False).values
    triplets = (twin[:, None] - nearest + recipe.margin).clamp(min=0).mean()
    return triplets + recipe.spread * torch.exp(-distance[~same]).mean()


Loss = Callable[[Tensor, Tensor, Recipe], Tensor]
"""A loss of the embeddings of P people and of their twins, (P, E) each, with the arguments of `loss`."""


def fit(network: Network, twins: SyntheticTwins, recipe: Recipe, loss: Loss = loss) -> None:
    """Train the network in place, on the device of the twins.

    People are drawn anew for every step: overfitting is not possible, and dropout is off. The last two layers are
    followed by their otherwise unused batch norms, which are merged into the layers' weights afterwards. Without them
    the embeddings of these similar brains start within 0.001 of each other, and the nearest negatives collapse them
    into a point.
    """
    without_dropout(network)
    network.to(memory_format=torch.channels_last_3d)
    layers = _embedding_layers(network)
    hooks = [layer.register_forward_hook(lambda m, x, y, norm=norm: norm(y)) for layer, norm in layers]
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=recipe.steps)
    network.train()
    for step in range(recipe.steps):
        embeddings = embedded(network, _batch(twins, recipe.pairs))
        value = loss(embeddings[: recipe.pairs], embeddings[recipe.pairs :], recipe)
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step == recipe.steps - 1:
            _log.info("step %d of %d: loss %.4f", step, recipe.steps, value.item())
    settle_norms(network, (_batch(twins, recipe.pairs) for _ in range(20)))
    for hook in hooks:
        hook.remove()
    for layer, norm in layers:
        merge(layer, norm)
    network.eval()


def embedded(network: Network, images: Tensor) -> Tensor:
    """Embeddings (N, E) of length 1, also of networks that answer with a code."""
    return nn.functional.normalize(network.raw(images), dim=1)


def without_dropout(network: nn.Module) -> None:
    """Turn dropout off: people are drawn anew, or moved anew, for every step."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0


def _embedding_layers(network: Network) -> tuple[tuple[nn.Linear, nn.BatchNorm1d], ...]:
    """The last layers of an embedding, each with the batch norm that follows it in training."""
    if isinstance(network, Embedder):
        return (network.fc1, network.bn_fc1), (network.fc2, network.bn_fc2)
    if isinstance(network, AD3DCNN) and isinstance(layer := network.codes3[0], nn.Linear):
        return ((layer, nn.BatchNorm1d(layer.out_features)),)
    raise TypeError(f"{type(network).__name__} has no embedding that can be trained here")


def _batch(twins: SyntheticTwins, pairs: int) -> Tensor:
    """Scans (2 P, 1, X, Y, Z): those of P people, then those of their twins."""
    people = twins.people(pairs)
    return twins.scans(torch.cat((people, people))).contiguous(memory_format=torch.channels_last_3d)


@torch.no_grad()
def settle_norms(network: Network, batches: Iterable[Tensor]) -> None:
    """Replace the batch norms' running statistics, which lag behind training, by those of the final weights.

    Parameters
    ----------
    network : Network
        In training mode.
    batches : iterable of Tensor, (N, 1, X, Y, Z)
        The statistics are the mean over them.
    """
    answer = getattr(network, network.answers[0])
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm3d)):
            module.reset_running_stats()
            module.momentum = None  # plain mean over the batches
    for batch in batches:
        answer(batch)


@torch.no_grad()
def merge(layer: nn.Linear, norm: nn.BatchNorm1d) -> None:
    """Merge a batch norm into the layer before it, and reset it."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    layer.bias.copy_((layer.bias - norm.running_mean) * scale + norm.bias)
    layer.weight *= scale[:, None]
    norm.reset_parameters()


@torch.no_grad()
def distances(network: Network, twins: SyntheticTwins, pairs: int, batch: int = 16) -> Tensor:
    """Cosine distances (P, P) between first scans (rows) and second scans (columns) of newly drawn people."""
    network.eval()
    sides: tuple[list[Tensor], list[Tensor]] = ([], [])
    for start in range(0, pairs, batch):
        people = twins.people(min(batch, pairs - start))
        for side in sides:
            side.append(embedded(network, twins.scans(people)).cpu())
    return 1 - torch.cat(sides[0]) @ torch.cat(sides[1]).T


def scores(distance: Tensor, threshold: float | None = None) -> Scores:
    """AUC and F1 of a distance matrix (P, P) with the twins on its diagonal.

    Parameters
    ----------
    distance : Tensor, (P, P)
    threshold : float, optional
        None chooses the one with the highest F1.

    Examples
    --------
    >>> scores(torch.tensor([[0.1, 0.9], [0.8, 0.2]]))
    Scores(auc=1.0, f1=1.0, threshold=0.5)
    """
    twin = distance.diagonal()
    other = distance[~torch.eye(len(distance), dtype=torch.bool)]
    auc = (twin[:, None] < other).float().mean() + 0.5 * (twin[:, None] == other).float().mean()
    matched = distance.roll(1, 1).diagonal()  # each with the twin of the previous person: as many non-twins as twins
    ordered = torch.cat((twin, matched)).sort().values
    candidates = (ordered[1:] + ordered[:-1]) / 2 if threshold is None else torch.tensor([threshold])
    hits = (twin < candidates[:, None]).sum(1)
    false = (matched < candidates[:, None]).sum(1)
    f1 = 2 * hits / (hits + false + len(twin))
    best = int(f1.argmax())
    return Scores(round(float(auc), 4), round(float(f1[best]), 4), round(float(candidates[best]), 4))
