"""The finished session: pictures of all scenes, the scene file, and one spec per mesh."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace

from wbtools.attribution.runtime.memory import give_back
from wbtools.drawing.renderer_choice import Renderer
from wbtools.exporting.session import scenes
from wbtools.exporting.session.data import ExportData
from wbtools.exporting.session.drawn_slices import slices_alone, volumes_of
from wbtools.output.kinds import Output, OutputKind
from wbtools.output.names import OutputFolder
from wbtools.output.written import Written, WrittenFiles
from wbtools.workbench import spec
from wbtools.workbench.scene import file
from wbtools.workbench.scene.scene import Scene

_LISTED: tuple[tuple[OutputKind, ...], ...] = (
    (OutputKind.SURFACE,),
    (OutputKind.SULC,),
    (OutputKind.LABEL,),
    (OutputKind.METRIC,),
    (OutputKind.DLABEL,),
    (OutputKind.DSCALAR,),
    (OutputKind.PSCALAR,),
    (OutputKind.PCONN,),
    (OutputKind.T1W,),
    (OutputKind.BRAIN_MASK,),
    (OutputKind.CORTEX_VOLUME,),
    (OutputKind.ATLAS_VOLUME,),
    (OutputKind.RELEVANCE, OutputKind.HEATMAP, OutputKind.HEATMAP_SMOOTH),
)
"""What a spec lists, in its order; kinds that stand together are listed as they were written, network by network."""

Scenes = Mapping[Output, Scene]
"""The scenes of an export, by the figures that are drawn of them."""


def make(
    out: OutputFolder, files: WrittenFiles, data: ExportData, renderer: Renderer | None, threads: int
) -> WrittenFiles:
    """Compose all scenes, draw them if somebody does, and write the scene file and a spec for each mesh.

    Parameters
    ----------
    out : OutputFolder
    files : WrittenFiles
        The files of `data`.
    data : ExportData
    renderer : Renderer or None
        None draws nothing.
    threads : int

    Returns
    -------
    WrittenFiles
        Pictures, scene file and specs.

    Raises
    ------
    CheckError
        If a picture is blank, lacks an overlay that its map has, or Workbench reported an error in loading.
    CommandError
        If Workbench was asked for, and fails.
    """
    give_back()  # what writing the files took
    composed = {
        Output(OutputKind.FIGURE, explanation.name, scene=name): scene
        for explanation in data.explanations
        for name, scene in scenes.compose(out.subject, files, data, explanation).items()
    }
    figures = WrittenFiles()
    if renderer:
        alone = slices_alone(composed, volumes_of(data, files), out.folder)
        with alone if renderer.draws_planes else nullcontext(composed) as thin:
            drawn, figures = _draw(out, thin, renderer, threads)
        composed = {what: replace(scene, thumbnail=drawn[what].thumbnail) for what, scene in composed.items()}
    scene_file = Written(Output(OutputKind.SCENE), out.path(Output(OutputKind.SCENE)))
    file.write(scene_file.path, list(composed.values()))
    specs = [_write_spec(out, files, mesh, scene_file) for mesh in data.person.cortices]
    return figures + WrittenFiles((scene_file, *specs))


def _draw(
    out: OutputFolder, composed: Scenes, renderer: Renderer, threads: int
) -> tuple[dict[Output, Scene], WrittenFiles]:
    """Render every scene, and give each its thumbnail."""
    figures = {what: Written(what, out.path(what)) for what in composed}
    drawn = renderer.draw({figures[what].path: scene for what, scene in composed.items()}, out.folder, threads)
    return {what: drawn[figure.path] for what, figure in figures.items()}, WrittenFiles(tuple(figures.values()))


def _write_spec(out: OutputFolder, files: WrittenFiles, mesh: str, scene_file: Written) -> Written:
    """Write a spec of the files of one mesh, of the volumes, which go with every mesh, and of the scene file."""
    what = Output(OutputKind.SPEC, mesh=mesh)
    listed = [
        listed.path
        for kinds in _LISTED
        for listed in files
        if listed.what.kind in kinds and listed.what.mesh in {"", mesh}
    ]
    spec.write(out.path(what), [*listed, scene_file.path])
    return Written(what, out.path(what))
