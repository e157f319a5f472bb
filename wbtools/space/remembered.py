"""Results that are kept with the volume they were computed of, and forgotten with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Concatenate, Generic, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from wbtools.space.grid import Volume

Others = ParamSpec("Others")
Result = TypeVar("Result")


class Remembered(Generic[Others, Result]):
    """A function of a volume that is computed once for each volume, told apart by identity, while that exists.

    `functools.lru_cache` would keep the volume itself, which takes 84 MB.

    Parameters
    ----------
    function : callable
        Of a volume and further hashable arguments; its result must not hold the volume.

    Examples
    --------
    >>> import numpy as np
    >>> from wbtools.space.grid import Grid
    >>> total = Remembered(lambda volume: volume.total())
    >>> volume = Volume(np.ones((2, 2, 2), np.float32), Grid((2, 2, 2), np.eye(4)))
    >>> total(volume), total(volume), total.computed
    (8.0, 8.0, 1)
    """

    def __init__(self, function: Callable[Concatenate[Volume, Others], Result]) -> None:
        self.__wrapped__, self.__doc__, self.__name__ = function, function.__doc__, function.__name__
        self.__module__ = function.__module__
        self.computed = 0
        self._known: WeakKeyDictionary[Volume, dict[Hashable, Result]] = WeakKeyDictionary()

    def __call__(self, volume: Volume, *args: Others.args, **kwargs: Others.kwargs) -> Result:
        """The result, computed or known."""
        results, key = self._known.setdefault(volume, {}), (args, tuple(sorted(kwargs.items())))
        if key not in results:
            self.computed += 1
            results[key] = self.__wrapped__(volume, *args, **kwargs)
        return results[key]
