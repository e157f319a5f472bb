"""Symmetric diffeomorphic registration (SyN) of a template to a person's brain, by ANTs.

Source: Avants et al. (2008), Symmetric diffeomorphic image registration with cross-correlation, Medical Image Analysis
12:26-41. The affine part is `wbtools.space.registration`'s, which finds a head however it lies; ANTs adds the rest.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import CheckError
from wbtools.placement.ants_images import (
    ants_on_one_thread,
    data_of,
    field_in,
    image_of,
    installed,
    write_affine,
)
from wbtools.placement.placement import Placement
from wbtools.placement.templates import SPACE, Template
from wbtools.space.grid import Volume
from wbtools.space.registration import affine_between
from wbtools.text import line

_ITERATIONS, _COARSE_ITERATIONS = (40, 20, 0), (40, 20, 20)
_COARSE = 1.5  # mm; on larger voxels every second one is too few: points then lie .5 to .9 mm farther off
_BINS = 32
_SEED = 1
_KEPT = 2
"""Fields are kept at every second voxel; ANTs smooths them over three."""

_FOLDED = 0.001  # share of the brain in which space folds
_OVERLAP = 0.9  # Dice coefficient of both brains
_CORRELATION = 0.5
_HINT = "look at the image: is it one whole T1w brain? Else place the template by --registration affine"


def place(brain: Volume, template: Template) -> Placement:
    """Lay a template over a person's brain.

    Parameters
    ----------
    brain : Volume
        T1w without skull and without bias field, on voxels of about 1 mm; 0 outside the brain.
    template : Template

    Returns
    -------
    Placement
        With the checks in its `facts`.

    Raises
    ------
    CheckError
        If the brains do not come to overlap, or space folds.
    """
    affine = affine_between(brain, template.images[0])
    with ants_on_one_thread() as ants, TemporaryDirectory(prefix="wbtools-") as name:
        done = _registered(ants, brain, template, affine.matrix, Path(name))
        to_template, to_person = (field_in(_warp_among(done[key]), brain.grid) for key in _FIELDS)
        warped = data_of(done["warpedmovout"])
    facts = {
        "registration": f"SyN (antspyx {installed()})",
        "space": SPACE,
        "template": list(template.names),
        "affine": affine.as_record(),
        **_quality(brain, warped, to_person.volume_change()),
    }
    return Placement(affine.matrix, to_person.coarser(_KEPT), to_template.coarser(_KEPT), facts)


def _registered(
    ants: ModuleType, brain: Volume, template: Template, affine: NDArray[np.float64], folder: Path
) -> dict[str, Any]:
    """What ANTs finds; its files are in a folder."""
    fixed, moving = image_of(ants, brain), [image_of(ants, image) for image in template.images]
    coarse = brain.grid.voxel_volume ** (1 / 3) > _COARSE
    start = folder / "affine.mat"
    write_affine(ants, np.asarray(np.linalg.inv(affine), np.float64), start)
    try:
        found: dict[str, Any] = ants.registration(
            fixed=fixed,
            moving=moving[0],
            type_of_transform="SyNOnly",
            initial_transform=[str(start)],
            outprefix=f"{folder}/",
            syn_metric="mattes",
            syn_sampling=_BINS,
            reg_iterations=_COARSE_ITERATIONS if coarse else _ITERATIONS,
            random_seed=_SEED,
            multivariate_extras=[["mattes", fixed, other, 1, _BINS] for other in moving[1:]] or None,
        )
    except RuntimeError as error:  # it says no more than a number
        raise CheckError(
            f"the template could not be laid over this brain by SyN: {line(error)}",
            hint=f"make room in the folder for temporary files (TMPDIR), or {_HINT}",
        ) from None
    return found


_FIELDS = ("fwdtransforms", "invtransforms")
"""Where ANTs lists the map that takes the person's points to the template, and the one back."""


def _warp_among(paths: list[str]) -> Path:
    """The file of a displacement field in a list of transforms."""
    return next(Path(path) for path in paths if path.endswith(".nii.gz"))


def _quality(brain: Volume, warped: NDArray[np.float32], change: NDArray[np.float32]) -> dict[str, Any]:
    """How well a template lies over a brain; CheckError if it does not."""
    inside, there = brain.data > 0, warped > 0
    overlap = 2 * int((inside & there).sum()) / max(1, int(inside.sum() + there.sum()))
    correlation = float(np.corrcoef(brain.data[inside], warped[inside])[0, 1])
    changes = change[inside]
    folded = float((changes <= 0).mean())
    if overlap < _OVERLAP or folded > _FOLDED or not correlation >= _CORRELATION:
        raise CheckError(
            f"the template could not be laid over this brain by SyN: overlap {overlap:.2f} ({_OVERLAP:.2f} needed), "
            f"correlation {correlation:.2f} ({_CORRELATION:.2f}), folded {folded:.2%} ({_FOLDED:.2%} at most)",
            hint=_HINT,
        )
    low, high = np.quantile(changes, (0.01, 0.99))
    return {
        "overlap": round(overlap, 4),
        "correlation": round(correlation, 4),
        "volume_change_1_to_99_percent": [round(float(low), 3), round(float(high), 3)],
        "folded": round(folded, 6),
    }
