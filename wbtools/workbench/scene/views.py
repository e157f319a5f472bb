"""The scenes of an export, composed from file paths: slices, montages, and both in one figure.

A figure is a stack of views: title and decision on top, brains, then colour bar and notice. Each has its own part of
the window, so that no text can lie on a head, however far that fills its field of view.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.workbench.datafile import read
from wbtools.workbench.scene.scene import (
    Align,
    ColourBar,
    LabelStyle,
    Layer,
    MontageView,
    Rectangle,
    Scene,
    SurfaceOutline,
    Text,
    View,
    VolumeView,
)

NOTICE = "Research use only. Not for diagnosis."

Surfaces = Mapping[Hemisphere, Path]
Point = tuple[float, float, float]

MIDDLE: Point = (-2.0, -18.0, 8.0)
"""Where slices cross unless told otherwise, mm: thalamus and medial cortex, in ACPC or MNI alignment."""

HEAD = 222.0
"""Space that a panel of slices gives a head where nothing else is known, its letters included, mm."""

_OVERLAY_OPACITY = 0.75
_SURFACE_OPACITY = 0.9  # low values of magma are black: so they stay apart from the black borders, and folds show

# Pixels; letters are about half as wide as they are high.
_WIDTH = 1600
_SLICES, _SLICES_ABOVE_SURFACES, _SURFACES = 540, 410, 360
_TITLE, _WORDS, _SMALL = 28, 22, 20
_NEXT_LINE = 1.4
_BAR = 380  # width of the colour bar with its margin
_MOST_LINES = 3  # of title and caption each; the record has the whole
_MOST_NOTICES = 8  # lines of the notice: the first ones and the last two, which say what the picture is not for
_FAR = 1e5  # mm: no slice there
_UNSEEN = 0.001  # zoom of what is smaller than a pixel


@dataclass(frozen=True)
class Legend:
    """The words of a figure, beside what is drawn.

    Parameters
    ----------
    title : str
    caption : str
        What the network decided; below the title.
    notice : str
        What every reader must know; at the foot.
    unit : str
        Of the overlay, above the colour bar and its numbers.
    """

    title: str
    caption: str = ""
    notice: str = NOTICE
    unit: str = ""

    @property
    def description(self) -> str:
        """All words, for wb_view's list of scenes."""
        return "\n".join(filter(None, (self.title, self.caption, self.notice)))

    def head(self) -> tuple[View, int]:
        """Title and caption as a view, and its height in pixels."""
        lines = [(line, _TITLE) for line in _wrapped(self.title, _TITLE, _WIDTH - 40)[:_MOST_LINES]]
        lines += [(line, _WORDS) for line in _wrapped(self.caption, _WORDS, _WIDTH - 40)[:_MOST_LINES]]
        height = round(sum(_NEXT_LINE * letters for _, letters in lines)) + 24
        return View("Title", texts=_stacked(lines, 50, height, Align.CENTER)), height

    def foot(self, hidden: View) -> tuple[View, int]:
        """Colour bar, unit and notice as a view, and its height in pixels.

        Workbench draws a colour bar only in views that draw its layer: here by `hidden`, which shows nothing else.
        """
        wrapped = _wrapped(self.notice, _SMALL, _WIDTH - _BAR - 40)
        if len(wrapped) > _MOST_NOTICES:
            wrapped = [*wrapped[: _MOST_NOTICES - 2], *wrapped[-2:]]
        lines = [(line, _SMALL) for line in wrapped]
        height = max(round(_NEXT_LINE * _SMALL * len(lines)), 90) + 16
        bar = _colour_bar(height)
        above = Text(self.unit, bar.place.centre[0], bar.place.top + 0.6 * bar.letters, bar.letters, Align.CENTER)
        texts = (*_stacked(lines, 98.5, height, Align.RIGHT), *([above] if self.unit else []))
        layer, *_ = hidden.layers
        return replace(hidden, name="Legend", layers=(replace(layer, colour_bar=bar),), texts=texts), height


def volume_scene(
    name: str,
    anatomy: Layer,
    overlay: Layer,
    *,
    legend: Legend,
    centre: Point = MIDDLE,
    room: float = HEAD,
    outlines: Sequence[SurfaceOutline] = (),
    also_load: Sequence[Path] = (),
) -> Scene:
    """Slices of a T1w image under an overlay.

    Parameters
    ----------
    name : str
        Of the scene.
    anatomy, overlay : Layer
        Volumes. The overlay is drawn at opacity 0.75 and gets the colour bar.
    legend : Legend
    centre : tuple of float, (3,)
        Where the slices cross, mm.
    room : float
        Space that each slice is given, around the middle of the image's field of view, mm.
    outlines : sequence of SurfaceOutline
        Surfaces drawn as lines on the slices.
    also_load : sequence of Path
        Files to have at hand in wb_view.

    Raises
    ------
    InputError
        If the anatomy is missing or damaged.
    """
    slices = _slices(anatomy, overlay, centre, room, outlines, (_WIDTH, _SLICES))
    return _figure(name, [(slices, _SLICES)], legend, _far_off(overlay), also_load)


