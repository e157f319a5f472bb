"""
Open an export and read its ranking
===================================

``wbtools.open`` reads a finished export: the ranking of regions, the network's decision, whether its map may be
believed, and every file. Neither torch nor the person's scan is needed.

The person is the built-in subject (group-average anatomy with made-up marks, not a person), the network the built-in
demonstration network (not for science)::

    wbtools demo-subject study
    wbtools export-subject 100307 --study-folder study --out out
"""

# %%
# The verdict comes first
# -----------------------
# A map always looks plausible. The checks of its trust say whether it has more in it than the image and the
# architecture.

import matplotlib.pyplot as plt

import wbtools

export = wbtools.open("out/100307")
print(export.trust["verdict"])
for notice in export.notices:
    print(notice)

# %%
# The ranking
# -----------
# A row per region, by relevance. ``calibrated_rank`` orders regions by how far they stand out from networks with
# randomised weights; ``p_corrected`` is their share that has any region standing out as far.

columns = ["rank", "calibrated_rank", "z", "p_corrected", "volume_mm3", "share"]
first = export.table.sort_values("calibrated_rank").head(15)
first[columns].round(4)

# %%
# Regions against randomised networks
# -----------------------------------
# A level is the binary logarithm of a region's relevance relative to the median region: 1 is twice as much. Each grey
# dot is the same region in the map of a network with randomised weights.

levels = export.network().levels.loc[first.index[::-1]]
randomised = levels.filter(like="network_")

figure, axes = plt.subplots(figsize=(8, 6), layout="constrained")
for name, row in randomised.iterrows():
    axes.plot(row, [name] * len(row), "o", color="0.7", markersize=4)
stands_out = first["p_corrected"].reindex(levels.index) < 0.05
axes.scatter(
    levels["level"], levels.index, c=["tab:red" if each else "tab:blue" for each in stands_out], s=60, zorder=3
)
axes.plot([], [], "o", color="0.7", label=f"{randomised.shape[1]} networks with randomised weights")
axes.plot([], [], "o", color="tab:red", label="this network, p < 0.05 (corrected)")
axes.plot([], [], "o", color="tab:blue", label="this network, p >= 0.05")
axes.set(xlabel="level: log2 of relevance relative to the median region", title="made-up person, demonstration network")
axes.grid(axis="x", alpha=0.3)
figure.legend(loc="outside lower center", ncols=3, fontsize=9)

# %%
# What was planted
# ----------------
# The demonstration network was trained on made-up people whom only marks in some regions tell apart, so here, and only
# here, the answer is known.

planted = export.provenance["networks"]["unet"]["planted"]["planted"]
print(f"of the first 10 regions, {sum(name in planted for name in first.index[:10])} were planted")
