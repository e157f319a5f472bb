"""What views are made of: layers with their palettes, colour bars, texts, places in a window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from wbtools.errors import InputError
from wbtools.workbench.palette import Palette


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
    row : int or None
        Of a matrix file, which row is shown, as Workbench counts rows, from 0: nibabel's columns. A click in wb_view
        chooses another. The palette is the file's own.
    live : Layer or None
        What a window shows instead, as it answers clicks; pictures show the map itself.
    """

    path: Path
    map_index: int = 0
    opacity: float = 1.0
    palette: Palette | None = None
    label_style: LabelStyle | None = None
    colour_bar: ColourBar | None = None
    row: int | None = None
    live: Layer | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1:
            raise InputError(f"the opacity of {self.path.name} is {self.opacity}", hint="give a number from 0 to 1")

    def fading(self, opacity: float) -> Layer:
        """The layer, and what a window shows instead, at an opacity."""
        return replace(self, opacity=opacity, live=self.live and replace(self.live, opacity=opacity))
