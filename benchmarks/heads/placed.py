"""What an export knows of a lone T1w and does not write: the brain mask, and the average's ribbon in place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from heads.people import Files
from wbtools.images import nifti
from wbtools.native import person as people
from wbtools.native.cortex import STANDARD
from wbtools.native.projection import NativeProjection
from wbtools.placement.options import PlacementOptions
from wbtools.space.grid import Unit, Volume, canonical
from wbtools.subject.layouts.t1w import of_image
from wbtools.subject.layouts.template_in_head import place


@dataclass(frozen=True, eq=False)
class Placed:
    """The brain found in a head, and areas between the average's surfaces where SyN puts them."""

    mask: NDArray[np.bool_]
    ribbon: Volume


def placed(person: Files, work: Path, threads: int) -> Placed:
    """Lay the template over a person's head again; `work` holds what took long.

    Parameters
    ----------
    person : Files
    work : Path
        The folder that an export had as --work.
    threads : int
    """
    with TemporaryDirectory(prefix="wbtools-") as name:
        subject = place(of_image(person.head, person.name), Path(name), PlacementOptions("syn", work, threads))
        assert subject.brain_mask is not None  # `place` has found one
        mask = canonical(nifti.read_volume(subject.brain_mask, Unit.LABEL)).data > 0
        by_ribbon = replace(subject, own_grey_matter=False)
        found = people.read(by_ribbon, (STANDARD,), NativeProjection(threads))
        return Placed(np.asarray(mask), found.atlas.whole.volume)
