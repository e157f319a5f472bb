"""Reading checkpoints: nothing in them is ever executed, and nothing is taken that does not fit."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wbtools import provenance
from wbtools.errors import CheckpointError
from wbtools.model import card as cards
from wbtools.model import fitting, safetensors
from wbtools.model.card import Card

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.model.family import Family, Network

_PREFIXES = re.compile(r"^(module\.|_orig_mod\.)+")  # left by DataParallel and by torch.compile
_COUNTER = "num_batches_tracked"  # of batch norms; only training uses it, and old checkpoints lack it
_NAMED = 5  # so many keys are listed in a message


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network, and what is known about it.

    Parameters
    ----------
    network : Network
        In evaluation mode, on the CPU, without gradients for its parameters.
    card : Card
    description : mapping
        Plain JSON values: widths, depth, attention, block, embedding, parameters.
    sha256 : str
        Of the checkpoint file; of the weights if there is none.
    reference : Path or None
        The brain that the card names to compare others with.
    """

    network: Network
    card: Card
    description: Mapping[str, object]
    sha256: str
    reference: Path | None = None

    @property
    def hashes(self) -> tuple[str, ...]:
        """SHA-256 of all that decides what the network says: its own, that of its card and of the reference brain."""
        card = sha256(repr(self.card).encode()).hexdigest()
        return (self.sha256, card, *([provenance.sha256(self.reference)] if self.reference else []))

    @property
    def name(self) -> str:
        """Short name, used in file names."""
        return self.card.name

    @property
    def family(self) -> str:
        """The registry's name of the network's family."""
        return self.card.family

    @property
    def threshold(self) -> float | None:
        """Two people count as twins below this cosine distance; None if the checkpoint does not say."""
        return self.card.threshold


def load(path: Path) -> Model:
    """Load a checkpoint and its card.

    Parameters
    ----------
    path : Path
        A file of `torch.save`: a state dict, or a dictionary with `model_state_dict` and `threshold`; or a safetensors
        file. The card is read from the JSON file of the same name beside it, if there is one, else from the safetensors
        file.

    Returns
    -------
    Model

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, holds code, or fits no known family, or if the card's images do not fit it.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist or is no file", mend="check the path given with --model")
    data = path.read_bytes()
    content, inside = (
        safetensors.read(path, data) if path.suffix == safetensors.SUFFIX else (unpickle(path, data), None)
    )
    tensors = _tensors(path, content)
    family = _family(path, tensors)
    card = _card(path, family, _threshold(path, content), inside)
    network = _network(path, family, tensors, card)
    description = {**family.describe(network), "parameters": sum(p.numel() for p in network.parameters())}
    return Model(network, card, description, sha256(data).hexdigest(), fitting.reference(path, card))


@contextmanager
def _numpy_scalars() -> Iterator[None]:
    """Let `torch.load` rebuild numpy scalars, which training checkpoints hold as metrics; nothing else is added."""
    from torch.serialization import safe_globals

    scalar: Any = np.float64(0).__reduce__()[0]  # numpy's own constructor, which has moved between packages
    named = [(scalar, f"numpy.{package}.multiarray.scalar") for package in ("core", "_core")]
    with safe_globals([*named, np.dtype, *(type(np.dtype(t)) for t in ("f2", "f4", "f8", "i4", "i8", "?"))]):
        yield


def unpickle(path: Path, data: bytes) -> Any:
    """The content of a file of torch.save, tensors and plain values only, on the CPU.

    Raises
    ------
    CheckpointError
        If the file is damaged, or holds anything else.
    """
    import torch

    try:
        with _numpy_scalars(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # comments on pickle protocols, which no user can act on
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # torch lets errors of its unpickler, of zip and of C++ through
        if found := re.search(r"(?:GLOBAL|Unsupported class|instantiate) (\S+)", str(error)):
            raise CheckpointError(
                f"{path} was refused: it holds the Python object '{found[1]}', and loading that could run code",
                mend="save only the state dict: torch.save(network.state_dict(), file)",
            ) from None
        raise CheckpointError(
            f"{path} is not a checkpoint, or is damaged", mend="copy the file again; wbtools reads files of torch.save"
        ) from None


def _tensors(path: Path, content: Any) -> dict[str, Tensor]:
    """The state dict, prefixes removed, as float32."""
    import torch

    state = content.get("model_state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not state or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise CheckpointError(
            f"{path} holds no state dict", mend="save {'model_state_dict': network.state_dict(), 'threshold': ...}"
        )
    tensors = {_PREFIXES.sub("", str(key)): value for key, value in state.items()}
    for key, value in tensors.items():
        if value.layout is not torch.strided or value.is_complex() or not torch.isfinite(value).all():
            raise CheckpointError(
                f"{path} has values in {key} that are not finite numbers", mend="use another checkpoint"
            )
        if key.endswith("running_var") and (value < 0).any():
            raise CheckpointError(f"{path} has a negative variance in {key}", mend="use another checkpoint")
    return {key: value if key.endswith(_COUNTER) else value.float() for key, value in tensors.items()}


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in tensors.items()}


def _family(path: Path, tensors: Mapping[str, Tensor]) -> Family:
    """The family that knows the tensors' names."""
    from wbtools.model import families

    shapes = _shapes(tensors)
    family = next((f for f in families() if f.recognises(shapes)), None)
    if family is None:
        raise CheckpointError(
            f"{path} is of no known family; its keys begin with {_list(shapes)}",
            mend=f"wbtools knows {', '.join(f.title for f in families())}",
        )
    return family


