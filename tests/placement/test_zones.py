"""A carried segmentation fitted to tissue."""

import numpy as np

from wbtools.placement.tissue import GREY, LIQUID, WHITE
from wbtools.placement.zones import fitted
from wbtools.space.grid import Grid, Unit, Volume


def fit(labels, tissue):
    grid = Grid((1, 1, len(labels)), np.eye(4))
    carried, classes = (Volume(np.array([[row]], np.int32), grid, Unit.LABEL) for row in (labels, tissue))
    return fitted(carried, classes).data.ravel().tolist()


def test_tissue_beyond_the_carried_labels_belongs_to_the_nearest():
    assert fit([0, 0, 2010, 4010, 5002], [GREY, GREY, GREY, WHITE, WHITE]) == [42, 42, 42, 41, 41]


def test_white_matter_where_cortex_was_carried_is_white_matter():
    assert fit([1001, 1001, 3001], [GREY, WHITE, WHITE]) == [3, 2, 2]


def test_grey_matter_at_the_edge_of_a_deep_structure_is_no_cortex():
    assert fit([12, 3001, 3001, 3001, 1001], [GREY, GREY, WHITE, WHITE, GREY]) == [12, 2, 2, 2, 3]


def test_liquid_is_ventricle_where_a_ventricle_was_carried_and_nothing_elsewhere():
    assert fit([4, 4, 1001, 0], [LIQUID, WHITE, LIQUID, LIQUID]) == [4, 0, 0, 0]


def test_the_cerebellum_is_divided_as_it_was_carried_and_grows_over_its_tissue():
    assert fit([0, 8, 7, 46, 47, 0], [GREY, WHITE, GREY, WHITE, GREY, LIQUID]) == [8, 8, 7, 46, 47, 0]


def test_a_dark_lesion_inside_a_deep_structure_is_a_part_of_it_and_liquid_at_its_edge_is_not():
    tissue = [LIQUID, LIQUID, GREY, LIQUID, LIQUID, GREY, GREY, GREY]
    assert fit([0, 10, 10, 10, 10, 10, 10, 0], tissue)[1:7] == [0, 10, 10, 10, 10, 10]


def test_nothing_is_made_of_nothing():
    assert fit([0, 0], [GREY, WHITE]) == [0, 0]
