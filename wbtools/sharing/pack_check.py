"""A pack, unpacked and looked at before it gets its name: is everything there that it names, and does a scene draw?"""

from __future__ import annotations

import posixpath
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from wbtools.errors import CheckError, CommandError, CommandMissing, InputError
from wbtools.reading.contents import Contents
from wbtools.sharing import scene_references
from wbtools.sharing.scene_references import SCENE, SPEC
from wbtools.text import line
from wbtools.workbench import probe, render
from wbtools.workbench.runner import Workbench

_SIZE = (800, 500)  # pixels
_LEAST_DRAWN = 0.02


@dataclass(frozen=True)
class Checked:
    """What was found right.

    Parameters
    ----------
    files, scenes : int
        How many there are.
    drawn : str
        The scene that was drawn out of the pack; empty if none was.
    why_not : str
        Why none was.
    """

    files: int
    scenes: int
    drawn: str = ""
    why_not: str = ""


def check(file: Path, origin: Path, draw: bool = True, wb_command: Path | None = None) -> Checked:
    """Unpack a pack into a temporary folder, and look at it.

    Parameters
    ----------
    file : Path
    origin : Path
        The export's folder, whose path must not be found in any file.
    draw : bool
        Whether Workbench, where it can, is to draw a scene.
    wb_command : Path, optional

    Raises
    ------
    CheckError
        If a file is missing, not as recorded, damaged, or names something that is not in the pack.
    """
    try:
        Contents.of(file).require_as_recorded()
    except InputError as error:
        raise CheckError(f"the pack is not what it should be: {error}") from None
    with tempfile.TemporaryDirectory(prefix="wbtools-pack-") as name:
        with zipfile.ZipFile(file) as archive:
            archive.extractall(name)
        (folder,) = Path(name).iterdir()
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        for each in files:
            _require_nothing_of(origin, folder / each)
        sessions = [each for each in files if each.endswith((SCENE, SPEC))]
        for each in sessions:
            _require_references(folder, each)
        scenes = {each: _scenes(folder, each) for each in sessions if each.endswith(SCENE)}
        count, (drawn, why) = sum(map(len, scenes.values())), ("", "not asked for")
        if draw:
            drawn, why = _drawn(folder, scenes, wb_command)
        return Checked(len(files), count, drawn, why)


def _scenes(folder: Path, name: str) -> list[str]:
    return scene_references.scenes(name, (folder / name).read_bytes())


def _require_references(folder: Path, name: str) -> None:
    """Every file that a scene or spec names is in the pack, and named relative to it."""
    try:
        named = scene_references.references(name, (folder / name).read_bytes())
    except InputError as error:
        raise CheckError(f"in the pack, {error}") from None
    for reference in named:
        inside = scene_references.in_export(name, reference)
        if PurePosixPath(reference).is_absolute() or PureWindowsPath(reference).drive:
            raise CheckError(f"in the pack, {name} names {line(reference)}, an absolute path")
        if inside.startswith(f"..{posixpath.sep}") or not (folder / inside).is_file():
            raise CheckError(f"in the pack, {name} names {line(reference)}, which is not in it")


def _require_nothing_of(origin: Path, path: Path) -> None:
    """No file tells where the export lay."""
    place = str(origin.resolve()).encode("utf-8", "surrogateescape")
    if place.count(b"/") > 1 and place in path.read_bytes():
        raise CheckError(f"in the pack, {path.name} holds the path of the export", hint="export the subject again")


def _drawn(folder: Path, scenes: dict[str, list[str]], wb_command: Path | None) -> tuple[str, str]:
    """The scene that was drawn, or why none was."""
    name, title = next(((name, names[0]) for name, names in scenes.items() if names), ("", ""))
    if not name:
        return "", "it has no scene"
    try:
        workbench = Workbench.find(wb_command)
        if problem := probe.drawing(workbench).problem:
            return "", problem
        png = folder / ".drawn.png"
        render.capture(workbench, folder / name, 1, png, _SIZE)
    except CommandMissing as error:
        return "", str(error)
    except CommandError as error:
        raise CheckError(f"Workbench cannot draw '{line(title)}' out of the pack: {error}") from None
    if _share(png) < _LEAST_DRAWN:
        raise CheckError(f"the scene '{line(title)}', drawn out of the pack, is blank")
    return title, ""


def _share(png: Path) -> float:
    """Of a picture, what is drawn."""
    import numpy as np
    from PIL import Image

    with Image.open(png) as image:
        return render.measure(np.array(image.convert("RGB")))[0]
