"""The files of a group's maps: against wb_command, which reads, averages and parcellates them itself."""

import json
from xml.etree import ElementTree

import nibabel
import numpy as np
import pytest
from made_group_maps import write_group

from wbtools.anatomy import SUBCORTEX, Hemisphere
from wbtools.atlas import mmp
from wbtools.drawing.renderer_choice import Renderer, choose
from wbtools.errors import InputError
from wbtools.group.maps import CONSISTENCY, MEAN, SD, NetworkMaps, average_maps, write_maps
from wbtools.group.maps.normalised import person_maps
from wbtools.group.maps.standard_rows import brain, cortex, greyordinates_91k
from wbtools.images import cifti
from wbtools.workbench.command import Command

LEVELS = {"R_V1_ROI": 2.0, "L_V1_ROI": -1.0, "THALAMUS_LEFT": 3.0, "R_MST_ROI": float("nan")}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_group(tmp_path_factory.mktemp("people"), ["p0", "p1", "p2"])


@pytest.fixture(scope="module")
def network(people):
    return NetworkMaps("unet", "A <network>", average_maps(people), {"mean level": LEVELS}, notices=("Made up.",))


@pytest.fixture(scope="module")
def written(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("group")
    return folder, write_maps(folder, [network])


def values(path):
    """Maps of a CIFTI file by name, as nibabel reads them."""
    image = nibabel.load(path)
    return dict(zip(image.header.get_axis(0).name, image.get_fdata(dtype=np.float32), strict=True))


def test_every_file_in_the_folder_is_told_of_and_the_other_way_round(written):
    folder, files = written
    there = {path for path in folder.rglob("*") if path.is_file()}
    assert {file.path for file in files} == there and len(files) == len(there)
    assert all(file.about for file in files)


def test_maps_of_areas_are_painted_on_cortex_and_structures(written):
    folder, _ = written
    found = values(folder / "group.unet.32k_fs_LR.dscalar.nii")
    assert list(found) == [MEAN, SD, CONSISTENCY, "mean level"]
    rows = greyordinates_91k()
    areas = {area.key: area.name for area in mmp.regions()}
    structures = {structure.freesurfer_key: structure.value for structure in SUBCORTEX}
    vertices = np.concatenate([mmp.labels_32k(side)[cortex()[side]] for side in Hemisphere])
    voxels = rows.subcortex.data[tuple(np.concatenate(list(rows.voxels.values())).T)]
    names = [*(areas.get(key, "") for key in vertices), *(structures[key] for key in voxels)]
    expected = np.nan_to_num(np.array([LEVELS.get(name, 0.0) for name in names], np.float32))
    assert np.array_equal(found["mean level"], expected) and set(expected) == {-1, 0, 2, 3}


def test_voxels_of_the_dense_file_are_those_of_the_volume(written):
    folder, _ = written
    dense = nibabel.load(folder / "group.unet.32k_fs_LR.dscalar.nii")
    volume = nibabel.load(folder / "group.unet.relevance.MNI152_2mm.nii.gz")
    axis = dense.header.get_axis(1)
    assert len(axis) == 91_282 and np.allclose(axis.affine, volume.affine)
    index = tuple(axis.voxel[axis.volume_mask].T)
    assert np.array_equal(values(dense.get_filename())[MEAN][axis.volume_mask], np.asarray(volume.dataobj)[index])


def test_a_name_that_a_map_has_already_is_refused(network):
    with pytest.raises(InputError, match="taken"):
        NetworkMaps("unet", "", network.maps, {CONSISTENCY: {}})


def test_networks_of_one_name_are_refused(network, tmp_path):
    with pytest.raises(InputError, match="name of its own"):
        write_maps(tmp_path, [network, network])


def test_notices_stand_in_every_scene_and_nothing_says_where_it_was_made(written):
    folder, files = written
    text = (folder / "group.wbtools.scene").read_text()
    assert text.count("Made up. Research use only. Not for diagnosis.") >= 3
    assert "Mean relevance of 3 people, network unet" in text and "A &lt;network&gt;" in text
    for file in files:
        assert str(folder).encode() not in file.path.read_bytes()


def test_the_spec_lists_every_data_file(written):
    folder, files = written
    listed = {each.text.strip() for each in ElementTree.parse(folder / "group.32k_fs_LR.wb.spec").iter("DataFile")}
    data = {file.path.relative_to(folder).as_posix() for file in files if file.path.suffix != ".spec"}
    assert listed == data


def test_what_is_written_can_be_put_on_record(written):
    folder, files = written
    rows = [{"file": file.path.relative_to(folder).as_posix(), "about": file.about} for file in files]
    assert json.loads(json.dumps(rows)) == rows


@pytest.mark.workbench
def test_workbench_reads_every_file(wb, written):
    for file in written[1]:
        assert "Name:" in wb.run(Command(("-file-information", str(file.path)), (file.path,))).stdout


@pytest.mark.workbench
def test_the_mean_is_workbench_s_cifti_average_of_everybody_s_map(wb, people, written, tmp_path):
    rows = greyordinates_91k()
    words = []
    for results in people:
        own = person_maps(results)
        left = int(cortex()[Hemisphere.LEFT].sum())
        sides = {side: np.zeros(len(mask), np.float32) for side, mask in cortex().items()}
        for side, part in zip(Hemisphere, (own.cortex[:left], own.cortex[left:]), strict=True):
            sides[side][cortex()[side]] = part
        volume = np.zeros(brain().shape, np.float32)
        volume[brain()] = own.voxels
        path = tmp_path / f"{results.record.subject}.dscalar.nii"
        cifti.write_dscalar(path, {"relevance": rows.gather(sides, volume)}, rows)
        words += ["-cifti", str(path)]
    out = tmp_path / "mean.dscalar.nii"
    wb.run(Command(("-cifti-average", str(out), *words), (), (out,)))
    found = values(written[0] / "group.unet.32k_fs_LR.dscalar.nii")[MEAN]
    assert np.allclose(found, nibabel.load(out).get_fdata()[0], rtol=1e-6)  # both add in double


@pytest.mark.workbench
def test_values_of_areas_are_workbench_s_means_over_them(wb, written, tmp_path):
    folder, out = written[0], tmp_path / "parcels.pscalar.nii"
    dense = folder / "group.unet.32k_fs_LR.dscalar.nii"
    areas = folder / "group.HCP-MMP1.32k_fs_LR.dlabel.nii"
    wb.run(Command(("-cifti-parcellate", str(dense), str(areas), "COLUMN", str(out)), (dense, areas), (out,)))
    own, theirs = values(folder / "group.unet.HCP-MMP1.pscalar.nii"), values(out)
    order = nibabel.load(out).header.get_axis(1).name.tolist()
    place = [order.index(area.name) for area in mmp.regions()]
    for name in (MEAN, SD, CONSISTENCY, "mean level"):
        assert np.allclose(own[name], theirs[name][place], rtol=1e-5, atol=1e-6)


@pytest.mark.workbench
@pytest.mark.slow
def test_every_scene_is_drawn_and_named_after_its_network(wb, network, tmp_path):
    assert_every_scene_is_drawn(tmp_path, write_maps(tmp_path, [network], Renderer(wb)))


@pytest.mark.slow
def test_every_scene_is_drawn_without_workbench(network, tmp_path):
    assert_every_scene_is_drawn(tmp_path, write_maps(tmp_path, [network], choose("own")))


def assert_every_scene_is_drawn(tmp_path, files):
    pictures = sorted(file.path.name for file in files if file.path.suffix == ".png")
    assert pictures == ["unet.consistency.png", "unet.overview.png", "unet.relevance-pial.png"]
    assert (tmp_path / "group.wbtools.scene").read_text().count('name="Image"') in {0, 3}
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]
