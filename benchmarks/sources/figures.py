"""Figures of a way to make maps, of one network and each of its people.

- auc: chance that a voxel of the source has more |R| than another voxel of the brain; `blurred`: by one voxel first.
- precision: share of the source among as many voxels of the brain with the largest |R| as the source has.
- inside: share of |R| within the source.
- rank: mean rank of the source's labels, of all labels, by what the method ranks regions by: mean |R| or, of pooled
  maps, the mean square before pooling; moved so that 1 is best however many there are.
- first: whether one of them is the first of all labels.
- decoy: whether mean |R| is larger in the source than in the decoy.
- null: rank correlation of |R| with that of a network with randomised weights, over the brain.
- again: correlation of what the labels are ranked by between two scans of the person.
- conservation: as in `wbtools.attribution.MethodOutput`.
- forwards: time of the processor, in forward passes of the same network.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata

from sources.case import Case, Exam, Store
from sources.ways import BASELINES, Map, Way
from wbtools.attribution import METHODS, MethodOutput
from wbtools.attribution.evaluation.randomisation import randomised
from wbtools.attribution.evaluation.similarity import Similarity
from wbtools.errors import WbtoolsError
from wbtools.model import Model

Mask = NDArray[np.bool_]

Figures = dict[str, list[float]]
"""By name, a value for each person; NaN where it was not measured."""

LOOKED_AT_AGAIN = 2
"""So many people of a network have a second scan explained, and a randomised network."""


def voxel_auc(score: Map, inside: Mask) -> float:
    """Chance that a voxel inside scores higher than one that is not; ties count half.

    Examples
    --------
    >>> voxel_auc(np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, True, False, True]))
    0.75
    """
    ranks = rankdata(score)
    n, m = int(inside.sum()), int((~inside).sum())
    return float((ranks[inside].sum() - n * (n + 1) / 2) / (n * m))


def precision(score: Map, inside: Mask) -> float:
    """Share of the source among as many voxels with the largest score as it has.

    Examples
    --------
    >>> precision(np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, True, False, True]))
    0.5
    """
    order = np.argsort(-score, kind="stable")
    return float(inside[order[: int(inside.sum())]].mean())


def label_means(size: Map, labels: NDArray[np.integer], keys: NDArray[np.integer]) -> NDArray[np.float64]:
    """Mean of a map over each label; NaN for labels without a voxel."""
    flat = labels.ravel()
    count = np.bincount(flat, minlength=int(keys.max()) + 1)[keys]
    total = np.bincount(flat, size.ravel(), minlength=int(keys.max()) + 1)[keys]
    found: NDArray[np.float64] = np.divide(total, count, out=np.full(len(keys), np.nan), where=count > 0)
    return found


def rank_of(means: NDArray[np.float64], mine: Mask) -> tuple[float, bool]:
    """Mean rank of some labels, moved so that 1 is best however many they are; and whether one of them is first.

    Examples
    --------
    >>> rank_of(np.array([5.0, 1.0, 4.0]), np.array([True, False, True]))
    (1.0, True)
    """
    ranks = rankdata(-np.nan_to_num(means, nan=-np.inf))[mine]
    if not len(ranks):  # a source in labels too small to be ranked
        return math.nan, False
    return float(ranks.mean() - (len(ranks) - 1) / 2), bool(ranks.min() == 1)


def placed(size: Map, brain: Mask, truth: Mask, decoy: Mask) -> dict[str, float]:
    """The figures that need the map and the masks only."""
    blurred = gaussian_filter(size, 1.0)
    return {
        "auc": voxel_auc(size[brain], truth[brain]),
        "blurred": voxel_auc(blurred[brain], truth[brain]),
        "precision": precision(size[brain], truth[brain]),
        "inside": float(size[truth].sum() / max(size[brain].sum(), 1e-30)),
        "decoy": float(size[truth].mean() > size[decoy].mean()) if decoy.any() else math.nan,
    }


def measure(exam: Exam, way: Way) -> Figures:
    """All figures of a way and a network."""
    people, found = exam.people, []
    forward = forward_seconds(exam.model, people.images[:1])
    if way.references:
        exam.brains(way.references)  # made once, and no part of a map's cost
    for i in range(len(people)):
        image = people.images[i : i + 1]
        start = time.process_time()
        output = way.explain(exam, image)
        seconds = time.process_time() - start
        size = np.abs(output.relevance).astype(np.float64)
        brain = image[0, 0].numpy() > 0
        levels = _levels(output, people.labels[i], exam.keys)
        rank, first = rank_of(levels, np.isin(exam.keys, people.regions[i]))
        conservation = output.conservation
        found.append(
            {
                **placed(size, brain, people.truth[i], people.decoy[i]),
                **(
                    _again(exam, way, i, size, levels) if i < LOOKED_AT_AGAIN else {"null": math.nan, "again": math.nan}
                ),
                "rank": rank,
                "first": float(first),
                "conservation": math.nan if conservation is None else conservation,
                "forwards": seconds / forward,
            }
        )
    return {name: [figures[name] for figures in found] for name in found[0]}


def _levels(output: MethodOutput, labels: NDArray[np.integer], keys: NDArray[np.integer]) -> NDArray[np.float64]:
    """What the labels are ranked by."""
    if output.squares is not None:
        return np.sqrt(label_means(output.squares, labels, keys))
    return label_means(np.abs(output.relevance), labels, keys)


def _again(exam: Exam, way: Way, i: int, size: Map, levels: NDArray[np.float64]) -> dict[str, float]:
    """How much a map is like that of a randomised network, and like that of another scan."""
    image, second = exam.people.images[i : i + 1], exam.people.again[i : i + 1]
    others = _levels(way.explain(exam, second), exam.people.labels_again[i], exam.keys)
    known = ~np.isnan(levels) & ~np.isnan(others)
    null = math.nan
    if way.method not in BASELINES:
        brain = image[0, 0].numpy() > 0
        output = way.explain(exam, image, _randomised(exam, i))
        null = Similarity.of(size[brain], output.relevance[brain]).spearman
    return {"null": null, "again": float(np.corrcoef(levels[known], others[known])[0, 1])}


@lru_cache(maxsize=LOOKED_AT_AGAIN)
def _randomised(exam: Exam, i: int) -> Model:
    """A network with randomised weights, fitted to the person's scan and the template as an export does."""
    image = exam.people.images[i : i + 1]
    shown = torch.cat((image, *exam.references(image, "template")))
    return replace(exam.model, network=randomised(exam.model, shown, seed=7000 + i))


