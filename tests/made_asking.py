"""A study of a few people, a data set made of it, and networks that nobody trained, to be asked about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from click.testing import CliRunner, Result
from made_data import made_study
from random_networks import random_network, random_unet

from wbtools.cli import main
from wbtools.datasets import Item, Kind, write_data
from wbtools.datasets.images.volumes import ScanImage, VolumePreparation
from wbtools.model import card as cards
from wbtools.model.card import Card
from wbtools.model.families.ad3dcnn import AD3DCNN, AD3DCNNArchitecture
from wbtools.model.families.mrinet import MriNet, MriNetArchitecture
from wbtools.model.families.unet import UNetArchitecture

SHAPE = (30, 36, 30)
PEOPLE = tuple(f"10{number}" for number in range(8))
NOTICE = "trained on nothing; not for science"
RUN = {
    "run": 1,
    "recipe": "twins",
    "backbone": "unet",
    "settings": {},
    "options": {},
    "references": "none",
    "split": {"people": {"train": ["101"], "val": [], "test": ["100"]}, "how": "", "parts": {}, "seed": 1},
    "data_sha256": "",
    "init_sha256": "",
    "threads": 1,
    "torch": "",
}
"""The record of a run that learned from 101."""

KNOWN = {"validation_sensitivity": 0.9, "validation_specificity": 0.97, "validation_pairs": 20.0}


def ask(*words: object) -> Result:
    """`wbtools` in this process."""
    return CliRunner().invoke(main, list(map(str, words)))


def made_place(folder: Path) -> None:
    """`study/`, `data/`, `unet.pt`, `codes.pt` and `classes.pt` with their cards."""
    folder.mkdir()
    made_study(folder / "study", PEOPLE)
    card = Card("unet", "U-Net of the tests", "unet", shape=SHAPE, notice=NOTICE, performance=KNOWN)
    items = [
        Item(row, person, f"{person}.nii.gz", labels={"Age": str(20 + row), "sex": "MF"[row % 2]})
        for row, person in enumerate(PEOPLE)
    ]
    how = VolumePreparation(card)
    images = np.stack([how.make(ScanImage(image_of(folder / "study", person))).array for person in PEOPLE])
    write_data(folder / "data", Kind.VOLUMES, images, items, how.card)
    unet = random_unet(UNetArchitecture((8, 8, 16), attention=(2,), embedding=16))
    save(folder / "unet.pt", {"model_state_dict": unet.state_dict(), "threshold": 0.3}, card)
    codes = random_network(lambda: AD3DCNN(AD3DCNNArchitecture((2, 4), 4 * 6 * 4, 12, 2)))
    save(folder / "codes.pt", codes.state_dict(), replace(card, name="codes", family="ad3dcnn", performance={}))
    classes = random_network(lambda: MriNet(MriNetArchitecture(2, 2 * 2 * 2, 2)))
    named = replace(card, name="classes", family="mrinet", performance={}, classes=("F", "M"))
    save(folder / "classes.pt", classes.state_dict(), named)


def save(path: Path, content: object, card: Card) -> None:
    """A checkpoint with its card."""
    torch.save(content, path)
    cards.write(path.with_suffix(".json"), card)


def image_of(study: Path, person: str) -> Path:
    """A person's T1w image."""
    return study / person / "T1w" / "T1w_acpc_dc_restore_brain.nii.gz"
