"""The benchmark of a lone T1w: its figures against libraries, and a made person on a coarse grid."""

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from benchmark_modules import imported
from scipy.ndimage import center_of_mass
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score

from wbtools.anatomy import Hemisphere
from wbtools.space.grid import Grid
from wbtools.subject import find
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.ribbon.columns import Columns
from wbtools.surfaces.ribbon.weights import RibbonWeights
from wbtools.surfaces.standard import average_32k

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def figures():
    return imported("heads.figures")


@pytest.fixture(scope="module")
def atlases():
    """Two atlases that agree in most voxels; areas 1 to 5, structures 410 to 412; area 5 is not found."""
    rng = np.random.default_rng(3)
    truth = rng.choice([0, 1, 2, 3, 4, 5, 410, 411, 412], size=(9, 10, 11))
    found = np.where(rng.random(truth.shape) < 0.3, rng.permuted(truth), truth)
    return np.where(found == 5, 0, found), truth


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """A made person with 4 mm voxels, differently deformed from those of the benchmark."""
    looks = imported("heads.looks")
    made = replace(looks.PEOPLE[0], name="coarse", voxel=4.0, size=0.9, waves=(looks.Waves(38.0, 9.0),))
    return made, imported("heads.people").write_person(made, tmp_path_factory.mktemp("people"), native_frequency=8)


def test_dice_of_each_area_is_the_f1_score_of_scikit_learn(figures, atlases):
    found, truth = atlases
    keys = [1, 2, 3, 4, 5, 410, 411, 412]
    expected = f1_score(truth.ravel(), found.ravel(), labels=keys, average=None, zero_division=0)
    assert figures.area_dices(found, truth) == pytest.approx(dict(zip(keys, expected, strict=True)))


def test_cortex_and_structures_are_told_apart_and_summed_up_by_the_median(figures, atlases):
    found, truth = atlases
    row = figures.against(found, truth, np.diag([2.0, 1, 1, 1]))
    cortex = [(labels > 0) & (labels < 400) for labels in (truth, found)]
    each = f1_score(truth.ravel(), found.ravel(), labels=[1, 2, 3, 4, 5], average=None, zero_division=0)
    deep = f1_score(truth.ravel(), found.ravel(), labels=[410, 411, 412], average=None)
    assert row["cortex Dice"] == pytest.approx(f1_score(*(part.ravel() for part in cortex)))
    assert row["area Dice"] == pytest.approx(np.median(each))
    assert (row["lower quartile"], row["upper quartile"]) == pytest.approx(tuple(np.quantile(each, (0.25, 0.75))))
    assert row["subcortex Dice"] == pytest.approx(np.median(deep))


def test_the_same_area_is_counted_where_both_have_one(figures, atlases):
    found, truth = atlases
    both = (found > 0) & (truth > 0)
    assert figures.same_area(found, truth) == pytest.approx(accuracy_score(truth[both], found[both]))


def test_centroids_are_those_of_scipy_in_millimetres(figures, atlases):
    found, truth = atlases
    affine = nibabel.affines.from_matvec(np.array([[0, -2, 0], [1.5, 0, 0], [0, 0, 1]]), [5, 6, 7])
    here, there = (
        nibabel.affines.apply_affine(affine, center_of_mass(np.ones_like(labels), labels, [1, 2, 3, 4]))
        for labels in (found, truth)
    )
    distances = figures.centroid_distances(found, truth, affine)
    assert 5 not in distances  # it was not found
    assert [distances[key] for key in (1, 2, 3, 4)] == pytest.approx(np.linalg.norm(here - there, axis=1))


def test_ranks_and_maps_are_correlated_as_scipy_does(figures):
    rng = np.random.default_rng(4)
    truth, found = rng.random((2, 30))
    names = [f"region {number}" for number in range(30)]
    scores = dict(zip(names, found, strict=True)) | {"another": 1.0}
    expected = spearmanr(found, truth).statistic
    assert figures.rank_correlation(scores, dict(zip(names, truth, strict=True))) == pytest.approx(expected)
    mask = rng.random(30) < 0.6
    assert figures.voxel_correlation(found, truth, mask) == pytest.approx(pearsonr(found[mask], truth[mask]).statistic)


