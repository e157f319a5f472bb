"""Names of output files: the Human Connectome Project's (`OutputFolder` itself), or those of BIDS derivatives.

In BIDS names a network is `desc-NAME`, the atlas `seg-HCPMMP1`, a mesh `space-fsnative` or `space-fsLR` with `den-32k`;
images, surfaces and tables lie in `anat/` and have a JSON sidecar each. BIDS has names for the T1w and the label files;
what it has no name for stands in `.bidsignore`, so that validators pass it over.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import wbtools
from wbtools import atomic
from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.output.publishing import OutputFolder
from wbtools.text import line as one_line

logger = logging.getLogger(__name__)

Naming = Literal["hcp", "bids"]
NAMINGS: tuple[Naming, ...] = ("hcp", "bids")

BY_LAYOUT: dict[str, Naming] = {"bids": "bids"}
"""The naming of a layout; those that are not here take `hcp`."""

_SIDECAR_OF = (".nii.gz", ".dscalar.nii", ".pscalar.nii", ".dlabel.nii", ".pconn.nii", ".gii", ".tsv")
_UNKNOWN = ("relevance", "heatmap", "maps", "regions", "pairs", "sulc", "white", "midthickness", "pial", "inflated")
"""Suffixes that BIDS does not know."""
_IGNORED = (
    *("*.scene", "*.spec", "*.lut", "figures/", "provenance.json"),
    *(f"*_{suffix}.*" for suffix in (*_UNKNOWN, "veryinflated")),
)

# What a sidecar says, by the suffix of the file.
_ABOUT: dict[str, dict[str, str]] = {
    "relevance": {"Description": "Relevance density of a network", "Units": "1/mm^3"},
    "heatmap": {"Description": "Every region painted with its score, 1 for the most relevant", "Units": "arbitrary"},
    "maps": {"Description": "Relevance density (1/mm^3), region scores and smoothed region scores, in this order"},
    "dseg": {"Description": "HCP-MMP 1.0 cortical areas (Glasser et al. 2016) in this person"},
    "regions": {"Description": "Regions ranked by their mean relevance"},
    "pairs": {"Description": "Contributions of pairs of regions, one of each person, to the cosine of two embeddings"},
    "T1w": {"Description": "The T1-weighted image that was explained"},
    "sulc": {"Description": "Sulcal depth"},
}


_DENSITIES = {
    "32k": "fs_LR mesh of 32,492 vertices per hemisphere",
    "59k": "fs_LR mesh of 59,292 vertices per hemisphere",
    "164k": "fs_LR mesh of 163,842 vertices per hemisphere",
}


class BidsFolder(OutputFolder):
    """The names of all files of one subject's export, as a BIDS derivative.

    Examples
    --------
    >>> out = BidsFolder(Path("out"), "sub-01")
    >>> out.relevance("unet").as_posix(), out.metric("unet", Hemisphere.LEFT, "32k_fs_LR").name
    ('out/anat/sub-01_space-T1w_desc-unet_relevance.nii.gz', 'sub-01_hemi-L_space-fsLR_den-32k_desc-unet_maps.func.gii')
    """

    def _anat(self, *words: str) -> Path:
        return self.folder / "anat" / "_".join((bids_id(self.subject), *words))

    def relevance(self, model: str) -> Path:
        """Relevance density on the T1w grid."""
        return self._anat("space-T1w", f"desc-{_label(model)}", "relevance.nii.gz")

    def heatmap(self, model: str) -> Path:
        """Every region painted with its score."""
        return self._anat("space-T1w", f"desc-{_label(model)}", "heatmap.nii.gz")

    def heatmap_smooth(self, model: str) -> Path:
        """The heatmap, Gaussian-smoothed within the atlas."""
        return self._anat("space-T1w", f"desc-{_label(model)}Smooth", "heatmap.nii.gz")

    def regions(self, model: str) -> Path:
        """The ranked table of regions."""
        return self._anat(f"desc-{_label(model)}", "regions.tsv")

    def cortex_volume(self, atlas: str) -> Path:
        """Cortical areas on the T1w grid."""
        return self._anat("space-T1w", f"seg-{_label(atlas)}", "dseg.nii.gz")

    def atlas_volume(self, atlas: str) -> Path:
        """Cortical areas and subcortical structures on the T1w grid."""
        return self._anat("space-T1w", f"seg-{_label(atlas)}", "desc-subcortex", "dseg.nii.gz")

    def lut(self, atlas: str) -> Path:
        """Names and colours of the atlas volume, for viewers that do not read Workbench's label table."""
        return self._anat(f"seg-{_label(atlas)}", "desc-subcortex", "dseg.lut")

    def metric(self, model: str, hemisphere: Hemisphere, mesh: str) -> Path:
        """Maps of one network on one hemisphere's mesh."""
        return self._anat(_hemi(hemisphere), *_mesh(mesh), f"desc-{_label(model)}", "maps.func.gii")

    def label(self, atlas: str, hemisphere: Hemisphere, mesh: str) -> Path:
        """Areas on one hemisphere's mesh."""
        return self._anat(_hemi(hemisphere), *_mesh(mesh, atlas), "dseg.label.gii")

    def dscalar(self, model: str) -> Path:
        """Maps of one network over cortex and subcortical voxels."""
        return self._anat(*_mesh("32k_fs_LR"), f"desc-{_label(model)}", "maps.dscalar.nii")

    def pscalar(self, model: str, atlas: str) -> Path:
        """One value per cortical area."""
        return self._anat(*_mesh("32k_fs_LR", atlas), f"desc-{_label(model)}", "maps.pscalar.nii")

    def pairs(self, model: str) -> Path:
        """The table of pairs of regions of two people."""
        return self._anat(f"desc-{_label(model)}", "pairs.tsv")

    def pconn(self, model: str, atlas: str) -> Path:
        """One value per pair of regions of two people."""
        return self._anat(*_mesh("32k_fs_LR", atlas), f"desc-{_label(model)}", "pairs.pconn.nii")

    def dlabel(self, atlas: str) -> Path:
        """Areas of both hemispheres as CIFTI."""
        return self._anat(*_mesh("32k_fs_LR", atlas), "dseg.dlabel.nii")

    def spec(self, mesh: str) -> Path:
        """The files of one mesh, for wb_view."""
        return self.folder / "_".join((bids_id(self.subject), *_mesh(mesh), "wb.spec"))

    def scene(self) -> Path:
        """The prepared views."""
        return self.folder / f"{bids_id(self.subject)}_wbtools.scene"

    def figure(self, name: str) -> Path:
        """A rendered view."""
        return self.folder / "figures" / f"{bids_id(self.subject)}_desc-{_label(name)}.png"

    def t1w(self) -> Path:
        """The subject's T1w, so that the folder stands alone."""
        return self._anat("desc-preproc", "T1w.nii.gz")

    def surface(self, hemisphere: Hemisphere, kind: str, mesh: str) -> Path:
        """One of the subject's surfaces in T1w space."""
        return self._anat(_hemi(hemisphere), *_mesh(mesh), f"{kind.replace('_', '')}.surf.gii")

    def sulc(self, hemisphere: Hemisphere, mesh: str) -> Path:
        """Sulcal depth, the grey underlay of inflated surfaces."""
        return self._anat(_hemi(hemisphere), *_mesh(mesh), "sulc.shape.gii")


