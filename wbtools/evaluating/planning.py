"""From what was asked for to an evaluation: everything is checked before a network looks at an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from wbtools.datasets import DataSet, open_data
from wbtools.errors import InputError
from wbtools.evaluating.answers import in_batches
from wbtools.evaluating.contestants import Contestant, found
from wbtools.evaluating.maps.explaining import methods_of
from wbtools.evaluating.people import CHOICES, Judged, Rows, folds, judged, require_fitting
from wbtools.evaluating.recipes import EVALUATIONS, evaluation_named
from wbtools.evaluating.recipes.baselines import measures_in
from wbtools.evaluating.recipes.evaluation import Evaluation, Options
from wbtools.output.destination import require_writable_around
from wbtools.output.publishing import require_absent
from wbtools.subject.containment import require_outside_inputs
from wbtools.training.runs.starting import device_named

SUBJECT = "an evaluation"
"""What the record of a folder says that it is about; only such folders are replaced."""

_NEEDED = {"sklearn": "scikit-learn", "matplotlib": "matplotlib", "jinja2": "Jinja2"}


@dataclass(frozen=True)
class Asked:
    """What is to be evaluated, as the user said it.

    Parameters
    ----------
    places : tuple of Path
        Runs and checkpoints.
    data, out : Path
    part : str
        One of `people.CHOICES`.
    recipe : str, optional
        What the checkpoints were trained for; they say it themselves if wbtools trained them.
    options : Options
    device : str
    overwrite : bool
        Whether an earlier evaluation in `out` is replaced.
    folds : bool
        Whether the checkpoints are folds of one cross-validation, to be judged together.
    """

    places: tuple[Path, ...]
    data: Path
    out: Path
    part: str = CHOICES[0]
    recipe: str | None = None
    options: Options = field(default_factory=Options)
    device: str = "auto"
    overwrite: bool = False
    folds: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """What will be evaluated.

    Parameters
    ----------
    asked : Asked
    evaluation : Evaluation
    data : DataSet
    contestants : tuple of Contestant
    judged : tuple of Judged
        Of each of them.
    device : torch.device
    """

    asked: Asked
    evaluation: Evaluation
    data: DataSet
    contestants: tuple[Contestant, ...]
    judged: tuple[Judged, ...]
    device: torch.device

    @property
    def rows(self) -> Rows:
        """All rows that figures are of."""
        return np.unique(np.concatenate([each.rows for each in self.judged]))

    @property
    def learned(self) -> tuple[Rows, ...]:
        """The images that each checkpoint learned from; none where the data set is not the one it was trained on."""
        return tuple(each.others.get("train", np.empty(0, np.int64)) for each in self.judged)

    @property
    def images(self) -> int:
        """How many images are looked at, by all checkpoints."""
        return sum(len(each.rows) + sum(map(len, self.others(each).values())) for each in self.judged)

    @property
    def questions(self) -> tuple[tuple[Contestant, list[Rows]], ...]:
        """Who is asked about which batches of images: each checkpoint about the people judged, then about others."""
        return tuple(
            (contestant, in_batches(self.data, rows))
            for contestant, judged in zip(self.contestants, self.judged, strict=True)
            for rows in (judged.rows, *self.others(judged).values())
        )

    def others(self, judged: Judged) -> dict[str, Rows]:
        """Rows of other parts that are looked at besides."""
        return {name: rows for name, rows in judged.others.items() if name in self.evaluation.also and len(rows)}


def plan(asked: Asked) -> Plan:
    """Find out what will be evaluated; nothing is written.

    Raises
    ------
    InputError
        If anything does not fit, in one sentence.
    """
    require_libraries()
    require_place(asked.out, overwrite=asked.overwrite)
    data = open_data(asked.data)
    contestants = found(asked.places)
    evaluation = evaluation_named(asked.recipe or _recipe(contestants))
    evaluation.require_kind(data)
    for contestant in contestants:
        require_fitting(data, contestant)
    if asked.folds and evaluation.folds is None:
        raise InputError(f"folds of {evaluation.name} cannot be judged together", hint="evaluate each by itself")
    if asked.folds:
        rows = folds(data, contestants, asked.part)
    else:
        rows = judged(data, contestants, asked.part, evaluation.shared(contestants))
    for each in {each.rows.tobytes(): each for each in rows}.values():
        evaluation.check(data, each.rows, asked.options, contestants)
    found_plan = Plan(asked, evaluation, data, contestants, rows, device_named(asked.device))
    if asked.options.baselines or asked.options.measures:
        _require_baselines(found_plan)
    if asked.options.explain:
        _require_maps(evaluation, asked.options.explain)
    return found_plan


def _require_maps(evaluation: Evaluation, methods: Sequence[str]) -> None:
    """Require that there are such methods, and something to judge their maps by."""
    if evaluation.maps is None:
        able = [name for name in EVALUATIONS if evaluation_named(name).maps]
        raise InputError(
            f"--explain judges maps of {' and '.join(able)}, not of {evaluation.name}", hint="leave it out"
        )
    methods_of(methods)


def _require_baselines(plan: Plan) -> None:
    """Require that classic models can be judged beside the networks, from the same training people."""
    if not plan.evaluation.baselines:
        raise InputError(f"--baselines are of classes, not of {plan.evaluation.name}", hint="leave them out")
    if not all(len(rows) for rows in plan.learned):
        raise InputError(
            f"{plan.data.folder} has no training people, whom --baselines learn from",
            hint="give the data set that the network was trained on",
        )
    if not plan.asked.folds and any(not np.array_equal(rows, plan.learned[0]) for rows in plan.learned):
        raise InputError("--baselines need one training part", hint="evaluate each checkpoint by itself")
    plan.evaluation.check(plan.data, np.concatenate(plan.learned), plan.asked.options, plan.contestants)
    if plan.asked.options.measures:
        measures_in(Path(plan.asked.options.measures), plan.data, np.concatenate([plan.rows, *plan.learned]))


def require_libraries() -> None:
    """Raise InputError if a library that only training and evaluation need is not installed."""
    if missing := [said for name, said in _NEEDED.items() if find_spec(name) is None]:
        raise InputError(
            f"evaluation needs {' and '.join(missing)}", hint=f"install it: pip install {' '.join(missing)}"
        )


def require_place(out: Path, *, overwrite: bool) -> None:
    """Require that an evaluation can be written.

    Raises
    ------
    InputError
        If the folder is there and may not be replaced, or cannot be made.
    """
    whole = out.absolute()
    require_outside_inputs(out, "--out")
    if not whole.name or whole.name == "..":
        raise InputError(f"--out {out} is no folder that can be made", hint="name a new folder")
    require_absent(whole.parent, whole.name, overwrite, SUBJECT)
    require_writable_around(out, "--out")


def _recipe(contestants: Sequence[Contestant]) -> str:
    """The recipe of checkpoints, by what they or their families say."""
    recipe = _recipe_of(contestants[0])
    for other in contestants[1:]:
        if (its := _recipe_of(other)) != recipe:
            raise InputError(
                f"{contestants[0].name} was trained for {recipe} and {other.name} for {its}: they cannot be compared",
                hint="evaluate each by itself",
            )
    return recipe


def _recipe_of(contestant: Contestant) -> str:
    if contestant.recipe:
        return contestant.recipe
    family = contestant.model.family
    known = next((name for name in EVALUATIONS if family in evaluation_named(name).families), None)
    if known is None:
        raise InputError(
            f"{contestant.name} does not say what it was trained for", hint=f"give --recipe {' or '.join(EVALUATIONS)}"
        )
    return known
