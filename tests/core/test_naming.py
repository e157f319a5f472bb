"""Names of outputs: no two files share one, and BIDS names are BIDS names."""

from __future__ import annotations

import json
import re
from itertools import product

import pytest

from wbtools.anatomy import Hemisphere
from wbtools.attribution import METHODS
from wbtools.errors import InputError
from wbtools.output.kinds import Output, OutputKind
from wbtools.output.names import NAMINGS, OutputFolder, folder_name
from wbtools.output.names.bids import bids_id, write_dataset_description
from wbtools.output.names.convention import IDENTITY_FOLDER
from wbtools.output.written import Written, WrittenFiles

MODELS = ("unet", "unet-best", "resnet18_b")
MESHES = ("native", "32k_fs_LR", "59k_fs_LR", "164k_fs_LR")
DICOM = ("DICOM_RELEVANCE", "DICOM_REGIONS")
SURFACES = ("white", "midthickness", "pial", "inflated", "very_inflated")
NAMED = [kind for kind in OutputKind if kind is not OutputKind.SIDECAR]
"""All kinds that have a name of their own."""


def folder(naming, place, subject="sub-01"):
    return OutputFolder(place, subject, NAMINGS[naming])


def every_output():
    """All that an export of three networks on every mesh may write."""
    known = {
        "T1W": [()],
        "SURFACE": product(("",), Hemisphere, MESHES, SURFACES),
        "BRAIN_MASK": [()],
        "SULC": product(("",), Hemisphere, MESHES),
        "LABEL": product(("",), Hemisphere, MESHES, ("",), ("HCP-MMP1",)),
        "METRIC": product(MODELS, Hemisphere, MESHES),
        **{key: [(model, None, "", "", "", "overview") for model in MODELS] for key in ("FIGURE", "DICOM_PICTURE")},
        "SCENE": [()],
        "REPORT": [()],
        "SPEC": (("", None, mesh) for mesh in MESHES),
        "DLABEL": [("", None, "32k_fs_LR", "", "HCP-MMP1")],
    }
    atlas = ("", None, "", "", "HCP-MMP1")
    known |= {kind: [atlas] for kind in ("CORTEX_VOLUME", "ATLAS_VOLUME", "LUT")}
    known |= {
        kind: [(m,) for m in MODELS]
        for kind in (
            "RELEVANCE",
            "RELEVANCE_MNI",
            "HEATMAP",
            "HEATMAP_SMOOTH",
            "REGIONS",
            "LEVELS",
            "PAIRS",
            "INPUT",
            *DICOM,
        )
    }
    cifti = [(model, None, "32k_fs_LR", "", "HCP-MMP1") for model in MODELS]
    known |= dict.fromkeys(("DSCALAR", "PSCALAR", "PCONN"), cifti)
    assert set(known) == {kind.name for kind in NAMED}, "a kind is missing here"
    by_first = [Output(OutputKind[kind], *which) for kind, outputs in known.items() for which in outputs]
    volumes = (OutputKind.RELEVANCE, OutputKind.HEATMAP, OutputKind.HEATMAP_SMOOTH, OutputKind.DICOM_RELEVANCE)
    volumes = (*volumes, OutputKind.LEVELS)
    return by_first + [Output(kind, model, by=method) for kind, model, method in product(volumes, MODELS, METHODS)]


@pytest.mark.parametrize("naming", NAMINGS)
def test_no_two_files_share_a_name(tmp_path, naming):
    names = [folder(naming, tmp_path).path(output) for output in every_output()]
    assert len(set(names)) == len(names) > 100
    assert all(path.is_relative_to(tmp_path) for path in names)


@pytest.mark.parametrize("naming", NAMINGS)
def test_names_of_files_that_hold_a_patient_s_identity_do_not_say_whose_export_it_is(tmp_path, naming):
    out = folder(naming, tmp_path, "sub-01")
    names = [out.path(what).relative_to(tmp_path) for what in every_output() if what.kind.name.startswith("DICOM")]
    assert all(path.parts[0] == IDENTITY_FOLDER and "sub-01" not in path.as_posix() for path in names)


