"""
A group of people
=================

``wbtools.open_batch`` reads a folder of exports as people x regions; ``wbtools.group.analyse`` says what their maps
have in common, compared with the same people's maps of randomised networks. Finished exports are enough: neither the
network nor anybody's scan is read again.

The people are made up (group-average anatomy, each deformed and marked in another way, no persons), the network is the
built-in demonstration network (not for science)::

    for k in 1 2 3 4 5 6; do wbtools demo-subject study --id p$k --person $k; echo p$k >> people.txt; done
    wbtools batch run people.txt --study-folder study --out people --mesh 32k --no-render --no-report
"""

# %%
# People and regions
# ------------------

import matplotlib.pyplot as plt

import wbtools
from wbtools.group import GroupSettings, analyse

batch = wbtools.open_batch("people")
scores = batch.measure("score")
print(batch, scores.shape)

# %%
# What they have in common
# ------------------------
# Regions are ranked by their mean level over people, the binary logarithm of relevance relative to the median region;
# intervals are by drawing people anew.

group = analyse(batch, GroupSettings(resamples=999))
for sentence in group.headline:
    print(sentence)
group.table[["rank", "rank_low", "rank_high", "ranked_level", "z", "p_corrected"]].head(10).round(3)

# %%
# Ranks with their intervals, beside each person
# ----------------------------------------------
# Overlapping intervals mean that the order may be chance. On the right are the scores of each person in the same
# regions.

first = group.table.sort_values("rank").head(20)
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 6), sharey=True, layout="constrained")
below, above = first["rank"] - first["rank_low"], first["rank_high"] - first["rank"]
left.errorbar(first["rank"], first.index, xerr=[below, above], fmt="o", color="tab:blue", ecolor="0.6", capsize=3)
left.invert_yaxis()
left.set(xlabel="rank, 95 % interval", title="the group")
left.grid(axis="x", alpha=0.3)
drawn = right.pcolormesh(list(batch.people), first.index, scores[first.index].T, cmap="inferno", vmin=0, vmax=1)
right.set(xlabel="person", title="each person")
figure.colorbar(drawn, ax=right, label="score, 1 = the person's first region")
figure.suptitle("six made-up people, demonstration network")

# %%
# Six people are few: see the notices. ``wbtools group people --out group`` writes the same as a page, with tables, mean
# maps and scenes.

for notice in group.notices:
    print(notice)
