"""The `wb_command` operations that wbtools uses, as values: what would run, what it reads, what it writes.

Nothing runs here; `wbtools.workbench.runner` does that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from wbtools.errors import InputError


@dataclass(frozen=True)
class Command:
    """One call of `wb_command`.

    Parameters
    ----------
    argv : tuple of str
        The words after the program; the first is the name of the operation.
    inputs, outputs : tuple of Path
        Files that must exist before, and after.

    Raises
    ------
    InputError
        If a file would be read and written at once.
    """

    argv: tuple[str, ...]
    inputs: tuple[Path, ...] = ()
    outputs: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        for path in set(self.inputs) & set(self.outputs):
            raise InputError(f"{path} would be overwritten by what is made from it", hint="choose another output")

    @property
    def name(self) -> str:
        """The operation, for example `-label-resample`."""
        return self.argv[0]


def _command(*words: str | int | Path, inputs: tuple[Path, ...], outputs: tuple[Path, ...] = ()) -> Command:
    return Command(tuple(map(str, words)), inputs, outputs)


def volume_to_surface_ribbon(volume: Path, surface: Path, inner: Path, outer: Path, metric: Path) -> Command:
    """Average a volume over the ribbon between two surfaces: exact, minutes.

    Examples
    --------
    >>> paths = [Path(name) for name in ("v.nii.gz", "mid.surf.gii", "white.surf.gii", "pial.surf.gii", "o.func.gii")]
    >>> " ".join(volume_to_surface_ribbon(*paths).argv[3:])
    'o.func.gii -ribbon-constrained white.surf.gii pial.surf.gii'
    """
    words = ("-volume-to-surface-mapping", volume, surface, metric, "-ribbon-constrained", inner, outer)
    return _command(*words, inputs=(volume, surface, inner, outer), outputs=(metric,))


def label_to_volume_ribbon(labels: Path, surface: Path, space: Path, inner: Path, outer: Path, volume: Path) -> Command:
    """Paint the labels of a surface into the voxels of `space` that lie at least half between two surfaces."""
    words = ("-label-to-volume-mapping", labels, surface, space, volume, "-ribbon-constrained", inner, outer)
    return _command(*words, inputs=(labels, surface, space, inner, outer), outputs=(volume,))


def label_resample(
    labels: Path, sphere: Path, new_sphere: Path, area: Path, new_area: Path, resampled: Path
) -> Command:
    """Carry labels to another mesh through registered spheres, weighted by vertex area (ADAP_BARY_AREA).

    `area` and `new_area` are anatomical surfaces (midthickness) on the old and the new mesh.
    """
    method = ("ADAP_BARY_AREA", resampled, "-area-surfs", area, new_area)
    inputs = (labels, sphere, new_sphere, area, new_area)
    return _command("-label-resample", labels, sphere, new_sphere, *method, inputs=inputs, outputs=(resampled,))


def surface_generate_inflated(surface: Path, inflated: Path, very_inflated: Path, scale: float) -> Command:
    """Inflate a midthickness surface, a little and a lot; `scale` multiplies the number of smoothing iterations."""
    words = ("-surface-generate-inflated", surface, inflated, very_inflated, "-iterations-scale", f"{scale:g}")
    return _command(*words, inputs=(surface,), outputs=(inflated, very_inflated))


def show_scene(scene_file: Path, number: int, png: Path, size: tuple[int, int]) -> Command:
    """Draw scene `number` (from 1) into a PNG; Workbench 1.x."""
    return _command("-show-scene", scene_file, number, png, *size, inputs=(scene_file,), outputs=(png,))


def scene_capture_image(scene_file: Path, number: int, png: Path, size: tuple[int, int]) -> Command:
    """Draw scene `number` (from 1) into a PNG; Workbench 2.x."""
    words = ("-scene-capture-image", scene_file, number, png, "-size-width-height", *size)
    return _command(*words, inputs=(scene_file,), outputs=(png,))


DRAWING: Mapping[str, Callable[[Path, int, Path, tuple[int, int]], Command]] = {
    "-scene-capture-image": scene_capture_image,
    "-show-scene": show_scene,
}
"""The operations that draw a scene; where both draw, the first, since 2.x calls the other one deprecated."""
