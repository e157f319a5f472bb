"""How the built-in demonstration network is made: by wbtools' own commands, of made-up people whose marks are known.

`scripts/train-demo-network` writes a data set of such people with this module, has `wbtools train twins` learn from it
and `wbtools evaluate` measure what was learned, and puts checkpoint, card and reference brains into the package with
this module again.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wbtools.anatomy import Kind as RegionKind
from wbtools.datasets import DataSet, Item, Kind, write_data
from wbtools.exporting.preparation import find_tools
from wbtools.exporting.settings import ExportSettings
from wbtools.images import nifti
from wbtools.images.installed import installed_file
from wbtools.model import card as cards
from wbtools.model.card import Card
from wbtools.native import person
from wbtools.provenance import Provenance
from wbtools.space.grid import Unit
from wbtools.space.resampling import resample_labels
from wbtools.subject import demo, find, marks
from wbtools.training.planted import Head, Plant, PlantedTwins
from wbtools.training.synthetic_twins import HCP_GRID, Conditions, mni_template

SHAPE = (43, 51, 43)
"""Of the images: voxels of 4.2 mm, small enough for cortex and large enough to be learned in minutes."""

PAIRS, SCANS = 500, 2
"""Of twins, and of each of them."""

NAME = "demo_unet"
"""How the names of its files begin."""

REFERENCES = 5
"""Brains that others are compared with: as many as fit into a small package."""

_CORTEX = 1000  # FreeSurfer's keys of cortex are 1000 and more on the left, 2000 and more on the right
_AT_ONCE = 20
_SEED = 1


class MarkedTwins(PlantedTwins):
    """Draws people with the marks of the built-in subject's kind, and scans of them that differ in much else.

    Parameters
    ----------
    shape : tuple of int
        Of the images.
    seed : int

    Attributes
    ----------
    places : list of Tensor
        Of planted regions and decoy, how strongly each voxel changes with the field of each part, (P, X, Y, Z).
    """

    def __init__(self, shape: tuple[int, int, int] = SHAPE, seed: int = _SEED) -> None:
        card = Card(name="people", title="made-up people", family="unet", shape=shape)
        grid = HCP_GRID.reoriented(card.orientation).covering(shape)
        labels = nifti.read_volume(installed_file("wbtools", "data", "Avgwmparc.nii.gz"), Unit.LABEL)
        head = Head(mni_template(card), resample_labels(labels, grid).data.astype(np.int32))
        size = float(grid.voxel_sizes.mean())
        plant = Plant(marks.PLANTED.keys, marks.DECOY.keys, "intensity", spacing=marks.SPACING / size)
        # The built-in subject's deformation has the same size; shifts of 1 mm are what alignment leaves.
        conditions = Conditions(35 / size, per_scan=1.9 / size, degrees=2.0, shift=1 / size, bias=0.05)
        super().__init__(head, plant, conditions, seed)
        self.places = [
            torch.from_numpy(place.shares(labels, grid) * place.strengths[:, None, None, None])
            for place in (marks.PLANTED, marks.DECOY)
        ]

    def marks(self, people: Tensor) -> Tensor:
        """As in `PlantedTwins`, equally strong in each part whoever has it, as `subject.marks.marked` makes them."""
        change = torch.zeros(len(people), 1, *self.head.labels.shape)
        for controls, parts in zip((people, self._normal(*people.shape)), self.places, strict=True):
            field = self.fields(controls)
            for part in parts:
                size = ((part * field**2).sum((1, 2, 3, 4), keepdim=True) / part.sum()).sqrt()
                change += part * (field / size).clamp(-marks.MOST, marks.MOST)
        return change


def write_people(folder: Path, pairs: int = PAIRS, shape: tuple[int, int, int] = SHAPE, seed: int = _SEED) -> DataSet:
    """Write scans of twins as a data set that `wbtools train twins` learns from.

    Parameters
    ----------
    folder : Path
        Missing, or empty.
    pairs : int
    shape : tuple of int
    seed : int
    """
    twins = MarkedTwins(shape, seed)
    images: list[NDArray[np.float32]] = []
    items: list[Item] = []
    for start in range(0, pairs, _AT_ONCE):
        people = twins.people(min(_AT_ONCE, pairs - start))
        for side in "ab":
            for session in map(str, range(1, SCANS + 1)):
                for place, image in enumerate(twins.scans(people).numpy(), start):
                    person, twin = f"{place:03}{side}", f"{place:03}"
                    source = f"{person}-{session}"
                    items.append(Item(len(items), person, source, twin, session, labels={"twin": twin}))
                    images.append(image)
    card = {"orientation": "LAS", "intensity": "minmax", "skull_stripped": True, "shape": list(shape)}
    return write_data(folder, Kind.VOLUMES, np.stack(images), items, card, synthetic=True)


def regions_in(*places: marks.Place) -> tuple[tuple[str, ...], ...]:
    """Names of the regions of an export's atlas that lie in a place for the most part, in the group average.

    Of a cortical area only what FreeSurfer calls cortex counts: both have their own idea of where cortex ends.
    """
    with TemporaryDirectory() as study:
        folder = demo.write_demo_subject(Path(study), grid=HCP_GRID.with_spacing(1.0), variant="average")
        tools = find_tools(ExportSettings(render=False), Provenance({}))
        me = person.read(find(Path(study), folder.name), ("32k_fs_LR",), tools.projection)
    assert me.segmentation is not None  # of the built-in subject
    atlas, keys = me.atlas.whole, me.segmentation.data
    cortical = (keys >= _CORTEX) & (keys < 3 * _CORTEX)
    found: tuple[list[str], ...] = tuple([] for _ in places)
    for region in atlas.regions:
        here = atlas.volume.data == region.key
        known = keys[here & cortical] if region.kind is RegionKind.CORTEX else keys[here]
        for names, place in zip(found, places, strict=True):
            if len(known) and np.isin(known, place.keys).mean() > 0.5:
                names.append(region.name)
    return tuple(map(tuple, found))


def install(run: Path, metrics: Path, out: Path) -> Card:
    """Put a run's best checkpoint into the package, with its card and some reference brains.

    Parameters
    ----------
    run : Path
        Of `wbtools train twins`.
    metrics : Path
        `metrics.json` of `wbtools evaluate` on its test people.
    out : Path
        Folder of the package's data.
    """
    (figures,) = (each["figures"] for each in json.loads(metrics.read_text())["checkpoints"].values())
    trained = cards.read(run / "best-auc.json")
    planted, decoy = regions_in(marks.PLANTED, marks.DECOY)
    files = {run / "best-auc.pt": f"{NAME}.pt", run / trained.reference: f"{NAME}_reference.nii.gz"}
    for number, brain in enumerate(trained.references[:REFERENCES], 1):
        files[run / brain] = f"{NAME}_brain_{number}.nii.gz"
    card = replace(
        trained,
        name="unet",
        title="Built-in demonstration network: U-Net encoder, trained on made-up twins",
        training_data=(
            f"{trained.training_data.partition(': ')[2]}: made-up people, the MNI152 template under random "
            f"deformations with random changes of intensity in {marks.PLANTED.name}, which twins share, and, anew "
            f"for every scan, in {marks.DECOY.name}; no person's data"
        ),
        intended_use="to try wbtools; not for science, not for diagnosis",
        notice="built-in demonstration network: trained on made-up people with planted marks; not for science",
        performance={
            **trained.performance,
            **{f"test_{name}": round(figures[name]["value"], 4) for name in ("auc", "f1")},
        },
        provenance={"command": "scripts/train-demo-network", **trained.provenance},
        reference=f"{NAME}_reference.nii.gz",
        references=tuple(name for name in files.values() if "_brain_" in name),
        planted=planted,
        planted_in=marks.PLANTED.name,
        decoy=decoy,
        decoy_in=marks.DECOY.name,
        built_in=True,
    )
    for source, name in files.items():
        shutil.copyfile(source, out / name)
    cards.write(out / f"{NAME}.json", card)
    return card


def main() -> None:
    """The commands that `scripts/train-demo-network` runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    people = commands.add_parser("people", help="write the data set")
    people.add_argument("data", type=Path)
    people.add_argument("--pairs", type=int, default=PAIRS)
    installing = commands.add_parser("install", help="put what was trained into the package")
    installing.add_argument("run", type=Path)
    installing.add_argument("metrics", type=Path)
    installing.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "data", help="folder of the files")
    given = parser.parse_args()
    if given.command == "people":
        write_people(given.data, given.pairs)
    else:
        install(given.run, given.metrics, given.out)


if __name__ == "__main__":
    main()
