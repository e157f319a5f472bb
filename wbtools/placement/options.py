"""How a template is laid over a person, as users choose it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from wbtools.errors import InputError

PlacementName = Literal["syn", "affine"]
PLACEMENTS: tuple[PlacementName, ...] = get_args(PlacementName)
"""The registrations of a template to a person: SyN (ANTs), or an affine map."""


INSTALL = "pip install antspyx deepbet"
"""The extra `t1w`, by its packages: PyPI's `wbtools` is another program."""


def has_ants() -> bool:
    """Whether antspyx is installed; it is not imported, which takes seconds."""
    return find_spec("ants") is not None


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
    mask_only : bool
        Whether nothing but the brain mask is needed.
    """

    registration: PlacementName | None = None
    work: Path | None = None
    threads: int = 1
    told: Callable[[str], None] = _nobody
    mask_only: bool = False

    @property
    def nonlinear(self) -> bool:
        """Whether SyN lays the template over the person.

        Raises
        ------
        InputError
            If it was asked for and is not installed.
        """
        self.require_installed()
        return has_ants() if self.registration is None else self.registration == "syn"

    def require_installed(self) -> None:
        """Raise InputError if SyN was asked for and is not installed."""
        if self.registration == "syn" and not has_ants():
            raise InputError("--registration syn needs antspyx, which is not installed", hint=INSTALL)

    @property
    def words(self) -> str:
        """How the template will be laid over the person."""
        if self.nonlinear:
            return "by SyN, areas on this image's own grey matter (2 to 4 minutes the first time)"
        return "affinely" if self.registration else f"affinely, since antspyx is not installed ({INSTALL})"


USUAL = PlacementOptions()
"""What is taken unless told."""
