"""Cohorts of one network: relevance of many people's regions in its maps and in those of randomised networks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from calibrated_areas import HOW, REFERENCES, Areas
from calibration import KINDS, Shown
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from sources.case import Case, Exam, Store
from wbtools.attribution.evaluation.null_maps import asked_of_null, null_maps
from wbtools.attribution.question import Question
from wbtools.attribution.runtime.memory import reused
from wbtools.model.family import Network
from wbtools.regions.calibration import levels_of

_log = logging.getLogger(__name__)

Array = NDArray[np.float64]

REFERENCE = "made-up"
"""What maps compare with: the heads that every export has."""


@dataclass(frozen=True, eq=False)
class Cohort:
    """People who are explained by one network.

    Parameters
    ----------
    found : ndarray, (N, 1 + K, R + 1)
        What an export ranks regions by, root mean squares before pooling, in maps of the network and of K randomised
        networks that are made alike; the last region is the source.
    share : ndarray, (R,)
        Of each area that lies in the source, mean over people.
    """

    found: Array
    share: Array

    def part(self, people: NDArray[np.intp]) -> Cohort:
        """Some of the people."""
        return Cohort(self.found[people], self.share)

    @property
    def true(self) -> NDArray[np.intp]:
        """Areas of which at least half lies in the source: two at least."""
        return np.flatnonzero(self.share >= min(0.5, float(np.sort(self.share)[-2])))

    @property
    def of_areas(self) -> Array:
        """Levels of the atlas's areas, (N, R)."""
        return levels(self.found[:, 0, :-1])

    @property
    def with_source(self) -> Array:
        """Levels of the areas but the true ones, for which the source itself stands, as the last, (N, Q)."""
        return levels(np.delete(self.found[:, 0], self.true, axis=1))

    @property
    def compared(self) -> Array:
        """Levels of the areas that are compared with randomised networks, (N, 1 + K, R)."""
        return levels(self.found[..., :-1])


def levels(found: Array) -> Array:
    """Levels of maps, (..., R)."""
    return levels_of(found.reshape(-1, found.shape[-1])).reshape(found.shape)


@dataclass(frozen=True, eq=False)
class Asked:
    """The people of an exam, their atlases, and the made-up heads that their maps compare with."""

    exam: Exam
    shares: csr_array

    def of_person(self, i: int) -> tuple[Question, Areas]:
        """What is asked about a person, and the regions, the source last."""
        exam, image = self.exam, self.exam.people.images[i : i + 1]
        source = csr_array(exam.people.truth[i].reshape(1, -1).astype(np.float32))
        areas = Areas(csr_array(vstack((self.shares[:, exam.people.origins[i].ravel()], source))))
        return exam.question(image, exam.references(image, REFERENCE)), areas

    def maps(self, i: int, networks: Iterable[Network]) -> Array:
        """What an export ranks regions by in maps of networks that are asked as randomised ones are, (M, R + 1)."""
        question, areas = self.of_person(i)
        return np.vstack([areas.levels(HOW.explain(self._put(question, each)).unpooled[None]) for each in networks])

    def randomised(self, i: int, count: int) -> Array:
        """The same in maps of the randomised networks that an export has, (count, R + 1)."""
        question, areas = self.of_person(i)
        return areas.levels(null_maps(asked_of_null(question), HOW, count).maps)

    def _put(self, question: Question, network: Network) -> Question:
        model = replace(self.exam.model, network=network)
        return self.exam.question(question.image, asked_of_null(question).references, model)


def cohort(store: Store, case: Case, shares: csr_array, people: int) -> Cohort:
    """The people of one trained network; kept in the folder, or found there."""

    def made() -> dict[str, Array]:
        asked = Asked(store.exam(case, people), shares)
        own = asked.exam.model.network
        rows = [np.vstack((asked.maps(i, [own]), asked.randomised(i, HOW.null_networks))) for i in range(people)]
        truth = asked.exam.people.truth
        share = [asked.of_person(i)[1].means(truth[i : i + 1].astype(np.float32))[0, :-1] for i in range(people)]
        return {"found": np.array(rows), "share": np.mean(share, axis=0)}

    return Cohort(**_kept(store.work / "figures" / f"cohort-{case.name}-{people}.npz", made))


@dataclass(frozen=True)
class Sizes:
    """Of the comparison with networks that have learned nothing.

    Parameters
    ----------
    people : int
    networks : int
        Of each kind of `calibration.KINDS`.
    pool : int
        Randomised networks, of which each draw takes as many as an export has.
    """

    people: int = 20
    networks: int = 50
    pool: int = 40


def untrained(store: Store, case: Case, shares: csr_array, sizes: Sizes) -> dict[str, Array]:
    """What areas are ranked by in maps of untrained networks of one family, by kind, and of the pool; (N, M, R) each.

    A network is made once and explains all people, as a trained one does; batch norms that are fitted to a brain are
    fitted to the first person's.
    """

    def made() -> dict[str, Array]:
        asked = Asked(store.exam(case, sizes.people), shares)
        model, seen = asked.exam.model, asked.exam.people
        shown = Shown(seen.images[:1], seen.others[REFERENCES:])
        seeds = range(sizes.networks)
        networks = [make(model, shown, 10_000 * k + s) for k, make in enumerate(KINDS.values(), 1) for s in seeds]
        maps = np.array([asked.maps(i, networks) for i in range(sizes.people)])[..., :-1]
        found = dict(zip(KINDS, np.split(maps, len(KINDS), axis=1), strict=True))
        pool = [asked.randomised(i, sizes.pool)[:, :-1] for i in range(sizes.people)]
        return {**found, "pool": np.array(pool)}

    size = f"{sizes.people}-{sizes.networks}-{sizes.pool}"
    return _kept(store.work / "figures" / f"untrained-{case.family}-{size}.npz", made)


def _kept(path: Path, make: Callable[[], dict[str, Array]]) -> dict[str, Array]:
    """Arrays that a file holds, or that are made now and written into it."""
    if not path.exists():
        _log.info("%s", path.name)
        with reused():
            arrays = make()
        partial = path.with_name(f"partial-{path.name}")
        np.savez_compressed(partial, allow_pickle=False, **arrays)
        partial.replace(path)
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
