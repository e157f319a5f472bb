"""Joining cortex and subcortex by rule."""

import numpy as np
import pytest

from wbtools.anatomy import Hemisphere, Kind, Region
from wbtools.atlas.native import join
from wbtools.errors import AtlasError
from wbtools.space.grid import Grid, Unit, Volume

GRID = Grid((4, 4, 4), np.diag([-1.0, 1.0, 1.0, 1.0]))
AREA = Region(300, "L_H_ROI", Hemisphere.LEFT, Kind.CORTEX, (1, 0, 0, 1))
HIPPOCAMPUS = Region(417, "HIPPOCAMPUS_LEFT", Hemisphere.LEFT, Kind.SUBCORTEX, (0, 1, 0, 1))


def labels(**keys):
    data = np.zeros(GRID.shape, np.int32)
    for place, key in keys.items():
        data[int(place[1:])] = key
    return Volume(data, GRID, Unit.LABEL)


def test_cortex_wins_conflicts_and_the_loss_is_counted():
    joined = join("x", labels(i0=300, i1=300), [AREA], 3, labels(i1=17, i2=17, i3=2), [(17, HIPPOCAMPUS)])
    assert joined.whole.volume.data[:, 0, 0].tolist() == [300, 300, 417, 0]
    assert joined.cortex.volume.data[:, 0, 0].tolist() == [300, 300, 0, 0]
    assert joined.overlap == {"HIPPOCAMPUS_LEFT": 16}
    assert joined.as_record()["hemisphere_conflicts"] == 3


def test_without_a_segmentation_the_atlas_is_cortex_alone():
    joined = join("x", labels(i0=300), [AREA], 0, None, [(17, HIPPOCAMPUS)])
    assert joined.whole is joined.cortex
    assert [region.name for region in joined.whole.regions] == ["L_H_ROI"]


def test_a_segmentation_on_another_grid_is_resampled():
    fine = GRID.covering((8, 8, 8)).reoriented("RAS")
    data = np.zeros(fine.shape, np.int32)
    data[-2:] = 17  # the right end in RAS is the first voxel in LAS
    joined = join("x", labels(i3=300), [AREA], 0, Volume(data, fine, Unit.LABEL), [(17, HIPPOCAMPUS)])
    assert joined.whole.volume.data[:, 0, 0].tolist() == [417, 0, 0, 300]


def test_surfaces_outside_the_image_are_reported():
    with pytest.raises(AtlasError, match="ribbon") as caught:
        join("x", labels(), [AREA], 0, None, [])
    assert "MNINonLinear" in caught.value.hint


def test_a_segmentation_without_any_structure_is_rejected():
    with pytest.raises(AtlasError, match="no subcortical structure"):
        join("x", labels(i0=300), [AREA], 0, labels(i1=1001), [(17, HIPPOCAMPUS)])
