"""The brain in a head around the MNI152 template's brain, whose mask is known; and what is kept of it."""

import logging
import stat
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter, label

from wbtools import model
from wbtools.errors import InputError
from wbtools.images.template import mni152
from wbtools.model.input import brain_only
from wbtools.native.defacing import mask_record, with_mask
from wbtools.placement import brain_extraction
from wbtools.placement.brain_extraction import brain_mask
from wbtools.placement.options import PlacementOptions
from wbtools.space.foreground import Scan
from wbtools.space.grid import Grid, Unit, Volume, reorient
from wbtools.space.resampling import average

pytest.importorskip("deepbet")

GRID = Grid((100, 120, 110), np.array([[2.0, 0, 0, -99], [0, 2, 0, -135], [0, 0, 2, -110], [0, 0, 0, 1]]))
USUAL = PlacementOptions()


def copied(volume):
    """An image that is known by no other name: masks are kept as long as the very image is in use."""
    return Volume(volume.data.copy(), volume.grid)


@pytest.fixture(scope="module")
def brain():
    """The template's brain at 2 mm."""
    return average(mni152(), GRID)


@pytest.fixture(scope="module")
def truth(brain):
    return brain.data > 0.2 * brain.data.max()


@pytest.fixture(scope="module")
def head(brain, truth):
    """Fluid, skull, scalp, face and neck around it, and noise."""
    away = distance_transform_edt(~truth, sampling=GRID.voxel_sizes)
    x, y, z = np.moveaxis(GRID.to_world(np.moveaxis(np.indices(GRID.shape), 0, -1)), -1, 0)
    flesh = ((x / 60) ** 2 + ((y - 42) / 50) ** 2 + ((z + 45) / 62) ** 2 < 1) | (np.hypot(x, y + 38) < 55) & (z < -40)
    noise = np.random.default_rng(2).normal(size=GRID.shape)
    patchy = 1 + 0.2 * gaussian_filter(noise, 1.5) / gaussian_filter(noise, 1.5).std()
    layers = [away < 2.5, away < 9, away < 15, flesh]
    around = np.select(layers, [0.2, 0.05, 1.05 * patchy, 0.5 * patchy], 0)
    bright = float(np.quantile(brain.data[truth], 0.9))
    data = np.where(truth, brain.data / bright, around)
    return Volume((400 * np.hypot(data + 0.02 * noise, 0.02 * noise[::-1])).astype(np.float32), GRID)


@pytest.fixture(scope="module")
def found(head):
    return brain_mask(head, USUAL)


def dice(first, second):
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def test_the_brain_is_found_in_one_piece(found, truth):
    assert dice(found.inside, truth) > 0.93  # deepbet takes some of the fluid around it
    assert (found.inside & truth).sum() > 0.98 * truth.sum()
    assert label(found.inside)[1] == 1 and found.inside.shape == truth.shape


@pytest.mark.parametrize("order", ["LPI", "ASR"])
def test_it_is_the_same_brain_in_every_order_of_voxels(head, found, order):
    turned = reorient(head, order)
    again = Volume(brain_mask(turned, USUAL).inside.astype(np.int32), turned.grid, Unit.LABEL)
    np.testing.assert_array_equal(reorient(again, "RAS").data > 0, found.inside)


def test_voxels_without_numbers_count_as_dark(head, found):
    """As programs leave them that mask by NaN."""
    air = head.data < np.quantile(head.data, 0.1)
    holed = Volume(np.where(air, np.nan, head.data).astype(np.float32), GRID)
    # Only dark voxels changed; what the network sees of them differs by less than the noise.
    assert dice(brain_mask(holed, USUAL).inside, found.inside) > 0.98


@pytest.mark.parametrize("kind", ["constant", "noise"])
def test_an_image_without_a_brain_has_no_mask(kind, caplog):
    data = np.ones(GRID.shape) if kind == "constant" else np.random.default_rng(0).random(GRID.shape)
    assert brain_mask(Volume(data.astype(np.float32), GRID), USUAL) is None
    assert "litres of brain" in caplog.text


