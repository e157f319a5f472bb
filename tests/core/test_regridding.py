"""Shares of regions in a coarse grid's voxels are the adjoint of carrying a density to the labels' grid."""

import numpy as np
import pytest

from wbtools.errors import InputError
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.space.resampling import region_shares, resample_density

FINE = Grid((26, 30, 25), np.array([[-0.7, 0, 0, 5], [0, 0.7, 0, 1], [0, 0, 0.7, 2], [0, 0, 0, 1]]))
LABELS = Volume(np.random.default_rng(0).integers(0, 5, FINE.shape).astype(np.int32), FINE, Unit.LABEL)


@pytest.mark.parametrize("coarse", [FINE.covering((9, 10, 8)), FINE.reoriented("PSR").covering((9, 11, 8))])
def test_region_totals_equal_those_of_the_resampled_map(coarse):
    values = np.random.default_rng(1).normal(size=coarse.shape).astype(np.float32)
    shares = region_shares(LABELS, [4, 1, 2], coarse)
    density = resample_density(Volume(values / coarse.voxel_volume, coarse, Unit.DENSITY), FINE)
    expected = [density.data[LABELS.data == key].sum() * FINE.voxel_volume for key in (4, 1, 2)]
    totals = shares @ values.ravel()
    np.testing.assert_allclose(totals[:3], expected, rtol=1e-4)  # float32 sums of some 4,000 signed values
    assert totals.sum() == pytest.approx(values.sum(), rel=1e-4)
    np.testing.assert_allclose(shares.sum(0), 1, atol=1e-5)


def test_rotated_grids_are_rejected():
    turned = FINE.affine @ np.array([[0.9, -0.1, 0, 0], [0.1, 0.9, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    with pytest.raises(InputError, match="not parallel"):
        region_shares(LABELS, [1], Grid((5, 5, 5), turned))
