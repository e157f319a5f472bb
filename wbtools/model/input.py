"""The image a network is given, made from a T1w image of any grid.

The published networks learnt from brains that lie alike: the field of view of the Human Connectome Project's young
adults, level and centred on the anterior commissure (ACPC), skull removed. A scan that lies otherwise is brought there,
as that project's pipeline would have done, and all of it is kept in the grid's affine: a map on the input needs one
resampling to be back on the T1w image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import CheckError, InputError
from wbtools.images.template import mni152
from wbtools.model.card import Card
from wbtools.model.conventions import CONVENTION, STANDARD_SPACE
from wbtools.model.intensity import UNSCALED, Intensity, Scale
from wbtools.model.standard_space import field_on_template, without_bias
from wbtools.space.foreground import MaskOf, Scan, background, is_stripped
from wbtools.space.grid import Grid, Unit, Volume, reorient
from wbtools.space.registration import affine_between
from wbtools.space.remembered import Remembered
from wbtools.space.resampling import average, resample_density

FIELD_OF_VIEW = Grid((260, 311, 260), np.array([[-0.7, 0, 0, 90], [0, 0.7, 0, -126], [0, 0, 0.7, -72], [0, 0, 0, 1]]))
"""Where the networks' training images lie: the T1w grid of the Human Connectome Project's young adults (ACPC)."""

_SAME_FIELD = 1.0  # mm at the corners
_LANDMARKS = ((0.0, 2.0, -4.0), (0.0, -25.0, -2.0), (0.0, -10.0, 45.0))
"""In MNI152, mm: anterior commissure, posterior commissure, a point above them between the hemispheres."""
_LEVEL = 5.0  # degrees; the project's way of finding the commissures and ours agree within this
_CENTRED = 6.0  # mm; the same
_LEAST_FIELD = 100.0  # mm; less holds no brain
_MASKED = 0.2  # share of the voxels that have the background's value when it was set
_DARKER = 0.05  # of the range of values; less is the ringing of interpolation
_MASK = (0.5e6, 2.6e6)  # mm3 that a brain mask may have
MASKED_WITH: dict[MaskOf, str] = {
    "subject": "The skull was removed with the subject's brain mask.",
    "extracted": "The skull was removed by deepbet {version} (Fisch et al. 2024).",
    "segmentation": "The skull was removed with an outline of the subject's segmentation: there is no brain mask.",
    "template": "The skull was removed with the MNI152 template's brain mask laid over this head. Caution: such a "
    "mask cuts away 5 to 12 % of the brain, and the maps of one head, given with its skull and without, correlated by "
    "only .0 to .2. For a map to rely on, give the image with the skull removed by a tool made for that. Where deepbet "
    "is installed (pip install deepbet) and finds a brain, it removes the skull.",
}
"""What is said of a mask, by whose it is; `{version}` is deepbet's."""


