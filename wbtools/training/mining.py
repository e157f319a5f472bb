"""Whom a person is compared with: the people of the whole split that look most alike, or some at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MINING = ("hard", "semi-hard", "random")
"""The nearest others; the nearest that are farther than the twin; others at random."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Images that can be compared with, and who must not be.

    Parameters
    ----------
    distance : ndarray, (N, N)
        Between images.
    person : ndarray, (N,), int
        Whose images they are.
    group : ndarray, (N,), int
        People of one group, twins or a family, are never each other's negatives.
    """

    distance: NDArray[np.floating]
    person: Rows
    group: Rows


def negatives(known: Candidates, anchor: Rows, positive: Rows, how: str, draw: tuple[int, int]) -> Rows:
    """Images of different people for every anchor.

    Parameters
    ----------
    known : Candidates
    anchor, positive : ndarray, (A,), int
        Places of images among the candidates.
    how : str
        One of MINING. Where too few are farther than the twin, `semi-hard` goes on with the nearest of the rest.
    draw : tuple of int
        How many for each anchor, fewer where there are not as many people; and the seed.

    Returns
    -------
    ndarray, (A, K), int
        Places among the candidates, of K different people outside the anchor's group.
    """
    count, seed = draw
    dice = np.random.default_rng(seed)
    count = min([count, *(_others(known, place) for place in np.unique(anchor))])
    found = np.empty((len(anchor), count), np.int64)
    for line, (place, twin) in enumerate(zip(anchor, positive, strict=True)):
        distance = known.distance[place]
        if how == "random":
            order = dice.permutation(len(distance))
        elif how == "semi-hard":
            order = np.lexsort((distance, distance <= distance[twin]))
        else:
            order = np.argsort(distance, kind="stable")
        order = order[known.group[order] != known.group[place]]
        _, first = np.unique(known.person[order], return_index=True)
        found[line] = order[np.sort(first)[:count]]
    return found


def _others(known: Candidates, place: int) -> int:
    """How many people there are outside the group of an image."""
    return len(np.unique(known.person[known.group != known.group[place]]))
