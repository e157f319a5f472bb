"""One anatomy on grids of every orientation gives one table of regions."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from wbtools.grid import Grid
from wbtools.subject.demo import HCP_GRID, write_demo_subject

pytestmark = pytest.mark.slow

OPTIONS = ("--mesh", "32k", "--no-render", "--method", "lrp", "--null", "0", "--threads", "2")


def shares(folder: Path) -> dict[str, tuple[float, float]]:
    """Share of relevance and volume (mm3) of every region."""
    (table,) = folder.rglob("*regions.tsv")
    with table.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {row["region"]: (float(row["share"]), float(row["volume_mm3"])) for row in rows}


def difference(one: dict[str, tuple[float, float]], other: dict[str, tuple[float, float]]) -> float:
    """The relevance that lies in another region, as a share of all."""
    assert one.keys() == other.keys()
    return sum(abs(one[name][0] - other[name][0]) for name in one) / 2


def test_order_and_direction_of_the_axes_change_nothing(small_study, run_export, tmp_path):
    level, turned = (
        shares(run_export(small_study(orientation), tmp_path / orientation, *OPTIONS)[1])
        for orientation in ("LAS", "PSR")
    )
    # The same voxels: only sums in another order.
    assert difference(level, turned) < 1e-4
    assert all(turned[name][1] == pytest.approx(level[name][1]) for name in level)


def test_an_oblique_grid_changes_less_than_one_percent(run_export, tmp_path):
    turned = np.diag([2.0, 2, 2, 1])
    turned[:3, :3] = Rotation.from_euler("xyz", [17, -9, 6], degrees=True).as_matrix() * 2
    shape = (106, 122, 112)
    turned[:3, 3] = (0, -18, 12) - turned[:3, :3] @ (np.array(shape) - 1) / 2
    tables = []
    for name, grid in (("level", HCP_GRID.with_spacing(2.0)), ("turned", Grid(shape, turned))):
        study = write_demo_subject(tmp_path / name, grid=grid, native_frequency=30).parent
        tables.append(shares(run_export(study, tmp_path / f"{name}-out", *OPTIONS)[1]))
    # The oblique image is itself an interpolation of the anatomy, at 2 mm.
    assert difference(*tables) < 0.01
    cortex = [sum(table[name][1] for name in table if name.endswith("_ROI")) for table in tables]
    assert cortex[0] == pytest.approx(cortex[1], rel=0.01)
