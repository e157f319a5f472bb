"""The most relevant voxels of maps: what a network answers to them alone, and how much those of two maps overlap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray

from wbtools.attribution.runtime.threads import torch_threads
from wbtools.evaluating.bootstrap import FEWEST, Counts, Estimate, Resampling, estimates
from wbtools.evaluating.maps.explaining import Map
from wbtools.model.family import Network

SHARES = (0.01, 0.05, 0.2)
"""Of the brain's voxels that are kept."""

Mask = NDArray[np.bool_]


def counts_of(voxels: int) -> tuple[int, ...]:
    """How many voxels are kept, of so many: at least one.

    Examples
    --------
    >>> counts_of(200), counts_of(10)
    ((2, 10, 40), (1, 1, 2))
    """
    return tuple(max(1, round(share * voxels)) for share in SHARES)


def random_order(brain: Mask, row: int, seed: int) -> NDArray[np.float64]:
    """A number for each voxel of the brain in random order, the same for all methods and checkpoints."""
    return np.random.default_rng((seed, row)).random(brain.shape)


def kept(relevance: Map, brain: Mask, order: NDArray[np.float64]) -> Iterator[Mask]:
    """The most relevant voxels of the brain, for each of `SHARES`; of equal ones, those that are first in an order.

    Parameters
    ----------
    relevance, order : ndarray, (X, Y, Z)
    brain : ndarray, (X, Y, Z), bool
    """
    places = np.flatnonzero(brain)
    ranked = places[np.lexsort((order[brain], -relevance[brain]))]
    for count in counts_of(len(places)):
        mask = np.zeros(brain.shape, bool)
        mask.flat[ranked[:count]] = True
        yield mask


def answers(network: Network, image: NDArray[np.float32], base: NDArray[np.float32], masks: list[Mask]) -> list[int]:
    """The class that a network names when only some voxels of an image are shown, for each mask.

    Parameters
    ----------
    network : Network
    image, base : ndarray, (X, Y, Z)
        The base stands where nothing is shown.
    masks : list of ndarray, (X, Y, Z), bool
    """
    named = []
    with torch_threads(1), torch.inference_mode():
        for mask in masks:
            shown = torch.from_numpy(np.where(mask, image, base)[None, None])
            logits: torch.Tensor = getattr(network, "logits")(shown)  # noqa: B009
            named.append(int(logits.argmax()))
    return named


def overlaps(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Dice of every two of some masks (M, V), (M (M - 1) / 2,), in the order of combinations; NaN of two empty ones.

    Examples
    --------
    >>> overlaps(np.array([[1, 1, 0], [0, 1, 0], [1, 1, 0]], bool)).round(3).tolist()
    [0.667, 1.0, 0.667]
    """
    from scipy.spatial.distance import pdist

    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = 1 - pdist(masks, "dice")
    return found


def _largest(values: NDArray[np.floating], count: int) -> Mask:
    """The largest values; none that is 0."""
    mask = np.zeros(len(values), bool)
    mask[np.argpartition(-values, count - 1)[:count]] = True
    return mask & (values > 0)


@dataclass(frozen=True, eq=False)
class ClassMaps:
    """Maps of people of several classes.

    Parameters
    ----------
    maps : ndarray, (N, V), float32
        Magnitudes over voxels that are brain in anybody, each map with the sum 1.
    truth, group : ndarray, (N,), int
        Their classes, and who belongs together.
    """

    maps: NDArray[np.float32]
    truth: NDArray[np.int64]
    group: NDArray[np.int64]

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Every two of the classes that occur."""
        return tuple(combinations(np.unique(self.truth).tolist(), 2))

    def estimates(self, how: Resampling) -> dict[tuple[int, int], tuple[Estimate, ...]]:
        """Dice of the most relevant voxels of the classes' mean maps, for each two classes, of each of `SHARES`.

        Without an interval if people of a class are of too few families.
        """
        sizes, classes = counts_of(self.maps.shape[1]), np.unique(self.truth).tolist()

        def statistic(counts: Counts) -> dict[str, float]:
            weights = (counts[self.group] * (self.truth == np.array(classes)[:, None])).astype(np.float32)
            means = weights @ self.maps
            found: dict[str, float] = {}
            for size in sizes:
                dice = overlaps(np.stack([_largest(mean, size) for mean in means]))
                known = [bool(weights[a].any() and weights[b].any()) for a, b in combinations(range(len(classes)), 2)]
                values = np.where(known, dice, np.nan)
                found |= {f"{size} {pair}": float(value) for pair, value in zip(self.pairs, values, strict=True)}
            return found

        each = estimates(statistic, int(self.group.max()) + 1, how)
        families = {number: len(np.unique(self.group[self.truth == number])) for number in classes}
        enough = {pair: min(families[number] for number in pair) >= FEWEST for pair in self.pairs}
        return {
            pair: tuple(
                found if enough[pair] else found.alone() for found in (each[f"{size} {pair}"] for size in sizes)
            )
            for pair in self.pairs
        }


def means_of(values: NDArray[np.float64], group: NDArray[np.int64], how: Resampling) -> list[Estimate]:
    """The mean of every column of values (N, F) of people, with its interval; NaN does not count."""
    known = np.isfinite(values)

    def statistic(counts: Counts) -> dict[str, float]:
        weights = counts[group][:, None] * known
        sums, total = (weights * np.nan_to_num(values)).sum(0), weights.sum(0)
        means = np.divide(sums, total, out=np.full(len(sums), np.nan), where=total > 0)
        return dict(zip(map(str, range(len(means))), means.tolist(), strict=True))

    return list(estimates(statistic, int(group.max()) + 1, how).values())