def test_shares_inside_two_surfaces_differ_by_the_ribbon_between_them():
    inside = imported("heads.filling").share_inside
    white, pial = icosphere(12, 20.0), icosphere(12, 23.0)
    affine = nibabel.affines.from_matvec(nibabel.eulerangles.euler2mat(0.2, 0.1, 0.3) * 2, [-30, -28, -31])
    grid = Grid((31, 30, 32), affine)
    ribbon = RibbonWeights.between(white, pial, grid, Columns.THIN, division=7)
    expected = np.zeros(grid.shape)
    expected.reshape(-1)[ribbon.voxels] = np.asarray(ribbon.shares.sum(axis=0)).ravel()
    found = inside(pial, grid, rays=7) - inside(white, grid, rays=7)
    assert np.abs(found - expected).max() < 0.15  # both sample a voxel by 49 or 343 points
    assert found.sum() == pytest.approx(expected.sum(), rel=0.002)


def test_the_made_people_do_not_fold_and_are_no_two_alike():
    smooth, strong = imported("heads.looks").PEOPLE
    assert smooth.folds(step=4.0) > 0.2
    assert strong.folds(step=4.0) > 0.2
    middle = np.zeros((1, 3))
    assert np.linalg.norm(smooth.upright(smooth.push(middle)) - strong.upright(strong.push(middle))) > 1


def test_pulling_undoes_pushing(person):
    looks, _ = person
    points = np.random.default_rng(2).uniform(-60, 60, (200, 3))
    assert np.abs(looks.pull(looks.push(points)) - points).max() < 0.05


def test_surfaces_of_a_made_person_are_the_average_pushed(person):
    looks, files = person
    subject = find(files.truth.parent, files.name)
    for side in Hemisphere:
        average = meshes.read(average_32k(side, "white_MSMAll"), side)
        found = meshes.read(subject.surfaces[side, "white", "32k_fs_LR"], side)
        assert np.abs(found.vertices - looks.push(average.vertices)).max() < 1e-3


def test_white_surface_encloses_the_brightest_tissue_and_the_pial_one_lies_in_the_mask(person):
    _, files = person
    subject = find(files.truth.parent, files.name)
    brain, mask = (nibabel.load(path) for path in (files.brain, files.mask))
    inside = imported("heads.filling").share_inside
    grid = Grid(brain.shape, brain.affine)
    white, pial = (
        sum(inside(meshes.read(subject.surfaces[side, kind, "32k_fs_LR"], side), grid) for side in Hemisphere)
        for kind in ("white", "pial")
    )
    data = brain.get_fdata()
    cortex = (pial - white) > 0.7
    fluid = (mask.get_fdata() > 0) & (pial < 0.01) & (nibabel.load(subject.segmentation).get_fdata() == 0)
    # White matter to cortex is 110 to 76; a bias field of a fifth and structures within lie in between.
    assert np.median(data[white > 0.99]) > 1.2 * np.median(data[cortex]) > 1.5 * np.median(data[fluid])
    assert (mask.get_fdata() > 0)[pial > 0.9].all()


def test_the_brain_alone_is_the_head_within_the_mask(person):
    looks, files = person
    head, brain, mask = (nibabel.load(path) for path in (files.head, files.brain, files.mask))
    inside = mask.get_fdata() > 0
    assert np.array_equal(brain.get_fdata(), np.where(inside, head.get_fdata(), 0))
    assert np.median(head.get_fdata()[~inside]) > 0  # noise, scalp and neck
    assert nibabel.aff2axcodes(head.affine) == tuple(looks.orientation)


def test_a_person_who_was_written_is_taken_from_the_folder(person):
    looks, files = person
    before = files.head.stat().st_mtime_ns
    assert imported("heads.people").write_person(looks, files.head.parents[2]) == files
    assert files.head.stat().st_mtime_ns == before
