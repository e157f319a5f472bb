"""The MNI152 template, to which brains are registered when a common space is needed."""

from __future__ import annotations

from functools import cache

import numpy as np

from wbtools.space.grid import Grid, Volume

NAME = "MNI152 template (nilearn)"


@cache
def mni152() -> Volume:
    """The skull-stripped T1w MNI152 template (2009a, symmetric) that comes with nilearn; 1 mm voxels, read-only array.

    Examples
    --------
    >>> mni152().grid.orientation, mni152().data.shape
    ('RAS', (197, 233, 189))
    """
    from nilearn.datasets import load_mni152_template

    image = load_mni152_template(resolution=1)
    data = np.clip(np.asarray(image.dataobj, np.float32), 0, None)
    data.setflags(write=False)
    return Volume(data, Grid(image.shape, image.affine))
