"""What the user asks of a group."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from wbtools.errors import InputError, OutOfRange
from wbtools.group.members.cohort import Selection
from wbtools.group.members.comparisons import Asked

FEWEST = 99
"""Permutations and bootstrap samples, at least."""


@dataclass(frozen=True)
class GroupSettings:
    """How a group is analysed.

    Parameters
    ----------
    networks : tuple of str
        Names of networks in file names; empty for all.
    family : str
        Column of the table of participants that is the same for members of a family; empty takes `family_id`,
        `Family_ID` or `family`, if there is one.
    formula : str
        What people are compared by: columns joined by `+`, products as `a:b`.
    contrasts : tuple of str
        Terms of it, or two levels `A-B` of a category; empty takes the first term.
    paired : str
        Column that has the same in both people of a pair.
    annotations : tuple of str
        Maps of the cortex to correlate with: files, or `neuromaps:NAME`.
    include_failed, leave_out : bool
        As in `wbtools.group.members.cohort.Selection`.
    vertex_wise : bool
        Whether contrasts are tested in every vertex as well.
    permutations, resamples, seed : int

    Examples
    --------
    >>> GroupSettings(formula="age", permutations=999).as_record()["formula"]
    'age'
    """

    networks: tuple[str, ...] = ()
    family: str = ""
    formula: str = ""
    contrasts: tuple[str, ...] = ()
    paired: str = ""
    annotations: tuple[str, ...] = ()
    include_failed: bool = False
    leave_out: bool = False
    vertex_wise: bool = False
    permutations: int = 10_000
    resamples: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        for option, value in (("--permutations", self.permutations), ("--resamples", self.resamples)):
            if value < FEWEST:
                raise OutOfRange(option, value, FEWEST)
        if self.seed < 0:
            raise OutOfRange("--seed", self.seed, 0)
        if self.vertex_wise and not self.asked.formula:
            raise InputError("--vertex-wise tests contrasts", hint="name what is compared by --formula")

    @property
    def asked(self) -> Asked:
        """What is compared."""
        return Asked(self.formula, self.contrasts, self.paired)

    @property
    def selection(self) -> Selection:
        """Whose exports are taken."""
        asked = self.asked
        return Selection(self.networks, self.family, asked.columns, self.include_failed, self.leave_out, asked.paired)

    def as_record(self) -> dict[str, object]:
        """As JSON values, without any folder of this machine."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {**values, "annotations": [Path(source).name for source in self.annotations]}
