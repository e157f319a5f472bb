"""The sources that are words of `--subcortex`; a new one is an entry of `SOURCES`.

Keys of regions: cortex has 1 to 360, the segmentation's structures 408 to 460, sources 500 to 799, users' files 1000
and above. Each source and each set of labels has its own block, so that a key never means two regions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from wbtools.anatomy import Hemisphere
from wbtools.atlas.deep.label_source import LabelFile, LabelSource, Space
from wbtools.atlas.deep.label_table import NamedLabel, read_label_table

SEGMENTATION = "aseg"
"""The person's segmentation alone: what is there in any case, and all there is unless told."""

T1PREP = "data/templates_MNI152NLin2009cAsym"
"""Folder of T1Prep's package with its atlases."""

_GET_T1PREP = (
    "install T1Prep into the environment of wbtools (pip install t1prep; Apache 2.0), or unpack its wheel and name its "
    "folder: {name}=FOLDER (=FOLDER holds for {name} only)"
)
_THALAMUS = "THALAMUS"
_DIENCEPHALON = "DIENCEPHALON_VENTRAL"


def _fixed(labels: Sequence[NamedLabel]) -> tuple[NamedLabel, ...]:
    return tuple(labels)


def _freesurfer(first: int, step: int, names: Mapping[int, str]) -> tuple[NamedLabel, ...]:
    """FreeSurfer's labels: numbers of the left side, the right side's `step` above."""
    sides = zip(Hemisphere, (0, step), strict=True)
    return tuple(NamedLabel(first + key + more, name, side) for side, more in sides for key, name in names.items())


def _parts(stem: str, names: str) -> dict[str, str]:
    """Stems of region names by a table's abbreviations, written as they are but for signs and case."""
    return {name: f"{stem}_{''.join(filter(str.isalnum, name)).upper()}" for name in names.split()}


def _in_t1prep(
    name: str, file: str, made_by: str, names: Mapping[str, str], key: int, papers: tuple[str, ...]
) -> LabelFile:
    """An atlas of T1Prep's wheel."""
    get = _GET_T1PREP.format(name=name)
    patterns = (f"{T1PREP}/{file}.nii.gz",)
    space: Space = "MNI152NLin2009cAsym"
    said, reach = _SAID[file], _REACH.get(file, 0.0)
    return LabelFile("t1prep", patterns, space, made_by, names, key, read_beside, papers, said, reach, get)


def _of_freesurfer(
    stem: str, tool: str, labels: tuple[NamedLabel, ...], names: Mapping[str, str], key: int, papers: tuple[str, ...]
) -> LabelFile:
    """Labels that FreeSurfer made of the person; HCP's folders have FreeSurfer's below `T1w`."""
    patterns = tuple(f"{folder}/{stem}*.mgz" for folder in ("mri", "T1w/*/mri"))
    made_by, get = f"FreeSurfer's {tool}, from this person's own image", f"run FreeSurfer's {tool}"
    return LabelFile(
        "subject",
        patterns,
        "T1w",
        made_by,
        names,
        key,
        lambda path: _fixed(labels),
        papers,
        how_to_get=get,
    )


def read_beside(path: Path) -> tuple[NamedLabel, ...]:
    """The labels of the table beside a volume: of the same name, `.tsv` or `.csv`."""
    stem = path.name.removesuffix(".gz").removesuffix(".nii").removesuffix(".mgz").removesuffix(".mgh")
    tables = [path.with_name(f"{stem}{suffix}") for suffix in (".tsv", ".csv")]
    return read_label_table(next((table for table in tables if table.exists()), tables[0]))


_SUBUNITS = {
    1: "anterior-inferior",
    2: "anterior-superior",
    3: "posterior",
    4: "tubular-inferior",
    5: "tubular-superior",
}
_SUBUNIT_LABELS = _freesurfer(800, 5, _SUBUNITS)
_SUBUNIT_STEMS = {name: f"HYPOTHALAMUS_{name.replace('-', '_').upper()}" for name in _SUBUNITS.values()}
_NUCLEI = (
    "3:AV 4:CeM 5:CL 6:CM 8:LD 9:LGN 10:LP 11:L-Sg 12:MDl 13:MDm 15:MGN 16:MV(Re) 17:Pc 18:Pf 19:Pt 20:PuA 21:PuI "
    "22:PuL 23:PuM 25:R 26:VA 27:VAmc 28:VLa 29:VLp 30:VM 33:VPL 34:PaV 35:PuMm 36:PuMl"
)
"""FreeSurfer's labels of thalamic nuclei, less 8100 (left) and 8200 (right), from its FreeSurferColorLUT.txt."""
_NUCLEUS_NAMES = {int(key): name for key, name in (pair.split(":") for pair in _NUCLEI.split())}
_NUCLEUS_LABELS = _freesurfer(8100, 100, _NUCLEUS_NAMES)

