"""A person with a planted region, exported as any person is: volume and surface pictures of what is known to be true.

    python benchmarks/planted_session.py WORK OUT      networks that benchmarks/planted.py kept in WORK

The built-in anatomy, not deformed, gets an individual field of intensity in the planted region and another one in the
decoy. The U-Net that has learned to tell twins by this region is given to `export-subject`; its maps, tables and
pictures are those of any export. OUT holds the sessions, and prints where the planted region's areas are ranked.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from planted import PLANTS, Case, trained

from wbtools.exporting.pipeline import export_subject
from wbtools.exporting.settings import ExportJob, ExportSettings
from wbtools.images import nifti
from wbtools.model import card as cards
from wbtools.model.card import Card
from wbtools.space.grid import Unit, Volume
from wbtools.space.resampling import resample_density
from wbtools.subject.demo import HCP_GRID, write_demo_subject
from wbtools.subject.layouts.hcp import SEGMENTATIONS, T1W
from wbtools.training.planted import Head, PlantedTwins, head_grid, mni_head

NOTICE = "planted region: group-average anatomy with a made-up field of intensity, no person"
GRID = HCP_GRID.with_spacing(1.4)


def person(study: Path, name: str, head: Head) -> None:
    """Write the built-in subject with the plant in its T1w."""
    folder = write_demo_subject(study, name, grid=GRID, variant="average")
    plant = PLANTS[name]
    twins = PlantedTwins(head, plant, seed=11)
    fields = twins.fields(twins.people(2)).numpy()[:, 0]
    labels = nifti.read_volume(folder / SEGMENTATIONS[0], Unit.LABEL).data
    factor = np.ones(labels.shape, np.float32)
    for keys, field in zip((plant.region, plant.decoy), fields, strict=True):
        fine = resample_density(Volume(np.ascontiguousarray(field), head_grid()), GRID).data
        factor += plant.strength * fine * np.isin(labels, keys)
    for path in (folder / name for name in T1W[:2]):
        t1w = nifti.read_volume(path)
        nifti.write_volume(path, Volume(t1w.data * factor.clip(0.1), t1w.grid), map_name="T1w")


def checkpoint(folder: Path, name: str, head: Head, work: Path) -> Path:
    """The trained network as a checkpoint with a card: it sees voxels of 6 mm over the usual field of view."""
    network, auc = trained(Case("unet", name, 0), head, work)
    x, y, z = (int(n) for n in np.rint(np.array(GRID.shape) * GRID.voxel_sizes / 6.0))
    card = Card(
        name="planted",
        title=f"U-Net that knows {name}",
        family="unet",
        shape=(x, y, z),
        orientation="RAS",
        notice=NOTICE,
    )
    path = folder / f"{name}.pt"
    torch.save({"model_state_dict": network.state_dict()}, path)
    cards.write(path.with_suffix(".json"), card)
    print(f"{name}: test AUC {auc:.3f}")
    return path


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder with the networks of benchmarks/planted.py")
    parser.add_argument("out", type=Path, help="folder for the sessions")
    given = parser.parse_args()
    head = mni_head()
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("superior-frontal", "thalamus"):
            person(Path(scratch), name, head)
            network = checkpoint(Path(scratch), name, head, given.work)
            job = ExportJob(name, Path(scratch), given.out, overwrite=True)
            done = export_subject(job, ExportSettings(models=(network,)))
            print(f"  {done.folder}")
            for row in done.rankings["planted"].rows[:10]:
                calibrated = row.null.rank if row.null else None
                print(f"  {row.rank:3} {row.region.name if row.region else '':22} calibrated {calibrated}")


if __name__ == "__main__":
    main()
