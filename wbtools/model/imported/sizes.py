"""What the steps of an exported network would put out, before anything is computed.

A few numbers in a file can ask for more memory than any machine has.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx

from wbtools.errors import CheckpointError
from wbtools.model.compatibility import FAILURES
from wbtools.text import lengths

_CHANNELS, _FEWEST, _MOST = 256, 1 << 26, 1 << 30
"""So many values a step may put out for each voxel of the image; so many always; and so many at most."""

_MADE = 1 << 26
"""Values that a step may make from nothing, such as the coordinates of all voxels."""

_PARTS = 4096
"""Tensors that a step may take another apart into."""

_APART = ("unbind", "split", "chunk")
_HINT = "export the network for images of the size that it was trained on"


def require_modest(path: Path, steps: fx.GraphModule, shape: tuple[int, int, int]) -> None:
    """Raise CheckpointError if a step of a network puts out more than a network for images would.

    Parameters
    ----------
    path : Path
        For messages.
    steps : GraphModule
        Its tensors without values, on the device `meta`.
    shape : tuple of int, (3,)
        Of the image.
    """
    try:
        with torch.no_grad():
            most = min(_MOST, max(_FEWEST, _CHANNELS * math.prod(shape)))
            _Measured(steps, path, most).run(torch.empty(1, 1, *shape, device="meta"))
    except FAILURES:
        raise CheckpointError(
            f"{path} cannot take images of {lengths(shape)} voxels, as its card says",
            hint="correct the card's shape, or export the network again",
        ) from None


class _Measured(fx.Interpreter):
    """A run through all steps that looks at each result."""

    def __init__(self, steps: fx.GraphModule, path: Path, most: int) -> None:
        super().__init__(steps)
        self.most = most
        self.extra_traceback = False
        self.path = path

    def run_node(self, n: fx.Node) -> Any:
        """One step, if what it makes from nothing, and what it puts out, is not too large."""
        if n.op == "call_function":
            arguments, keywords = self.fetch_args_kwargs_from_env(n)
            self._require_few(str(n.target), arguments)
            if keywords.get("device") is not None:
                bare = n.target(*arguments, **{**keywords, "device": "meta"})  # type: ignore[operator]
                self._require_small(bare, _MADE)
        found = super().run_node(n)
        self._require_small(found, self.most)
        return found

    def _require_small(self, found: Any, most: int) -> None:
        for made in found if isinstance(found, (list, tuple)) else [found]:
            if isinstance(made, Tensor) and made.numel() > most:
                raise CheckpointError(
                    f"{self.path} was refused: a step of it puts out {made.numel():,} values, more than {most:,}",
                    hint=_HINT,
                )

    def _require_few(self, target: str, arguments: tuple[Any, ...]) -> None:
        """Raise CheckpointError if a step takes a tensor apart into very many."""
        name = target.removeprefix("aten.").partition(".")[0]
        if name not in _APART or not arguments or not isinstance(arguments[0], Tensor):
            return
        count = arguments[1] if name != "unbind" and len(arguments) > 1 else 1
        parts = max(arguments[0].shape, default=0)
        if isinstance(count, int) and count > 0:
            parts = count if name == "chunk" else math.ceil(parts / count)
        if parts > _PARTS:
            raise CheckpointError(f"{self.path} was refused: a step of it makes {parts:,} tensors", hint=_HINT)
