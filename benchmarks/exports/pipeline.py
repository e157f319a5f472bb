"""The shell pipeline that a user would write today for the files of an export, with published tools.

`wb_command` does all that it can do, each step as the HCP Pipelines or its own help have it; zennit explains; nibabel
and scipy average over regions. Nothing runs here that wbtools does not do as well, and in the pipeline's favour are
left out: image preparation for the network, comparison with randomised networks, checks, hashes, report, copies of
surfaces, and making the scenes, for which wbtools' own scene file is taken.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from exports.steps import Chain, Round, Step, Word

HERE = Path(__file__).parent
WORKBENCH = "wb_command"
MESHES = {"32k": ("fsaverage_LR32k", "_MSMAll.32k_fs_LR"), "native": ("Native", ".native")}
SMOOTHED = ("4", "-fwhm")
STRUCTURES = {"L": "CORTEX_LEFT", "R": "CORTEX_RIGHT"}
SCORES = (
    *("MODE_USER_SCALE", "-pos-user", "0", "1", "-palette-name", "magma", "-disp-neg", "false"),
    *("-thresholding", "THRESHOLD_TYPE_NORMAL", "THRESHOLD_TEST_SHOW_OUTSIDE", "-0.05", "0.05"),
)
DENSITY = ("MODE_AUTO_SCALE_PERCENTAGE", "-pos-percent", "0", "98", "-palette-name", "magma", "-disp-neg", "false")
GREY = ("MODE_AUTO_SCALE_PERCENTAGE", "-pos-percent", "2", "98", "-palette-name", "Gray_Interp_Positive")
FOLDS = ("MODE_AUTO_SCALE_PERCENTAGE", "-palette-name", "Gray_Interp")
SCENES = ("overview", "relevance-volume", "relevance-pial", "relevance-inflated", "region-heatmap", "heatmap-pial")
"""The pictures of wbtools' scenes, in the order of their file."""


@dataclass(frozen=True)
class Place:
    """Where a pipeline finds its files and puts them.

    Parameters
    ----------
    subject : Path
        The subject's folder, HCP layout.
    given : Path
        What the pipeline starts from beside it (see `exports.given`).
    out : Path
        An empty folder.
    export : Path
        An export of the subject by wbtools, whose scenes are drawn.
    sides : str
        `LR`, or `L`: the right side is taken to cost as much.
    """

    subject: Path
    given: Path
    out: Path
    export: Path
    sides: str = "LR"

    @property
    def t1w(self) -> Path:
        """The image whose grid everything has."""
        return self.subject / "T1w/T1w_acpc_dc_restore_brain.nii.gz"

    def surface(self, mesh: str, side: str, kind: str) -> Path:
        """A surface in the T1w's space."""
        folder, end = MESHES[mesh]
        return self.subject / "T1w" / folder / f"{self.subject.name}.{side}.{kind}{end}.surf.gii"

    def sphere(self, mesh: str, side: str) -> Path:
        """The registered sphere."""
        name = {"32k": "fsaverage_LR32k/{}.{}.sphere.32k_fs_LR", "native": "Native/{}.{}.sphere.MSMAll.native"}[mesh]
        return self.subject / "MNINonLinear" / f"{name.format(self.subject.name, side)}.surf.gii"

    def sulc(self, mesh: str, side: str) -> Path:
        """Sulcal depth."""
        name = {"32k": "fsaverage_LR32k/{}.{}.sulc_MSMAll.32k_fs_LR", "native": "Native/{}.{}.sulc.native"}[mesh]
        return self.subject / "MNINonLinear" / f"{name.format(self.subject.name, side)}.shape.gii"

    def step(self, what: str, *words: Word, of_side: bool = False) -> Step:
        """A step of wb_command; one of a side stands for both where only one is run."""
        return Step(what, (WORKBENCH, *words), 2 if of_side and self.sides == "L" else 1)


