"""Hash codes: how often the nearest are of the same class, against chance and against real values (system S5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wbtools.datasets import DataSet, Kind
from wbtools.errors import InputError
from wbtools.evaluating import retrieval
from wbtools.evaluating.answers import Look
from wbtools.evaluating.bootstrap import FEWEST, Estimate, estimates, groups_of
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.figures import retrieval as drawings
from wbtools.evaluating.findings import Findings, Section, Table, shown, side_by_side
from wbtools.evaluating.labels import label_of, values_of
from wbtools.evaluating.people import Rows
from wbtools.evaluating.recipes.evaluation import Answered, Bench, Evaluation, Options
from wbtools.evaluating.retrieval import MEASURES, Found
from wbtools.evaluating.told import too_few
from wbtools.model.family import Network
from wbtools.text import counted
from wbtools.training.retrieval import hamming

_LABEL = "sex"
_AT = (1, 5, 10)
_NOTE = (
    "Every image is a query among all others, except those of its own family. Equal distances: means over all their "
    "orders. Chance: all distances equal.",
    "Intervals: queries were drawn again by family; the images searched stay.",
)


def _answer(network: Network, look: Look) -> Tensor:
    codes: Tensor = network(look.images)
    return codes


def check(data: DataSet, rows: Rows, options: Options, contestants: Sequence[Contestant]) -> None:
    """Require a label that somebody else has, too."""
    values = values_of(data, rows, label_of(options.label, contestants, _LABEL))
    group = groups_of([data.items[row] for row in rows])
    classes = np.unique(values, return_inverse=True)[1]
    if retrieval.search(np.zeros((len(rows),) * 2), classes, group, 1) is None:
        raise InputError(f"no image of {data.folder} has one of its class to find", hint="give more images of a class")


@dataclass(frozen=True, eq=False)
class _Case:
    """A checkpoint, and what it finds.

    Parameters
    ----------
    name : str
    place : int
        From 1.
    codes : ndarray, (N, B)
    classes : ndarray, (N,), int
    found : mapping of str to Found
        By Hamming distance (`hamming`), by cosine distance of real values (`real`), and at random (`chance`).
    """

    name: str
    place: int
    codes: NDArray[np.float32]
    classes: NDArray[np.int64]
    found: Mapping[str, Found]

    @property
    def top(self) -> int:
        """How many of the nearest are looked at."""
        return int(self.found["hamming"].curves["map"].shape[1])


def measure(bench: Bench) -> Findings:
    """Figures of retrieval.

    Parameters
    ----------
    bench : Bench
    """
    label = label_of(bench.options.label, [answered.contestant for answered in bench.answered], _LABEL)
    values = values_of(bench.data, bench.rows, label)
    cases = [_case(bench, answered, values, place) for place, answered in enumerate(bench.answered, 1)]
    at = tuple(dict.fromkeys(min(n, cases[0].top) for n in (*_AT, bench.options.top)))
    found = {case.name: _estimates(case, bench, at) for case in cases}
    most = max(at)
    headline = tuple(
        f"{case.name}: mAP@{most} {found[case.name][f'map@{most}']} with {counted(case.codes.shape[1], 'bit')}, chance "
        f"{found[case.name][f'chance map@{most}'].value:.3f}"
        for case in cases
    )
    sections = (_results(bench, cases, found, (label, at)), _codes(cases, values))
    more = {
        "label": label,
        "groups": cases[0].found["hamming"].groups,
        "curves": {
            case.name: {
                kind: {name: curve.tolist() for name, curve in each.means().items()}
                for kind, each in case.found.items()
            }
            for case in cases
        },
    }
    return Findings(headline, sections, found, more)


def _case(bench: Bench, answered: Answered, values: Sequence[str], place: int) -> _Case:
    classes = np.unique(values, return_inverse=True)[1].astype(np.int64)
    group = groups_of(bench.items(bench.rows))
    codes = answered.judged
    units = codes.astype(np.float64) / np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-12)
    distances = {
        "hamming": hamming(codes),
        "real": (1 - units @ units.T).round(9),
        "chance": np.zeros((len(codes),) * 2),
    }
    found = {name: retrieval.search(each, classes, group, bench.options.top) for name, each in distances.items()}
    return _Case(answered.name, place, codes, classes, {name: each for name, each in found.items() if each is not None})


def _estimates(case: _Case, bench: Bench, at: Sequence[int]) -> dict[str, Estimate]:
    def statistic(counts: NDArray[np.int64]) -> dict[str, float]:
        figures = {kind: each.figures(at, counts) for kind, each in case.found.items()}
        prefixed = {f"{kind} {name}": value for kind in ("chance", "real") for name, value in figures[kind].items()}
        above = {f"above chance {name}": value - figures["chance"][name] for name, value in figures["hamming"].items()}
        lost = {f"lost {name}": figures["real"][name] - value for name, value in figures["hamming"].items()}
        return {**figures["hamming"], **prefixed, **above, **lost}

    hamming = case.found["hamming"]
    found = estimates(statistic, hamming.groups, bench.options.resampling)
    return {name: each if hamming.query_groups >= FEWEST else each.alone() for name, each in found.items()}


def _results(
    bench: Bench,
    cases: Sequence[_Case],
    found: Mapping[str, Mapping[str, Estimate]],
    asked: tuple[str, Sequence[int]],
) -> Section:
    label, at = asked
    first = cases[0]
    queries, groups = len(first.found["hamming"].group), first.found["hamming"].groups
    asking, families = counted(queries, "query", "queries"), counted(groups, "family")
    words = [f"{asking} among {counted(len(first.codes), 'image')} of {families}, for images of the same {label}."]
    if left_out := len(first.codes) - queries:
        words.append(f"{counted(left_out, 'image')} left out as queries: nobody else has their {label}.")
    words += too_few(min(groups, first.found["hamming"].query_groups))
    spoken = {}
    for n in at:
        for name, said in MEASURES.items():
            spoken[f"{name}@{n}"] = f"{said}@{n}"
            spoken[f"chance {name}@{n}"] = f"{said}@{n} by chance"
    last = max(at)
    spoken[f"above chance map@{last}"] = f"mAP@{last} above chance"
    spoken[f"real map@{last}"] = f"mAP@{last} of real values, cosine distance"
    spoken[f"lost map@{last}"] = f"mAP@{last} lost by bits"
    table = side_by_side(found, spoken, bench.options.resampling, _NOTE)
    curves = {f"{case.name}, {case.codes.shape[1]} bits": case.found["hamming"].means() for case in cases}
    figure = drawings.curves(curves, first.found["chance"].means())
    return Section("Results", tuple(words), (table,), (figure,))


def _codes(cases: Sequence[_Case], values: Sequence[str]) -> Section:
    """How bits are used."""
    rows = []
    for case in cases:
        bits = case.codes > 0
        share = bits.mean(0)
        sure = share.clip(1e-12, 1 - 1e-12)
        entropy = -(sure * np.log2(sure) + (1 - sure) * np.log2(1 - sure))
        different = len(np.unique(bits, axis=0))
        constant = int(((share == 0) | (share == 1)).sum())
        rows.append(
            (case.name, str(bits.shape[1]), f"{different} of {len(bits)}", shown(entropy.mean()), str(constant))
        )
    header = ("checkpoint", "bits", "different codes", "mean entropy of a bit", "bits that never change")
    figures = tuple(drawings.codes(case.name, case.place, case.codes > 0, values) for case in cases)
    return Section("Codes", (), (Table("codes", "How bits are used", header, tuple(rows)),), figures)


EVALUATION = Evaluation(
    name="hashing",
    families=("ad3dcnn",),
    kinds=(Kind.VOLUMES,),
    answer=_answer,
    check=check,
    measure=measure,
)