@dataclass(frozen=True, eq=False)
class ModelInput:
    """An image as a network takes it, and where its voxels lie.

    Parameters
    ----------
    data : ndarray, (1, 1, X, Y, Z), float32
        In the intensities that the network was trained on.
    grid : Grid
        Of the last three axes, in the person's world millimetres.
    remarks : tuple of str
        What had to be decided to make it, a sentence each.
    scan : Grid or None
        Of the image that it was made from, where that may be smaller; None where all of the input was scanned.
    shown : ndarray, (X, Y, Z), float32, or None
        The image in [0, 1], 0 where there is no brain: what anatomy is compared by. None if the data are that.
    scale : Scale
        From `shown` to `data`.

    Raises
    ------
    InputError
        If data and grid differ in shape.
    """

    data: NDArray[np.float32]
    grid: Grid
    remarks: tuple[str, ...] = ()
    scan: Grid | None = None
    shown: NDArray[np.float32] | None = None
    scale: Scale = UNSCALED

    def __post_init__(self) -> None:
        if self.data.shape != (1, 1, *self.grid.shape):
            raise InputError(f"input of shape {self.data.shape} on a grid of shape {self.grid.shape}")

    @property
    def plain(self) -> NDArray[np.float32]:
        """The image in [0, 1], 0 where there is no brain, (X, Y, Z)."""
        return self.data[0, 0] if self.shown is None else self.shown

    @property
    def brain(self) -> NDArray[np.bool_]:
        """Voxels that show anything, (X, Y, Z)."""
        return np.asarray(self.plain != 0)

    @property
    def empty(self) -> float:
        """The value that the network is given where there is no brain."""
        return float(self.scale(np.zeros(1), np.zeros(1, bool))[0])

    def taken(self, shown: NDArray[np.float32]) -> NDArray[np.float32]:
        """Another image in [0, 1] (X, Y, Z) as the network would be given it in this one's place, (1, 1, X, Y, Z)."""
        return (shown if self.scale == UNSCALED else self.scale(shown, shown != 0))[None, None]

    @property
    def scanned(self) -> NDArray[np.bool_]:
        """Voxels whose centres lie in the scan's field of view, (X, Y, Z)."""
        if self.scan is None:
            return np.ones(self.grid.shape, bool)
        to_scan = np.linalg.inv(self.scan.affine) @ self.grid.affine
        index = np.moveaxis(np.indices(self.grid.shape, np.float32), 0, -1) @ to_scan[:3, :3].T + to_scan[:3, 3]
        return np.asarray(((index >= -0.5) & (index <= np.array(self.scan.shape) - 0.5)).all(axis=-1))


def model_input(t1w: Volume, card: Card) -> ModelInput:
    """Turn a T1w image into the network's input.

    The field of view that the networks were trained on is laid over the brain (see `field_over`) and divided into the
    card's number of voxels, edge to edge, axes ordered as the card says; each voxel takes the mean over its extent.
    Then intensities are changed as the card says. If the card asks for the template's space, the field of view is laid
    over the brain by an affine map, and the bias field is removed first (`wbtools.model.standard_space`).
    A background that is clearly brighter than the darkest voxel, as in images brought to mean 0, is lowered to that.

    Parameters
    ----------
    t1w : Volume
        Intensities, skull-stripped if the card says so (see `brain_only`).
    card : Card

    Returns
    -------
    ModelInput

    Raises
    ------
    InputError
        If a voxel is not a finite number, or all are equal, or an image cannot be brought to the template's space.

    Examples
    --------
    >>> card = Card(name="unet", title="U-Net", family="unet", shape=(4, 4, 4))
    >>> t1w = Volume(np.arange(512, dtype=np.float32).reshape(8, 8, 8), Grid((8, 8, 8), np.eye(4)))
    >>> image = model_input(t1w, card)
    >>> image.data.shape, float(image.data.min()), float(image.data.max()), image.grid.orientation
    ((1, 1, 4, 4, 4), 0.0, 1.0, 'LAS')
    """
    if not np.isfinite(t1w.data).all():
        raise InputError("the T1w image has voxels that are not finite numbers", hint="set them to 0")
    field, remarks = field_over(t1w) if card.resampling == CONVENTION else (field_on_template(t1w, FIELD_OF_VIEW), ())
    if card.resampling == STANDARD_SPACE:
        t1w = without_bias(t1w)
    grid = field.reoriented(card.orientation).covering(card.shape)
    lowered, remark = _background_lowest(t1w)
    coarse = _averaged(lowered, grid)
    low, high = float(coarse.min()), float(coarse.max())
    if high - low <= 1e-6 * max(abs(high), abs(low)):  # the rounding of the means
        raise InputError("all voxels of the T1w image are equal", hint="give a T1w image with a brain in it")
    shown = ((coarse.astype(np.float64) - low) / (high - low)).astype(np.float32)
    wanted = Intensity.parse(card.intensity)
    own = wanted.scale(coarse, shown != 0)
    scale = replace(own, centre=(own.centre - low) / (high - low), width=own.width / (high - low))
    found = ModelInput(shown[None, None], grid, (*remarks, *remark), t1w.grid)
    if scale == UNSCALED:
        return found
    data = own(coarse, shown != 0)[None, None]
    return replace(found, data=data, shown=shown, scale=scale)