def rounds(place: Place) -> list[Round]:
    """All steps: what a round reads, the rounds before it have written; the longest commands begin first."""
    return [
        [_map(place), _labels_32k(place)],
        [*_ribbons(place), *_on_native(place)],
        [_atlas(place)],
        [_scores(place)],
        [_smooth_volume(place), *_metrics(place)],
        [_greyordinates(place), _standard_space(place)],
        [_palettes(place), _specs(place)],  # palettes are written into files that the round before has read
        [[scene] for scene in _scenes(place)],
    ]


def _map(place: Place) -> Chain:
    """The map on the network's grid, and on the T1w's."""
    given, out = place.given, place.out
    words = (sys.executable, HERE / "lrp_map.py", given / "network.pt", given / "image.nii.gz", out / "map.nii.gz")
    to_t1w = ("-volume-resample", out / "map.nii.gz", place.t1w, "TRILINEAR", out / "relevance.nii.gz")
    return [Step("map by zennit", words), place.step("map on the T1w's grid", *to_t1w)]


def _labels_32k(place: Place) -> Chain:
    """Each side's areas, out of the published file of both."""
    words: tuple[Word, ...] = ("-cifti-separate", place.given / "atlas.dlabel.nii", "COLUMN")
    for side in place.sides:
        words += ("-label", STRUCTURES[side], place.out / f"{side}.32k.label.gii")
    return [place.step("areas of both sides", *words)]


def _ribbons(place: Place) -> Iterator[Chain]:
    """Areas into voxels, and relevance onto vertices: through the ribbon, as the HCP Pipelines map volumes."""
    out = place.out
    for side in place.sides:
        inner, middle, outer = (place.surface("32k", side, kind) for kind in ("white", "midthickness", "pial"))
        words = ("-label-to-volume-mapping", out / f"{side}.32k.label.gii", middle, place.t1w, out / f"{side}.nii.gz")
        yield [place.step("areas in voxels, ribbon", *words, "-ribbon-constrained", inner, outer, of_side=True)]
    for mesh in MESHES:
        for side in place.sides:
            inner, middle, outer = (place.surface(mesh, side, kind) for kind in ("white", "midthickness", "pial"))
            onto = ("-volume-to-surface-mapping", out / "relevance.nii.gz", middle, out / f"{side}.{mesh}.func.gii")
            what = f"relevance on the {mesh} mesh, ribbon"
            yield [place.step(what, *onto, "-ribbon-constrained", inner, outer, of_side=True)]


def _on_native(place: Place) -> Iterator[Chain]:
    """Areas on the native mesh."""
    for side in place.sides:
        files = (place.out / f"{side}.32k.label.gii", place.sphere("32k", side), place.sphere("native", side))
        made = ("ADAP_BARY_AREA", place.out / f"{side}.native.label.gii", "-area-surfs")
        areas = (place.surface(mesh, side, "midthickness") for mesh in ("32k", "native"))
        yield [place.step("areas on the native mesh", "-label-resample", *files, *made, *areas, of_side=True)]


def _atlas(place: Place) -> Chain:
    """Both sides' areas in one volume, that with the structures of the segmentation, and their names."""
    out, given = place.out, place.given
    keys = "".join(f" + {400 + key} * (s == {key})" for key in deep_keys(given / "deep.txt"))
    both = [word for side in place.sides for word in ("-var", side, out / f"{side}.nii.gz")]
    right = " + (L <= 0) * (R > 0) * R" if place.sides == "LR" else ""
    cortex = ("-volume-math", f"(L > 0) * L{right}", out / "cortex.raw.nii.gz", *both)
    whole = ("-var", "c", out / "cortex.raw.nii.gz", "-var", "s", place.subject / "T1w/wmparc.nii.gz")
    named = ("-volume-label-import", out / "cortex.raw.nii.gz", given / "cortex.txt", out / "cortex.nii.gz")
    listed = ("-volume-label-import", out / "atlas.raw.nii.gz", given / "atlas.txt", out / "atlas.nii.gz")
    return [
        place.step("atlas in voxels", *cortex),
        place.step("atlas in voxels", "-volume-math", f"c + (c <= 0) * (0{keys})", out / "atlas.raw.nii.gz", *whole),
        place.step("atlas in voxels", *named),
        place.step("atlas in voxels", *listed),
    ]


