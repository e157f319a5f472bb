"""Images embedded by Slurm and Dask: the file that a single machine writes, to the bit, and nothing else is left."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from made_asking import made_place

from wbtools.asking import index as files
from wbtools.asking import indexing, piecewise
from wbtools.batch import pieces
from wbtools.cli import main
from wbtools.errors import InputError
from wbtools.output.ownership import PROVENANCE


@pytest.fixture(scope="module")
def place(made_once):
    """A study, its data set and three networks, for reading only."""
    return made_once("asked_about", made_place)


def index(place, out, *words, cluster=None, code=0):
    asked = ["index", place / "data", "--model", place / "unet.pt", "--out", out, "--batch", 2, *words]
    asked += cluster.words if cluster else ()
    result = CliRunner(env=dict(cluster.environment) if cluster else None).invoke(main, [*map(str, asked)])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.mark.parametrize("engine", ["slurm", "dask"])
def test_the_file_is_that_of_a_single_machine_and_nothing_else_is_left(place, tmp_path, cluster, engine):
    index(place, tmp_path / "here.npz")
    said = index(place, tmp_path / "there.npz", "--piece", 4, cluster=cluster(engine))
    assert "embeddings of 8 images of 8 people" in said
    assert (tmp_path / "there.npz").read_bytes() == (tmp_path / "here.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here.npz", "there.npz"]


@pytest.mark.parametrize("jobs", [1, 3])
def test_how_many_batches_are_computed_at_a_time_changes_no_bit(place, tmp_path, jobs):
    index(place, tmp_path / "a.npz", "--jobs", jobs)
    index(place, tmp_path / "b.npz", "--jobs", 2)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_run_that_was_killed_goes_on_with_its_pieces_unless_they_are_damaged_or_of_another_network(
    place, tmp_path, cluster
):
    out, home = tmp_path / "there.npz", tmp_path / "there.npz.pieces"
    job = piecewise.EmbedJob(piecewise.Asked(place / "data", str(place / "unet.pt"), batch=2))
    names = [pieces.name_of(units) for units in job.cut(4)]
    home.mkdir()
    pieces.publish(job, names[0], home)
    when = (home / names[0] / PROVENANCE).stat().st_mtime_ns
    index(place, out, "--piece", 4, "--model", place / "codes.pt", cluster=cluster("dask"), code=3)
    assert (home / names[0] / PROVENANCE).stat().st_mtime_ns == when
    (home / ".wbtools" / "batch.json").unlink()
    index(place, out, "--piece", 4, cluster=cluster("dask"))
    index(place, tmp_path / "here.npz")
    assert out.read_bytes() == (tmp_path / "here.npz").read_bytes() and not home.exists()


def test_a_piece_with_a_changed_byte_is_no_part_of_an_index(place, tmp_path):
    job = piecewise.EmbedJob(piecewise.Asked(place / "data", str(place / "unet.pt"), batch=2))
    for units in job.cut(4):
        pieces.publish(job, pieces.name_of(units), tmp_path / "home")
    coming = job.collected(tmp_path / "home", job.cut(4))
    header = indexing.make(job.work, tmp_path / "whole.npz", coming)
    assert header == files.read(tmp_path / "whole.npz").header
    spoilt = tmp_path / "home" / pieces.name_of(job.cut(4)[1]) / "vectors.npy"
    content = bytearray(spoilt.read_bytes())
    content[-1] ^= 1
    spoilt.write_bytes(content)
    with pytest.raises(InputError, match=r"vectors\.npy has another SHA-256 than recorded"):
        indexing.make(job.work, tmp_path / "spoilt.npz", job.collected(tmp_path / "home", job.cut(4)))
    assert not (tmp_path / "spoilt.npz").exists()


def test_a_failure_is_told_in_a_sentence_with_its_log_and_other_pieces_are_kept(place, tmp_path, cluster):
    from wbtools.datasets import open_data, write_data

    data = open_data(place / "data")
    images = np.array(data.images)
    images[5] = np.nan
    write_data(tmp_path / "data", data.manifest.kind, images, data.items, data.manifest.card)
    there = tmp_path / "there"
    there.mkdir()
    for name in ("unet.pt", "unet.json"):
        (there / name).symlink_to(place / name)
    (there / "data").symlink_to(tmp_path / "data")
    reached = cluster("slurm")
    said = index(there, tmp_path / "a.npz", "--piece", 2, cluster=reached, code=1)
    source = data.items[5].source
    assert f"0000002-0000002: failed: the image of {source} has values that are no numbers" in said
    assert "4 pieces: 3 done, 1 failed" in said and "wbtools batch retry" in said
    assert not (tmp_path / "a.npz").exists()


def test_a_dry_run_shows_the_script_and_writes_nothing(place, tmp_path, cluster):
    said = index(place, tmp_path / "a.npz", "--piece", 2, "--pack", 2, "--dry-run", cluster=cluster("slurm"))
    assert "8 images of 8 people" in said and "4 pieces" in said and "#SBATCH --array=0-1" in said
    assert not list(tmp_path.iterdir())


def test_what_a_job_is_made_of_survives_being_kept(place, monkeypatch):
    monkeypatch.chdir(place)
    asked = piecewise.Asked(Path("data"), "unet.pt", pictures=False, batch=3, device="cpu")
    found = piecewise.job(json.loads(json.dumps(asked.as_json()))).asked
    assert found == piecewise.Asked(place / "data", str(place / "unet.pt"), False, 3, "cpu")
    with pytest.raises(InputError, match="damaged"):
        piecewise.job({"data": 1})
