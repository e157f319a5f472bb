"""What does a step of training cost beside a bare loop of the same network?

    python benchmarks/training_step.py                     the published U-Net, on the graphics card if there is one
    python benchmarks/training_step.py --batch 8 --turns 2 --device cpu

One epoch of `wbtools train twins` on made-up scans: images read from disk, changed at random, brought to the device,
loss, gradients, optimiser, log. Beside it, in turns: forward and backward passes of the same network over batches of
the same sizes that lie ready on the device. The ratio is of the medians of steps; the first ones of each turn are left
out. Mining, validation and checkpoints are once in an epoch, and not in it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wbtools.attribution.runtime.threads import torch_threads
from wbtools.datasets import Item, Kind, write_data
from wbtools.model.families.unet import FAMILY
from wbtools.training.loop.fitting import Epoch, Fit, Forgetful
from wbtools.training.loop.learner import Learner
from wbtools.training.loop.optimising import Stepper
from wbtools.training.runs.starting import Asked, Run, plan

_WARM = 2  # steps of a turn that are left out


class InTurns:
    """Notes when each batch of an epoch is done, and shows the same sizes to a bare loop after the epoch."""

    def __init__(self, run: Run) -> None:
        self.task = run.task
        self.learner = learner_of(run)
        self.stepper = Stepper(self.learner.parameters(), run.material.settings, 1, run.task.device)
        self.trained: list[float] = []
        self.bare: list[float] = []
        self._last = 0.0
        self._times: list[float] = []

    def begin(self, epoch: int, epochs: int, batches: int) -> None:
        """As in `wbtools.training.loop.fitting.Listener`."""
        self._times, self._last = [], time.perf_counter()

    def batch(self) -> None:
        """As in `Listener`."""
        finish(self.task.device)
        now = time.perf_counter()
        self._times.append(now - self._last)
        self._last = now

    def end(self, epoch: Epoch) -> None:
        """As in `Listener`."""
        self.trained += self._times[_WARM:]
        self.learner.train()
        ready = [self.task.ready(self.task.read(each.rows)) for each in self.task.plans(epoch.number)]
        self.bare += [self._bare(images) for images in ready][_WARM:]

    def _bare(self, images: Tensor) -> float:
        finish(self.task.device)
        start = time.perf_counter()
        with self.stepper.casting():
            answer = self.learner.network.raw(images)
        self.learner.zero_grad(set_to_none=True)
        answer.float().square().mean().backward()  # type: ignore[no-untyped-call]
        finish(self.task.device)
        return time.perf_counter() - start


def finish(device: torch.device) -> None:
    """Wait until a graphics card has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def made_up(folder: Path, pairs: int) -> Path:
    """A data set of twins on the published grid; what is shown in it does not matter here."""
    dice = np.random.default_rng(0)
    images = dice.random((2 * pairs, 1, *FAMILY.card.shape), np.float32)
    items = [Item(n, f"p{n}", f"p{n}.nii.gz", labels={"twin": str(n // 2)}) for n in range(2 * pairs)]
    card = {"orientation": "LAS", "intensity": "minmax", "skull_stripped": True, "shape": list(FAMILY.card.shape)}
    write_data(folder, Kind.VOLUMES, images, items, card, synthetic=True)
    return folder


def learner_of(run: Run) -> Learner:
    """The network of a run, as it is trained."""
    learner = Learner(run.network(), run.backbone.normed).to(run.task.device, run.task.dtype)
    return learner.to(memory_format=torch.channels_last_3d)


def main() -> None:
    """Print the ratio."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--backbone", default="unet", help="of `wbtools train twins`")
    given.add_argument("--device", default="auto")
    given.add_argument("--batch", type=int, default=2, help="triplets of a batch, of up to three images each")
    given.add_argument("--pairs", type=int, default=12, help="of twins")
    given.add_argument("--turns", type=int, default=3)
    asked = given.parse_args()
    words = {"epochs": str(asked.turns), "batch": str(asked.batch), "accumulate": "1", "mining": "random"}
    parts = (0.6, 0.2, 0.2)
    with tempfile.TemporaryDirectory() as place:
        data = made_up(Path(place) / "data", asked.pairs)
        run = plan(Asked("twins", data, Path(place) / "run", asked.backbone, words, asked.device, None, "none", parts))
        turns = InTurns(run)
        with torch_threads(int(run.record["threads"])):
            Fit(run.task, learner_of(run), True, Forgetful(), turns).run()
    ours, bare = (statistics.median(each) for each in (turns.trained, turns.bare))
    print(f"{asked.backbone} on {run.task.device}, {len(turns.trained)} steps: {ours:.3f} s, bare {bare:.3f} s")
    print(f"ratio {ours / bare:.2f}")


if __name__ == "__main__":
    main()
