"""One voxel of the built-in subject, from file to maps: the figures of docs/how-a-voxel-travels.md.

python benchmarks/voxel.py STUDY [I J K]       after an export of 100307 in STUDY, as scripts/demo makes it
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from wbtools import model
from wbtools.anatomy import Hemisphere
from wbtools.attribution import default, method
from wbtools.exporting.explanation import seen_by
from wbtools.images import gifti, nifti
from wbtools.native import cortex, person
from wbtools.native.cortex import STANDARD
from wbtools.space.grid import Grid, Unit
from wbtools.space.resampling import resample_density
from wbtools.subject import Subject, find
from wbtools.surfaces.ribbon.columns import Columns
from wbtools.surfaces.ribbon.weights import RibbonWeights

Index = tuple[int, int, int]
SIDE = Hemisphere.LEFT


def through_the_network(subject: Subject, grid: Grid, voxel: Index) -> None:
    """What the network is shown at the voxel's place, and the relevance that comes back."""
    network = model.built_in()
    image = seen_by(network, person.read_scan(subject))
    how = method("deviation")
    question = how.ask(network, (image,), default(network))
    there = image.grid.to_index(grid.to_world(np.array(voxel, float)))
    i, j, k = (round(number) for number in there.tolist())
    assert question.reference is not None
    print(f"on the network's grid: {np.round(there, 2)}, in voxel {i, j, k} of {image.grid.shape}")
    print(f"input {image.data[0, 0, i, j, k]:.4f}, reference brain {float(question.reference[0, 0, i, j, k]):.4f}")
    relevance = how.attribute(question, image).relevance
    print(f"score {relevance.total():.6f}; density there {relevance.data[i, j, k]:.4e} per mm3", end="")
    print(f" x {relevance.grid.voxel_volume:.3f} mm3 = {relevance.data[i, j, k] * relevance.grid.voxel_volume:.4e}")
    back = resample_density(relevance, grid)
    print(f"on the T1w grid: density {back.data[voxel]:.4e} x {grid.voxel_volume:.3f} mm3", end="")
    print(f" = {back.data[voxel] * grid.voxel_volume:.4e}; total {back.total():.6f}")


def on_the_cortex(subject: Subject, grid: Grid, voxel: Index, metric: Path) -> None:
    """The columns that the voxel lies in, and the maps of their vertices."""
    found = cortex.read(subject, STANDARD)
    white, pial = found.surfaces[SIDE, "white"], found.surfaces[SIDE, "pial"]
    maps = gifti.read_metrics(metric, SIDE)
    for columns in (Columns.THIN, Columns.THICK):
        shares = RibbonWeights.between(white, pial, grid, columns).matrix[:, [np.ravel_multi_index(voxel, grid.shape)]]
        for vertex in shares.nonzero()[0]:
            values = ", ".join(f"{name} {values[vertex]:.4g}" for name, values in maps.items())
            print(f"{columns.name.lower()} column of vertex {vertex}: share {shares[vertex, 0]:.4f}; {values}")


def main(study: Path, voxel: Index) -> None:
    """Print the voxel's figures in the order of the page."""
    out, subject = study / "derivatives" / "wbtools" / "100307", find(study, "100307")
    t1w = nifti.read_volume(subject.t1w)
    print(
        f"{subject.t1w.name}: voxel {voxel} of {t1w.grid.shape} ({t1w.grid.orientation}), value {t1w.data[voxel]:.1f}"
    )
    print(f"world {np.round(t1w.grid.to_world(np.array(voxel, float)), 2)} mm")
    through_the_network(subject, t1w.grid, voxel)
    for name, unit in (
        ("unet.relevance", Unit.DENSITY),
        ("HCP-MMP1+subcortex", Unit.LABEL),
        ("unet.heatmap", Unit.SCORE),
        ("unet.heatmap_smooth", Unit.SCORE),
    ):
        print(f"{name}: {nifti.read_volume(out / f'100307.{name}.T1w.nii.gz', unit).data[voxel]:.5g}")
    on_the_cortex(subject, t1w.grid, voxel, out / "100307.L.unet.32k_fs_LR.func.gii")


if __name__ == "__main__":
    i, j, k = (int(word) for word in sys.argv[2:] or ("133", "250", "171"))
    main(Path(sys.argv[1]), (i, j, k))
