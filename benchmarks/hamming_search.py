"""How long a query among many hash codes takes: wbtools against plain numpy, and faiss where it is installed.

python benchmarks/hamming_search.py [CODES] [BITS]       1,000,000 codes of 32 bits by default
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wbtools.asking.search import hamming, nearest

_TOP = 9
_REPEATS = 15


def seconds(search: Callable[[], object]) -> float:
    """Processor seconds of a search, the median of several."""
    search()
    found = []
    for _ in range(_REPEATS):
        start = time.process_time()
        search()
        found.append(time.process_time() - start)
    return float(np.median(found))


def unpacked(query: NDArray[np.uint8], codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The nearest codes by the plainest numpy."""
    distance = np.unpackbits(codes ^ query, axis=1).sum(1)
    return np.asarray(np.argsort(distance, kind="stable")[:_TOP])


def main(count: int = 1_000_000, bits: int = 32) -> None:
    """Print times and ratios."""
    dice = np.random.default_rng(0)
    codes = dice.integers(0, 256, (count, -(-bits // 8)), np.uint8)
    query = dice.integers(0, 256, codes.shape[1], np.uint8)
    distance = hamming(query, codes)
    np.testing.assert_array_equal(nearest(distance, _TOP), unpacked(query, codes))
    mine = seconds(lambda: nearest(hamming(query, codes), _TOP))
    plain = seconds(lambda: unpacked(query, codes))
    print(f"{count:,} codes of {bits} bits, {_TOP} nearest")
    print(f"wbtools {1e3 * mine:8.1f} ms")
    print(f"numpy   {1e3 * plain:8.1f} ms, {plain / mine:.1f} times as long (unpackbits, stable sort)")
    try:
        faiss = importlib.import_module("faiss")
    except ImportError:
        print("faiss   is not installed")
        return
    index = faiss.IndexBinaryFlat(8 * codes.shape[1])
    index.add(codes)
    there = seconds(lambda: index.search(query[None], _TOP))
    far, _ = index.search(query[None], _TOP)
    np.testing.assert_array_equal(far[0], distance[nearest(distance, _TOP)])
    print(f"faiss   {1e3 * there:8.1f} ms, {there / mine:.2f} times as long")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
