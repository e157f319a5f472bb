"""Levels of regions: the table of an export, against its volumes, its ranking, and formulas written here."""

import csv
import json

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from wbtools.attribution.evaluation.null_maps import FIRST_SEED
from wbtools.regions.levels import Levels

COLUMNS = ["key", "region", "hemisphere", "kind", "x", "y", "z", "level"]


def table(path):
    with path.open() as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def numbers(rows, column):
    return np.array([np.nan if row[column] == "n/a" else float(row[column]) for row in rows])


@pytest.fixture(scope="module")
def levels(exported):
    return table(exported[1] / "100307.unet.levels.tsv")


@pytest.fixture(scope="module")
def regions(exported):
    rows = table(exported[1] / "100307.unet.regions.tsv")
    return sorted((row for row in rows if row["key"] != "0"), key=lambda row: int(row["key"]))


@pytest.fixture(scope="module")
def plain(small_study, run_export, tmp_path_factory):
    """The folder of an export by a method without pooling, without randomised networks, under names of BIDS."""
    options = ("--method", "lrp", "--mesh", "native", "--no-render", "--threads", "1", "--naming", "bids")
    return run_export(small_study("LAS"), tmp_path_factory.mktemp("plain"), *options)[1].with_name("sub-100307")


@pytest.fixture(scope="module")
def both(small_study, run_export, tmp_path_factory):
    """The folder of an export by two methods, each compared with 4 randomised networks."""
    options = ("--method", "deviation", "--also", "gradient-x-difference", "--null", "4", "--mesh", "native")
    return run_export(small_study("LAS"), tmp_path_factory.mktemp("both"), *options, "--no-render")[1]


def test_there_is_a_row_for_every_region_in_the_order_of_keys(levels, regions):
    for column in ("key", "region", "hemisphere", "kind"):
        assert [row[column] for row in levels] == [row[column] for row in regions]
    assert len(levels) == 379


def test_columns_are_named_after_the_seeds_that_randomised_networks_have(levels):
    assert list(levels[0]) == [*COLUMNS, *(f"network_{seed}" for seed in range(FIRST_SEED, FIRST_SEED + 4))]


def test_places_are_centres_of_gravity_in_the_world_of_the_t1w(exported, levels):
    image = nibabel.load(exported[1] / "100307.HCP-MMP1+subcortex.T1w.nii.gz")
    labels = np.asarray(image.dataobj)
    centres = ndimage.center_of_mass(labels > 0, labels, [int(row["key"]) for row in levels])
    expected = nibabel.affines.apply_affine(image.affine, centres)
    found = np.column_stack([numbers(levels, axis) for axis in "xyz"])
    # Three decimals are written, and canonical grids are rounded to half of the last.
    np.testing.assert_allclose(found, expected, atol=0.0011)
    assert (np.isnan(found[:, 0]) == ~np.isin([int(row["key"]) for row in levels], labels)).all()


def test_levels_are_those_that_the_ranking_compares(levels, regions):
    """The table of regions has what follows from them: means of randomised networks, and z with its error."""
    mine = numbers(levels, "level")
    null = np.array([numbers(levels, f"network_{seed}") for seed in range(FIRST_SEED, FIRST_SEED + 4)])
    middle = np.nanmedian(numbers(regions, "abs_mean"))
    np.testing.assert_allclose(middle * 2 ** null.mean(0), numbers(regions, "null_mean"), rtol=1e-5)  # 6 digits
    error = numbers(regions, "null_sd") * np.sqrt(1 + 1 / 4)  # 4 decimals of the standard deviation, 3 of z
    np.testing.assert_allclose((mine - null.mean(0)) / error, numbers(regions, "z"), rtol=2e-3, atol=1e-3)
    assert np.nanmedian(mine) == 0 and np.abs(np.nanmedian(null, axis=1)).max() == 0


def test_without_a_comparison_the_level_is_that_of_the_mean_magnitude(plain):
    rows = table(plain / "anat/sub-100307_desc-unet_levels.tsv")
    assert list(rows[0]) == COLUMNS
    ranked = {row["key"]: row for row in table(plain / "anat/sub-100307_desc-unet_regions.tsv")}
    means = numbers([ranked[row["key"]] for row in rows], "abs_mean")
    np.testing.assert_allclose(numbers(rows, "level"), np.log2(means / np.nanmedian(means)), atol=1e-5)  # 6 digits
    density = np.abs(nibabel.load(plain / "anat/sub-100307_space-T1w_desc-unet_relevance.nii.gz").get_fdata())
    volume = plain / "anat/sub-100307_space-T1w_seg-HCPMMP1_desc-subcortex_dseg.nii.gz"
    labels = np.asarray(nibabel.load(volume).dataobj)
    keys = [int(row["key"]) for row in rows]
    there = np.isin(keys, labels)
    written = ndimage.mean(density, labels, np.array(keys)[there])
    expected = np.log2(written / np.median(written))
    np.testing.assert_allclose(numbers(rows, "level")[there], expected, atol=1e-4)  # volumes are float32


def test_bids_names_them_says_what_they_are_and_passes_them_over(plain):
    about = json.loads((plain / "anat/sub-100307_desc-unet_levels.json").read_text())
    assert "randomised networks" in about["Description"] and "median region" in about["level"]["Description"]
    assert "*_levels.*" in (plain.parent / ".bidsignore").read_text().splitlines()


def test_a_second_method_has_a_file_of_its_own_with_the_same_networks(both):
    first, second = (table(both / f"100307.unet{by}.levels.tsv") for by in ("", ".gradient-x-difference"))
    assert list(first[0]) == list(second[0]) and len(first[0]) == len(COLUMNS) + 4
    assert not np.array_equal(numbers(first, "level"), numbers(second, "level"), equal_nan=True)
    recorded = json.loads((both / "provenance.json").read_text())["outputs_sha256"]
    assert {"100307.unet.levels.tsv", "100307.unet.gradient-x-difference.levels.tsv"} <= set(recorded)


def test_networks_whose_map_has_no_relevance_in_half_of_the_regions_have_no_column():
    generator = np.random.default_rng(3)
    maps = generator.gamma(2.0, size=(7, 12))
    maps[2, :8] = 0  # the second randomised network
    maps[6] = 0  # could not be replaced
    maps[:, 4] = np.nan  # a region without voxels
    found = Levels.compared(maps, [11, 12, 13, 14, 15])
    assert found.seeds == (11, 13, 14, 15)
    for place, level in zip((0, 1, 3, 4, 5), (found.observed, *found.null), strict=True):
        np.testing.assert_allclose(level, np.log2(maps[place] / np.nanmedian(maps[place])), rtol=1e-12)
