"""How a template is laid over a person, as users choose it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

PlacementName = Literal["syn", "affine"]
PLACEMENTS: tuple[PlacementName, ...] = get_args(PlacementName)
"""The registrations of a template to a person: SyN (ANTs), or an affine map."""


def _nobody(step: str) -> None:
    """Is told which step begins."""


@dataclass(frozen=True)
class PlacementOptions:
    """How a template is laid over a person.

    Parameters
    ----------
    registration : {"syn", "affine"} or None
        None takes SyN where antspyx is installed.
    work : Path or None
        Keeps what took long for the next export of the same image; None keeps nothing.
    threads : int
    told : callable
        Told which step begins.
    """

    registration: PlacementName | None = None
    work: Path | None = None
    threads: int = 1
    told: Callable[[str], None] = _nobody


USUAL = PlacementOptions()
"""What is taken unless told."""
