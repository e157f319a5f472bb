"""What SyN alone gives, which no export writes: areas between the average's surfaces in place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from heads.people import Files
from wbtools.native import person as people
from wbtools.native.cortex import STANDARD
from wbtools.native.projection import NativeProjection
from wbtools.placement.options import PlacementOptions
from wbtools.space.grid import Volume
from wbtools.subject.layouts.t1w import of_image
from wbtools.subject.layouts.template_in_head import place


def average_ribbon(person: Files, work: Path, threads: int) -> Volume:
    """Areas and structures on a head's grid, cortex between the average's surfaces where SyN puts them.

    Parameters
    ----------
    person : Files
    work : Path
        The folder that an export had as --work: it holds what took long.
    threads : int
    """
    with TemporaryDirectory(prefix="wbtools-") as name:
        subject = place(of_image(person.head, person.name), Path(name), PlacementOptions("syn", work, threads))
        found = people.read(replace(subject, own_grey_matter=False), (STANDARD,), NativeProjection(threads))
        return found.atlas.whole.volume
