"""Making the references of a network's card: the mean of many people's brains, and their principal components."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from wbtools.attribution.reference import matched
from wbtools.attribution.references.of_card import principal_components
from wbtools.attribution.references.people import laid
from wbtools.errors import InputError
from wbtools.errors.system import writing
from wbtools.exporting.references.choice import ReferenceChoice
from wbtools.exporting.references.conforming import conformed
from wbtools.exporting.references.people import candidates
from wbtools.images import nifti
from wbtools.model import Model
from wbtools.model.input import FIELD_OF_VIEW
from wbtools.output.destination import require_writable
from wbtools.space.grid import Volume
from wbtools.subject.selection import FileChoice

MOST_PEOPLE = 2000
USUAL_COMPONENTS = 16


def make(people: Path, study_folder: Path, network: Model, out: Path, count: int | None = None) -> tuple[Path, ...]:
    """Write the mean brain and the components, to be named in a network's card.

    Parameters
    ----------
    people : Path
        A study folder, a folder of images, or a text file of ids and paths.
    study_folder : Path
        Where ids are looked for.
    network : Model
        Decides the grid, and whether brains are shown without their skulls.
    out : Path
        Folder that receives the files; none that is there is replaced.
    count : int, optional
        So many components; 16 or, of fewer than 33 people, half of them.

    Returns
    -------
    tuple of Path
        The mean, then the components.

    Raises
    ------
    InputError
        If people are too few or cannot be read, or a file is there already.
    """
    require_writable(out, "--out")
    found = candidates(ReferenceChoice(place=people), study_folder, FileChoice(), MOST_PEOPLE)
    number = min(USUAL_COMPONENTS, (len(found) - 1) // 2) if count is None else count
    names = ("mean", *(f"component-{place:02d}" for place in range(1, number + 1)))
    paths = tuple(out / f"{network.name}-{name}.nii.gz" for name in names)
    for path in paths:
        if path.exists():
            raise InputError(f"{path} exists already", hint="remove it, or choose another --out")
    plain = replace(network, reference=None, reference_set=())  # all lie in the world of the template
    brains = conformed(found, {network.name: plain}, None)[network.name].brains
    grid = FIELD_OF_VIEW.reoriented(network.card.orientation).covering(network.card.shape)
    stack = [laid(brain, np.eye(4), grid) for brain in brains]
    mean, components = principal_components(np.stack([matched(brain, stack[0]) for brain in stack]), number)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        for path, data in zip(paths, (mean, *components), strict=True):
            nifti.write_volume(path, Volume(data, grid))
    return paths
