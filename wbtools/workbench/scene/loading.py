"""The files of a scene, read, and checked against what the scene does with them."""

from __future__ import annotations

from pathlib import Path

from wbtools.errors import InputError
from wbtools.text import counted
from wbtools.workbench.datafile import DataFile, DataType, read
from wbtools.workbench.scene.elements import Layer
from wbtools.workbench.scene.scene import MontageView, Scene, View
from wbtools.workbench.spec import require_one_mesh


def loaded(scene: Scene) -> dict[Path, DataFile]:
    """The scene's files, read and checked against what it does with them.

    Raises
    ------
    InputError
        If a file is missing, damaged or of the wrong kind, two of them need different meshes of a hemisphere, a layer
        names a map that its file lacks, or two layers want different palettes or styles of one map.
    """
    files = {path: read(path) for path in scene.paths}
    require_one_mesh(list(files.values()))
    for view in scene.views:
        _check_surfaces(scene, view, files)
    for layer in scene.layers:
        _check_layer(scene, layer, files[layer.path])
    return files


def _check_surfaces(scene: Scene, view: View, files: dict[Path, DataFile]) -> None:
    """A montage takes one surface a side."""
    surfaces = view.surfaces if isinstance(view, MontageView) else ()
    for path in surfaces:
        if files[path].type is not DataType.SURFACE:
            raise InputError(f"{path.name} is not a surface, in scene '{scene.name}'", hint="give a .surf.gii file")
    sides = [files[path].structure for path in surfaces]
    if isinstance(view, MontageView) and (not sides or len(set(sides)) < len(sides)):
        raise InputError(f"scene '{scene.name}' needs one surface for each hemisphere it shows")


def _check_layer(scene: Scene, layer: Layer, file: DataFile) -> None:
    if file.type in {DataType.SURFACE, DataType.SCENE}:
        raise InputError(f"{layer.path.name} holds no map to draw, in scene '{scene.name}'")
    if not 0 <= layer.map_index < file.maps:
        has = f"{layer.path.name} has {counted(file.maps, 'map')}"
        raise InputError(f"{has}, scene '{scene.name}' wants number {layer.map_index}")
    if (layer.row is not None) != (file.type is DataType.PARCEL):
        raise InputError(
            f"{layer.path.name} in scene '{scene.name}': a row is chosen of each matrix, and of nothing else"
        )
    if layer.row is not None and layer.palette:  # Workbench reads none for it from a scene
        raise InputError(f"{layer.path.name} carries its palette itself, and scene '{scene.name}' gives it another")
    for other in scene.layers:
        if other.path != layer.path:
            continue
        if other.row != layer.row:
            raise InputError(f"scene '{scene.name}' shows two rows of {layer.path.name}, which has one chosen")
        if other.label_style != layer.label_style:
            raise InputError(f"scene '{scene.name}' draws the labels of {layer.path.name} in two ways")
        if other.map_index == layer.map_index and other.palette != layer.palette:
            raise InputError(f"scene '{scene.name}' gives two palettes to one map of {layer.path.name}")
