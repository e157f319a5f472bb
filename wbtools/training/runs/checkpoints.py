"""Checkpoints of the published form, each with its card: what `wbtools export-subject --model` opens."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wbtools import atomic
from wbtools.datasets import DataSet, Kind
from wbtools.errors.system import writing
from wbtools.model import card as cards
from wbtools.model.card import Card
from wbtools.text import counted
from wbtools.training.loop.fitting import Epoch
from wbtools.training.loop.learner import Learner
from wbtools.training.recipes.recipe import Recipe
from wbtools.training.runs.folder import save
from wbtools.version import __version__

LAST = "last"
_INHERITED = ("orientation", "intensity", "skull_stripped", "resampling")
_SHOWN = 24  # figures of a card
_OF_PICTURES = (
    "This network was trained on pictures, which are not known to be slices of brains: of a person it is shown axial "
    "slices of the T1w image, and what it says of them, and every map of it, means something only if the pictures were "
    "such slices"
)
"""Every output of a network that was trained on pictures repeats it."""


@dataclass(frozen=True)
class Checkpoints:
    """How the checkpoints of a run are written.

    Parameters
    ----------
    folder : Path
    card : Card
        What all of them have in common.
    bare : bool
        As in `Recipe`.
    """

    folder: Path
    card: Card
    bare: bool = False

    def write(self, learner: Learner, epoch: Epoch, names: Sequence[str]) -> None:
        """Write the weights of an epoch as `last.pt`, and as `best-NAME.pt` for the criteria it is best by."""
        state = learner.published()
        threshold = epoch.validation.get("threshold")
        content: dict[str, Any] = state if self.bare else {"model_state_dict": state, "threshold": threshold}
        figures = {
            f"validation_{name}": value
            for name, value in epoch.validation.items()
            if math.isfinite(value) and name != "threshold"
        }
        for name in (*(f"best-{name}" for name in names), LAST):
            path = self.folder / f"{name}.pt"
            made = {**self.card.provenance, "epoch": str(epoch.number + 1), "chosen by": name.removeprefix("best-")}
            card = replace(
                self.card,
                threshold=threshold,
                performance=dict(list(figures.items())[:_SHOWN]),
                provenance=made,
            )
            save(path, content)
            with writing(self.folder):
                atomic.write(cards.beside(path), cards.dumps(card), durable=True)


def card_of(
    recipe: Recipe, title: str, family: Card, data: DataSet, rows: Sequence[int], made: Mapping[str, str]
) -> Card:
    """What the card of a checkpoint says before any epoch.

    Parameters
    ----------
    recipe : Recipe
    title : str
        What the network learns.
    family : Card
        Of the network's family.
    data : DataSet
    rows : sequence of int
        Of the images that it learns from.
    made : mapping
        For `provenance`.
    """
    inherited: dict[str, Any] = {name: data.manifest.card[name] for name in _INHERITED if name in data.manifest.card}
    if len(data.manifest.shape) == 4:
        _, x, y, z = data.manifest.shape
        inherited["shape"] = (x, y, z)
    pictures = data.manifest.kind is Kind.PICTURES
    people = len({data.items[int(row)].person for row in rows})
    whom = ("picture", "pictures") if pictures and people == len(rows) else ("person", "people")
    what = data.manifest.source or "a data set"
    return replace(
        family,
        name=f"{recipe.name}-{family.family}",
        title=f"{title} ({family.family}, trained with wbtools)",
        answer=recipe.answer,
        training_data=f"{what}: {counted(people, *whom)}, data set {data.sha256[:16]}",
        intended_use=recipe.use,
        notice=_OF_PICTURES if pictures else recipe.notice,
        pictures=pictures,
        provenance={
            **made,
            "wbtools": __version__,
            "python": platform.python_version(),
            "data_sha256": data.sha256,
        },
        **inherited,
    )
