"""Every bad input ends in one sentence, a hint and its exit code, without a traceback and without half-made output."""

import gzip
import json
import os
import pickle
import shutil
import subprocess
import sys

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner

from wbtools.cli import main


@pytest.fixture
def study(small_study, tmp_path):
    """A study folder that a test may damage; files are copied, so the shared one stays whole."""
    shutil.copytree(small_study("LAS"), tmp_path / "study")
    return tmp_path / "study"


def t1w_of(study):
    return study / "100307" / "T1w" / "T1w_acpc_dc_restore_brain.nii.gz"


def export(study, *options, subject="100307"):
    return CliRunner().invoke(main, ["export-subject", subject, "--study-folder", str(study), "--no-render", *options])


def assert_refused(result, code, *words, out=None):
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    error = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(error) == 1
    assert "Hint: " in result.output
    for word in words:
        assert word in result.output
    if out:
        assert not out.exists() or not list(out.iterdir())


def test_an_unknown_subject_is_named_with_those_that_exist(study):
    result = export(study, subject="100308")
    assert_refused(result, 3, "100308", "did you mean 100307", out=study / "derivatives")


@pytest.mark.parametrize("subject", [".hidden", "", "a\\b"])
def test_an_id_that_is_not_a_plain_name_is_rejected(study, subject):
    assert_refused(export(study, subject=subject), 3, "not a subject id", out=study / "derivatives")


@pytest.mark.parametrize(
    ("subject", "words"),
    [("../100307", "does not exist"), ("a/b", "does not exist"), ("..", "does not look like a subject's folder")],
)
def test_a_path_that_leads_to_nobody_is_refused_as_a_path(study, monkeypatch, subject, words):
    monkeypatch.chdir(study)
    assert_refused(export(study, subject=subject), 3, words, out=study / "derivatives")


def test_a_missing_t1w_is_listed_with_what_it_forbids(study):
    for path in t1w_of(study).parent.glob("T1w_*.nii.gz"):
        path.unlink()
    assert_refused(export(study), 3, "T1w_acpc_dc_restore_brain.nii.gz", "forbids", out=study / "derivatives")


