"""Pictures of maps: a few networks, one person, several ways, failures included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sources.case import Case, Exam, Store
from sources.ways import Way

SHOWN = tuple(
    map(
        Way.parse,
        (
            "deviation @ template",
            "deviation @ made-up",
            "deviation @ people",
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

CASES = {
    "planted": ("superior frontal", 0),
    "volume": ("thalamus", 1),
    "lesions": ("temporal lobe", 0),
}
"""The region of each task, and the axis along which a map is seen."""

ROWS = ("unet", "resnet", "mrinet")


def pictures(folder: Path, store: Store, seed: int = 0) -> None:
    """A picture of each task; a family whose network did not learn is left out."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    for task, (region, axis) in CASES.items():
        known = [case for family in ROWS if store.has(case := Case(task, region, family, seed))]
        exams = [exam for case in known if (exam := store.exam(case, 2)).training.learned]
        if not exams:
            continue
        figure, axes = pyplot.subplots(
            len(exams), len(SHOWN), figsize=(1.9 * len(SHOWN), 1.9 * len(exams) + 0.9), squeeze=False
        )
        for row, exam in zip(axes, exams, strict=True):
            for panel, way in zip(row, SHOWN, strict=True):
                draw(panel, exam, np.abs(way.explain(exam, exam.people.images[:1]).relevance), axis)
                if row is axes[0]:
                    panel.set_title(str(way).replace(" @ ", "\n@ ").replace("(image", "\n(image"), fontsize=8)
            row[0].set_ylabel(exam.case.family)
        figure.suptitle(
            f"{task}, {region}: source (white), decoy (cyan); largest |R| along one axis, one person", fontsize=10
        )
        figure.tight_layout()
        figure.savefig(folder / f"known-source-{task}.png", dpi=90)
        pyplot.close(figure)


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
