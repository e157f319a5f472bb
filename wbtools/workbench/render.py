"""Scenes as pictures, without a window, and checked: Workbench reports success for blank and wrong pictures too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import CheckError, CommandError
from wbtools.workbench import command, scene_file
from wbtools.workbench.runner import Workbench
from wbtools.workbench.scene import Rectangle, Scene

_MESSAGE = re.compile(r"ERROR|SEVERE|WARNING|[Ff]ailed|not found|does not exist|[Ii]nvalid")
_LEAST_DRAWN = 0.02
_LEAST_COLOURED = 0.0005


@dataclass(frozen=True)
class Picture:
    """A rendered scene that passed its checks.

    Parameters
    ----------
    path : Path
    size : tuple of int, (2,)
        Pixels.
    drawn, coloured : float
        Share of the pixels that are not background; that show a colour of a palette (crosshairs and letters aside).
    """

    path: Path
    size: tuple[int, int]
    drawn: float
    coloured: float


def render(
    workbench: Workbench, scene: Scene, folder: Path, png: Path, *, coloured: bool = True, threads: int = 1
) -> Picture:
    """Draw a scene whose scene file lies, or will lie, in `folder`.

    Parameters
    ----------
    workbench : Workbench
    scene : Scene
    folder : Path
        Writable; a scene file lies there while it is drawn.
    png : Path
    coloured : bool
        Whether the picture must show colours, as any map other than anatomy does; those of sparse scenes need not.
    threads : int

    Raises
    ------
    InputError
        If the scene cannot be shown as described.
    CommandError
        If Workbench cannot draw here at all.
    CheckError
        If it reports an error in loading, or the picture is blank or without the expected colours.
    """
    twin = folder / f".{png.stem}.scene"
    try:
        scene_file.write(twin, [scene.for_png()])
        bars = colour_bars(scene)
        expected = coloured and not scene.sparse
        return capture(workbench, twin, 1, png, scene.size, coloured=expected, besides=bars, threads=threads)
    finally:
        twin.unlink(missing_ok=True)


def capture(
    workbench: Workbench,
    file: Path,
    number: int,
    png: Path,
    size: tuple[int, int],
    *,
    coloured: bool = True,
    besides: Sequence[Rectangle] = (),
    threads: int = 1,
) -> Picture:
    """Draw scene `number` (from 1) of a scene file as it stands; parameters and errors as in `render`.

    Colours inside `besides` (percent of the picture) prove nothing: a colour bar is drawn without its map as well.
    """
    newer = "-scene-capture-image" in workbench.commands()
    draw = command.scene_capture_image if newer else command.show_scene
    try:
        completed = workbench.run(draw(file, number, png, size), threads)
    except CommandError as error:
        error.mend = error.mend or "run with --no-render and open the scene in wb_view"
        raise
    try:
        messages = [line for line in (completed.stderr + completed.stdout).splitlines() if _MESSAGE.search(line)]
        if messages:
            raise CheckError(f"Workbench drew {png.name} after an error: {messages[0].strip()}")
        return _checked(png, coloured, besides)
    except CheckError:
        png.unlink(missing_ok=True)
        raise


def _checked(png: Path, coloured: bool, besides: Sequence[Rectangle]) -> Picture:
    """Measure a picture, and save it again compressed (Workbench does not)."""
    from PIL import Image

    with Image.open(png) as image:
        picture = image.convert("RGB")
    shares = measure(_without(np.array(picture), besides))
    if shares[0] < _LEAST_DRAWN:
        raise CheckError(f"{png.name} is blank: {shares[0]:.2%} of it is drawn", mend="open the scene in wb_view")
    if coloured and shares[1] < _LEAST_COLOURED:
        raise CheckError(
            f"{png.name} lacks its overlay: {shares[1]:.3%} of it is coloured",
            mend="open the scene in wb_view, and look whether the map's threshold hides everything",
        )
    picture.save(png, compress_level=6)  # the smallest file takes five times as long for 5 %
    return Picture(png, picture.size, *shares)


def colour_bars(scene: Scene) -> list[Rectangle]:
    """Where the scene's colour bars stand, percent of the picture.

    Examples
    --------
    >>> from wbtools.workbench.scene import ColourBar, Layer, View
    >>> layer = Layer(Path("x.nii"), colour_bar=ColourBar(Rectangle(0, 50, 0, 10), letters=3))
    >>> colour_bars(Scene("s", (View("v", (layer,), rectangle=Rectangle(0, 100, 50, 100)),)))
    [Rectangle(left=0.0, right=50.0, bottom=50.0, top=55.0)]
    """
    whole = Rectangle(0, 100, 0, 100)
    return [
        layer.colour_bar.place.inside(view.rectangle or whole)
        for view in scene.views
        for layer in view.layers
        if layer.colour_bar
    ]


def _without(pixels: NDArray[np.uint8], parts: Sequence[Rectangle]) -> NDArray[np.uint8]:
    """The picture with some parts of it blackened."""
    height, width = pixels.shape[:2]
    for part in parts:
        rows = slice(int(height * (1 - part.top / 100)), int(height * (1 - part.bottom / 100)) + 1)
        pixels[rows, int(width * part.left / 100) : int(width * part.right / 100) + 1] = 0
    return pixels


def measure(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """The shares of pixels that are drawn, and that show a palette's colour.

    Crosshairs and letters are pure red, green or blue; palettes mix at least two of them.

    Parameters
    ----------
    pixels : ndarray, (H, W, 3), uint8

    Examples
    --------
    >>> row = np.array([[[0, 0, 0], [90, 90, 90], [0, 255, 0], [220, 90, 120]]], np.uint8)
    >>> measure(row)
    (0.75, 0.25)
    """
    low, middle, high = np.moveaxis(np.sort(pixels.astype(np.int16), axis=2), 2, 0)
    colour = (high > 60) & (high - low > 40) & (middle > 0.25 * high)
    return float((high > 12).mean()), float(colour.mean())


def thumbnail(png: Path, width: int = 360) -> bytes:
    """The picture at `width` pixels, as the bytes of a PNG, for `Scene.thumbnail`."""
    from PIL import Image

    with Image.open(png) as image:
        small = image.convert("RGB")
    small.thumbnail((width, width))
    buffer = BytesIO()
    small.quantize(128).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
