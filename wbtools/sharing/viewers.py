"""Lines that open a finished export in programs other than Workbench.

A new viewer is a new entry of `VIEWERS`. The options are those of FSLeyes 1.20, ITK-SNAP 4, Slicer 5 and FreeSurfer 7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.output.kinds import Output, OutputKind
from wbtools.reading.container import Folder
from wbtools.reading.finished import Export
from wbtools.workbench import palette
from wbtools.workbench.palette import Palette

Words = tuple[str, ...]

_RELEVANCE_OPACITY, _ATLAS_OPACITY = 75, 30  # percent
_SHOWN = "pial"
"""The surface that is shown under maps."""


@dataclass(frozen=True)
class ViewerFiles:
    """What of an export a viewer is given.

    Parameters
    ----------
    t1w : Path or None
        The image; None in a pack without it.
    relevance, atlas, lut : Path
        Overlay, labels, and the labels' names and colours in FSLeyes' format.
    shown : Palette
        Of the overlay.
    most : float
        The largest value of the overlay.
    cortex : mapping of Hemisphere to tuple of Path, (3,)
        A surface, its maps, relevance first, and its areas; empty where the export has none.
    """

    t1w: Path | None
    relevance: Path
    atlas: Path
    lut: Path
    shown: Palette
    most: float
    cortex: Mapping[Hemisphere, tuple[Path, Path, Path]] = field(default_factory=dict)

    @property
    def low(self) -> str:
        """Below this the overlay is transparent."""
        return f"{self.shown.threshold or 0.0:.4g}"

    @property
    def high(self) -> str:
        """The bright end of the colours."""
        return f"{self.shown.high:.4g}"


@dataclass(frozen=True)
class Viewer:
    """A program that opens an export.

    Parameters
    ----------
    title : str
    words : callable
        The command line that shows the files.
    separators : str
        Characters that end a file's name in its options, so that no name may have them.
    """

    title: str
    words: Callable[[ViewerFiles], Words]
    separators: str = ""


@dataclass(frozen=True)
class ViewerLine:
    """How one network's results are opened in a viewer.

    Parameters
    ----------
    title : str
        Of the viewer.
    network : str
    words : tuple of str
        To be quoted for a shell; empty if the viewer cannot be given these names.
    problem : str
        Why, then.
    """

    title: str
    network: str
    words: Words = ()
    problem: str = ""


def lines(export: Export) -> list[ViewerLine]:
    """The lines of all viewers, network by network.

    Parameters
    ----------
    export : Export
        In a folder.

    Raises
    ------
    InputError
        If it lies in a zip file, or a file is missing.
    """
    if not isinstance(export.contents.container, Folder):
        raise InputError(f"{export.folder} is a zip file, which viewers do not open", hint="unpack it first")
    found = []
    for network in export.networks:
        files = files_of(export, network)
        found += [_line(viewer, network, files) for viewer in VIEWERS.values()]
    return found


def files_of(export: Export, network: str) -> ViewerFiles:
    """What viewers are given of one network."""
    contents, results, atlas = export.contents, export.network(network), export.contents.record.atlas
    values = results.relevance.data
    cortex = {}
    mesh = next((mesh for mesh in ("native", *export.meshes) if mesh in export.meshes), "")
    if mesh and export.has_surface(mesh, _SHOWN):
        for side in Hemisphere:
            kinds = (
                Output(OutputKind.SURFACE, hemisphere=side, mesh=mesh, surface=_SHOWN),
                Output(OutputKind.METRIC, network, side, mesh),
                Output(OutputKind.LABEL, hemisphere=side, mesh=mesh, atlas=atlas),
            )
            surface, maps, areas = (contents.path(what).absolute() for what in kinds)
            cortex[side] = surface, maps, areas
    return ViewerFiles(
        None if contents.left_out_t1w else contents.t1w().absolute(),
        contents.path(Output(OutputKind.RELEVANCE, network)).absolute(),
        contents.path(Output(OutputKind.ATLAS_VOLUME, atlas=atlas)).absolute(),
        contents.path(Output(OutputKind.LUT, atlas=atlas)).absolute(),
        palette.positive(values[values != 0]),
        max(float(values.max()), 0.0),
        cortex,
    )


def _line(viewer: Viewer, network: str, files: ViewerFiles) -> ViewerLine:
    paths = (files.t1w, files.relevance, files.atlas, *(path for three in files.cortex.values() for path in three))
    if any(sign in str(path) for path in paths if path for sign in viewer.separators):
        signs = " and ".join(map(repr, viewer.separators))
        why = f"its options end a file's name at {signs}; open the files from its menu"
        return ViewerLine(viewer.title, network, problem=why)
    return ViewerLine(viewer.title, network, viewer.words(files))


def fsleyes(files: ViewerFiles) -> Words:
    """The overlay in its scale, clipped at its threshold, and outlines of the atlas with their names.

    Examples
    --------
    >>> files = ViewerFiles(Path("t.nii"), Path("r.nii"), Path("a.nii"), Path("a.lut"), Palette(threshold=0.1), 3.0)
    >>> print(" ".join(fsleyes(files)))
    fsleyes t.nii -cm greyscale r.nii -cm hot -dr 0 1 -cr 0.1 3.03 -a 75 a.nii -ot label -l a.lut -o
    """
    clipped = f"{1.01 * max(files.most, files.shown.high):.4g}"  # what is above the upper end is not drawn
    overlay = ("-cm", "hot", "-dr", "0", files.high, "-cr", files.low, clipped, "-a", str(_RELEVANCE_OPACITY))
    atlas = ("-ot", "label", "-l", str(files.lut), "-o")
    image = (str(files.t1w), "-cm", "greyscale") if files.t1w else ()
    return ("fsleyes", *image, str(files.relevance), *overlay, str(files.atlas), *atlas)


def itksnap(files: ViewerFiles) -> Words:
    """The overlay beside the image; colours and range are chosen in its contrast panel, labels have no names.

    Without the image the overlay is shown in its place, for a line needs one.

    Examples
    --------
    >>> files = ViewerFiles(Path("t.nii"), Path("r.nii"), Path("a.nii"), Path("a.lut"), Palette(threshold=0.1), 3.0)
    >>> print(" ".join(itksnap(files)))
    itksnap -g t.nii -o r.nii -s a.nii
    """
    images = ("-g", str(files.t1w), "-o", str(files.relevance)) if files.t1w else ("-g", str(files.relevance))
    return "itksnap", *images, "-s", str(files.atlas)


def slicer(files: ViewerFiles) -> Words:
    """The overlay in magma above its threshold, and the atlas as a label map.

    Examples
    --------
    >>> files = ViewerFiles(Path("t.nii"), Path("r.nii"), Path("a.nii"), Path("a.lut"), Palette(threshold=0.1), 3.0)
    >>> slicer(files)[:2], "SetLowerThreshold(0.1)" in slicer(files)[2]
    (('Slicer', '--python-code'), True)
    """
    relevance, atlas = str(files.relevance), str(files.atlas)
    over = f"background=t1w, foreground=relevance, foregroundOpacity={_RELEVANCE_OPACITY / 100}"
    layers = over if files.t1w else "background=relevance"
    code = (
        *([f"t1w = slicer.util.loadVolume({str(files.t1w)!r})"] if files.t1w else ()),
        f"relevance = slicer.util.loadVolume({relevance!r})",
        f"atlas = slicer.util.loadLabelVolume({atlas!r})",
        "shown = relevance.GetScalarVolumeDisplayNode()",
        "shown.SetAndObserveColorNodeID('vtkMRMLColorTableNodeFileMagma.txt')",
        "shown.AutoWindowLevelOff()",
        f"shown.SetWindowLevelMinMax(0, {files.high})",
        f"shown.SetLowerThreshold({files.low})",
        "shown.ApplyThresholdOn()",
        f"slicer.util.setSliceViewerLayers({layers}, label=atlas, labelOpacity={_ATLAS_OPACITY / 100})",
    )
    return "Slicer", "--python-code", "; ".join(code)


def freeview(files: ViewerFiles) -> Words:
    """The overlay as heat; both surfaces with relevance and areas, which bring their names and colours.

    The atlas volume is left out: freeview would name its keys after FreeSurfer's own table.

    Examples
    --------
    >>> files = ViewerFiles(Path("t.nii"), Path("r.nii"), Path("a.nii"), Path("a.lut"), Palette(threshold=0.1), 3.0)
    >>> print(" ".join(freeview(files)))
    freeview -v t.nii:colormap=grayscale r.nii:colormap=heat:heatscale=0.1,0.55,1:opacity=0.75
    """
    low, high = files.shown.threshold or 0.0, files.shown.high
    heat = f"colormap=heat:heatscale={files.low},{(low + high) / 2:.4g},{files.high}:opacity={_RELEVANCE_OPACITY / 100}"
    image = (f"{files.t1w}:colormap=grayscale",) if files.t1w else ()
    volumes = ("-v", *image, f"{files.relevance}:{heat}")
    surfaces = [
        f"{surface}:overlay={maps}:overlay_threshold={files.low},{files.high}:annot={areas}:annot_outline=1"
        for surface, maps, areas in files.cortex.values()
    ]
    return ("freeview", *volumes, *(("-f", *surfaces) if surfaces else ()))


VIEWERS = {
    "fsleyes": Viewer("FSLeyes", fsleyes),
    "itksnap": Viewer("ITK-SNAP", itksnap),
    "slicer": Viewer("3D Slicer", slicer),
    "freeview": Viewer("freeview", freeview, separators=":,"),
}
"""All viewers, in the order in which their lines are printed."""
