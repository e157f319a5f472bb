"""People with lesions: dark spots inside one lobe each, which stay with the person."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wbtools.training.lesions import LESIONED, LOBES, LesionedHeads
from wbtools.training.planted import Head

STILL = replace(LESIONED, spacing=8, identity=0, per_scan=0, degrees=0, shift=0, gain=0, bias=0, noise=0)
FRONTAL, DEEP = LOBES["frontal lobe"][0], LOBES["deep grey matter"][0]


@pytest.fixture(scope="module")
def block():
    """A brain of two halves, one of the frontal lobe, one deep."""
    template = np.zeros((16, 18, 16), np.float32)
    template[2:14, 2:16, 2:14] = 0.8
    template[8, 9, 8] = 1.0
    labels = np.where(template > 0, FRONTAL, 0).astype(np.int32)
    labels[2:14, 9:16, 2:14] = DEEP
    labels[8, 9, 8] = 0  # no lesion changes the maximum, which intensities are brought to
    return Head(template, labels)


@pytest.fixture(scope="module")
def draw(block):
    made = LesionedHeads([block], STILL, seed=4)
    made._growths.zero_()  # people differ in their lesions only
    return made


def test_lesions_are_dark_and_lie_in_the_lobes_that_are_said_to_have_some(draw, block):
    people = draw.patients(30)
    assert people.present.any(0).tolist() == [bool(np.isin(block.labels, keys).any()) for keys in LOBES.values()]
    images, origins, spots = draw.examined(people)
    labels = draw.labels(people.anatomies, origins)
    for column, keys in enumerate(LOBES.values()):
        inside = torch.isin(labels, torch.tensor(keys))
        assert torch.equal((spots & inside).any(-1).any(-1).any(-1), people.present[:, column])
    assert (
        images[:, 0][spots].max() <= 0.8 * (1 - 0.5 * 0.5) + 1e-4
    )  # half the least darkening makes a voxel one of a lesion
    untouched = draw.examined(replace(people, darkening=torch.zeros_like(people.darkening)))[0]
    apart = people.darkening[:, 0] == 0
    assert torch.allclose(images[:, 0][apart], untouched[:, 0][apart], atol=1e-5)


def test_lesions_stay_with_the_person_and_differ_between_people(draw):
    people = draw.patients(6)
    first, second = draw.examined(people)[2], draw.examined(people)[2]
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


def test_presence_in_one_lobe_says_nothing_about_another(draw):
    present = torch.cat([draw.patients(50).present for _ in range(8)]).double()
    present = present[:, present.any(0)]
    assert present.shape[1] == 2
    # 400 people: the correlation of independent columns has a standard deviation of .05, a share one of .025
    assert abs(float(torch.corrcoef(present.T)[0, 1])) < 0.2
    assert present.mean(0).numpy() == pytest.approx(0.5, abs=0.1)
