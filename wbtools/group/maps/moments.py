"""Mean, spread and agreement of many people's maps, of which one at a time is in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """What is known of the maps seen so far.

    Parameters
    ----------
    count : int
        How many maps.
    mean : ndarray, (P,), float64
        Mean of each place.
    squares : ndarray, (P,), float64
        Sum of squared distances from the mean.
    top : ndarray, (P,), int64
        In how many maps a place belongs to the top tenth.

    Examples
    --------
    >>> seen = Moments.none(2)
    >>> for numbers in ([1.0, 4.0], [3.0, 4.0]):
    ...     seen = seen.joined(Moments.of(np.array(numbers), np.array([False, True])))
    >>> seen.mean, seen.sd, seen.consistency
    (array([2., 4.]), array([1.41421356, 0.        ]), array([0., 1.]))
    """

    count: int
    mean: Array
    squares: Array
    top: NDArray[np.int64]

    @classmethod
    def none(cls, places: int) -> Moments:
        """Before the first map."""
        return cls(0, np.zeros(places), np.zeros(places), np.zeros(places, np.int64))

    @classmethod
    def of(cls, values: NDArray[np.floating], top: NDArray[np.bool_]) -> Moments:
        """Of a single map (P,), and which of its places belong to its top tenth."""
        return cls(1, np.asarray(values, np.float64), np.zeros(len(values)), top.astype(np.int64))

    def joined(self, other: Moments) -> Moments:
        """Of both sets of maps (Chan, Golub and LeVeque 1983: no cancellation, however alike the maps are)."""
        count = self.count + other.count
        distance = other.mean - self.mean
        mean = self.mean + distance * (other.count / count)
        squares = self.squares + other.squares + distance**2 * (self.count * other.count / count)
        return Moments(count, mean, squares, self.top + other.top)

    @property
    def sd(self) -> Array:
        """Standard deviation over people, with `count - 1` in the denominator; 0 for a single map."""
        found: Array = np.sqrt(self.squares / max(self.count - 1, 1))
        return found

    @property
    def consistency(self) -> Array:
        """Share of the maps in whose top tenth each place is, 0 to 1."""
        return np.asarray(self.top / self.count)
