"""Product of a sparse matrix with many maps, on the CPU, or on a GPU if torch uses one already and it is faster."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

_WORTH = 1 << 25
"""Multiplications from which a GPU is faster, transfer included: measured, see docs/evidence/ribbon.md."""


def product(matrix: sparse.csr_matrix, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`matrix @ values` in double precision.

    A GPU is used if the process uses it already (for a network), the product is large enough, and its memory suffices:
    importing torch and initialising CUDA take longer than the product.

    Parameters
    ----------
    matrix : csr_matrix, (R, C), float32
    values : ndarray, (C, M), float64

    Returns
    -------
    ndarray, (R, M), float64

    Examples
    --------
    >>> product(sparse.csr_matrix([[1.0, 0, 2]], dtype=np.float32), np.ones((3, 1))).tolist()
    [[3.0]]
    """
    found = sys.modules.get("torch")
    if found is not None and matrix.nnz * values.shape[1] >= _WORTH and found.cuda.is_initialized():
        try:
            return by_torch(matrix, values, found.device("cuda"))
        except found.cuda.OutOfMemoryError:
            logger.info("the GPU's memory is full; the processor maps instead")
    return np.asarray(matrix @ values, np.float64)


def by_torch(matrix: sparse.csr_matrix, values: NDArray[np.float64], device: torch.device) -> NDArray[np.float64]:
    """As `product`, on a torch device."""
    import torch

    warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)

    def on_device(array: NDArray[np.generic]) -> torch.Tensor:
        return torch.from_numpy(array).to(device)

    weights = torch.sparse_csr_tensor(
        on_device(matrix.indptr),
        on_device(matrix.indices),
        on_device(matrix.data).double(),
        matrix.shape,
        check_invariants=False,
    )
    result: NDArray[np.float64] = (weights @ on_device(values)).cpu().numpy()
    return result
