"""Convolutions by oneDNN are torch's own, forwards and backwards, and networks can still be exported."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from wbtools.model.convolution import Conv3d, convolved, neglected


@pytest.mark.parametrize("geometry", [(1, 0, 1), (1, 1, 1), (2, 3, 1), (1, 2, 2)])
@pytest.mark.parametrize("count", [1, 2])
def test_it_is_torchs_convolution(count, geometry):
    torch.manual_seed(0)
    stride, padding, dilation = ((number,) * 3 for number in geometry)
    layer = Conv3d(3, 5, 3, stride, padding, dilation)
    theirs = nn.Conv3d(3, 5, 3, stride, padding, dilation)
    theirs.load_state_dict(layer.state_dict())
    ours_in = torch.randn(count, 3, 9, 11, 10, requires_grad=True)
    their_in = ours_in.detach().clone().requires_grad_()
    ours, expected = layer(ours_in), theirs(their_in)
    # float32 sums of 81 products in another order
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(ours)
    (ours * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours_in.grad, their_in.grad, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(layer.weight.grad, theirs.weight.grad, rtol=1e-4, atol=1e-4)


def test_only_single_small_images_are_taken_from_torch():
    image = torch.zeros(1, 4, 20, 20, 20)
    assert neglected(image)
    assert not neglected(image.expand(2, -1, -1, -1, -1))
    assert not neglected(image.double())
    assert not neglected(torch.zeros(1, 64, 20, 20, 2))


def test_views_of_memory_in_another_order_are_taken():
    x = torch.randn(1, 6, 7, 8, 9).transpose(2, 4)
    kernel = torch.randn(2, 6, 3, 3, 3).flip(2)
    torch.testing.assert_close(convolved(x, kernel), functional.conv3d(x, kernel), rtol=1e-5, atol=1e-5)


def test_a_network_with_it_is_exported_for_every_machine():
    exported = torch.export.export(Conv3d(1, 2, 3), (torch.zeros(1, 1, 5, 5, 5),))
    called = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert called == {"aten.conv3d.default"}
