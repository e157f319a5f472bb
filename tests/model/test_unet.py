"""The U-Net encoder equals the published architecture, written once more here in plain torch functions."""

import pytest
import torch
from random_networks import random_unet
from torch.nn import functional

from wbtools.model.families.unet import UNet, UNetArchitecture

LAYOUTS = [
    UNetArchitecture((16, 32, 64, 64)),
    UNetArchitecture((16, 32, 64, 64), block="double"),
    UNetArchitecture((16, 32), attention=(0,), embedding=7, hidden=14),
    UNetArchitecture((16, 16, 32, 32, 48), attention=()),
]


def _scaled(state, name, x):
    """Batch norm in evaluation mode, from its definition."""
    shape = (1, -1, 1, 1, 1)
    mean, var = state[f"{name}.running_mean"].view(shape), state[f"{name}.running_var"].view(shape)
    return (x - mean) / torch.sqrt(var + 1e-5) * state[f"{name}.weight"].view(shape) + state[f"{name}.bias"].view(shape)


def _attended(state, name, x):
    if f"{name}.channel_attention.fc.0.weight" not in state:
        return x
    down, up = state[f"{name}.channel_attention.fc.0.weight"], state[f"{name}.channel_attention.fc.2.weight"]
    summed = sum(torch.relu(v @ down.T) @ up.T for v in (x.mean((2, 3, 4)), x.amax((2, 3, 4))))
    x = x * torch.sigmoid(summed)[:, :, None, None, None]
    return x * torch.sigmoid(functional.conv3d(x, state[f"{name}.spatial_attention.conv.weight"]))


def published_forward(state, x):
    """The raw embedding and the embedding, as the published code computes them."""
    conv = functional.conv3d
    x = torch.relu(_scaled(state, "bn1", conv(x, state["conv1.weight"], padding=3)))
    x = functional.max_pool3d(x, 3, 2, 1)
    i = 0
    while any(key.startswith(f"encoders.{i}.") for key in state):
        name = f"encoders.{i}.block"
        if i in (1, 2):
            x = functional.max_pool3d(x, 2, 2)
        if f"{name}.conv1.conv.weight" in state:
            for part in ("conv1", "conv2"):
                x = conv(x, state[f"{name}.{part}.conv.weight"], padding=1)
                x = _attended(state, f"{name}.{part}", torch.relu(_scaled(state, f"{name}.{part}.bn", x)))
        else:
            y = torch.relu(_scaled(state, f"{name}.bn1", conv(x, state[f"{name}.conv1.weight"], padding=1)))
            y = _scaled(state, f"{name}.bn2", conv(y, state[f"{name}.conv2.weight"], padding=1))
            if f"{name}.downsample.0.weight" in state:
                x = _scaled(state, f"{name}.downsample.1", conv(x, state[f"{name}.downsample.0.weight"]))
            x = torch.relu(_attended(state, name, y) + x)
        i += 1
    hidden = torch.relu(x.mean((2, 3, 4)) @ state["fc1.weight"].T + state["fc1.bias"])
    raw = hidden @ state["fc2.weight"].T + state["fc2.bias"]
    return raw, raw / raw.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_embedding_equals_the_published_networks(layout):
    network = random_unet(layout)
    x = torch.rand(2, 1, 24, 20, 22)
    with torch.no_grad():
        raw, embedding = published_forward(network.state_dict(), x)
        # float32 sums in another order: 1e-5 of values of order 1
        torch.testing.assert_close(network.raw(x), raw, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(network(x), embedding, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "layout",
    [
        *LAYOUTS,
        UNetArchitecture((32, 64, 128, 256)),
        UNetArchitecture((64, 128, 256, 512), block="double"),
        UNetArchitecture((64, 128, 256, 512, 1024), attention=(1, 3)),
    ],
)
def test_layout_is_read_back_from_names_and_shapes(layout):
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in UNet(layout).state_dict().items()}
    assert UNetArchitecture.of(shapes) == layout


def test_published_setting_has_the_published_size_and_names():
    with torch.device("meta"):
        network = UNet(UNetArchitecture())
    assert sum(p.numel() for p in network.parameters()) == 3_706_464
    names = set(network.state_dict())
    assert {
        "encoders.3.block.channel_attention.fc.2.weight",
        "encoders.1.block.spatial_attention.conv.weight",
        "encoders.2.block.downsample.1.running_var",
        "bn_fc1.weight",
        "bn_fc2.running_mean",
    } <= names
    assert "encoders.0.block.spatial_attention.conv.weight" not in names
    assert "encoders.0.block.downsample.0.weight" not in names


def test_no_module_is_called_twice_and_no_input_is_overwritten():
    network = random_unet(UNetArchitecture((16, 16, 32)))
    calls, inputs = [], []
    for name, module in network.named_modules():
        if not list(module.children()):

            def note(module, given, name=name):
                calls.append(name)
                inputs.append((given[0], given[0].clone()))

            module.register_forward_pre_hook(note)
    with torch.no_grad():
        network(torch.rand(1, 1, 16, 16, 16))
    assert len(calls) == len(set(calls))
    assert all(torch.equal(now, then) for now, then in inputs)