@pytest.mark.parametrize(
    ("naming", "name"),
    [
        ("hcp", "sub-01.unet.smoothgrad-squared.relevance.T1w.nii.gz"),
        ("bids", "anat/sub-01_space-T1w_desc-unetSmoothgradSquared_relevance.nii.gz"),
    ],
)
def test_a_volume_by_a_second_method_is_named_after_it(tmp_path, naming, name):
    output = Output(OutputKind.RELEVANCE, "unet", by="smoothgrad-squared")
    assert folder(naming, tmp_path).path(output).relative_to(tmp_path).as_posix() == name


def test_a_sidecar_says_what_its_file_alone_has(tmp_path):
    out = folder("bids", tmp_path)
    place = tmp_path / "anat" / "sub-01_desc-unet_regions.tsv"
    place.parent.mkdir()
    what = Output(OutputKind.REGIONS, "unet")
    column = {"also_rank": {"Description": "1 for the highest"}}
    told = []
    for sidecar in ({}, column):
        (written,) = NAMINGS["bids"].write_sidecars(WrittenFiles((Written(what, place, {}, sidecar),)), out, "")
        told.append(json.loads(written.path.read_text()))
    assert told[1] == {**told[0], **column} != told[0]


@pytest.mark.parametrize("naming", NAMINGS)
def test_every_convention_names_every_kind_of_file(naming):
    assert set(NAMINGS[naming].patterns) == set(NAMED)


@pytest.mark.parametrize(
    ("mesh", "place"),
    [
        ("native", "Native"),
        ("32k_fs_LR", "fsaverage_LR32k"),
        ("59k_fs_LR", "fsaverage_LR59k"),
        ("164k_fs_LR", "fsaverage_LR164k"),
    ],
)
def test_surfaces_lie_in_the_folder_of_their_mesh_as_those_of_the_hcp_do(tmp_path, mesh, place):
    surface = Output(OutputKind.SURFACE, hemisphere=Hemisphere.LEFT, mesh=mesh, surface="pial")
    sulc = Output(OutputKind.SULC, hemisphere=Hemisphere.RIGHT, mesh=mesh)
    found = [folder("hcp", tmp_path, "100307").path(output).relative_to(tmp_path) for output in (surface, sulc)]
    assert [path.as_posix() for path in found] == [
        f"T1w/{place}/100307.L.pial.{mesh}.surf.gii",
        f"T1w/{place}/100307.R.sulc.{mesh}.shape.gii",
    ]


def test_hcp_names_are_those_that_earlier_exports_have(tmp_path):
    left, cortex = Hemisphere.LEFT, "32k_fs_LR"
    known = {
        Output(OutputKind.RELEVANCE, "unet"): "100307.unet.relevance.T1w.nii.gz",
        Output(OutputKind.HEATMAP_SMOOTH, "unet"): "100307.unet.heatmap_smooth.T1w.nii.gz",
        Output(OutputKind.METRIC, "unet", left, cortex): "100307.L.unet.32k_fs_LR.func.gii",
        Output(OutputKind.LABEL, "", left, "native", atlas="HCP-MMP1"): "100307.L.HCP-MMP1.native.label.gii",
        Output(OutputKind.LEVELS, "unet"): "100307.unet.levels.tsv",
        Output(OutputKind.LEVELS, "unet", by="gradient"): "100307.unet.gradient.levels.tsv",
        Output(OutputKind.INPUT, "unet"): "100307.unet.input.jpg",
        Output(OutputKind.DSCALAR, "unet", mesh=cortex): "100307.unet.32k_fs_LR.dscalar.nii",
        Output(OutputKind.PSCALAR, "unet", mesh=cortex, atlas="HCP-MMP1"): "100307.unet.HCP-MMP1.pscalar.nii",
        Output(OutputKind.PCONN, "unet", mesh=cortex, atlas="HCP-MMP1"): "100307.unet.HCP-MMP1.pairs.pconn.nii",
        Output(OutputKind.DLABEL, mesh=cortex, atlas="HCP-MMP1"): "100307.HCP-MMP1.32k_fs_LR.dlabel.nii",
        Output(OutputKind.ATLAS_VOLUME, atlas="HCP-MMP1"): "100307.HCP-MMP1+subcortex.T1w.nii.gz",
        Output(OutputKind.FIGURE, "unet", scene="overview"): "figures/unet.overview.png",
        Output(OutputKind.SCENE): "100307.wbtools.scene",
        Output(OutputKind.SPEC, mesh=cortex): "100307.32k_fs_LR.wb.spec",
    }
    out = folder("hcp", tmp_path, "100307")
    assert {output: out.path(output).relative_to(tmp_path).as_posix() for output in known} == known


