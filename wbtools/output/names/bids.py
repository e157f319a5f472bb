"""File names of BIDS derivatives, and the descriptions that BIDS wants beside files and for the folder of all exports.

A network is `desc-NAME`, the atlas `seg-HCPMMP1`, a mesh `space-fsnative` or `space-fsLR` with `den-32k`; images,
surfaces and tables lie in `anat/` and have a JSON sidecar each. BIDS has names for the T1w and the label files; what it
has no name for stands in `.bidsignore`, so that validators pass it over.
"""

from __future__ import annotations

import json
import logging
import os
import re
from dataclasses import replace
from pathlib import Path

from wbtools import atomic
from wbtools.errors import InputError
from wbtools.output.kinds import Output, OutputKind
from wbtools.output.names.convention import Convention, OutputFolder
from wbtools.output.names.described_data import DESCRIPTION, generated_by, source_datasets
from wbtools.output.written import Written, WrittenFiles
from wbtools.text import line
from wbtools.version import __version__

logger = logging.getLogger(__name__)

PATTERNS = {
    OutputKind.T1W: "anat/{sub}_desc-preproc_T1w.nii.gz",
    OutputKind.BRAIN_MASK: "anat/{sub}_space-T1w_desc-brain_mask.nii.gz",
    OutputKind.SURFACE: "anat/{sub}_hemi-{hemi}_{space}{den}_{surface}.surf.gii",
    OutputKind.SULC: "anat/{sub}_hemi-{hemi}_{space}{den}_sulc.shape.gii",
    OutputKind.LABEL: "anat/{sub}_hemi-{hemi}_{space}_seg-{atlas}{den}_dseg.label.gii",
    OutputKind.DLABEL: "anat/{sub}_{space}_seg-{atlas}{den}_dseg.dlabel.nii",
    OutputKind.CORTEX_VOLUME: "anat/{sub}_space-T1w_seg-{atlas}_dseg.nii.gz",
    OutputKind.ATLAS_VOLUME: "anat/{sub}_space-T1w_seg-{atlas}_desc-subcortex_dseg.nii.gz",
    OutputKind.LUT: "anat/{sub}_seg-{atlas}_desc-subcortex_dseg.lut",
    OutputKind.RELEVANCE: "anat/{sub}_space-T1w_desc-{network}_relevance.nii.gz",
    OutputKind.RELEVANCE_MNI: "anat/{sub}_space-MNI152NLin6Asym_res-2_desc-{network}_density.nii",
    OutputKind.HEATMAP: "anat/{sub}_space-T1w_desc-{network}_heatmap.nii.gz",
    OutputKind.HEATMAP_SMOOTH: "anat/{sub}_space-T1w_desc-{model}Smooth{by}_heatmap.nii.gz",
    OutputKind.METRIC: "anat/{sub}_hemi-{hemi}_{space}{den}_desc-{network}_maps.func.gii",
    OutputKind.DSCALAR: "anat/{sub}_{space}{den}_desc-{network}_maps.dscalar.nii",
    OutputKind.PSCALAR: "anat/{sub}_{space}_seg-{atlas}{den}_desc-{network}_maps.pscalar.nii",
    OutputKind.REGIONS: "anat/{sub}_desc-{network}_regions.tsv",
    OutputKind.LEVELS: "anat/{sub}_desc-{network}_levels.tsv",
    OutputKind.PAIRS: "anat/{sub}_desc-{network}_pairs.tsv",
    OutputKind.PCONN: "anat/{sub}_{space}_seg-{atlas}{den}_desc-{network}_pairs.pconn.nii",
    OutputKind.FIGURE: "figures/{sub}_desc-{figure}.png",
    OutputKind.INPUT: "figures/{sub}_desc-{network}Input.jpg",
    OutputKind.SCENE: "{sub}_wbtools.scene",
    OutputKind.SPEC: "{sub}_{space}{den}_wb.spec",
    OutputKind.REPORT: "report.html",
    OutputKind.DICOM_RELEVANCE: "dicom/desc-{network}_relevance.dcm",
    OutputKind.DICOM_REGIONS: "dicom/desc-{network}_regions.dcm",
    OutputKind.DICOM_PICTURE: "dicom/pictures/desc-{figure}.dcm",
}

_MAPS = {"Description": "Relevance density (1/mm^3), region scores and smoothed region scores, in this order"}
_SCORES = {"Description": "Every region painted with its score, 1 for the most relevant", "Units": "arbitrary"}
_AREAS = {"Description": "HCP-MMP 1.0 cortical areas (Glasser et al. 2016) in this person"}
_PAIRS = {"Description": "Contributions of pairs of regions, one of each person, to the cosine of two embeddings"}

_ABOUT: dict[OutputKind, dict[str, str]] = {
    OutputKind.T1W: {"Description": "The T1-weighted image that was explained"},
    OutputKind.BRAIN_MASK: {"Description": "The brain in the T1-weighted image", "Type": "Brain"},
    OutputKind.SURFACE: {"Description": "Cortical surface: {surface}"},
    OutputKind.SULC: {"Description": "Sulcal depth"},
    OutputKind.LABEL: _AREAS,
    OutputKind.DLABEL: _AREAS,
    OutputKind.CORTEX_VOLUME: _AREAS,
    OutputKind.ATLAS_VOLUME: _AREAS,
    OutputKind.RELEVANCE: {"Description": "Relevance density of a network", "Units": "1/mm^3"},
    OutputKind.RELEVANCE_MNI: {
        "Description": "Relevance density of a network, per mm^3 of the person's own space, affine to MNI152",
        "Units": "1/mm^3",
        "Resolution": "2 mm isotropic",
    },
    OutputKind.HEATMAP: _SCORES,
    OutputKind.HEATMAP_SMOOTH: _SCORES,
    OutputKind.METRIC: _MAPS,
    OutputKind.DSCALAR: _MAPS,
    OutputKind.PSCALAR: _MAPS,
    OutputKind.REGIONS: {"Description": "Regions ranked by their score"},
    OutputKind.LEVELS: {"Description": "Level of each region in the map of the network, and of randomised networks"},
    OutputKind.PAIRS: _PAIRS,
    OutputKind.PCONN: _PAIRS,
}
"""What a sidecar says; files of other kinds have none."""

