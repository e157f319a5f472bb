"""Whether Workbench can draw here, found out by having it draw: what it lists, and what it reports, does not tell.

Workbench 2.x lists `-scene-capture-image` whether or not it was built with its only renderer, Mesa's OSMesa; Workbench
1.5 for Windows has no `-show-scene`; and every version reports success for blank pictures.
"""

from __future__ import annotations

import re
import struct
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wbtools.errors import CommandError
from wbtools.text import line
from wbtools.workbench.command import DRAWING
from wbtools.workbench.palette import Palette, PaletteName
from wbtools.workbench.runner import Completed, Drawing, Workbench
from wbtools.workbench.scene import file
from wbtools.workbench.scene.elements import Layer
from wbtools.workbench.scene.scene import Scene, VolumeView
from wbtools.workbench.scene.sheet import sheet

LIMIT = 60.0
"""Seconds for a picture that takes half of one; from a container on a network, the first start is slow."""

_MESSAGE = re.compile(r"ERROR|SEVERE|WARNING|[Ff]ailed|not found|does not exist|[Ii]nvalid")
_NO_RENDERER = re.compile(r"Mesa|off ?screen renderer", re.IGNORECASE)
"""What builds without OSMesa say of it: of the library, of the command, or that no renderer is left."""
_FOLDERS = re.compile(r"(?<![\w/.])/(?:[^\s/:]+/)+")

_CYAN, _YELLOW = (0, 255, 255), (255, 255, 0)
"""Both ends of the palette of the tiny scene, and so its left and its right half."""
_LEAST = 0.1
"""Of each colour, a share of the picture; there are .56 and .28."""


def drawing(workbench: Workbench, limit: float = LIMIT) -> Drawing:
    """How this Workbench draws, if it does; asked once a process, which takes half a second.

    Parameters
    ----------
    workbench : Workbench
    limit : float
        Seconds that each operation may take.
    """
    if workbench.known.drawing is None:
        workbench.known.drawing = _found_out(workbench, limit)
    return workbench.known.drawing


def messages(completed: Completed) -> list[str]:
    """The lines in which Workbench says that something is wrong, though it ended well."""
    return [told for told in (completed.stderr + completed.stdout).splitlines() if _MESSAGE.search(told)]


def _found_out(workbench: Workbench, limit: float) -> Drawing:
    """What the operations that are listed do with a tiny scene, until one has drawn it."""
    try:
        listed = [how for how in DRAWING if how in workbench.commands()]
    except CommandError as error:
        return _without_drawing(workbench.version(), [str(error)])
    problems = []
    for how in listed:
        try:
            return Drawing(how, usual=tuple(_drawn(replace(workbench, completed=[]), how, limit)))
        except CommandError as error:
            problems.append(str(error))
    return _without_drawing(workbench.version(), problems)


def _without_drawing(version: str, problems: list[str]) -> Drawing:
    """Why nothing is drawn, in plain words."""
    if not problems:
        problem = f"Workbench {version} has neither {' nor '.join(DRAWING)}, as its Windows versions"
        return Drawing("", problem, "use a build for Linux or macOS, or let wbtools draw: --renderer own")
    if any(map(_NO_RENDERER.search, problems)):
        problem = f"this build of Workbench {version} lacks its renderer, OSMesa (a part of Mesa until version 25.0)"
        builds = "Debian's (sudo apt install connectome-workbench) or the HCP's own for Linux"
        return Drawing(
            "", problem, f"install a build with OSMesa, such as {builds}, or let wbtools draw: --renderer own"
        )
    problem = f"Workbench {version} draws no picture: {line(without_folders('; '.join(problems)))}"
    return Drawing("", problem, "let wbtools draw: --renderer own")


def without_folders(said: str) -> str:
    """A sentence whose paths lost their folders, so that it can go on record.

    Examples
    --------
    >>> without_folders("/opt/wb/bin/wb_command: libOSMesa.so.8 is not in /usr/lib/x86_64; see http://a.org/b/c")
    'wb_command: libOSMesa.so.8 is not in x86_64; see http://a.org/b/c'
    """
    return _FOLDERS.sub("", said)


def _drawn(workbench: Workbench, how: str, limit: float) -> list[str]:
    """Draw the tiny scene and look at it; gives what is printed with every picture.

    Raises
    ------
    CommandError
        If it is not drawn, or not what was to be drawn.
    """
    with tempfile.TemporaryDirectory(prefix="wbtools-probe-") as place:
        folder = Path(place)
        made = sheet([_tiny_scene(folder / "halves.nii")])
        scene, png = folder / "halves.scene", folder / "halves.png"
        file.write(scene, [made])
        completed = workbench.run(DRAWING[how](scene, 1, png, made.size), limit=limit)
        _require_halves(_pixels(png, how), how)
    return messages(completed)


def _tiny_scene(path: Path) -> Scene:
    """Slices of a cube of 4 voxels a side, -1 on the left and 1 on the right; the sagittal one is of the left half."""
    voxels = np.ones((4, 4, 4), np.float32)
    voxels[:2] = -1
    path.write_bytes(_nifti(voxels))
    layer = Layer(path, palette=Palette(PaletteName.ROY_BIG_BL, negative=True))
    view = VolumeView("halves", (layer,), centre=(-1.5, -1.5, -1.5), letters=False)
    return Scene("halves", (view,), size=(96, 32))


def _nifti(voxels: NDArray[np.float32]) -> bytes:
    """A NIfTI-1 file of voxels of 1 mm around the origin, RAS+."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *voxels.shape, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 16, 32)  # float32
    struct.pack_into("<11f", header, 76, *[1.0] * 8, len(header), 1.0, 0.0)
    header[123] = 2  # mm
    struct.pack_into("<2h", header, 252, 0, 1)  # the affine is that of the sform, scanner coordinates
    for axis, count in enumerate(voxels.shape):
        struct.pack_into("<f", header, 280 + 20 * axis, 1.0)
        struct.pack_into("<f", header, 292 + 16 * axis, -(count - 1) / 2)
    struct.pack_into("<4s", header, 344, b"n+1")
    return bytes(header) + voxels.astype("<f4").tobytes("F")


def _pixels(png: Path, how: str) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(png) as image:
            return np.array(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError):  # what Pillow says of damaged files
        raise CommandError(f"{how} wrote a file that is no picture") from None


def _require_halves(pixels: NDArray[np.uint8], how: str) -> None:
    """Require that the left half is cyan and the right one yellow: a blank or mirrored picture is none."""
    left, right = (np.abs(pixels.astype(int) - colour).max(axis=2) < 40 for colour in (_CYAN, _YELLOW))
    if min(left.mean(), right.mean()) < _LEAST:
        seen = "blank" if not (pixels > 12).any() else "not the one that was to be drawn"
        raise CommandError(f"{how} drew a picture that is {seen}")
    if np.argwhere(left)[:, 1].mean() >= np.argwhere(right)[:, 1].mean():
        raise CommandError(f"{how} drew a picture whose left is on the right")
