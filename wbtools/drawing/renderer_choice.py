"""Who draws the pictures of scenes: Workbench where it is installed and draws, else wbtools itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from wbtools.drawing.renderer_names import OWN_RENDERER, RendererName
from wbtools.errors import CommandError, CommandMissing
from wbtools.errors.system import FULL
from wbtools.text import line
from wbtools.version import __version__
from wbtools.workbench import probe, render
from wbtools.workbench.runner import Workbench
from wbtools.workbench.scene.scene import Scene

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Renderer:
    """What draws scenes. Where Workbench fails though it can draw, wbtools steps in, and the reason is kept.

    Parameters
    ----------
    workbench : Workbench or None
        None: wbtools draws.
    reason : str
        Why Workbench does not.
    insists : bool
        Whether Workbench was asked for, so that nothing may take its place.
    """

    workbench: Workbench | None
    reason: str = ""
    insists: bool = False

    def draw(self, scenes: Mapping[Path, Scene], folder: Path, cores: int = 1) -> dict[Path, Scene]:
        """Draw scenes whose scene file will lie in `folder`.

        Parameters
        ----------
        scenes : mapping of Path to Scene
            By the PNG that each becomes.
        folder : Path
        cores : int
            Most that are used.

        Returns
        -------
        dict of Path to Scene
            The same scenes with their thumbnails.

        Raises
        ------
        CheckError
            If a picture is blank, lacks its colours, or Workbench reported an error in loading.
        CommandError
            If Workbench, which was asked for, fails.
        OSError
            If the disk is full.
        """
        try:
            return self._draw(scenes, folder, cores)
        except (CommandError, OSError) as error:
            reason = self._why_not(error)
            if self.insists or not reason:
                raise
            self.reason, self.workbench = reason, None
            logger.info("%s", self.reason)
        return self._draw(scenes, folder, cores)  # all of them, so that they look alike

    def as_record(self) -> dict[str, str]:
        """Who drew, for a result's record."""
        if self.workbench:
            how = probe.drawing(self.workbench).how
            return {"renderer": "Workbench", "version": self.workbench.version(), "command": how}
        return {"renderer": "wbtools", "version": __version__, "reason": self.reason}

    @property
    def draws_planes(self) -> bool:
        """Whether planes of voxels give the pictures of whole volumes, and sooner; wbtools itself gains nothing."""
        return self.workbench is not None and self.workbench.compared

    @property
    def said(self) -> str:
        """Who drew, as a sentence of a methods text."""
        drew = f"Connectome Workbench {self.workbench.version()}" if self.workbench else "wbtools itself"
        return f"Pictures were drawn by {drew}."

    @property
    def notice(self) -> str:
        """What readers of pictures must know; empty where Workbench drew them."""
        if self.workbench:
            return ""
        return f"{OWN_RENDERER}: {self.reason.rstrip('.')}."

    def _why_not(self, error: CommandError | OSError) -> str:
        """Why Workbench did not draw; empty for what is no failure of its own, nor of its place."""
        if not self.workbench:
            return ""
        if isinstance(error, CommandError):
            return f"Workbench {self.workbench.version()} failed: {line(probe.without_folders(str(error)))}"
        room = f"there is no room for what Workbench draws before it is packed ({error.strerror})"
        return room if error.errno in FULL else ""

    def _draw(self, scenes: Mapping[Path, Scene], folder: Path, cores: int) -> dict[Path, Scene]:
        """Workbench draws sheets side by side, each on a core; wbtools the scenes of a sheet."""

        def draw(sheet: Mapping[Path, Scene]) -> dict[Path, Scene]:
            if self.workbench:
                render.render_sheet(self.workbench, sheet, folder)
            else:
                from wbtools.drawing.renderer import draw_sheet

                draw_sheet(sheet, folder, threads=cores)
            return {png: replace(scene, thumbnail=render.thumbnail(png)) for png, scene in sheet.items()}

        for place in {png.parent for png in scenes}:
            place.mkdir(exist_ok=True)
        with ThreadPoolExecutor(cores if self.workbench else 1) as pool:
            drawn = {png: scene for part in pool.map(draw, render.together(scenes)) for png, scene in part.items()}
        return {png: drawn[png] for png in scenes}


def look(program: Path | None = None) -> Workbench | CommandMissing:
    """The Workbench at a path, else the one on PATH; or why there is none that answers."""
    try:
        workbench = Workbench.find(program)
        workbench.version()
    except CommandMissing as error:
        return error
    return workbench


def choose(asked: RendererName = "auto", found: Workbench | CommandMissing | None = None) -> Renderer:
    """Who draws on this machine.

    Parameters
    ----------
    asked : {"auto", "workbench", "own"}
    found : Workbench or CommandMissing, optional
        As `look` gives it, by default for the one on PATH.

    Raises
    ------
    CommandError
        If Workbench is asked for, and is missing or cannot draw.
    """
    if asked == "own":
        return Renderer(None, "that was asked for")
    found = found or look()
    if isinstance(found, CommandMissing):
        if asked == "workbench":
            raise CommandMissing(str(found), hint=f"{found.hint}; without --renderer, wbtools draws the pictures")
        return Renderer(None, line(probe.without_folders(str(found))))
    drawing = probe.drawing(found)
    if not drawing.how and asked == "workbench":
        raise CommandError(drawing.problem, drawing.hint)
    if not drawing.how:
        return Renderer(None, drawing.problem)
    return Renderer(found, insists=asked == "workbench")
