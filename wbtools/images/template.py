"""The MNI152 template, to which brains are registered when a common space is needed."""

from __future__ import annotations

from functools import cache

import numpy as np

from wbtools.images import nifti
from wbtools.images.installed import installed_file
from wbtools.space.grid import Volume

NAME = "MNI152 template (nilearn)"
_FILE = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


@cache
def mni152() -> Volume:
    """The skull-stripped T1w MNI152 template (2009a, symmetric) that comes with nilearn; 1 mm voxels, read-only array.

    Examples
    --------
    >>> mni152().grid.orientation, mni152().data.shape
    ('RAS', (197, 233, 189))
    """
    # As nilearn.datasets.load_mni152_template gives it, without its import, which takes longer than reading.
    stored, _ = nifti.read_with_remarks(installed_file("nilearn", "datasets", "data", _FILE))
    data = np.asarray(stored.data, np.float32)
    data = np.clip(data / data.max(), 0, None)
    data.setflags(write=False)
    return Volume(data, stored.grid)