def deep_keys(table: Path) -> list[int]:
    """FreeSurfer's keys of a list of labels as wb_command has it: a line with the name, a line that begins with it."""
    return [int(row.split()[0]) for row in table.read_text(encoding="utf-8").splitlines()[1::2]]


def _scores(place: Place) -> Chain:
    """Regions' scores, painted into voxels and onto vertices."""
    out = place.out
    words: tuple[Word, ...] = (out / "relevance.nii.gz", out / "atlas.nii.gz", out / "regions.tsv", out / "heat.nii.gz")
    for mesh in MESHES:
        for side in place.sides:
            words += tuple(out / f"{side}.{mesh}.{end}" for end in ("label.gii", "heat.func.gii", "roi.shape.gii"))
    return [Step("scores of regions, heatmaps", (sys.executable, HERE / "region_scores.py", *words))]


def _smooth_volume(place: Place) -> Chain:
    """The smoothed heatmap in voxels."""
    out = place.out
    words = ("-volume-smoothing", out / "heat.nii.gz", *SMOOTHED[:1], out / "smooth.nii.gz", *SMOOTHED[1:])
    return [place.step("smoothed heatmap in voxels", *words, "-roi", out / "atlas.nii.gz")]


def _metrics(place: Place) -> Iterator[Chain]:
    """One file of three maps for each side of each mesh: relevance, scores, smoothed scores."""
    out = place.out
    for mesh in MESHES:
        for side in place.sides:
            start = out / f"{side}.{mesh}"
            relevance, heat, smooth, roi, cut, made = (
                Path(f"{start}.{end}")
                for end in (
                    "func.gii",
                    "heat.func.gii",
                    "smooth.func.gii",
                    "roi.shape.gii",
                    "cut.func.gii",
                    "3.func.gii",
                )
            )
            kernel = (SMOOTHED[0], smooth, SMOOTHED[1], "-roi", roi)
            middle = place.surface(mesh, side, "midthickness")
            merged = [word for path in (cut, heat, smooth) for word in ("-metric", path)]
            yield [
                place.step("smoothed heatmap on vertices", "-metric-smoothing", middle, heat, *kernel, of_side=True),
                place.step("files of metrics", "-metric-mask", relevance, roi, cut, of_side=True),
                place.step("files of metrics", "-metric-merge", made, *merged, of_side=True),
                place.step("palettes of metrics", "-metric-palette", made, *SCORES, of_side=True),
                place.step("palettes of metrics", "-metric-palette", made, *DENSITY, "-column", "1", of_side=True),
                *_sulc(place, mesh, side),
            ]


def _sulc(place: Place, mesh: str, side: str) -> Chain:
    """A copy of sulcal depth with a palette."""
    copy = place.out / f"{side}.{mesh}.sulc.shape.gii"
    return [
        Step("copies", ("cp", place.sulc(mesh, side), copy)),
        place.step("palettes of metrics", "-metric-palette", copy, *FOLDS, of_side=True),
    ]


