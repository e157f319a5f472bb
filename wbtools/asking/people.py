"""Who is asked about: found as everywhere else, and shown to one network as an export shows them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wbtools.errors import InputError
from wbtools.exporting.comparison_people import plain_scan
from wbtools.exporting.explanation import seen_by
from wbtools.images import nifti
from wbtools.model import Model, ModelInput
from wbtools.native.person import read_scan
from wbtools.subject import resolve
from wbtools.subject.identity import person_of
from wbtools.subject.layouts import AUTO, layout_named
from wbtools.subject.selection import FileChoice, FoundPerson
from wbtools.text import line

_NAME = 60  # letters of a name in a sentence


@dataclass(frozen=True, eq=False)
class ShownPerson:
    """A person, and what a network is shown of them.

    Parameters
    ----------
    name : str
        The id, by the rule for subjects.
    image : ModelInput
    remarks : tuple of str
        What has to be known of the image: the notice in the subject's folder, and what had to be decided to read and
        show the image.
    """

    name: str
    image: ModelInput
    remarks: tuple[str, ...] = ()

    @property
    def person(self) -> str:
        """Who it is, whatever the session, as `wbtools prepare` writes it into data sets."""
        return person_of(self.name)

    def said(self) -> list[str]:
        """The remarks, with whose image it is."""
        return [f"{line(self.name, _NAME)}: {line(remark)}" for remark in self.remarks]

    @property
    def sha256(self) -> str:
        """Of what the network is shown, as `wbtools prepare` notes it of the images of a data set."""
        return hashlib.sha256(np.ascontiguousarray(self.image.data, np.float32).data.cast("B")).hexdigest()


def find(study_folder: Path, names: Sequence[str], layout: str = AUTO) -> tuple[FoundPerson, ...]:
    """Find people, each an id in a study folder, a subject's folder, or an image; all of them before any is read.

    Raises
    ------
    InputError
        If a person is not there, or is neither a subject nor an image.
    """
    choice = FileChoice(layout)
    return tuple(_found(study_folder, name, choice) for name in names)


def _found(study_folder: Path, name: str, choice: FileChoice) -> FoundPerson:
    """Find a person, of whom the image and its mask are needed, and no surfaces."""
    path = Path(name)
    try:
        if path.is_file():
            found = FoundPerson(path)
        else:
            subject = choice.scan(*resolve(study_folder, name))
            # A raw scan has nothing of its own beside the image.
            found = FoundPerson(subject.t1w, None if layout_named(subject.layout).is_raw else subject)
        nifti.read_grid(found.t1w)
    except InputError as error:
        raise error.about(name) from None
    return found


def shown(person: FoundPerson, model: Model) -> ShownPerson:
    """What a network is shown of a person.

    Raises
    ------
    InputError
        If a file cannot be read, or the image shows a skull that the network must not see and nothing removes.
    """
    try:
        bare = model.card.skull_stripped
        scan = read_scan(person.subject) if person.subject else plain_scan(person.t1w, bare)
        image = seen_by(model, scan)
    except InputError as error:
        raise error if person.name in str(error) else error.about(person.name) from None
    notice = person.subject.notice if person.subject else ""
    return ShownPerson(person.name, image, tuple(dict.fromkeys(filter(None, (notice, *scan.remarks, *image.remarks)))))
