"""Several scenes as one, so that they are drawn together: most of the time goes into loading files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain

from wbtools.workbench.scene.elements import Rectangle
from wbtools.workbench.scene.scene import Scene, View

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
