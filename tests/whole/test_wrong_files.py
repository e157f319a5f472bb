"""Each wrong file among a person's ends the export in one sentence with its exit code, and leaves nothing."""

from __future__ import annotations

import json
import shutil

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner
from made_heads import write_network
from made_layouts import write_freesurfer
from nibabel.freesurfer import read_geometry, write_geometry

from wbtools.cli import main
from wbtools.subject import find

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(small_study, tmp_path_factory):
    """The built-in subject as a FreeSurfer folder, for reading only."""
    base = tmp_path_factory.mktemp("made")
    subject = find(small_study("LAS"), "100307")
    write_freesurfer(subject, base / "freesurfer" / "bert")
    return base


@pytest.fixture
def bert(made, tmp_path):
    """A FreeSurfer folder that a test may damage."""
    return shutil.copytree(made / "freesurfer" / "bert", tmp_path / "bert", symlinks=True)


def refusal(subject, out, code, *more):
    """What the export of a folder says, after it has ended with this code, without a traceback and without a result."""
    arguments = ["export-subject", str(subject), "--out", str(out), "--no-render", "--method", "lrp", "--null", "0"]
    result = CliRunner().invoke(main, [*arguments, *more])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output and "Hint: " in result.output
    assert len([line for line in result.output.splitlines() if line.startswith("Error: ")]) == 1
    assert not out.exists() or not list(out.iterdir())
    return result.output


def test_surfaces_of_another_person_fail_their_check(bert, tmp_path):
    for path in [*bert.glob("surf/?h.white"), *bert.glob("surf/?h.pial.T1")]:
        points, triangles, footer = read_geometry(path, read_metadata=True)
        write_geometry(path, points * [1.0, 1.08, 0.92] + [0.0, 6, -5], triangles, "made", footer)
    said = refusal(bert, tmp_path / "out", 5)
    assert "contrast" in said and "--allow contrast" in said


def test_an_allowed_failure_is_told_in_every_output(bert, tmp_path):
    for path in [*bert.glob("surf/?h.white"), *bert.glob("surf/?h.pial.T1")]:
        points, triangles, footer = read_geometry(path, read_metadata=True)
        write_geometry(path, points + np.array([0.0, 6, 0]), triangles, "made", footer)
    options = ["--out", str(tmp_path / "out"), "--no-render", "--null", "0", "--method", "lrp", "--mesh", "native"]
    result = CliRunner().invoke(main, ["export-subject", str(bert), *options, "--allow", "contrast"])
    assert result.exit_code == 0, result.output
    assert "Note: The self-check 'contrast' failed and was allowed: the T1w is" in result.output
    record = json.loads((tmp_path / "out/bert/provenance.json").read_text())
    assert any(notice.startswith("The self-check 'contrast' failed") for notice in record["notices"])
    (scene,) = (tmp_path / "out/bert").glob("*.scene")
    assert "Self-check 'contrast' failed, allowed by the user" in scene.read_text()


def test_a_segmentation_of_another_space_fails_its_check(bert, tmp_path):
    path = bert / "mri/aparc+aseg.mgz"
    image = nibabel.load(path)
    away = image.affine.copy()
    away[:3, 3] += 40
    nibabel.save(nibabel.MGHImage(np.asarray(image.dataobj), away), path)
    assert "the deep structures lie" in refusal(bert, tmp_path / "out", 5)


def test_vertex_counts_that_differ_are_listed(bert, tmp_path):
    (bert / "surf/lh.sulc").write_bytes((bert / "surf/rh.sulc").read_bytes())
    points, triangles, footer = read_geometry(bert / "surf/lh.pial.T1", read_metadata=True)
    write_geometry(bert / "surf/lh.pial.T1", np.vstack([points, points[:1]]), triangles, "made", footer)
    said = refusal(bert, tmp_path / "out", 3)
    assert "9002 vertices" in said and "9003 vertices" in said and "lh.pial" in said


def test_left_files_where_right_ones_are_meant_are_refused(bert, tmp_path):
    for name in ("surf/{}.white", "surf/{}.pial.T1", "surf/{}.sphere.reg", "surf/{}.sulc", "label/{}.cortex.label"):
        shutil.copy(bert / name.format("lh"), bert / name.format("rh"))
    assert "the left hemisphere does not lie to the left of the right one" in refusal(bert, tmp_path / "out", 3)


def test_an_empty_sphere_is_named_with_what_it_forbids(bert, tmp_path):
    (bert / "surf/rh.sphere.reg").write_bytes(b"")
    said = refusal(bert, tmp_path / "out", 3)
    assert "surf/rh.sphere.reg" in said and "it is empty" in said


def test_gifti_without_a_structure_is_refused_with_the_command_that_mends_it(small_study, tmp_path):
    root = shutil.copytree(small_study("LAS") / "100307", tmp_path / "100307")
    for path in root.rglob("*.L.white*.surf.gii"):
        image = nibabel.load(path)
        for meta in (image.meta, *(array.meta for array in image.darrays)):
            meta.clear()
        nibabel.save(image, path)
    said = " ".join(refusal(root, tmp_path / "out", 3).split())
    assert "does not say which hemisphere" in said and "wb_command -set-structure" in said


@pytest.mark.parametrize("name", ["brain.mgz", "aparc+aseg.mgz"])
def test_a_truncated_mgz_is_refused(bert, tmp_path, name):
    whole = (bert / "mri" / name).read_bytes()
    (bert / "mri" / name).write_bytes(whole[: len(whole) // 2])
    assert name in refusal(bert, tmp_path / "out", 3)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_card_whose_images_the_network_cannot_take_ends_the_export(bert, tmp_path, threads):
    network = write_network(tmp_path)
    card = network.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), "shape": [4, 5, 4]}))
    said = refusal(bert, tmp_path / "out", 3, "--model", str(network), "--threads", threads)
    assert "small.pt cannot take images of 4 x 5 x 4 voxels" in said and "small.json" in said
