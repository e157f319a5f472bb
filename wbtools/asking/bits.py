"""Which regions decide each bit of a person's hash code: a map for every bit, summed up in a table and a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wbtools.asking.embedding import Kind, kind_of
from wbtools.asking.pictures.grid import grid
from wbtools.asking.pictures.thumbnails import thumbnail
from wbtools.attribution import Target
from wbtools.attribution.registry import NO_SECOND
from wbtools.errors import InputError
from wbtools.exporting import preparation
from wbtools.exporting.explanation import Explanation, ShownPerson, explain, seen_by
from wbtools.exporting.settings import ExportSettings
from wbtools.model import Model
from wbtools.native import person
from wbtools.provenance import Provenance
from wbtools.subject import Subject, prepared
from wbtools.text import cell

_NO_NULLS = 0
Tell = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Bits:
    """The bits of a code, and where in the brain each is decided.

    Parameters
    ----------
    person : str
    image : ndarray, (X, Y, Z)
        As the network is shown it.
    explained : tuple of Explanation
        Of each bit.
    """

    person: str
    image: NDArray[np.float32]
    explained: tuple[Explanation, ...]

    @property
    def code(self) -> str:
        """The bits, the first one first."""
        return self.explained[0].decision.codes[0].bits

    @property
    def method(self) -> str:
        """How they are explained."""
        return self.explained[0].attribution.method

    def rows(self) -> list[list[str]]:
        """Regions by bits, heading first: 1 is the region that decides the bit most; empty without voxels."""
        scores = [
            {row.region.name: row.score for row in each.ranking.rows if row.region and row.rank is not None}
            for each in self.explained
        ]
        names = [row.region.name for row in self.explained[0].ranking.rows if row.region]
        heading = ["region", *(f"bit_{number}" for number in range(len(scores)))]
        kept = [[cell(name), *(_number(each.get(name)) for each in scores)] for name in sorted(names)]
        return [heading, *kept]

    def picture(self) -> bytes:
        """The person, and the magnitude of relevance for each bit, PNG."""
        turned = self.explained[0].model.card.orientation
        maps = [thumbnail(abs(each.attribution.relevance.data), turned) for each in self.explained]
        captions = [f"{self.person}: {self.code}"]
        captions += [f"bit {number}: {_first(each)}" for number, each in enumerate(self.explained)]
        title = f"|relevance| for each bit, {self.method}. Research use only. Not for diagnosis."
        return grid(np.stack([thumbnail(self.image, turned), *maps]), captions, title)


def _first(explained: Explanation) -> str:
    """The region that decides a bit most."""
    return next((row.region.name for row in explained.ranking.rows if row.region and row.rank == 1), "no region")


def _number(score: float | None) -> str:
    return "" if score is None else f"{score:.4f}"


def require_codes(model: Model) -> None:
    """Raise InputError for a network that does not answer with a hash code."""
    if kind_of(model) is not Kind.CODES:
        raise InputError(
            f"--explain shows what decides the bits of a code, and {model.name} gives none",
            hint="explain what is alike in two people: wbtools compare A B --explain",
        )


def explained(subject: Subject, model: Model, settings: ExportSettings, tell: Tell = lambda done, total: None) -> Bits:
    """Explain each bit of a person's code; nothing is compared with randomised networks.

    Parameters
    ----------
    subject : Subject
    model : Model
        With a hash code.
    settings : ExportSettings
        `method`, `references` of the card, `threads` and `work` count.
    tell : callable
        Told how many bits are done, of how many.
    """
    require_codes(model)
    tools = preparation.find_tools(replace(settings, render=False), Provenance({}))
    with prepared(subject, settings.placing) as ready:
        me = person.read(ready, settings.files.meshes(ready)[:1], tools.projection)
    shown = ShownPerson(subject.id, seen_by(model, me.scan))
    options = replace(settings.explanation, null_networks=_NO_NULLS, also=NO_SECOND, heatmaps=False)
    found: list[Explanation] = []
    count = 1  # the first explanation says how many there are
    while len(found) < count:
        target = Target("bit", str(len(found)))
        found.append(explain(model, [shown], me.atlas.whole, replace(options, target=target)))
        count = found[0].decision.codes[0].size
        tell(len(found), count)
    return Bits(subject.id, shown.image.data[0, 0], tuple(found))
