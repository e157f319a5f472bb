"""A folder for PALM: its data against Workbench and the exports, its blocks against what they allow."""

import shlex
from collections import defaultdict
from itertools import permutations

import nibabel
import numpy as np
import pandas as pd
import pytest
from made_group_maps import affine_near_identity, average_surfaces, moved, write_elsewhere

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.group.maps import NetworkMaps, PalmData, average_maps, write_maps, write_palm
from wbtools.group.maps.palm_blocks import blocks
from wbtools.reading import open_export
from wbtools.space.grid import Grid
from wbtools.workbench.command import Command

WHO = ("a", "b", "c")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    root = tmp_path_factory.mktemp("people")
    grid = Grid((20, 20, 20), np.array([[-8.0, 0, 0, 80], [0, 8.0, 0, -90], [0, 0, 8.0, -60], [0, 0, 0, 1]]))
    for place, who in enumerate(WHO):
        write_elsewhere(root, who, affine_near_identity(place), np.ones(grid.shape, np.float32), grid)
    return {who: open_export(root / who).network("unet") for who in WHO}


def asked(people, **changes):
    levels = pd.DataFrame({"R_V1_ROI": [1.0, 2.0, 3.0], "L_V1_ROI": [1.0, np.nan, 0.0]}, index=list(people))
    usual = {
        "levels": levels,
        "design": np.array([[1.0, -1.0], [1.0, 0.0], [1.0, 1.0]]),
        "regressors": ["mean", "age"],
        "contrasts": {"age": np.array([0.0, 1.0])},
        "families": ["x", "y", "x"],
    }
    return PalmData(people, **{**usual, **changes})


@pytest.fixture(scope="module")
def written(people, tmp_path_factory):
    folder = tmp_path_factory.mktemp("palm")
    return folder, write_palm(folder, asked(people))


def numbers(path):
    return np.loadtxt(path, delimiter=",", ndmin=2)


def metric(path):
    return np.stack([array.data for array in nibabel.load(path).darrays])


def test_tables_hold_numbers_alone_and_rows_are_people(written):
    folder, _ = written
    assert numbers(folder / "design.csv").tolist() == [[1, -1], [1, 0], [1, 1]]
    assert numbers(folder / "contrasts.csv").tolist() == [[0, 1]]
    assert numbers(folder / "EB.csv").tolist() == blocks(["x", "y", "x"]).tolist()
    assert numbers(folder / "levels.csv").tolist() == [[1], [2], [3]]  # somebody has no L_V1
    assert (folder / "regions.tsv").read_text() == "region\nR_V1_ROI\n"
    assert "L_V1_ROI" in (folder / "README.md").read_text()
    assert (folder / "people.tsv").read_text().split() == ["person", *WHO]


def test_areas_of_vertices_are_the_mean_of_everybody_s(written):
    for side in Hemisphere:
        persons = [moved(average_surfaces(), np.linalg.inv(affine_near_identity(place)))[side] for place in range(3)]
        expected = np.mean([person.vertex_areas() for person in persons], axis=0)
        assert np.allclose(metric(written[0] / f"area.{side.letter}.shape.gii")[0], expected, rtol=1e-3)


def test_command_lines_name_files_that_are_there(written):
    folder, files = written
    text = (folder / "README.md").read_text().split("```")[1]
    commands = [shlex.split(command) for command in text.strip().splitlines()]
    assert [command[0] for command in commands] == ["palm"] * 3
    named = [word for command in commands for word in command if word.endswith((".csv", ".gii"))]
    assert named and all((folder / name).is_file() for name in named)
    assert all("-eb" in command and "-ee" in command for command in commands)
    assert {file.path for file in files} == set(folder.iterdir())


def test_without_families_there_are_no_blocks_and_means_are_tested_by_signs(people, tmp_path):
    write_palm(tmp_path, asked(people, families=None, symmetric=True))
    text = (tmp_path / "README.md").read_text()
    assert not (tmp_path / "EB.csv").exists() and "-eb" not in text and "-ise" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"families": ["x"]},
        {"kinds": ["twin"]},
        {"design": np.ones((2, 2))},
        {"regressors": ["mean"]},
        {"contrasts": {"age": np.array([1.0])}},
        {"design": np.full((3, 2), np.nan)},
        {"levels": pd.DataFrame({"R_V1_ROI": [1.0, 2.0, 3.0]}, index=["c", "b", "a"])},
    ],
)
def test_what_does_not_fit_together_is_refused(people, changes):
    with pytest.raises(InputError):
        asked(people, **changes)


