"""Labels of further sources on a person's grid: found, moved between templates, laid over a segmentation."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from made_labels import spheres, write_hypothalamus, write_volume

from wbtools.anatomy import Hemisphere, Kind, Region
from wbtools.atlas.cortical import CorticalAtlas
from wbtools.atlas.deep import label_files
from wbtools.atlas.deep.known_sources import SOURCES
from wbtools.atlas.deep.label_files import locate
from wbtools.atlas.deep.placing import placed_labels
from wbtools.atlas.deep.spelling import sources_named
from wbtools.atlas.deep.template_spaces import between
from wbtools.atlas.deep.template_warp import Warp, affine_warp, image_warp
from wbtools.atlas.native import join
from wbtools.atlas.subcortex import SUBCORTEX_OFFSET, subcortex_regions
from wbtools.errors import AtlasError, InputError
from wbtools.images import cifti
from wbtools.images.cifti import Greyordinates
from wbtools.images.template import mni152
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.space.resampling import resample_labels
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.standard import average_32k

GRID = Grid((60, 60, 50), [[-1.0, 0, 0, 30], [0, 1, 0, -35], [0, 0, 1, -30], [0, 0, 0, 1]])
AREA = Region(300, "L_H_ROI", Hemisphere.LEFT, Kind.CORTEX, (1, 0, 0, 1))
SOURCE = CorticalAtlas("x", "X 1.0", lambda: (AREA,), lambda side: np.zeros(32492, np.int32), "Cite X.")
STRUCTURES = [(region.key - SUBCORTEX_OFFSET, region) for region in subcortex_regions()]
THALAMI = {10: (-9.0, -18.0, 6.0, 8.0), 49: (9.0, -18.0, 6.0, 8.0)}
VENTRAL = {28: (-6.0, -8.0, -11.0, 7.0), 60: (6.0, -8.0, -11.0, 7.0)}


@pytest.fixture(autouse=True)
def without_t1prep(monkeypatch):
    """What somebody has installed decides nothing here."""
    monkeypatch.setattr(label_files, "package_folder", lambda: None)


def volume(places, grid=GRID):
    return Volume(spheres(grid.affine, grid.shape, places).astype(np.int32), grid, Unit.LABEL)


def cortex():
    data = np.zeros(GRID.shape, np.int32)
    data[:, :, -1] = 300
    return Volume(data, GRID, Unit.LABEL)


def as_it_is():
    """The person is the template."""
    return Warp(lambda labels, space: resample_labels(labels, GRID), "MNI152NLin2009cAsym", "nothing")


def unwanted():
    raise AssertionError("labels of the person need no template")


def joined(text, segmentation, folder=None, warp=as_it_is, ribbon=None):
    deep = placed_labels(sources_named(text), folder, GRID, warp)
    return join(SOURCE, ribbon or cortex(), 0, segmentation, STRUCTURES, deep)


def keys(atlas, name):
    found = next(region.key for region in atlas.whole.regions if region.name == name)
    return atlas.whole.volume.data == found


def user_file(folder, labels, table, space="T1w", name="mine"):
    path = write_volume(folder / f"{name}_space-{space}_dseg.nii.gz", labels.data, labels.grid.affine)
    path.with_name(f"{name}_space-{space}_dseg.tsv").write_text(table)
    return path


# ------------------------------------------------------------------------------------------------------------ added


def test_the_hypothalamus_takes_ventral_diencephalon_and_free_voxels_and_no_fluid(tmp_path):
    folder = write_hypothalamus(tmp_path)
    segmentation = volume({**THALAMI, **VENTRAL, 14: (0.0, -4.0, -10.0, 2.5), 2: (-13.0, -4.0, -10.0, 3.0)})
    atlas = joined(f"hypothalamus={folder}", segmentation)
    ball = volume({1: (-6.0, -4.0, -10.0, 5.0)}).data > 0
    left = keys(atlas, "HYPOTHALAMUS_LEFT")
    assert (left == (ball & (segmentation.data != 14))).all()
    assert left[segmentation.data == 2].any() and left[segmentation.data == 28].any()
    ventral = keys(atlas, "DIENCEPHALON_VENTRAL_LEFT")
    assert (ventral == ((segmentation.data == 28) & ~left & (segmentation.data != 14))).all()
    assert "papers" in atlas.as_record()["label_sources"][0] and not atlas.remarks


def test_cortex_wins_over_further_labels_and_the_loss_is_counted(tmp_path):
    folder, ribbon = write_hypothalamus(tmp_path), cortex()
    ribbon.data[volume({1: (-10.0, -4.0, -10.0, 3.0)}).data > 0] = 300
    atlas = joined(f"hypothalamus={folder}", volume({**THALAMI, **VENTRAL}), ribbon=ribbon)
    assert not keys(atlas, "HYPOTHALAMUS_LEFT")[ribbon.data > 0].any()
    assert atlas.overlap["HYPOTHALAMUS_LEFT"] > 0


def test_without_a_segmentation_further_labels_are_all_there_is(tmp_path):
    atlas = joined(f"hypothalamus={write_hypothalamus(tmp_path)}", None)
    assert [region.name for region in atlas.whole.regions] == ["L_H_ROI", "HYPOTHALAMUS_LEFT", "HYPOTHALAMUS_RIGHT"]
    assert set(np.unique(atlas.segmentation.data)) == {0, 28, 60}


def test_dense_files_count_the_hypothalamus_to_the_ventral_diencephalon(tmp_path):
    segmentation = volume({**THALAMI, **VENTRAL})
    atlas = joined(f"hypothalamus={write_hypothalamus(tmp_path)}", segmentation)
    left = keys(atlas, "HYPOTHALAMUS_LEFT")
    assert (atlas.segmentation.data[left] == 28).all()
    assert (atlas.segmentation.data == segmentation.data)[~left & ~keys(atlas, "HYPOTHALAMUS_RIGHT")].all()


def test_pairs_of_regions_have_parcels_of_parts_of_structures(tmp_path):
    regions = [AREA, Region(601, "THALAMUS_AV_LEFT", Hemisphere.LEFT, Kind.SUBCORTEX, (0, 1, 0, 1))]
    voxels = np.array([[20, 20, 20], [21, 20, 20]])
    mask = {side: np.array([True, True, False]) for side in Hemisphere}
    rows = Greyordinates(mask, volume(THALAMI), {"THALAMUS_AV_LEFT": voxels})
    labels = {side: np.array([300, 300, 0]) for side in Hemisphere}
    cifti.write_pconn(tmp_path / "x.pconn.nii", np.eye(2, dtype=np.float32), labels, regions, rows)
    parcels = nibabel.load(tmp_path / "x.pconn.nii").header.get_axis(0)
    assert parcels.name.tolist() == ["L_H_ROI", "THALAMUS_AV_LEFT"]
    assert parcels.voxels[1].tolist() == voxels.tolist() and not len(parcels.voxels[0])
    assert parcels.vertices[0]["CIFTI_STRUCTURE_CORTEX_LEFT"].tolist() == [0, 1]


def test_nothing_changes_without_further_sources():
    segmentation = volume({**THALAMI, **VENTRAL})
    plain = join(SOURCE, cortex(), 0, segmentation, STRUCTURES)
    assert placed_labels((), None, GRID, unwanted) == () and plain.segmentation is None
    assert "label_sources" not in plain.as_record() and len(plain.whole.regions) == 20
    # the structures as the segmentation has them, but for cortex
    expected = np.where(segmentation.data, segmentation.data + SUBCORTEX_OFFSET, cortex().data)
    assert (plain.whole.volume.data == expected).all()


# ---------------------------------------------------------------------------------------------------------- divided


def nuclei(folder, places, name="ThalamicNuclei.v13.T1.mgz", grid=GRID):
    labels = volume(places, grid)
    return write_volume(folder / "mri" / name, labels.data, labels.grid.affine)


def test_a_persons_own_nuclei_replace_the_thalamus_and_need_no_template(tmp_path):
    nuclei(tmp_path, {8112: (-9.0, -18.0, 6.0, 5.0), 8212: (9.0, -18.0, 6.0, 5.0), 8103: (-9.0, -14.0, 11.0, 2.0)})
    nuclei(tmp_path, {8109: (0.0, 0.0, 0.0, 3.0)}, "ThalamicNuclei.v13.T1.FSvoxelSpace.mgz")
    segmentation = volume({**THALAMI, **VENTRAL})
    atlas = joined("thalamic-nuclei", segmentation, tmp_path, unwanted)
    names = [region.name for region in atlas.whole.regions]
    assert "THALAMUS_MDL_LEFT" in names and "THALAMUS_LEFT" not in names and len(names) == 1 + 17 + 58
    assert [region.key for region in atlas.whole.regions] == sorted(region.key for region in atlas.whole.regions)
    truth = volume({8112: (-9.0, -18.0, 6.0, 5.0), 8103: (-9.0, -14.0, 11.0, 2.0)}).data
    assert (keys(atlas, "THALAMUS_MDL_LEFT") == (truth == 8112)).all()
    # what no nucleus covers is in no region, and is counted
    assert atlas.unlabelled["THALAMUS_LEFT"] == np.count_nonzero((segmentation.data == 10) & (truth == 0))
    record = atlas.as_record()["label_sources"][0]
    assert record["file"] == "ThalamicNuclei.v13.T1.mgz" and record["space"] == "T1w"
    assert str(tmp_path) not in str(record)


def test_finer_labels_are_read_at_the_centres_of_the_t1w_s_voxels(tmp_path):
    fine = GRID.covering((120, 120, 100))
    nuclei(tmp_path, {8112: (-9.0, -18.0, 6.0, 5.0), 8212: (9.0, -18.0, 6.0, 5.0)}, grid=fine)
    atlas = joined("thalamic-nuclei", volume(THALAMI), tmp_path, unwanted)
    assert 0.9 < keys(atlas, "THALAMUS_MDL_LEFT").sum() / (4 / 3 * np.pi * 5**3) < 1.1  # a ball's volume, in mm3


def test_labels_of_a_person_that_lie_elsewhere_are_refused(tmp_path):
    nuclei(tmp_path, {8112: (-9.0, 8.0, 6.0, 5.0)})
    with pytest.raises(AtlasError, match=r"only 0% of the labels of .* lie in THALAMUS_LEFT and THALAMUS_RIGHT"):
        joined("thalamic-nuclei", volume(THALAMI), tmp_path, unwanted)
    nuclei(tmp_path, {8112: (491.0, 8.0, 6.0, 5.0)}, grid=Grid(GRID.shape, GRID.affine + np.eye(4, k=3) * 500))
    with pytest.raises(AtlasError, match=r"none of the labels of .* lies in the T1w"):
        joined("thalamic-nuclei", volume(THALAMI), tmp_path, unwanted)


def write_melbourne(folder, places):
    """The Melbourne atlas's table, with some of its labels in the volume."""
    folder.mkdir(exist_ok=True)
    file = SOURCES["melbourne"].files[0]
    names = [f"{side}{name}" for side in "lr" for name in file.names]
    rows = [f"{key};{name};x" for key, name in enumerate(names, 1)]
    (folder / "Melbourne-Subcortex-Atlas-7T.csv").write_text("\n".join(["ROIid;ROIabbr;ROIname", *rows]))
    labels = volume({names.index(name) + 1: place for name, place in places.items()})
    write_volume(folder / "Melbourne-Subcortex-Atlas-7T.nii.gz", labels.data, labels.grid.affine)
    return folder


