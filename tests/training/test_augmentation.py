"""Images changed at random: each change as it is defined, the same for the same seed."""

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform

from wbtools.training import augmentation
from wbtools.training.augmentation import RETRIEVAL, TWINS, Dice, Sometimes, augmented, flipped, ghosted, peppered
from wbtools.training.loop.feeding import Share


def images(count=3):
    return torch.rand(count, 1, 7, 9, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("changes", [TWINS, RETRIEVAL])
def test_the_same_seed_changes_images_the_same_and_another_otherwise(changes):
    found = [augmented(images(), changes, Dice(seed)) for seed in (5, 5, 6)]
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])
    assert torch.isfinite(found[0]).all() and found[0].shape == images().shape


def test_a_moved_image_is_that_of_scipy():
    angle = np.deg2rad(17)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    shift = np.array([0.5, -1.2, 0.3])
    image = images(1)
    found = augmentation._moved(image, torch.tensor(turn).float()[None], torch.tensor(shift).float()[None])
    centre = (np.array(image.shape[2:]) - 1) / 2
    expected = affine_transform(
        image[0, 0].numpy(), turn, centre - turn @ centre + shift, order=1, mode="grid-constant"
    )
    assert found[0, 0].numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("about", [0, 1, 2])
def test_planes_are_turned_as_scipy_turns_images_in_space(about):
    first, second, angle = (about + 1) % 3, (about + 2) % 3, np.deg2rad(-13)
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = np.cos(angle)
    turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
    image = images(2).repeat(1, 2, 1, 1, 1)
    image[:, 0] = 0
    found = augmentation._turned(image, torch.tensor([0.0, angle]).float(), about)
    centre = (np.array(image.shape[2:]) - 1) / 2
    expected = affine_transform(image[1, 1].numpy(), turn, centre - turn @ centre, order=1, mode="grid-constant")
    assert found[1, 1].numpy() == pytest.approx(expected, abs=1e-5)
    assert torch.allclose(found[0], image[0], atol=1e-6) and not found[:, 0].any()


def test_of_a_share_of_a_batch_the_same_images_are_changed_in_the_same_way():
    changes = (*TWINS, Sometimes(0.7, Sometimes(0.7, augmentation.noisy(0.1))))
    whole = augmented(images(6), changes, Dice(4))
    shared = [augmented(images(6)[own.own], changes, Dice(4, share=own)) for own in (Share(0, 2, 6), Share(2, 6, 6))]
    assert torch.equal(torch.cat(shared), whole)


def test_half_of_the_images_are_changed_by_what_happens_half_of_the_time():
    ones = torch.ones(2000, 1, 2, 2, 2)
    found = Sometimes(0.5, augmentation.gained(2, 2))(ones, Dice(0))
    assert 0.45 < float((found[:, 0, 0, 0, 0] == 2).float().mean()) < 0.55


def test_flips_are_along_all_three_axes():
    image = images(1).repeat(30, 1, 1, 1, 1)
    found = flipped(image, Dice(0))
    kinds = {next(axis for axis in (1, 2, 3) if torch.equal(each, image[0].flip(axis))) for each in found}
    assert kinds == {1, 2, 3}


def test_turns_are_about_all_axes_and_not_beyond_their_limit():
    found = [augmentation.turned(20.0)(images(), Dice(seed)) for seed in range(4)]
    assert all(not torch.equal(each, images()) for each in found)
    still = augmentation.turned(0.0)(images(), Dice(0))
    assert torch.allclose(still, images(), atol=1e-5)


def test_noise_is_a_share_of_the_images_range():
    flat = torch.zeros(400, 1, 6, 6, 6)
    flat[:, :, 0, 0, 0] = 1000.0
    spread = augmentation.noisy(0.02)(flat, Dice(2))[:, 0, 1:].std((1, 2, 3))
    assert float(spread.min()) > 0 and float(spread.max()) < 25 and 9 < float(spread.mean()) < 11


def test_salt_and_pepper_are_the_lowest_and_the_highest_value_of_the_image():
    image = images(1).repeat(1, 1, 10, 10, 10)
    found = peppered(0.01)(image, Dice(3))
    changed = found[found != image]
    assert 0.007 < len(changed) / image.numel() < 0.013
    assert {float(value) for value in changed} == {float(image.min()), float(image.max())}


def test_a_shaded_field_is_smooth_and_a_ghost_repeats_the_image():
    shade = augmentation.shaded(0.5)(torch.ones(4, 1, 20, 20, 20), Dice(1)).log()
    assert float(shade.diff(dim=2).abs().max()) < 1 and float(shade.abs().max()) > 0.1
    dot = torch.zeros(1, 1, 12, 12, 12)
    dot[0, 0, 3, 3, 3] = 1
    ghosts = ghosted(4)(dot, Dice(4))
    assert float(ghosts.sum()) == pytest.approx(1, abs=1e-5) and int((ghosts > 0).sum()) in range(2, 6)