def test_a_truncated_t1w_is_refused(study):
    whole = t1w_of(study).read_bytes()
    t1w_of(study).write_bytes(whole[: len(whole) // 2])
    assert_refused(export(study), 3, t1w_of(study).name, out=study / "derivatives")


def test_an_unknown_class_is_refused_before_an_image_is_read_and_the_classes_are_listed(study, tmp_path):
    import torch

    from wbtools.model import Card
    from wbtools.model import card as cards
    from wbtools.model.families.mrinet import MriNet, MriNetArchitecture

    torch.save(MriNet(MriNetArchitecture(width=4)).state_dict(), tmp_path / "sex.pt")
    cards.write(tmp_path / "sex.json", Card("sex", "Sex", "mrinet", shape=(58, 70, 58), classes=("female", "male")))
    t1w_of(study).write_bytes(b"not an image")
    options = ("--model", str(tmp_path / "sex.pt"), "--target", "class:martian")
    assert_refused(export(study, *options), 3, "martian", "female, male", out=study / "derivatives")


def changed_t1w(study, change):
    image = nibabel.load(t1w_of(study))
    nibabel.save(nibabel.Nifti1Image(change(image.get_fdata(dtype=np.float32)), image.affine), t1w_of(study))


def test_a_t1w_of_several_volumes_is_refused(study):
    changed_t1w(study, lambda data: np.stack([data, data], axis=-1))
    assert_refused(export(study), 3, t1w_of(study).name, out=study / "derivatives")


def test_a_t1w_with_voxels_that_are_not_numbers_is_refused(study):
    def spoiled(data):
        data[10, 10, 10] = np.nan
        return data

    changed_t1w(study, spoiled)
    assert_refused(export(study), 3, t1w_of(study).name, out=study / "derivatives")


def test_a_constant_t1w_is_refused(study):
    changed_t1w(study, lambda data: np.ones_like(data))
    assert_refused(export(study), 5, "contrast", out=study / "derivatives")


class Harmful:
    """A pickle that would leave a mark if it were executed."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_a_checkpoint_with_code_is_refused_and_not_executed(study, tmp_path):
    mark, checkpoint = tmp_path / "executed", tmp_path / "evil.pt"
    checkpoint.write_bytes(pickle.dumps({"model_state_dict": Harmful(mark)}))
    assert_refused(export(study, "--model", str(checkpoint)), 3, "evil.pt", out=study / "derivatives")
    assert not mark.exists()


def test_a_checkpoint_with_wrong_keys_is_refused_by_name(study, tmp_path):
    import torch

    torch.save({"model_state_dict": {"layer.weight": torch.zeros(2, 2)}}, tmp_path / "other.pt")
    assert_refused(export(study, "--model", str(tmp_path / "other.pt")), 3, "other.pt", "layer.weight")


def test_a_target_that_the_network_does_not_have_is_refused_before_anything_is_computed(study, tmp_path):
    import torch

    from wbtools.model.families import mrinet

    torch.save(mrinet.MriNet(mrinet.MriNetArchitecture()).state_dict(), tmp_path / "mrinet.pt")
    result = export(study, "--model", str(tmp_path / "mrinet.pt"), "--target", "embedding")
    assert_refused(result, 3, "answers with classes", out=study / "derivatives")
    assert "T1w and surfaces" not in result.output


def test_a_checkpoint_that_is_not_there_is_refused(study, tmp_path):
    assert_refused(export(study, "--model", str(tmp_path / "none.pt")), 3, "none.pt")


def test_a_workbench_that_is_not_there_is_named_with_the_way_to_get_it(study):
    result = export(study, "--engine", "wb_command", "--wb-command", "/nowhere/wb_command")
    assert_refused(result, 4, "wb_command", "apt install", out=study / "derivatives")


def test_an_earlier_export_is_not_replaced_without_being_asked(study):
    earlier = study / "derivatives" / "wbtools" / "100307"
    earlier.mkdir(parents=True)
    (earlier / "kept.txt").write_text("kept")
    for again in ((), ("--overwrite",)):
        refused = export(study, *again)
        assert_refused(refused, 3, "exists already", "is not wbtools' to replace")
        assert "add --overwrite" not in refused.output
    record = {"wbtools": "0.1.0", "subject": {"id": "100307"}, "outputs_sha256": {}}
    (earlier / "provenance.json").write_text(json.dumps(record))
    assert_refused(export(study), 3, "exists already", "add --overwrite")
    assert (earlier / "kept.txt").read_text() == "kept"


def test_an_output_folder_below_a_file_is_refused(study, tmp_path):
    (tmp_path / "file").write_text("")
    assert_refused(export(study, "--out", str(tmp_path / "file" / "out")), 3, "file")


def test_a_read_only_output_folder_is_refused_before_anything_is_computed(study):
    # /proc refuses new folders to root as well.
    assert_refused(export(study, "--out", "/proc/wbtools"), 3, "/proc/wbtools")


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may read everything")
def test_a_dry_run_refuses_a_file_that_may_not_be_read(study, tmp_path):
    labels = study / "100307" / "T1w" / "wmparc.nii.gz"
    labels.chmod(0)
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    line = [*drop, sys.executable, "-m", "wbtools.cli", "export-subject", "100307", "--study-folder", study]
    done = subprocess.run([*line, "--out", tmp_path / "out", "--dry-run"], capture_output=True, text=True)
    assert done.returncode == 3, done.stdout
    assert "wmparc.nii.gz: it may not be read: Permission denied" in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()


def test_zero_threads_are_refused(study):
    assert_refused(export(study, "--threads", "0"), 3, "threads")


def test_a_choice_that_does_not_exist_is_a_usage_error(study):
    result = export(study, "--mesh", "165k")
    assert result.exit_code == 2
    assert "165k" in result.output


def test_a_full_disk_is_transient_and_leaves_nothing(study, tmp_path):
    # A limit on file size ends in the same kind of error as a full disk, and needs no file system of its own. Compiled
    # code that is kept for the next run is smaller.
    import resource

    code = "from wbtools.cli import main; main()"
    words = ["export-subject", "100307", "--study-folder", str(study), "--no-render", "--null", "0"]
    run = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)),
    )
    assert run.returncode == 75, run.stderr
    assert "Traceback" not in run.stderr
    assert "run again" in run.stderr
    assert not (study / "derivatives").exists()


def test_surfaces_of_another_space_are_named_as_the_fault(study):
    folder = study / "100307" / "T1w"
    for path in [*folder.glob("*/*.white*"), *folder.glob("*/*.pial*")]:
        image = nibabel.load(path)
        image.darrays[0].data = image.darrays[0].data + np.float32(1000)
        nibabel.save(image, path)
    assert_refused(export(study), 3, "ribbon", out=study / "derivatives")


def test_a_left_surface_with_a_right_name_is_rejected(study):
    folder = study / "100307" / "T1w" / "fsaverage_LR32k"
    shutil.copy(
        folder / "100307.L.white_MSMAll.32k_fs_LR.surf.gii", folder / "100307.R.white_MSMAll.32k_fs_LR.surf.gii"
    )
    assert_refused(export(study), 3, "CortexLeft", out=study / "derivatives")


def test_a_damaged_gzip_header_is_refused(study):
    t1w_of(study).write_bytes(gzip.compress(b"no image"))
    assert_refused(export(study), 3, t1w_of(study).name, out=study / "derivatives")
