"""Three slices as Workbench draws them in a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wbtools.drawing.shown_files import ShownFiles
from wbtools.drawing.slicing import Cut, thirds
from wbtools.workbench.scene.scene import VolumeView


def draw(view: VolumeView, files: ShownFiles, panel: NDArray[np.uint8]) -> None:
    """Draw the slices of a view, its layers over one another from below.

    Parameters
    ----------
    view : VolumeView
    files : ShownFiles
    panel : ndarray, (H, W, 3), uint8
        What the view takes of a picture; changed.
    """
    cut = Cut(view, *panel.shape[:2])
    parts = [panel[:, columns] for columns in thirds(panel.shape[1])]
    mixed = [np.zeros(part.shape, np.float32) for part in parts]
    for layer in reversed(view.layers):
        for below, values in zip(mixed, files.slices(layer, cut), strict=True):
            painted = files.paint(layer, values)
            share = layer.opacity * painted[..., 3:]
            below += (painted[..., :3] - below) * share
    for part, colours in zip(parts, mixed, strict=True):
        part[:] = (colours + 0.5).astype(np.uint8)
