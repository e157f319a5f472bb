"""Convolutions confined to where anything changes: what torch's convolution gives, and autograd's way back."""

import pytest
import torch
from torch.nn import functional

from wbtools.attribution.engine.confined import Confined, confined
from wbtools.attribution.engine.linear import Convolution, Dense
from wbtools.attribution.engine.signal import box

SIZES = (9, 12, 11)
BOXES = {
    "inside": ((3, 5), (4, 7), (2, 6)),
    "at one end": ((0, 2), (0, 11), (7, 10)),
    "one voxel": ((8, 8), (5, 5), (0, 0)),
    "between strides": ((1, 1), (1, 1), (1, 1)),
}
KERNELS = [
    ((1, 1, 1), 1, 1),
    ((1, 1, 1), 2, 1),
    ((1, 3, 3), 1, 1),
    ((3, 3, 3), 2, 1),
    ((3, 3, 2), 3, 1),
    ((2, 3, 3), 1, 2),
]


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), KERNELS)
@pytest.mark.parametrize("name", BOXES)
def test_it_gives_what_the_whole_convolution_gives_and_into_the_box_what_its_adjoint_gives(
    name, kernel, stride, dilation, groups
):
    torch.manual_seed(0)
    here = (..., *(slice(first, last + 1) for first, last in BOXES[name]))
    change, weight = torch.zeros(1, 4, *SIZES).double(), torch.randn(6, 4 // groups, *kernel).double()
    change[here] = torch.randn(change[here].shape).double()
    geometry = ((stride,) * 3, tuple(size // 2 for size in kernel), (dilation,) * 3)
    found = confined(Convolution(weight, *geometry, groups=groups), change)
    assert isinstance(found, Confined)

    watched = torch.cat((change, 2 * change)).requires_grad_()
    expected = functional.conv3d(watched, weight, None, *geometry, groups)
    torch.testing.assert_close(found(watched.detach()), expected)
    sent = torch.randn_like(expected)
    (back,) = torch.autograd.grad(expected, watched, sent)
    returned = found.adjoint(sent, (4, *SIZES))
    torch.testing.assert_close(returned[here], back[here])
    returned[here] = 0
    assert not returned.any()


def test_what_changes_nearly_everywhere_or_is_no_convolution_is_left_as_it_is():
    convolution, whole = (
        Convolution(torch.randn(2, 1, 3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1)),
        torch.ones(1, 1, *SIZES),
    )
    assert confined(convolution, whole) is convolution
    assert confined(convolution, torch.zeros_like(whole)) is convolution
    dense = Dense(torch.randn(2, 3))
    assert confined(dense, torch.ones(1, 3)) is dense


def test_the_box_holds_every_change_and_there_is_none_around_nothing():
    change = torch.zeros(1, 3, *SIZES)
    assert box(change) is None and box(change[:, :, :0]) is None
    change[0, 2, 4, 5, 6], change[0, 0, 1, 7, 6] = -1e-40, torch.nan
    assert box(change) == ((1, 4), (5, 7), (6, 6))
