"""Networks that have learned nothing: those that a map is compared with.

A network of the same architecture is initialised anew, as its family does it, and its batch norms are given the
statistics of the very image that is explained. Nothing of the trained network is left but its shape, so that one set of
randomised networks serves every checkpoint of the family.

Reference: Adebayo et al. 2018, "Sanity checks for saliency maps" (whole and cascading randomisation).
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from wbtools.attribution.engine import settling
from wbtools.model import Model, known_families
from wbtools.model.family import Network


def randomised(model: Model, images: Tensor, seed: int) -> Network:
    """A network of the same architecture that has learned nothing.

    Parameters
    ----------
    model : Model
    images : Tensor, (N, 1, X, Y, Z)
        What its batch norms are fitted to: the image that is explained, and the reference if there is one.
    seed : int
        The same seed gives the same network; torch's own generator is left as it was.

    Returns
    -------
    Network
        In evaluation mode, without gradients for its parameters.
    """
    network = untrained(model, seed)
    settle(network, images, network.modules())
    return network


def untrained(model: Model, seed: int) -> Network:
    """`randomised`, before its batch norms are fitted."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _initialised(model)
    return network.eval().requires_grad_(False)


def cascade(model: Model, images: Tensor, seed: int, steps: int = 8) -> Iterator[tuple[str, Network]]:
    """The network with more and more of its layers randomised, the last layers first.

    Parameters
    ----------
    model : Model
    images, seed
        As for `randomised`.
    steps : int
        So many networks at most; layers are randomised in groups of equal number.

    Yields
    ------
    str
        The first layer, counted from the image, that is randomised.
    Network
        One at a time exists; all its layers are randomised in the last one.
    """
    other = dict(randomised(model, images, seed).named_modules())
    layers = [name for name, module in model.network.named_modules() if _own(module) and name in other]
    for step in range(1, min(steps, len(layers)) + 1):
        first = len(layers) - round(len(layers) * step / min(steps, len(layers)))
        network = deepcopy(model.network)
        changed = [(network.get_submodule(name), other[name]) for name in layers[first:]]
        for module, new in changed:
            for tensor, value in zip(_own(module), _own(new), strict=True):
                tensor.copy_(value)
        settle(network, images, (module for module, _ in changed))
        yield layers[first], network


def settle(network: Network, images: Tensor, modules: Iterator[nn.Module], answer: str = "forward") -> Tensor | None:
    """Give batch norms the mean and variance of what reaches them when the network is shown images.

    Each is changed just before it is used, so that one pass is enough. One that is reached by a single value per
    channel is left as it is.

    Parameters
    ----------
    network : Network
        Changed in place.
    images : Tensor, (N, 1, X, Y, Z)
    modules : iterator of Module
        Of the network; those that are no batch norms are passed over.
    answer : str
        The network's method that the images are put through.

    Returns
    -------
    Tensor, (N, ...), or None
        Its answers with the new statistics; None if there is no batch norm.
    """
    norms = [norm for norm in modules if isinstance(norm, _BatchNorm) and norm.running_mean is not None]
    if not norms:
        return None
    handles = [norm.register_forward_pre_hook(_fit) for norm in norms]
    try:
        with torch.no_grad():
            answers: Tensor = getattr(network, answer)(images)
            return answers
    finally:
        for handle in handles:
            handle.remove()


def _fit(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """A forward hook of the batch norms that `settle` changes."""
    assert isinstance(norm, _BatchNorm)
    settling.settle(norm, inputs[0])


def _initialised(model: Model) -> Network:
    """A new network with the weights that its family begins with; of no family, a copy with its layers reset."""
    known = next((family for family in known_families() if family.name == model.family), None)
    if known is None:
        network = deepcopy(model.network)
        for module in network.modules():
            _reset(module)
        return network
    network = known.build({name: tuple(value.shape) for name, value in model.network.state_dict().items()})
    network.adapt(model.card)
    return network


@torch.no_grad()
def _reset(module: nn.Module) -> None:
    """As torch initialises the layer; parameters of no layer that torch knows keep their mean and spread."""
    reset = getattr(module, "reset_parameters", None)
    if reset is not None:
        reset()
        return
    for parameter in module.parameters(recurse=False):
        values = parameter.flatten()
        parameter.copy_(values[torch.randperm(len(values))].view_as(parameter))


def _own(module: nn.Module) -> list[Tensor]:
    """A layer's parameters and buffers, not those of the layers in it."""
    return [*module.parameters(recurse=False), *module.buffers(recurse=False)]
