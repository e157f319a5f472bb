"""The picture of what a network was shown: planes as they are looked at, nobody's face, and no other people."""

import json

import numpy as np
import pytest
from PIL import Image

from wbtools import model
from wbtools.attribution import default, method
from wbtools.attribution.references.people import of_people, other_brain
from wbtools.exporting.network_input import NetworkInput
from wbtools.exporting.session.input_picture import WIDTH, Words, planes, write
from wbtools.images import nifti
from wbtools.space.grid import Grid, Unit, Volume, canonical, reorient

RAS = Grid((30, 36, 32), np.array([[6.0, 0, 0, -90], [0, 6, 0, -120], [0, 0, 6, -70], [0, 0, 0, 1]]))
WORDS = Words("a title", "unet", "Research use only. Not for diagnosis.")


def ball(grid, radius):
    """Voxels whose centres are so many mm at most from the middle of a grid."""
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1)
    away = (index - (np.array(grid.shape) - 1) / 2) * grid.voxel_sizes
    return np.linalg.norm(away, axis=-1) <= radius


def brain(face=None):
    """A ball of a brain that gets brighter to the right, to the front and upwards; in a head of noise, if asked."""
    steps = np.add.outer(np.add.outer(*(np.arange(n) for n in RAS.shape[:2])), np.arange(RAS.shape[2]))
    data = np.where(ball(RAS, 70), steps / steps.max(), 0).astype(np.float32)
    if face is not None:
        noise = np.random.default_rng(face).uniform(0.3, 1, RAS.shape).astype(np.float32)
        data = np.where(ball(RAS, 74), data, noise)
    return Volume(data, RAS)


