import logging
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from made_cortex import folded_cortex, noise, sphere_grid

from wbtools.errors import InputError
from wbtools.space.grid import Grid
from wbtools.surfaces.icosphere import icosphere
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.ribbon import cache as cache_module
from wbtools.surfaces.ribbon.cache import WeightCache
from wbtools.surfaces.ribbon.columns import Columns
from wbtools.surfaces.ribbon.weights import RibbonWeights

WHITE, PIAL = folded_cortex()
GRID = sphere_grid(2.0)


def assert_same(first: RibbonWeights, other: RibbonWeights) -> None:
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(first.shares, part), getattr(other.shares, part))
    np.testing.assert_array_equal(first.voxels, other.voxels)
    np.testing.assert_array_equal(first.to_surface([noise(GRID)]), other.to_surface([noise(GRID)]))


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


@pytest.mark.parametrize("columns", Columns)
def test_weights_are_computed_once_and_then_read_from_the_cache(
    tmp_path: Path, columns: Columns, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work" / "ribbon"
    first = WeightCache(folder).between(WHITE, PIAL, GRID, columns)
    assert len(files(folder)) == 1
    monkeypatch.setattr("wbtools.surfaces.ribbon.rasterising.voxel_shares", lambda *_: pytest.fail("computed again"))
    again = WeightCache(folder).between(WHITE, PIAL, GRID, columns)
    assert_same(first, again)
    assert again.grid is GRID
    assert again.columns is columns


def test_everything_that_determines_the_weights_changes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = WeightCache(tmp_path)
    shifted = Mesh(PIAL.vertices + np.float32(0.01), PIAL.triangles, PIAL.hemisphere)
    turned = Mesh(WHITE.vertices, np.roll(WHITE.triangles, 1, axis=0), WHITE.hemisphere)
    affine = GRID.affine.copy()
    affine[0, 3] += 1e-6
    variants = [
        (WHITE, PIAL, GRID),
        (WHITE, shifted, GRID),
        (shifted, PIAL, GRID),
        (turned, PIAL, GRID),
        (WHITE, PIAL, Grid(GRID.shape, affine)),
        (WHITE, PIAL, Grid((GRID.shape[0] + 1, *GRID.shape[1:]), GRID.affine)),
        (WHITE, PIAL, GRID, Columns.THIN),
        (WHITE, PIAL, GRID, Columns.THICK, 2),
    ]
    for number, variant in enumerate(variants, 1):
        assert_same_matrix(cache.between(*variant), RibbonWeights.between(*variant))
        assert len(files(tmp_path)) == number
    monkeypatch.setattr(cache_module, "code_sha256", lambda *_: "other")  # as after any change of the code
    cache.between(WHITE, PIAL, GRID)
    assert len(files(tmp_path)) == len(variants) + 1


def assert_same_matrix(first: RibbonWeights, other: RibbonWeights) -> None:
    assert first.matrix.shape == other.matrix.shape
    assert abs(first.matrix - other.matrix).max() == 0


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def one_bit_changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("no weights")


def pickled(path: Path) -> None:
    parts = dict.fromkeys(("data", "indices", "indptr", "voxels"), np.array([print], dtype=object))
    np.savez(path, **parts)


def of_another_mesh(path: Path) -> None:
    other = RibbonWeights.between(icosphere(4, 10), icosphere(4, 13), GRID)
    shares = other.shares
    np.savez(path, data=shares.data, indices=shares.indices, indptr=shares.indptr, voxels=other.voxels)


def pointing_outside(path: Path) -> None:
    with np.load(path) as file:
        parts = dict(file)
    np.savez(path, **{**parts, "voxels": parts["voxels"] + np.prod(GRID.shape)})


def with_columns_outside(path: Path) -> None:
    with np.load(path) as file:
        parts = dict(file)
    np.savez(path, **{**parts, "indices": parts["indices"] + len(parts["voxels"])})


def without_a_part(path: Path) -> None:
    np.savez(path, data=np.zeros(3, np.float32))


def packed(path: Path) -> None:
    parts = dict.fromkeys(("indices", "indptr", "voxels"), np.zeros(3, np.int32))
    np.savez_compressed(path, data=np.zeros(50_000_000, np.float32), **parts)


def dated(path: Path) -> None:
    """Of a type in whose unit numpy divides by 0, which would end the process."""
    header = b"{'descr': '<M8[s/0]', 'fortran_order': False, 'shape': (3,)}"
    with zipfile.ZipFile(path, "w") as archive:
        for part in ("data", "indices", "indptr", "voxels"):
            content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(24)
            archive.writestr(f"{part}.npy", content)


@pytest.mark.parametrize(
    "damage",
    [truncated, one_bit_changed, emptied, text, pickled, of_another_mesh, pointing_outside, with_columns_outside,
     without_a_part, packed, dated],
)  # fmt: skip
def test_a_damaged_or_foreign_file_is_replaced(
    tmp_path: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    cache = WeightCache(tmp_path)
    first = cache.between(WHITE, PIAL, GRID)
    (path,) = files(tmp_path)
    sound = path.read_bytes()
    damage(path)  # type: ignore[operator]
    assert path.read_bytes() != sound
    with caplog.at_level(logging.WARNING):
        assert_same(cache.between(WHITE, PIAL, GRID), first)
    assert "no usable weights" in caplog.text
    caplog.clear()
    assert_same(cache.between(WHITE, PIAL, GRID), first)
    assert not caplog.text
    assert files(tmp_path) == [path]


def test_a_pipe_in_the_cache_does_not_block(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = WeightCache(tmp_path)
    first = cache.between(WHITE, PIAL, GRID)
    (path,) = files(tmp_path)
    path.unlink()
    os.mkfifo(path)
    assert_same(cache.between(WHITE, PIAL, GRID), first)
    assert "not a regular file" in caplog.text


def test_an_unusable_cache_folder_is_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        found = WeightCache(tmp_path / "file").between(WHITE, PIAL, GRID)
    assert_same(found, RibbonWeights.between(WHITE, PIAL, GRID))
    assert "could not be cached" in caplog.text


def test_inconsistent_surfaces_are_rejected_as_without_a_cache(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="252"):
        WeightCache(tmp_path).between(WHITE, icosphere(5), GRID)
    assert not files(tmp_path)


def test_many_processes_can_use_the_same_weights_at_once(tmp_path: Path) -> None:
    code = """
import hashlib, sys
from pathlib import Path
from made_cortex import folded_cortex, sphere_grid
from wbtools.surfaces.ribbon.cache import WeightCache
found = set()
for _ in range(15):
    shares = WeightCache(Path(sys.argv[1])).between(*folded_cortex(), sphere_grid(2.0)).shares
    found.add(hashlib.sha256(shares.data.tobytes() + shares.indices.tobytes()).hexdigest())
    if sys.argv[2] == "0":  # one of them keeps spoiling the file
        next(Path(sys.argv[1]).glob("ribbon-*.npz")).write_bytes(b"spoilt")
print(*found)
"""
    here = Path(__file__).parent
    argv = [sys.executable, "-c", code, str(tmp_path)]
    running = [
        subprocess.Popen([*argv, str(n)], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    printed = [(*process.communicate(), process.returncode) for process in running]
    assert [status for *_, status in printed] == [0] * 4, printed
    assert len({out for out, *_ in printed}) == 1
    assert len(printed[0][0].split()) == 1
    assert len(files(tmp_path)) == 1