def said_of_scaling(card: Card, image: ModelInput) -> tuple[str, ...]:
    """What is said where a network is given intensities other than from 0 to 1; nothing where it is not."""
    if image.scale == UNSCALED:
        return ()
    why = f"as is usual for {card.family}" if card.assumed else "as its card says"
    return (f"{card.name} was given {scaling_of(card)}, {why}.",)


def scaling_of(card: Card) -> str:
    """The intensities that a card asks for, in words.

    Examples
    --------
    >>> scaling_of(Card(name="x", title="x", family="mrinet", intensity="raw"))
    "intensities 'raw' (as in the file)"
    """
    wanted = Intensity.parse(card.intensity)
    return f"intensities '{wanted}' ({wanted.words})"


@Remembered  # one person's T1w goes to several networks
def field_over(t1w: Volume) -> tuple[Grid, tuple[str, ...]]:
    """The networks' field of view, laid over the brain in a T1w image.

    In an image that lies as the training images do (level, near the anterior commissure) it is where it always is in
    the world, whatever the image's grid: so one anatomy looks the same in every orientation. Where the image's own
    field of view is such a one, only turned together with the head, it is taken. Else it is moved by the rigid part of
    the brain's registration to MNI152 (commissures and midline). What shows no brain is taken with its own field of
    view.

    Parameters
    ----------
    t1w : Volume

    Returns
    -------
    field : Grid
        In the person's world mm.
    remarks : tuple of str
        What was decided, unless the image lies as the training images do.
    """
    own = t1w.grid.reoriented(FIELD_OF_VIEW.orientation)
    if np.abs(own.corners() - FIELD_OF_VIEW.corners()).max() <= _SAME_FIELD:
        return t1w.grid, ()
    extent = np.array(t1w.grid.shape) * t1w.grid.voxel_sizes
    try:
        if extent.min() < _LEAST_FIELD:
            raise CheckError(f"its field of view is {extent.min():.0f} mm wide")
        moved, degrees, shift = _rigid(affine_between(t1w, mni152()).matrix)
    except CheckError as error:
        return t1w.grid, (f"The network is shown the T1w's own field of view, since it shows no whole brain: {error}.",)
    if degrees <= _LEVEL and shift <= _CENTRED:
        return FIELD_OF_VIEW, ()
    if _holds_head_alike(own, moved):
        return t1w.grid, (f"For the network, the image was turned by {degrees:.0f} degrees with its field of view.",)
    remark = f"For the network, the head was turned by {degrees:.0f} degrees and moved by {shift:.0f} mm (ACPC, rigid)."
    return Grid(FIELD_OF_VIEW.shape, moved @ FIELD_OF_VIEW.affine), (remark,)


def brain_only(scan: Scan, card: Card) -> tuple[Volume, tuple[str, ...]]:
    """A person's T1w image with or without skull, as the network was trained.

    An image has no skull if all but at most 2.6 litres have one value (`wbtools.space.foreground.is_stripped`).

    Parameters
    ----------
    scan : Scan
        Its mask is used if the network takes brains and the image shows a head.
    card : Card

    Returns
    -------
    t1w : Volume
        Outside the mask the image's lowest value.
    remarks : tuple of str
        What was done.

    Raises
    ------
    InputError
        If the network takes brains, and there is a skull but no usable mask; or it takes heads, and there is no skull.
    """
    stripped = is_stripped(scan.t1w)
    if stripped == card.skull_stripped:
        return scan.t1w, ()
    if stripped:
        raise InputError(
            f"{card.name} was trained on heads with their skull, and this T1w image has none",
            hint="give the T1w image as it was before skull-stripping",
        )
    if scan.inside is None:
        raise InputError(
            f"{card.name} was trained on brains without skull; this T1w image has one, and there is no brain mask",
            hint="give a skull-stripped T1w image, for example from mri_synthstrip or bet, or a brain mask beside it",
        )
    volume = np.count_nonzero(scan.inside) * scan.t1w.grid.voxel_volume
    if not _MASK[0] <= volume <= _MASK[1]:
        raise InputError(
            f"the brain mask holds {volume / 1e6:.2f} litres of the T1w image, which is no brain",
            hint="give the mask that belongs to this T1w image",
        )
    said = MASKED_WITH[scan.mask_of]
    if scan.mask_of == "extracted":
        from importlib.metadata import version

        said = said.format(version=version("deepbet"))
    return scan.brain, (said,)


