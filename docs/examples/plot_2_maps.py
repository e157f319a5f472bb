"""
Draw a map on slices and on the cortex
======================================

An export holds NIfTI volumes, GIFTI surfaces and a value per vertex, all in the person's own T1w space. nilearn draws
them; so does anything else that reads these formats.

The person is the built-in subject (group-average anatomy with made-up marks, not a person), the network the built-in
demonstration network (not for science)::

    wbtools demo-subject study
    wbtools export-subject 100307 --study-folder study --out out
"""

# %%
# Slices
# ------
# A ``Volume`` is an array on a ``Grid``; with the grid's affine it becomes an image of nibabel. Shown are the highest
# 10 % of the voxels that have any relevance.

import matplotlib.pyplot as plt
import nibabel
import numpy as np
from nilearn import plotting

import wbtools


def image(volume):
    """A volume as an image of nibabel."""
    return nibabel.Nifti1Image(np.asarray(volume.data, np.float32), volume.grid.affine)


export = wbtools.open("out/100307")
relevance = export.relevance
strongest = np.quantile(relevance.data[relevance.data > 0], 0.9)

figure = plt.figure(figsize=(10, 4))
plotting.plot_stat_map(
    image(relevance),
    bg_img=image(export.t1w),
    threshold=strongest,
    cmap="inferno",
    vmin=0,
    symmetric_cbar=False,
    cut_coords=(12, -30, -20),
    annotate=True,
    figure=figure,
    axes=(0, 0, 1, 0.88),
)
figure.suptitle("relevance, 1/mm3 (made-up person, demonstration network)")

# %%
# Cortex
# ------
# ``surface`` gives the mesh, ``metrics`` a value per vertex, ``sulc`` the sulcal depth that shades it. The inflated
# surface shows what folds hide.

meshes = {side: export.surface(side, "32k_fs_LR", "inflated") for side in "LR"}
maps = {side: export.metrics["32k_fs_LR"][side]["relevance"] for side in "LR"}
depth = {side.letter: values for side, values in export.sulc("32k_fs_LR").items()}
ceiling = np.percentile(np.concatenate(list(maps.values())), 99)

figure, axes = plt.subplots(2, 2, figsize=(10, 7), subplot_kw={"projection": "3d"})
for row, side in zip(axes, "LR", strict=True):
    for axis, view in zip(row, ("lateral", "ventral"), strict=True):
        plotting.plot_surf_stat_map(
            (meshes[side].vertices.copy(), meshes[side].triangles),  # nilearn moves what it draws
            maps[side],
            bg_map=depth[side],
            bg_on_data=True,
            hemi={"L": "left", "R": "right"}[side],
            view=view,
            threshold=ceiling / 3,
            vmin=0,
            vmax=ceiling,
            cmap="inferno",
            colorbar=False,
            axes=axis,
            figure=figure,
        )
        axis.set_title(f"{side}, {view}")
figure.suptitle("relevance on the inflated cortex (made-up person, demonstration network)")
figure.subplots_adjust(left=0, right=1, bottom=0, top=0.9, wspace=0, hspace=0.05)

# %%
# Pictures that Workbench drew
# ----------------------------
# The same maps, with borders of areas, are pictures in the export, and scenes to open in ``wb_view``.

for path in export.pictures:
    print(path.name)
print(f"wb_view -no-splash -scene-load {export.scene} 1")