FOLDERS: dict[Naming, type[OutputFolder]] = {"hcp": OutputFolder, "bids": BidsFolder}
"""How each naming names an export's files."""


def naming_of(layout: str, wanted: Naming | None = None) -> Naming:
    """The naming that was asked for, else the layout's.

    Examples
    --------
    >>> naming_of("freesurfer"), naming_of("bids"), naming_of("bids", "hcp")
    ('hcp', 'bids', 'hcp')
    """
    return wanted or BY_LAYOUT.get(layout, "hcp")


def folder_name(subject: str, naming: Naming) -> str:
    """A subject's folder of outputs, from the folder of all exports; a BIDS session's lies in its subject's.

    Examples
    --------
    >>> folder_name("100307", "hcp"), folder_name("100307", "bids"), folder_name("sub-01_ses-a", "bids")
    ('100307', 'sub-100307', 'sub-01/ses-a')
    """
    return bids_id(subject).replace("_ses-", "/ses-") if naming == "bids" else subject


def unique(names: list[str], paths: Sequence[Path]) -> list[str]:
    """Names of networks for files: the cards' names; where they repeat, with the checkpoint's name.

    Examples
    --------
    >>> unique(["unet", "unet"], [Path("nets.a:build"), Path("nets.b:build")])
    ['unet-nets-a-build', 'unet-nets-b-build']
    """
    if len(names) > 1:
        stems = [re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem if path.exists() else str(path)) for path in paths]
        names = [n if names.count(n) == 1 else f"{n}-{stem}" for n, stem in zip(names, stems, strict=True)]
    return [n if names.count(n) == 1 else f"{n}-{place}" for place, n in enumerate(names, 1)]


