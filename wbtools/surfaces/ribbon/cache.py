"""A cache of ribbon weights on disk, for subjects that are exported more than once.

The name of a file is a hash of everything that determines its content: both surfaces, the grid, the kind of columns,
the division, and the source code that computes them. Files are therefore never stale. Several processes may use a
folder at the same time, since files are written atomically.
"""

from __future__ import annotations

import hashlib
import logging
import math
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

import numpy as np
from scipy import sparse

from wbtools import atomic
from wbtools.atomic import Access
from wbtools.images import arrays
from wbtools.provenance import code_sha256
from wbtools.space.grid import Grid
from wbtools.surfaces.mesh import Mesh
from wbtools.surfaces.ribbon.columns import Columns
from wbtools.surfaces.ribbon.weights import RibbonWeights, require_one_mesh

logger = logging.getLogger(__name__)

_PARTS = ("data", "indices", "indptr", "voxels")
_DAMAGE = (
    *(OSError, EOFError, KeyError, AttributeError, ValueError, OverflowError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, SyntaxError, TokenError),  # the header of an array is a Python literal
)


@dataclass(frozen=True)
class WeightCache:
    """A folder of ribbon weights.

    Parameters
    ----------
    folder : Path
        Created when needed. wbtools never empties it; it may be removed at any time.
    """

    folder: Path

    def between(
        self, white: Mesh, pial: Mesh, grid: Grid, columns: Columns = Columns.THICK, division: int = 3
    ) -> RibbonWeights:
        """As `RibbonWeights.between`, read from the cache if present, else computed and stored.

        A damaged or foreign file is replaced. A folder that cannot be read or written is logged and otherwise ignored.

        Raises
        ------
        InputError
            As `RibbonWeights.between`.
        """
        require_one_mesh(white, pial)
        path = self.folder / f"ribbon-{_key(white, pial, grid, columns, division)}.npz"
        weights = _read(path, len(white.vertices), grid, columns)
        if weights is None:
            weights = RibbonWeights.between(white, pial, grid, columns, division)
            _write(path, weights)
        return weights


def _key(white: Mesh, pial: Mesh, grid: Grid, columns: Columns, division: int) -> str:
    """Hash of everything that determines the weights."""
    key = hashlib.sha256(repr((columns.value, division, grid.shape, len(white.vertices))).encode())
    for array in (white.vertices, white.triangles, pial.vertices, grid.affine):
        key.update(array.tobytes())
    key.update(code_sha256("wbtools.surfaces").encode())
    return key.hexdigest()


def _read(path: Path, vertices: int, grid: Grid, columns: Columns) -> RibbonWeights | None:
    """The weights in a file; None if it is missing or does not hold valid weights of this size."""
    try:
        arrays.require_plain_archive(path)
        with np.load(path, allow_pickle=False) as file:
            data, indices, indptr, voxels = (file[name] for name in _PARTS)
        if data.dtype != np.float32 or voxels.ndim != 1 or any(part.dtype.kind != "i" for part in (indices, voxels)):
            raise ValueError("arrays of other types")
        if voxels.size and not (voxels[0] >= 0 and voxels[-1] < math.prod(grid.shape) and (np.diff(voxels) > 0).all()):
            raise ValueError("voxels outside the grid")
        shares = sparse.csr_matrix((data, indices, indptr), shape=(vertices, len(voxels)))
        shares.check_format(full_check=True)
        return RibbonWeights(shares, voxels, grid, columns)
    except FileNotFoundError:
        return None
    except _DAMAGE as error:
        logger.warning("%s in the cache holds no usable weights (%s); they are computed again", path.name, error)
        return None


def _write(path: Path, weights: RibbonWeights) -> None:
    """Write weights atomically."""
    shares = weights.shares
    parts = dict(zip(_PARTS, (shares.data, shares.indices, shares.indptr, weights.voxels), strict=True))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, lambda file: np.savez(file, **parts), access=Access.PRIVATE)
    except OSError as error:
        logger.warning("ribbon weights could not be cached: %s", error)
