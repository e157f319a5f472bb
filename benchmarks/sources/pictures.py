"""Pictures of maps: a few networks, one person, several ways, failures included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sources.case import Case, Exam, Store
from sources.tasks import TASKS
from sources.ways import Way

SHOWN = tuple(
    map(
        Way.parse,
        (
            "deviation @ template",
            "deviation-magnitude @ people",
            "deviation-smooth @ made-up",
            "deviation-smooth @ people",
            "smoothgrad-squared",
            "gradient",
            "lrp",
            "integrated-gradients @ template",
            "grad-cam",
            "abs(image - template)",
        ),
    )
)
"""In the order of the columns."""

CASES = {"planted": 0, "volume": 1, "lesions": 0}
"""The axis along which maps of each task are seen."""

ROWS = ("unet", "resnet", "mrinet")
"""The families, each with the first of the task's regions that it learned."""


def pictures(folder: Path, store: Store, seed: int = 0) -> None:
    """A picture of each task; a family whose network did not learn is left out."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    for task, axis in CASES.items():
        exams = [exam for family in ROWS if (exam := learned(store, task, family, seed))]
        if not exams:
            continue
        figure, axes = pyplot.subplots(
            len(exams), len(SHOWN), figsize=(1.9 * len(SHOWN), 1.9 * len(exams) + 0.9), squeeze=False
        )
        for number, (row, exam) in enumerate(zip(axes, exams, strict=True)):
            for panel, way in zip(row, SHOWN, strict=True):
                draw(panel, exam, np.abs(way.explain(exam, exam.people.images[:1]).relevance), axis)
                if number == 0:
                    panel.set_title(str(way).replace(" @ ", "\n@ ").replace("(image", "\n(image"), fontsize=8)
            row[0].set_ylabel(f"{exam.case.family}\n{exam.case.region}", fontsize=8)
        figure.suptitle(f"{task}: source (white), decoy (cyan); largest |R| along one axis, one person", fontsize=10)
        figure.tight_layout()
        figure.savefig(folder / f"known-source-{task}.png", dpi=90)
        pyplot.close(figure)


def learned(store: Store, task: str, family: str, seed: int) -> Exam | None:
    """The first network of a family that learned its region."""
    for region in TASKS[task].regions:
        case = Case(task, region, family, seed)
        if store.has(case) and store.training(case).learned:
            return store.exam(case, 2)
    return None


def draw(panel: Any, exam: Exam, size: NDArray[np.floating], axis: int) -> None:
    """The largest |R| along an axis, and outlines of brain, source and decoy."""
    people = exam.people
    seen = np.rot90(size.max(axis))
    panel.imshow(seen, cmap="inferno", vmin=0, vmax=max(np.quantile(seen, 0.99), 1e-30), interpolation="nearest")
    outlines = ((people.images[0, 0].numpy() > 0, "grey"), (people.decoy[0], "cyan"), (people.truth[0], "white"))
    for mask, colour in outlines:
        panel.contour(np.rot90(mask.any(axis)), [0.5], colors=colour, linewidths=0.9)
    panel.set_xticks([])
    panel.set_yticks([])
