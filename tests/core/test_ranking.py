"""The ranked table, against scipy.ndimage and by its own sums."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage, stats

from wbtools.anatomy import Atlas, Hemisphere, Kind, Region
from wbtools.errors import InputError
from wbtools.regions import RegionMeans, abs_means, calibrated, calibration, correlation, rank
from wbtools.regions.planted import Planted
from wbtools.regions.ranking import AgainstNull, NullSummary, Ranking, RegionRelevance
from wbtools.regions.second_ranking import ALSO_COLUMNS, AlsoRanked
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.text import tsv

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


def test_maps_that_are_pooled_rank_by_the_root_mean_square_before_that_and_keep_their_sums():
    relevance, atlas = example(2)
    squares = Volume(np.random.default_rng(5).gamma(0.3, size=GRID.shape).astype(np.float32), GRID, Unit.DENSITY)
    keys = [region.key for region in REGIONS]
    roots = np.sqrt(ndimage.mean(squares.data.astype(float), atlas.volume.data, keys))
    ranking = rank(relevance, atlas, squares)
    expected = sorted(zip(-roots, keys, strict=True))
    assert [row.region.key for row in ranking.rows] == [key for _, key in expected]
    np.testing.assert_allclose([row.score for row in ranking.rows], np.sort(roots)[::-1] / roots.max(), rtol=1e-6)
    sums = {row.region.key: row.total for row in rank(relevance, atlas).rows}
    assert {row.region.key: row.total for row in ranking.rows} == sums


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


def test_a_second_ranking_stands_in_more_columns_of_the_same_rows():
    relevance, atlas = example()
    first = rank(relevance, atlas)
    second = rank(Volume(relevance.data[::-1].copy(), GRID, Unit.DENSITY), atlas)
    assert [row.region for row in first.rows] != [row.region for row in second.rows]
    table = AlsoRanked("=other", second).beside(first, first.table("net", "lrp"))
    rows = list(csv.DictReader(io.StringIO(tsv(table)), delimiter="\t"))
    alone = list(csv.DictReader(io.StringIO(first.to_tsv("net", "lrp")), delimiter="\t"))
    assert [{name: row[name] for name in alone[0]} for row in rows] == alone, "the first columns stay as they are"
    assert set(rows[0]) - set(alone[0]) == set(ALSO_COLUMNS)
    assert {row["also_method"] for row in rows} == {"'=other"}, "no spreadsheet takes it for a formula"
    wanted = {row.region.name: row for row in second.rows}
    for row in rows[:-1]:
        assert row["also_rank"] == str(wanted[row["region"]].rank)
        assert float(row["also_mean"]) == pytest.approx(wanted[row["region"]].mean, rel=1e-5)  # six digits
        assert row["also_p_corrected"] == "n/a"
    assert (rows[-1]["region"], rows[-1]["also_rank"]) == ("outside_atlas", "n/a")
    assert float(rows[-1]["also_mean"]) == pytest.approx(second.outside.mean, rel=1e-5)


def test_grids_that_differ_and_intensities_are_refused():
    relevance, atlas = example()
    with pytest.raises(InputError, match="grids"):
        rank(Volume(relevance.data, Grid(GRID.shape, np.diag([1.0, 2, 1.5, 1])), Unit.DENSITY), atlas)
    with pytest.raises(InputError, match="per mm3"):
        rank(Volume(relevance.data, GRID, Unit.INTENSITY), atlas)


COUNT = 60


def many(levels):
    """A map whose regions, one voxel each and with keys in no order, have these levels in doublings."""
    grid = Grid((len(levels), 1, 1), np.diag([2.0, 1, 1, 1]))
    keys = np.random.default_rng(5).permutation(len(levels)) + 1
    regions = tuple(Region(int(key), f"AREA_{key}", None, Kind.CORTEX, (1, 0, 0, 1)) for key in keys)
    atlas = Atlas("many", regions, Volume(np.arange(1, len(levels) + 1, dtype=np.int32)[:, None, None], grid))
    return Volume(np.exp2(levels).astype(np.float32)[:, None, None], grid, Unit.DENSITY), atlas


def learned_nothing(random, count=9, regions=COUNT, heavy=False):
    """Levels (count, regions) of networks that differ from each other as wholes, and by chance in every region."""
    brain, places = random.normal(0, 2, regions), np.linspace(-1, 1, regions)
    scale = np.exp(random.normal(-1, 0.3, regions))
    noise = random.standard_t(8, (count, regions)) if heavy else random.normal(size=(count, regions))
    return brain + scale * noise + 0.5 * random.normal(size=(count, 1)) * places + random.normal(0, 3, (count, 1))


def values(levels):
    """Mean |relevance| of the regions, in the order of the keys of `many`."""
    return np.array([abs_means(*many(level)) for level in levels])


def compared(levels):
    return calibrated(rank(*many(levels[0])), values(levels)[0], values(levels)[1:])


def test_mean_magnitudes_come_in_the_order_of_the_keys_and_equal_the_tables():
    relevance, atlas = example()
    shuffled = Atlas("example", REGIONS[::-1], atlas.volume)
    rows = sorted(rank(relevance, atlas).rows, key=lambda row: row.region.key)
    # the means are weighted in single precision
    np.testing.assert_allclose(abs_means(relevance, shuffled), [row.abs_mean for row in rows], rtol=1e-6)


@pytest.mark.parametrize("turned", [False, True])
def test_means_on_a_coarse_grid_are_scipys_of_the_map_sampled_at_every_labelled_voxel(turned):
    random = np.random.default_rng(1)
    _, atlas = example()
    affine = np.diag([4.3, 3.9, 4.1, 1.0])
    if turned:  # a grid whose axes are not parallel to the atlas's
        affine[:2, :2] = [[4.2, -0.7], [0.7, 3.8]]
        affine[:3, 3] = 5, -3, 1
    coarse = Volume(random.normal(size=(5, 6, 3)).astype(np.float32), Grid((5, 6, 3), affine), Unit.DENSITY)
    matrix = np.linalg.inv(affine) @ GRID.affine
    magnitude = np.abs(coarse.data).astype(float)
    sampled = ndimage.affine_transform(
        magnitude, matrix[:3, :3], matrix[:3, 3], GRID.shape, order=0, mode="grid-constant"
    )
    keys = sorted(region.key for region in REGIONS)
    expected = ndimage.mean(sampled, atlas.volume.data, keys)
    np.testing.assert_allclose(abs_means(coarse, atlas), expected, rtol=1e-5)


def test_root_mean_squares_are_scipys_even_of_maps_whose_squares_are_too_small_for_a_float():
    relevance, atlas = example()
    keys = sorted(region.key for region in REGIONS)
    expected = np.sqrt(ndimage.mean(relevance.data.astype(float) ** 2, atlas.volume.data, keys))
    maps = np.stack([relevance.data, relevance.data * np.float32(1e-25)])
    found = RegionMeans.of(atlas, GRID).root_mean_squares(maps)
    np.testing.assert_allclose(found, [expected, 1e-25 * expected], rtol=1e-5)  # float32
    assert (RegionMeans.of(atlas, GRID).root_mean_squares(np.zeros((1, *GRID.shape), np.float32)) == 0).all()


def test_maps_of_another_size_have_no_means():
    with pytest.raises(InputError, match="grid"):
        RegionMeans.of(example()[1], GRID)(np.ones((1, 2, 3, 4)))


@pytest.mark.parametrize("heavy", [False, True])
def test_p_of_a_network_that_has_learned_nothing_is_uniform(heavy):
    random = np.random.default_rng(0)
    draws, networks = 300, 9
    lowest = []
    for _ in range(draws):
        levels = learned_nothing(random, networks + 1, heavy=heavy)
        levels -= np.median(levels, axis=1, keepdims=True)
        lowest.append(calibration.step_down(calibration.excesses(levels)).min())
    counts = np.bincount(np.rint(np.array(lowest) * (networks + 1)).astype(int), minlength=networks + 2)[1:]
    assert counts.sum() == draws
    # every p from 1 / 10 to 1 should be as frequent; a test that rejects one in a thousand
    assert stats.chisquare(counts).pvalue > 0.001


def test_p_of_single_regions_is_scipys_monte_carlo_test():
    random = np.random.default_rng(5)
    observed, null = random.normal(1, 1, 7), random.normal(size=(39, 7))
    for region in range(7):
        draws = iter(null[:, region])
        theirs = stats.monte_carlo_test(
            [observed[region]],
            lambda size, draws=draws: np.array([[next(draws)] for _ in range(size[0])]),
            lambda sample, axis: np.take(sample, 0, axis=axis),
            n_resamples=39,
            vectorized=True,
            alternative="greater",
        )
        ours = calibration.step_down(np.vstack((observed, null))[:, [region]])
        assert ours[0] == pytest.approx(theirs.pvalue)


def test_p_of_several_regions_is_that_of_westfall_and_youngs_definition():
    random = np.random.default_rng(6)
    values = random.normal(size=(20, 6))
    values[0, :2] += 3
    order, before = np.argsort(-values[0]), 0.0
    p = calibration.step_down(values)
    for place, region in enumerate(order):
        left = order[place:]
        as_high = sum(draw[left].max() >= values[0, region] for draw in values[1:])
        before = max(before, (1 + as_high) / 20)
        assert p[region] == before
    assert (np.diff(p[order]) >= 0).all()
    # never lower than that of the region alone, never higher than that against the maximum over all regions
    alone = (1 + (values[1:] >= values[0]).sum(0)) / 20
    largest = (1 + (values[1:].max(1)[:, None] >= values[0]).sum(0)) / 20
    assert (alone <= p).all() and (p <= largest).all()


def test_equal_statistics_have_equal_p_and_none_falls_below_the_lowest_possible():
    assert calibration.step_down(np.zeros((5, 3))).tolist() == [1, 1, 1]
    only = np.zeros((5, 3))
    only[0] = 1
    assert calibration.step_down(only).tolist() == [0.2, 0.2, 0.2]


def test_a_learned_region_ranks_first_and_is_significant_despite_the_background():
    random = np.random.default_rng(1)
    first, significant, raw = 0, 0, 0
    for _ in range(25):
        levels = learned_nothing(random, 25)
        used = int(np.argsort(levels[1:].mean(0))[COUNT // 3])
        levels[0, used] += 12 * (levels - np.median(levels, 1, keepdims=True))[1:, used].std()
        ranking = compared(levels)
        row = next(row for row in ranking.rows if row.region.key == used + 1)
        first += row.null.rank == 1
        raw += row.rank == 1
        significant += row in ranking.significant()
    assert first >= 20
    assert significant >= 15
    assert raw <= 15


def test_few_randomised_networks_cannot_make_a_region_significant():
    levels = learned_nothing(np.random.default_rng(3), 9)
    levels[0, 0] += 30
    ranking = compared(levels)
    assert ranking.null.lowest_p == pytest.approx(1 / 9)
    assert min(row.null.p for row in ranking.rows) == ranking.null.lowest_p
    assert not ranking.significant() and not ranking.null.enough


def test_what_maps_predict_of_a_further_one_is_scipys_t_test_of_one_against_many():
    random = np.random.default_rng(2)
    others = random.normal(size=(8, 50))
    others /= others.std(0, ddof=1)  # variances that agree are left as they are
    level = random.normal(size=50)
    t = stats.ttest_ind(level[None], others, equal_var=True).statistic
    expected = calibration.Expected.of(others)
    np.testing.assert_allclose((level - expected.mean) / expected.error, t, rtol=1e-9, atol=1e-12)


def test_19_of_20_further_maps_stay_below_the_limit():
    random = np.random.default_rng(2)
    # variances that have nothing in common, so that the quantile is that of 7 degrees of freedom
    levels = random.normal(size=(9, 20000)) * np.exp(random.normal(0, 3, 20000))
    expected = calibration.Expected.of(levels[1:])
    assert expected.freedom == pytest.approx(7, abs=0.5)
    # standard error of the share of 20,000 regions: .0015; shrinking is not exact for variances of this distribution
    assert np.mean(levels[0] < expected.limit) == pytest.approx(0.95, abs=0.006)


def test_parameters_of_simulated_variances_are_recovered():
    random = np.random.default_rng(3)
    prior, variance = 12.0, 0.3
    true = variance * prior / random.chisquare(prior, 20000)
    sample = true * random.chisquare(7, 20000) / 7
    drawn, freedom = calibration.moderated(sample, 7)
    assert freedom == pytest.approx(7 + prior, rel=0.05)
    expected = (prior * variance + 7 * sample) / (prior + 7)
    np.testing.assert_allclose(drawn, expected, rtol=0.05)  # as exact as 20,000 regions tell the prior
    # closer to the truth than the sample is, which is what they are for
    assert np.mean((np.log(drawn) - np.log(true)) ** 2) < 0.5 * np.mean((np.log(sample) - np.log(true)) ** 2)


@pytest.mark.parametrize("value", [1e-6, 1e-3, 0.2, 1.0, 17.0, 1e6])
def test_degrees_of_freedom_solve_their_equation(value):
    from scipy.special import polygamma

    assert polygamma(1, calibration._inverse_trigamma(value)) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("kinds", [3, 40, 10**6])
def test_ranks_and_their_correlation_are_scipys(kinds):
    first, second = np.random.default_rng(0).integers(0, kinds, (2, 500)) / 7
    np.testing.assert_array_equal(correlation.ranks(first), stats.rankdata(first))
    assert correlation.spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic, rel=1e-12)
    assert np.isnan(correlation.spearman(first, np.ones(500)))


def test_equal_variances_are_pooled():
    drawn, freedom = calibration.moderated(np.full(30, 0.25), 7)
    assert np.isinf(freedom)
    assert np.ptp(drawn) == 0


def test_unit_and_strength_of_maps_do_not_matter():
    random = np.random.default_rng(4)
    levels = learned_nothing(random)
    louder = levels + np.arange(len(levels))[:, None]
    ours, theirs = ({row.region.key: row.null for row in compared(scale).rows} for scale in (levels, louder))
    for key, null in ours.items():
        assert theirs[key].z == pytest.approx(null.z, abs=1e-4)
        assert theirs[key].mean == pytest.approx(null.mean, rel=1e-4)


def test_the_null_mean_is_on_the_scale_of_the_networks_own_mean():
    random = np.random.default_rng(6)
    levels = learned_nothing(random)
    levels[:] = levels[1]
    levels[0] += 3
    for row in compared(levels + random.normal(0, 1e-4, levels.shape)).rows:
        # nine levels, each off by some 1e-4 doublings, and the medians of the maps
        assert row.null.mean == pytest.approx(row.abs_mean, rel=1e-3)


def test_table_shows_raw_and_calibrated_ranks_side_by_side():
    ranking = compared(learned_nothing(np.random.default_rng(7)))
    rows = list(csv.DictReader(io.StringIO(ranking.to_tsv("net", "lrp")), delimiter="\t"))
    assert list(rows[0])[-5:] == ["null_sd", "excess", "z", "p_corrected", "calibrated_rank"]
    inside = [row for row in rows if row["rank"] != "n/a"]
    assert sorted(int(row["calibrated_rank"]) for row in inside) == list(range(1, COUNT + 1))
    by_rank = sorted(inside, key=lambda row: int(row["calibrated_rank"]))
    excess = [float(row["excess"]) for row in by_rank]
    assert excess == sorted(excess, reverse=True)
    p = [float(row["p_corrected"]) for row in by_rank]
    assert p == sorted(p)
    for row in inside:
        assert (float(row["excess"]) > 0) <= (float(row["z"]) > 1.6)
    assert [int(row["rank"]) for row in inside] == list(range(1, COUNT + 1))
    assert rows[-1]["z"] == "n/a"
    without = list(csv.DictReader(io.StringIO(rank(*example()).to_tsv("net", "lrp")), delimiter="\t"))
    assert {row["calibrated_rank"] for row in without} == {"n/a"}


def test_regions_without_voxels_and_maps_without_relevance_are_not_compared():
    random = np.random.default_rng(8)
    relevance, atlas = many(learned_nothing(random)[0])
    null = random.random((8, COUNT))
    labels = atlas.volume.data.copy()
    labels[0] = 0
    without = Atlas("many", atlas.regions, Volume(labels, atlas.volume.grid))
    ranking = calibrated(rank(relevance, without), abs_means(relevance, without), null)
    assert [row.region.key for row in ranking.rows if row.null is None] == [1]
    observed = abs_means(relevance, atlas)
    dead = null.copy()
    dead[3] = 0
    assert calibrated(rank(relevance, atlas), observed, dead).null.networks == 7
    assert calibrated(rank(relevance, atlas), observed, dead * (np.arange(8) < 4)[:, None]).null is None
    assert calibrated(rank(relevance, atlas), 0 * observed, null).null is None
    with pytest.raises(InputError, match="do not fit"):
        calibrated(rank(relevance, atlas), observed, null[:, 1:])
    with pytest.raises(InputError, match="do not fit"):
        calibrated(rank(relevance, atlas), observed, null[:3])


def _row(name, rank, calibrated=None, p=1.0):
    region = Region(rank, name, None, Kind.CORTEX, (1, 0, 0, 1))
    null = None if calibrated is None else AgainstNull(1.0, 1.0, 1.0, 2.0, p, 0.5, calibrated)
    return RegionRelevance(region, 9, 1.0, 1.0, 1.0, 1.0, 0.1, 0.5, rank, null)


def test_what_was_planted_is_found_by_calibrated_rank_where_there_is_one():
    rows = (
        _row("A", 1, 4),
        _row("B", 2, 2, 0.03),
        _row("C", 3, 1),
        _row("D", 4, 3, 0.04),
        _row("E", 5, 6),
        _row("F", 6, 5),
    )
    outside = RegionRelevance(None, 9, 1.0, 1.0, 1.0, 1.0, 0.4, 0.0, None)
    ranking = Ranking(rows, outside, 1.0, NullSummary(24, 1.0, 0.5, 9.0))
    found = Planted.of(ranking, ("E", "A", "B", "not in this atlas"), ("F", "D"))
    assert found.sentences() == (
        "Planted: 3 of 4 regions, the rest without a rank in this atlas; 2 of the first 5 places by calibrated rank: "
        "B (2, p 0.03), A (4, p 1), E (6, p 1)",
        "Planted among the regions that stand out (p < .05, corrected): 1 of 2; planted and not standing out: 3 of 4",
        "Decoy: 2 regions; the first of them by calibrated rank: D (3, p 0.04)",
        "The rank orders all regions of this map, and some region always comes first; p says how often a randomised "
        "network has a region that stands out as far: from .05 on, a high rank alone is no evidence.",
    )
    named = replace(found, planted_in="the thalamus", decoy_in="the insula").sentences()
    assert named[0].startswith("Planted: the thalamus (3 of 4 regions, the rest without a rank in this atlas); 2 of")
    assert named[2].startswith("Decoy: the insula (2 regions); the first of")
    record = {"places": "calibrated", "planted": {"B": 2, "A": 4, "E": 6}, "decoy": {"D": 3, "F": 5}}
    assert found.as_record() == record
    bare = replace(ranking, rows=tuple(replace(row, null=None) for row in rows), null=None)
    said = Planted.of(bare, ("E", "A"), ()).sentences()
    assert said == ("Planted: 2 regions; 2 of the first 5 places by rank: A (1), E (5)",)
    lacking = replace(Planted.of(bare, ("E",), ("of another atlas",)), decoy_in="the insula").sentences()
    assert lacking[1] == "Decoy: the insula (1 region without a rank in this atlas)"
    assert Planted.of(ranking, (), ("F",)) is None and Planted.of(ranking, ("of another atlas",), ()) is None
