"""A template laid over a brain that was deformed in a known way; ANTs's own transforms are the reference."""

import logging
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from wbtools.errors import CheckError, InputError, TransientError
from wbtools.placement import anatomy, ants_images, store, syn, templates, tissue
from wbtools.placement.fields import Field
from wbtools.placement.placement import Placement
from wbtools.placement.store import Store
from wbtools.placement.templates import Template
from wbtools.space.deformation import Deformation, warp
from wbtools.space.grid import Grid, Unit, Volume, reorient
from wbtools.space.resampling import average, resample_labels

pytest.importorskip("ants")

NODES = Grid((6, 7, 6), np.array([[40.0, 0, 0, -100], [0, 40, 0, -140], [0, 0, 40, -90], [0, 0, 0, 1]]))


@pytest.fixture(scope="module")
def template():
    """The painted average on voxels of 4 mm: still an error below a millimetre, for a quarter of the work of 2.5 mm."""
    whole = templates.painted()
    return Template((average(whole, whole.grid.with_spacing(4.0)),), ("painted, coarse",))


@pytest.fixture(scope="module")
def bent():
    controls = np.random.default_rng(5).normal(0, 5.0, (*NODES.shape, 3))
    return Deformation(controls, NODES)


@pytest.fixture(scope="module")
def brain(template, bent):
    """The template deformed, its axes in another order."""
    image = warp(template.images[0], bent.inverse())
    return reorient(Volume(np.where(image.data > 0.1, image.data, 0), image.grid), "PIR")


@pytest.fixture(scope="module")
def placed(brain, template):
    return syn.place(brain, template)


@pytest.fixture
def few_steps(monkeypatch):
    """Where it does not matter how well a template lies: half a second instead of five."""
    monkeypatch.setattr(syn, "_COARSE_ITERATIONS", (20, 10, 0))
    monkeypatch.setattr(syn, "_CORRELATION", 0.3)


