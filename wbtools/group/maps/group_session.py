"""A group's maps as a finished Workbench session: data files, pictures of all scenes, the scene file and a spec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wbtools.drawing.renderer_choice import Renderer
from wbtools.errors import InputError
from wbtools.group.maps import group_scenes
from wbtools.group.maps.group_files import PREFIX, GroupFile, NetworkMaps
from wbtools.group.maps.network_files import write_network
from wbtools.group.maps.standard_files import write_standard
from wbtools.workbench import spec
from wbtools.workbench.scene import file as scene_file
from wbtools.workbench.scene.scene import Scene


def write_maps(
    folder: Path, networks: Sequence[NetworkMaps], renderer: Renderer | None = None, threads: int = 1
) -> tuple[GroupFile, ...]:
    """Write the maps of some networks over the same people, and draw them.

    Parameters
    ----------
    folder : Path
        Exists; the caller's, as one that is published when everything is there.
    networks : sequence of NetworkMaps
        Of one atlas.
    renderer : Renderer, optional
        Without it, nothing is drawn.
    threads : int
        Most cores that drawing uses.

    Returns
    -------
    tuple of GroupFile
        All files that were written, in the order in which a reader wants them listed.

    Raises
    ------
    InputError
        If there is no network, or two have the same name.
    CheckError
        If a picture is blank, lacks its colours, or Workbench reported an error in loading.
    CommandError
        If Workbench was asked for, and fails.
    """
    if not networks or len({network.name for network in networks}) < len(networks):
        raise InputError("maps of a group need networks, each with a name of its own")
    standard = write_standard(folder, networks[0].atlas)
    files: list[GroupFile] = []
    scenes: dict[Path, Scene] = {}
    for network in networks:
        written = write_network(folder, network)
        files += written.values()
        for name, scene in group_scenes.compose(network, written, standard).items():
            scenes[folder / "figures" / f"{network.name}.{name}.png"] = scene
    drawn = renderer.draw(scenes, folder, threads) if renderer else scenes
    listed = (*standard.on_mesh, *files, standard.t1w)
    session = _session(folder, [file.path for file in listed], list(drawn.values()))
    pictures = [GroupFile(png, f"picture of the scene '{scene.name}'") for png, scene in scenes.items() if renderer]
    return (*listed, *session, *pictures)


def _session(folder: Path, listed: Sequence[Path], scenes: Sequence[Scene]) -> tuple[GroupFile, GroupFile]:
    """Write the scene file, and a spec that lists it with the data files."""
    scene = GroupFile(folder / f"{PREFIX}.wbtools.scene", "prepared scenes, for wb_view")
    scene_file.write(scene.path, list(scenes))
    found = GroupFile(folder / f"{PREFIX}.32k_fs_LR.wb.spec", "all of it, for wb_view")
    spec.write(found.path, [*listed, scene.path])
    return scene, found
