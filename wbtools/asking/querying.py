"""A query: who of an index is nearest to a person, as table, picture and record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wbtools.asking.bits import Bits
from wbtools.asking.comparing import notices
from wbtools.asking.index import Index
from wbtools.asking.neighbours import Neighbours, neighbours, require_count, require_same_model, said_of_images
from wbtools.asking.people import ShownPerson
from wbtools.asking.pictures.grid import grid
from wbtools.asking.pictures.thumbnails import thumbnail
from wbtools.model import Model
from wbtools.output.destination import require_writable_around
from wbtools.output.ownership import PROVENANCE
from wbtools.output.publishing import publishing, require_absent
from wbtools.provenance import Provenance, sha256
from wbtools.subject.containment import require_outside_inputs
from wbtools.text import cell, line, tsv
from wbtools.version import __version__

TABLE, RECORD, GRID = "query.tsv", "query.json", "query.png"
"""Files of a query."""
BITS, BITS_GRID = "bits.tsv", "bits.png"
"""What decides the bits of a code, if that is asked for."""

RESEARCH = "Research use only. Not for diagnosis."
_NAME = 60  # letters of a name in the picture


@dataclass(frozen=True, eq=False)
class Answer:
    """What a query found.

    Parameters
    ----------
    person : ShownPerson
    near : Neighbours
    index : Index
    notices : tuple of str
        What every reader has to know of the person's image, the index and the network.
    bits : Bits, optional
        What decides the bits of the person's code.
    """

    person: ShownPerson
    near: Neighbours
    index: Index
    notices: tuple[str, ...]
    bits: Bits | None = None

    def rows(self) -> list[list[str]]:
        """The result as a table, heading first; texts are escaped for spreadsheets."""
        labels = self.index.label_names
        heading = ["rank", "person", "session", self.near.header.unit.replace(" ", "_"), "source"]
        rows = [[*heading, *map(cell, labels)]]
        for found in self.near.found:
            item = found.item
            texts = (item.source, *(item.labels[name] for name in labels))
            rows.append(
                [str(found.rank), cell(item.person), cell(item.session), _number(self.near, found.distance),
                 *map(cell, texts)]
            )  # fmt: skip
        return rows

    def as_record(self) -> dict[str, Any]:
        """The same for programs."""
        header = self.near.header
        return {
            "wbtools": __version__,
            "notices": [*self.notices, RESEARCH],
            "person": self.near.person,
            "input_sha256": self.person.sha256,
            "model": {"name": header.model, "sha256": header.model_sha256},
            "index": {"kind": header.kind.value, "length": header.length, "count": header.count,
                      "data_sha256": header.data_sha256},
            "distance": header.unit,
            "searched": self.near.searched,
            **({"bits": {"code": self.bits.code, "method": self.bits.method}} if self.bits else {}),
            "left_out": {"equal_images": self.near.own_images, "other_images_of_person": self.near.of_person},
            "found": [
                {"rank": found.rank, "person": found.item.person, "session": found.item.session,
                 "source": found.item.source, "distance": found.distance, "labels": dict(found.item.labels)}
                for found in self.near.found
            ],
        }  # fmt: skip

    def picture(self) -> bytes | None:
        """The grid, PNG; None if the index has no pictures."""
        found = self.index.pictures([each.item.row for each in self.near.found])
        if found is None:
            return None
        image = self.person.image
        mine = thumbnail(image.data[0, 0], image.grid.orientation)
        captions = [f"asked about: {line(self.near.person, _NAME)}"]
        captions += [
            f"{each.rank}. {line(each.item.person, _NAME)}, {self.near.shown_distance(each)}"
            for each in self.near.found
        ]
        network = f"{line(self.near.header.model, _NAME)}: {self.near.header.unit}"
        title = " ".join(f"{said.rstrip('.')}." for said in (network, RESEARCH, *self.notices))
        return grid(np.concatenate((mine[None], found)), captions, title)


def _number(near: Neighbours, distance: float) -> str:
    return f"{distance:.0f}" if near.header.unit.startswith("bits") else f"{distance:.6f}"


def subject_of(person: str) -> str:
    """What the record of a query calls its subject, so that no export is taken for one."""
    return f"query of {person}"


@dataclass(frozen=True)
class Place:
    """Where the files of a query go.

    Parameters
    ----------
    out : Path
        The folder itself.
    study_folder : Path
    overwrite : bool
        Whether an earlier query of the same person is replaced.
    """

    out: Path
    study_folder: Path
    overwrite: bool = False

    def require(self, person: str) -> None:
        """Raise InputError unless a query of a person can be written there."""
        whole = self.out.absolute()
        require_writable_around(self.out, "--out")
        require_outside_inputs(self.out, "--out", self.study_folder)
        require_absent(whole.parent, whole.name, self.overwrite, subject_of(person))


def query(person: ShownPerson, index: Index, model: Model, top: int) -> Answer:
    """Who of an index is nearest to a person.

    Raises
    ------
    InputError
        If the index was made by another network, or nobody is left to find.
    """
    require_count(top)
    require_same_model(index, model)
    said = [*person.said(), *said_of_images(index), *notices(model)]
    return Answer(person, neighbours(index, model, person, top), index, tuple(map(line, said)))


def write(answer: Answer, place: Place) -> tuple[Path, ...]:
    """Write table, record and picture, all of them or none.

    Returns
    -------
    tuple of Path
        Names of the files.
    """
    person, whole = answer.near.person, place.out.absolute()
    place.require(person)
    record = Provenance({"subject": subject_of(person), "top": len(answer.near.found)})
    record.facts |= {"query": {name: value for name, value in answer.as_record().items() if name != "found"}}
    if answer.index.path is not None:
        record.inputs[answer.index.path.name] = sha256(answer.index.path)
    for notice in answer.notices:
        record.notice(notice, grave=False)
    picture = answer.picture()
    content = json.dumps(answer.as_record(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    made: dict[str, bytes] = {TABLE: tsv(answer.rows()).encode(), RECORD: content.encode()}
    if picture is not None:
        made[GRID] = picture
    if answer.bits is not None:
        made |= {BITS: tsv(answer.bits.rows()).encode(), BITS_GRID: answer.bits.picture()}
    with publishing(whole.parent, whole.name, overwrite=place.overwrite, subject=subject_of(person)) as folder:
        for name, data in made.items():
            (folder / name).write_bytes(data)
        record.write(folder / PROVENANCE, folder, map(Path, made))
    return tuple(map(Path, made))
