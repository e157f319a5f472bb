"""Making the references of a network's card: the mean of many people's brains, and their principal components."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools import atomic
from wbtools.attribution.reference import matched
from wbtools.attribution.references.of_card import FEWEST, most_components, principal_components
from wbtools.attribution.references.people import OtherBrain, laid
from wbtools.errors import InputError, OutOfRange
from wbtools.errors.system import writing
from wbtools.exporting.references.conforming import conformed
from wbtools.exporting.references.place import ListedPeople, PeoplePlace, people_of, require_apart
from wbtools.images import nifti
from wbtools.model import Model
from wbtools.model.input import FIELD_OF_VIEW
from wbtools.output.destination import require_writable
from wbtools.space.grid import Grid, Volume
from wbtools.subject import containment
from wbtools.subject.selection import FileChoice
from wbtools.text import counted

MOST_PEOPLE = 2000
USUAL_COMPONENTS = 16


@dataclass(frozen=True)
class Asked:
    """What is to be made of whom, as the user said it.

    Parameters
    ----------
    people : Path
        A study folder, a folder of images, or a text file of ids and paths.
    study_folder : Path
        Where ids are looked for.
    out : Path
        Folder that receives the files; none that is there is replaced.
    components : int, optional
        So many; without, `USUAL_COMPONENTS`, or as many as so few people allow.
    """

    people: Path
    study_folder: Path
    out: Path
    components: int | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """What will be read and written.

    Parameters
    ----------
    asked : Asked
    found : ListedPeople
    network : Model
        Decides the grid, and whether brains are shown without their skulls.
    """

    asked: Asked
    found: ListedPeople
    network: Model

    @property
    def components(self) -> int:
        """How many, if everybody can be registered."""
        return self.asked.components or min(USUAL_COMPONENTS, most_components(len(self.found.people)))

    @property
    def grid(self) -> Grid:
        """The grid of the files."""
        card = self.network.card
        return FIELD_OF_VIEW.reoriented(card.orientation).covering(card.shape)

    def paths(self, components: int) -> tuple[Path, ...]:
        """The files with the mean and so many components."""
        names = ("mean", *(f"component-{place:02d}" for place in range(1, components + 1)))
        return tuple(self.asked.out / f"{self.network.name}-{name}.nii.gz" for name in names)


@dataclass(frozen=True)
class Made:
    """What was made.

    Parameters
    ----------
    mean : Path
    components : tuple of Path
    remarks : tuple of str
        Who was left out, and what else has to be said of the people.
    """

    mean: Path
    components: tuple[Path, ...]
    remarks: tuple[str, ...]


def find(asked: Asked) -> ListedPeople:
    """The people, of whom enough are there; before a network is loaded or a brain is read.

    Raises
    ------
    InputError
        If nothing may be written there, or people are too few, too many, or have no image that can be read.
    """
    if asked.components is not None and asked.components < 1:
        raise OutOfRange("--components", asked.components, of="components")
    place = PeoplePlace(asked.people)
    require_writable(asked.out, "--out")
    try:
        containment.require_no_subjects(asked.out, asked.study_folder, "--out")
    except InputError as error:
        raise error.hinting("choose another --out, for example the folder of the network") from None
    require_apart(place, asked.out, "--out")
    found = people_of(place, asked.study_folder, FileChoice(), MOST_PEOPLE)
    _require_enough(len(found.people), asked.components, str(place))
    return found


def plan(asked: Asked, found: ListedPeople, network: Model) -> Plan:
    """What will be read and written.

    Raises
    ------
    InputError
        If one of the files is there already.
    """
    made = Plan(asked, found, network)
    for path in made.paths(made.components):
        if path.exists():
            raise InputError(f"{path} exists already", hint="remove it, or choose another --out")
    return made


def make(planned: Plan) -> Made:
    """Write the mean brain and the components, to be named in a network's card: all of them or none.

    Raises
    ------
    InputError
        If an image cannot be read, or too few people can be registered to the template.
    """
    network, asked = planned.network, planned.asked
    plain = replace(network, reference=None, reference_set=())  # all lie in the world of the template
    found = conformed(planned.found.people, {network.name: plain}, None)[network.name]
    _require_enough(len(found.brains), asked.components, f"{asked.people}, without those who cannot be registered,")
    count = min(planned.components, most_components(len(found.brains)))
    stack = _stacked(found.brains, planned.grid)
    mean, components = principal_components(stack, count)
    first, *others = planned.paths(count)
    with writing(asked.out):
        _write(asked.out, [Volume(data, planned.grid) for data in (*components, mean)], [*others, first])
    return Made(first, tuple(others), (*planned.found.remarks, *found.remarks))


def _require_enough(people: int, components: int | None, place: str) -> None:
    most = most_components(people)
    if most < 1:
        raise InputError(f"{place} holds too few people: {people}; components need {FEWEST} at least")
    if components is not None and components > most:
        raise InputError(
            f"--components {components} is too many: {place} holds {counted(people, 'person')}, {most} is the most",
            hint=f"give {most} or less: with half as many components as people or more, one could be recognised",
        )


def _stacked(brains: Sequence[OtherBrain], grid: Grid) -> NDArray[np.float32]:
    """Brains on one grid, (N, X, Y, Z), with the intensities of the first."""
    stack = [laid(brain, np.eye(4), grid) for brain in brains]
    return np.stack([matched(brain, stack[0]) for brain in stack])


def _write(out: Path, volumes: Sequence[Volume], paths: Sequence[Path]) -> None:
    """Write all files under hidden names before the first gets its own: an interruption leaves no part of a set."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".wbtools-", dir=out) as hidden:
        for volume, path in zip(volumes, paths, strict=True):
            nifti.write_volume(Path(hidden) / path.name, volume)
        for path in paths:
            atomic.without_replacing(Path(hidden) / path.name, path)
