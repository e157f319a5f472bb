"""What is laid over a person: brains in MNI152NLin6Asym, the space in which the S1200 average's surfaces lie.

The HCP's average segmentation, painted in the greys of a T1w image, is such a brain: its cortex is the surfaces' own.
TemplateFlow's T1w template of the same space is taken as a second image where it lies in TemplateFlow's folder; nothing
is fetched, since a program that reads people's scans should talk to nobody. nilearn's template is of another space
(ICBM 2009a), 2.8 mm off at the cortex, and its edges fit the surfaces less well (docs/evidence/lone-t1w.md).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from wbtools.images import nifti
from wbtools.images.installed import installed_file
from wbtools.space.grid import Unit, Volume

SPACE = "MNI152NLin6Asym"

_PAINTED = "the HCP's average segmentation (MNI152NLin6Asym), painted as a T1w image"
_FLOW = "tpl-MNI152NLin6Asym_res-01_desc-brain_T1w.nii.gz"
_BLUR = 0.6  # mm, standard deviation: cortex is a few voxels thick

_WHITE, _CORTEX, _LIQUID = 1.0, 0.68, 0.25
_GREYS = {
    0.95: (7, 46),  # white matter of the cerebellum
    0.93: (13, 52),
    0.92: (16,),
    0.9: (28, 60),
    0.82: (10, 49),
    0.8: (12, 51),
    0.72: (11, 50),
    0.7: (26, 58),
    0.5: (31, 63),
    0.6: (30, 62),
    0.3: (72,),
    1.0: (85, 251, 252, 253, 254, 255),
    0.68: (8, 47, 17, 53, 18, 54),
    0.25: (4, 5, 14, 15, 24, 43, 44),
}
"""Share of white matter's brightness of FreeSurfer's labels in a T1w image: the paler, the more myelin."""


@dataclass(frozen=True, eq=False)
class Template:
    """Brains of one space, brighter where a T1w image is.

    Parameters
    ----------
    images : tuple of Volume
        The first decides; another one helps.
    names : tuple of str
        What each is, for the record.
    """

    images: tuple[Volume, ...]
    names: tuple[str, ...]


def segmentation() -> Volume:
    """The HCP's average wmparc in MNI152NLin6Asym: FreeSurfer's labels, 1 mm."""
    return nifti.read_volume(installed_file("wbtools", "data", "Avgwmparc.nii.gz"), Unit.LABEL)


@cache
def painted() -> Volume:
    """The average segmentation in the greys of a T1w image, white matter 1; read-only.

    Examples
    --------
    >>> painted().data.shape, bool(0.9 < painted().data.max() <= 1.0)
    ((182, 218, 182), True)
    """
    from scipy.ndimage import gaussian_filter

    labels = segmentation()
    grey = np.zeros(int(labels.data.max()) + 1, np.float32)
    grey[1000:3000], grey[3000:] = _CORTEX, _WHITE
    for share, keys in _GREYS.items():
        grey[list(keys)] = share
    data = gaussian_filter(grey[labels.data], _BLUR)
    data[data < _LIQUID / 2] = 0  # what the blur left outside
    data.setflags(write=False)
    return Volume(data, labels.grid)


def template() -> Template:
    """The images that are there on this machine."""
    path = _in_templateflow()
    if path is None:
        return Template((painted(),), (_PAINTED,))
    return Template((painted(), nifti.read_volume(path)), (_PAINTED, f"TemplateFlow's {path.name}"))


def _in_templateflow() -> Path | None:
    """TemplateFlow's brain of this space, if it was fetched."""
    home = os.environ.get("TEMPLATEFLOW_HOME")
    try:
        folder = Path(home) if home else Path.home() / ".cache" / "templateflow"
        path = folder / f"tpl-{SPACE}" / _FLOW
        return path if path.is_file() and path.stat().st_size else None
    except (OSError, RuntimeError):  # a folder that may not be entered; nobody's home
        return None
