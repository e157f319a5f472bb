"""Checkpoints as safetensors: tensors and text, nothing that could ever be executed, and the card inside.

The file's metadata has two entries of ours, both optional: `card`, the JSON of a `Card`, and `threshold`, a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from wbtools.errors import CheckpointError
from wbtools.model import card as cards
from wbtools.model.card import Card
from wbtools.model.files import archive, source, stored

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SUFFIX = ".safetensors"


_TYPES = {
    **{f"F{bits}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "BOOL": "bool",
}
"""Types of numbers that are read, by the names they have in the header."""

_HEADER = 1 << 23  # bytes; a thousand tensors take a tenth of a megabyte
_AXES = 16


def read(
    path: Path, file: BinaryIO, change: Callable[[str, Tensor], Tensor] = lambda key, value: value
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a file.

    Parameters
    ----------
    path : Path
        For messages.
    file : binary file
    change : callable
        Given each name and tensor as soon as it is read; what it returns is kept.

    Returns
    -------
    dict
        Tensors by name.
    dict
        The file's metadata, texts.

    Raises
    ------
    CheckpointError
        If the file is damaged.
    """
    try:
        header, start = _header(file)
        metadata = header.pop("__metadata__", None) or {}
        if not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("metadata that are no texts")
        places = {name: _place(entry) for name, entry in header.items()}
        _require_whole(places, source.size(file) - start)
        return {name: change(name, _tensor(file, start, place)) for name, place in places.items()}, metadata
    except archive.DAMAGED as error:
        raise CheckpointError(
            f"{path} is no safetensors file, or is damaged: {stored.shown(error)}", hint="copy it again"
        ) from None


@dataclass(frozen=True)
class _TensorEntry:
    """Where a tensor lies in the file, and what it is."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


def _header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The header, JSON behind its length in 8 bytes, and where it ends."""
    import json

    count = int.from_bytes(file.read(8), "little")
    if not 2 <= count <= min(_HEADER, source.size(file) - 8):
        raise ValueError(f"a header of {count} bytes")
    header = json.loads(file.read(count))
    if not isinstance(header, dict):
        raise ValueError("a header that is no object")
    return header, 8 + count


def _place(entry: Mapping[str, Any]) -> _TensorEntry:

    begin, end = entry["data_offsets"]
    counts = (*entry["shape"], begin, end)
    if not all(type(n) is int and 0 <= n < 1 << 62 for n in counts) or len(counts) > _AXES + 2:
        raise ValueError("sizes that are no sizes")
    dtype = stored.dtype_named(_TYPES[entry["dtype"]])
    if math.prod(entry["shape"]) * dtype.itemsize != end - begin:
        raise ValueError(f"{end - begin} bytes for a tensor of {entry['shape']}")
    return _TensorEntry(dtype, tuple(entry["shape"]), begin, end)


def _require_whole(places: Mapping[str, _TensorEntry], length: int) -> None:
    """Raise ValueError unless the tensors lie one after the other and fill the file."""
    end = 0
    for place in sorted(places.values(), key=lambda tensor: (tensor.begin, tensor.end)):
        if place.begin != end:
            raise ValueError("tensors overlap, or leave gaps")
        end = place.end
    if end != length:
        raise ValueError(f"{length} bytes of values instead of {end}")


def _tensor(file: BinaryIO, start: int, place: _TensorEntry) -> Tensor:
    import torch

    file.seek(start + place.begin)
    values = stored.filled(file, place.end - place.begin)
    if place.dtype == torch.bool:
        return (values != 0).view(place.shape)
    return values.view(place.dtype).view(place.shape)


def dumps(tensors: Mapping[str, Tensor], card: Card | None, threshold: float | None) -> bytes:
    """The content of a file with these tensors; without a card, whoever reads it takes the family's.

    Parameters
    ----------
    tensors : mapping
        By name; contiguous, on the CPU.
    card : Card or None
    threshold : float or None
    """
    from safetensors.torch import save

    metadata = {"format": "pt"}
    if card is not None:
        metadata["card"] = cards.dumps(card)
    if threshold is not None:
        metadata["threshold"] = repr(float(threshold))
    content: bytes = save(dict(tensors), metadata=metadata)
    return content
