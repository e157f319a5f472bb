"""How figures look: colours that everybody can tell apart, with line styles that do not need them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wbtools.text import line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Of Okabe and Ito."""
LINES = ("-", "--", "-.", ":")
TOGETHER, APART = COLOURS[0], COLOURS[1]
"""Twins and others, or right and wrong."""

_INCHES, _DPI = 3.6, 150
_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "wbtools",
    "figure.dpi": 100,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the house's style, for the block; nothing outside of it changes."""
    import matplotlib

    with matplotlib.rc_context(_RC):
        yield


def panels(rows: int = 1, columns: int = 1, width: float = 1.25) -> tuple[Figure, list[Axes]]:
    """A drawing with panels, row by row, in no window.

    Parameters
    ----------
    rows, columns : int
    width : float
        Of a panel, over its height.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_INCHES * width * columns, _INCHES * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False).ravel())


def look(place: int) -> dict[str, Any]:
    """Colour and line style of a curve by its place."""
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": LINES[place % len(LINES)]}


def plain(text: str) -> str:
    r"""A text that matplotlib does not take for mathematics.

    Examples
    --------
    >>> plain("a$b$")
    'a\\$b\\$'
    """
    return line(text, 40).replace("$", r"\$")


def rendered(figure: Figure, form: str) -> bytes:
    """A drawing as PNG or SVG, the same bytes each time.

    They are those of `Figure.savefig`, which draws all that has a layout twice.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    stream = io.BytesIO()
    metadata = {"Date": None} if form == "svg" else {"Software": None}
    figure.set_dpi(_DPI)
    canvas: Any = FigureCanvasSVG(figure) if form == "svg" else FigureCanvasAgg(figure)
    with styled():
        (canvas.print_svg if form == "svg" else canvas.print_png)(stream, metadata=metadata)
    return stream.getvalue()
