"""The self-checks hold for the built-in subject and for a person without own surfaces, and fail for what is wrong."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from wbtools.anatomy import Atlas, Hemisphere
from wbtools.atlas import mmp
from wbtools.errors import CheckError, InputError
from wbtools.native import checks, person
from wbtools.native.checks import CHECKS
from wbtools.native.projection import NativeProjection
from wbtools.space.grid import Grid, Volume
from wbtools.subject import find

LEFT, RIGHT = Hemisphere


@pytest.fixture(scope="module")
def built_in(small_study):
    """The built-in subject on both meshes, voxels of 4 mm."""
    return person.read(find(small_study(), "100307"), ("32k_fs_LR", "native"), NativeProjection(1))


def checked(case, allowed=tuple(CHECKS), **changes):
    """Results by name; everything is allowed to fail unless told otherwise."""
    given = {
        "t1w": case.t1w,
        "cortices": tuple(case.cortices.values()),
        "areas": case.areas,
        "atlas": case.atlas,
    } | changes
    return {result.name: result for result in checks.run(allowed=frozenset(allowed), **given)}


def moved(case, move):
    """The cortices after a change of white and pial points."""
    kinds = ("white", "midthickness", "pial")
    return [
        replace(
            cortex,
            surfaces={
                (side, kind): replace(mesh, vertices=move(mesh.vertices.astype(np.float64))) if kind in kinds else mesh
                for (side, kind), mesh in cortex.surfaces.items()
            },
        )
        for cortex in case.cortices.values()
    ]


def shifted(*millimetres):
    return lambda vertices: vertices + np.array(millimetres)


def failing(results):
    return {name for name, result in results.items() if not result.passed}


def test_the_built_in_subject_passes(built_in):
    results = checked(built_in, allowed=())
    assert list(results) == list(CHECKS) and not failing(results)
    record = results["contrast"].as_record()
    assert record["outcome"] == "passed" and not results["contrast"].notice
    # white, grey, fluid of a T1w
    assert record["mean_inside_white"] > record["mean_in_ribbon"] > record["mean_outside_pial"]
    assert 1 < record["white_to_ribbon"] < 1.6


SOMEBODY_ELSE = {
    "8 mm right": shifted(8, 0, 0),
    "8 mm back": shifted(0, -8, 0),
    "8 mm up": shifted(0, 0, 8),
    "5 mm left": shifted(-5, 0, 0),
    "10 % larger": lambda v: v * 1.1,
    "10 % smaller": lambda v: v * 0.9,
    "stretched and moved": lambda v: v * [1.0, 1.08, 0.92] + [0.0, 7.4, -3.6],
    "turned by 15 degrees": lambda v: v @ [[1, 0, 0], [0, 0.966, -0.259], [0, 0.259, 0.966]],
}


@pytest.mark.parametrize("change", SOMEBODY_ELSE)
def test_surfaces_that_do_not_lie_on_this_cortex_fail(built_in, change):
    results = checked(built_in, cortices=moved(built_in, SOMEBODY_ELSE[change]))
    assert failing(results) == {"contrast"}
    assert "the cortex would fit" in results["contrast"].sentence


@pytest.mark.parametrize("shift", [(4, 0, 0), (-4, 0, 0), (0, 3, 0), (0, -3, 0), (0, 0, 3), (0, 0, -3), (1, -3, 2)])
def test_a_shift_of_three_millimetres_is_detected_even_in_voxels_of_four(built_in, shift):
    """As a forgotten c_ras leaves it."""
    results = checked(built_in, cortices=moved(built_in, shifted(*shift)))
    assert failing(results) == {"contrast"}
    assert "off by about that" in results["contrast"].sentence or "the cortex would fit" in results["contrast"].sentence


def _as_mp2rage(data):
    """Grey matter far darker than white matter, and air that is noise of all values."""
    noise = np.random.default_rng(0).integers(0, 4096, data.shape)
    return np.where(data > 0, np.round(4000 * (data / data.max()) ** 3), noise)


def _standardised(data):
    """Mean 0 in the brain and 0 around it."""
    brain = data[data > 0]
    return np.where(data > 0, (data - brain.mean()) / brain.std(), 0)


ENCODINGS = {
    "MP2RAGE": _as_mp2rage,
    "standardised": _standardised,
    "Hounsfield-like": lambda data: data * 10 - 1000,
    "bias of 40 %": lambda data: data * np.linspace(0.6, 1.4, len(data))[:, None, None],
    "noise of 3 %": lambda data: np.abs(data + np.random.default_rng(0).normal(0, 0.03 * data.max(), data.shape)),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_an_image_passes_whatever_its_intensity_scale(built_in, name):
    image = Volume(ENCODINGS[name](built_in.t1w.data).astype(np.float32), built_in.t1w.grid)
    assert not failing(checked(built_in, t1w=image))
    assert failing(checked(built_in, t1w=image, cortices=moved(built_in, shifted(0, 0, 5)))) == {"contrast"}


def test_folds_of_another_person_fail_unless_they_are_meant_as_a_template(built_in):
    # Another person's image in the same space: the same brain, its cortex rippled by up to 9 mm every 4 cm.
    grid = built_in.t1w.grid
    places = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    waves = 9 * np.sin(2 * np.pi * places[..., [1, 2, 0]] / 40)
    index = np.moveaxis(grid.to_index(places + waves), -1, 0)
    other = Volume(map_coordinates(built_in.t1w.data, index, order=1), grid)
    assert "contrast" in failing(checked(built_in, t1w=other))
    assert "contrast" not in failing(checked(built_in, t1w=other, own_surfaces=False))


def test_an_image_of_another_contrast_fails(built_in):
    inverted = Volume(np.where(built_in.t1w.data > 0, 260 - built_in.t1w.data, 0), built_in.t1w.grid)
    assert failing(checked(built_in, t1w=inverted)) == {"contrast"}


def test_white_outside_pial_fails(built_in):
    swapped = [
        replace(
            cortex,
            surfaces={
                (side, {"white": "pial", "pial": "white"}.get(kind, kind)): mesh
                for (side, kind), mesh in cortex.surfaces.items()
            },
        )
        for cortex in built_in.cortices.values()
    ]
    assert {"nesting", "contrast"} <= failing(checked(built_in, cortices=swapped))
    thick = moved(built_in, lambda v: v * 3)
    assert "nesting" in failing(checked(built_in, cortices=thick))


def test_swapped_hemispheres_fail(built_in):
    other = {LEFT: RIGHT, RIGHT: LEFT}
    swapped = [
        replace(
            c,
            surfaces={(other[side], kind): mesh for (side, kind), mesh in c.surfaces.items()},
            mask={s: c.mask[other[s]] for s in other},
        )
        for c in built_in.cortices.values()
    ]
    assert "sides" in failing(checked(built_in, cortices=swapped))
    whole = built_in.atlas.whole
    mirrored = Atlas(whole.name, whole.regions, Volume(whole.volume.data[::-1].copy(), whole.volume.grid))
    result = checked(built_in, atlas=replace(built_in.atlas, whole=mirrored))["sides"]
    assert not result.passed and "labels" in result.sentence


def test_an_atlas_or_surfaces_of_another_space_fail(built_in):
    away = np.eye(4)
    away[:3, 3] = 0, 60, 0
    whole = built_in.atlas.whole
    rolled = Volume(np.roll(whole.volume.data, 12, axis=1), whole.volume.grid, whole.volume.unit)
    for atlas in (
        Atlas(
            whole.name,
            whole.regions,
            Volume(whole.volume.data, Grid(whole.volume.grid.shape, away @ whole.volume.grid.affine)),
        ),
        Atlas(whole.name, whole.regions, rolled),
    ):
        assert "fields" in failing(checked(built_in, atlas=replace(built_in.atlas, whole=atlas)))
    assert "fields" in failing(checked(built_in, cortices=moved(built_in, shifted(0, 0, 120))))


def test_a_lost_area_is_named_and_one_that_is_too_small_is_counted(built_in):
    area = next(region for region in mmp.regions() if region.name == "L_V1_ROI")
    without = {LEFT: np.where(built_in.areas["native"][LEFT] == area.key, 0, built_in.areas["native"][LEFT])}
    result = checked(built_in, areas=built_in.areas | {"native": built_in.areas["native"] | without})["areas"]
    assert not result.passed and result.numbers["missing"] == ["L_V1_ROI (native)"]
    volume = built_in.atlas.cortex.volume
    emptied = Volume(np.where(volume.data == area.key, 0, volume.data), volume.grid, volume.unit)
    cortex = Atlas(built_in.atlas.cortex.name, built_in.atlas.cortex.regions, emptied)
    result = checked(built_in, atlas=replace(built_in.atlas, cortex=cortex))["areas"]
    assert not result.passed and result.numbers["missing"] == ["L_V1_ROI"]
    # At 4 mm some of the smallest areas leave no voxel; that is no fault.
    small = checked(built_in)["areas"]
    assert small.passed and 0 < len(small.numbers["too_small_for_the_voxels"]) < 10


def test_implausible_volumes_fail(built_in):
    whole = built_in.atlas.whole
    thalamus = next(region for region in whole.regions if region.name == "THALAMUS_LEFT")
    emptied = Volume(np.where(whole.volume.data == thalamus.key, 0, whole.volume.data), whole.volume.grid)
    result = checked(built_in, atlas=replace(built_in.atlas, whole=Atlas(whole.name, whole.regions, emptied)))[
        "volumes"
    ]
    assert not result.passed and "THALAMUS_LEFT has 0.00 ml (3 to 14 expected)" in result.sentence
    one_sided = moved(built_in, lambda v: np.where(v[:, :1] < 0, v * 1.2, v))
    assert "times the volume of the other" in checked(built_in, cortices=one_sided)["volumes"].sentence
    assert "volumes" in failing(checked(built_in, cortices=one_sided))


def test_a_failure_is_reported_with_its_numbers_unless_it_is_allowed(built_in):
    wrong = moved(built_in, shifted(8, 0, 0))
    with pytest.raises(CheckError, match="1 of 6 checks failed\n  contrast: the T1w is") as caught:
        checked(built_in, allowed=("volumes",), cortices=wrong)
    assert caught.value.exit_code == 5 and "--allow contrast" in caught.value.hint
    result = checked(built_in, allowed=("contrast",), cortices=wrong)["contrast"]
    assert result.as_record()["outcome"] == "failed, allowed by the user"
    assert result.notice.startswith("The self-check 'contrast' failed and was allowed: the T1w is")
    assert checks.marked("Template.", [result]) == "Template. Self-check 'contrast' failed, allowed by the user"
    with pytest.raises(InputError, match="--allow contrasts: there is no such check"):
        checked(built_in, allowed=("contrasts",))