def test_an_atlas_divides_the_outline_that_the_segmentation_has(tmp_path):
    places = {"lTHA-VAip": (-9.0, -22.0, 6.0, 4.0), "lTHA-VAia": (-9.0, -13.0, 6.0, 4.0)}
    segmentation = volume({**THALAMI, **VENTRAL})
    atlas = joined(f"melbourne={write_melbourne(tmp_path / 'm', places)}", segmentation)
    behind, front = (keys(atlas, f"THALAMUS_{name}_LEFT") for name in ("VAIP", "VAIA"))
    own = segmentation.data == 10
    assert (behind | front).sum() + atlas.unlabelled["THALAMUS_LEFT"] == own.sum() and not (behind | front)[~own].any()
    # each voxel within 4 mm of a ball belongs to the nearer one: an oracle by distances to all voxels of both
    points = np.argwhere(own)
    away = [
        np.linalg.norm(points[:, None] - np.argwhere(_ball(place))[None], axis=2).min(1) for place in places.values()
    ]
    nearer = np.where(np.minimum(*away) > 4, 0, np.where(away[0] < away[1], 1, 2))
    told = behind[own].astype(int) + 2 * front[own]
    ties = away[0] == away[1]
    assert (told == nearer)[~ties].all() and (told > 0).sum() > 0.8 * len(points)


