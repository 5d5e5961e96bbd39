"""Rows on disk: rounding, checksums, and files that are not whole."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from stored import unit, views_of_designs

from edgepatent_runtime.collection import vectors
from edgepatent_runtime.collection.rotation import random_rotation
from edgepatent_runtime.collection.vectors import Vectors
from edgepatent_runtime.errors import CollectionError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "vectors-000001.rows"
    vectors.create(path, 64)
    return path


def test_rows_are_read_as_they_were_written(path: Path) -> None:
    given_vectors = views_of_designs(50, 2, 64)
    rows = vectors.quantise(given_vectors)
    vectors.append(path, rows[:70], 0)
    vectors.append(path, rows[70:], 70)
    stored = Vectors.open(path, 64, 100)
    read = stored.read(np.arange(100))
    assert np.sum(read * given_vectors, axis=1).min() > 0.9995
    assert np.linalg.norm(read, axis=1) == pytest.approx(1, abs=1e-5)
    assert not len(stored.damaged(np.arange(100)))


@given(arrays.arrays(np.float32, (5, 64), elements=st.floats(-1, 1, width=16)))
@settings(max_examples=50, deadline=None)
def test_rounding_is_off_by_half_a_step_at_most(given_vectors: np.ndarray) -> None:
    rows = vectors.quantise(given_vectors)
    step = np.abs(given_vectors).max(axis=1, keepdims=True) / 127
    assert np.all(np.abs(rows["codes"] * step - given_vectors) <= step * 0.501 + 1e-9)


def test_a_zero_vector_is_a_zero_row() -> None:
    rows = vectors.quantise(np.zeros((1, 64), np.float32))
    assert not rows["codes"].any()
    assert rows["scale"][0] == 0


def test_scores_are_those_of_the_naive_product(path: Path) -> None:
    stored_vectors = views_of_designs(5000, 2, 64)
    vectors.append(path, vectors.quantise(stored_vectors), 0)
    stored = Vectors.open(path, 64, 10_000)
    queries = views_of_designs(3, 1, 64, seed=9)
    naive = queries @ stored.read(np.arange(10_000)).T
    assert stored.scores(queries) == pytest.approx(naive, abs=1e-5)
    some = np.array([9999, 3, 8192, 8191])
    assert stored.scores(queries, some) == pytest.approx(naive[:, some], abs=1e-5)


@pytest.mark.parametrize("offset", [0, 40, 64, 67])
def test_a_flipped_bit_is_found_wherever_it_is(path: Path, offset: int) -> None:
    vectors.append(path, vectors.quantise(views_of_designs(10, 1, 64)), 0)
    data = bytearray(path.read_bytes())
    data[vectors.HEADER + 4 * 72 + offset] ^= 0x10
    path.write_bytes(data)
    stored = Vectors.open(path, 64, 10)
    assert stored.damaged(np.arange(10)).tolist() == [4]
    with pytest.raises(CollectionError, match=r"row 4 .*--repair"):
        stored.require(np.arange(10))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_not_stored(wrong: float) -> None:
    embeddings = views_of_designs(10, 1, 64)
    embeddings[3, 5] = wrong
    with pytest.raises(CollectionError, match="install another version"):
        vectors.quantise(embeddings)


def test_a_row_in_the_wrong_place_is_damaged(path: Path) -> None:
    vectors.append(path, vectors.quantise(views_of_designs(10, 1, 64)), 0)
    data = bytearray(path.read_bytes())
    at = [slice(vectors.HEADER + n * 72, vectors.HEADER + (n + 1) * 72) for n in (2, 7)]
    data[at[0]], data[at[1]] = data[at[1]], data[at[0]]
    path.write_bytes(data)
    assert Vectors.open(path, 64, 10).damaged(np.arange(10)).tolist() == [2, 7]


def test_a_scale_that_is_no_number_comes_first_so_that_it_is_seen(path: Path) -> None:
    rows = vectors.quantise(views_of_designs(10, 1, 64))
    vectors.append(path, rows, 0)
    data = bytearray(path.read_bytes())
    at = vectors.HEADER + 3 * 72 + 64
    data[at : at + 4] = np.float32(np.nan).tobytes()
    path.write_bytes(data)
    scores = Vectors.open(path, 64, 10).scores(views_of_designs(1, 1, 64, seed=3))
    assert scores[0].argmax() == 3


def test_a_file_that_is_not_whole_is_refused_and_salvaged(path: Path) -> None:
    vectors.append(path, vectors.quantise(views_of_designs(10, 1, 64)), 0)
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(CollectionError, match="truncated"):
        Vectors.open(path, 64, 10)
    assert Vectors.salvage(path, 64, 10).count == 9
    path.write_bytes(b"\0" * 64 + data[64:])
    with pytest.raises(CollectionError, match="header"):
        Vectors.open(path, 64, 10)
    assert Vectors.salvage(path, 64, 10).count == 10
    path.unlink()
    with pytest.raises(CollectionError, match="missing"):
        Vectors.open(path, 64, 10)
    assert Vectors.salvage(path, 64, 10).count == 0


def test_a_rotation_keeps_inner_products() -> None:
    rotation = random_rotation(96)
    assert rotation @ rotation.T == pytest.approx(np.eye(96), abs=1e-5)
    given_vectors = unit(np.random.default_rng(1).standard_normal((20, 96)))
    turned = given_vectors @ rotation.T
    assert turned @ turned.T == pytest.approx(given_vectors @ given_vectors.T, abs=1e-5)
