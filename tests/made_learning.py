"""Data sets that can be learned from in seconds, and runs of `wbtools train` on them."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from click.testing import CliRunner, Result
from forked import Program
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from wbtools.cli import main
from wbtools.datasets import DataSet, Item, Kind, write_data

SHAPE = (12, 14, 12)
LARGER = (22, 24, 22)
"""The least that networks without padding take."""
CARD = {"orientation": "LAS", "intensity": "minmax", "skull_stripped": True}


def brains(count: int, seed: int = 0, shape: tuple[int, ...] = SHAPE) -> NDArray[np.float32]:
    """Blobs with a texture of their own inside an ellipsoid, (N, X, Y, Z), not scaled."""
    dice = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    inside = sum(axis**2 for axis in axes) < 0.8
    textures = [gaussian_filter(dice.normal(size=shape), 1.5) * 4 for _ in range(count)]
    return np.stack([inside * (1 + 0.4 * texture) for texture in textures]).astype(np.float32)


def made_twins(folder: Path, pairs: int = 10, seed: int = 0) -> DataSet:
    """Pairs of people who share a texture."""
    dice = np.random.default_rng(seed + 1)
    images: list[NDArray[np.float32]] = []
    items: list[Item] = []
    for pair, brain in enumerate(brains(pairs, seed)):
        for side in "ab":
            noisy = (brain * (1 + 0.03 * dice.normal(size=SHAPE))).clip(0)
            images.append((noisy / noisy.max())[None])
            person = f"{pair}{side}"
            items.append(Item(len(items), person, f"{person}.nii.gz", labels={"twin": f"pair {pair}"}))
    return write_data(folder, Kind.VOLUMES, np.array(images, np.float32), items, {**CARD, "shape": list(SHAPE)})


def made_classes(folder: Path, people: int = 40, seed: int = 0) -> DataSet:
    """People of two sexes, one of which has a brighter left half; raw intensities in the thousands."""
    images = 1000 * brains(people, seed, LARGER)[:, None].clip(0)
    items = []
    for row in range(people):
        sex = "MF"[row % 2]
        if sex == "M":
            images[row, :, : LARGER[0] // 2] *= 1.5
        items.append(Item(row, f"p{row}", f"p{row}.nii.gz", labels={"sex": sex}))
    return write_data(folder, Kind.VOLUMES, images, items, {**CARD, "shape": list(LARGER), "intensity": "raw"})


def train(*words: object) -> Result:
    """`wbtools train` in this process."""
    return CliRunner().invoke(main, ["train", *map(str, words)])


def killed_after(process: Program, run: Path, epochs: int, patience: float = 120) -> None:
    """Kill a run with SIGKILL soon after so many epochs, in the middle of the next."""
    end = time.monotonic() + patience
    while len(lines(run)) < epochs and time.monotonic() < end and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.15)
    assert process.poll() is None, process.communicate()[0]
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def lines(run: Path) -> list[dict[str, Any]]:
    """The log of a run, without what changes from run to run."""
    log = run / "log.jsonl"
    text = log.read_text() if log.exists() else ""
    found = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in found]


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    """The state dict in a checkpoint."""
    found: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    state: dict[str, torch.Tensor] = found.get("model_state_dict", found)
    return state


def same_weights(first: Path, second: Path) -> bool:
    """Whether two checkpoints have the same weights to the bit."""
    mine, its = weights(first), weights(second)
    return mine.keys() == its.keys() and all(torch.equal(mine[name], its[name]) for name in mine)


def made_pictures(folder: Path, each: int = 12, seed: int = 0) -> DataSet:
    """Pictures of three classes, stripes in three directions, 16 x 20 pixels."""
    dice = np.random.default_rng(seed)
    rows, columns = np.mgrid[:16, :20]
    images, items = [], []
    for row in range(3 * each):
        along = (rows, columns, rows + columns)[row % 3]
        stripes = 128 + 90 * np.sin(along + dice.uniform(0, 6)) + dice.normal(0, 15, along.shape)
        images.append(stripes.clip(0, 255).astype(np.uint8)[None])
        items.append(Item(row, f"p{row}", f"{row}.png", labels={"class": ("across", "down", "slant")[row % 3]}))
    return write_data(folder, Kind.PICTURES, np.array(images), items)


def made_slices(folder: Path, people: int = 16, seed: int = 0) -> DataSet:
    """Two slices of everybody, 48 x 48 pixels: halves that are alike but for noise."""
    dice = np.random.default_rng(seed)
    rows, columns = np.mgrid[:48, :48]
    tissue = ((rows - 24) / 20) ** 2 + ((columns - 10) / 22) ** 2 < 1
    images, items = [], []
    for row in range(2 * people):
        anatomy = 80 + 20 * gaussian_filter(dice.normal(size=(48, 48)), 3) * 6
        halves = [tissue * (anatomy + dice.normal(0, 3, (48, 48))).clip(1, 255) for _ in range(2)]
        images.append(np.array(halves).astype(np.uint8))
        items.append(Item(row, f"p{row // 2}", f"p{row // 2}/{row}.png"))
    return write_data(folder, Kind.SLICES, np.array(images), items)


def evaluate(*words: object) -> Result:
    """`wbtools evaluate` in this process."""
    return CliRunner().invoke(main, ["evaluate", *map(str, words)])