def write_sidecars(out: OutputFolder, notice: str) -> None:
    """Write a JSON file beside every data file of a BIDS folder; nothing for other namings.

    Parameters
    ----------
    out : OutputFolder
        Holds all data files already.
    notice : str
        What every reader must know.
    """
    if not isinstance(out, BidsFolder):
        return
    for path, stem in _described(out):
        *words, suffix = stem.split("_")
        entities = dict(word.split("-", 1) for word in words)
        about: dict[str, object] = {
            **_ABOUT.get(suffix, {"Description": f"Cortical surface: {suffix}"}),
            **({"SkullStripped": out.skull_stripped} if suffix == "T1w" else {}),
            **({"SpatialReference": _uri(out, out.t1w())} if "space" in entities else {}),
            **({"Density": {entities["den"]: _DENSITIES[entities["den"]]}} if "den" in entities else {}),
            "GeneratedBy": f"wbtools {wbtools.__version__}; see provenance.json",
            "Notice": " ".join(filter(None, (notice, "Research use only. Not for diagnosis."))),
        }
        _write_json(path.with_name(f"{stem}.json"), about)


def write_dataset_description(root: Path) -> None:
    """Describe the folder of all exports as a BIDS derivative; files that are there stay as they are.

    Parameters
    ----------
    root : Path
        The folder that holds the subjects' folders; it exists.
    """
    about = {
        "Name": "wbtools: relevance of networks in individual brains",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "wbtools", "Version": wbtools.__version__}],
    }
    _write_once(root / ".bidsignore", "".join(f"{line}\n" for line in _IGNORED))
    _write_once(root / "dataset_description.json", json.dumps(about, indent=2) + "\n")


def bids_id(subject: str) -> str:
    """A subject's (and session's) entities.

    Raises
    ------
    InputError
        If nothing of the id is left: BIDS allows letters A to Z and digits in names.

    Examples
    --------
    >>> bids_id("sub-01_ses-02"), bids_id("100307"), bids_id("HCA6002236_V1_MR")
    ('sub-01_ses-02', 'sub-100307', 'sub-HCA6002236V1MR')
    """
    label, mark, session = subject.removeprefix("sub-").partition("_ses-")
    if not _plain(label) or (mark and not _plain(session)):
        raise InputError(
            f"{one_line(subject, 60)!r} has no name in BIDS, which allows the letters A to Z and digits only",
            hint="give another name with --id, or take --naming hcp",
        )
    return f"sub-{_plain(label)}" + (f"_ses-{_plain(session)}" if session else "")


def _label(name: str) -> str:
    """A name as the value of an entity: letters and digits, new words with a capital.

    Examples
    --------
    >>> _label("HCP-MMP1"), _label("unet.relevance-pial")
    ('HCPMMP1', 'unetRelevancePial')
    """
    first, *others = re.split(r"[^A-Za-z0-9]+", name)
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text)


def _hemi(hemisphere: Hemisphere) -> str:
    return f"hemi-{hemisphere.letter}"


def _mesh(mesh: str, atlas: str = "") -> tuple[str, ...]:
    """The entities of a mesh, and of an atlas on it, in the order of BIDS."""
    seg = (f"seg-{_label(atlas)}",) if atlas else ()
    return ("space-fsnative", *seg) if mesh == "native" else ("space-fsLR", *seg, f"den-{mesh.partition('_')[0]}")


def _described(out: OutputFolder) -> Iterator[tuple[Path, str]]:
    """The data files, and their names without extensions."""
    for name in out.files():
        if name.as_posix().startswith("anat/") and name.name.endswith(_SIDECAR_OF):
            yield out.folder / name, name.name.partition(".")[0]


def _uri(out: OutputFolder, path: Path) -> str:
    """A file's address as BIDS writes it: from the folder that holds the subjects' folders."""
    return f"bids::{folder_name(out.subject, 'bids')}/{path.relative_to(out.folder).as_posix()}"


def _write_json(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_once(path: Path, text: str) -> None:
    """Write a file that is not there yet, whole or not at all: another export may do the same at this moment.

    The exports are published by now, so a file system that refuses is only reported.
    """
    if os.path.lexists(path):
        return
    try:
        atomic.write_new(path, text.encode())
    except FileExistsError:
        pass
    except OSError as error:
        logger.warning("%s could not be written: %s", path, error.strerror)
