"""What a session shows, described as values: scenes and their views.

A scene loads the files that its views name, and no others can be drawn, so a layer whose file is not loaded (for which
Workbench would silently draw some other file) cannot be described.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from wbtools.errors import InputError
from wbtools.workbench.scene.elements import Layer, Rectangle, Text


@dataclass(frozen=True)
class View:
    """A tab of the window: on its own it shows nothing but texts.

    Parameters
    ----------
    name : str
        Of the tab.
    layers : tuple of Layer
        The first one is on top.
    texts : tuple of Text
    rectangle : Rectangle or None
        Its place when all views of a scene are shown side by side.
    zoom : float
        1 fits the field of view.
    """

    name: str
    layers: tuple[Layer, ...] = ()
    texts: tuple[Text, ...] = ()
    rectangle: Rectangle | None = None
    zoom: float = 1.0

    def paths(self) -> Iterator[Path]:
        """The files that it shows."""
        yield from (layer.path for layer in self.layers)


@dataclass(frozen=True)
class VolumeView(View):
    """Three orthogonal slices in a row: sagittal, coronal, axial, the left side on the left.

    Parameters
    ----------
    centre : tuple of float, (3,)
        Where the slices cross, mm, RAS+.
    letters : bool
        Whether letters say which way each slice lies.
    """

    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    letters: bool = True


@dataclass(frozen=True)
class MontageView(View):
    """Surfaces of one or both hemispheres in a row, each from outside and from inside.

    Parameters
    ----------
    surfaces : tuple of Path
        One for each hemisphere shown.
    """

    surfaces: tuple[Path, ...] = ()

    def paths(self) -> Iterator[Path]:
        """The files that it shows."""
        yield from self.surfaces
        yield from super().paths()


@dataclass(frozen=True)
class Scene:
    """One entry of a scene file: files, views, and how the window is laid out.

    Parameters
    ----------
    name : str
    views : tuple of View
        Tabs; shown side by side if they have rectangles.
    description : str
        Shown in wb_view's list of scenes, as is the thumbnail.
    size : tuple of int, (2,)
        Width and height of the drawing area, pixels.
    also_load : tuple of Path
        Files to have at hand in wb_view though no view shows them.
    thumbnail : bytes or None
        A PNG.
    layers_shown : bool
        Whether wb_view opens with its list of layers; without it, a tall scene fits a laptop's screen.
    sparse : bool
        Whether its maps show so little that a picture without their colours proves nothing wrong.

    Raises
    ------
    InputError
        If there is no view, or only some of the views have a rectangle.
    """

    name: str
    views: tuple[View, ...]
    description: str = ""
    size: tuple[int, int] = (1600, 700)
    also_load: tuple[Path, ...] = ()
    thumbnail: bytes | None = None
    layers_shown: bool = True
    sparse: bool = False

    def __post_init__(self) -> None:
        if not self.views:
            raise InputError(f"scene '{self.name}' shows nothing", hint="give it at least one view")
        if len({view.rectangle is None for view in self.views}) > 1:
            raise InputError(f"scene '{self.name}' places only some of its views", hint="give each one a rectangle")

    @property
    def tiled(self) -> bool:
        """Whether all views are shown side by side."""
        return self.views[0].rectangle is not None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files it loads, each once."""
        return tuple(dict.fromkeys(chain(*(view.paths() for view in self.views), self.also_load)))

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of all views."""
        return tuple(layer for view in self.views for layer in view.layers)

    def in_window(self) -> Scene:
        """What wb_view shows: live layers in the place of maps, whose files stay at hand."""
        maps = tuple(layer.path for layer in self.layers if layer.live)
        views = tuple(
            replace(view, layers=tuple(layer.live or layer for layer in view.layers)) if maps else view
            for view in self.views
        )
        return replace(self, views=views, also_load=(*self.also_load, *maps))

    def tiles(self, place: Rectangle) -> tuple[View, ...]:
        """What its picture shows, in a part of a larger window: its tiles, or its first view; nothing that is live."""
        whole = Rectangle(0, 100, 0, 100)
        views = self.views if self.tiled else self.views[:1]
        return tuple(
            replace(
                view,
                rectangle=(view.rectangle or whole).inside(place),
                layers=tuple(replace(layer, live=None) for layer in view.layers),
            )
            for view in views
        )
