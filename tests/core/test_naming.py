"""Names of outputs: no two files share one, and BIDS names are BIDS names."""

from __future__ import annotations

import json
import re
from itertools import product

import pytest

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.output.names import (
    FOLDERS,
    NAMINGS,
    BidsFolder,
    bids_id,
    folder_name,
    naming_of,
    write_dataset_description,
    write_sidecars,
)

MODELS = ("unet", "unet-best", "resnet18_b")
MESHES = ("native", "32k_fs_LR", "59k_fs_LR")
KINDS = ("white", "midthickness", "pial", "inflated", "very_inflated")


def every_name(out):
    for model in MODELS:
        yield from (out.relevance(model), out.heatmap(model), out.heatmap_smooth(model), out.regions(model))
        yield from (out.dscalar(model), out.pscalar(model, "HCP-MMP1"), out.figure(f"{model}.overview"))
        yield from (out.metric(model, side, mesh) for side, mesh in product(Hemisphere, MESHES))
    yield from (out.cortex_volume("HCP-MMP1"), out.atlas_volume("HCP-MMP1"), out.lut("HCP-MMP1"))
    yield from (out.dlabel("HCP-MMP1"), out.scene(), out.provenance(), out.t1w())
    for side, mesh in product(Hemisphere, MESHES):
        yield from (out.label("HCP-MMP1", side, mesh), out.sulc(side, mesh))
        yield from (out.surface(side, kind, mesh) for kind in KINDS)
    yield from (out.spec(mesh) for mesh in MESHES)


@pytest.mark.parametrize("naming", NAMINGS)
def test_no_two_files_share_a_name(tmp_path, naming):
    names = list(every_name(FOLDERS[naming](tmp_path, "sub-01")))
    assert len(set(names)) == len(names)
    assert all(path.is_relative_to(tmp_path) for path in names)


def test_every_data_file_of_a_bids_folder_has_a_bids_name(tmp_path):
    entity = r"(?:hemi|space|den|seg|desc)-[A-Za-z0-9]+"
    pattern = re.compile(rf"sub-01_ses-a(?:_{entity})*_[A-Za-z0-9]+(?:\.[a-z]+)+")
    order = ("hemi", "space", "seg", "den", "desc")
    for path in every_name(BidsFolder(tmp_path, "sub-01_ses-a")):
        if path.parent.name == "anat":
            assert pattern.fullmatch(path.name), path.name
            keys = [word.split("-")[0] for word in path.name.split("_")[2:-1]]
            assert keys == sorted(keys, key=order.index)


def test_other_ids_become_bids_ids():
    assert (bids_id("100307"), bids_id("01_ses-2"), bids_id("sub-a.b")) == ("sub-100307", "sub-01_ses-2", "sub-ab")
    assert (folder_name("100307", "bids"), folder_name("100307", "hcp")) == ("sub-100307", "100307")


def test_the_layout_decides_unless_something_was_asked_for():
    assert [naming_of(layout) for layout in ("hcp", "freesurfer", "bids", "t1w")] == ["hcp", "hcp", "bids", "hcp"]
    assert (naming_of("bids", "hcp"), naming_of("hcp", "bids")) == ("hcp", "bids")


def test_every_data_file_gets_a_sidecar_that_carries_the_notice(tmp_path):
    out = BidsFolder(tmp_path, "sub-01")
    files = [out.relevance("unet"), out.regions("unet"), out.metric("unet", Hemisphere.LEFT, "native"), out.scene()]
    for path in files:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    write_sidecars(out, "no person")
    found = {path.name: json.loads(path.read_text()) for path in tmp_path.rglob("*.json")}
    assert sorted(found) == [
        "sub-01_desc-unet_regions.json",
        "sub-01_hemi-L_space-fsnative_desc-unet_maps.json",
        "sub-01_space-T1w_desc-unet_relevance.json",
    ]
    assert all(
        "no person" in sidecar["Notice"] and "Not for diagnosis" in sidecar["Notice"] for sidecar in found.values()
    )
    assert found["sub-01_space-T1w_desc-unet_relevance.json"]["Units"] == "1/mm^3"


def test_hcp_names_get_no_sidecars(tmp_path):
    out = FOLDERS["hcp"](tmp_path, "100307")
    out.relevance("unet").touch()
    write_sidecars(out, "")
    assert [path.name for path in tmp_path.iterdir()] == ["100307.unet.relevance.T1w.nii.gz"]


@pytest.mark.parametrize("stripped", [True, False])
def test_only_an_image_without_skull_is_called_a_brain(tmp_path, stripped):
    assert ("brain" in FOLDERS["hcp"](tmp_path / "hcp", "100307", stripped).t1w().name) is stripped
    out = FOLDERS["bids"](tmp_path, "sub-01", stripped)
    out.t1w().parent.mkdir()
    out.t1w().touch()
    write_sidecars(out, "said of it")
    about = json.loads((out.t1w().parent / "sub-01_desc-preproc_T1w.json").read_text())
    assert about["SkullStripped"] is stripped and "said of it" in about["Notice"]


def test_the_folder_of_exports_is_described_once(tmp_path):
    write_dataset_description(tmp_path)
    path = tmp_path / "dataset_description.json"
    about = json.loads(path.read_text())
    assert about["DatasetType"] == "derivative" and about["GeneratedBy"][0]["Name"] == "wbtools"
    path.write_text("mine")
    write_dataset_description(tmp_path)
    assert path.read_text() == "mine"
    assert sorted(made.name for made in tmp_path.iterdir()) == [".bidsignore", "dataset_description.json"]


@pytest.mark.parametrize("subject", ["名前", "---", "sub-", "_", "Ωß", "sub-01_ses-二", "sub-01_ses-"])
def test_an_id_of_which_bids_leaves_nothing_is_refused(subject):
    for made in (lambda: bids_id(subject), lambda: folder_name(subject, "bids")):
        with pytest.raises(InputError, match="no name in BIDS") as caught:
            made()
        assert "--id" in caught.value.hint and "--naming hcp" in caught.value.hint
    assert folder_name(subject, "hcp") == subject
