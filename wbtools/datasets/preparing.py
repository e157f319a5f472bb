"""Making a data set: find what the source offers, check it, prepare every image, and finish.

Nothing is written before everything that can be checked has been. A run that was ended resumes when it is run again.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wbtools.datasets import recipes, sources, workers
from wbtools.datasets.candidates import Candidate, SourceOptions
from wbtools.datasets.dataset import DataSet
from wbtools.datasets.draft import Draft, require_place
from wbtools.datasets.images.made import Preparation, SourceImage
from wbtools.datasets.items import Item
from wbtools.datasets.plan import Plan, Row
from wbtools.datasets.recipes import RecipeData, Wanted
from wbtools.datasets.sources import Source
from wbtools.datasets.split import PARTS, Split, check_leaks
from wbtools.errors import InputError, OutOfRange, TransientError
from wbtools.provenance import code_sha256
from wbtools.subject.containment import require_outside_made, require_outside_subjects
from wbtools.subject.identity import person_key
from wbtools.text import counted, line

logger = logging.getLogger(__name__)

SKIP = "--skip-bad"
_CODE = ("datasets", "exporting", "images", "model", "native", "placement", "space", "subject", "tables")
"""Packages with code that decides what is made of an image."""
_SHOWN = 3


@dataclass(frozen=True)
class Asked:
    """What is to be made of what, as the user said it.

    Parameters
    ----------
    recipe : str
        A key of `recipes.RECIPES`.
    place : Path
        What it is made of.
    out : Path
        Folder of the data set; nothing that is there is replaced.
    form : str
        A key of `sources.SOURCES`, or `auto`.
    options : SourceOptions
    wanted : Wanted
    skip_bad : bool
        Leave out images that cannot be used, instead of stopping.
    """

    recipe: str
    place: Path
    out: Path
    form: str = sources.AUTO
    options: SourceOptions = field(default_factory=SourceOptions)
    wanted: Wanted = field(default_factory=Wanted)
    skip_bad: bool = False


@dataclass(frozen=True, eq=False)
class Planned:
    """What will be made.

    Parameters
    ----------
    asked : Asked
    recipe : RecipeData
    source : Source
    preparation : Preparation
    candidates : tuple of Candidate
        Those that will get a row; each has an image.
    left_out : mapping of str to str
        Why others will not, by their source.
    remarks : tuple of str
    """

    asked: Asked
    recipe: RecipeData
    source: Source
    preparation: Preparation[Any]
    candidates: tuple[Candidate, ...]
    left_out: dict[str, str]
    remarks: tuple[str, ...]

    @property
    def items(self) -> tuple[Item, ...]:
        """What is known of every row."""
        return tuple(candidate.item for candidate in self.candidates)

    @property
    def images(self) -> list[SourceImage]:
        """The image of every row."""
        return [candidate.image for candidate in self.candidates if candidate.image is not None]

    @property
    def plan(self) -> Plan:
        """Of the array."""
        prepared = self.preparation
        names = "\n".join(item.source for item in self.items)
        return Plan(
            prepared.kind,
            prepared.shape,
            len(self.candidates),
            prepared.card,
            self.source.name,
            {"recipe": self.recipe.name, **prepared.settings},
            hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest(),
            code_sha256(*(f"wbtools.{package}" for package in _CODE)),
        )


def plan(asked: Asked) -> Planned:
    """Find and check what a data set is to be made of; nothing is written.

    Raises
    ------
    InputError
        If the source is none, an image cannot be used and is not to be left out, nothing can be learned from what is
        known, parts of the source leak, or nothing may be written to the folder.
    """
    recipe = recipes.recipe_named(asked.recipe)
    source = sources.source_of(asked.place, recipe.kind, asked.form)
    require_place(asked.out)
    require_outside_subjects(asked.out, asked.out, (), "--out")
    require_outside_made(asked.out, "--out", itself=False)
    source.require_outside(asked.out, asked.place)
    source.require_options(asked.options)
    found = source.find(asked.place, recipe.kind, asked.options)
    found = replace(
        found, candidates=_of_people(found.candidates), remarks=(*found.remarks, *_spelled_twice(found.candidates))
    )
    if not found.candidates:
        raise InputError(f"{asked.place} holds no images", hint=f"give {source.looked_for}")
    _require_once(found.candidates)
    preparation = recipe.preparation(asked.wanted, found.candidates)
    kept, left_out = _checked(found.candidates, asked.skip_bad)
    recipe.require_labels(kept)
    _require_no_leak(kept, asked.place)
    return Planned(asked, recipe, source, preparation, kept, left_out, (*found.remarks, *recipe.remarks(kept)))


Maker = Callable[[Planned, Draft], Generator[list[Row], None, None]]
"""Has missing rows made, and gives them as they come; what it started is ended when it is closed."""


def here(jobs: int) -> Maker:
    """Rows made by so many processes of this machine, which write into the array; OutOfRange for none."""
    require_jobs(jobs)

    def rows(planned: Planned, draft: Draft) -> Generator[list[Row], None, None]:
        images = planned.images
        todo = [(place, images[place]) for place in draft.missing]
        pieces = workers.tasks(planned.preparation, draft.rows, draft.plan, todo)
        return workers.run(pieces, max(1, min(jobs, len(todo))))

    return rows


def make(planned: Planned, maker: Maker, tell: Callable[[int, int], None] = lambda done, total: None) -> DataSet:
    """Make the data set, or resume.

    Parameters
    ----------
    planned : Planned
    maker : callable
        Has rows made: `here`, or the engines of a batch.
    tell : callable
        Told how many images are done, of how many.

    Raises
    ------
    InputError
        If an image cannot be used and is not to be left out; what was made until then is kept.
    TransientError
        If the disk is full, a process was killed, or images changed meanwhile.
    """
    asked, images = planned.asked, planned.images
    with Draft(asked.out, planned.plan, [stamp(image) for image in images]) as draft:
        if not asked.skip_bad:
            draft.forget_refused()
        done = len(images) - len(draft.missing)
        if done:
            logger.info("resuming: %d of %s are done", done, counted(len(images), "image"))
        tell(len(draft.done), len(images))
        with closing(maker(planned, draft)) as made:
            for rows in made:
                draft.note(rows)
                for row in rows:
                    _accept(row, planned)
                tell(len(draft.done), len(images))
        if draft.missing:
            raise TransientError(
                f"{counted(len(draft.missing), 'image')} changed while others were prepared",
                hint="run the same command again; it makes those anew",
            )
        if planned.recipe.unique:
            _leave_out_twice(draft, planned)
        kept = [each for place, each in enumerate(planned.candidates) if not draft.done[place].refused]
        if len(kept) < len(images):
            planned.recipe.require_labels(kept)
        return draft.finish(planned.items, planned.left_out)


def require_jobs(jobs: int) -> None:
    """Raise OutOfRange unless it is a number of processes."""
    if jobs < 1:
        raise OutOfRange("--jobs", jobs, of="processes")


def _spelled_twice(candidates: Sequence[Candidate]) -> Iterator[str]:
    """Whose images lie under several spellings of one id, which look alike where only accents differ."""
    spellings: dict[str, set[str]] = {}
    for each in candidates:
        spellings.setdefault(person_key(each.item.person), set()).add(each.item.person)
    for several in spellings.values():
        if len(several) > 1:
            yield f"{' and '.join(map(ascii, sorted(several)))} are one person."


def _of_people(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Candidates of whom everybody has one id: the first of those with and without `sub-`."""
    ids: dict[str, str] = {}
    return tuple(
        replace(each, item=replace(each.item, person=ids.setdefault(person_key(each.item.person), each.item.person)))
        for each in candidates
    )


