"""The modules of a network in the order in which they are computed, read from the network itself by tracing."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import fx, nn

from wbtools.attribution.engine.planes import OneRow, in_planes
from wbtools.errors import InputError
from wbtools.model.convolution import Conv3d, triple
from wbtools.model.family import Network
from wbtools.model.junctions import Add, ChannelAttention, Gate, SpatialAttention
from wbtools.model.pictures import Abreast, PerImage, Pictures, SideBySide, Together

M = TypeVar("M", bound=nn.Module)

_WHOLE = (
    *(Conv3d, Add, Gate, ChannelAttention, SpatialAttention),
    *(Pictures, SideBySide, Abreast, Together, PerImage),
)
"""Modules of wbtools that are one step, whatever they do inside."""


class NoRelevanceRule(InputError):
    """A layer that relevance cannot pass.

    Parameters
    ----------
    what : str
        Its kind and name.

    Examples
    --------
    >>> str(NoRelevanceRule.of("fc", nn.GELU()))
    'there is no relevance rule for the layer fc (GELU)'
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            f"there is no relevance rule for {what}", hint="choose another --method, such as integrated-gradients"
        )

    @classmethod
    def of(cls, name: str, module: nn.Module | None, kind: str = "layer") -> NoRelevanceRule:
        """The error for a layer of this name."""
        return cls(f"the {kind} {name} ({type(module).__name__})")


class Concatenation(nn.Module):
    """Stands for `torch.cat` along the channels."""


@dataclass(frozen=True, eq=False)
class Step:
    """One module at one place of the computation.

    Parameters
    ----------
    name : str
        The module's name in the network; "image", "concatenation", "add" or "gate" where there is no module.
    module : nn.Module or None
        None for the image. Layers of pictures are given as layers of volumes (`planes`).
    inputs : tuple of int
        The steps it takes its inputs from.
    norm : BatchNorm3d, optional
        The batch norm that follows the module directly, and becomes part of it.
    pool : MaxPool3d, optional
        The maximum pool that alone sees the module's output, after a ReLU, and becomes part of it with the ReLU.
    """

    name: str
    module: nn.Module | None
    inputs: tuple[int, ...]
    norm: nn.BatchNorm3d | None = None
    pool: nn.MaxPool3d | None = None


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
    >>> from wbtools.model.families.unet import UNetArchitecture, UNet
    >>> [step.name for step in steps(UNet(UNetArchitecture((8, 8), attention=())))][:3]
    ['image', 'conv1', 'encoders.0.pooling']
    """
    try:
        nodes = list(_Tracer(output).trace(network).nodes)
    except fx.proxy.TraceError as error:
        raise _unknown(network, str(error).splitlines()[0]) from None
    modules = _modules(network, nodes)
    found: list[Step] = []
    place: dict[fx.Node, int] = {}
    for node in nodes:
        if node.op == "output":
            break
        if node in place:
            continue  # part of an earlier step
        name, module = modules[node]
        sources = node.all_input_nodes[: 1 if isinstance(module, OneRow) else None]  # how many images: one
        inputs = tuple(place[source] for source in sources)
        parts = _followers(modules, node) if isinstance(module, nn.Conv3d) else {}
        place |= dict.fromkeys((node, *parts), len(found))
        found.append(Step(name, module, inputs, _of(parts, nn.BatchNorm3d), _of(parts, nn.MaxPool3d)))
    return tuple(found)


Modules = Mapping[fx.Node, tuple[str, nn.Module | None]]
"""Names and modules of the nodes of a network."""


def _modules(network: Network, nodes: Sequence[fx.Node]) -> Modules:
    """What every node stands for; of a network that takes pictures from the image, in planes."""
    found = {node: _module(network, node) for node in nodes if node.op != "output"}
    if not any(isinstance(module, Pictures) for _, module in found.values()):
        return found
    return {node: (name, in_planes(module)) for node, (name, module) in found.items()}


def _module(network: Network, node: fx.Node) -> tuple[str, nn.Module | None]:
    if node.op == "placeholder":
        return "image", None
    if node.op == "call_module":
        return str(node.target), network.get_submodule(str(node.target))
    if node.target is torch.cat and (node.args[1:] or (node.kwargs.get("dim"),)) == (1,):
        return "concatenation", Concatenation()
    known: dict[Any, Callable[[], nn.Module]] = {operator.add: Add, operator.mul: Gate, torch.add: Add}
    if node.target in known and len(node.all_input_nodes) == 2:
        module = known[node.target]()
        return type(module).__name__.lower(), module
    raise _unknown(network, f"'{node.name}' is computed outside any module")


def _followers(modules: Modules, convolution: fx.Node) -> dict[fx.Node, nn.Module]:
    """What can become part of a convolution, because each alone takes what the one before puts out.

    That is a batch norm, and a ReLU with a maximum pool after it.
    """
    norm, relu, pool = nn.BatchNorm3d, nn.ReLU, nn.MaxPool3d
    found: dict[fx.Node, nn.Module] = {}
    for kinds in ((norm,), (relu, pool)):
        node, chain = list(found)[-1] if found else convolution, {}
        for kind in kinds:
            users = list(node.users)
            if len(users) != 1 or users[0].op != "call_module":
                break
            node, (_, module) = users[0], modules[users[0]]
            if not isinstance(module, kind) or (isinstance(module, pool) and not _simple(module)):
                break
            chain[node] = module
        if len(chain) == len(kinds):
            found |= chain
    return found


def _simple(pool: nn.MaxPool3d) -> bool:
    return not pool.ceil_mode and triple(pool.dilation) == (1, 1, 1)


def _of(parts: dict[fx.Node, nn.Module], kind: type[M]) -> M | None:
    return next((module for module in parts.values() if isinstance(module, kind)), None)


def _unknown(network: Network, why: str) -> InputError:
    return InputError(
        f"{type(network).__name__} cannot be followed step by step: {why}", hint="choose another --method, such as lrp"
    )
