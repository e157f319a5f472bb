"""Convolutions with fewer multiplications are torch's own, in float64, to rounding; others are left to the library."""

import pytest
import torch
from torch.nn import functional

from wbtools.attribution.runtime import winograd
from wbtools.model import convolution
from wbtools.model.convolution import Geometry

NEAR = 1e-5
"""Of the highest value: five times the worst of a thousand draws, from rounding sums of some hundred products."""


@pytest.mark.parametrize("size", [(10, 13, 10), (11, 10, 12), (12, 11, 10), (13, 9, 11)])
@pytest.mark.parametrize("padding", [(0, 0, 0), (1, 1, 1), (2, 0, 1)])
@pytest.mark.parametrize(("kernel", "count"), [((3, 3, 3), 1), ((3, 2, 3), 3)])
def test_it_is_torchs_convolution(size, padding, kernel, count, monkeypatch):
    torch.manual_seed(0)
    asked = []
    library = convolution.convolved
    monkeypatch.setattr(convolution, "convolved", lambda *given: asked.append(given[3].groups) or library(*given))
    x, weights = torch.randn(count, 24, *size), torch.randn(40, 24, *kernel)
    found = winograd.convolved(x, weights, Geometry(padding=padding))
    expected = functional.conv3d(x.double(), weights.double(), None, 1, padding)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=NEAR * float(expected.abs().max()))
    assert asked == [6]  # six convolutions of planes in one


@pytest.mark.parametrize(
    ("inputs", "outputs", "kernel", "geometry"),
    [
        (8, 40, (3, 3, 3), Geometry()),
        (24, 8, (3, 3, 3), Geometry()),
        (24, 24, (5, 3, 3), Geometry()),
        (24, 24, (3, 1, 1), Geometry()),
        (24, 24, (3, 3, 3), Geometry(stride=(2, 2, 2))),
        (24, 24, (3, 3, 3), Geometry(padding=(7, 1, 1))),
        (24, 24, (3, 3, 3), Geometry(dilation=(2, 2, 2))),
        (48, 48, (3, 3, 3), Geometry(groups=2)),
    ],
)
def test_what_it_is_not_made_for_is_left_to_the_library(inputs, outputs, kernel, geometry):
    torch.manual_seed(0)
    x, weights = torch.randn(1, inputs, 11, 12, 10), torch.randn(outputs, inputs // geometry.groups, *kernel)
    expected = convolution.convolved(x, weights, None, geometry)
    assert torch.equal(winograd.convolved(x, weights, geometry), expected)


def test_nothing_stays_nothing():
    assert not winograd.convolved(torch.zeros(1, 24, 12, 12, 12), torch.randn(24, 24, 3, 3, 3)).any()
