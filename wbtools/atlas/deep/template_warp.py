"""How labels in a template's space come onto a person's T1w grid: by any registration, or an affine of the cortex."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.images.template import mni152
from wbtools.placement.placement import Placement
from wbtools.placement.templates import SPACE
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.space.registration import affine_between
from wbtools.space.resampling import resample_labels
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.standard_affine import affine_to_average


@dataclass(frozen=True, eq=False)
class Warp:
    """Carries labels from a template to a person.

    Parameters
    ----------
    carry : callable
        Takes labels and the name of the template in whose space they lie, always `space`; gives them on the T1w grid.
    space : str
        TemplateFlow's name of the template that the registration is of.
    description : str
        In records and in the methods text, as words that follow "by".
    linear : bool
        Whether it is an affine, which leaves small structures millimetres from their place.
    """

    carry: Callable[[Volume, str], Volume]
    space: str
    description: str
    linear: bool = False


def affine_warp(surfaces: Mapping[Hemisphere, Mesh], grid: Grid) -> Warp:
    """The affine between a person's cortex and the S1200 average's, which lies in MNI152NLin6Asym.

    Parameters
    ----------
    surfaces : mapping of Hemisphere to Mesh
        The person's midthickness on the 32k_fs_LR mesh, mm.
    grid : Grid
        Of the T1w.

    Examples
    --------
    >>> from wbtools.surfaces import mesh as meshes
    >>> from wbtools.surfaces.standard import average_32k
    >>> average = {side: meshes.read(average_32k(side), side, placed=True) for side in Hemisphere}
    >>> labels = Volume(np.array([[[3, 5]]], np.int32), Grid((1, 1, 2), np.eye(4)), Unit.LABEL)
    >>> affine_warp(average, labels.grid).carry(labels, "MNI152NLin6Asym").data.ravel().tolist()
    [3, 5]
    """
    words = "the affine from the S1200 average's 32k midthickness to this person's"
    return Warp(_carrying(np.linalg.inv(affine_to_average(surfaces)), grid), "MNI152NLin6Asym", words, linear=True)


def image_warp(t1w: Volume) -> Warp:
    """The affine registration of the MNI152 template to a person's image, where there are no surfaces.

    Raises
    ------
    CheckError
        If the registration fails.
    """
    matrix = affine_between(t1w, mni152()).matrix
    words = "an affine registration of the MNI152 template to its image"
    return Warp(_carrying(matrix, t1w.grid), "MNI152NLin2009aSym", words, linear=True)


def placed_warp(placement: Placement, grid: Grid) -> Warp:
    """The nonlinear registration that laid a template over a person's image.

    Parameters
    ----------
    placement : Placement
    grid : Grid
        Of the T1w.
    """

    def carry(labels: Volume, space: str) -> Volume:
        return placement.labels(labels, grid)

    return Warp(carry, SPACE, f"{placement.facts.get('registration', 'the registration')} of the template to its image")


def _carrying(matrix: NDArray[np.floating], grid: Grid) -> Callable[[Volume, str], Volume]:
    """Labels on a grid after an affine from the template to the person."""

    def carry(labels: Volume, space: str) -> Volume:
        placed = Grid(labels.grid.shape, matrix @ labels.grid.affine)
        return resample_labels(Volume(labels.data, placed, Unit.LABEL), grid)

    return carry
