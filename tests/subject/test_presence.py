"""What is there and cannot be had is refused with the reason, and nothing takes its place."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

import pytest

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError, SubjectError
from wbtools.subject import find, locate, resolve
from wbtools.subject.presence import absence, is_named, usable
from wbtools.subject.subject import NOTICE, notice_in

LEFT, RIGHT = Hemisphere
ID = "100307"


def _socket(path):
    here = os.getcwd()  # noqa: PTH109, a socket's name may have 108 letters only
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


IN_ITS_PLACE = {
    "a link to nowhere": (lambda path: path.symlink_to("../.git/annex/objects/gone"), "link to nowhere"),
    "a loop": (lambda path: path.symlink_to(path.name), "leads back to itself"),
    "a pointer of git-annex": (lambda path: path.write_text("/annex/objects/MD5E-s1--0a\n"), "pointer of git-annex"),
    "a pointer of git-lfs": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
        "pointer of git-lfs",
    ),
    "nothing in it": (lambda path: path.write_bytes(b""), "is empty"),
    "a pipe": (os.mkfifo, "no ordinary file"),
    "a socket": (_socket, "no ordinary file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "no ordinary file"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
}


def _hcp():
    for side in "LR":
        for mesh, suffix in (("native", ""), ("32k_fs_LR", "_MSMAll")):
            folder = "Native" if mesh == "native" else "fsaverage_LR32k"
            for kind in ("white", "midthickness", "pial", "inflated", "very_inflated"):
                yield f"T1w/{folder}/{ID}.{side}.{kind}{suffix}.{mesh}.surf.gii"
            yield f"MNINonLinear/{folder}/{ID}.{side}.sulc{suffix}.{mesh}.shape.gii"
        yield f"MNINonLinear/Native/{ID}.{side}.sphere.MSMAll.native.surf.gii"
        yield f"MNINonLinear/Native/{ID}.{side}.sphere.MSMSulc.native.surf.gii"
        yield f"MNINonLinear/Native/{ID}.{side}.roi.native.shape.gii"
        yield f"MNINonLinear/fsaverage_LR32k/{ID}.{side}.sphere.32k_fs_LR.surf.gii"
        yield f"MNINonLinear/fsaverage_LR32k/{ID}.{side}.atlasroi.32k_fs_LR.shape.gii"
        yield from (f"T1w/fsaverage_LR32k/{ID}.{side}.{kind}.32k_fs_LR.surf.gii" for kind in ("white", "pial"))
    yield from (f"T1w/{name}.nii.gz" for name in ("T1w_acpc_dc_restore_brain", "T1w_acpc_dc_restore"))
    yield from (f"T1w/{name}.nii.gz" for name in ("wmparc", "aparc+aseg", "brainmask_fs"))


def _freesurfer():
    for side in "lr":
        for kind in ("white", "pial", "pial.T1", "pial.T2", "sphere.reg", "inflated", "sulc"):
            yield f"surf/{side}h.{kind}"
        yield f"label/{side}h.cortex.label"
    yield from (f"mri/{name}.mgz" for name in ("brain", "brainmask", "T1", "orig", "wmparc", "aparc+aseg", "aseg"))


def _bids():
    for side in "LR":
        for kind in ("white", "smoothwm", "midthickness", "pial", "inflated", "desc-reg_sphere"):
            yield f"anat/sub-01_hemi-{side}_{kind}.surf.gii"
        yield f"anat/sub-01_hemi-{side}_space-fsLR_desc-msmsulc_sphere.surf.gii"
        yield f"anat/sub-01_hemi-{side}_sulc.shape.gii"
        for kind in ("white", "pial"):
            yield f"anat/sub-01_hemi-{side}_space-fsLR_den-32k_{kind}.surf.gii"
    for words in ("desc-preproc_T1w", "desc-brain_mask", "desc-aparcaseg_dseg", "desc-aseg_dseg"):
        yield f"anat/sub-01_{words}.nii.gz"


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """One person in three layouts, for reading only, with an alternative to most files; names are what is found."""
    root = tmp_path_factory.mktemp("layouts")
    layouts = {f"hcp/{ID}": _hcp(), f"freesurfer/{ID}": _freesurfer(), "bids/sub-01": _bids()}
    for folder, names in layouts.items():
        for name in names:
            path = root / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"\xff\xff\xfe, as a surface begins")
    return root


@pytest.fixture
def study(studies, tmp_path):
    """A copy of one layout's, in which files are links that a test may replace, and the person's id."""

    def copied(layout):
        target = tmp_path / layout
        shutil.copytree(studies / layout, target, symlinks=True, copy_function=os.link)
        return target, "01" if layout == "bids" else ID

    return copied


CHOSEN = {
    "hcp": [
        "T1w/T1w_acpc_dc_restore_brain.nii.gz",
        "T1w/wmparc.nii.gz",
        f"MNINonLinear/fsaverage_LR32k/{ID}.L.sphere.32k_fs_LR.surf.gii",
        f"MNINonLinear/Native/{ID}.R.roi.native.shape.gii",
        f"MNINonLinear/Native/{ID}.L.sphere.MSMAll.native.surf.gii",
        f"T1w/fsaverage_LR32k/{ID}.L.pial_MSMAll.32k_fs_LR.surf.gii",
        f"T1w/Native/{ID}.R.midthickness.native.surf.gii",
    ],
    "freesurfer": ["mri/brain.mgz", "mri/brainmask.mgz", "mri/wmparc.mgz", "label/lh.cortex.label", "surf/rh.white"],
    "bids": [
        "anat/sub-01_desc-preproc_T1w.nii.gz",
        "anat/sub-01_desc-brain_mask.nii.gz",
        "anat/sub-01_desc-aparcaseg_dseg.nii.gz",
        "anat/sub-01_hemi-L_white.surf.gii",
        "anat/sub-01_hemi-R_space-fsLR_desc-msmsulc_sphere.surf.gii",
        "anat/sub-01_hemi-R_space-fsLR_den-32k_pial.surf.gii",
    ],
}


@pytest.mark.parametrize(("layout", "name"), [(layout, name) for layout, names in CHOSEN.items() for name in names])
def test_no_other_file_replaces_an_unfetched_one(study, layout, name):
    root, person = study(layout)
    subject = find(root, person)
    path = subject.folder / name
    path.unlink(missing_ok=True)
    path.symlink_to("../../.git/annex/objects/gone")
    with pytest.raises(SubjectError, match="link to nowhere: its file was not fetched") as caught:
        find(root, person)
    assert name in str(caught.value) and "datalad get" in caught.value.hint


@pytest.mark.parametrize("what", IN_ITS_PLACE)
@pytest.mark.parametrize(("layout", "name"), [(layout, names[0]) for layout, names in CHOSEN.items()])
def test_anything_else_in_place_of_the_scan_is_reported_as_what_it_is(study, layout, name, what):
    root, person = study(layout)
    path = find(root, person).folder / name
    path.unlink()
    put, message = IN_ITS_PLACE[what]
    put(path)
    with pytest.raises(SubjectError) as caught:
        find(root, person)
    assert f"{name}: it is" in str(caught.value) and message in str(caught.value)
    assert ("datalad" in caught.value.hint) == ("fetched" in str(caught.value))


@pytest.mark.parametrize("what", IN_ITS_PLACE)
def test_files_needed_only_for_shading_are_optional_and_recorded(study, what):
    put, message = IN_ITS_PLACE[what]
    shading = {
        "hcp": (f"MNINonLinear/Native/{ID}.L.sulc.native.shape.gii", f"T1w/Native/{ID}.L.inflated.native.surf.gii"),
        "freesurfer": ("surf/lh.sulc", "surf/lh.inflated"),
        "bids": ("anat/sub-01_hemi-L_sulc.shape.gii", "anat/sub-01_hemi-L_inflated.surf.gii"),
    }
    for layout, names in shading.items():
        root, person = study(layout)
        folder = find(root, person).folder
        for name in names:
            (folder / name).unlink()
            put(folder / name)
        subject = find(root, person)
        assert (LEFT, "native") not in subject.sulci and (LEFT, "inflated", "native") not in subject.surfaces
        told = [missing for missing in subject.missing if any(missing.path in name for name in names)]
        assert len(told) == 2 and all(message in missing.forbids for missing in told), subject.missing


@pytest.mark.parametrize("what", ["a pipe", "a device", "a folder", "a loop"])
def test_pial_surfaces_are_replaced_only_if_copying_lost_them(study, what):
    root, person = study("freesurfer")
    path = root / ID / "surf/lh.pial"
    path.unlink()
    put, message = IN_ITS_PLACE[what]
    put(path)
    with pytest.raises(SubjectError, match=message) as caught:
        find(root, person)
    assert "surf/lh.pial " in str(caught.value)


def test_a_complete_mesh_is_offered_and_taken(study):
    root, person = study("hcp")
    for path in (root / ID / "T1w/Native").iterdir():
        path.unlink()
        path.symlink_to("gone")
    with pytest.raises(SubjectError, match="not fetched") as caught:
        find(root, person)
    assert caught.value.hint.endswith("--mesh 32k")
    assert find(root, person, "32k").meshes == ("32k_fs_LR",)


@pytest.mark.parametrize(
    ("put", "message"),
    [
        (lambda path: path.symlink_to("gone"), "MNINonLinear is a link to nowhere"),
        (lambda path: path.symlink_to(path.name), "MNINonLinear is a link that leads back to itself"),
        (lambda path: path.write_text("a folder that became a file"), "MNINonLinear is a file, not a folder"),
    ],
)
def test_a_file_in_place_of_a_folder_is_reported(study, put, message):
    root, person = study("hcp")
    shutil.rmtree(root / ID / "MNINonLinear")
    put(root / ID / "MNINonLinear")
    with pytest.raises(SubjectError) as caught:
        find(root, person)
    assert message in str(caught.value)


@pytest.mark.parametrize(("layout", "part"), [("hcp", "T1w"), ("freesurfer", "mri"), ("bids", "anat")])
def test_a_part_of_a_subject_that_is_a_link_to_nowhere_is_named_also_beside_a_raw_scan(study, layout, part):
    root, person = study(layout)
    folder = find(root, person).folder
    shutil.rmtree(folder / part)
    (folder / part).symlink_to("gone")
    (folder / f"{folder.name}_T1w.nii.gz").write_bytes(b"a raw scan")
    with pytest.raises(InputError, match=f"/{part} is a link to nowhere"):
        find(root, person)


def test_no_other_data_set_replaces_an_unfetched_one(studies, tmp_path):
    shutil.copytree(studies / "bids", tmp_path / "derivatives/fmriprep", copy_function=os.link)
    shutil.copytree(studies / f"freesurfer/{ID}", tmp_path / "derivatives/freesurfer/sub-01", symlinks=True)
    white = tmp_path / "derivatives/fmriprep/sub-01/anat/sub-01_hemi-L_white.surf.gii"
    white.unlink()
    white.symlink_to("gone")
    with pytest.raises(SubjectError, match=r"L_white.*link to nowhere"):
        find(tmp_path, "01")


def test_no_other_scan_replaces_an_unfetched_one(studies, tmp_path):
    anat = tmp_path / "sub-01/anat"
    anat.mkdir(parents=True)
    shutil.copyfile(next((studies / "bids").rglob("*preproc_T1w.nii.gz")), anat / "sub-01_run-2_T1w.nii.gz")
    (anat / "sub-01_run-1_T1w.nii.gz").symlink_to("gone")
    with pytest.raises(SubjectError, match=r"run-1_T1w.*link to nowhere") as caught:
        find(tmp_path, "01")
    assert "run-2" in caught.value.hint
    image = resolve(tmp_path, str(anat / "sub-01_run-2_T1w.nii.gz"))
    assert find(*image).id == "sub-01_run-2"


@pytest.mark.parametrize("what", IN_ITS_PLACE)
def test_the_target_of_a_path_is_reported_as_what_it_is(tmp_path, what):
    path = tmp_path / "head_T1w.nii.gz"
    put, message = IN_ITS_PLACE[what]
    put(path)
    if what == "a folder":
        return  # of which a subject may be the content
    with pytest.raises(InputError, match=message) as caught:
        resolve(tmp_path, str(path))
    assert "Permission" not in str(caught.value)
    assert ("datalad" in caught.value.hint) == ("fetched" in str(caught.value))
    with pytest.raises(InputError, match=message):
        locate(tmp_path, "head")


def test_an_unreadable_notice_is_an_error(tmp_path):
    (tmp_path / NOTICE).symlink_to("gone")
    with pytest.raises(InputError, match="link to nowhere"):
        notice_in(tmp_path)
    (tmp_path / NOTICE).unlink()
    os.mkfifo(tmp_path / NOTICE)
    with pytest.raises(InputError, match="no ordinary file"):
        notice_in(tmp_path)


def test_an_impossible_name_is_absent(tmp_path):
    (tmp_path / "file").write_text("something")
    for name in ("nothing", "no folder/nothing", "x" * 300):
        assert not is_named(tmp_path / name) and absence(tmp_path / name) == ""
    assert is_named(tmp_path / "file/below") and not usable(tmp_path / "file/below")
    assert usable(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read everything")
@pytest.mark.parametrize(
    ("layout", "locked"),
    [
        ("hcp", "MNINonLinear"),
        ("hcp", "T1w/wmparc.nii.gz"),
        ("freesurfer", "label"),
        ("freesurfer", "surf/lh.pial"),
        ("bids", "anat/sub-01_desc-brain_mask.nii.gz"),
    ],
)
def test_an_unreadable_file_is_not_taken_for_missing(studies, tmp_path, layout, locked):
    root = shutil.copytree(studies / layout, tmp_path / layout, symlinks=True)
    person = "01" if layout == "bids" else ID
    path = find(root, person).folder / locked
    path.resolve().chmod(0)
    code = (
        "import sys; from pathlib import Path; from wbtools.subject import find\n"
        "from wbtools.errors import WbtoolsError\n"
        "try: print('found', find(Path(sys.argv[1]), sys.argv[2]).t1w)\n"
        "except WbtoolsError as error: print(error, '|', error.hint)"
    )
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] if os.geteuid() == 0 else []
    try:
        words = [*drop, sys.executable, "-c", code, str(root), person]
        message = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert "may not be read: Permission denied" in message and "chmod" in message, message
    finally:
        path.resolve().chmod(0o700)
