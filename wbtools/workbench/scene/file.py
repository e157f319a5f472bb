"""Scene files: described scenes, written so that wb_view and wb_command show them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from wbtools.errors import InputError
from wbtools.workbench import xml
from wbtools.workbench.scene.loading import loaded
from wbtools.workbench.scene.scene import Scene
from wbtools.workbench.scene.window import gui_manager


def write(path: Path, scenes: Sequence[Scene]) -> None:
    """Write a scene file. The same scenes give the same bytes; an existing file is replaced whole.

    Parameters
    ----------
    path : Path
        Ends in `.scene`. All files of the scenes lie inside its folder and are named relative to it.
    scenes : sequence of Scene
        In the order of wb_view's list, each with a name of its own.

    Raises
    ------
    InputError
        If two scenes share a name, or a scene cannot be shown as described (see `scene.loading.loaded`).
    """
    names = [scene.name for scene in scenes]
    if len(set(names)) < len(names):
        raise InputError(f"two scenes share a name: {', '.join(names)}", hint="name each scene differently")
    root = ET.Element("SceneFile", Version="3")
    directory = xml.child(root, "SceneInfoDirectory")
    xml.child(directory, "BasePathType", "AUTOMATIC")
    for index, scene in enumerate(scenes):
        info = xml.child(directory, "SceneInfo", Index=str(index))
        entry = xml.child(root, "Scene", Index=str(index), Type="SCENE_TYPE_FULL")
        for element in (info, entry):
            xml.child(element, "Name", scene.name)
            xml.child(element, "Description", scene.description)
        if scene.thumbnail:
            xml.child(info, "Image", base64.b64encode(scene.thumbnail).decode(), Encoding="Base64", Format="png")
        shown = scene.in_window()
        entry.append(gui_manager(shown, loaded(shown), path.parent))
    xml.save(root, path)