def test_bids_names_are_those_that_earlier_exports_have(tmp_path):
    left, cortex, anat = Hemisphere.LEFT, "32k_fs_LR", "anat/sub-01"
    known = {
        Output(OutputKind.RELEVANCE, "unet"): f"{anat}_space-T1w_desc-unet_relevance.nii.gz",
        Output(OutputKind.HEATMAP_SMOOTH, "my-net"): f"{anat}_space-T1w_desc-myNetSmooth_heatmap.nii.gz",
        Output(OutputKind.METRIC, "unet", left, cortex): f"{anat}_hemi-L_space-fsLR_den-32k_desc-unet_maps.func.gii",
        Output(OutputKind.LABEL, "", left, "59k_fs_LR", atlas="HCP-MMP1"): (
            f"{anat}_hemi-L_space-fsLR_seg-HCPMMP1_den-59k_dseg.label.gii"
        ),
        Output(OutputKind.LABEL, "", left, "native", atlas="HCP-MMP1"): (
            f"{anat}_hemi-L_space-fsnative_seg-HCPMMP1_dseg.label.gii"
        ),
        Output(OutputKind.SURFACE, "", left, "native", "very_inflated"): (
            f"{anat}_hemi-L_space-fsnative_veryinflated.surf.gii"
        ),
        Output(OutputKind.PSCALAR, "unet", mesh=cortex, atlas="HCP-MMP1"): (
            f"{anat}_space-fsLR_seg-HCPMMP1_den-32k_desc-unet_maps.pscalar.nii"
        ),
        Output(OutputKind.FIGURE, "unet", scene="relevance-pial"): "figures/sub-01_desc-unetRelevancePial.png",
        Output(OutputKind.LEVELS, "unet"): f"{anat}_desc-unet_levels.tsv",
        Output(OutputKind.LEVELS, "unet", by="gradient"): f"{anat}_desc-unetGradient_levels.tsv",
        Output(OutputKind.INPUT, "unet"): "figures/sub-01_desc-unetInput.jpg",
        Output(OutputKind.SPEC, mesh="native"): "sub-01_space-fsnative_wb.spec",
        Output(OutputKind.SCENE): "sub-01_wbtools.scene",
    }
    out = folder("bids", tmp_path)
    assert {output: out.path(output).relative_to(tmp_path).as_posix() for output in known} == known


def test_every_data_file_of_a_bids_folder_has_a_bids_name(tmp_path):
    entity = r"(?:hemi|space|seg|res|den|desc)-[A-Za-z0-9]+"
    pattern = re.compile(rf"sub-01_ses-a(?:_{entity})*_[A-Za-z0-9]+(?:\.[a-z]+)+")
    order = ("hemi", "space", "seg", "res", "den", "desc")
    for path in (folder("bids", tmp_path, "sub-01_ses-a").path(output) for output in every_output()):
        if path.parent.name == "anat":
            assert pattern.fullmatch(path.name), path.name
            keys = [word.split("-")[0] for word in path.name.split("_")[2:-1]]
            assert keys == sorted(keys, key=order.index)


def test_other_ids_become_bids_ids():
    assert (bids_id("100307"), bids_id("01_ses-2"), bids_id("sub-a.b")) == ("sub-100307", "sub-01_ses-2", "sub-ab")
    assert (folder_name("100307", "bids"), folder_name("100307", "hcp")) == ("sub-100307", "100307")


