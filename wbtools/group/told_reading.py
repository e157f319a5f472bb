"""People whose maps are read, with a word after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import overload

from wbtools.reading import NetworkResults

Tell = Callable[[int, int], None]
"""To be told how many are done, and of how many."""


class ToldReading(Sequence[NetworkResults]):
    """Results that say how many of them were gone through, in parts of the sequence as well.

    Parameters
    ----------
    people : sequence of NetworkResults
    tell : callable
        Told after each, from whichever thread goes through them.

    Examples
    --------
    >>> told = []
    >>> people = ToldReading(["a", "b", "c"], lambda done, total: told.append((done, total)))
    >>> list(people[:2]), told
    (['a', 'b'], [(1, 3), (2, 3)])
    """

    def __init__(self, people: Sequence[NetworkResults], tell: Tell) -> None:
        numbers, total = count(1), len(people)
        self._people = people
        self._done: Callable[[], None] = lambda: tell(next(numbers), total)

    @overload
    def __getitem__(self, place: int) -> NetworkResults: ...

    @overload
    def __getitem__(self, place: slice) -> ToldReading: ...

    def __getitem__(self, place: int | slice) -> NetworkResults | ToldReading:
        if isinstance(place, int):
            return self._people[place]
        part = ToldReading(self._people[place], lambda done, total: None)
        part._done = self._done
        return part

    def __iter__(self) -> Iterator[NetworkResults]:
        for each in self._people:
            yield each
            self._done()

    def __len__(self) -> int:
        return len(self._people)
