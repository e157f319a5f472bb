"""Networks that a Python function of the user builds: `package.module:build`.

This runs the user's own code, which is why it has to be named on the command line, and nothing else leads here. Where
torch.export can follow the network, it is put together anew from layers, as files of torch.export are, so that
relevance can pass; else it is taken as it is.
"""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wbtools.errors import CheckpointError
from wbtools.model import card as cards
from wbtools.model import compatibility
from wbtools.model.card import Card
from wbtools.model.checkpoint import Model
from wbtools.model.family import Network
from wbtools.model.imported import exported, pt2
from wbtools.model.imported.foreign import Foreign, assumed, require_row
from wbtools.model.imported.pt2 import Program
from wbtools.text import counted, lengths

FAMILY = "python"

_NAME = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_ENTRY = re.compile(rf"{_NAME}:{_NAME}")
_ANYTHING = (Exception, SystemExit)  # the user's own code may raise anything, and scripts like to exit
_log = logging.getLogger(__name__)


def is_builder(source: str) -> bool:
    """Whether a word has the form `package.module:function`.

    Examples
    --------
    >>> is_builder("lab.networks:build"), is_builder("networks/best.pt")
    (True, False)
    """
    return _ENTRY.fullmatch(source) is not None


def load(source: str) -> Model:
    """Build a network with the function that was named.

    Parameters
    ----------
    source : str
        `package.module:function`. The function takes no arguments and returns a Module from one image (1, 1, X, Y, Z)
        to one row of values. Its attribute `card`, if it has one, is a dictionary with the fields of a card.

    Raises
    ------
    CheckpointError
        If there is no such function, it fails, it returns something else, or its network does not fit the card.
    """
    function, beside = _function(source)
    card = _card(source, function)
    network = _built(source, function)
    card = card or assumed(source, FAMILY, exported.USUAL)
    program = None if isinstance(network, Network) else _followed(source, network, card.shape)
    found: Network
    if program is not None:
        found, description = exported.build(Path(source), program, card)
    else:
        found = network if isinstance(network, Network) else Foreign(_FirstAnswer(network), single=True)
        description = {"parameters": sum(p.numel() for p in network.parameters())}
        _try(source, found, card)
    single, several = compatibility.reference(beside, card), compatibility.reference_set(beside, card)
    return Model(found, card, description, _digest(network), single, reference_set=several)


class _FirstAnswer(nn.Module):
    """A network's first answer, one row for each image."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        answer = self.network(x)
        first: Tensor = answer[0] if isinstance(answer, (tuple, list)) else answer
        return first.reshape(x.shape[0], -1)


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    """Let modules of the current folder be imported, after all that are installed."""
    folder = str(Path.cwd())
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _function(source: str) -> tuple[Callable[[], Any], Path]:
    """The function, and the file it is in."""
    name, _, attributes = source.partition(":")
    try:
        with _current_folder_importable():
            module = import_module(name)
    except ModuleNotFoundError as error:
        raise CheckpointError(
            f"there is no Python module '{error.name}', which --model {source} needs",
            hint="install it, or run wbtools in the folder that holds it",
        ) from None
    except _ANYTHING as error:
        raise _failed(source, "be imported", error) from error
    found: Any = module
    for attribute in attributes.split("."):
        found = getattr(found, attribute, None)
    if not callable(found):
        raise CheckpointError(
            f"the module {name} has no function '{attributes}'", hint="check the name after the colon"
        )
    return found, Path(getattr(module, "__file__", None) or name)


def _built(source: str, function: Callable[[], Any]) -> nn.Module:
    """The network, ready for evaluation on the CPU in single precision."""
    try:
        with _current_folder_importable():
            network = function()
        if isinstance(network, nn.Module):
            return network.to("cpu", torch.float32).eval().requires_grad_(False)
    except _ANYTHING as error:
        raise _failed(source, "build its network", error) from error
    raise CheckpointError(f"{source} returned a {type(network).__name__}, no network", hint="return a torch.nn.Module")


def _failed(source: str, what: str, error: BaseException) -> CheckpointError:
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    return CheckpointError(f"{source} could not {what} ({said})", hint="call it in Python, and see --debug")


def _card(source: str, function: Callable[[], Any]) -> Card | None:
    """The card that the function carries."""
    given = getattr(function, "card", None)
    if given is None:
        return None
    try:
        card = cards.parse(json.dumps({"family": FAMILY, **given}), Path(source))
    except (TypeError, ValueError, RecursionError) as error:  # no mapping, or values that no JSON can hold
        raise CheckpointError(
            f"the card of {source} is no dictionary of plain values: {error}", hint="write it as in a card's JSON file"
        ) from None
    if card.family != FAMILY:
        raise CheckpointError(f"the card of {source} says {card.family}", hint=f"leave its family out, or say {FAMILY}")
    return card


def _digest(network: nn.Module) -> str:
    """A sum over all weights by name."""
    digest = sha256()
    for name, tensor in sorted(network.state_dict().items()):
        if isinstance(tensor, Tensor):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _followed(source: str, network: nn.Module, shape: tuple[int, int, int]) -> Program | None:
    """The network as a program, if torch.export can follow it and all its operators are known."""
    stream = io.BytesIO()
    disabled = logging.root.manager.disable
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.disable(logging.ERROR)  # torch says at length where it gave up
            torch.export.save(torch.export.export(network, (torch.zeros(1, 1, *shape),), strict=False), stream)
        program = pt2.read(Path(source), stream)
        exported.assemble(Path(source), program.without_values())
    except Exception as error:  # torch.export raises errors of dynamo, of fx, of C++ and of the network itself
        logging.disable(disabled)
        _log.info("%s is taken as it is, for it cannot be followed: %s", source, str(error).partition("\n")[0])
        return None
    finally:
        logging.disable(disabled)
    return program


def _tensors(output: Any) -> list[Tensor]:
    """The tensors a network answers with."""
    return [
        answer for answer in (output if isinstance(output, (tuple, list)) else [output]) if isinstance(answer, Tensor)
    ]


def _try(source: str, network: Network, card: Card) -> None:
    """Raise CheckpointError if the network does not answer an empty image as its card says."""
    inner: nn.Module = network
    if isinstance(network, Foreign) and isinstance(network.network, _FirstAnswer):
        inner = network.network.network
    whole: list[Tensor] = []
    handle = inner.register_forward_hook(lambda module, inputs, output: whole.extend(_tensors(output)))
    try:
        network.adapt(card)
        with torch.no_grad():
            answer = getattr(network, network.answers[0])(torch.zeros(1, 1, *card.shape))
    except CheckpointError as error:
        raise error.about(source) from None
    except _ANYTHING as error:
        raise _failed(source, f"take an image of {lengths(card.shape)} voxels", error) from error
    finally:
        handle.remove()
    if whole:
        require_row(source, whole[0].shape)
    if not isinstance(answer, Tensor) or answer.ndim != 2:
        raise CheckpointError(f"{source} does not answer with one row of values", hint="return a tensor (1, E)")
    if card.classes and answer.shape[1] != len(card.classes):
        raise CheckpointError(
            f"{source} answers with {counted(answer.shape[1], 'value')}, "
            f"its card names {counted(len(card.classes), 'class', 'classes')}",
            hint="name every class in the order of the network's answer, or leave them out",
        )
