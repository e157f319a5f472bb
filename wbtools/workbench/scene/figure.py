"""Figures: slices, surfaces or both, between a title and a foot with colour bar and notice.

A figure is a stack of views, and each has its own part of the window, so that no text can lie on a brain, however far
that fills its field of view. Which figures an export has is a table in `wbtools.exporting.session.scene_types`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.workbench.datafile import read
from wbtools.workbench.scene.elements import Align, LabelStyle, Layer, Rectangle, Text
from wbtools.workbench.scene.legend import WIDTH, Legend
from wbtools.workbench.scene.scene import MontageView, Scene, View, VolumeView

Point = tuple[float, float, float]

MIDDLE: Point = (-2.0, -18.0, 8.0)
"""Where slices cross unless told otherwise, mm: thalamus and medial cortex, in ACPC or MNI alignment."""

ROOM = 222.0
"""Space that each slice is given where nothing else is known, letters included, mm: enough for a head."""

_OVERLAY_OPACITY = 0.75
_SURFACE_OPACITY = 0.9  # low values of magma are black: so they stay apart from the black borders, and folds show
_SLICES, _SLICES_ABOVE_SURFACES, _SURFACES = 540, 410, 360  # heights, pixels
_SIDES, _SIDES_BELOW_SLICES = 93, 4  # where the names of both sides stand, percent of their view
_FAR = 1e5  # mm: no slice there
_UNSEEN = 0.001  # zoom of what is smaller than a pixel


@dataclass(frozen=True)
class Slices:
    """Three slices of an image under an overlay.

    Parameters
    ----------
    anatomy, overlay : Layer
        Volumes. The overlay is drawn at opacity 0.75 and gets the colour bar.
    centre : tuple of float, (3,)
        Where the slices cross, mm.
    room : float
        Space that each slice is given, around the middle of the image's field of view, mm.
    """

    anatomy: Layer
    overlay: Layer
    centre: Point = MIDDLE
    room: float = ROOM

    def view(self, height: int) -> View:
        """So many pixels high. Workbench fits the field of view's height, and cuts what is wider."""
        fitted = 0.98 * height / read(self.anatomy.path).extent  # pixels per mm at zoom 1
        zoom = round(min(WIDTH / 3, height) / self.room / fitted, 3)
        layers = (self.overlay.fading(_OVERLAY_OPACITY), self.anatomy)
        return VolumeView("Slices", layers, zoom=zoom, centre=self.centre)

    def unseen(self) -> View:
        """Slices of the overlay where there is nothing of it, to draw its colour bar."""
        return VolumeView("Legend", (self.overlay,), centre=(_FAR, _FAR, _FAR), letters=False)


@dataclass(frozen=True)
class Surfaces:
    """Both hemispheres from outside and inside, under maps.

    Parameters
    ----------
    surfaces : mapping of Hemisphere to Path
        Pial or inflated, of the mesh that the maps are made for.
    overlays : sequence of Layer
        One `.dscalar.nii`, or one `.func.gii` a side with the same palette; the first gets the colour bar.
    shading : sequence of Layer
        Sulcal depth, drawn below.
    areas : sequence of Path
        Label files whose borders are drawn in black: one `.dlabel.nii`, or one `.label.gii` a side.
    about : str
        What tells these maps from others in the same figure; between the names of both sides.
    """

    surfaces: Mapping[Hemisphere, Path]
    overlays: Sequence[Layer]
    shading: Sequence[Layer] = ()
    areas: Sequence[Path] = ()
    about: str = ""

    def view(self, y: float) -> View:
        """Both sides named at a height of so many percent, as a row of surfaces does not tell."""
        borders = (Layer(path, label_style=LabelStyle()) for path in self.areas)
        maps = (layer.fading(_SURFACE_OPACITY) for layer in self.overlays)
        layers = (*borders, *maps, *self.shading)
        named = {"Left": 25, self.about: 50, "Right": 75}
        texts = tuple(Text(words, x, y, 4.4, Align.CENTER) for words, x in named.items() if words)
        return MontageView("Surfaces", layers, texts=texts, surfaces=tuple(self.surfaces.values()))

    def unseen(self) -> View:
        """The first map on surfaces smaller than a pixel, to draw its colour bar."""
        surfaces = tuple(self.surfaces.values())
        first = tuple(replace(layer, live=None) for layer in self.overlays[:1])
        return MontageView("Legend", first, zoom=_UNSEEN, surfaces=surfaces)


def figure(
    name: str,
    legend: Legend,
    slices: Slices | None = None,
    surfaces: Surfaces | None = None,
    below: Surfaces | None = None,
) -> Scene:
    """Slices, surfaces, or slices above surfaces, with one title and one colour bar.

    Parameters
    ----------
    name : str
        Of the scene.
    legend : Legend
    slices : Slices, optional
    surfaces : Surfaces, optional
    below : Surfaces, optional
        More of them, below.

    Raises
    ------
    InputError
        If there is nothing to show, the anatomy is missing or damaged, or the maps have different palettes.
    """
    rows = [row for row in (surfaces, below) if row]
    shown = [*([slices.overlay] if slices else []), *(row.overlays[0] for row in rows)]
    if not shown:
        raise InputError(f"scene '{name}' shows nothing", hint="give it slices or surfaces")
    if any(layer.palette != shown[0].palette for layer in shown):
        raise InputError(f"scene '{name}' has one colour bar", hint="give all its maps one palette")
    if not slices:
        return _stacked(name, legend, [(row.view(_SIDES), _SURFACES) for row in rows], rows[0].unseen())
    if not rows:
        return _stacked(name, legend, [(slices.view(_SLICES), _SLICES)], slices.unseen())
    above = (slices.view(_SLICES_ABOVE_SURFACES), _SLICES_ABOVE_SURFACES)
    parts = [above, *((row.view(_SIDES_BELOW_SLICES), _SURFACES) for row in rows)]
    return replace(_stacked(name, legend, parts, slices.unseen()), layers_shown=False)


def _stacked(name: str, legend: Legend, parts: Sequence[tuple[View, int]], hidden: View) -> Scene:
    """Views of given heights between header and footer."""
    stack = [legend.header(), *parts, legend.footer(hidden)]
    total = sum(height for _, height in stack)
    placed, top = [], 0
    for view, height in stack:
        bottom = top + height
        edges = 100 * (total - bottom) / total, 100 * (total - top) / total
        placed.append(replace(view, rectangle=Rectangle(0, 100, max(0.0, edges[0]), min(100.0, edges[1]))))
        top = bottom
    views = (*placed[1:], placed[0])  # the brains come first, so that wb_view has their tab chosen
    return Scene(name, views, legend.description, (WIDTH, total))
