"""Where surfaces and the brain mask cut slices of the T1w: the evidence that they lie where the image shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.space.grid import Volume, canonical, reorient
from wbtools.surfaces.mesh import Mesh
from wbtools.workbench import palette

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURS = {"white": (255, 221, 51), "pial": (255, 77, 77), "mask": (77, 190, 255), "cortex": (255, 221, 51)}
"""Red, green and blue of the outline of each surface, and of the brain mask."""

_PIXEL = 0.5  # mm
_GAP = 12  # pixels between two slices
_LETTERS = (("A", "P", "S", "I"), ("L", "R", "S", "I"), ("L", "R", "A", "P"))
"""What lies left, right, above and below on a sagittal, a coronal and an axial slice."""

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Slice:
    """A slice through an image in RAS order.

    Parameters
    ----------
    axis : int
        Which it cuts: 0 sagittal, 1 coronal, 2 axial.
    place : float
        Voxel index along that axis.
    """

    axis: int
    place: float

    @property
    def across(self) -> tuple[int, int]:
        """The axes that run to the right and upwards."""
        right, up = (axis for axis in range(3) if axis != self.axis)
        return right, up

    def nearest(self, shape: Sequence[int]) -> int:
        """The nearest slice of an array of this shape."""
        return int(np.clip(self.place, 0, shape[self.axis] - 1))


def segments(points: Points, triangles: NDArray[np.integer], axis: int, place: float) -> Points:
    """Where a plane across an axis cuts a surface, as line segments.

    Parameters
    ----------
    points : ndarray, (V, 3)
        In any coordinates.
    triangles : ndarray, (T, 3)
    axis : int
        That the plane stands upright on.
    place : float
        Of the plane along the axis.

    Returns
    -------
    ndarray, (S, 2, 3)
        Both ends of every segment.

    Examples
    --------
    >>> corners = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0]])
    >>> segments(corners, np.array([[0, 1, 2]]), 0, 1.0).tolist()
    [[[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]]]
    """
    above = points[:, axis] > place
    cut = triangles[above[triangles].any(1) & ~above[triangles].all(1)]
    ends = []
    for first, second in ((0, 1), (1, 2), (2, 0)):
        start, end = points[cut[:, first]], points[cut[:, second]]
        height = end[:, axis] - start[:, axis]
        crossed = above[cut[:, first]] != above[cut[:, second]]
        part = np.full(len(cut), np.nan)
        np.divide(place - start[:, axis], height, out=part, where=crossed)
        ends.append(start + part[:, None] * (end - start))
    found = np.stack(ends, 1)
    both: Points = found[np.isfinite(found[..., 0])].reshape(-1, 2, 3)
    return both


def edges(inside: NDArray[np.bool_]) -> Points:
    """The border of a mask in a plane, along the edges of its pixels.

    Parameters
    ----------
    inside : ndarray of bool, (X, Y)

    Returns
    -------
    ndarray, (S, 2, 2)
        Both ends of every segment, in pixels; the centre of the first pixel is (0, 0).

    Examples
    --------
    >>> edges(np.array([[True]])).tolist()
    [[[-0.5, -0.5], [-0.5, 0.5]], [[0.5, -0.5], [0.5, 0.5]], [[-0.5, -0.5], [0.5, -0.5]], [[-0.5, 0.5], [0.5, 0.5]]]
    """
    around = np.pad(inside, 1)
    found = []
    for axis in range(2):
        changes = np.argwhere(np.diff(around, axis=axis)) - np.where(np.arange(2) == axis, 0.5, 1.5)
        found.append(np.stack([changes, changes + np.where(np.arange(2) == axis, 0.0, 1.0)], axis=1))
    return np.concatenate(found)


def draw(
    t1w: Volume, surfaces: Mapping[str, Sequence[Mesh]], centre: Points, masks: Mapping[str, Volume] | None = None
) -> Image:
    """Three slices of an image with the outlines of surfaces, left on the left; front on the left in the sagittal one.

    Parameters
    ----------
    t1w : Volume
    surfaces : mapping of str to sequence of Mesh
        By kind, a key of `COLOURS`, in the T1w's world coordinates, mm.
    centre : ndarray, (3,)
        Where the slices meet, mm.
    masks : mapping of str to Volume, optional
        By kind, above 0 inside, on the image's grid; drawn below the surfaces.
    """
    from PIL import Image

    image = reorient(canonical(t1w), "RAS")
    inside = {kind: reorient(canonical(mask), "RAS").data > 0 for kind, mask in (masks or {}).items()}
    middle = np.rint(image.grid.to_index(centre[None])[0])  # the outlines are those in the plane that is seen
    window = palette.anatomy(image.data[::4, ::4, ::4]).high
    cortex = {
        kind: [(image.grid.to_index(mesh.vertices), mesh.triangles) for mesh in meshes]
        for kind, meshes in surfaces.items()
    }
    cuts = [_Slice(axis, middle[axis]) for axis in range(3)]
    drawn = [_drawn(image, cut, dict(_outlines(cut, cortex, inside)), window) for cut in cuts]
    sheet = Image.new("RGB", (sum(each.width + _GAP for each in drawn) - _GAP, max(each.height for each in drawn)))
    left = 0
    for each in drawn:
        sheet.paste(each, (left, (sheet.height - each.height) // 2))
        left += each.width + _GAP
    return sheet


def _outlines(
    cut: _Slice,
    cortex: Mapping[str, Sequence[tuple[Points, NDArray[np.integer]]]],
    masks: Mapping[str, NDArray[np.bool_]],
) -> Iterator[tuple[str, Points]]:
    """What is drawn on a slice by its colour: segments (S, 2, 2), voxels."""
    for kind, mask in masks.items():
        yield kind, edges(np.take(mask, cut.nearest(mask.shape), cut.axis))
    for kind, meshes in cortex.items():
        found = [segments(*mesh, cut.axis, cut.place)[..., cut.across] for mesh in meshes]
        yield kind, np.concatenate([np.empty((0, 2, 2)), *found])


def _drawn(image: Volume, cut: _Slice, outlines: Mapping[str, Points], window: float) -> Image:
    """One slice, its outlines and its letters."""
    from PIL import Image, ImageDraw, ImageOps

    right, up = cut.across
    plane = np.take(image.data, cut.nearest(image.data.shape), cut.axis)
    plane = np.clip(plane * (255 / window), 0, 255).astype(np.uint8)
    sizes = image.grid.voxel_sizes
    scale = np.array([sizes[right], sizes[up]]) / _PIXEL
    shape = (round(plane.shape[0] * scale[0]), round(plane.shape[1] * scale[1]))
    picture = Image.fromarray(plane.T[::-1]).resize(shape, Image.Resampling.BILINEAR).convert("RGB")
    pen = ImageDraw.Draw(picture)
    for kind, found in outlines.items():
        for ends in ((found + 0.5) * scale).tolist():
            pen.line([(x, shape[1] - y) for x, y in ends], fill=COLOURS[kind])
    if cut.axis == 0:  # as Workbench draws it
        picture = ImageOps.mirror(picture)
        pen = ImageDraw.Draw(picture)
    for letter, at in zip(_LETTERS[cut.axis], ((0, 0.5), (1, 0.5), (0.5, 0), (0.5, 1)), strict=True):
        place = (8 + at[0] * (shape[0] - 24), 4 + at[1] * (shape[1] - 24))
        pen.text(place, letter, fill=(255, 255, 255), font_size=16)
    return picture
