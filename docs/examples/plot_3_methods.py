"""
Compare methods on one person
=============================

Methods disagree, and how far they do is itself a result. ``wbtools.explain`` explains a network without writing
anything, so several methods can be put side by side in a minute.

The person is the built-in subject (group-average anatomy with made-up marks, not a person), the network the built-in
demonstration network (not for science)::

    wbtools demo-subject study
"""

# %%
# Four methods, one question
# --------------------------
# ``nulls=0`` leaves out the comparison with randomised networks, so no rank is calibrated: a quick look, not a result.

import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pandas as pd

import wbtools

methods = ["deviation-smooth", "lrp", "integrated-gradients", "gradient-x-input"]
subject = wbtools.find_subject("100307", "study")
network = wbtools.load_model()
explained = {
    name: wbtools.explain(network, subject, wbtools.ExportSettings(method=name, also="none", nulls=0, render=False))
    for name in methods
}
for name, explanation in explained.items():
    print(f"{name}: {explanation.trust.verdict}")

# %%
# The maps
# --------
# ``volumes`` are the maps on the T1w's grid. Each is scaled by its own 99.8th percentile, since methods have no common
# unit; what is weak is left transparent.

t1w = np.asarray(nibabel.load(subject.t1w).dataobj)
figure, axes = plt.subplots(2, 4, figsize=(11, 6.2), layout="constrained", facecolor="black")
for column, (name, explanation) in zip(axes.T, explained.items(), strict=True):
    relevance = explanation.volumes["relevance"]
    i, _, k = np.rint(relevance.grid.to_index(np.array([12.0, -30.0, -16.0]))).astype(int)
    ceiling = np.percentile(np.abs(relevance.data), 99.8)
    for axis, where in zip(column, (np.s_[:, :, k], np.s_[i]), strict=True):
        cut = relevance.data[where].T / ceiling
        axis.imshow(t1w[where].T, origin="lower", cmap="gray")
        axis.imshow(cut, origin="lower", cmap="seismic", vmin=-1, vmax=1, alpha=np.clip(2 * np.abs(cut), 0, 1) ** 2)
        axis.set_axis_off()
    column[0].set_title(name, fontsize=10, color="white")
figure.suptitle(
    "axial (the person's left is on the right) and sagittal; made-up person, demonstration network", color="white"
)

# %%
# Do they rank the same regions high?
# -----------------------------------
# Spearman's correlation of the regions' scores, and how many of each method's first 25 regions are among the 25 that
# were planted. The marks were planted in this network's training, so that a method can be judged; with a network of
# your own the answer is not known.

scores = pd.DataFrame(
    {name: {row.region.name: row.score for row in each.ranking.rows if row.region} for name, each in explained.items()}
)
planted = set(network.card.planted)
found = {name: len(planted & set(scores[name].nlargest(len(planted)).index)) for name in methods}

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
agreement = scores.corr("spearman")
left.imshow(agreement, vmin=0, vmax=1, cmap="viridis")
for (row, column), value in np.ndenumerate(agreement.to_numpy()):
    left.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if value < 0.6 else "black")
left.set_xticks(range(len(methods)), methods, rotation=20, ha="right")
left.set_yticks(range(len(methods)), methods)
left.set_title("agreement of methods (Spearman)")
right.barh(list(found), list(found.values()), color="tab:blue")
right.axvline(len(planted) ** 2 / len(scores), color="0.4", linestyle="--", label="by chance")
right.invert_yaxis()
right.set(xlim=(0, len(planted)), title=f"planted regions among the first {len(planted)}")
right.legend()
figure.suptitle("made-up person, demonstration network")
