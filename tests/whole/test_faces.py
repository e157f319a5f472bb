"""Exports of whole heads give no face away: nothing outside the dilated brain mask is written or drawn."""

from __future__ import annotations

import json
import shutil

import nibabel
import numpy as np
import pytest
from made_heads import BRAIN, brain_of, write_bids_head, write_freesurfer_head, write_hcp, write_network, write_t1w_head
from PIL import Image
from scipy.ndimage import distance_transform_edt

from wbtools.exporting.session.scene_types import SCENES
from wbtools.images import nifti
from wbtools.space.grid import reorient

pytestmark = pytest.mark.slow
HAS_WORKBENCH = shutil.which("wb_command") is not None

OPTIONS = ("--method", "lrp", "--threads", "2", "--model")

LAYOUTS = {
    # How the study is written, what the record calls the mask, how far from the brain it may reach, mm, and the mesh.
    "hcp": (write_hcp, "the outline of the subject's segmentation", 8.0, "32k"),
    "freesurfer": (write_freesurfer_head, "the outline of the subject's segmentation", 8.0, "native"),
    "bids": (write_bids_head, "the subject's brain mask", 4.0, "32k"),
    "t1w": (write_t1w_head, "the brain mask that deepbet made of this head", 12.0, "32k"),
}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A small network that was trained on nothing, as an argument of the command line."""
    return str(write_network(tmp_path_factory.mktemp("network")))


@pytest.fixture(scope="module")
def heads(small_study, network, run_export, tmp_path_factory):
    """What was printed and the published folder, by layout."""
    base, made = tmp_path_factory.mktemp("heads"), {}
    for name, (write, _, _, mesh) in LAYOUTS.items():
        others = ("--mesh", mesh, *(() if name == "bids" and HAS_WORKBENCH else ("--no-render",)))
        others += ("--no-report",) if name != "bids" else ()
        others += ("--registration", "affine") if name == "t1w" else ()
        made[name] = run_export(
            write(small_study("LAS", variant="unmarked"), base / name), base / "out" / name, *OPTIONS, network, *others
        )
    return {name: (printed, next(place.parent.glob("*100307"))) for name, (printed, place) in made.items()}


@pytest.fixture(scope="module")
def distance(small_study):
    """How far each voxel lies from the brain, mm, in the order LAS."""
    brain = nifti.read_volume(small_study("LAS", variant="unmarked") / "100307" / BRAIN)
    return distance_transform_edt(~brain_of(brain), sampling=brain.grid.voxel_sizes)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_voxel_of_any_volume_outside_the_dilated_mask_is_not_zero(heads, distance, layout):
    _, source, reach, _ = LAYOUTS[layout]
    printed, folder = heads[layout]
    volumes = sorted(folder.rglob("*.nii.gz"))
    assert len(volumes) == 6 + (layout != "bids")  # the mask, where it had to be made
    for path in volumes:
        volume = reorient(nifti.read_volume(path), "LAS")
        assert volume.data.any() and not volume.data[distance > reach].any(), path.name
    t1w = reorient(
        nifti.read_volume(next(path for path in volumes if "T1w_acpc" in path.name or "preproc" in path.name)), "LAS"
    )
    assert (t1w.data[distance == 0] > 0).mean() > 0.85  # segmentations leave its faint rim out
    record = json.loads((folder / "provenance.json").read_text())["face"]
    assert record["mask"].startswith(source) and record["dilation_mm"] == 4 and not record["kept"]
    (notice,) = (line for line in printed.splitlines() if line.startswith("Note: Only what lies within 4 mm of "))
    assert record["mask"] in notice


@pytest.mark.parametrize("layout", [name for name, (*_, mesh) in LAYOUTS.items() if mesh == "32k"])
def test_voxels_of_cifti_files_lie_inside_the_brain(heads, distance, small_study, layout):
    grid = nifti.read_grid(small_study("LAS", variant="unmarked") / "100307" / BRAIN)
    axis = nibabel.load(next(heads[layout][1].rglob("*.dscalar.nii"))).header.get_axis(1)
    voxels = axis.voxel[axis.voxel[:, 0] >= 0]
    places = np.round(grid.to_index(nibabel.affines.apply_affine(axis.affine, voxels))).astype(int)
    assert len(places) > 100 and distance[tuple(places.T)].max() <= LAYOUTS[layout][2]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_cut_from_the_map_is_on_record_and_the_table_counts_it(heads, layout):
    folder = heads[layout][1]
    record = json.loads((folder / "provenance.json").read_text())
    cut = record["face"]["share_of_relevance_cut_from_volume"]["small"]
    total = record["networks"]["small"]["relevance_on_t1w_grid"]
    volume = nifti.read_volume(next(folder.rglob("*relevance*.nii.gz")))
    # This map is nowhere negative, so that its magnitudes are its sum.
    assert volume.data.sum(dtype=float) * volume.grid.voxel_volume == pytest.approx(total * (1 - cut), rel=1e-3)
    assert 0 < cut < 0.3


def test_nothing_written_or_drawn_depends_on_the_face(heads, network, small_study, run_export, tmp_path):
    """The same brain under another face: every file is the same, down to pictures and thumbnails."""
    first = heads["bids"][1]
    study = write_bids_head(small_study("LAS", variant="unmarked"), tmp_path / "study", face=1)
    others = ("--mesh", "32k", *(() if HAS_WORKBENCH else ("--no-render",)))
    second = run_export(study, tmp_path / "out", *OPTIONS, network, *others)[1].with_name("sub-100307")
    files = [path.relative_to(first) for path in sorted(first.rglob("*")) if path.is_file()]
    assert files == [path.relative_to(second) for path in sorted(second.rglob("*")) if path.is_file()]
    differing = {name.name for name in files if (first / name).read_bytes() != (second / name).read_bytes()}
    assert differing == {"provenance.json", "report.html"}  # which say when
    if HAS_WORKBENCH:
        assert len(list(first.glob("figures/*.png"))) == sum(kind.always for kind in SCENES)


def test_a_face_is_kept_where_that_is_asked_for_and_every_output_says_so(network, small_study, run_export, tmp_path):
    study = write_bids_head(small_study("LAS", variant="unmarked"), tmp_path / "study")
    options = (*OPTIONS, network, "--mesh", "native", "--no-render", "--keep-face", "--naming", "hcp")
    printed, folder = run_export(study, tmp_path / "out", *options)
    folder = folder.with_name("sub-100307")
    whole = nifti.read_volume(next((study / "sub-100307/anat").glob("sub-100307_desc-preproc_T1w.nii.gz")))
    assert [path.name for path in (folder / "T1w").glob("*.nii.gz")] == ["T1w_acpc_dc_restore.nii.gz"]
    written = nifti.read_volume(folder / "T1w/T1w_acpc_dc_restore.nii.gz")
    np.testing.assert_array_equal(written.data, whole.data)
    record = json.loads((folder / "provenance.json").read_text())
    assert record["face"] == {"kept": True} and record["settings"]["keep_face"] is True
    said = "Made with --keep-face"
    assert said in printed and said in " ".join(record["notices"]) and said in next(folder.glob("*.scene")).read_text()
    sessions = [*folder.glob("*.scene"), *folder.glob("*.spec")]
    texts = [path.read_text() for path in sessions]
    assert len(texts) == 2 and all("T1w/T1w_acpc_dc_restore.nii.gz" in text for text in texts)
    assert not any("restore_brain" in path.read_text() for path in (*sessions, folder / "provenance.json"))


def test_what_a_network_that_sees_heads_was_shown_is_drawn_without_the_face(
    small_study, run_export, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", "/nonexistent")  # this picture needs no Workbench
    checkpoint = write_network(tmp_path)
    card = json.loads(checkpoint.with_suffix(".json").read_text())
    checkpoint.with_suffix(".json").write_text(json.dumps({**card, "skull_stripped": False}))
    options, shown = (*OPTIONS, str(checkpoint), "--mesh", "native", "--naming", "hcp", "--no-report"), {}
    for name, face, more in (("first", 0, ()), ("second", 1, ()), ("kept", 1, ("--keep-face",))):
        study = write_bids_head(small_study("LAS", variant="unmarked"), tmp_path / name, face=face)
        folder = run_export(study, tmp_path / "out" / name, *options, *more)[1].with_name("sub-100307")
        with Image.open(next(folder.glob("*.small.input.jpg"))) as picture:
            shown[name] = np.asarray(picture).astype(int)
    # Two faces, one brain: voxels of 6 mm at the rim of the mask reach into both faces.
    assert shown["first"].shape == shown["second"].shape
    assert (np.abs(shown["first"] - shown["second"]) > 25).mean() < 0.02
    rows = slice(0, min(shown["kept"].shape[0], shown["second"].shape[0]))
    assert (np.abs(shown["kept"][rows] - shown["second"][rows]) > 25).mean() > 0.2
