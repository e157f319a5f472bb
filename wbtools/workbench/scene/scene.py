"""What a session shows, described as values: scenes, their views, the layers of a view.

A scene loads the files that its views name, and no others can be drawn, so a layer whose file is not loaded (for which
Workbench would silently draw some other file) cannot be described.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import accumulate, chain
from pathlib import Path

from wbtools.errors import InputError
from wbtools.workbench.datafile import DataFile, DataType, read
from wbtools.workbench.palette import Palette
from wbtools.workbench.spec import require_one_mesh


class Colour(Enum):
    """Colours by their names in Workbench."""

    BLACK = "BLACK"
    WHITE = "WHITE"
    YELLOW = "YELLOW"
    LIME = "LIME"
    AQUA = "AQUA"


class LabelDrawing(Enum):
    """How a label map is drawn."""

    FILLED = "DRAW_FILLED"
    OUTLINE = "DRAW_OUTLINE_COLOR"
    OUTLINE_IN_LABEL_COLOUR = "DRAW_OUTLINE_LABEL_COLOR"
    FILLED_WITH_OUTLINE = "DRAW_FILLED_WITH_OUTLINE_COLOR"


class Align(Enum):
    """On which side of its point a text stands."""

    LEFT = "LEFT"
    CENTER = "CENTER"
    RIGHT = "RIGHT"


@dataclass(frozen=True)
class Rectangle:
    """A part of a window or view in percent of it; y runs upwards.

    Raises
    ------
    InputError
        If it is empty or leaves the window.
    """

    left: float
    right: float
    bottom: float
    top: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 100 and 0 <= self.bottom < self.top <= 100):
            raise InputError(f"{self} is not a part of a window", hint="give percentages, the smaller one first")

    @property
    def centre(self) -> tuple[float, float]:
        """The middle, percent."""
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2

    def inside(self, outer: Rectangle) -> Rectangle:
        """The same part of `outer`, as a part of what `outer` is a part of.

        Examples
        --------
        >>> Rectangle(0, 50, 0, 100).inside(Rectangle(40, 60, 0, 20))
        Rectangle(left=40.0, right=50.0, bottom=0.0, top=20.0)
        """
        wide, high = (outer.right - outer.left) / 100, (outer.top - outer.bottom) / 100
        left, right = (outer.left + wide * x for x in (self.left, self.right))
        bottom, top = (outer.bottom + high * y for y in (self.bottom, self.top))
        return Rectangle(left, min(right, 100.0), bottom, min(top, 100.0))  # rounding may pass the edge


@dataclass(frozen=True)
class Text:
    """A line of text in a view.

    Parameters
    ----------
    text : str
    x, y : float
        Where it stands, percent of the view, y upwards; `y` is the middle of the line.
    height : float
        Height of the letters, percent of the view.
    align : Align
    """

    text: str
    x: float
    y: float
    height: float
    align: Align = Align.LEFT


@dataclass(frozen=True)
class LabelStyle:
    """How a label file is drawn, in every layer that shows it."""

    drawing: LabelDrawing = LabelDrawing.OUTLINE
    outline: Colour = Colour.BLACK


@dataclass(frozen=True)
class ColourBar:
    """Where a view shows the colours of a layer.

    Parameters
    ----------
    place : Rectangle
        Of the bar and the numbers above it.
    letters : float
        Height of the numbers, percent of the view.
    """

    place: Rectangle
    letters: float


@dataclass(frozen=True)
class Layer:
    """A map of a file, drawn in a view.

    Parameters
    ----------
    path : Path
    map_index : int
        Which of the file's maps, from 0.
    opacity : float
        0 to 1.
    palette : Palette or None
        None leaves the palette that the file itself carries.
    label_style : LabelStyle or None
        For label files; None fills the labels.
    colour_bar : ColourBar or None
    """

    path: Path
    map_index: int = 0
    opacity: float = 1.0
    palette: Palette | None = None
    label_style: LabelStyle | None = None
    colour_bar: ColourBar | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1:
            raise InputError(f"the opacity of {self.path.name} is {self.opacity}", hint="give a number from 0 to 1")


@dataclass(frozen=True)
class SurfaceOutline:
    """A surface's cut through the slices of a volume view."""

    path: Path
    colour: Colour = Colour.WHITE


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
    outlines : tuple of SurfaceOutline
    letters : bool
        Whether letters say which way each slice lies.
    """

    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    outlines: tuple[SurfaceOutline, ...] = ()
    letters: bool = True

    def paths(self) -> Iterator[Path]:
        """The files that it shows."""
        yield from super().paths()
        yield from (outline.path for outline in self.outlines)


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

    def tiles(self, place: Rectangle) -> tuple[View, ...]:
        """What its picture shows, in a part of a larger window: its tiles, or its first view."""
        whole = Rectangle(0, 100, 0, 100)
        views = self.views if self.tiled else self.views[:1]
        return tuple(replace(view, rectangle=(view.rectangle or whole).inside(place)) for view in views)


_MARGIN = 4  # pixels above the scenes of a sheet


def sheet(scenes: Sequence[Scene]) -> Scene:
    """Several scenes below one another as one, for rendering without a window, and an empty view in a corner.

    wb_command leaves out what it draws after the last view's model (colour bar, texts) where Mesa's OSMesa is the
    renderer, so the last view must be one where nothing is missed.

    Parameters
    ----------
    scenes : sequence of Scene
        At least one. Texts and colour bars keep their size, as they are measured by their views.
    """
    width, height = max(scene.size[0] for scene in scenes), _MARGIN + sum(scene.size[1] for scene in scenes)
    views: list[View] = []
    for scene, (left, upper, right, lower) in zip(scenes, boxes(scenes), strict=True):
        # Workbench cuts fractions of pixels off a place and off its height; rounding would take a whole one.
        bottom, top = 100 * (height - lower + 0.05) / height, 100 * (height - upper + 0.1) / height
        views += scene.tiles(Rectangle(100 * left / width, 100 * right / width, bottom, top))
    corner = View("corner", rectangle=Rectangle(100 - 300 / width, 100, 100 - 300 / height, 100))  # within the margin
    files = dict.fromkeys(chain(*(scene.also_load for scene in scenes)))
    return Scene(scenes[0].name, (*views, corner), size=(width, height), also_load=tuple(files))


def boxes(scenes: Sequence[Scene]) -> list[tuple[int, int, int, int]]:
    """Where each scene lies in a picture of their sheet: left, upper, right, lower, pixels from the upper left.

    Examples
    --------
    >>> boxes([Scene("a", (View("v"),), size=(16, 9)), Scene("b", (View("v"),), size=(12, 5))])
    [(0, 4, 16, 13), (0, 13, 12, 18)]
    """
    ends = list(accumulate((scene.size[1] for scene in scenes), initial=_MARGIN))[1:]
    return [(0, end - scene.size[1], scene.size[0], end) for scene, end in zip(scenes, ends, strict=True)]


def loaded(scene: Scene) -> dict[Path, DataFile]:
    """The scene's files, read and checked against what it does with them.

    Raises
    ------
    InputError
        If a file is missing, damaged or of the wrong kind, two of them need different meshes of a hemisphere, a layer
        names a map that its file lacks, or two layers want different palettes or styles of one map.
    """
    files = {path: read(path) for path in scene.paths}
    require_one_mesh(list(files.values()))
    for view in scene.views:
        _check_surfaces(scene, view, files)
    for layer in scene.layers:
        _check_layer(scene, layer, files[layer.path])
    return files


def _check_surfaces(scene: Scene, view: View, files: dict[Path, DataFile]) -> None:
    """A montage takes one surface a side; surfaces and outlines must be surfaces."""
    outlines = view.outlines if isinstance(view, VolumeView) else ()
    surfaces = view.surfaces if isinstance(view, MontageView) else ()
    for path in (*surfaces, *(outline.path for outline in outlines)):
        if files[path].type is not DataType.SURFACE:
            raise InputError(f"{path.name} is not a surface, in scene '{scene.name}'", hint="give a .surf.gii file")
    sides = [files[path].structure for path in surfaces]
    if isinstance(view, MontageView) and (not sides or len(set(sides)) < len(sides)):
        raise InputError(f"scene '{scene.name}' needs one surface for each hemisphere it shows")


def _check_layer(scene: Scene, layer: Layer, file: DataFile) -> None:
    if file.type in {DataType.SURFACE, DataType.SCENE}:
        raise InputError(f"{layer.path.name} holds no map to draw, in scene '{scene.name}'")
    if not 0 <= layer.map_index < file.maps:
        raise InputError(f"{layer.path.name} has {file.maps} maps, scene '{scene.name}' wants number {layer.map_index}")
    for other in scene.layers:
        if other.path != layer.path:
            continue
        if other.label_style != layer.label_style:
            raise InputError(f"scene '{scene.name}' draws the labels of {layer.path.name} in two ways")
        if other.map_index == layer.map_index and other.palette != layer.palette:
            raise InputError(f"scene '{scene.name}' gives two palettes to one map of {layer.path.name}")
