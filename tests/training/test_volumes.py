"""People whose regions vary in volume: what is answered is what their scans show, and it can be seen in one place."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wbtools.errors import InputError
from wbtools.training import volumes
from wbtools.training.planted import Head
from wbtools.training.volumes import ANATOMY, VaryingHeads, growth_fields, relative_volume

STILL = replace(ANATOMY, spacing=6, identity=0, per_scan=0, degrees=0, shift=0, gain=0, bias=0, noise=0)
REGION = 3


@pytest.fixture(scope="module")
def ball():
    """A brain of 20 x 22 x 20 voxels with a round region in its middle."""
    x, y, z = np.meshgrid(*(np.arange(n) - n / 2 + 0.5 for n in (20, 22, 20)), indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    labels = np.where(radius < 4, REGION, np.where(radius < 8, 1, 0)).astype(np.int32)
    template = np.where(labels == REGION, 1.0, 0.5).astype(np.float32) * (labels > 0)
    return Head(template, labels)


def test_growth_changes_the_volume_of_its_label_by_what_is_asked_and_of_no_other(ball):
    fields = growth_fields(ball.labels, np.array([0, 1, REGION]))
    divergence = sum(torch.gradient(fields[2, axis], dim=axis)[0] for axis in range(3)).numpy()
    x, y, z = np.meshgrid(*(np.arange(n) - n / 2 + 0.5 for n in ball.labels.shape), indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    # The rim is as wide as the difference that stands for a derivative.
    assert divergence[radius < 2].mean() == pytest.approx(1, abs=0.05)
    assert np.abs(divergence[(radius > 6) & (radius < 9)]).mean() < 0.05
    assert not fields[0].any()


def test_a_region_that_grows_is_larger_in_the_scan_and_in_the_answer(ball):
    draw = VaryingHeads([ball], STILL)
    people = draw.anatomies(2)
    people.growth[:] = 0
    people.growth[1, draw.keys.tolist().index(REGION)] = 0.3
    images, _ = draw.shown(people)
    found = relative_volume(draw.volumes(people), draw.keys, (REGION,)).exp()
    assert draw.volumes(people)[0, :-1].tolist() == pytest.approx(
        [(ball.labels == k).sum() for k in draw.keys], rel=1e-3
    )
    # The region is 1, the rest of the brain .5: a scan's sum tells the volumes that it shows.
    _, rest, region, _ = draw.volumes(people).T
    assert images.sum((1, 2, 3, 4)).tolist() == pytest.approx((region + rest / 2).tolist(), rel=1e-3)
    assert 1.15 < float(found[1] / found[0]) < 1.35


def test_other_regions_hardly_tell_a_regions_volume():
    """What a smooth deformation alone does not give: 80 to 99 % of the variance would be known from elsewhere."""
    from sklearn.linear_model import RidgeCV

    from wbtools.training.planted import mni_head

    head = mni_head(8.0)
    draw = VaryingHeads([head], seed=1)
    found = torch.cat([draw.volumes(draw.anatomies(50)) for _ in range(7)])
    target = relative_volume(found, draw.keys, (10, 49)).numpy()
    large = [k for k, key in enumerate(draw.keys) if key not in (0, 10, 49) and (head.labels == key).sum() >= 12]
    others = (found[:, large] / found[:, -1:]).log().numpy()
    fitted = RidgeCV(np.logspace(-2, 3, 6)).fit(others[:250], target[:250])
    told = np.corrcoef(fitted.predict(others[250:]), target[250:])[0, 1] ** 2
    assert told < 0.65  # .44 of 1,200 people on a grid of 6 mm
    assert 0.1 < target.std() < 0.25


def test_two_scans_of_a_person_have_the_same_anatomy(ball):
    draw = VaryingHeads([ball], replace(STILL, identity=0.8))
    people = draw.anatomies(2)
    first, second = draw.shown(people)[0], draw.shown(people)[0]
    assert torch.equal(first, second)
    assert (first[0] - first[1]).abs().max() > 0.1


def test_people_come_from_all_heads(ball):
    other = Head(0.5 * ball.template, ball.labels)
    draw = VaryingHeads([ball, other], STILL)
    assert set(draw.anatomies(40).heads.tolist()) == {0, 1}


def test_heads_on_two_grids_are_refused(ball):
    with pytest.raises(InputError, match="one grid"):
        VaryingHeads([ball, Head(ball.template[1:], ball.labels[1:])])


def test_the_region_whose_volume_varies_most_is_named():
    found = torch.tensor([[1.0, 1.0, 10.0], [1.1, 2.0, 10.0]])
    assert volumes.most_variable(found, np.array([4, 5]), [(4,), (5,)]) == (5,)
