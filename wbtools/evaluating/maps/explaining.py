"""Maps of some of the images that networks are judged on, by the methods that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution import METHODS, Answers, Method, Target, default, method
from wbtools.attribution.runtime.memory import reused
from wbtools.attribution.runtime.threads import torch_threads
from wbtools.datasets import DataSet
from wbtools.errors import InputError, UnknownChoice, WbtoolsError
from wbtools.evaluating.people import Rows
from wbtools.model import Model, ModelInput
from wbtools.text import line

ALL = "all"
"""The choice of `--explain` for every method that can explain the network."""

SPOKEN = 4
"""Methods that still fit into the headline."""

MAGNITUDES = (
    "Of signed methods, the magnitude of relevance counts: what speaks against the answer was looked at as well."
)
"""How signs are taken, for pages."""

Map = NDArray[np.float64]
"""Magnitudes of relevance, in the shape of an image."""


def methods_of(asked: Sequence[str]) -> tuple[str, ...]:
    """Names of the methods that were asked for, each once.

    Raises
    ------
    UnknownChoice
        If there is no such method.
    InputError
        If a method needs the regions of an atlas, which images of a data set do not have.
    """
    for name in asked:
        if name not in (*METHODS, ALL):
            raise UnknownChoice("method", name, (*METHODS, ALL), "--explain")
        if name != ALL and method(name).by_region:
            raise InputError(
                f"--explain {name} needs the regions of an atlas, which images of a data set do not have",
                hint="choose another method",
            )
    if ALL in asked:
        return tuple(name for name in METHODS if not method(name).by_region)
    return tuple(dict.fromkeys(asked))


def drawn(rows: Rows, count: int, seed: int) -> Rows:
    """Some of the images, in their order; all of them if there are no more.

    Examples
    --------
    >>> drawn(np.arange(3), 5, 0).tolist(), len(drawn(np.arange(30), 5, 0))
    ([0, 1, 2], 5)
    """
    return np.sort(np.random.default_rng(seed).choice(rows, min(count, len(rows)), replace=False))


def require_visible(data: DataSet, rows: Rows) -> None:
    """Require that images show something: a map of nothing cannot be judged.

    Raises
    ------
    InputError
        Naming an image.
    """
    for row in rows:
        if not np.any(data.images[row]):
            raise InputError(
                f"{line(data.items[row].source)} is 0 everywhere, and has no map",
                hint="leave out --explain, or prepare the data without this image",
            )


class Counting:
    """Counts maps while they are made, for whoever waits for them.

    Parameters
    ----------
    tell : callable
        Told how many maps were made, and of how many.
    images : int
        That are explained; one counts again for every network.
    methods : int
        By which each is.

    Examples
    --------
    >>> counting = Counting(lambda done, total: print(done, "of", total), images=2, methods=3)
    0 of 6
    >>> counting.map(), counting.image()
    1 of 6
    3 of 6
    (None, None)
    """

    def __init__(self, tell: Callable[[int, int], None], images: int, methods: int) -> None:
        self._tell, self._methods, self._total = tell, methods, images * methods
        self._images = self._maps = 0
        tell(0, self._total)

    def map(self) -> None:
        """One more map is made, or cannot be made."""
        self._maps += 1
        self._tell(self._images * self._methods + self._maps, self._total)

    def image(self) -> None:
        """An image is through, also if some methods were left out."""
        if self._maps < self._methods:
            self._tell((self._images + 1) * self._methods, self._total)
        self._images, self._maps = self._images + 1, 0


def _as_it_is(how: Method) -> Method:
    return how


class Explainer:
    """A network that methods explain, image after image.

    Parameters
    ----------
    model : Model
    asked : sequence of str
        Of the methods; those that cannot explain the network are left out if `ALL` was asked for.
    counting : Counting
    target : Target, optional
        What is explained; what an export explains without.
    """

    def __init__(self, model: Model, asked: Sequence[str], counting: Counting, target: Target | None = None) -> None:
        self._counting = counting
        self._model, self._target = model, target or default(model)
        self._lenient = ALL in asked
        self._methods = {name: method(name) for name in methods_of(asked)}
        self._left_out: dict[str, str] = {}

    @property
    def methods(self) -> tuple[str, ...]:
        """Those by which all images could be explained so far."""
        return tuple(name for name in self._methods if name not in self._left_out)

    @property
    def left_out(self) -> Mapping[str, str]:
        """Why the others could not, by name."""
        return self._left_out

    def maps(self, image: ModelInput, adapted: Callable[[Method], Method] = _as_it_is) -> dict[str, Map]:
        """The maps of an image, by method, on one thread: the same whatever the machine has.

        Parameters
        ----------
        image : ModelInput
        adapted : callable
            Gives a method the images that it compares with, where they are others than in an export.

        Raises
        ------
        WbtoolsError
            If a method that was named cannot explain the network.
        """
        answers, found = Answers(self._model), {}
        with torch_threads(1), reused():
            for name in self.methods:
                try:
                    how = adapted(self._methods[name])
                    question = how.ask(self._model, (image,), self._target, answers=answers)
                    found[name] = np.abs(how.attribute(question, image).relevance.data, dtype=np.float64)
                except WbtoolsError as error:
                    if not self._lenient:
                        other = f"choose another method, or --explain {ALL}"
                        raise error.about(f"--explain {name}", hint=other) from None
                    self._left_out[name] = line(str(error))
                self._counting.map()
        self._counting.image()
        return found