@torch.no_grad()
def forward_seconds(model: Model, image: torch.Tensor, times: int = 7) -> float:
    """Time of the processor for one forward pass, the median of a few."""
    answer: Callable[[torch.Tensor], torch.Tensor] = getattr(model.network, model.network.answers[0])
    seconds = []
    for _ in range(times):
        start = time.process_time()
        answer(image)
        seconds.append(time.process_time() - start)
    return float(np.median(seconds))


class Kept:
    """Figures in a folder, a file for each network and way.

    Parameters
    ----------
    store : Store
    people : int
        Of each network.
    """

    def __init__(self, store: Store, people: int) -> None:
        self.store, self.people = store, people

    def path(self, case: Case, way: Way) -> Path:
        """Where the figures are."""
        return self.store.work / "figures" / case.name / way.file

    def read(self, case: Case, way: Way) -> Figures | None:
        """Figures that were measured of at least as many people; empty if the way does not suit the network."""
        path = self.path(case, way)
        if not path.exists():
            return None
        found: Figures = json.loads(path.read_text())
        return found if not found or len(found["auc"]) >= self.people else None

    def measure(self, case: Case, wanted: tuple[Way, ...]) -> None:
        """Measure what is missing."""
        missing = [way for way in wanted if self.read(case, way) is None]
        if not missing:
            return
        exam = self.store.exam(case, self.people)
        if not exam.training.learned:
            return
        for way in missing:
            try:
                figures = measure(exam, way)
            except WbtoolsError:  # a method that needs a layer, which this network lacks
                figures = {}
            path = self.path(case, way)
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps(figures))
            partial.replace(path)


def known_methods() -> tuple[str, ...]:
    """Names that `--methods` takes."""
    return (*METHODS, *BASELINES)
