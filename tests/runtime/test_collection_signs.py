"""Sign codes: Hamming distances and the nearest of them, against counting bit by bit."""

from pathlib import Path

import numpy as np
import pytest
from stored import views_of_designs

from edgepatent_runtime.collection import signs


@pytest.mark.parametrize("dimensions", [8, 64, 100, 256])
def test_distances_count_differing_signs(dimensions: int) -> None:
    stored = views_of_designs(500, 1, dimensions)
    mean = stored.mean(axis=0)
    query = views_of_designs(1, 1, dimensions, seed=5)
    found = signs.distances(signs.pack(stored, mean), signs.pack(query, mean)[0])
    naive = ((stored > mean) != (query > mean)).sum(axis=1)
    assert found.tolist() == naive.tolist()


def test_opposite_codes_of_256_dimensions_are_256_apart() -> None:
    ones = np.ones((1, 256), np.float32)
    mean = np.zeros(256, np.float32)
    assert signs.distances(signs.pack(ones, mean), signs.pack(-ones, mean)[0]).tolist() == [256]


def test_nearest_takes_ties_and_leaves_out_what_may_not_be_found() -> None:
    distance = np.array([5, 3, 9, 3, signs.NEVER, 3, 0], np.uint16)
    assert signs.nearest(distance, 1).tolist() == [6]
    assert signs.nearest(distance, 2).tolist() == [1, 3, 5, 6]
    assert signs.nearest(distance, 100).tolist() == [0, 1, 2, 3, 5, 6]
    assert signs.nearest(np.full(3, signs.NEVER, np.uint16), 2).tolist() == []
    assert signs.nearest(np.zeros(0, np.uint16), 2).tolist() == []


def test_a_file_grows_and_is_mapped_or_left_alone(tmp_path: Path) -> None:
    words = signs.pack(views_of_designs(30, 1, 128), np.zeros(128, np.float32))
    path = tmp_path / "signs"
    signs.write(path, words[:10], 0)
    signs.write(path, words[10:], 10)
    loaded = signs.load(path, 128, 30)
    assert loaded is not None
    assert np.array_equal(loaded, words)
    assert signs.load(path, 128, 31) is None
    assert signs.load(tmp_path / "other", 128, 1) is None
