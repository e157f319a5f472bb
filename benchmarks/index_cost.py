"""What an index costs beside the network's bare forward passes over the same images.

python benchmarks/index_cost.py [IMAGES] [BACKBONE]       12 images of 86 x 103 x 86, the published U-Net by default
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from wbtools import model
from wbtools.asking.indexing import Work, here, make
from wbtools.attribution.runtime.device import usable
from wbtools.datasets import DataSet, Item, Kind, write_data
from wbtools.model import card as cards
from wbtools.model.card import Card
from wbtools.training.backbones import BACKBONES, Sizes

_SHAPE = (86, 103, 86)
_ROUNDS = 3


def made(folder: Path, count: int) -> DataSet:
    """A data set of noise."""
    images = np.random.default_rng(0).random((count, 1, *_SHAPE), np.float32)
    items = [Item(row, f"p{row}", f"p{row}.nii.gz") for row in range(count)]
    return write_data(folder, Kind.VOLUMES, images, items, {"orientation": "LAS", "intensity": "minmax"})


def bare(work: Work, device: torch.device) -> None:
    """The forward passes, and nothing else."""
    network = work.model.network.to(device)
    with torch.inference_mode():
        for rows in work.parts:
            network.raw(torch.from_numpy(np.asarray(work.data.images[rows])).to(device)).cpu()
    network.to("cpu")


def main(count: int = 12, backbone: str = "unet") -> None:
    """Print seconds and ratios, processor and wall clock, each the least of several rounds."""
    device = usable() or torch.device("cpu")
    found: dict[str, list[tuple[float, float]]] = {"bare": [], "index": []}
    with TemporaryDirectory() as folder:
        place, known = Path(folder), BACKBONES[backbone]
        torch.save(known.build(Sizes((1, *_SHAPE))).state_dict(), place / "net.pt")
        cards.write(place / "net.json", Card("net", "net", known.family, shape=_SHAPE))
        work = Work(made(place / "data", count), model.load(place / "net.pt"))
        for _ in range(_ROUNDS):
            for name in found:
                start = time.process_time(), time.perf_counter()
                if name == "bare":
                    bare(work, device)
                else:
                    make(work, place / "index.npz", here(work, device), overwrite=True)
                found[name].append((time.process_time() - start[0], time.perf_counter() - start[1]))
    (bare_cpu, bare_wall), (cpu, wall) = (tuple(map(min, zip(*found[name], strict=True))) for name in ("bare", "index"))
    print(f"{count} images of {' x '.join(map(str, _SHAPE))}, {backbone}, on {device}")
    print(f"processor: bare {bare_cpu:.2f} s, index {cpu:.2f} s, {cpu / bare_cpu:.3f} times")
    print(f"wall clock: bare {bare_wall:.2f} s, index {wall:.2f} s, {wall / bare_wall:.3f} times")


if __name__ == "__main__":
    given = dict(enumerate(sys.argv))
    main(int(given.get(1, "12")), given.get(2, "unet"))
