"""How a map is made: a method of wbtools and the brains it compares with, or a map without any network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from sources.case import OF_TRAINING, Exam
from wbtools.attribution import METHODS, MethodOutput, method
from wbtools.model import Model

Map = NDArray[np.floating]

REFERENCES = ("template", "made-up", "people", *OF_TRAINING)
"""What a method may compare with: the template, eight deformed copies of it, eight other people of the task, or a set
of OF_TRAINING."""

DEFAULT = "deviation-smooth"
"""The method that sets of training are measured with, unless references are named."""

COSTLY = ("occlusion", "meaningful-perturbation")
"""Methods that are left out unless they are named: hundreds of passes for one map."""

_OWN: dict[str, Callable[[Tensor], Tensor]] = {
    "integrated-gradients-zero": torch.zeros_like,
    "integrated-gradients-blurred": lambda image: torch.from_numpy(gaussian_filter(image.numpy(), (0, 0, 2, 2, 2))),
}
"""Methods that make their own reference from the image."""

BASELINES: dict[str, Callable[[Exam, Tensor], Map]] = {
    "abs(image - template)": lambda exam, image: (image - exam.references(image, "template")[0])[0, 0].abs().numpy(),
    "intensity": lambda exam, image: image[0, 0].numpy(),
}
"""Maps without a network."""


@dataclass(frozen=True)
class Way:
    """A method, and what it compares with.

    Parameters
    ----------
    method : str
        Of the registry, or one of BASELINES.
    references : str
        One of REFERENCES; empty for methods that compare with nothing or with an image of their own.
    """

    method: str
    references: str = ""

    def __str__(self) -> str:
        return f"{self.method} @ {self.references}" if self.references else self.method

    @classmethod
    def parse(cls, text: str) -> Way:
        """Read METHOD or METHOD @ REFERENCES.

        Examples
        --------
        >>> Way.parse("deviation @ people")
        Way(method='deviation', references='people')
        """
        name, _, references = text.partition(" @ ")
        return cls(name, references)

    @property
    def file(self) -> str:
        """Name of the file of its figures."""
        return "".join(c if c.isalnum() or c in "-" else "_" for c in str(self)) + ".json"

    def explain(self, exam: Exam, image: Tensor, model: Model | None = None) -> MethodOutput:
        """The map of an image (1, 1, X, Y, Z), of the exam's network or another.

        A method that takes one reference is asked about each of several; the map is then the mean of the magnitudes.
        """
        if self.method in BASELINES:
            return MethodOutput(BASELINES[self.method](exam, image))
        how = method(self.method)
        if self.method in _OWN:
            return how.explain(exam.question(image, (_OWN[self.method](image),), model))
        references = exam.references(image, self.references) if self.references else ()
        question = exam.question(image, references, model)
        if len(references) < 2 or how.several_references:
            return how.explain(question)
        outputs = [how.explain(question.against(reference)) for reference in references]
        return MethodOutput(np.mean([abs(output.relevance) for output in outputs], axis=0))


def ways(methods: Sequence[str] = (), references: Sequence[str] = REFERENCES) -> tuple[Way, ...]:
    """All ways of some methods, or of all but the costly ones and the baselines.

    Methods that take one reference are given the template only.
    """
    found = []
    for name in methods or [name for name in METHODS if name not in COSTLY]:
        if name in BASELINES or name in _OWN or method(name).reference is None:
            found.append(Way(name))
            continue
        several = method(name).several_references
        every = name == DEFAULT or tuple(references) != REFERENCES
        known = [which for which in references if every or which not in OF_TRAINING]
        found += [Way(name, which) for which in known if several or which == "template"]
    return (*found, *(() if methods else map(Way, BASELINES)))
