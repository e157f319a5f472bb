"""Votes: networks that are asked at several places of an image, whose answers can be averaged or counted.

What counts as the answer is the mean of the logits, which can be explained. The published two-dimensional variant of
the sex classification (system S3) took the majority: that is measured beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wbtools.evaluating.bootstrap import Counts, Estimate, Resampling, estimates
from wbtools.evaluating.findings import Findings, Section, Table
from wbtools.model.family import Classifier, Network

Values = NDArray[np.floating]


def answer(network: Network, images: Tensor) -> Tensor:
    """Logits of images and how many places vote for each class, side by side, (N, 2 K); no votes of a single place."""
    if not isinstance(network, Classifier):
        logits: Tensor = getattr(network, "logits")(images)  # noqa: B009
        return torch.cat([logits, torch.zeros_like(logits)], 1)
    each = network.each_place(images)
    if each.shape[1] == 1:
        return torch.cat([each[:, 0], torch.zeros_like(each[:, 0])], 1)
    votes = torch.nn.functional.one_hot(each.argmax(2), each.shape[2]).sum(1)
    return torch.cat([each.mean(1), votes.to(each.dtype)], 1)


def logits_of(answers: Values) -> Values:
    """The logits (N, K) of what `answer` gave."""
    return answers[:, : answers.shape[1] // 2]


@dataclass(frozen=True, eq=False)
class Votes:
    """What a checkpoint said.

    Parameters
    ----------
    name : str
    answers : ndarray, (N, 2 K)
        As `answer` gave them.
    truth : ndarray, (N,), int
    group : ndarray, (N,), int
        Who belongs together.
    """

    name: str
    answers: Values
    truth: NDArray[np.int64]
    group: NDArray[np.int64]

    @property
    def counts(self) -> Values:
        """Votes for each class, (N, K)."""
        return self.answers[:, self.answers.shape[1] // 2 :]

    @property
    def places(self) -> int:
        """How many vote; 0 if none do."""
        return int(self.counts.sum(1).max())

    @property
    def leading(self) -> NDArray[np.bool_]:
        """The classes with the most votes, (N, K)."""
        return np.asarray(self.counts == self.counts.max(1, keepdims=True))

    @property
    def voted(self) -> NDArray[np.int64]:
        """The class with the most votes, (N,); of several, that with the highest mean logit."""
        return np.asarray(np.where(self.leading, logits_of(self.answers), -np.inf).argmax(1), np.int64)

    def estimates(self, how: Resampling) -> dict[str, Estimate]:
        """The accuracy of the vote, and by how much it is above that of the mean."""
        voted = (self.voted == self.truth) * 1.0
        apart = voted - (logits_of(self.answers).argmax(1) == self.truth)

        def statistic(counts: Counts) -> dict[str, float]:
            weights = counts[self.group]
            return {
                "vote_accuracy": float(weights @ voted / weights.sum()),
                "vote_less_mean": float(weights @ apart / weights.sum()),
            }

        return estimates(statistic, int(self.group.max()) + 1, how)


def findings(asked: Sequence[Votes], how: Resampling) -> Findings:
    """Majority votes beside means, of those checkpoints whose places vote; nothing if there are none."""
    cases = [case for case in asked if case.places]
    if not cases:
        return Findings((), (), {})
    found = {case.name: case.estimates(how) for case in cases}
    shares = {case.name: _shares(case) for case in cases}
    rows = tuple(
        (
            case.name,
            str(case.places),
            str(found[case.name]["vote_accuracy"]),
            found[case.name]["vote_less_mean"].said(),
            f"{shares[case.name]['unanimous']:.1%}",
            f"{shares[case.name]['tied']:.1%}",
        )
        for case in cases
    )
    header = ("checkpoint", "places", "accuracy by majority vote", "less that of the mean", "all agree", "tied")
    note = (
        "Everywhere else the answer is the mean of the places' logits, which can be explained. Of tied classes, the "
        "vote goes to that with the higher mean."
    )
    table = Table("votes", "Majority votes of the places of an image", header, rows, note)
    more = {"votes": {case.name: {"places": case.places, **shares[case.name]} for case in cases}}
    return Findings((), (Section("Votes", (), (table,)),), found, more)


def _shares(case: Votes) -> dict[str, float]:
    """Shares of images whose places all agree, and of those without a single most frequent class."""
    return {
        "unanimous": float((case.counts.max(1) == case.places).mean()),
        "tied": float((case.leading.sum(1) > 1).mean()),
    }