def _ball(place):
    return volume({1: place}).data > 0


def test_a_part_never_leaves_its_structure_but_in_the_striatum(tmp_path):
    places = {"lNAc-core": (-12.0, 12.0, -6.0, 4.0), "lAMY-SM": (-24.0, -6.0, -18.0, 5.0)}
    segmentation = volume({26: (-12.0, 8.0, -8.0, 4.0), 11: (-12.0, 14.0, -4.0, 4.0), 17: (-24.0, -10.0, -18.0, 4.0)})
    atlas = joined(f"melbourne={write_melbourne(tmp_path / 'm', places)}", segmentation)
    assert keys(atlas, "ACCUMBENS_CORE_LEFT")[segmentation.data == 11].any()  # where the caudate ends is a convention
    assert not keys(atlas, "AMYGDALA_SM_LEFT").any()  # all of it lies in the hippocampus, or in nothing


def test_regions_that_lost_most_of_their_volume_raise_a_notice(tmp_path):
    folder = write_hypothalamus(tmp_path)
    segmentation = volume({**THALAMI, 4: (-8.0, -4.0, -10.0, 6.0), 60: VENTRAL[60]})
    atlas = joined(f"hypothalamus={folder}", segmentation)
    (said,) = atlas.remarks
    assert "volumes of 1 of 2 regions" in said and "HYPOTHALAMUS_LEFT 0." in said


