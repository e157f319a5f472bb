"""
Tutorial: an export in Jupyter
==============================

In 10 minutes: open an export in a notebook, see what it holds, ask its table and its images, and make a figure of your
own. Download this page as a notebook at its end, and go through it cell by cell.

The person is the built-in subject (group-average anatomy with made-up marks, not a person), the network the built-in
demonstration network (not for science). Make the export once, in the folder of the notebook::

    wbtools demo-subject study
    wbtools export-subject 100307 --study-folder study --out out
"""

# %%
# 1. Open it
# ----------
# An export shows itself: the network, its decision, whether the map may be believed, the overview picture, the first
# regions, and what every reader must know.

import matplotlib.pyplot as plt
import numpy as np

import wbtools

export = wbtools.open("out/100307")
export

# %%
# 2. See what it holds
# --------------------
# Files are read when they are asked for, and kept. A folder may be moved, zipped or read-only.

print(export.t1w)
print(export.relevance)
print(export.atlas.volume)
print(export.meshes, export.metrics["32k_fs_LR"]["L"].keys())

# %%
# 3. Ask the table
# ----------------
# ``table`` is a DataFrame of pandas, indexed by region. These are the areas of cortex in the left hemisphere with the
# highest calibrated rank.

table = export.table
left = table[(table["hemisphere"] == "L") & (table["kind"] == "cortex")]
left.sort_values("calibrated_rank")[["calibrated_rank", "z", "p_corrected", "score"]].head()

# %%
# 4. Ask the image
# ----------------
# Atlas and relevance lie on the same grid, so that a region's voxels are a comparison away. Relevance is a density
# (1/mm3): times the volume of a voxel, summed, it is the region's sum in the table.

key = int(table.loc["THALAMUS_LEFT", "key"])
inside = export.atlas.volume.data == key
total = export.relevance.data[inside].sum(dtype=float) * export.relevance.grid.voxel_volume
print(f"by hand {total:.6f}, in the table {table.loc['THALAMUS_LEFT', 'sum']:.6f}")

# %%
# 5. Make a figure
# ----------------
# Where in the brain does relevance lie, from back to front? The share of each millimetre, cortex apart from what lies
# below it.

kinds = table["kind"].drop("outside_atlas")
keys = {kind: table.loc[kinds.index[kinds == kind], "key"].astype(int) for kind in ("cortex", "subcortex")}
grid = export.relevance.grid
forward = grid.to_world(np.stack(np.indices((1, grid.shape[1], 1)), -1).reshape(-1, 3))[:, 1]
whole = export.relevance.total()

figure, axes = plt.subplots(figsize=(8, 3.5), layout="constrained")
for kind, colour in (("cortex", "tab:blue"), ("subcortex", "tab:orange")):
    density = np.where(np.isin(export.atlas.volume.data, keys[kind]), export.relevance.data, 0)
    share = density.sum(axis=(0, 2)) * grid.voxel_volume / grid.voxel_sizes[1] / whole
    axes.fill_between(forward, 100 * share, alpha=0.6, color=colour, label=kind)
axes.set(xlabel="back to front: y, mm", ylabel="relevance, % per mm", title="made-up person, demonstration network")
axes.legend()

# %%
# 6. Go on
# --------
# ``wbtools.open_batch`` reads a folder of exports in the same way. :doc:`/how-to/read-an-export` lists all that an
# export has, and :doc:`/how-to/interpret-a-map` says how far to trust what you see.