def _accept(row: Row, planned: Planned) -> None:
    """Log that an image is left out, or stop because of it."""
    if not row.refused:
        return
    source = planned.items[row.place].source
    if not planned.asked.skip_bad:
        raise InputError(f"{source}: {row.refused}", hint=f"repair it and run again, or leave it out with {SKIP}")
    logger.warning("%s is left out: %s", line(source), row.refused)


def _checked(candidates: Sequence[Candidate], skip_bad: bool) -> tuple[tuple[Candidate, ...], dict[str, str]]:
    """Those whose header can be read, and why others are left out."""
    kept, left_out = [], {}
    for candidate in candidates:
        reason = candidate.refused or _reason(candidate)
        if reason:
            left_out[candidate.item.source] = line(reason)
        else:
            kept.append(candidate)
    if left_out and not skip_bad:
        first = [f"{name}: {why}" for name, why in list(left_out.items())[:_SHOWN]]
        more = f"\n  and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else ""
        said = "\n  ".join(["", *first]) if len(left_out) > 1 else f" {first[0]}"
        raise InputError(
            f"{counted(len(left_out), 'image')} of {len(candidates)} cannot be used:{said}{more}",
            hint=f"repair what can be repaired, or leave them out with {SKIP}",
        )
    if not kept:
        raise InputError(f"none of {counted(len(candidates), 'image')} can be used: {next(iter(left_out.values()))}")
    for name, why in left_out.items():
        logger.warning("%s is left out: %s", line(name), why)
    return tuple(replace(each, item=replace(each.item, row=row)) for row, each in enumerate(kept)), left_out


def _reason(candidate: Candidate) -> str:
    """Why an image cannot be read, as far as its header shows it; empty if it can."""
    try:
        if candidate.image is not None:
            candidate.image.check()
    except InputError as error:
        return str(error)
    return ""


def _require_once(candidates: Sequence[Candidate]) -> None:
    """Require that nothing is named twice."""
    seen: set[str] = set()
    for candidate in candidates:
        name = candidate.item.source
        if name in seen:
            raise InputError(f"{name} is named twice", hint="name every image once")
        seen.add(name)


def _require_no_leak(candidates: Sequence[Candidate], place: Path) -> None:
    """Require that the parts that a source makes do not share people."""
    if not any(candidate.item.split for candidate in candidates):
        return
    items = tuple(candidate.item for candidate in candidates)
    parts = {part: tuple(item.row for item in items if item.split == part) for part in PARTS}
    check_leaks(items, Split(parts, how="source"), place)


def _leave_out_twice(draft: Draft, planned: Planned) -> None:
    """Refuse images that equal an earlier one: two people, or two scans, would be one."""
    first: dict[str, int] = {}
    again = []
    for place in sorted(draft.done):
        row = draft.done[place]
        if row.refused:
            continue
        before = first.setdefault(row.sha256, place)
        if before != place:
            again.append(replace(row, sha256="", refused=f"its image is that of {planned.items[before].source}"))
    for row in again:
        _accept(row, planned)
    if again:
        draft.note(again)


def stamp(image: SourceImage) -> str:
    """What changes when a file does."""
    return " ".join(f"{facts.st_size}-{facts.st_mtime_ns}" for facts in map(os.stat, image.files))
