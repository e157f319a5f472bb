"""Checkpoints as safetensors: tensors and text, nothing that could ever be executed, and the card inside.

The file's metadata has two entries of ours, both optional: `card`, the JSON of a `Card`, and `threshold`, a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbtools.errors import CheckpointError
from wbtools.model import card as cards
from wbtools.model.card import Card

if TYPE_CHECKING:
    from torch import Tensor

SUFFIX = ".safetensors"


def read(path: Path, data: bytes) -> tuple[dict[str, Any], Card | None]:
    """Read a checkpoint.

    Parameters
    ----------
    path : Path
        For messages.
    data : bytes
        The content of the file.

    Returns
    -------
    dict
        `model_state_dict` and `threshold` (text or None), as in a published checkpoint.
    Card or None

    Raises
    ------
    CheckpointError
        If the file is damaged, or the card in it is wrong.
    """
    import json

    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError) as error:  # KeyError: a type that torch lacks
        raise CheckpointError(f"{path} is no safetensors file, or is damaged: {error}", mend="copy it again") from None
    # `load` has checked the header: its length in 8 bytes, then JSON.
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata: Mapping[str, str] = header.get("__metadata__") or {}
    card = cards.parse(metadata["card"], path) if "card" in metadata else None
    return {"model_state_dict": tensors, "threshold": metadata.get("threshold")}, card


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
