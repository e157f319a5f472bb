"""The ranked table, against scipy.ndimage and by its own sums."""

import csv
import io

import numpy as np
import pytest
from scipy import ndimage

from wbtools.anatomy import Atlas, Hemisphere, Kind, Region
from wbtools.errors import InputError
from wbtools.grid import Grid, Unit, Volume
from wbtools.ranking import rank

GRID = Grid((12, 11, 10), np.diag([2.0, 2.0, 1.5, 1.0]))
REGIONS = (
    Region(3, "R_V1_ROI", Hemisphere.RIGHT, Kind.CORTEX, (1, 0, 0, 1)),
    Region(181, "L_V1_ROI", Hemisphere.LEFT, Kind.CORTEX, (0, 1, 0, 1)),
    Region(1016, "BRAIN_STEM", None, Kind.SUBCORTEX, (0, 0, 1, 1)),
)


def example(seed=0):
    random = np.random.default_rng(seed)
    labels = random.choice([0, 3, 181, 1016], size=GRID.shape).astype(np.int32)
    density = random.normal(0.2, 1, GRID.shape).astype(np.float32)
    return Volume(density, GRID, Unit.DENSITY), Atlas("example", REGIONS, Volume(labels, GRID, Unit.LABEL))


def test_sums_and_means_equal_scipys_labelled_statistics():
    relevance, atlas = example()
    keys = [region.key for region in REGIONS]
    means = dict(zip(keys, ndimage.mean(relevance.data.astype(float), atlas.volume.data, keys), strict=True))
    for row in rank(relevance, atlas).rows:
        assert row.mean == pytest.approx(means[row.region.key], rel=1e-9)
        assert row.total == pytest.approx(row.mean * row.volume, rel=1e-9)
        assert row.volume == pytest.approx(row.voxels * 6.0)


def test_the_shares_of_all_regions_and_of_the_outside_sum_to_one():
    ranking = rank(*example(1))
    assert sum(row.share for row in ranking.rows) + ranking.outside.share == pytest.approx(1, abs=1e-9)
    assert ranking.total == pytest.approx(example(1)[0].total(), rel=1e-6)


def test_ranks_follow_the_mean_and_the_best_region_scores_one():
    ranking = rank(*example(2))
    assert [row.rank for row in ranking.rows] == [1, 2, 3]
    assert sorted((row.mean for row in ranking.rows), reverse=True) == [row.mean for row in ranking.rows]
    assert ranking.rows[0].score == 1.0
    assert all(0 <= row.score <= 1 for row in ranking.rows)


def test_a_region_without_voxels_has_no_rank_and_comes_last():
    relevance, atlas = example()
    without = np.where(atlas.volume.data == 181, 0, atlas.volume.data).astype(np.int32)
    ranking = rank(relevance, Atlas("example", REGIONS, Volume(without, GRID, Unit.LABEL)))
    assert ranking.rows[-1].region.name == "L_V1_ROI"
    assert ranking.rows[-1].rank is None
    assert 181 not in ranking.scores()


def test_relevance_against_the_decision_scores_zero_but_keeps_its_sign():
    relevance, atlas = example()
    negative = Volume(-np.abs(relevance.data), GRID, Unit.DENSITY)
    ranking = rank(negative, atlas)
    assert all(row.score == 0 and row.mean < 0 < row.abs_mean for row in ranking.rows)


def test_the_table_can_be_read_back_and_names_the_network():
    rows = list(csv.DictReader(io.StringIO(rank(*example()).to_tsv("demo network", "lrp")), delimiter="\t"))
    assert len(rows) == 4
    assert rows[-1]["region"] == "outside_atlas"
    assert rows[-1]["rank"] == "n/a"
    assert {row["model"] for row in rows} == {"demo network"}
    assert {row["kind"] for row in rows} == {"cortex", "subcortex", "outside"}


def test_grids_that_differ_and_intensities_are_refused():
    relevance, atlas = example()
    with pytest.raises(InputError, match="grids"):
        rank(Volume(relevance.data, Grid(GRID.shape, np.diag([1.0, 2, 1.5, 1])), Unit.DENSITY), atlas)
    with pytest.raises(InputError, match="per mm3"):
        rank(Volume(relevance.data, GRID, Unit.INTENSITY), atlas)
