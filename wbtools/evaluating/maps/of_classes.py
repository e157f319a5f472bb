"""What maps of networks of classes are worth: answers to the most relevant voxels alone, and overlap of maps.

As the original study judged its maps (S3), but with shares of the brain's voxels in place of absolute thresholds,
beside as many random voxels, and with intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution import Target
from wbtools.evaluating import told
from wbtools.evaluating.bootstrap import Estimate, groups_of
from wbtools.evaluating.figures import maps as drawings
from wbtools.evaluating.findings import FOLDS, Findings, Section, Table
from wbtools.evaluating.labels import numbers_of
from wbtools.evaluating.maps import volumes
from wbtools.evaluating.maps.explaining import (
    MAGNITUDES,
    SPOKEN,
    Counting,
    Explainer,
    Map,
    drawn,
    methods_of,
    require_visible,
)
from wbtools.evaluating.maps.most_relevant import (
    SHARES,
    ClassMaps,
    answers,
    kept,
    means_of,
    overlaps,
    random_order,
)
from wbtools.evaluating.people import Rows
from wbtools.evaluating.recipes.evaluation import Answered, Bench
from wbtools.evaluating.recipes.votes import logits_of
from wbtools.model import ModelInput
from wbtools.text import counted

_CLASS = Target("class")
_RANDOM, _NOTHING, _WHOLE = "random voxels", "no voxels", "whole image"
_MIDDLE = len(SHARES) // 2
_SAID = tuple(f"{share:.0%}" for share in SHARES)

Values = Callable[[Rows], Sequence[str]]
"""The true classes of images."""


@dataclass(frozen=True, eq=False)
class _Person:
    """What came of one image: of every method its map, where it is largest, and the answers to these voxels alone.

    Parameters
    ----------
    maps : mapping of str to ndarray, (V,), float32
    largest : mapping of str to ndarray, (S, V), bool
        Without voxels that have no relevance.
    named : mapping of str to list of int
        Classes that the network names for each share; also of random voxels, and of the whole image.
    """

    maps: Mapping[str, NDArray[np.float32]]
    largest: Mapping[str, NDArray[np.bool_]]
    named: Mapping[str, list[int]]


@dataclass(frozen=True, eq=False)
class Judged:
    """The maps of a checkpoint, or of all folds.

    Parameters
    ----------
    name : str
    place : int
        From 1.
    methods : tuple of str
    right : mapping of str to list of Estimate
        Share of right answers, for each of `SHARES`, by method; of random voxels, and of the whole image.
    between_methods : mapping of (str, str) to list of Estimate
        Dice, for each of `SHARES`.
    between_classes : mapping of str to mapping of (str, str) to tuple of Estimate
        The same by method and two classes.
    left_out : mapping of str to str
    """

    name: str
    place: int
    methods: tuple[str, ...]
    right: Mapping[str, Sequence[Estimate]]
    between_methods: Mapping[tuple[str, str], Sequence[Estimate]] = field(default_factory=dict)
    between_classes: Mapping[str, Mapping[tuple[str, str], Sequence[Estimate]]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    def as_record(self) -> dict[str, object]:
        """As JSON values."""
        return {
            "left_out": dict(self.left_out),
            "right": {name: _record(each) for name, each in self.right.items()},
            "dice_of_methods": [
                {"methods": list(pair), **_record(each)} for pair, each in self.between_methods.items()
            ],
            "dice_of_classes": [
                {"method": name, "classes": list(pair), **_record(each)}
                for name, of in self.between_classes.items()
                for pair, each in of.items()
            ],
        }


def _record(found: Sequence[Estimate]) -> dict[str, object]:
    return {f"{share:g}": each.as_record() for share, each in zip(SHARES, found, strict=True)}


def measure(bench: Bench, values: Values) -> Findings:
    """Judge maps by what networks answer to their most relevant voxels.

    Parameters
    ----------
    bench : Bench
    values : callable
    """
    options = bench.options
    rows = drawn(bench.rows, options.explain_images, options.resampling.seed)
    require_visible(bench.data, rows)
    asked = [bench.answered] if bench.folds else [(each,) for each in bench.answered]
    images = sum(len(np.intersect1d(rows, part.rows)) for part in bench.answered)
    counting = Counting(bench.tell, images, len(methods_of(options.explain)))
    judged = [
        _judged(bench, FOLDS if bench.folds else parts[0].name, place, parts, _Drawn(rows, values(rows), counting))
        for place, parts in enumerate(asked, 1)
    ]
    families = int(groups_of(bench.items(rows)).max()) + 1
    words = [
        f"Maps of {counted(len(rows), 'image')} of {counted(families, 'family')}, drawn from those above. What is "
        f"explained is the class that the network names. {MAGNITUDES}",
        f"The network is shown the most relevant {', '.join(_SAID)} of the brain's voxels alone. The others are those "
        "of the reference brain that its card names, the same for everybody, else empty. Beside it, as many voxels of "
        "the brain at random, and none. The original kept what lay above fixed values of a map.",
        *_unseen(bench),
        *told.too_few(families),
        *(f"{each.name}, without {name}: {why}." for each in judged for name, why in each.left_out.items()),
    ]
    found = {each.name: _figures(each) for each in judged}
    tables = tuple(table for each in judged for table in _tables(each))
    figures = tuple(drawings.masked(each.name, each.place, each.right, SHARES) for each in judged if each.methods)
    more = {"maps": {"images": len(rows), **{each.name: each.as_record() for each in judged}}}
    headline = tuple(_said(each) for each in judged if 0 < len(each.methods) <= SPOKEN)
    return Findings(headline, (Section("Maps", tuple(words), tables, figures),), found, more)


def _unseen(bench: Bench) -> list[str]:
    """What networks do not see of the brain that random voxels are drawn from."""
    said = {each.name: each.contestant.model.network.notice for each in bench.answered}
    return [f"{name}: {notice} Random voxels lie there, too." for name, notice in said.items() if notice]


@dataclass(frozen=True, eq=False)
class _Drawn:
    """The images that are explained, their true classes, and who counts their maps."""

    rows: Rows
    values: Sequence[str]
    counting: Counting

    def of(self, part: Answered) -> Rows:
        """Those that a checkpoint is judged on."""
        return np.intersect1d(self.rows, part.rows)

    def truth(self, rows: Rows, classes: Sequence[str], who: str) -> NDArray[np.int64]:
        """The places of their true classes."""
        known = dict(zip(self.rows.tolist(), self.values, strict=True))
        return numbers_of([known[row] for row in rows.tolist()], classes, who)


def _judged(bench: Bench, name: str, place: int, parts: Sequence[Answered], chosen: _Drawn) -> Judged:
    """The maps of a checkpoint, or of the folds of a cross-validation."""
    how = bench.options.resampling
    rows = np.concatenate([chosen.of(part) for part in parts])
    people, left_out = _people(bench, parts, chosen)
    methods = tuple(each for each in people[0].maps if all(each in person.maps for person in people))
    classes = parts[0].contestant.model.card.classes or tuple(sorted(set(chosen.values)))
    truth, group = chosen.truth(rows, classes, name), groups_of(bench.items(rows))
    right = {
        each: means_of((np.array([person.named[each] for person in people]) == truth[:, None]) * 1.0, group, how)
        for each in (*methods, _RANDOM, _NOTHING, _WHOLE)
    }
    dice = np.array([_between(person, methods) for person in people])  # (people, pairs, shares)
    pairs = {pair: means_of(dice[:, number], group, how) for number, pair in enumerate(combinations(methods, 2))}
    of_classes = {
        each: ClassMaps(np.stack([person.maps[each] for person in people]), truth, group).estimates(how)
        for each in methods
    }
    named = {each: {(classes[a], classes[b]): found for (a, b), found in of.items()} for each, of in of_classes.items()}
    return Judged(name, place, methods, right, pairs, named, left_out)


def _people(bench: Bench, parts: Sequence[Answered], chosen: _Drawn) -> tuple[list[_Person], dict[str, str]]:
    """All images, in the order of the parts, and why methods could not explain a network."""
    brain = _anywhere(bench, parts[0], chosen.rows)
    people: list[_Person] = []
    left_out: dict[str, str] = {}
    for part in (each for each in parts if len(chosen.of(each))):
        model, rows = part.contestant.model, chosen.of(part)
        explainer = Explainer(model, bench.options.explain, chosen.counting, _CLASS)
        hidden = volumes.filler(model, [_image(bench, part, int(row)) for row in rows])
        for row in rows:
            people.append(_person(_Look(bench, explainer, part, hidden, brain), int(row)))
        left_out |= explainer.left_out
    return people, left_out


def _image(bench: Bench, answered: Answered, row: int) -> ModelInput:
    return volumes.image_of(np.array(bench.data.images[row]), answered.contestant.model.card)


def _anywhere(bench: Bench, answered: Answered, rows: Rows) -> NDArray[np.intp]:
    """Voxels that are brain in anybody."""
    brain = _image(bench, answered, int(rows[0])).brain
    for row in rows[1:]:
        brain = brain | _image(bench, answered, int(row)).brain
    return np.flatnonzero(brain)


@dataclass(frozen=True, eq=False)
class _Look:
    """A network, what stands where images are hidden, and the voxels whose relevance is kept."""

    bench: Bench
    explainer: Explainer
    answered: Answered
    hidden: NDArray[np.float32]
    voxels: NDArray[np.intp]


def _person(look: _Look, row: int) -> _Person:
    """Everything of one image."""
    image, network = _image(look.bench, look.answered, row), look.answered.contestant.model.network
    order = random_order(image.brain, row, look.bench.options.resampling.seed)
    maps, largest = {}, {}
    masks = {_RANDOM: list(kept(order * 0, image.brain, order)), _NOTHING: [np.zeros_like(image.brain)]}
    for name, relevance in look.explainer.maps(image).items():
        masks[name] = list(kept(relevance, image.brain, order))
        maps[name] = _unit(relevance.flat[look.voxels])
        largest[name] = np.stack([(mask & (relevance > 0)).flat[look.voxels] for mask in masks[name]])
    named = {name: answers(network, image.data[0, 0], look.hidden, each) for name, each in masks.items()}
    whole = int(logits_of(look.answered.said_of(np.array([row]))).argmax())
    named |= {_NOTHING: named[_NOTHING] * len(SHARES), _WHOLE: [whole] * len(SHARES)}
    return _Person(maps, largest, named)


def _unit(relevance: Map) -> NDArray[np.float32]:
    return np.asarray(relevance / (relevance.sum() or 1.0), np.float32)


def _between(person: _Person, methods: Sequence[str]) -> NDArray[np.float64]:
    """Dice of the maps by every two methods, (pairs, shares)."""
    if len(methods) < 2:
        return np.empty((0, len(SHARES)))
    of_shares = [np.stack([person.largest[name][share] for name in methods]) for share in range(len(SHARES))]
    return np.stack([overlaps(masks) for masks in of_shares], axis=1)


def _said(judged: Judged) -> str:
    said = "; ".join(f"{name} {found[_MIDDLE].value:.3f}" for name, found in judged.right.items())
    return f"{judged.name}: share of right answers to the most relevant {_SAID[_MIDDLE]} of voxels: {said}"


def _figures(judged: Judged) -> dict[str, Estimate]:
    """What `metrics.tsv` has."""
    return {
        f"map {name}: right answers to {said}": each
        for name, found in judged.right.items()
        for said, each in zip(_SAID, found, strict=True)
    }


def _tables(judged: Judged) -> tuple[Table, ...]:
    if not judged.methods:
        return ()
    right = tuple((name, *map(str, found)) for name, found in judged.right.items())
    note = "The whole image is shown for comparison; a map that beats random voxels holds what the network needs."
    title = f"Share of right answers when only the most relevant voxels are shown, {judged.name}"
    tables = [Table(f"maps-{judged.place}", title, ("shown", *_SAID), right, note)]
    tables += [_of_methods(judged, number) for number in range(len(SHARES)) if judged.between_methods]
    rows = tuple(
        (name, " and ".join(pair), *map(str, found))
        for name, of in judged.between_classes.items()
        for pair, found in of.items()
    )
    if rows:
        title = f"Dice of the classes' mean maps, {judged.name}"
        chance = (
            "Of voxels at random, the Dice coefficient is about the share that is kept. Mean maps of fewer people "
            "overlap less: bootstrap samples have fewer different people, so intervals can lie below the value."
        )
        tables.append(Table(f"maps-dice-classes-{judged.place}", title, ("method", "classes", *_SAID), rows, chance))
    return tuple(tables)


def _of_methods(judged: Judged, number: int) -> Table:
    """Dice of the maps by every two methods at a share."""

    def cell(first: str, second: str) -> str:
        found = judged.between_methods.get((first, second)) or judged.between_methods.get((second, first))
        return str(found[number]) if found else "1.000"

    rows = tuple((first, *(cell(first, second) for second in judged.methods)) for first in judged.methods)
    said = _SAID[number]
    title = f"Dice of the most relevant {said} between methods, mean over people, {judged.name}"
    return Table(f"maps-dice-{said.rstrip('%')}-{judged.place}", title, ("method", *judged.methods), rows)
