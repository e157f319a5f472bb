"""The set of reference brains that a person's is compared with.

Against a single brain a map is empty wherever the person happens to be like it. Methods that compare with several are
given a set: every brain of it is laid in the person's place, in the person's intensities, by one registration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wbtools.attribution.reference import ReferenceBrain
from wbtools.model import Model, ModelInput


@dataclass(frozen=True, eq=False)
class ReferenceSet:
    """Reference brains on a person's grid.

    Parameters
    ----------
    brains : tuple of ReferenceBrain
        At least one.
    kind : str
        What they are, in words; empty for a single brain, which says so itself.
    made : dict
        How they were made, chosen or found, as JSON values.
    """

    brains: tuple[ReferenceBrain, ...]
    kind: str = ""
    made: dict[str, object] | None = None

    def as_record(self) -> dict[str, object]:
        """What provenance keeps: of a single brain what it is, of several what they are together, too."""
        first = self.brains[0].as_record()
        if not self.kind:
            return first
        notes = dict.fromkeys(brain.note for brain in self.brains if brain.note)
        return {**first, "source": self.kind, "note": " ".join(notes), "count": len(self.brains), **(self.made or {})}


ReferenceSource = Callable[[Model, ModelInput], ReferenceSet]
"""Gives the references for a network and a person's image; raises InputError where none can be laid in place."""


def once(source: ReferenceSource) -> ReferenceSource:
    """The same source for one network and person: asked again, by another method, it gives the set that it made."""
    made: list[ReferenceSet] = []

    def given(model: Model, image: ModelInput) -> ReferenceSet:
        if not made:
            made.append(source(model, image))
        return made[0]

    return given
