"""HCP-MMP 1.0 on a FreeSurfer mesh: wbtools' route against the route over an annotation on fsaverage, Dice per area.

    python benchmarks/annotation.py \\
        --annotation lh.HCP-MMP1.annot rh.HCP-MMP1.annot \\
        --fsaverage fsaverage/surf/lh.sphere.reg fsaverage/surf/rh.sphere.reg \\
        --subject bert/surf/lh.sphere.reg bert/surf/rh.sphere.reg

Without --subject, on fsaverage's own vertices. The annotation's route gives each vertex the label of its nearest
neighbour on fsaverage, as FreeSurfer does. Vertices are weighted by their area on the sphere.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from nibabel.freesurfer import read_annot
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from wbtools.anatomy import Hemisphere
from wbtools.atlas import mmp
from wbtools.surfaces import files, standard
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.resampling import barycentric

KEYS = {area.name: area.key for area in mmp.regions()}


def main() -> None:
    options = read_options()
    found = []
    for place, side in enumerate(Hemisphere):
        template = unit(files.read_sphere(options.fsaverage[place], side))
        subject = unit(files.read_sphere(options.subject[place], side)) if options.subject else template
        labels = named(options.annotation[place], side)
        theirs = labels[cKDTree(template.vertices).query(subject.vertices)[1]]
        ball = meshes.read(standard.sphere_32k(side, "fsaverage"), side)
        ours = barycentric(ball, subject).labels(mmp.labels_32k(side))
        dice = per_area(ours, theirs, subject.vertex_areas(), side)
        found.append(dice)
        report(side.name.lower(), dice)
    report("both", np.concatenate(found))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("annotation", "fsaverage", "subject"):
        parser.add_argument(f"--{name}", nargs=2, type=Path, required=name != "subject", metavar=("LEFT", "RIGHT"))
    return parser.parse_args()


def unit(sphere: Mesh) -> Mesh:
    """A sphere with a radius of 100 mm."""
    length = np.linalg.norm(sphere.vertices, axis=1, keepdims=True)
    return Mesh((100 * sphere.vertices / length).astype(np.float32), sphere.triangles, sphere.hemisphere)


def named(path: Path, side: Hemisphere) -> NDArray[np.intp]:
    """Keys of the areas that an annotation names, with or without side and `_ROI`; 0 elsewhere."""
    labels, _, names = read_annot(path)
    bare = [name.decode().removesuffix("_ROI").removeprefix("L_").removeprefix("R_") for name in names]
    keys = np.array([KEYS.get(f"{side.letter}_{name}_ROI", 0) for name in bare] + [0])
    found: NDArray[np.intp] = keys[labels]  # -1, no label, is the last
    return found


def per_area(
    ours: NDArray[np.integer], theirs: NDArray[np.integer], weights: NDArray[np.floating], side: Hemisphere
) -> NDArray[np.float64]:
    """Dice coefficient of each of the side's areas, (180,)."""
    keys = [area.key for area in mmp.regions() if area.hemisphere is side]
    both = [weights[(ours == key) & (theirs == key)].sum() for key in keys]
    either = [weights[ours == key].sum() + weights[theirs == key].sum() for key in keys]
    dice: NDArray[np.float64] = 2 * np.array(both) / np.array(either)
    return dice


def report(name: str, dice: NDArray[np.float64]) -> None:
    """One line."""
    print(
        f"{name:>5}: median Dice {np.median(dice):.3f}, lowest 5 % {np.quantile(dice, 0.05):.3f}, "
        f"{(dice >= 0.85).mean():.0%} of {len(dice)} areas at .85 or more"
    )


if __name__ == "__main__":
    main()