def _network(path: Path, family: Family, tensors: dict[str, Tensor], card: Card) -> Network:
    """The network that fits the tensors, with them as its weights."""
    import torch

    try:
        with torch.device("meta"):  # shapes only: no memory, no random numbers
            network = family.build(_shapes(tensors))
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}", mend=error.mend) from None
    except KeyError as error:  # of torch, where a tensor's name is one that modules use themselves
        raise CheckpointError(f"{path} has tensors under names that no network can have: {error}") from None
    expected = _shapes(network.state_dict())
    for key in expected:
        if key.endswith(_COUNTER):
            tensors.setdefault(key, torch.tensor(0))
    _require_equal(path, family, _shapes(tensors), expected)
    network.eval().requires_grad_(False)
    fitting.fit(path, network, card)
    network.load_state_dict(tensors, assign=True)
    return network


def _require_equal(path: Path, family: Family, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raise CheckpointError that names the first keys that are missing, superfluous or of another shape."""
    missing = [key for key in expected if key not in found]
    extra = [key for key in found if key not in expected]
    wrong = [f"{k} {found[k]} instead of {expected[k]}" for k in expected if k in found and found[k] != expected[k]]
    problems = {"lacks": missing, "has the unexpected": extra, "has the wrong shape in": wrong}
    said = "; ".join(f"{what} {_list(keys)}" for what, keys in problems.items() if keys)
    if said:
        raise CheckpointError(
            f"{path} does not fit {family.title}: it {said}", mend="export the state dict of the unchanged network"
        )


def _list(names: Any) -> str:
    names = list(names)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _threshold(path: Path, content: Any) -> float | None:
    value = content.get("threshold") if "model_state_dict" in content else None
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        number = np.nan
    if not np.isfinite(number):
        raise CheckpointError(f"{path} has a threshold that is no number", mend="store a float or None")
    return number


def _card(path: Path, family: Family, threshold: float | None, inside: Card | None) -> Card:
    """The card beside the checkpoint, else that in it, else the family's; the checkpoint's own threshold counts."""
    beside = cards.beside(path)
    given = cards.read(beside) if beside != path and beside.is_file() else inside
    if given is not None and given.family != family.name:
        raise CheckpointError(
            f"{path if given is inside else beside} says {given.family}, the checkpoint is {family.name}",
            mend="put the right card beside it",
        )
    card = given or replace(family.card, assumed=True)
    return card if threshold is None else replace(card, threshold=threshold)
