"""What several networks' maps of the same people share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wbtools.group.network_findings import NetworkFindings
from wbtools.group.statistics.agreement import Agreement, agreement

_FEWEST_PEOPLE = 2


@dataclass(frozen=True, eq=False)
class SharedMaps:
    """Agreement of networks.

    Parameters
    ----------
    networks : tuple of str, (M,)
    people : int
        Who have maps of all of them.
    agreement : Agreement
    """

    networks: tuple[str, ...]
    people: int
    agreement: Agreement

    def pairs(self) -> Iterator[tuple[str, str, float, float, float, float]]:
        """Each two networks: their names, correlation with its interval, and overlap of their top tenths."""
        found = self.agreement
        for first, second in zip(*np.triu_indices(len(self.networks), 1), strict=True):
            place = (first, second)
            numbers = (float(each[place]) for each in (found.spearman, found.low, found.high, found.overlap))
            r, low, high, overlap = numbers
            yield self.networks[first], self.networks[second], r, low, high, overlap


def shared_maps(networks: Sequence[NetworkFindings]) -> SharedMaps | None:
    """The agreement of networks in the people who have maps of all; None if there are fewer than two of either."""
    if len(networks) < 2:
        return None
    first = networks[0]
    common = [who for who in first.cohort.people if all(who in each.cohort.results for each in networks)]
    if len(common) < _FEWEST_PEOPLE:
        return None
    levels = [_levels(each, common, first.measures.names) for each in networks]
    rows = [first.cohort.people.index(who) for who in common]
    bootstrap = replace(first.bootstrap, family=first.bootstrap.family[rows])
    return SharedMaps(tuple(each.name for each in networks), len(common), agreement(np.stack(levels), bootstrap))


def _levels(found: NetworkFindings, people: Sequence[str], regions: Sequence[str]) -> NDArray[np.float64]:
    """Levels of some people, (N, R), in the order of these regions; NaN for those that the network has not."""
    import pandas as pd

    frame = pd.DataFrame(found.measures.levels, found.cohort.people, found.measures.names)
    return np.asarray(frame.reindex(index=people, columns=regions).to_numpy(), np.float64)
