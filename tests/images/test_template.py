"""The template is read as nilearn gives it."""

import numpy as np

from wbtools.images.template import mni152


def test_template_is_that_of_nilearn():
    from nilearn.datasets import load_mni152_template

    theirs, ours = load_mni152_template(resolution=1), mni152()
    assert np.array_equal(np.clip(np.asarray(theirs.dataobj, np.float32), 0, None), ours.data)
    assert np.array_equal(theirs.affine, ours.grid.affine)
