"""Classic models beside a network: what the volume of the brain, plain voxels or a table of measures already tell.

Each learns from the network's training people, and is judged on the same people as the network. Kernels are computed
plane by plane from the data set's file, so that memory does not grow with images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.datasets import DataSet
from wbtools.datasets.labels import IDS
from wbtools.errors import InputError
from wbtools.evaluating.people import Rows
from wbtools.subject.identity import person_key
from wbtools.tables.tabular import read
from wbtools.text import counted

Values = NDArray[np.float64]
_SEED = 0
_NEIGHBOURS = 15
_LARGEST = 1e100  # whose square can still be computed
_MOST = 2000  # measures


@dataclass(frozen=True, eq=False)
class Task:
    """What a classic model learns, and whom it is asked about.

    Parameters
    ----------
    data : DataSet
    learned, judged : ndarray, int
        Rows of the images.
    truth : ndarray, (L,), int
        Classes of those that are learned from.
    """

    data: DataSet
    learned: Rows
    judged: Rows
    truth: NDArray[np.int64]


Baseline = Callable[[Task], Values]
"""Scores (N, K) of the images that are judged; the highest is the class that is named."""


def by_volume(task: Task) -> Values:
    """Logistic regression on the number of voxels that are not 0: in brains without their skull, the brain's volume."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known, asked = (_volumes(task.data, rows) for rows in (task.learned, task.judged))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(known, task.truth)
    return _columns(model.decision_function(asked))


def by_voxels(task: Task) -> Values:
    """A linear support vector machine on voxels."""
    from sklearn.svm import SVC

    known, asked = kernels(task.data, task.learned, task.judged)
    scale = np.trace(known) / len(known)  # whatever the intensities, C means the same
    model = SVC(kernel="precomputed").fit(known / scale, task.truth)
    return _columns(model.decision_function(asked / scale))


OF_IMAGES: Mapping[str, Baseline] = {
    "brain volume": by_volume,
    "linear SVM on voxels": by_voxels,
}
"""By name."""


def kernels(data: DataSet, learned: Rows, judged: Rows) -> tuple[Values, Values]:
    """Products of images with those that are learned from, whose mean is subtracted from all.

    Returns
    -------
    known : ndarray, (L, L)
    asked : ndarray, (N, L)
    """
    known, asked = np.zeros((len(learned), len(learned))), np.zeros((len(judged), len(learned)))
    for plane in range(data.images.shape[2]):
        mine, theirs = (
            np.asarray(data.images[rows, :, plane], np.float64).reshape(len(rows), -1) for rows in (learned, judged)
        )
        mean = mine.mean(0)
        mine, theirs = mine - mean, theirs - mean
        known += mine @ mine.T
        asked += theirs @ mine.T
    return known, asked


def _volumes(data: DataSet, rows: Rows) -> Values:
    return np.array([[np.count_nonzero(data.images[row])] for row in rows], np.float64)


def _columns(decided: NDArray[np.floating[Any]]) -> Values:
    """A column for each class; of two classes, scikit-learn gives one for the second."""
    values = np.asarray(decided, np.float64)
    return np.stack([-values, values], 1) if values.ndim == 1 else values


@dataclass(frozen=True, eq=False)
class Measures:
    """Numbers that a table has of people.

    Parameters
    ----------
    names : tuple of str
    values : ndarray, (R, M)
        Of the images of a data set; NaN where missing.
    """

    names: tuple[str, ...]
    values: Values


def measures_in(path: Path, data: DataSet, rows: Rows) -> Measures:
    """The numbers of a table, such as FreeSurfer's, for the people of a data set.

    Parameters
    ----------
    path : Path
        TSV or CSV with a column of ids; columns that hold anything but numbers are left out.
    data : DataSet
    rows : ndarray, int
        Images whose people have to be in the table.

    Raises
    ------
    InputError
        If it has no ids or no numbers, two lines of somebody, or not everybody.
    """
    table = read(path)
    ids = table.column(*IDS)
    if not ids:
        raise InputError(f"{path} has no column of ids", hint=f"name it {IDS[0]}")
    lines: dict[str, Mapping[str, str]] = {}
    for row in table.rows:
        if lines.setdefault(person := person_key(row.get(ids, "")), row) is not row:
            raise InputError(f"{path} has two lines of {person}", hint="keep one of them")
    people = [person_key(item.person) for item in data.items]
    if missing := [people[row] for row in rows if people[row] not in lines]:
        raise InputError(f"{path} has no line of {counted(len(missing), 'person')}, the first is {missing[0]}")
    names = [name for name in table.names if name != ids and _all_numbers(row.get(name, "") for row in table.rows)]
    if not names:
        raise InputError(f"{path} has no column of numbers", hint="give measures as plain numbers, such as 1234.5")
    if len(names) > _MOST:
        raise InputError(
            f"{path} has {len(names):,} columns of numbers, {_MOST:,} are the most", hint="keep some of them"
        )
    found = [[_number(lines.get(person, {}).get(name, "")) for name in names] for person in people]
    return Measures(tuple(names), np.array(found, np.float64))


def _all_numbers(cells: Any) -> bool:
    kept = [_number(cell) for cell in cells if cell]
    return bool(kept) and bool(np.isfinite(kept).all())


def _number(cell: str) -> float:
    try:
        found = float(cell)
    except ValueError:
        return float("nan")
    return found if abs(found) < _LARGEST else float("nan")


def _models(people: int = _NEIGHBOURS) -> dict[str, Any]:
    """By name, for so many people to learn from."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

    return {
        "gradient boosting": GradientBoostingClassifier(random_state=_SEED),
        "logistic regression": LogisticRegression(max_iter=1000),
        "nearest neighbours": KNeighborsClassifier(min(people, _NEIGHBOURS)),
        "support vector machine": SVC(),
    }


def of_measures(measures: Measures) -> dict[str, Baseline]:
    """Classic models of a table, by name; missing numbers are replaced by the training people's median."""

    def asked(name: str) -> Baseline:
        def scores(task: Task) -> Values:
            model = _fitted(name, measures, task)
            values = measures.values[task.judged]
            if hasattr(model, "decision_function"):
                return _columns(model.decision_function(values))
            return np.asarray(model.predict_proba(values), np.float64)

        return scores

    return {f"{name} on measures": asked(name) for name in _models()}


def importances(measures: Measures, task: Task, truth: NDArray[np.int64]) -> list[tuple[str, float]]:
    """How much less often gradient boosting is right if one measure is shuffled among the people judged, most first."""
    from sklearn.inspection import permutation_importance

    model = _fitted("gradient boosting", measures, task)
    found = permutation_importance(model, measures.values[task.judged], truth, n_repeats=10, random_state=_SEED)
    order: Sequence[int] = np.argsort(-found.importances_mean, kind="stable").tolist()
    return [(measures.names[place], float(found.importances_mean[place])) for place in order]


def _fitted(name: str, measures: Measures, task: Task) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    steps = (
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        _models(len(task.learned))[name],
    )
    return make_pipeline(*steps).fit(measures.values[task.learned], task.truth)
