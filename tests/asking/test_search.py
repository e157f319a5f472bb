"""Distances and the nearest, against scipy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from wbtools.asking.embedding import Kind, vectors
from wbtools.asking.search import cosine, distances, hamming, nearest


@settings(max_examples=40, deadline=None)
@given(bits=st.integers(1, 70), count=st.integers(1, 50), seed=st.integers(0, 1000))
def test_packed_codes_differ_in_as_many_bits_as_scipy_says(bits, count, seed):
    answers = np.random.default_rng(seed).normal(size=(count + 1, bits)).astype(np.float32)
    packed = vectors(Kind.CODES, answers, "net")
    known = cdist(answers[:1] > 0, answers[1:] > 0, "hamming")[0] * bits
    np.testing.assert_array_equal(hamming(packed[0], packed[1:]), np.rint(known))


def test_without_numpys_own_bit_count_the_table_gives_the_same(monkeypatch):
    packed = np.random.default_rng(0).integers(0, 256, (500, 6), np.uint8)
    fast = hamming(packed[0], packed)
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    np.testing.assert_array_equal(hamming(packed[0], packed), fast)


def test_codes_of_many_bits_do_not_overflow():
    packed = np.array([[0] * 125, [255] * 125], np.uint8)
    assert hamming(packed[0], packed).tolist() == [0, 1000]


@settings(max_examples=25, deadline=None)
@given(length=st.integers(1, 40), count=st.integers(1, 50), seed=st.integers(0, 1000))
def test_cosine_distances_are_those_of_scipy(length, count, seed):
    answers = np.random.default_rng(seed).normal(size=(count + 1, length)).astype(np.float32)
    found = vectors(Kind.EMBEDDINGS, answers, "net")
    np.testing.assert_allclose(cosine(found[0], found[1:]), cdist(answers[:1], answers[1:], "cosine")[0], atol=1e-6)


@pytest.mark.parametrize("kind", list(Kind))
def test_the_nearest_are_those_of_scikit_learn(kind):
    neighbors = pytest.importorskip("sklearn.neighbors")
    answers = np.random.default_rng(3).normal(size=(300, 64)).astype(np.float32)
    found = vectors(kind, answers, "net")
    metric, values = ("hamming", answers > 0) if kind is Kind.CODES else ("cosine", answers)
    oracle = neighbors.NearestNeighbors(n_neighbors=9, metric=metric, algorithm="brute").fit(values[1:])
    far, _ = oracle.kneighbors(values[:1])
    distance = distances(kind, found[0], found[1:])
    scale = 64 if kind is Kind.CODES else 1
    np.testing.assert_allclose(distance[nearest(distance, 9)], far[0] * scale, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.integers(0, 4), min_size=0, max_size=40), count=st.integers(1, 45))
def test_of_equal_distances_the_first_places_come_first(values, count):
    found = nearest(np.array(values, np.uint16), count)
    assert found.tolist() == sorted(range(len(values)), key=lambda place: (values[place], place))[:count]
