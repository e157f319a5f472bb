"""The shell pipeline's regions: a score for each, painted into voxels and onto vertices, by nibabel and scipy.

    python region_scores.py MAP ATLAS TABLE HEATMAP [LABELS METRIC ROI ...]

MAP and ATLAS are volumes on one grid. TABLE and HEATMAP are written; for every LABELS (label.gii) a METRIC of scores
and an ROI of what has a label.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage

relevance, atlas = (nibabel.load(path) for path in sys.argv[1:3])
keys = np.asarray(atlas.dataobj).astype(np.int32)
known = np.unique(keys[keys > 0])
means = ndimage.mean(relevance.get_fdata(dtype=np.float32), keys, known)
scores = np.zeros(int(known.max()) + 1, np.float32)
scores[known] = np.clip(means / means.max(), 0, None)
with Path(sys.argv[3]).open("w", encoding="utf-8") as stream:
    order = np.argsort(-scores[known])
    stream.writelines(f"{rank}\t{known[at]}\t{means[at]}\t{scores[known[at]]}\n" for rank, at in enumerate(order, 1))
nibabel.save(nibabel.Nifti1Image(scores[keys], relevance.affine), sys.argv[4])
for labels, metric, roi in zip(*(sys.argv[place::3] for place in (5, 6, 7)), strict=True):
    image = nibabel.load(labels)
    areas = image.agg_data().astype(np.int32)
    for path, values in ((metric, scores[areas]), (roi, (areas > 0).astype(np.float32))):
        array = nibabel.gifti.GiftiDataArray(values, "NIFTI_INTENT_NONE", datatype="NIFTI_TYPE_FLOAT32")
        nibabel.save(nibabel.gifti.GiftiImage(meta=image.meta, darrays=[array]), path)
