"""The modules of a network in the order in which they are computed, read from the network itself by tracing."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from wbtools.errors import InputError
from wbtools.model.family import Network
from wbtools.model.junctions import Add, ChannelAttention, Gate, SpatialAttention

_WHOLE = (Add, Gate, ChannelAttention, SpatialAttention)
"""Modules of wbtools that are one step, whatever they do inside."""


class Concatenation(nn.Module):
    """Stands for `torch.cat` along the channels."""


@dataclass(frozen=True, eq=False)
class Step:
    """One module at one place of the computation.

    Parameters
    ----------
    name : str
        The module's name in the network; empty for a concatenation and for the image.
    module : nn.Module or None
        None for the image.
    inputs : tuple of int
        The steps it takes its inputs from.
    norm : BatchNorm3d, optional
        The batch norm that follows the module directly, and becomes part of it.
    """

    name: str
    module: nn.Module | None
    inputs: tuple[int, ...]
    norm: nn.BatchNorm3d | None = None


class _Tracer(fx.Tracer):
    def __init__(self, output: str) -> None:
        super().__init__()
        self.traced_func_name = output

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, _WHOLE) or super().is_leaf_module(m, module_qualified_name)


def steps(network: Network, output: str = "raw") -> tuple[Step, ...]:
    """The steps from the image, which is the first, to the output, which is the last.

    Parameters
    ----------
    network : Network
    output : str
        The network's method that is followed.

    Raises
    ------
    InputError
        If the network decides on its way by values, or does something outside a module that is no concatenation.

    Examples
    --------
    >>> from wbtools.model.unet import Layout, UNet
    >>> [step.name for step in steps(UNet(Layout((8, 8), attention=())))][:4]
    ['', 'conv1', 'relu', 'maxpool']
    """
    try:
        nodes = list(_Tracer(output).trace(network).nodes)
    except fx.proxy.TraceError as error:
        raise _unknown(network, str(error).splitlines()[0]) from None
    found: list[Step] = []
    place: dict[fx.Node, int] = {}
    for node in nodes:
        if node.op == "output":
            break
        if before := _merging(network, node):
            step = found[place[before]]
            norm = network.get_submodule(str(node.target))
            found[place[before]] = Step(step.name, step.module, step.inputs, norm)  # type: ignore[arg-type]
            place[node] = place[before]
            continue
        inputs = tuple(place[source] for source in node.all_input_nodes)
        name, module = _module(network, node)
        place[node] = len(found)
        found.append(Step(name, module, inputs))
    return tuple(found)


def _module(network: Network, node: fx.Node) -> tuple[str, nn.Module | None]:
    if node.op == "placeholder":
        return "", None
    if node.op == "call_module":
        return str(node.target), network.get_submodule(str(node.target))
    if node.target is torch.cat and (node.args[1:] or (node.kwargs.get("dim"),)) == (1,):
        return "", Concatenation()
    known: dict[Any, Callable[[], nn.Module]] = {operator.add: Add, operator.mul: Gate, torch.add: Add}
    if node.target in known and len(node.all_input_nodes) == 2:
        return "", known[node.target]()
    raise _unknown(network, f"'{node.name}' is computed outside any module")


def _merging(network: Network, node: fx.Node) -> fx.Node | None:
    """The convolution that a batch norm can become part of, because nothing else takes what it puts out."""
    if node.op != "call_module" or not isinstance(network.get_submodule(str(node.target)), nn.BatchNorm3d):
        return None
    before = node.all_input_nodes[0]
    if before.op != "call_module" or len(before.users) != 1:
        return None
    return before if isinstance(network.get_submodule(str(before.target)), nn.Conv3d) else None


def _unknown(network: Network, why: str) -> InputError:
    return InputError(
        f"{type(network).__name__} cannot be followed step by step: {why}", mend="choose another --method, such as lrp"
    )