_NEUDORFER = "MPO Pa DPEH LH VM AN Pe DM SO SC TM PH AHA MM"
"""The 13 hypothalamic structures of the atlas, and the mammillary bodies, which it counts apart."""
_THOMAS = {
    "Anteroventral": "AV",
    "Ventral_Anterior": "VA",
    "Ventral_Lateral_Anterior": "VLA",
    "Ventral_Lateral_Posterior": "VLP",
    "Ventral_Posterolateral": "VPL",
    "Pulvinar": "PULVINAR",
    "Lateral_Geniculate": "LGN",
    "Medial_Geniculate": "MGN",
    "Centromedian": "CM",
    "Mediodorsal": "MD",
    "Habenula": "HABENULA",
}
"""The nuclei of the atlas; the mammillothalamic tract, which it has, too, is none."""
_MELBOURNE = {
    "HIPPOCAMPUS": "HIP-head-m1 HIP-head-m2 HIP-head-l1 HIP-head-l2 HIP-body-m HIP-body-l HIP-tail",
    "THALAMUS": "THA-VAip THA-VAia THA-DPl THA-DPm THA-VPm THA-VPl THA-VAs THA-DAm THA-DAl",
    "CAUDATE": "CAU-DAi CAU-DAs CAU-VA pCAU",
    "PUTAMEN": "PUT-VA PUT-DA PUT-VP PUT-DP",
    "AMYGDALA": "AMY-SM AMY-CL lAMY",
    "PALLIDUM": "pGP aGP",
    "ACCUMBENS": "NAc-shell NAc-core",
}
_WHOLE = {"pCAU": "POSTERIOR", "lAMY": "LATERAL", "pGP": "POSTERIOR", "aGP": "ANTERIOR"}


def _melbourne() -> dict[str, str]:
    """`HIP-head-m1` is HIPPOCAMPUS_HEAD_M1."""
    return {
        name: f"{stem}_{_WHOLE.get(name) or name.partition('-')[2].replace('-', '_').upper()}"
        for stem, names in _MELBOURNE.items()
        for name in names.split()
    }


_SAID = {
    "Hypothalamus": "Hypothalamus: atlas of Neudorfer et al. 2020, Scientific Data 7:305 "
    "(doi:10.1038/s41597-020-00644-6), in the form of T1Prep.",
    "Thalamic-Nuclei": "Thalamic nuclei: THOMAS atlas of Su et al. 2019, NeuroImage 194:272-282, and Saranathan et al. "
    "2021, Scientific Data 8:275 (CC BY 4.0; not validated for clinical use), in the form of T1Prep.",
    "Melbourne-Subcortex-Atlas-7T": "Subcortex: Melbourne Subcortex Atlas of Tian et al. 2020, Nature Neuroscience "
    "23:1421-1432 (doi:10.1038/s41593-020-00711-6), which every publication that uses it has to cite, in the form of "
    "T1Prep.",
}
_REACH = {"Thalamic-Nuclei": 1.0, "Melbourne-Subcortex-Atlas-7T": 4.0}
"""mm; the nuclei leave gaps, the parts of the Melbourne atlas fill whole structures."""
_SUBUNIT_TOOL, _NUCLEUS_TOOL = "mri_segment_hypothalamic_subunits", "segmentThalamicNuclei.sh"


def _hypothalamus(
    name: str, title: str, own: Mapping[str, str], atlas: Mapping[str, str], keys: tuple[int, int]
) -> LabelSource:
    """The hypothalamus, whole or in parts."""
    stem = "hypothalamic_subunits_seg"
    return LabelSource(
        name,
        title,
        (
            _of_freesurfer(stem, _SUBUNIT_TOOL, _SUBUNIT_LABELS, own, keys[0], ("billot2020",)),
            _in_t1prep(
                name,
                "Hypothalamus",
                "an atlas of the hypothalamic region",
                atlas,
                keys[1],
                ("neudorfer2020",),
            ),
        ),
        within=frozenset({_DIENCEPHALON}),
    )


SOURCES: Mapping[str, LabelSource] = MappingProxyType(
    {
        source.name: source
        for source in (
            _hypothalamus(
                "hypothalamus",
                "the hypothalamus of each side",
                dict.fromkeys(_SUBUNITS.values(), "HYPOTHALAMUS"),
                dict.fromkeys(_NEUDORFER.split(), "HYPOTHALAMUS"),
                (500, 500),
            ),
            _hypothalamus(
                "hypothalamic-nuclei",
                "parts of the hypothalamus",
                _SUBUNIT_STEMS,
                _parts("HYPOTHALAMUS", _NEUDORFER),
                (560, 520),
            ),
            LabelSource(
                "thalamic-nuclei",
                "nuclei of the thalamus",
                (
                    _of_freesurfer(
                        "ThalamicNuclei",
                        _NUCLEUS_TOOL,
                        _NUCLEUS_LABELS,
                        _parts(_THALAMUS, " ".join(_NUCLEUS_NAMES.values())),
                        640,
                        ("iglesias2018",),
                    ),
                    _in_t1prep(
                        "thalamic-nuclei",
                        "Thalamic-Nuclei",
                        "the THOMAS atlas",
                        {name: f"{_THALAMUS}_{stem}" for name, stem in _THOMAS.items()},
                        600,
                        ("su2019", "saranathan2021"),
                    ),
                ),
                within=frozenset({_DIENCEPHALON}),
                divides=frozenset({_THALAMUS}),
            ),
            LabelSource(
                "melbourne",
                "31 parts of each side's subcortex by their functional connectivity at 7T",
                (
                    _in_t1prep(
                        "melbourne",
                        "Melbourne-Subcortex-Atlas-7T",
                        "the Melbourne Subcortex Atlas, scale IV, 7T",
                        _melbourne(),
                        700,
                        ("tian2020",),
                    ),
                ),
                within=frozenset(),
                divides=frozenset(_MELBOURNE),
            ),
        )
    }
)
"""By their words."""
