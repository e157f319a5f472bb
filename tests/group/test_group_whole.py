"""A whole group from the command line, with maps on the cortex and in voxels, tests of vertices, and files for PALM."""

import json

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner
from made_group_maps import affine_near_identity, record_again, write_elsewhere
from scipy import stats

from wbtools.anatomy import Hemisphere
from wbtools.cli import main
from wbtools.group.maps.normalised import cortical_relevance, median_region
from wbtools.images import gifti
from wbtools.provenance import sha256
from wbtools.reading import open_batch
from wbtools.space.grid import Grid
from wbtools.surfaces.standard import VERTICES_32K

PEOPLE = [f"s{number}" for number in range(6)]
GRID = Grid((20, 20, 20), np.array([[-8.0, 0, 0, 80], [0, 8.0, 0, -90], [0, 0, 8.0, -60], [0, 0, 0, 1]]))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    for place, who in enumerate(PEOPLE):
        write_elsewhere(root / "out", who, affine_near_identity(place), np.ones(GRID.shape, np.float32), GRID)
        dice = np.random.default_rng(place)
        for side in Hemisphere:
            path = root / "out" / who / f"{who}.{side.letter}.unet.32k_fs_LR.func.gii"
            gifti.write_metrics(path, {"relevance": 1e-6 * dice.gamma(1, 1, VERTICES_32K)}, side)
        record_again(root / "out" / who)
    rows = "".join(f"{who}\t{'ab'[place % 2]}\n" for place, who in enumerate(PEOPLE))
    (root / "participants.tsv").write_text(f"participant_id\tgroup\n{rows}")
    words = ["group", root / "out", "--out", root / "group", "--participants", root / "participants.tsv"]
    words += ["--formula", "group", "--vertex-wise", "--palm", "--no-render", "--permutations", "99"]
    run = CliRunner().invoke(main, [str(word) for word in words])
    assert run.exit_code == 0, run.output
    return root, run.output


def test_every_file_is_on_record_with_its_hash(place):
    folder = place[0] / "group"
    record = json.loads((folder / "provenance.json").read_text())["outputs_sha256"]
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == {*record, "provenance.json"}
    assert all(sha256(folder / name) == digest for name, digest in record.items())
    for name in ("group.unet.32k_fs_LR.dscalar.nii", "group.wbtools.scene", "palm/unet/design.csv", "group.html"):
        assert name in record


def test_vertices_have_student_s_t_of_the_exports(place):
    root, output = place
    results = open_batch(root / "out").results("unet")
    for side in Hemisphere:
        values = np.array(
            [cortical_relevance(each)[side] / median_region(each) for each in results.values()], np.float64
        )
        expected = stats.ttest_ind(values[1::2], values[::2]).statistic
        image = nibabel.load(root / "group" / f"group.unet.contrasts.{side.letter}.32k_fs_LR.func.gii")
        t, tfce, log_p = (array.data for array in image.darrays)
        known = np.isfinite(expected) & (t != 0)
        assert known.sum() > 29000  # the cortex of a side has about 29,700 vertices
        np.testing.assert_allclose(t[known], expected[known], rtol=1e-5, atol=1e-5)  # float32 in files
        assert (np.sign(tfce[known]) == np.sign(t[known])).all() and 0 <= log_p.min() <= log_p.max() <= 2
    assert "b-a, in vertices:" in output


def test_the_model_for_palm_has_the_groups(place):
    palm = place[0] / "group" / "palm" / "unet"
    assert np.loadtxt(palm / "design.csv", delimiter=",").tolist() == [[1.0, float(k % 2)] for k in range(6)]
    assert np.loadtxt(palm / "contrasts.csv", delimiter=",").tolist() == [0.0, 1.0]