def test_the_size_of_a_head_raises_no_notice(tmp_path):
    folder, half = write_hypothalamus(tmp_path), np.diag([0.6, 0.6, 0.6, 1])

    def small():
        def carry(labels, space):
            return resample_labels(
                Volume(labels.data, Grid(labels.grid.shape, half @ labels.grid.affine), labels.unit), GRID
            )

        return Warp(carry, "MNI152NLin2009cAsym", "a scaling")

    assert not joined(f"hypothalamus={folder}", volume(THALAMI), warp=small).remarks


# --------------------------------------------------------------------------------------------------------- one's own


def test_labels_without_sides_are_split_by_the_template_s_x(tmp_path):
    labels = volume({7: (0.0, -20.0, -10.0, 6.0)})
    path = user_file(tmp_path, labels, "index\tname\tcolor\n7\tred nucleus\t#ff0000\n", "MNI152NLin2009cAsym")
    atlas = joined(f"aseg+{path}", volume(THALAMI))
    x = GRID.to_world(np.moveaxis(np.indices(GRID.shape), 0, -1).astype(float))[..., 0]
    assert (keys(atlas, "RED_NUCLEUS_LEFT") == ((labels.data == 7) & (x < 0))).all()
    assert (keys(atlas, "RED_NUCLEUS_RIGHT") == ((labels.data == 7) & (x >= 0))).all()
    region = atlas.whole.regions[-1]
    assert region.colour == (1.0, 0.0, 0.0, 1.0) and region.key >= 1000 and region.hemisphere is Hemisphere.RIGHT


def test_labels_of_one_s_own_win_over_structures_and_replace_what_they_say_they_divide(tmp_path):
    labels = volume({1: (-9.0, -18.0, 6.0, 3.0), 2: (9.0, -18.0, 6.0, 3.0)})
    rows = "index\tname\tside\tstructure\n1\tcore\tL\tTHALAMUS\n2\tspot\tR\tn/a\n"
    segmentation = volume(THALAMI)
    atlas = joined(str(user_file(tmp_path, labels, rows)), segmentation, warp=unwanted)
    names = {region.name for region in atlas.whole.regions}
    assert {"CORE_LEFT", "SPOT_RIGHT"} <= names and not {"THALAMUS_LEFT", "THALAMUS_RIGHT"} & names
    assert atlas.unlabelled["THALAMUS_LEFT"] == (segmentation.data == 10).sum() - keys(atlas, "CORE_LEFT").sum()


def test_a_structure_of_one_s_own_replaces_the_segmentation_s(tmp_path):
    labels = volume({3: (-9.0, -16.0, 6.0, 6.0), 4: (9.0, -16.0, 6.0, 6.0)})
    atlas = joined(
        str(user_file(tmp_path, labels, "index\tname\n3\tThalamus-lh\n4\tright thalamus\n")), volume(THALAMI)
    )
    assert (keys(atlas, "THALAMUS_LEFT") == (labels.data == 3)).all() and len(atlas.whole.regions) == 20


