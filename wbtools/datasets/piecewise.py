"""A data set whose rows are made in pieces on other machines: what workers do, and how pieces come into the array.

No machine writes into another one's array: network file systems may lose neighbouring writes. Each piece is a folder of
its own, and whoever asked for the data set copies its rows, compares their hashes and notes them, as if they had been
made here.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wbtools.batch import pieces
from wbtools.datasets.candidates import SourceOptions
from wbtools.datasets.draft import Draft
from wbtools.datasets.plan import Plan, Row, write_row
from wbtools.datasets.preparing import Asked, Planned, plan, stamp
from wbtools.datasets.recipes import Wanted
from wbtools.datasets.workers import Task
from wbtools.errors import InputError
from wbtools.errors.system import writing
from wbtools.images import arrays
from wbtools.images.diagnosis import ARRAY_DAMAGE
from wbtools.subject.identity import typed

_IMAGES, _ROWS = "images.npy", "rows.jsonl"
"""Files of a piece: its part of the array, and a line for each of its rows."""
_PIECE = 1 << 26
"""Bytes of rows in a piece: some twenty scans."""
_MOST_ROWS = 4096


@dataclass(frozen=True)
class PrepareJob:
    """The rows of a data set.

    Parameters
    ----------
    asked : Asked
        Paths from the root.
    """

    asked: Asked

    @functools.cached_property
    def planned(self) -> Planned:
        """What will be made, found out once."""
        return plan(self.asked)

    @functools.cached_property
    def _plan(self) -> Plan:
        return self.planned.plan

    def settings(self) -> Mapping[str, object]:
        """What decides what rows hold."""
        return settings(self._plan)

    def make(self, units: range, folder: Path) -> Sequence[str]:
        """Write rows; images of which none can be made are refused with a sentence."""
        images = self.planned.images[units.start : units.stop]
        stamps = [stamp(image) for image in images]
        part = replace(self._plan, count=len(images))
        with writing(folder), (folder / _IMAGES).open("wb") as stream:
            stream.write(part.header(part.count))
            stream.flush()
            os.truncate(stream.fileno(), stream.tell() + part.count * part.row_bytes)
        made = Task(self.planned.preparation, folder / _IMAGES, part, tuple(enumerate(images))).run()
        rows = [replace(row, place=units[row.place], stamp=stamps[row.place]) for row in made]
        with writing(folder):
            (folder / _ROWS).write_text("".join(row.dumps() for row in rows), encoding="utf-8")
        return _IMAGES, _ROWS


def settings(plan: Plan) -> Mapping[str, object]:
    """What decides what rows hold: the plan of the data set, of which code and inputs are part."""
    return {"work": "prepare", "plan_sha256": hashlib.sha256(plan.dumps().encode()).hexdigest()}


def job(kept: Mapping[str, object]) -> PrepareJob:
    """The job that `as_json` keeps.

    Raises
    ------
    InputError
        If that is none.
    """
    try:
        found = json.loads(str(kept["asked"]))
        options, wanted = found["options"], found["wanted"]
        return PrepareJob(
            Asked(
                str(found["recipe"]),
                Path(found["place"]),
                Path(found["out"]),
                str(found["form"]),
                SourceOptions(
                    str(options["layout"]),
                    tuple(map(Path, options["labels"])),
                    tuple(map(str, options["columns"])),
                    str(options["person"]),
                ),
                Wanted(
                    None if wanted["shape"] is None else tuple(map(int, wanted["shape"])),
                    wanted["intensity"],
                    wanted["skull_stripped"],
                ),
                found["skip_bad"] is True,
            )
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise pieces.damaged_record("prepare") from None


def as_json(asked: Asked) -> Mapping[str, object]:
    """What the plan of a batch keeps; paths from the root, since workers may run elsewhere."""
    options, wanted = asked.options, asked.wanted
    record = {
        "recipe": asked.recipe,
        "place": str(typed(asked.place)),
        "out": str(typed(asked.out)),
        "form": asked.form,
        "options": {
            "layout": options.layout,
            "labels": [str(typed(path)) for path in options.labels],
            "columns": list(options.columns),
            "person": options.person,
        },
        "wanted": {
            "shape": wanted.shape,
            "intensity": wanted.intensity,
            "skull_stripped": wanted.skull_stripped,
        },
        "skip_bad": asked.skip_bad,
    }
    return {"asked": json.dumps(record)}


def cut(plan: Plan, size: int | None) -> list[range]:
    """The pieces of a data set, each of so many rows, or of some ten megabytes."""
    return pieces.cut(plan.count, size or max(1, min(_MOST_ROWS, _PIECE // plan.row_bytes)))


def needed(draft: Draft, size: int | None) -> list[range]:
    """The pieces of which a row is still missing."""
    missing = set(draft.missing)
    return [units for units in cut(draft.plan, size) if not missing.isdisjoint(units)]


def collected(draft: Draft, home: Path, units: Sequence[range]) -> Generator[list[Row], None, None]:
    """Copy missing rows from pieces into the array; a piece is removed once its rows are noted.

    Parameters
    ----------
    draft : Draft
    home : Path
        Folder of the pieces, all of which are there.
    units : sequence of range
        Of the pieces.

    Yields
    ------
    list of Row
        Of each piece, without those of images that changed since.

    Raises
    ------
    InputError
        If a piece is damaged.
    """
    missing = set(draft.missing)
    for each in units:
        name = pieces.name_of(each)
        rows = _copied(draft, home / name, each, missing)
        try:
            yield rows
        finally:
            if all(row.place in draft.done for row in rows):
                pieces.discard(home, name)


def _copied(draft: Draft, folder: Path, units: range, missing: set[int]) -> list[Row]:
    """The rows of one piece, in the array now."""
    copied = []
    try:
        rows = [Row.loads(text) for text in (folder / _ROWS).read_text(encoding="utf-8").splitlines()]
        images = arrays.load(folder / _IMAGES, "r")
        for row in rows:
            if row.place not in missing or row.stamp != draft.stamps[row.place]:
                continue
            if not row.refused:
                image = np.asarray(images[units.index(row.place)])
                if write_row(draft.rows, draft.plan, row.place, image) != row.sha256:
                    raise ValueError(f"row {row.place} has another SHA-256 than recorded")
            copied.append(row)
    except (TypeError, *ARRAY_DAMAGE) as error:
        raise InputError(f"{folder} is damaged: {error}", hint="remove it, and run the same command again") from None
    return copied