@pytest.mark.workbench
def test_workbench_finds_the_group_s_mean_and_spread_in_the_stack_of_maps(wb, people, written, tmp_path):
    group = tmp_path / "group"
    group.mkdir()
    write_maps(group, [NetworkMaps("unet", "made up", average_maps(list(people.values())))])
    for side in Hemisphere:
        stack, cortex = (
            written[0] / f"{name}.{side.letter}.{kind}.gii"
            for name, kind in (("relevance", "func"), ("cortex", "shape"))
        )
        maps = metric(group / f"group.unet.{side.letter}.32k_fs_LR.func.gii")
        for place, operation in enumerate(("MEAN", "SAMPSTDEV")):
            out = tmp_path / f"{side.letter}.{operation}.func.gii"
            wb.run(Command(("-metric-reduce", str(stack), operation, str(out)), (stack,), (out,)))
            inside = metric(cortex)[0] > 0
            assert np.allclose(metric(out)[0][inside], maps[place][inside], rtol=1e-4, atol=1e-5)


def allowed(rows, places, column=0):
    """All orders that blocks in PALM's notation allow, read from the description of Winkler et al. 2015."""
    groups = defaultdict(list)
    for place in places:
        groups[rows[place][column]].append(place)
    inner = {
        key: list(allowed(rows, members, column + 1)) if column + 1 < len(rows[0]) else [tuple(members)]
        for key, members in groups.items()
    }
    keys = list(groups)
    free = column > 0 and rows[places[0]][column - 1] > 0
    for order in permutations(keys) if free else [tuple(keys)]:
        yield from joined([inner[key] for key in order])


def joined(choices):
    if not choices:
        yield ()
        return
    for first in choices[0]:
        for rest in joined(choices[1:]):
            yield first + rest


SWAPPED = (2, 3, 0, 1, 4)
INSIDE = {(0, 1, 2, 3, 4), (1, 0, 2, 3, 4), (0, 1, 3, 2, 4), (1, 0, 3, 2, 4)}


@pytest.mark.parametrize(
    ("exchange", "kinds", "expected"),
    [
        # Families x x, y y and z: x and y change places as wholes; z is alone among families of one.
        ("whole", "", {(0, 1, 2, 3, 4), SWAPPED}),
        ("within", "", INSIDE),
        ("both", "", INSIDE | {(2, 3, 0, 1, 4), (3, 2, 0, 1, 4), (2, 3, 1, 0, 4), (3, 2, 1, 0, 4)}),
        # Twins are not exchanged with siblings, nor a family of twins with one of siblings.
        ("both", "tsttt", {(0, 1, 2, 3, 4), (0, 1, 3, 2, 4)}),
        ("both", "tstss", {(0, 1, 2, 3, 4), SWAPPED}),
    ],
)
def test_blocks_allow_what_they_say(exchange, kinds, expected):
    rows = blocks(["x", "x", "y", "y", "z"], exchange, list(kinds)).tolist()
    assert set(allowed(rows, range(5))) == expected


def test_what_changes_places_is_of_one_structure_as_palm_demands():
    dice = np.random.default_rng(0)
    families, kinds = dice.integers(0, 30, 80).astype(str).tolist(), dice.choice(["t", "s"], 80).tolist()
    rows = blocks(families, "both", kinds)
    assert (rows[:, 0] == -1).all() and (rows[:, 1] > 0).all() and (rows[:, 2] < 0).all()
    for structure in np.unique(rows[:, 1]):
        inside = rows[rows[:, 1] == structure]
        members = [tuple(sorted(inside[inside[:, 2] == family, 3])) for family in np.unique(inside[:, 2])]
        assert len(set(members)) == 1
    assert sorted(rows[:, -1]) == list(range(1, 81))
    assert len(set(zip(families, rows[:, 2], strict=True))) == len(set(families))
