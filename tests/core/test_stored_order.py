"""In which order exports write voxels: that of the T1w's file, unless Workbench would draw such a file distorted."""

import nibabel
import numpy as np
import pytest

from wbtools.native.person import read_scan
from wbtools.subject import find

EVEN, UNEVEN = (2.0, 2.0, 2.0), (2.0, 2.4, 3.0)


def lone(folder, spacing, axes):
    """A T1w image of a gradient with so many mm between voxels, its axes in an order."""
    data = (
        np.random.default_rng(0).random((70, 60, 50)).astype(np.float32)
        + np.arange(70, dtype=np.float32)[:, None, None]
    )
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -np.array(spacing) * (np.array(data.shape) - 1) / 2
    image = nibabel.Nifti1Image(data, affine)
    wanted = nibabel.orientations.axcodes2ornt(axes)
    folder.mkdir()
    nibabel.save(
        image.as_reoriented(nibabel.orientations.ornt_transform(nibabel.io_orientation(affine), wanted)),
        folder / "sub-01_T1w.nii.gz",
    )
    return folder / "sub-01_T1w.nii.gz"


@pytest.mark.parametrize(
    ("spacing", "axes", "written"),
    [
        (EVEN, "PSR", "PSR"),
        (UNEVEN, "PSR", "LAS"),
        (UNEVEN, "RAS", "RAS"),
        (UNEVEN, "LAS", "LAS"),
        (UNEVEN, "AIL", "LAS"),
    ],
)
def test_volumes_are_written_in_the_order_of_the_file_unless_workbench_would_distort_them(
    tmp_path, spacing, axes, written
):
    path = lone(tmp_path / "scan", spacing, axes)
    scan = read_scan(find(path.parent, path.name))
    there = scan.as_stored(scan.t1w)
    assert there.grid.orientation == written
    assert any("draws distorted" in remark for remark in scan.remarks) == (axes != written)
    # nibabel as the oracle: the same values at the same places, whatever the order
    ours = nibabel.as_closest_canonical(nibabel.Nifti1Image(np.asarray(there.data), there.grid.affine))
    file = nibabel.as_closest_canonical(nibabel.load(path))
    assert np.array_equal(np.asanyarray(ours.dataobj), np.asanyarray(file.dataobj, np.float32))
    assert np.allclose(ours.affine, file.affine, atol=1e-3)
