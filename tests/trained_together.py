"""What each of several processes does that train together; a script for `torchrun`.

The script is given the name of a file of JSON: runs as `wbtools train` would be asked for them.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from wbtools.training.loop.feeding import Plan
from wbtools.training.loop.joining import joined
from wbtools.training.loop.ranks import Ranks
from wbtools.training.loop.several import Several
from wbtools.training.runs.starting import Asked, plan
from wbtools.training.runs.training import train

HALVES = (0.5, 0.5, 0.0)


class Small(nn.Module):
    """All kinds of layers that look at a whole batch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.depth = nn.Conv3d(1, 3, 3), nn.BatchNorm3d(3), StochasticDepth(0.4, "row")
        self.dropout, self.linear, self.last = nn.Dropout(0.4), nn.Linear(24, 5), nn.BatchNorm1d(5)

    def forward(self, images: Tensor) -> Tensor:
        found = self.depth(self.norm(self.conv(images)).relu())
        last: Tensor = self.last(self.linear(self.dropout(found.flatten(1))))
        return last


def _loss(answers: Tensor) -> Tensor:
    """One that every pair of a batch enters."""
    return (answers @ answers.T).exp().log1p().mean()


def look_at_shares(ranks: Ranks) -> None:
    """Compare a step on shares with the step of torch's own layers on whole batches."""
    assert isinstance(ranks, Several)
    for momentum, count in ((0.1, 8), (0.1, 3), (None, 2)):  # two rows leave a third process none
        torch.manual_seed(3)
        whole, images = Small().double(), torch.randn(count, 1, 4, 4, 4).double()
        whole.norm.momentum = momentum
        mine = copy.deepcopy(whole)
        if not ranks.first:
            nn.init.zeros_(mine.linear.weight)  # weights to begin with are the first one's
        ranks.prepare(mine)
        share = ranks.shared(Plan(np.arange(count), 0)).share
        assert share is not None
        found = []
        for network, seen in ((whole, images), (mine, images[share.own])):
            torch.manual_seed(5)
            with ranks.showing(share):
                answers = network(seen)
            loss = _loss(answers if network is whole else ranks.gathered((answers,), share)[0])
            torch.autograd.backward(loss)
            found.append(network)
        ranks.add_up(mine.parameters())
        for name, weight in whole.named_parameters():
            gradient = mine.get_parameter(name).grad
            assert weight.grad is not None and gradient is not None
            assert torch.allclose(weight.grad, gradient, rtol=1e-9, atol=1e-12), (name, count)
        for name, value in whole.named_buffers():
            assert torch.allclose(value.double(), mine.get_buffer(name).double(), rtol=1e-12), (name, count)
        halves = _halves(ranks, mine.dropout, count)
        assert torch.equal(*halves) or not share.stop - share.start
    rows = ranks.agreed_rows(lambda: np.arange(6).reshape(2, 3) + ranks.place.rank)
    assert rows.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert ranks.agreed({"auc": 0.1 + ranks.place.rank, "gap": float("nan")})["auc"] == 0.1
    assert ranks.broadcast(lambda: b"") == b""


def _halves(ranks: Several, layer: nn.Module, count: int) -> tuple[Tensor, Tensor]:
    """Dropout of both halves of a share's images, and what a whole batch's dropout gives these."""
    share = ranks.share_of(count)
    torch.manual_seed(9)
    with ranks.showing(share):
        mine = layer(torch.ones(2 * (share.stop - share.start), 6))
    torch.manual_seed(9)
    whole = nn.Dropout(0.4)(torch.ones(2 * count, 6))
    return mine, torch.cat((whole[share.own], whole[count:][share.own]))


def main() -> None:
    ranks = joined(os.environ)
    look_at_shares(ranks)
    for recipe, data, out, backbone, words in json.loads(Path(sys.argv[1]).read_text()):
        train(plan(Asked(recipe, Path(data), Path(out), backbone, words, "cpu", fractions=HALVES), ranks))
    ranks.leave()


if __name__ == "__main__":
    main()
