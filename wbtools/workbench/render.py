"""Scenes as pictures, without a window, and checked: Workbench reports success for blank and wrong pictures too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import CheckError, CommandError, InputError
from wbtools.errors.system import require_room
from wbtools.workbench import probe
from wbtools.workbench.command import DRAWING
from wbtools.workbench.runner import Workbench
from wbtools.workbench.scene import file as scene_file
from wbtools.workbench.scene.elements import Rectangle
from wbtools.workbench.scene.loading import loaded
from wbtools.workbench.scene.scene import Scene
from wbtools.workbench.scene.sheet import boxes, sheet

if TYPE_CHECKING:
    from PIL.Image import Image

Name = TypeVar("Name")

_LEAST_DRAWN = 0.02
_LEAST_COLOURED = 0.0005
_HIGHEST = 5000
"""Pixels of a sheet: room for the pictures of one network, whose maps are in memory at the same time."""


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
    """Draw a scene; parameters and errors as in `render_sheet`."""
    return render_sheet(workbench, {png: scene}, folder, coloured=coloured, threads=threads)[0]


def render_sheet(
    workbench: Workbench, scenes: Mapping[Path, Scene], folder: Path, *, coloured: bool = True, threads: int = 1
) -> list[Picture]:
    """Draw scenes whose scene file lies, or will lie, in `folder`: all at once, as most of the time goes into loading.

    Parameters
    ----------
    workbench : Workbench
    scenes : mapping of Path to Scene
        By the PNG that each becomes; such as can be shown together (see `together`).
    folder : Path
        Writable; a scene file lies there while it is drawn.
    coloured : bool
        Whether the pictures must show colours, as any map other than anatomy does; those of sparse scenes need not.
    threads : int

    Raises
    ------
    InputError
        If a scene cannot be shown as described.
    CommandError
        If Workbench cannot draw here at all.
    CheckError
        If it reports an error in loading, or a picture is blank or without the expected colours.
    """
    first = next(iter(scenes))
    twin = folder / f".{first.stem}.scene"
    whole = first.with_name(f".{first.stem}.{'ppm' if workbench.compared else 'png'}")  # no time for packing
    made = sheet(list(scenes.values()))
    try:
        scene_file.write(twin, [made])
        capture(workbench, twin, 1, whole, made.size, threads=threads)
        parts = _cut(whole, list(scenes.values()))
        pictures = [
            checked(part, png, scene, coloured=coloured)
            for part, (png, scene) in zip(parts, scenes.items(), strict=True)
        ]
        for picture, part in zip(pictures, parts, strict=True):
            part.save(picture.path, compress_level=3)  # as small as any level, in half the time of the usual 6
        return pictures
    finally:
        for temporary in (twin, whole):
            temporary.unlink(missing_ok=True)


def together(scenes: Mapping[Name, Scene]) -> list[dict[Name, Scene]]:
    """Put scenes onto as few sheets as can hold them: meshes and palettes must agree on each, and it has an end."""
    sheets: list[dict[Name, Scene]] = []
    for name, scene in scenes.items():
        for group in sheets:
            if _fits([*group.values(), scene]):
                group[name] = scene
                break
        else:
            sheets.append({name: scene})
    return sheets


def _fits(scenes: Sequence[Scene]) -> bool:
    made = sheet(scenes)
    if made.size[1] > _HIGHEST:
        return False
    try:
        loaded(made)
    except InputError:
        return False
    return True


def capture(
    workbench: Workbench, file: Path, number: int, picture: Path, size: tuple[int, int], *, threads: int = 1
) -> None:
    """Draw scene `number` (from 1) of a scene file as it stands.

    Raises
    ------
    CommandError, CheckError
        As in `render_sheet`.
    OSError
        If Workbench failed, and the picture has no room: it does not say so itself.
    """
    drawing = probe.drawing(workbench)
    if not drawing.how:
        raise CommandError(drawing.problem, drawing.hint)
    try:
        completed = workbench.run(DRAWING[drawing.how](file, number, picture, size), threads)
    except CommandError as error:
        require_room(picture.parent, _bytes(picture, size))
        error.hint = error.hint or "let wbtools draw, --renderer own, and open the scene in wb_view"
        raise
    messages = [told for told in probe.messages(completed) if told not in drawing.usual]
    if messages:
        picture.unlink(missing_ok=True)
        raise CheckError(f"Workbench drew {picture.name} after an error: {messages[0].strip()}")


def _bytes(picture: Path, size: tuple[int, int]) -> int:
    """What a picture takes on disk: packed, a tenth at least of its pixels."""
    plain = 3 * size[0] * size[1]
    return plain if picture.suffix == ".ppm" else plain // 10


def _cut(picture: Path, scenes: Sequence[Scene]) -> list[Image]:
    """The pictures on a sheet."""
    from PIL import Image

    with Image.open(picture) as file:
        whole = file.convert("RGB")
    return [whole.crop(box) for box in boxes(scenes)]


def checked(picture: Image, png: Path, scene: Scene, *, coloured: bool = True) -> Picture:
    """Measure the picture of a scene. Colours inside a colour bar prove nothing: it is drawn without its map as well.

    Parameters
    ----------
    picture : PIL.Image.Image
    png : Path
        What it is, or will be, saved as.
    scene : Scene
    coloured : bool
        Whether it must show colours, unless the scene is sparse.

    Raises
    ------
    CheckError
        If it is blank or without the expected colours.
    """
    shares = measure(_without(np.array(picture), colour_bars(scene)))
    if shares[0] < _LEAST_DRAWN:
        raise CheckError(f"{png.name} is blank: {shares[0]:.2%} of it is drawn", hint="open the scene in wb_view")
    if coloured and not scene.sparse and shares[1] < _LEAST_COLOURED:
        raise CheckError(
            f"{png.name} lacks its overlay: {shares[1]:.3%} of it is coloured",
            hint="open the scene in wb_view, and look whether the map's threshold hides everything",
        )
    return Picture(png, picture.size, *shares)


def colour_bars(scene: Scene) -> list[Rectangle]:
    """Where the scene's colour bars stand, percent of the picture.

    Examples
    --------
    >>> from wbtools.workbench.scene.elements import ColourBar, Layer
    >>> from wbtools.workbench.scene.scene import View
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
    red, green, blue = np.moveaxis(pixels, 2, 0).astype(np.int16)
    low, high = np.minimum(np.minimum(red, green), blue), np.maximum(np.maximum(red, green), blue)
    middle = red + green + blue - low - high
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
