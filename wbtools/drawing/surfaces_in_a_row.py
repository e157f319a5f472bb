"""Surfaces as Workbench's montage shows them: each from outside and from inside, lit from the viewer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere
from wbtools.drawing.shown_files import ShownFiles, Surface
from wbtools.errors import InputError
from wbtools.surfaces.mesh import Mesh
from wbtools.workbench.scene.elements import Colour, LabelDrawing, LabelStyle, Layer
from wbtools.workbench.scene.scene import MontageView

Pixels = NDArray[np.uint8]

_FITTED = 0.98  # of a panel that a surface fills at zoom 1
_BARE = 178.5  # grey of a surface without a map
_AMBIENT, _HEADLIGHT = 40.8, 0.9  # light from everywhere, whatever the colour; share of the colour lit from the front
_OUTLINES = {
    Colour.BLACK: (0, 0, 0),
    Colour.WHITE: (255, 255, 255),
    Colour.YELLOW: (255, 255, 0),
    Colour.LIME: (0, 255, 0),
    Colour.AQUA: (0, 255, 255),
}


def draw(view: MontageView, files: ShownFiles, panel: Pixels) -> None:
    """Draw the surfaces of a view, the left hemisphere's first.

    Parameters
    ----------
    view : MontageView
    files : ShownFiles
    panel : ndarray, (H, W, 3), uint8
        What the view takes of a picture; changed.
    """
    surfaces = sorted(map(files.surface, view.surfaces), key=lambda surface: surface.mesh.hemisphere.letter)
    width = panel.shape[1] / (2 * len(surfaces))
    for index, surface in enumerate(surfaces):
        mesh = surface.mesh
        scale = _FITTED * view.zoom * _fitting(mesh, width, panel.shape[0])
        if np.ptp(mesh.vertices, axis=0).max() * scale < 1:  # smaller than a pixel
            continue
        colours = _colours(view, files, mesh)
        lateral = -1 if mesh.hemisphere is Hemisphere.LEFT else 1
        for column, towards in ((2 * index, lateral), (2 * index + 1, -lateral)):
            part = panel[:, round(column * width) : round((column + 1) * width)]
            _draw(_Camera(towards, scale), surface, colours, part)


@dataclass(frozen=True)
class _Camera:
    """A viewer on the left (-1) or on the right (1), and pixels per mm."""

    towards: int
    scale: float

    def points(self, mesh: Mesh, height: int, width: int) -> NDArray[np.float32]:
        """Vertices on the screen: pixels from the left and from the top, nearness, (V, 3)."""
        low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
        x, y, z = (mesh.vertices - (low + high) / 2).T * np.float32(self.scale)
        return np.stack([width / 2 + self.towards * y, height / 2 - z, self.towards * x], axis=1).astype(np.float32)


def _fitting(mesh: Mesh, width: float, height: float) -> float:
    """Pixels per mm at which the side view of a surface just fits."""
    _, long, high = (float(size) for size in np.ptp(mesh.vertices, axis=0))
    return min(width / max(long, 1e-6), height / max(high, 1e-6))


def _draw(camera: _Camera, surface: Surface, colours: NDArray[np.float32], part: Pixels) -> None:
    from wbtools.drawing import triangles

    lit = np.minimum(_AMBIENT + _HEADLIGHT * colours * surface.facing, 255).astype(np.float32)
    nearest = np.full(part.shape[:2], -np.inf, np.float32)
    triangles.fill(camera.points(surface.mesh, *part.shape[:2]), lit, surface.mesh.triangles, part, nearest)


def _colours(view: MontageView, files: ShownFiles, mesh: Mesh) -> NDArray[np.float32]:
    """Colours of the vertices under no light, (V, 3). The lowest layer lies over black, and others over grey."""
    colours = np.full((len(mesh.vertices), 3), _BARE, np.float32)
    below = np.zeros_like(colours)
    for layer in reversed(view.layers):
        values = files.column(layer).sides.get(mesh.hemisphere)
        if values is None:
            continue
        if len(values) != len(colours):
            raise InputError(f"{layer.path.name} is made for another mesh of {len(values):,} vertices")
        painted = _painted(layer, files, values, mesh)
        mixed = below + (painted[:, :3] - below) * np.float32(layer.opacity)
        colours = below = np.where(painted[:, 3:] > 0, mixed, colours)
    return colours


def _painted(layer: Layer, files: ShownFiles, values: NDArray[np.float32], mesh: Mesh) -> NDArray[np.float32]:
    """What a layer draws on a mesh."""
    from wbtools.drawing import triangles

    painted = files.paint(layer, values)
    style = layer.label_style or LabelStyle(LabelDrawing.FILLED)
    if files.column(layer).labels is None or style.drawing is LabelDrawing.FILLED:
        return painted
    edge = triangles.at_borders(values, mesh.triangles)
    if style.drawing is not LabelDrawing.OUTLINE_IN_LABEL_COLOUR:
        painted[edge, :3] = _OUTLINES[style.outline]
    if style.drawing is not LabelDrawing.FILLED_WITH_OUTLINE:
        painted[~edge, 3] = 0
    return painted