def _rigid(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
    """The rigid part of a map from MNI152, its angle in degrees, and how far it moves the anterior commissure, mm.

    It takes the anterior commissure, the direction to the posterior one and the plane between the hemispheres along.
    """
    landmarks = np.array(_LANDMARKS)
    moved = landmarks @ matrix[:3, :3].T + matrix[:3, 3]
    turn = _frame(moved) @ _frame(landmarks).T
    rigid = np.eye(4)
    rigid[:3, :3], rigid[:3, 3] = turn, moved[0] - turn @ landmarks[0]
    return rigid, *_apart(rigid)


def _apart(rigid: NDArray[np.floating]) -> tuple[float, float]:
    """How far a rigid map turns, degrees, and how far it moves the anterior commissure, mm."""
    front = np.array(_LANDMARKS[0])
    degrees = np.rad2deg(np.arccos(np.clip((np.trace(rigid[:3, :3]) - 1) / 2, -1, 1)))
    return float(degrees), float(np.linalg.norm(rigid[:3, :3] @ front + rigid[:3, 3] - front))


def _holds_head_alike(own: Grid, moved: NDArray[np.float64]) -> bool:
    """Whether an image's field of view, axes ordered as the training images', lies around the head as theirs do.

    `moved` is where the head lies, as a rigid map from MNI152.
    """
    extents = [np.array(grid.shape) * grid.voxel_sizes for grid in (own, FIELD_OF_VIEW)]
    if np.abs(extents[0] - extents[1]).max() > _SAME_FIELD:
        return False
    box = own.covering(FIELD_OF_VIEW.shape).affine @ np.linalg.inv(FIELD_OF_VIEW.affine)
    degrees, shift = _apart(np.linalg.inv(moved) @ box)
    return degrees <= _LEVEL and shift <= _CENTRED


def _frame(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Right, anterior and superior direction of the head that has these landmarks, as columns."""
    front, back, above = landmarks
    anterior = (front - back) / np.linalg.norm(front - back)
    right = np.cross(anterior, above - front)
    right /= np.linalg.norm(right)
    return np.stack([right, anterior, np.cross(right, anterior)], axis=1)


def _averaged(t1w: Volume, grid: Grid) -> NDArray[np.float32]:
    """Mean over each voxel of the grid; outside the image's field of view is its lowest value."""
    low = t1w.data.min()
    raised = Volume(t1w.data - low, t1w.grid, Unit.INTENSITY)
    ordered = reorient(raised, grid.orientation)
    try:
        return average(ordered, grid).data
    except InputError:  # an oblique image, or a turned field of view
        return resample_density(ordered, grid).data


def _background_lowest(t1w: Volume) -> tuple[Volume, tuple[str, ...]]:
    """The image with its background as dark as its darkest voxel, so that the network sees it as 0."""
    outside, low, high = background(t1w), float(t1w.data.min()), float(t1w.data.max())
    masked = np.count_nonzero(t1w.data == outside) >= _MASKED * t1w.data.size
    if not masked or outside - low <= _DARKER * (high - low):
        return t1w, ()
    data = np.where(t1w.data == outside, low, t1w.data)
    remark = f"The background of the T1w image ({outside:g}) is brighter than its darkest voxel; it was set to that."
    return replace(t1w, data=data), (remark,)
