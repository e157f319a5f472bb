"""Embeddings and hash codes of images, many at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wbtools.attribution.runtime.threads import Shared
from wbtools.errors import CheckError, InputError
from wbtools.model import Model

if TYPE_CHECKING:
    import torch

_UNIT = 1e-3  # how far single precision is from length 1, many times over

Vectors = NDArray[Any]
"""Embeddings of length 1, (N, E) float32; or packed bits of codes, (N, ceil(B / 8)) uint8."""


class Kind(Enum):
    """What images are compared by."""

    CODES = "codes"
    """Bits, compared by how many differ (Hamming distance)."""
    EMBEDDINGS = "embeddings"
    """Directions, compared by cosine distance."""

    @property
    def dtype(self) -> str:
        """Of vectors."""
        return "uint8" if self is Kind.CODES else "float32"

    def stored(self, length: int) -> int:
        """How many numbers hold a vector of so many bits or values.

        Examples
        --------
        >>> Kind.CODES.stored(12), Kind.EMBEDDINGS.stored(12)
        (2, 12)
        """
        return -(-length // 8) if self is Kind.CODES else length

    def holds(self, vectors: Vectors, length: int) -> bool:
        """Whether stored vectors (N, ...) can be such: directions of length 1, or no bit set beyond the last one.

        Examples
        --------
        >>> Kind.EMBEDDINGS.holds(np.eye(2, dtype=np.float32), 2), Kind.CODES.holds(np.array([[255]], np.uint8), 7)
        (True, False)
        """
        if self is Kind.CODES:
            return not np.unpackbits(vectors, axis=1)[:, length:].any()
        with np.errstate(over="ignore"):
            return bool(np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=_UNIT))


def kind_of(model: Model) -> Kind:
    """What a network's images are compared by.

    Raises
    ------
    InputError
        If the network answers with classes, or with a yes or no, and has no embedding.
    """
    network = model.network
    if network.hashes:
        return Kind.CODES
    if network.answers[0] == "raw" and not network.yes_or_no and not model.card.classes:
        return Kind.EMBEDDINGS
    raise InputError(
        f"{model.name} answers with classes, and has no embedding in which people are near or far",
        hint="ask it with wbtools classify, or give a network with an embedding (wbtools models lists the families)",
    )


class Embedder:
    """Embeds images; made by `embedding`. Several threads may call it at a time.

    Parameters
    ----------
    model : Model
    device : torch.device

    Attributes
    ----------
    length : int
        Bits or values of a vector; 0 before the first image.
    """

    def __init__(self, model: Model, device: torch.device) -> None:
        self._model, self._device = model, device
        self._kind = kind_of(model)
        self.length = 0
        self._network = Shared(model.network, turns=not self.on_processor)

    @property
    def on_processor(self) -> bool:
        """Whether it computes on the processor, where several batches at a time are quicker."""
        return self._device.type == "cpu"

    def __call__(self, images: NDArray[np.float32]) -> Vectors:
        """The vectors of images (N, 1, X, Y, Z), as the network is shown them.

        Raises
        ------
        CheckError
            If an answer is not finite, or an embedding has no direction.
        """
        import torch

        with self._network.lent() as network, torch.inference_mode():
            answers = network.raw(torch.from_numpy(images).to(self._device)).flatten(1)
            found = answers.float().cpu().numpy()
        self.length = found.shape[1]
        return vectors(self._kind, found, self._model.name)


@contextmanager
def embedding(model: Model, device: torch.device | None = None) -> Iterator[Embedder]:
    """Lend a network to a device, and let it embed images in full single precision.

    Parameters
    ----------
    model : Model
    device : torch.device, optional
        The processor without.

    Yields
    ------
    Embedder
    """
    import torch

    where = device if device is not None and model.network.movable else torch.device("cpu")
    precisions = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    try:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        if model.network.movable:
            model.network.to(where)
        yield Embedder(model, where)
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = precisions
        if model.network.movable:
            model.network.to("cpu")


def vectors(kind: Kind, answers: NDArray[np.float32], name: str) -> Vectors:
    """What a network's answers (N, E) are kept as; errors as of `Embedder`.

    Examples
    --------
    >>> vectors(Kind.CODES, np.array([[0.5, -1, 2]], np.float32), "net").tolist()
    [[160]]
    >>> vectors(Kind.EMBEDDINGS, np.array([[3, 4]], np.float32), "net").tolist() == [[np.float32(0.6), np.float32(0.8)]]
    True
    """
    if not np.isfinite(answers).all():
        raise CheckError(f"{name} answers with values that are not finite", hint="try another checkpoint")
    if kind is Kind.CODES:
        return np.packbits(answers > 0, axis=1)
    lengths = np.linalg.norm(answers, axis=1, keepdims=True)
    if not lengths.all():
        raise CheckError(f"{name} answers with an embedding of length 0, which is near nobody", hint="train it longer")
    return np.asarray(answers / lengths, np.float32)
