"""Networks of other makers, rewritten so that relevance can pass: each step a module of its own, nothing in place.

torchvision's networks share one ReLU between several places, work in place, and add and multiply inside `forward`,
where no hook sees it. Here they are followed once, symbolically, and put together again from the same layers under the
same names, with an `Add` or `Gate` for every sum and product.
"""

from __future__ import annotations

import operator
from collections import Counter
from copy import deepcopy

from torch import fx, nn

from wbtools.model.junctions import Add, Gate

_SUMS = (operator.add, operator.iadd)
_PRODUCTS = (operator.mul, operator.imul)
_COEFFICIENTS = (nn.Sigmoid, nn.Hardsigmoid, nn.Softmax)
"""Modules whose output scales a signal, and is not a signal itself."""

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def separated(network: nn.Module) -> fx.GraphModule:
    """The same network in evaluation mode, each step a module of its own.

    Parameters
    ----------
    network : Module
        Of torch's own layers, without decisions by value. It is put into evaluation mode.

    Returns
    -------
    GraphModule
        With the network's own parameters, under its names.

    Examples
    --------
    >>> relu = nn.ReLU(inplace=True)
    >>> [name for name, _ in separated(nn.Sequential(relu, nn.Flatten(), relu)).named_children()]
    ['0', '1', '0_2']
    """
    from torchvision.ops import StochasticDepth

    for name, module in list(network.eval().named_modules()):
        if isinstance(module, StochasticDepth):  # does nothing outside training
            network.set_submodule(name, nn.Identity())
        elif hasattr(module, "inplace"):
            module.inplace = False
    steps = fx.GraphModule(network, fx.Tracer().trace(network))
    calls: Counter[str] = Counter()
    for node in steps.graph.nodes:
        if node.op == "call_module":
            _give_own_module(steps, node, calls)
        elif node.op == "call_function" and len(node.all_input_nodes) == 2:
            _give_junction(steps, node, calls)
    steps.recompile()
    return steps.eval()


def _give_own_module(steps: fx.GraphModule, node: fx.Node, calls: Counter[str]) -> None:
    """Let a step that calls a module once more call a copy of it, if the module holds no parameters."""
    name = str(node.target)
    calls[name] += 1
    module = steps.get_submodule(name)
    if calls[name] > 1 and not list(module.parameters()):
        node.target = f"{name}_{calls[name]}"
        steps.add_submodule(node.target, deepcopy(module))


def _give_junction(steps: fx.GraphModule, node: fx.Node, calls: Counter[str]) -> None:
    """Let a step that is a sum or a product call a module."""
    if node.target in _SUMS:
        module: nn.Module = Add()
    elif node.target in _PRODUCTS:
        module = Gate()
        if makes_coefficients(steps, node.all_input_nodes[0]):
            node.args = node.args[::-1]
    else:
        return
    name = type(module).__name__.lower()
    calls[name] += 1
    node.op, node.target = "call_module", f"{name}_{calls[name]}"
    steps.add_submodule(node.target, module)


def makes_coefficients(steps: nn.Module, node: fx.Node) -> bool:
    """Whether a step of a network puts out coefficients in (0, 1), which scale a signal."""
    return node.op == "call_module" and isinstance(steps.get_submodule(str(node.target)), _COEFFICIENTS)


def norms_after_convolutions(steps: nn.Module) -> list[tuple[str, str]]:
    """Names of (convolution, batch norm) where the norm takes the convolution's output, and nothing else does."""
    pairs: list[tuple[str, str]] = []
    assert isinstance(steps, fx.GraphModule)  # made by `separated`
    for node in steps.graph.nodes:
        before = node.all_input_nodes[0] if node.op == "call_module" else None
        if before is None or before.op != "call_module" or len(before.users) != 1:
            continue
        names = str(before.target), str(node.target)
        kinds = zip(names, (_CONVOLUTIONS, _NORMS), strict=True)
        if all(isinstance(steps.get_submodule(name), kind) for name, kind in kinds):
            pairs.append(names)
    return pairs
