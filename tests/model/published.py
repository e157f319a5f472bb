"""The published networks once more, in plain torch functions on a state dict, written from their descriptions alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

SHAPE = (1, -1, 1, 1, 1)

State = Mapping[str, Tensor]


def norm(state: State, name: str, x: Tensor) -> Tensor:
    """Batch norm in evaluation mode, from its definition."""
    mean, var, weight, bias = (
        state[f"{name}.{part}"].view(SHAPE) for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias


def attend(state: State, name: str, x: Tensor) -> Tensor:
    """Channel attention, then spatial attention, where the block has them."""
    if f"{name}.channel_attention.fc.0.weight" not in state:
        return x
    down, up = (state[f"{name}.channel_attention.fc.{i}.weight"] for i in (0, 2))
    mean = torch.relu(x.mean((2, 3, 4)) @ down.T) @ up.T
    largest = torch.relu(x.amax((2, 3, 4)) @ down.T) @ up.T
    x = x * torch.sigmoid(mean + largest)[:, :, None, None, None]
    return x * torch.sigmoid(functional.conv3d(x, state[f"{name}.spatial_attention.conv.weight"]))


def embed(state: State, features: Tensor) -> Tensor:
    """The head of system S1; its two batch norms are never used."""
    hidden = torch.relu(features.mean((2, 3, 4)) @ state["fc1.weight"].T + state["fc1.bias"])
    raw = hidden @ state["fc2.weight"].T + state["fc2.bias"]
    length: Tensor = raw.norm(dim=1, keepdim=True)
    return raw / length


def stem(state: State, conv: str, bn: str, x: Tensor) -> Tensor:
    x = functional.conv3d(x, state[f"{conv}.weight"], stride=(1, 2, 2), padding=3)
    return functional.max_pool3d(torch.relu(norm(state, bn, x)), 3, 2, 1)


def resnet(state: State, x: Tensor) -> Tensor:
    """The embedding of a ResNet of system S1."""
    conv = functional.conv3d
    x = stem(state, "conv1", "bn1", x)
    for layer, stride, dilation in ((1, 1, 1), (2, 2, 1), (3, 1, 2), (4, 1, 4)):
        dilated = partial(conv, padding=dilation, dilation=dilation)
        i = 0
        while (name := f"layer{layer}.{i}") + ".conv1.weight" in state:
            step = stride if i == 0 else 1
            weights = [state[f"{name}.conv{n}.weight"] for n in (1, 2, 3) if f"{name}.conv{n}.weight" in state]
            if len(weights) == 3:
                y = torch.relu(norm(state, f"{name}.bn1", conv(x, weights[0])))
                y = torch.relu(norm(state, f"{name}.bn2", dilated(y, weights[1], stride=step)))
                y = norm(state, f"{name}.bn3", conv(y, weights[2]))
            else:
                y = torch.relu(norm(state, f"{name}.bn1", dilated(x, weights[0], stride=step)))
                y = norm(state, f"{name}.bn2", dilated(y, weights[1]))
            if f"{name}.downsample.0.weight" in state:
                x = norm(state, f"{name}.downsample.1", conv(x, state[f"{name}.downsample.0.weight"], stride=step))
            x = torch.relu(attend(state, name, y) + x)
            i += 1
    return embed(state, x)


def densenet(state: State, x: Tensor) -> Tensor:
    """The embedding of a DenseNet of system S1: attention twice, transitions pool last."""
    conv = functional.conv3d
    x = stem(state, "features.conv1", "features.norm1", x)
    block = 1
    while (name := f"features.denseblock{block}") + ".denselayer1.conv1.weight" in state:
        layer = 1
        while (part := f"{name}.denselayer{layer}") + ".conv1.weight" in state:
            y = conv(torch.relu(norm(state, f"{part}.norm1", x)), state[f"{part}.conv1.weight"])
            y = conv(torch.relu(norm(state, f"{part}.norm2", y)), state[f"{part}.conv2.weight"], padding=1)
            x = torch.cat([x, y], 1)
            layer += 1
        x = attend(state, name, attend(state, name, x))
        if (part := f"features.transition{block}") + ".conv.weight" in state:
            x = conv(torch.relu(norm(state, f"{part}.norm", x)), state[f"{part}.conv.weight"])
            x = functional.avg_pool3d(x, 2, 2)
        block += 1
    return embed(state, torch.relu(norm(state, "features.norm5", x)))


def mrinet(state: State, x: Tensor) -> Tensor:
    """The logits of system S3's network, in either form of its names."""
    named = [(f"hidden{n}.0", f"hidden{n}.1") for n in (1, 2, 3)]
    twin = [(f"features.{n}", f"features.{n + 1}") for n in (0, 4, 8)]
    for conv, bn in twin if "features.0.weight" in state else named:
        x = functional.conv3d(x, state[f"{conv}.weight"], state[f"{conv}.bias"])
        x = functional.max_pool3d(torch.relu(norm(state, bn, x)), 2)
    (last,) = (key for key, value in state.items() if value.ndim == 2)
    return x.flatten(1) @ state[last].T + state[last.replace("weight", "bias")]


def ad3dcnn(state: State, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Codes and logits of system S5's network, whose stages pool before their last ReLU."""
    for first in range(0, 35, 7):
        for place in (first, first + 3):
            name = f"feature_extractor.{place}"
            x = functional.conv3d(x, state[f"{name}.weight"], state[f"{name}.bias"])
            x = norm(state, f"feature_extractor.{place + 1}", x)
            x = torch.relu(x if place == first else functional.max_pool3d(x, 2, 2))
    features = x.flatten(1)
    codes = torch.tanh(features @ state["codes3.0.weight"].T + state["codes3.0.bias"])
    logits = features @ state["classifier3.1.weight"].T + state["classifier3.1.bias"]
    return codes, logits, torch.tanh(codes @ state["codes_classifier3.0.weight"].T + state["codes_classifier3.0.bias"])