def halves(plane):
    """Mean grey of the left, right, upper and lower half."""
    tall, wide = plane.shape
    parts = (plane[:, : wide // 2], plane[:, -(wide // 2) :], plane[: tall // 2], plane[-(tall // 2) :])
    return [float(part.mean()) for part in parts]


@pytest.mark.parametrize("orientation", ["RAS", "LAS", "PSR", "LIP"])
def test_left_is_left_and_front_is_left_or_up_however_voxels_are_ordered(orientation):
    ((sagittal, coronal, axial),) = planes(NetworkInput(reorient(brain(), orientation)))
    front, back, upper, lower = halves(sagittal)
    assert front > back and upper > lower
    left, right, upper, lower = halves(coronal)
    assert right > left and upper > lower
    left, right, front, back = halves(axial)
    assert right > left and front > back
    (expected,) = planes(NetworkInput(brain()))
    for plane, same in zip((sagittal, coronal, axial), expected, strict=True):
        np.testing.assert_array_equal(plane, same)


def test_both_rows_are_of_one_place_and_of_one_window():
    half = Volume(brain().data / 2, RAS)
    first, second = planes(NetworkInput(brain(), half, "Reference"))
    for mine, reference in zip(first, second, strict=True):
        assert mine.shape == reference.shape
        assert np.abs(reference - mine / 2).max() <= 1  # whole numbers of grey
    assert max(plane.max() for plane in first) > 200  # the brightest of the brain lie beside the planes


def test_nothing_outside_the_mask_is_drawn(tmp_path):
    mask = Volume(ball(RAS, 72).astype(np.uint8), RAS, Unit.LABEL)
    pictures = []
    for face in (1, 2):
        head = brain(face)
        whole, cut = NetworkInput(head, head), NetworkInput(head, head).cut(mask)
        assert not cut.image.data[mask.data == 0].any() and not cut.reference.data[mask.data == 0].any()
        np.testing.assert_array_equal(cut.image.data[mask.data > 0], head.data[mask.data > 0])
        for name, shown in (("whole", whole), ("cut", cut)):
            write(tmp_path / f"{name}{face}.png", shown, WORDS)
            pictures.append((tmp_path / f"{name}{face}.png").read_bytes())
    assert pictures[1] == pictures[3] and pictures[0] != pictures[2]


def test_a_mask_on_a_finer_grid_is_laid_over_the_input():
    fine = Grid((60, 72, 64), RAS.covering((60, 72, 64)).affine)
    mask = Volume(ball(fine, 60).astype(np.uint8), fine, Unit.LABEL)
    shown = NetworkInput(brain(1)).cut(mask).image.data > 0
    assert not (shown & ~ball(RAS, 60 + 6)).any() and shown[ball(RAS, 60 - 6)].all()  # a voxel has 6 mm


def test_a_reference_without_skull_is_shown_whole_and_heads_are_not_with_a_kept_face():
    alone, mask = brain(), Volume(ball(RAS, 40).astype(np.uint8), RAS, Unit.LABEL)
    shown = NetworkInput(brain(1), alone, "Reference: a brain").cut(mask)
    assert shown.reference is alone
    kept = NetworkInput(brain(1), brain(2), "Reference: heads.nii.gz").without_other_heads()
    assert kept.reference is None and kept.about == "Reference: heads.nii.gz, a whole head, not shown here."
    assert NetworkInput(brain(1), alone).without_other_heads().reference is alone


def test_the_page_is_as_wide_as_said_grey_and_small(tmp_path):
    write(tmp_path / "input.jpg", NetworkInput(brain(), brain(), "Reference: mean of \x1b[31m 5 brains"), WORDS)
    with Image.open(tmp_path / "input.jpg") as picture:
        assert picture.width == WIDTH and picture.mode == "L" and picture.getpixel((0, 0)) == 0
    assert (tmp_path / "input.jpg").stat().st_size < 100_000


def test_an_input_without_anything_to_show_is_drawn_all_the_same(tmp_path):
    write(tmp_path / "input.jpg", NetworkInput(Volume(np.zeros(RAS.shape, np.float32), RAS)), WORDS)
    assert (tmp_path / "input.jpg").is_file()


@pytest.fixture(scope="module")
def seen(small_study):
    """What the built-in network is shown of the small subject, and of the group's average."""
    network = model.built_in()
    name = "100307/T1w/T1w_acpc_dc_restore_brain.nii.gz"
    scans = [nifti.read_volume(small_study("LAS", variant=variant) / name) for variant in ("marked", "average")]
    return network, *(model.model_input(canonical(scan), network.card) for scan in scans)


def test_the_mean_of_the_references_is_shown_and_never_other_people(seen):
    network, mine, theirs = seen
    how = method("deviation-magnitude")
    usual = how.ask(network, [mine], default(network))
    shown = NetworkInput.of([usual], mine.grid, of_people=False)
    np.testing.assert_allclose(shown.image.data, mine.data[0, 0], atol=0.01)  # the darkest voxel is lifted to 0
    mean = np.mean([reference[0, 0].numpy() for reference in usual.compared], axis=0)
    np.testing.assert_allclose(shown.reference.data, mean, atol=0.01)
    assert shown.about.startswith("Reference: ") and "mean of" in shown.about
    people = how.ask(network, [mine], default(network), references=of_people([other_brain(network, theirs)]))
    shown = NetworkInput.of([people], mine.grid, of_people=True)
    assert shown.reference is None and shown.about == "Compared with 1 other person, not shown here."
    assert len(planes(shown)) == 1


def test_a_method_that_compares_with_nothing_leaves_the_reference_to_the_second(seen):
    network, mine, _ = seen
    alone, second = (method(name).ask(network, [mine], default(network)) for name in ("lrp", "deviation"))
    assert NetworkInput.of([alone], mine.grid, of_people=False).reference is None
    assert NetworkInput.of([alone, second], mine.grid, of_people=False).reference is not None


def test_an_export_has_the_picture_on_record(exported):
    folder = exported[1]
    assert "100307.unet.input.jpg" in json.loads((folder / "provenance.json").read_text())["outputs_sha256"]
    with Image.open(folder / "100307.unet.input.jpg") as picture:
        assert picture.width == WIDTH
    assert "unet.input" not in (folder / "100307.wbtools.scene").read_text()