_UNKNOWN = (
    *("relevance", "density", "heatmap", "maps", "regions", "levels", "pairs"),
    *("sulc", "white", "midthickness", "pial", "inflated", "veryinflated"),
)
"""Suffixes that BIDS does not know."""
_IGNORED = (
    *("*.scene", "*.spec", "*.lut", "figures/", "dicom/", "provenance.json", "report.html"),
    *("wbtools-group", "wbtools-report"),  # with a slash at the end, the validator calls them unknown folders
    *(f"*_{suffix}.*" for suffix in _UNKNOWN),
)

_DENSITIES = {
    "32k": "fs_LR mesh of 32,492 vertices per hemisphere",
    "59k": "fs_LR mesh of 59,292 vertices per hemisphere",
    "164k": "fs_LR mesh of 163,842 vertices per hemisphere",
}


def words(subject: str, output: Output) -> dict[str, str]:
    """What stands for the fields of the patterns.

    Raises
    ------
    InputError
        If BIDS has no name for the subject.
    """
    density = _density(output)
    return {
        "sub": bids_id(subject),
        "network": _label(f"{output.network}.{output.by}"),
        "model": _label(output.network),
        "by": _label(f".{output.by}"),  # after `Smooth`, which a method's name may end in
        "hemi": output.hemisphere.letter if output.hemisphere else "",
        "space": "space-fsnative" if output.mesh == "native" else "space-fsLR",
        "den": f"_den-{density}" if density else "",
        "surface": output.surface.replace("_", ""),
        "atlas": _label(output.atlas),
        "figure": _label(f"{output.network}.{output.scene}"),
    }


def subject_folder(subject: str) -> str:
    """A subject's folder of outputs, from the folder of all exports; a session's lies in its subject's."""
    return bids_id(subject).replace("_ses-", "/ses-")


def write_sidecars(files: WrittenFiles, out: OutputFolder, notice: str) -> WrittenFiles:
    """Write a JSON file beside every data file.

    Parameters
    ----------
    files : WrittenFiles
    out : OutputFolder
    notice : str
        What every reader must know.
    """
    return WrittenFiles(tuple(_write_sidecar(file, out, notice) for file in files if file.what.kind in _ABOUT))


def _write_sidecar(file: Written, out: OutputFolder, notice: str) -> Written:
    what = file.what
    named = words(out.subject, what)
    density = _density(what)
    about: dict[str, object] = {
        **{key: text.format_map(named) for key, text in _ABOUT[what.kind].items()},
        **({"SkullStripped": not what.whole_head} if what.kind is OutputKind.T1W else {}),
        **file.sidecar,
        **({"SpatialReference": _uri(out, Output(OutputKind.T1W))} if _in_own_space(file) else {}),
        **({"Density": {density: _DENSITIES[density]}} if density else {}),
        "GeneratedBy": f"wbtools {__version__}; see provenance.json",
        "Notice": " ".join(filter(None, (notice, "Research use only. Not for diagnosis."))),
    }
    path = file.path.with_name(f"{file.path.name.partition('.')[0]}.json")
    path.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return Written(replace(what, kind=OutputKind.SIDECAR), path)


def _in_own_space(file: Written) -> bool:
    return "_space-" in file.path.name and file.what.kind is not OutputKind.RELEVANCE_MNI


def _density(output: Output) -> str:
    """How BIDS names the density of a mesh; empty where there is none."""
    return "" if output.mesh in {"", "native"} else output.mesh.partition("_")[0]


def _uri(out: OutputFolder, output: Output) -> str:
    """A file's address as BIDS writes it: from the folder that holds the subjects' folders."""
    return f"bids::{subject_folder(out.subject)}/{out.path(output).relative_to(out.folder).as_posix()}"


def write_dataset_description(root: Path, subject: Path) -> None:
    """Describe the folder of all exports as a BIDS derivative; files that are there stay as they are.

    Parameters
    ----------
    root : Path
        The folder that holds the subjects' folders; it exists.
    subject : Path
        The folder that a subject was read from.
    """
    sources = source_datasets(root, subject)
    about = {
        "Name": "wbtools: relevance of networks in individual brains",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "GeneratedBy": [generated_by()],
        **({"SourceDatasets": sources} if sources else {}),
    }
    _write_once(root / ".bidsignore", "".join(f"{pattern}\n" for pattern in _IGNORED))
    _write_once(root / DESCRIPTION, json.dumps(about, indent=2) + "\n")


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
            f"{line(subject, 60)!r} has no name in BIDS, which allows the letters A to Z and digits only",
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


def _write_once(path: Path, text: str) -> None:
    """Write a file that is not there yet, whole or not at all: another export may do the same at this moment.

    The exports are published by now, so a file system that refuses is only reported.
    """
    if os.path.lexists(path):
        return
    try:
        atomic.write_new(path, text)
    except FileExistsError:
        pass
    except OSError as error:
        logger.warning("%s could not be written: %s", path, error.strerror)


BIDS = Convention(PATTERNS, words, subject_folder, write_sidecars, write_dataset_description)