def test_a_mask_is_kept_for_the_next_export_for_its_owner_alone(head, found, tmp_path, monkeypatch):
    kept = PlacementOptions(work=tmp_path / "work")
    first = brain_mask(copied(head), kept)
    (path,) = (tmp_path / "work").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.stat().st_size < head.data.size / 8 + 4096
    monkeypatch.setattr(brain_extraction, "_network", lambda: pytest.fail("it is computed again"))
    second = brain_mask(copied(head), kept)
    for mask in (first, second):
        np.testing.assert_array_equal(mask.inside, found.inside)


def test_another_image_or_place_has_another_mask(head):
    moved = Grid(GRID.shape, GRID.affine + np.diag([0.1, 0, 0, 0]))
    keys = {brain_extraction._key(image) for image in (head, Volume(head.data, moved), Volume(head.data + 1, GRID))}
    assert len(keys) == 3


@pytest.mark.parametrize("damage", ["cut off", "of another shape", "a folder", "objects"])
def test_a_damaged_file_in_the_cache_is_computed_again(head, found, tmp_path, monkeypatch, caplog, damage):
    monkeypatch.setattr(brain_extraction, "_extracted", lambda image, threads: found.inside)
    path = tmp_path / f"brain-{brain_extraction._key(head)}.npy"
    brain_mask(copied(head), PlacementOptions(work=tmp_path))
    whole = path.read_bytes()
    path.unlink()
    if damage == "cut off":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "a folder":
        path.mkdir()
    else:
        odd = np.zeros(7, np.uint8) if damage == "of another shape" else np.array([{}], object)
        np.save(path, odd, allow_pickle=True)
    with caplog.at_level(logging.WARNING):
        again = brain_mask(copied(head), PlacementOptions(work=tmp_path))
    np.testing.assert_array_equal(again.inside, found.inside)
    assert "computed again" in caplog.text
    if damage != "a folder":
        assert path.read_bytes() == whole


def test_without_deepbet_there_is_no_mask(head, monkeypatch):
    monkeypatch.setattr(brain_extraction, "installed", lambda: None)
    assert brain_mask(copied(head), USUAL) is None


def test_a_damaged_installation_is_named(head, monkeypatch, tmp_path):
    import deepbet.bet

    monkeypatch.setattr(deepbet.bet, "DATA_PATH", str(tmp_path))
    with pytest.raises(InputError, match="deepbet is installed, but cannot be loaded") as caught:
        brain_mask(copied(head), USUAL)
    assert "pip install --force-reinstall deepbet" in caught.value.hint


def test_no_toolkit_for_windows_is_imported():
    code = (
        "import sys; from wbtools.placement import brain_extraction; assert 'torch' not in sys.modules; "
        "brain_extraction._network(); assert not {'tkinter', 'customtkinter'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_head_without_mask_is_shown_inside_deepbets_and_that_is_said(head, found):
    scan = with_mask(Scan(head))
    np.testing.assert_array_equal(scan.inside, found.inside)
    shown, (said,) = brain_only(scan, model.built_in().card)
    assert said == f"The skull was removed by deepbet {version('deepbet')} (Fisch et al. 2024)."
    assert (shown.data[~found.inside] == head.data.min()).all()
    litres = found.inside.sum() * GRID.voxel_volume / 1e6
    assert mask_record(scan) == {
        "mask": "the brain mask that deepbet made of this head",
        "litres": round(litres, 3),
        "deepbet": version("deepbet"),
    }


def test_the_outline_of_a_persons_own_segmentation_comes_first(head, truth):
    scan = with_mask(Scan(head), Volume(truth.astype(np.int32), GRID, Unit.LABEL))
    assert scan.mask_of == "segmentation" and "deepbet" not in mask_record(scan)


def test_a_brain_without_skull_has_no_record_of_a_mask(brain, truth):
    bare = Volume(np.where(truth, brain.data, 0).astype(np.float32), GRID)
    assert mask_record(Scan(bare, Volume(truth.astype(np.int32), GRID, Unit.LABEL))) == {}