def test_a_table_of_other_labels_is_said(tmp_path):
    path = user_file(tmp_path, volume(THALAMI), "index\tname\n5\tnothing\n")
    with pytest.raises(AtlasError, match="holds none of the labels that its table names"):
        joined(str(path), volume(THALAMI))
    path.with_name(path.name.replace(".nii.gz", ".tsv")).unlink()
    with pytest.raises(InputError, match=r"_dseg\.tsv does not exist"):
        joined(str(path), volume(THALAMI))


# ------------------------------------------------------------------------------------------------- where files are


def test_labels_that_are_nowhere_are_said_with_where_they_were_looked_for(tmp_path):
    (tmp_path / "mri").mkdir()
    with pytest.raises(AtlasError) as caught:
        locate(SOURCES["thalamic-nuclei"], tmp_path)
    assert "mri/ThalamicNuclei*.mgz" in str(caught.value) and "t1prep, which is not installed" in str(caught.value)
    assert "segmentThalamicNuclei.sh" in caught.value.hint and "pip install t1prep" in caught.value.hint


def test_a_persons_own_labels_come_before_an_atlas_unless_a_place_is_named(tmp_path, monkeypatch):
    package = tmp_path / "t1prep"
    write_hypothalamus(package / "data/templates_MNI152NLin2009cAsym")
    monkeypatch.setattr(label_files, "package_folder", lambda: package)
    source, folder = SOURCES["hypothalamus"], tmp_path / "person"
    assert locate(source, folder).file.place == "t1prep"
    own = write_volume(folder / "T1w/100307/mri/hypothalamic_subunits_seg.v1.mgz", np.ones((3, 3, 3)), np.eye(4))
    assert locate(source, folder).path == own
    assert locate(source.at(tmp_path), folder).file.place == "t1prep"  # an unpacked wheel
    assert locate(source.at(package / "data/templates_MNI152NLin2009cAsym/Hypothalamus.nii.gz"), None).path.is_file()


def test_one_of_several_versions_is_taken_and_the_others_are_named(tmp_path):
    for name in ("ThalamicNuclei.v12.T1.mgz", "ThalamicNuclei.v13.T1.mgz"):
        nuclei(tmp_path, {8112: (-9.0, -18.0, 6.0, 5.0)}, name)
    found = locate(SOURCES["thalamic-nuclei"], tmp_path)
    assert found.path.name == "ThalamicNuclei.v13.T1.mgz" and "not ThalamicNuclei.v12.T1.mgz" in found.remark


# ----------------------------------------------------------------------------------------------------------- warps


def test_labels_go_between_templates_as_simpleitk_moves_them(tmp_path):
    dice = np.random.default_rng(1)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = -45
    field = np.cumsum(dice.normal(0, 0.2, (31, 31, 31, 3)), axis=0).astype(np.float32)
    name = "tpl-MNI152NLin6Asym_to-MNI152NLin2009cAsym_desc-disp_xfm.nii.gz"
    nibabel.save(nibabel.Nifti1Image(field, affine), tmp_path / name)
    labels = volume({**THALAMI, **VENTRAL})
    moved, how = between(labels, "MNI152NLin2009cAsym", "MNI152NLin6Asym", [tmp_path])
    # an oracle of other code: ITK's displacement field, in LPS
    itk = SimpleITK.GetImageFromArray((field * [-1, -1, 1]).transpose(2, 1, 0, 3).astype(np.float64), isVector=True)
    itk.SetSpacing((3, 3, 3))
    itk.SetOrigin((45, 45, -45))
    itk.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    transform = SimpleITK.DisplacementFieldTransform(itk)
    result = SimpleITK.Resample(_itk(labels), _itk(moved), transform, SimpleITK.sitkNearestNeighbor, 0)
    expected = SimpleITK.GetArrayFromImage(result).T
    assert (moved.data != expected).mean() < 1e-4  # a voxel whose sample lies half-way between two may take either
    assert (moved.data > 0).sum() > 1000 and how.endswith("displacement field")