def _greyordinates(place: Place) -> Chain:
    """CIFTI: areas; the three maps on cortex and voxels of 2 mm; means of areas."""
    out, given, names = place.out, place.given, ("relevance", "heat", "smooth")
    coarse = [out / f"{name}.2mm.nii.gz" for name in names]
    merged = [word for path in coarse for word in ("-volume", path)]
    metrics: list[Word] = []
    labels: list[Word] = []
    for side, name in zip(place.sides, ("left", "right"), strict=False):
        roi = (f"-roi-{name}", out / f"{side}.32k.roi.shape.gii")
        metrics += [f"-{name}-metric", out / f"{side}.32k.3.func.gii", *roi]
        labels += [f"-{name}-label", out / f"{side}.32k.label.gii", *roi]
    structures = ("-volume-label-import", place.subject / "T1w/wmparc.nii.gz", given / "deep.txt", out / "deep.nii.gz")
    to_grid = (given / "2mm.nii.gz", "ENCLOSING_VOXEL", out / "deep.2mm.nii.gz")
    dense, areas = out / "maps.raw.dscalar.nii", out / "areas.dlabel.nii"
    voxels = ("-volume", out / "maps.2mm.nii.gz", out / "deep.2mm.nii.gz")
    shown = (out / "maps.dscalar.nii", *SCORES[1:])
    return [
        place.step("CIFTI", *structures, "-discard-others"),
        place.step("CIFTI", "-volume-resample", out / "deep.nii.gz", *to_grid),
        *(
            place.step("CIFTI", "-volume-resample", out / f"{name}.nii.gz", given / "2mm.nii.gz", "TRILINEAR", path)
            for name, path in zip(names, coarse, strict=True)
        ),
        place.step("CIFTI", "-volume-merge", out / "maps.2mm.nii.gz", *merged),
        place.step("CIFTI", "-cifti-create-dense-scalar", dense, *voxels, *metrics),
        place.step("CIFTI", "-cifti-palette", dense, SCORES[0], *shown),
        place.step("CIFTI", "-cifti-create-label", areas, *labels),
        place.step("CIFTI", "-cifti-parcellate", out / "maps.dscalar.nii", areas, "COLUMN", out / "areas.pscalar.nii"),
    ]


def _palettes(place: Place) -> Chain:
    """Palettes in the headers of volumes."""
    out = place.out
    shown: dict[str, tuple[str, ...]] = {"t1w": GREY, "relevance": DENSITY, "heat": SCORES, "smooth": SCORES}
    palettes: list[tuple[Word, ...]] = [
        ("-volume-palette", out / f"{name}.nii.gz", *palette) for name, palette in shown.items()
    ]
    copy = Step("copies", ("cp", place.t1w, out / "t1w.nii.gz"))
    return [copy, *(place.step("palettes of volumes", *words) for words in palettes)]


def _standard_space(place: Place) -> Chain:
    """Relevance on the 2 mm grid of MNI152, by the affine of a midthickness surface."""
    out, given = place.out, place.given
    affine = (place.surface("32k", "L", "midthickness"), given / "average.L.surf.gii", out / "affine.txt")
    words = ("-volume-resample", out / "relevance.nii.gz", given / "2mm.nii.gz", "TRILINEAR", out / "mni.nii.gz")
    return [
        place.step("relevance in MNI space", "-surface-affine-regression", *affine),
        place.step("relevance in MNI space", *words, "-affine", out / "affine.txt"),
    ]


def _specs(place: Place) -> Chain:
    """A spec for each mesh: every file is one command."""
    steps = []
    for mesh in MESHES:
        listed: list[tuple[str, Path]] = []
        for side in place.sides:
            kinds = ("white", "midthickness", "pial", "inflated", "very_inflated")
            paths = [place.surface(mesh, side, kind) for kind in kinds]
            paths += [place.out / f"{side}.{mesh}.{end}" for end in ("label.gii", "3.func.gii", "sulc.shape.gii")]
            listed += [(STRUCTURES[side], path) for path in paths]
        names = [f"{name}.nii.gz" for name in ("t1w", "cortex", "atlas", "relevance", "heat", "smooth")]
        names += ["maps.dscalar.nii", "areas.dlabel.nii", "areas.pscalar.nii"] if mesh == "32k" else []
        listed += [("INVALID", place.out / name) for name in names]
        spec = place.out / f"{mesh}.wb.spec"
        steps += [place.step("specs", "-add-to-spec-file", spec, side, path) for side, path in listed]
    return steps


def _scenes(place: Place) -> Sequence[Step]:
    """Each scene of wbtools' own file, as large as wbtools draws it."""
    from PIL import Image

    (scenes,) = place.export.glob("*.wbtools.scene")
    steps = []
    for number, name in enumerate(SCENES, 1):
        with Image.open(place.export / "figures" / f"unet.{name}.png") as image:
            width, height = map(str, image.size)
        words = ("-show-scene", scenes, str(number), place.out / f"scene{number}.png", width, height)
        steps.append(place.step("pictures of scenes", *words))
    return steps
