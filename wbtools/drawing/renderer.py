"""Scenes as pictures, drawn by wbtools itself: equal in layout and nearly in pixels to what wb_command 1.5.0 draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wbtools import atomic
from wbtools.drawing import colour_bar, lettering, slices_in_a_row, surfaces_in_a_row
from wbtools.drawing.lettering import Box
from wbtools.drawing.shown_files import ShownFiles
from wbtools.drawing.slicing import Cut
from wbtools.workbench.datafile import DataType, data_type
from wbtools.workbench.render import Picture, checked
from wbtools.workbench.scene.elements import Rectangle
from wbtools.workbench.scene.loading import loaded
from wbtools.workbench.scene.scene import MontageView, Scene, View, VolumeView

if TYPE_CHECKING:
    from PIL.Image import Image


def draw_sheet(scenes: Mapping[Path, Scene], folder: Path, *, coloured: bool = True, threads: int = 1) -> list[Picture]:
    """Draw scenes; each file is read once, however many scenes show it.

    Parameters
    ----------
    scenes : mapping of Path to Scene
        By the PNG that each becomes.
    folder : Path
        Where their scene file lies, or will lie. Nothing is written there.
    coloured : bool
        Whether the pictures must show colours, as any map other than anatomy does; those of sparse scenes need not.
    threads : int
        Scenes that are drawn side by side.

    Returns
    -------
    list of Picture
        In the order of `scenes`.

    Raises
    ------
    InputError
        If a scene cannot be shown as described, or one of its files cannot be read.
    CheckError
        If a picture is blank or without the expected colours; none is written then.
    """
    for scene in scenes.values():
        loaded(scene)
    files = ShownFiles(cuts(scenes.values()))
    with ThreadPoolExecutor(threads) as pool:
        drawn = list(pool.map(lambda scene: draw(scene, files), scenes.values()))
        pictures = [
            checked(picture, png, scene, coloured=coloured)
            for picture, (png, scene) in zip(drawn, scenes.items(), strict=True)
        ]
        list(pool.map(_save, drawn, scenes))
    return pictures


def draw(scene: Scene, files: ShownFiles) -> Image:
    """Draw a scene.

    Parameters
    ----------
    scene : Scene
    files : ShownFiles
        What has been read so far.

    Returns
    -------
    PIL.Image.Image
        Of the scene's size.
    """
    from PIL import Image

    width, height = scene.size
    pixels = np.zeros((height, width, 3), np.uint8)
    tiles = _tiles(scene)
    for view, (left, upper, right, lower) in tiles:
        panel = pixels[upper:lower, left:right]
        if isinstance(view, VolumeView):
            slices_in_a_row.draw(view, files, panel)
        elif isinstance(view, MontageView):
            surfaces_in_a_row.draw(view, files, panel)
    picture = Image.fromarray(pixels)
    for view, box in tiles:
        _letter(picture, view, files, box)
    return picture


def _save(picture: Image, png: Path) -> None:
    atomic.write(png, lambda stream: picture.save(stream, "PNG", compress_level=6))


def cuts(scenes: Iterable[Scene]) -> dict[Path, list[tuple[Cut, Path]]]:
    """Every way in which scenes cut each volume, and the volume whose field of view is fitted there: the lowest."""
    found: dict[Path, list[tuple[Cut, Path]]] = {}
    for scene in scenes:
        for view, (left, upper, right, lower) in _tiles(scene):
            volumes = [layer.path for layer in view.layers if data_type(layer.path) is DataType.VOLUME]
            if isinstance(view, VolumeView):
                for path in volumes:
                    found.setdefault(path, []).append((Cut(view, lower - upper, right - left), volumes[-1]))
    return found


def _tiles(scene: Scene) -> list[tuple[View, Box]]:
    """The views of a scene, and the pixels of each."""
    return [(view, _box(view, scene.size)) for view in scene.tiles(Rectangle(0, 100, 0, 100))]


def _box(view: View, size: tuple[int, int]) -> Box:
    """The pixels of a tile."""
    width, height = size
    place = view.rectangle or Rectangle(0, 100, 0, 100)
    left, right = (round(width * share / 100) for share in (place.left, place.right))
    upper, lower = (round(height * (1 - share / 100)) for share in (place.top, place.bottom))
    return left, upper, right, lower


def _letter(picture: Image, view: View, files: ShownFiles, box: Box) -> None:
    """Letters, colour bars and texts of a view."""
    if isinstance(view, VolumeView) and view.letters:
        lettering.name_sides(picture, box)
    for layer in view.layers:
        if layer.colour_bar:
            colour_bar.draw(picture, layer.colour_bar, files.scale(layer), box)
    for text in view.texts:
        lettering.write(picture, text, box)
