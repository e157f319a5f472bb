"""Symmetry: how well slices with a simulated lesion are told from those without, by its size (system S2).

Every slice is shown as it is, and once with a lesion of each published size, the same for all checkpoints: discs and
squares in turn, flat, at random places inside the tissue of a random half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wbtools.datasets import DataSet, Kind
from wbtools.errors import InputError
from wbtools.evaluating import classification, told
from wbtools.evaluating.answers import Look
from wbtools.evaluating.bootstrap import Estimate, estimates, groups_of
from wbtools.evaluating.classification import Scores
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.figures import sizes as drawings
from wbtools.evaluating.findings import Findings, Section, Table
from wbtools.evaluating.maps import of_lesions
from wbtools.evaluating.maps.lesions import with_lesions
from wbtools.evaluating.people import Rows
from wbtools.evaluating.recipes.evaluation import Answered, Bench, Evaluation, Options
from wbtools.evaluating.told import Told
from wbtools.model.families.hemispheres import Hemispheres
from wbtools.model.family import Network
from wbtools.text import counted
from wbtools.training.simulated import PUBLISHED_SIDE, SIZES

_CLASSES = ("alike", "lesion")


def _answer(network: Network, look: Look) -> Tensor:
    """The value of every slice as it is, and with a lesion of each size, (N, 1 + sizes)."""
    assert isinstance(network, Hemispheres)
    halves = look.images.cpu().numpy().astype(np.uint8)
    shown = [halves, *(with_lesions(halves, look.rows, size)[0] for size in range(len(SIZES)))]
    return torch.cat([_compared(network, each, look.images.device) for each in shown], dim=1)


def _compared(network: Hemispheres, halves: NDArray[np.uint8], device: torch.device) -> Tensor:
    both = np.concatenate([halves[:, :1], halves[:, 1:]]).astype(np.float32)
    return network.compared(torch.from_numpy(both).to(device))


def check(data: DataSet, rows: Rows, options: Options, contestants: Sequence[Contestant]) -> None:
    """Require both halves of slices."""
    if data.manifest.shape[0] != 2:
        raise InputError(
            f"slices of {data.folder} have {data.manifest.shape[0]} halves, not 2",
            hint="prepare them with wbtools prepare symmetry",
        )


def measure(bench: Bench) -> Findings:
    """Figures of slices.

    Parameters
    ----------
    bench : Bench
    """
    group = groups_of(bench.items(bench.rows))
    cases = [
        Told(answered.name, place, scores_of(answered.judged, group))
        for place, answered in enumerate(bench.answered, 1)
    ]
    found = {case.name: case.estimates(bench.options.resampling) for case in cases}
    by_size = {answered.name: _by_size(answered, group, bench) for answered in bench.answered}
    headline = tuple(f"{name}: accuracy {each['accuracy']}, AUC {each['auc']}" for name, each in found.items())
    words = [
        f"{counted(len(group), 'slice')} of {counted(int(group.max()) + 1, 'family')}, each as it is and once with a "
        "lesion, of all sizes in turn. Lesions are simulated, discs and squares; how networks do on real ones is not "
        "known from this.",
    ]
    more = {
        "groups": int(group.max()) + 1,
        "confusion": {case.name: case.confusion() for case in cases},
        "sizes": {
            name: {
                str(size): {figure: each[figure].as_record() for figure in ("auc", "accuracy")}
                for size, each in sizes.items()
            }
            for name, sizes in by_size.items()
        },
    }
    sections = (told.results(cases, found, words, bench.options.resampling), _sizes(by_size))
    return Findings(headline, sections, found, more)


def scores_of(values: NDArray[np.floating], group: NDArray[np.int64], size: int | None = None) -> Scores:
    """Slices without a lesion and with one.

    Parameters
    ----------
    values : ndarray, (N, 1 + sizes)
        Above 0, halves differ; the first column is without a lesion.
    group : ndarray, (N,), int
    size : int, optional
        Place in `SIZES` of all lesions; slices have them in turn without.
    """
    count = len(values)
    column = np.arange(count) % (values.shape[1] - 1) if size is None else np.full(count, size)
    both = np.concatenate([values[:, 0], values[np.arange(count), 1 + column]]).astype(np.float64)
    truth = np.repeat([0, 1], count)
    return Scores(np.stack([-both, both], axis=1), truth, np.tile(group, 2), _CLASSES)


def _by_size(answered: Answered, group: NDArray[np.int64], bench: Bench) -> dict[int, dict[str, Estimate]]:
    found = {}
    for place, size in enumerate(SIZES):
        scores = scores_of(answered.judged, group, place)
        found[size] = estimates(
            lambda counts, scores=scores: classification.figures(scores, counts),  # type: ignore[misc]
            scores.groups,
            bench.options.resampling,
        )
    return found


def _sizes(found: Mapping[str, Mapping[int, Mapping[str, Estimate]]]) -> Section:
    """Figures by size of the lesion, a column for each checkpoint."""
    tables = tuple(
        Table(
            f"sizes-{figure}",
            f"{said} by size of the lesion",
            ("pixels across", *found),
            tuple((str(size), *(str(each[size][figure]) for each in found.values())) for size in SIZES),
            f"Pixels of the published grid of {PUBLISHED_SIDE}. As many slices without a lesion as with one.",
        )
        for figure, said in (("auc", "AUC"), ("accuracy", "Accuracy"))
    )
    return Section("Sizes of lesions", (), tables, (drawings.by_size(found), drawings.heatmap(found)))


EVALUATION = Evaluation(
    name="symmetry",
    families=("hemispheres",),
    kinds=(Kind.SLICES,),
    answer=_answer,
    check=check,
    measure=measure,
    maps=of_lesions.measure,
)
