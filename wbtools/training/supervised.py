"""Training on people whose answer is known: a number for each person, or on which side of 0 it lies."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbtools.model.families.embedding_head import Embedder
from wbtools.model.family import Network
from wbtools.training.triplet import merge, settle_norms, without_dropout

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Examples:
    """People and what a network is to answer.

    Parameters
    ----------
    images : Tensor, (N, 1, X, Y, Z)
        Of any floating type.
    answers : Tensor, (N,)
        Mean about 0 and spread about 1. A network with one output learns the number, one with two on which side of 0
        it lies.
    """

    images: Tensor
    answers: Tensor


@dataclass(frozen=True)
class Recipe:
    """How a network learns.

    Parameters
    ----------
    steps, batch : int
        Steps of one round, and people of a step.
    rounds : int
        Largest number of rounds.
    rate : float
        Highest rate of a round, whose schedule is one cycle.
    enough : float
        Rounds end when R2 of the held-out people reaches this.
    sharpness : float
        Of the sides of 0: the probability that is learned is the sigmoid of so many times the answer. People close to
        0 count as undecided, as they would with any error of measurement.
    """

    steps: int = 700
    batch: int = 24
    rounds: int = 2
    rate: float = 4e-3
    enough: float = 0.5
    sharpness: float = 3.0
    weight_decay: float = 1e-3
    clip: float = 1.0


def learn_answers(
    network: Network, people: Examples, held_out: Examples, recipe: Recipe = Recipe(), seed: int = 0
) -> float:
    """Train a network in place, round by round, until it answers well enough.

    Every step shows people at random, mirrored or not, and shifted by up to a voxel along each axis.

    Parameters
    ----------
    network : Network
        Whose logits are one number, or two classes.
    people, held_out : Examples
    recipe : Recipe
    seed : int
        Of the order of people; the caller initialises the weights.

    Returns
    -------
    float
        R2 of the held-out people: the squared correlation of answers and outputs.
    """
    without_dropout(network)
    network.to(memory_format=torch.channels_last_3d)
    layers = ((network.fc1, network.bn_fc1),) if isinstance(network, Embedder) else ()
    generator = torch.Generator().manual_seed(seed)
    reached = 0.0
    for _ in range(recipe.rounds):
        hooks = [layer.register_forward_hook(lambda m, x, y, norm=norm: norm(y)) for layer, norm in layers]
        _round(network, people, recipe, generator)
        settle_norms(network, (images for images, _ in _batches(people, recipe, generator, 20)))
        for hook in hooks:
            hook.remove()
        for layer, norm in layers:
            merge(layer, norm)
        network.eval()
        reached = r2(outputs(network, held_out.images), held_out.answers)
        _log.info("R2 %.3f", reached)
        if reached >= recipe.enough:
            break
    return reached


def _round(network: Network, people: Examples, recipe: Recipe, generator: torch.Generator) -> None:
    """One cycle of the rate."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=recipe.steps)
    network.train()
    for images, answers in _batches(people, recipe, generator, recipe.steps):
        value = loss(getattr(network, network.answers[0])(images), answers, recipe.sharpness)
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        optimiser.step()
        schedule.step()


def _batches(
    people: Examples, recipe: Recipe, generator: torch.Generator, count: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """People at random, mirrored or not, shifted by up to a voxel, and their answers."""
    for _ in range(count):
        chosen = torch.randint(len(people.images), (recipe.batch,), generator=generator)
        *shifts, mirrored = torch.randint(-1, 2, (4,), generator=generator).tolist()
        images = people.images[chosen].float().roll(shifts, (2, 3, 4))
        images = images.flip(2) if mirrored > 0 else images
        yield images.contiguous(memory_format=torch.channels_last_3d), people.answers[chosen]


def loss(found: Tensor, answers: Tensor, sharpness: float) -> Tensor:
    """Mean squared error of one output (N, 1), or cross entropy of two, (N, 2).

    Examples
    --------
    >>> answers = torch.tensor([-1.0, 1.0])
    >>> float(loss(answers[:, None], answers, 3.0))
    0.0
    """
    if found.shape[1] == 1:
        return (found[:, 0] - answers).square().mean()
    return functional.binary_cross_entropy_with_logits(found[:, 1] - found[:, 0], torch.sigmoid(sharpness * answers))


@torch.no_grad()
def outputs(network: Network, images: Tensor, batch: int = 64) -> Tensor:
    """What a network in evaluation mode says of people, (N,): its number, or how far the second class is ahead."""
    found = torch.cat([getattr(network, network.answers[0])(part.float()) for part in torch.split(images, batch)])
    return found[:, -1] - (found[:, 0] if found.shape[1] > 1 else 0)


def r2(found: Tensor, answers: Tensor) -> float:
    """Squared correlation; 0 if nothing varies.

    Examples
    --------
    >>> round(r2(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([-2.0, -4.0, -6.0])), 5)
    1.0
    """
    correlation = torch.corrcoef(torch.stack((found, answers)))[0, 1]
    return float(correlation.nan_to_num() ** 2)
