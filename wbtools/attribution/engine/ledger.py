"""Where relevance is lost on its way back."""

from __future__ import annotations

from torch import Tensor


class Ledger:
    """How much of the relevance that was put in is left behind each step, seeds of either sign counted alike.

    Examples
    --------
    >>> import torch
    >>> ledger = Ledger()
    >>> ledger.put_in(torch.tensor([4.0, -4.0]))
    >>> ledger.note(2, "fc", torch.tensor([4.0, -4.0]))
    >>> ledger.note(1, "conv", torch.tensor([3.0, -3.0]))
    >>> ledger.left, ledger.losses
    ([('fc', 1.0), ('conv', 0.75)], [('conv', 0.25), ('fc', 0.0)])
    """

    def __init__(self) -> None:
        self._given = 0.0
        self._sign: Tensor | None = None
        self._left: dict[int, tuple[str, float]] = {}

    def put_in(self, totals: Tensor) -> None:
        """Begin with the relevance of some seeds, (K,)."""
        self._sign = totals.sign()
        self._given += float(totals.abs().sum())

    def note(self, step: int, name: str, totals: Tensor) -> None:
        """Take down what is left of these seeds, (K,), in all branches together, when a step has passed its part on."""
        assert self._sign is not None  # seeds were put in
        left = self._left.get(step, (name, 0.0))[1] + float((totals * self._sign).sum())
        self._left[step] = name, left

    @property
    def left(self) -> list[tuple[str, float]]:
        """Name of each step, from the output to the image, and the share of the relevance that is left behind it."""
        given = self._given or 1.0
        return [(name, left / given) for _, (name, left) in sorted(self._left.items(), reverse=True)]

    @property
    def losses(self) -> list[tuple[str, float]]:
        """Name of each step and the share that it lost, the largest first; below 0 where relevance was made."""
        left = self.left
        before = [1.0, *(share for _, share in left)]
        lost = [(name, b - share) for (name, share), b in zip(left, before, strict=False)]
        return sorted(lost, key=lambda entry: -abs(entry[1]))