@pytest.fixture(scope="module")
def inner(template):
    """Points inside the template's brain, mm."""
    image = template.images[0]
    voxels = np.argwhere(image.data > 0.4)
    return image.grid.to_world(voxels[:: len(voxels) // 500].astype(float))


def test_points_go_where_the_deformation_took_them(placed, bent, inner):
    before = np.linalg.norm(inner - bent.push(inner), axis=1)
    errors = np.linalg.norm(placed.points(inner) - bent.push(inner), axis=1)
    assert np.median(before) > 2.0 and np.median(errors) < 0.8  # a fifth of a voxel


def test_back_is_the_inverse(placed, inner):
    errors = np.linalg.norm(placed.back(placed.points(inner)) - inner, axis=1)
    assert np.median(errors) < 0.2 and errors.max() < 2.0  # mm; ANTs's inverse is numerical


def test_fields_read_from_ants_move_points_as_ants_does(brain, template, inner, tmp_path):
    import pandas

    with ants_images.ants_on_one_thread() as ants:
        fixed, moving = (ants_images.image_of(ants, image) for image in (brain, template.images[0]))
        start = tmp_path / "affine.mat"
        matrix = np.diag([1.02, 0.97, 1.0, 1.0])
        matrix[:3, 3] = 3, -2, 1
        ants_images.write_affine(ants, np.linalg.inv(matrix), start)
        done = ants.registration(
            fixed, moving, "SyNOnly", initial_transform=[str(start)], outprefix=f"{tmp_path}/", reg_iterations=(5, 0)
        )
        field = ants_images.field_in(Path(next(p for p in done["invtransforms"] if p.endswith(".gz"))), brain.grid)
        flip = np.array([-1, -1, 1])
        table = pandas.DataFrame(inner * flip, columns=list("xyz"))
        theirs = ants.apply_transforms_to_points(
            3, table, done["invtransforms"], whichtoinvert=[path.endswith(".mat") for path in done["invtransforms"]]
        )
    ours = Placement(matrix, field, field).points(inner)
    np.testing.assert_allclose(ours, theirs[["x", "y", "z"]].to_numpy() * flip, atol=0.01)  # mm; float32 fields


def test_labels_are_carried_as_points_are(placed, brain, template):
    labels = Volume(np.where(template.images[0].data > 0.8, 7, 0).astype(np.int32), template.images[0].grid, Unit.LABEL)
    found = placed.labels(labels, brain.grid)
    voxels = np.argwhere(brain.data > 0)[::23]
    expected = resample_at(labels, placed.back(brain.grid.to_world(voxels.astype(float))))
    assert (found.data[tuple(voxels.T)] == expected).all() and set(np.unique(found.data)) == {0, 7}


def resample_at(labels, points):
    index = np.rint(labels.grid.to_index(points)).astype(int)
    inside = ((index >= 0) & (index < labels.grid.shape)).all(axis=1)
    return np.where(inside, labels.data[tuple(index.clip(0, np.array(labels.grid.shape) - 1).T)], 0)


def test_how_well_it_lies_is_on_record(placed):
    assert placed.facts["overlap"] > 0.9 and placed.facts["folded"] == 0
    low, high = placed.facts["volume_change_1_to_99_percent"]
    assert 0.3 < low < 1 < high < 3


@pytest.mark.usefixtures("few_steps")
def test_it_is_the_same_every_time(brain, template):
    first, again = (syn.place(brain, template) for _ in range(2))
    assert np.array_equal(again.to_person.shifts, first.to_person.shifts)


@pytest.mark.slow
def test_a_turned_head_is_found_as_well(placed, brain, template, inner):
    # 20 degrees about the vertical axis: the same voxels, the grid oblique; ANTs starts from another place.
    turn = np.array([[0.9397, -0.342, 0, 0], [0.342, 0.9397, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    turned = syn.place(Volume(brain.data, Grid(brain.grid.shape, turn @ brain.grid.affine)), template)
    errors = np.linalg.norm(turned.points(inner) - placed.points(inner) @ turn[:3, :3].T, axis=1)
    assert np.median(errors) < 0.8  # a fifth of a voxel


@pytest.mark.usefixtures("few_steps")
def test_a_ball_is_no_brain(template):
    places = np.moveaxis(np.indices((60, 60, 60)), 0, -1) - 30
    ball = (np.linalg.norm(places, axis=-1) < 20).astype(np.float32)
    ball += ball * np.random.default_rng(0).random(ball.shape, np.float32)
    with pytest.raises(CheckError):
        syn.place(Volume(ball, Grid(ball.shape, np.diag([2.5, 2.5, 2.5, 1]))), template)


def test_affine_placements_carry_labels_as_resampling_does():
    grid = Grid((6, 5, 4), np.diag([2.0, 2, 2, 1]))
    labels = Volume(np.arange(120, dtype=np.int32).reshape(6, 5, 4), grid, Unit.LABEL)
    move = np.eye(4)
    move[:3, 3] = 2, -4, 2
    found = Placement(move).labels(labels, grid)
    assert np.array_equal(
        found.data, resample_labels(Volume(labels.data, Grid(grid.shape, move @ grid.affine)), grid).data
    )


def test_labels_are_carried_whole_to_a_grid_that_lies_at_an_angle():
    # A long block, turned with the head; the grid's axes are turned against the world's.
    labels = Volume(np.full((40, 4, 4), 7, np.int32), Grid((40, 4, 4), np.eye(4)), Unit.LABEL)
    turn = np.array([[0.6, -0.8, 0, 0], [0.8, 0.6, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    grid = Grid((90, 90, 20), turn.T @ np.block([[np.eye(3), np.array([[-45.0], [-45], [-10]])], [0, 0, 0, 1]]))
    field = Grid((2, 2, 2), np.diag([50.0, 50, 50, 1]))
    away = np.array([12.0, -12, 0], np.float32)
    placement = Placement(turn, *(Field(np.full((2, 2, 2, 3), part, np.float32), field) for part in (away, -away)))
    found = placement.labels(labels, grid).data
    everywhere = placement.back(grid.to_world(np.argwhere(np.ones(grid.shape)).astype(float)))
    assert np.array_equal(found.ravel(), resample_at(labels, everywhere)) and found.any()


def test_a_full_disk_gives_no_placement(brain, template, monkeypatch):
    # ANTs then writes a part of its displacements and says nothing; what it reads of the rest is 0.
    monkeypatch.setattr(syn, "_COARSE_ITERATIONS", (5, 0, 0))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(TransientError, match="could not write"):
            syn.place(brain, template)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_without_any_room_it_ends_in_a_sentence(brain, template):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(CheckError, match="Registration failed"):
            syn.place(brain, template)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_antspyx_that_cannot_be_loaded_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ants", None)
    with (
        pytest.raises(InputError, match="antspyx is installed, but cannot be loaded"),
        ants_images.ants_on_one_thread(),
    ):
        pass


def test_nothing_is_said_where_there_is_no_home(tmp_path):
    code = "from wbtools.placement import ants_images as a\nwith a.ants_on_one_thread(): pass"
    nowhere = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "none" / "here"), "TMPDIR": str(tmp_path)}
    (tmp_path / "none").touch()
    done = subprocess.run([sys.executable, "-c", code], env=nowhere, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "") and [path.name for path in tmp_path.iterdir()] == ["none"]


def test_an_image_without_brain_is_refused():
    flat = Volume(np.full((9, 9, 9), 7, np.float32), Grid((9, 9, 9), np.eye(4)))
    with pytest.raises(CheckError, match="no brain"):
        anatomy.working_brain(flat, flat.data != 7)


# ------------------------------------------------------------------------------------------------------------ on disk


def test_a_placement_is_kept_and_damaged_files_are_computed_again(placed, brain, template, tmp_path, caplog):
    labels = Volume((brain.data > 0.5).astype(np.int32) * 42, brain.grid, Unit.LABEL)
    kept = Store.of(tmp_path / "work", brain, template)
    assert kept.read(brain.grid) is None
    kept.write(placed, labels)
    found, again = kept.read(brain.grid)
    assert np.array_equal(again.data, labels.data) and found.facts == placed.facts
    points = brain.grid.to_world(np.argwhere(brain.data > 0)[::249].astype(float))
    np.testing.assert_array_equal(found.back(points), placed.back(points))
    assert kept.path.stat().st_mode & 0o077 == 0
    whole = kept.path.read_bytes()
    with caplog.at_level(logging.WARNING):
        for damaged in (whole[: len(whole) // 2], b"", b"PK\x03\x04 no zip", whole[:-30] + bytes(30)):
            kept.path.write_bytes(damaged)
            assert kept.read(brain.grid) is None
    assert "computed again" in caplog.text
    kept.write(placed, labels)
    assert kept.read(Grid((3, 3, 3), np.eye(4))) is None  # of an image of another shape


@pytest.mark.parametrize(
    "damage",
    [
        {"grid": np.full((4, 4), np.nan)},
        {"affine": np.zeros((4, 4))},
        {"to_person": np.ones((3, 3), np.float32)},
        {"to_template": np.ones((1, 1, 1, 3), np.float32)},
        {"labels": np.full((8, 9, 10), -5, np.int16)},
        {"labels": np.full((8, 9, 10), 0.5)},
        {"facts": np.frombuffer(b"{}", np.uint8)},
    ],
)
def test_whole_files_with_senseless_content_are_not_used(damage, template, tmp_path):
    grid, field = Grid((8, 9, 10), np.eye(4)), Field(np.ones((4, 5, 5, 3), np.float32), Grid((4, 5, 5), np.eye(4)))
    kept = Store.of(tmp_path, Volume(np.ones(grid.shape, np.float32), grid), template)
    facts = {"registration": "SyN", "correlation": 1.0, "overlap": 1.0, "folded": 0.0}
    kept.write(Placement(np.eye(4), field, field, facts), Volume(np.ones(grid.shape, np.int32), grid, Unit.LABEL))
    assert kept.read(grid)
    with np.load(kept.path) as file:
        arrays = {**file, **damage}
    with kept.path.open("wb") as file:
        np.savez(file, **arrays)
    assert kept.read(grid) is None


def test_another_brain_or_template_has_another_file(brain, template, tmp_path):
    other = Template(template.images, ("another name",))
    brighter = Volume(brain.data * np.float32(1.1), brain.grid)
    paths = {Store.of(tmp_path, *pair).path for pair in ((brain, template), (brain, other), (brighter, template))}
    assert len(paths) == 3 and store.Store.of(None, brain, template).read(brain.grid) is None


# ------------------------------------------------------------------------------------------------------------- tissue


def test_tissue_of_a_phantom_with_a_bias_field_is_found():
    places = np.moveaxis(np.indices((48, 48, 48)), 0, -1) - 23.5
    radius = np.linalg.norm(places, axis=-1)
    truth = np.select([radius < 10, radius < 16, radius < 21], [tissue.WHITE, tissue.GREY, tissue.LIQUID], 0)
    clean = np.array([0, 0.25, 0.68, 1.0])[truth]
    bias = np.exp(0.6 * places[..., 0] / 24)
    noise = np.random.default_rng(0).normal(0, 0.02, truth.shape)
    head = np.where(truth > 0, (clean * bias + noise).clip(0.01), 0).astype(np.float32)
    brain = Volume(head, Grid(truth.shape, np.diag([2.0, 2, 2, 1])))
    even = tissue.without_bias(brain)
    white = even.data[truth == tissue.WHITE]
    assert white.std() / white.mean() < 0.6 * head[truth == tissue.WHITE].std() / head[truth == tissue.WHITE].mean()
    found = tissue.classes(even).data
    assert (found == truth)[truth > 0].mean() > 0.97 and (found[truth == 0] == 0).all()


def test_tissue_is_the_same_every_time_and_leaves_no_image_of_a_person_behind(brain, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first, second = (tissue.classes(brain).data for _ in range(2))
    assert np.array_equal(first, second)
    assert tempfile.tempdir == str(tmp_path) and not list(tmp_path.iterdir())


# ---------------------------------------------------------------------------------------------------------- templates


def test_templateflows_template_is_a_second_image_where_it_was_fetched(tmp_path, monkeypatch):
    from wbtools.images import nifti

    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path))
    assert len(templates.template().images) == 1
    folder = tmp_path / "tpl-MNI152NLin6Asym"
    folder.mkdir()
    path = folder / "tpl-MNI152NLin6Asym_res-01_desc-brain_T1w.nii.gz"
    nifti.write_volume(path, average(templates.painted(), templates.painted().grid.with_spacing(4.0)))
    found = templates.template()
    assert len(found.images) == 2 and path.name in found.names[1]


def test_nobodys_home_holds_no_template(monkeypatch):
    def nobodys():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("TEMPLATEFLOW_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobodys)
    assert len(templates.template().images) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root enters every folder")
def test_a_templateflow_that_may_not_be_entered_is_none(tmp_path, monkeypatch):
    folder = tmp_path / "tpl-MNI152NLin6Asym"
    folder.mkdir(mode=0)
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path))
    assert len(templates.template().images) == 1
    folder.chmod(0o700)


@pytest.mark.slow
def test_a_second_image_of_the_template_helps_to_place_it(brain, template, bent, inner):
    two = Template((template.images[0], template.images[0]), ("painted, coarse", "the same again"))
    errors = np.linalg.norm(syn.place(brain, two).points(inner) - bent.push(inner), axis=1)
    assert np.median(errors) < 0.8
