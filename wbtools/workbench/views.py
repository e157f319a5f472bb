"""The scenes of an export, composed from file paths: slices, montages, and both in one figure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.workbench.datafile import read
from wbtools.workbench.scene import (
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
_V = TypeVar("_V", bound=View)

MIDDLE: Point = (-2.0, -18.0, 8.0)
"""Where slices cross unless told otherwise, mm: thalamus and medial cortex, in ACPC or MNI alignment."""

_HEAD = 222.0  # mm of space that a panel of slices gives a head, its letters included
_OVERLAY_OPACITY = 0.75
_SURFACE_OPACITY = 0.9  # low values of magma are black: so they stay apart from the black borders, and folds show


def volume_scene(
    name: str,
    anatomy: Layer,
    overlay: Layer,
    *,
    title: str,
    unit: str = "",
    notice: str = NOTICE,
    centre: Point = MIDDLE,
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
    title, notice : str
        Written into the picture.
    unit : str
        Of the overlay, written above the colour bar and its numbers.
    centre : tuple of float, (3,)
        Where the slices cross, mm.
    outlines : sequence of SurfaceOutline
        Surfaces drawn as lines on the slices.
    also_load : sequence of Path
        Files to have at hand in wb_view.

    Raises
    ------
    InputError
        If the anatomy is missing or damaged.
    """
    size = (1600, 720)
    view = _slices(anatomy, overlay, centre, outlines, size)
    # Between the vertical lines of the crosshairs, which stand at 1/6, 1/2 and 5/6 of the width.
    bar = ColourBar(Rectangle(22, 44.5, 2, 9), letters=3.4)
    titles = (Text(line, 33.3, 95 - 5 * i, 3.4, Align.CENTER) for i, line in enumerate(textwrap.wrap(title, 32)))
    texts = (*titles, *_foot(notice, 46, Text("", 66.7, 4, 2.8, Align.CENTER)))
    view = _with_bar(replace(view, texts=texts), bar, unit)
    return Scene(name, (view,), _description(title, notice), size, tuple(also_load))


def montage_scene(
    name: str,
    surfaces: Surfaces,
    overlays: Sequence[Layer],
    *,
    title: str,
    unit: str = "",
    notice: str = NOTICE,
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
    title, notice : str
        Written into the picture.
    unit : str
        Of the overlay, written above the colour bar and its numbers.
    shading : sequence of Layer
        Sulcal depth, drawn below.
    areas : sequence of Path
        Label files whose borders are drawn in black: one `.dlabel.nii`, or one `.label.gii` a side.
    also_load : sequence of Path
        Files to have at hand in wb_view.
    """
    size = (1600, 520)
    view = _montage(surfaces, overlays, shading, areas)
    bar = ColourBar(Rectangle(2, 24.5, 3, 13), letters=4.7)
    texts = (Text(title, 50, 93, 5, Align.CENTER), *_sides(79), *_foot(notice, 84, Text("", 98, 6, 3.9, Align.RIGHT)))
    view = _with_bar(replace(view, texts=texts), bar, unit, len(areas))
    return Scene(name, (view,), _description(title, notice), size, tuple(also_load))


def overview_scene(
    name: str,
    anatomy: Layer,
    overlay: Layer,
    surfaces: Surfaces,
    overlays: Sequence[Layer],
    *,
    title: str,
    unit: str = "",
    notice: str = NOTICE,
    centre: Point = MIDDLE,
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
        raise InputError(f"scene '{name}' has one colour bar", mend="give its volume and surface maps one palette")
    size = (1600, 940)
    head, top, bottom, foot = (Rectangle(0, 100, *edges) for edges in ((93, 100), (46, 93), (6, 46), (0, 6)))
    slices = _slices(anatomy, overlay, centre, outlines=(), size=(1600, 442))
    slices = _with_bar(replace(slices, rectangle=top), ColourBar(Rectangle(24.5, 45.5, 0, 10.5), letters=4.7), unit)
    montage = replace(_montage(surfaces, overlays, shading, areas), rectangle=bottom, texts=_sides(4))
    views = (
        slices,
        montage,
        View("Title", texts=(Text(title, 50, 45, 38, Align.CENTER),), rectangle=head),
        View("Notice", texts=_foot(notice, 150, Text("", 98, 30, 30, Align.RIGHT)), rectangle=foot),
    )
    return Scene(name, views, _description(title, notice), size, tuple(also_load), layers_shown=False)


def _slices(
    anatomy: Layer, overlay: Layer, centre: Point, outlines: Sequence[SurfaceOutline], size: tuple[int, int]
) -> VolumeView:
    """Three planes whose heads fit their panels. Workbench fits the field of view's height, and cuts what is wider."""
    width, height = size[0] / 3, size[1]
    fitted = 0.98 * height / read(anatomy.path).extent  # pixels per mm at zoom 1
    zoom = round(min(width, height) / _HEAD / fitted, 3)
    layers = (replace(overlay, opacity=_OVERLAY_OPACITY), anatomy)
    return VolumeView("Slices", layers, zoom=zoom, centre=centre, outlines=tuple(outlines))


def _montage(
    surfaces: Surfaces, overlays: Sequence[Layer], shading: Sequence[Layer], areas: Sequence[Path]
) -> MontageView:
    borders = (Layer(path, label_style=LabelStyle()) for path in areas)
    maps = (replace(layer, opacity=_SURFACE_OPACITY) for layer in overlays)
    return MontageView("Surfaces", (*borders, *maps, *shading), surfaces=tuple(surfaces.values()))


def _with_bar(view: _V, bar: ColourBar, unit: str, index: int = 0) -> _V:
    """The view with the colour bar of one layer (of the map, not of the lines on top of it), and its unit."""
    layers = tuple(replace(layer, colour_bar=bar if i == index else None) for i, layer in enumerate(view.layers))
    place = bar.place
    above = Text(unit, place.centre[0], place.top + 0.6 * bar.letters, bar.letters, Align.CENTER)
    return replace(view, layers=layers, texts=(*view.texts, above) if unit else view.texts)


def _foot(notice: str, width: int, last: Text) -> tuple[Text, ...]:
    """The notice in lines of at most `width` letters, the last of them like `last`, the others above it."""
    lines = textwrap.wrap(notice, width)[::-1]
    return tuple(replace(last, text=line, y=last.y + 1.4 * last.height * i) for i, line in enumerate(lines))


def _sides(y: float) -> tuple[Text, ...]:
    """Which hemisphere is which, as a row of surfaces does not tell."""
    return (Text("Left", 25, y, 4.4, Align.CENTER), Text("Right", 75, y, 4.4, Align.CENTER))


def _description(title: str, notice: str) -> str:
    return f"{title}\n{notice}"
