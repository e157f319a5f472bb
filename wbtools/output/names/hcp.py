"""File names in the manner of the Human Connectome Project: `SUBJECT.L.WHAT.32k_fs_LR.func.gii`."""

from __future__ import annotations

from wbtools.output.kinds import Output, OutputKind
from wbtools.output.names.convention import Convention

PATTERNS = {
    OutputKind.T1W: "T1w/T1w_acpc_dc_restore{brain}.nii.gz",
    OutputKind.BRAIN_MASK: "{subject}.brain_mask.T1w.nii.gz",
    OutputKind.SURFACE: "T1w/{mesh_folder}/{subject}.{hemi}.{surface}.{mesh}.surf.gii",
    OutputKind.SULC: "T1w/{mesh_folder}/{subject}.{hemi}.sulc.{mesh}.shape.gii",
    OutputKind.LABEL: "{subject}.{hemi}.{atlas}.{mesh}.label.gii",
    OutputKind.DLABEL: "{subject}.{atlas}.{mesh}.dlabel.nii",
    OutputKind.CORTEX_VOLUME: "{subject}.{atlas}.T1w.nii.gz",
    OutputKind.ATLAS_VOLUME: "{subject}.{atlas}+subcortex.T1w.nii.gz",
    OutputKind.LUT: "{subject}.{atlas}+subcortex.lut",
    OutputKind.RELEVANCE: "{subject}.{network}.relevance.T1w.nii.gz",
    OutputKind.RELEVANCE_MNI: "{subject}.{network}.density.MNI152_2mm.nii",
    OutputKind.HEATMAP: "{subject}.{network}.heatmap.T1w.nii.gz",
    OutputKind.HEATMAP_SMOOTH: "{subject}.{network}.heatmap_smooth.T1w.nii.gz",
    OutputKind.METRIC: "{subject}.{hemi}.{network}.{mesh}.func.gii",
    OutputKind.DSCALAR: "{subject}.{network}.{mesh}.dscalar.nii",
    OutputKind.PSCALAR: "{subject}.{network}.{atlas}.pscalar.nii",
    OutputKind.REGIONS: "{subject}.{network}.regions.tsv",
    OutputKind.LEVELS: "{subject}.{network}.levels.tsv",
    OutputKind.PAIRS: "{subject}.{network}.pairs.tsv",
    OutputKind.PCONN: "{subject}.{network}.{atlas}.pairs.pconn.nii",
    OutputKind.FIGURE: "figures/{network}.{scene}.png",
    OutputKind.INPUT: "{subject}.{network}.input.jpg",
    OutputKind.SCENE: "{subject}.wbtools.scene",
    OutputKind.SPEC: "{subject}.{mesh}.wb.spec",
    OutputKind.REPORT: "report.html",
    OutputKind.DICOM_RELEVANCE: "dicom/{network}.relevance.dcm",
    OutputKind.DICOM_REGIONS: "dicom/{network}.regions.dcm",
    OutputKind.DICOM_PICTURE: "dicom/pictures/{network}.{scene}.dcm",
}


def words(subject: str, output: Output) -> dict[str, str]:
    """What stands for the fields of the patterns."""
    return {
        "subject": subject,
        "network": ".".join(filter(None, (output.network, output.by))),
        "hemi": output.hemisphere.letter if output.hemisphere else "",
        "mesh": output.mesh,
        "mesh_folder": "Native" if output.mesh == "native" else f"fsaverage_LR{output.mesh.partition('_')[0]}",
        "surface": output.surface,
        "atlas": output.atlas,
        "scene": output.scene,
        "brain": "" if output.whole_head else "_brain",
    }


HCP = Convention(PATTERNS, words, subject_folder=str)
