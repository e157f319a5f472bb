"""
Explain a network of your own
=============================

Any network that takes one three-dimensional image and answers with a row of values can be explained. Here it is two
lines of arithmetic whose answer is known: it compares the brightness of the left half of the image with that of the
right half. So relevance must lie in the left hemisphere, and with the opposite sign in the right one.

The person is the built-in subject (group-average anatomy with made-up marks, not a person); the network is made up and
not for science::

    wbtools demo-subject study
"""

# %%
# Write it as a module
# --------------------
# A Python function ``build`` returns the network; its ``card`` says which images the network takes and what it answers.
# Axes are LAS: the first index grows to the person's left. Instead of a module, a file of ``torch.export`` or a
# checkpoint of a known family will do.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import wbtools

Path("halves.py").write_text('''
import torch


class Halves(torch.nn.Module):
    """Means of the left and the right half of the image."""

    def __init__(self):
        super().__init__()
        self.flatten = torch.nn.Flatten()
        self.sum = torch.nn.Linear(43 * 51 * 43, 2, bias=False)
        left = (torch.arange(43) > 21).float()[:, None, None].expand(43, 51, 43)
        right = (torch.arange(43) < 21).float()[:, None, None].expand(43, 51, 43)
        with torch.no_grad():
            self.sum.weight.copy_(torch.stack([left - right, right - left]).reshape(2, -1) / 47085)

    def forward(self, image):
        return self.sum(self.flatten(image))


def build():
    return Halves()


build.card = {"name": "halves", "title": "Left half against right half (made up, not for science)", "answer": "classes",
              "classes": ["left", "right"], "shape": [43, 51, 43], "orientation": "LAS", "intensity": "minmax"}
''')
network = wbtools.load_model("halves:build")
print(network.card.title)

# %%
# Explain it
# ----------
# What is explained is the answer for the class ``left``. The method is exact for linear networks.

subject = wbtools.find_subject("100307", "study")
settings = wbtools.ExportSettings(
    method="gradient-x-input", also="none", target=wbtools.Target("class", "left"), nulls=0, render=False
)
explanation = wbtools.explain(network, subject, settings)
for sentence in explanation.said:
    print(sentence)

# %%
# Look where relevance lies
# -------------------------
# Red speaks for the class, blue against it. The sum over each hemisphere's regions says the same in numbers.

relevance = explanation.attribution.relevance
i, j, k = np.rint(relevance.grid.to_index(np.array([0.0, -20.0, 10.0]))).astype(int)
ceiling = np.abs(relevance.data).max()
sums = {"L": 0.0, "R": 0.0}
for row in explanation.ranking.rows:
    if row.region and row.region.hemisphere:
        sums[row.region.hemisphere.letter] += row.total

figure, (axial, coronal, bars) = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
for axis, cut, title in ((axial, relevance.data[:, :, k], "axial"), (coronal, relevance.data[:, j], "coronal")):
    axis.imshow(cut.T[:, ::-1], origin="lower", cmap="RdBu_r", vmin=-ceiling, vmax=ceiling)
    axis.set_axis_off()
    axis.set_title(f"{title}, left is on the left")
bars.bar(list(sums), list(sums.values()), color=["tab:red", "tab:blue"])
bars.axhline(0, color="black", linewidth=0.8)
bars.set(title="relevance of each hemisphere's regions", xlabel="hemisphere")
figure.suptitle("a network that compares the halves of the image (made up)")