def written(out, *outputs):
    """Empty files, as a writer leaves them."""
    files = WrittenFiles(tuple(Written(output, out.path(output)) for output in outputs))
    for file in files:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.path.touch()
    return files


def test_every_data_file_gets_a_sidecar_that_carries_the_notice(tmp_path):
    out = folder("bids", tmp_path)
    metric = Output(OutputKind.METRIC, "unet", Hemisphere.LEFT, "native")
    fine = Output(OutputKind.SURFACE, "", Hemisphere.LEFT, "59k_fs_LR", "very_inflated")
    tables = Output(OutputKind.REGIONS, "unet"), Output(OutputKind.LUT, atlas="HCP-MMP1")
    files = written(out, Output(OutputKind.RELEVANCE, "unet"), *tables, metric, fine, Output(OutputKind.SCENE))
    sidecars = out.convention.write_sidecars(files, out, "no person")
    found = {path.name: json.loads(path.read_text()) for path in tmp_path.rglob("*.json")}
    assert sorted(found) == sorted(file.path.name for file in sidecars)
    assert sorted(found) == [
        "sub-01_desc-unet_regions.json",
        "sub-01_hemi-L_space-fsLR_den-59k_veryinflated.json",
        "sub-01_hemi-L_space-fsnative_desc-unet_maps.json",
        "sub-01_space-T1w_desc-unet_relevance.json",
    ]
    assert all("no person" in about["Notice"] and "Not for diagnosis" in about["Notice"] for about in found.values())
    assert found["sub-01_space-T1w_desc-unet_relevance.json"]["Units"] == "1/mm^3"
    surface = found["sub-01_hemi-L_space-fsLR_den-59k_veryinflated.json"]
    assert surface["Description"] == "Cortical surface: veryinflated" and list(surface["Density"]) == ["59k"]
    assert "59,292" in surface["Density"]["59k"]
    assert surface["SpatialReference"] == "bids::sub-01/anat/sub-01_desc-preproc_T1w.nii.gz"
    assert "SpatialReference" not in found["sub-01_desc-unet_regions.json"]


def test_hcp_names_get_no_sidecars(tmp_path):
    out = folder("hcp", tmp_path, "100307")
    files = written(out, Output(OutputKind.RELEVANCE, "unet"))
    assert not out.convention.write_sidecars(files, out, "").files
    assert [path.name for path in tmp_path.iterdir()] == ["100307.unet.relevance.T1w.nii.gz"]


@pytest.mark.parametrize("whole", [True, False])
def test_only_an_image_without_skull_is_called_a_brain(tmp_path, whole):
    t1w = Output(OutputKind.T1W, whole_head=whole)
    assert ("brain" in folder("hcp", tmp_path / "hcp", "100307").path(t1w).name) is not whole
    out = folder("bids", tmp_path)
    (sidecar,) = out.convention.write_sidecars(written(out, t1w), out, "said of it")
    about = json.loads(sidecar.path.read_text())
    assert sidecar.path.name == "sub-01_desc-preproc_T1w.json"
    assert about["SkullStripped"] is not whole and "said of it" in about["Notice"]


def test_the_folder_of_exports_is_described_once(tmp_path):
    write_dataset_description(tmp_path, tmp_path / "100307")
    path = tmp_path / "dataset_description.json"
    about = json.loads(path.read_text())
    assert about["DatasetType"] == "derivative" and about["GeneratedBy"][0]["Name"] == "wbtools"
    path.write_text("mine")
    write_dataset_description(tmp_path, tmp_path / "100307")
    assert path.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".bidsignore", "dataset_description.json"]


@pytest.mark.parametrize("subject", ["名前", "---", "sub-", "_", "Ωß", "sub-01_ses-二", "sub-01_ses-"])
def test_an_id_of_which_bids_leaves_nothing_is_refused(subject):
    for made in (lambda: bids_id(subject), lambda: folder_name(subject, "bids")):
        with pytest.raises(InputError, match="no name in BIDS") as caught:
            made()
        assert "--id" in caught.value.hint and "--naming hcp" in caught.value.hint
    assert folder_name(subject, "hcp") == subject