def _itk(labels):
    """A label volume in ITK's LPS."""
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(labels.data.T.astype(np.int32)))
    flip = np.diag([-1, -1, 1])
    sizes = labels.grid.voxel_sizes
    image.SetSpacing(sizes.tolist())
    image.SetOrigin((flip @ labels.grid.affine[:3, 3]).tolist())
    image.SetDirection((flip @ (labels.grid.affine[:3, :3] / sizes)).ravel().tolist())
    return image


def test_without_a_field_labels_stay_and_it_is_said(tmp_path):
    labels = volume(THALAMI)
    moved, how = between(labels, "MNI152NLin2009cAsym", "MNI152NLin6Asym", [tmp_path])
    assert moved is labels and "differ by less than 1 mm" in how
    assert between(labels, "MNI152NLin6Asym", "MNI152NLin6Asym", []) == (labels, "")


def test_an_affine_of_the_cortex_carries_labels_where_it_carries_points():
    turn = np.array([[0.9, 0.1, 0, 3], [-0.1, 1.05, 0.05, -2], [0, 0, 0.95, 1], [0, 0, 0, 1]])
    average = {side: meshes.read(average_32k(side), side, placed=True) for side in Hemisphere}
    person = {
        side: Mesh((mesh.vertices @ turn[:3, :3].T + turn[:3, 3]).astype(np.float32), mesh.triangles, side)
        for side, mesh in average.items()
    }
    labels = volume({5: (6.0, -10.0, 4.0, 5.0)})
    carried = affine_warp(person, GRID).carry(labels, "MNI152NLin6Asym")
    middle = GRID.to_world(np.argwhere(carried.data == 5).mean(0))
    expected = turn[:3, :3] @ [6.0, -10.0, 4.0] + turn[:3, 3]
    assert np.abs(middle - expected).max() < 0.5  # half a voxel, mm
    volume_ratio = (carried.data == 5).sum() / (labels.data == 5).sum()
    assert abs(volume_ratio - np.linalg.det(turn[:3, :3])) < 0.05


def test_labels_that_an_affine_carried_are_said_to_be_coarse(tmp_path):
    folder = write_hypothalamus(tmp_path)

    def affine():
        return affine_warp({side: meshes.read(average_32k(side), side, placed=True) for side in Hemisphere}, GRID)

    (said,) = joined(f"hypothalamus={folder}", volume(THALAMI), warp=affine).remarks
    assert said.startswith("Labels of hypothalamus came from a template by an affine")


@pytest.mark.slow
def test_without_surfaces_the_image_tells_where_labels_go():
    template = mni152()
    shift = np.eye(4)
    shift[:3, 3] = 4, -6, 8
    labels = volume({5: (6.0, -10.0, 4.0, 5.0)})
    warp = image_warp(Volume(template.data, Grid(template.grid.shape, shift @ template.grid.affine)))
    carried = warp.carry(labels, warp.space)
    middle = carried.grid.to_world(np.argwhere(carried.data == 5).mean(0))
    assert np.abs(middle - [10.0, -16.0, 12.0]).max() < 0.5  # mm, half a voxel


# ------------------------------------------------------------------------------------------------------ T1Prep's own


@pytest.fixture
def wheel(monkeypatch):
    monkeypatch.undo()
    folder = label_files.package_folder()
    if folder is None:
        pytest.skip("T1Prep is not installed")
    return Path(folder)


@pytest.mark.parametrize("name", SOURCES)
def test_t1prep_s_atlases_have_all_regions_on_their_sides(wheel, name):
    warp = Warp(lambda labels, space: labels, "MNI152NLin2009cAsym", "nothing")
    (placed,) = placed_labels([SOURCES[name]], None, GRID, lambda: warp)
    for deep in placed.regions:
        x = placed.volume.grid.to_world(np.argwhere(placed.volume.data == deep.region.key).astype(float))[:, 0]
        assert len(x) and (x.mean() < 0) == (deep.region.hemisphere is Hemisphere.LEFT), deep.region.name
    millilitres = np.count_nonzero(placed.volume.data) * placed.volume.grid.voxel_volume / 2e3
    expected = {"hypothalamus": (0.5, 1.0), "hypothalamic-nuclei": (0.5, 1.0), "thalamic-nuclei": (5, 8)}
    least, most = expected.get(name, (25, 32))  # of a side, in MNI152's large head
    assert least < millilitres < most