def montage_scene(
    name: str,
    surfaces: Surfaces,
    overlays: Sequence[Layer],
    *,
    legend: Legend,
    shading: Sequence[Layer] = (),
    areas: Sequence[Path] = (),
    also_load: Sequence[Path] = (),
) -> Scene:
    """Both hemispheres from outside and inside, under maps.

    Parameters
    ----------
    name : str
        Of the scene.
    surfaces : mapping of Hemisphere to Path
        Pial or inflated, of the mesh that the maps are made for.
    overlays : sequence of Layer
        One `.dscalar.nii`, or one `.func.gii` a side with the same palette; the first gets the colour bar.
    legend : Legend
    shading : sequence of Layer
        Sulcal depth, drawn below.
    areas : sequence of Path
        Label files whose borders are drawn in black: one `.dlabel.nii`, or one `.label.gii` a side.
    also_load : sequence of Path
        Files to have at hand in wb_view.
    """
    view = replace(_montage(surfaces, overlays, shading, areas), texts=_sides(93))
    hidden = MontageView("Legend", tuple(overlays[:1]), zoom=_UNSEEN, surfaces=tuple(surfaces.values()))
    return _figure(name, [(view, _SURFACES)], legend, hidden, also_load)


def overview_scene(
    name: str,
    anatomy: Layer,
    overlay: Layer,
    surfaces: Surfaces,
    overlays: Sequence[Layer],
    *,
    legend: Legend,
    centre: Point = MIDDLE,
    room: float = HEAD,
    shading: Sequence[Layer] = (),
    areas: Sequence[Path] = (),
    also_load: Sequence[Path] = (),
) -> Scene:
    """Slices above, a montage below, one title and one colour bar; parameters as in the two scenes above.

    Raises
    ------
    InputError
        If the volume and the surfaces have different palettes.
    """
    if overlay.palette != overlays[0].palette:
        raise InputError(f"scene '{name}' has one colour bar", hint="give its volume and surface maps one palette")
    slices = _slices(anatomy, overlay, centre, room, outlines=(), size=(_WIDTH, _SLICES_ABOVE_SURFACES))
    montage = replace(_montage(surfaces, overlays, shading, areas), texts=_sides(4))
    parts = [(slices, _SLICES_ABOVE_SURFACES), (montage, _SURFACES)]
    return replace(_figure(name, parts, legend, _far_off(overlay), also_load), layers_shown=False)


def _figure(
    name: str, parts: Sequence[tuple[View, int]], legend: Legend, hidden: View, also_load: Sequence[Path]
) -> Scene:
    """Views of given heights between title and foot."""
    stack = [legend.head(), *parts, legend.foot(hidden)]
    total = sum(height for _, height in stack)
    placed, top = [], 0
    for view, height in stack:
        bottom = top + height
        edges = 100 * (total - bottom) / total, 100 * (total - top) / total
        placed.append(replace(view, rectangle=Rectangle(0, 100, max(0.0, edges[0]), min(100.0, edges[1]))))
        top = bottom
    views = (*placed[1:], placed[0])  # the brains come first, so that wb_view has their tab chosen
    return Scene(name, views, legend.description, (_WIDTH, total), tuple(also_load))


def _slices(
    anatomy: Layer,
    overlay: Layer,
    centre: Point,
    room: float,
    outlines: Sequence[SurfaceOutline],
    size: tuple[int, int],
) -> VolumeView:
    """Three planes that have so many mm of room. Workbench fits the field of view's height, and cuts what is wider."""
    width, height = size[0] / 3, size[1]
    fitted = 0.98 * height / read(anatomy.path).extent  # pixels per mm at zoom 1
    zoom = round(min(width, height) / room / fitted, 3)
    layers = (replace(overlay, opacity=_OVERLAY_OPACITY), anatomy)
    return VolumeView("Slices", layers, zoom=zoom, centre=centre, outlines=tuple(outlines))


def _montage(
    surfaces: Surfaces, overlays: Sequence[Layer], shading: Sequence[Layer], areas: Sequence[Path]
) -> MontageView:
    borders = (Layer(path, label_style=LabelStyle()) for path in areas)
    maps = (replace(layer, opacity=_SURFACE_OPACITY) for layer in overlays)
    return MontageView("Surfaces", (*borders, *maps, *shading), surfaces=tuple(surfaces.values()))


def _far_off(overlay: Layer) -> VolumeView:
    """Slices of a map where there is nothing of it."""
    return VolumeView("Legend", (overlay,), centre=(_FAR, _FAR, _FAR), letters=False)


def _colour_bar(height: int) -> ColourBar:
    """A colour bar at the left of a view of so many pixels, room for its unit above."""
    low, high = (100 * (height / 2 + pixels) / height for pixels in (-44, 16))
    return ColourBar(Rectangle(2, 22, low, high), letters=100 * _WORDS / height)


def _stacked(lines: Sequence[tuple[str, int]], x: float, height: int, align: Align) -> tuple[Text, ...]:
    """Lines of given letters (pixels) below one another, in the middle of a view of so many pixels."""
    top = (height + sum(_NEXT_LINE * letters for _, letters in lines)) / 2
    texts = []
    for line, letters in lines:
        texts.append(Text(line, x, 100 * (top - _NEXT_LINE * letters / 2) / height, 100 * letters / height, align))
        top -= _NEXT_LINE * letters
    return tuple(texts)


def _wrapped(text: str, letters: int, width: int) -> list[str]:
    """A text in lines that are at most so many pixels wide, with letters of that height."""
    return textwrap.wrap(text, int(width / (0.53 * letters)))


def _sides(y: float) -> tuple[Text, ...]:
    """Which hemisphere is which, as a row of surfaces does not tell."""
    return (Text("Left", 25, y, 4.4, Align.CENTER), Text("Right", 75, y, 4.4, Align.CENTER))
