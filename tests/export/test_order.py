from pathlib import Path

import numpy as np
import pytest

from edgepatent_export.order import (
    FILE,
    axes_of_run,
    own_space,
    principal_axes,
    space_of,
    weights_digest,
)
from edgepatent_train.model import DrawingEncoder


def embeddings() -> np.ndarray:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 12)) * np.linspace(0.1, 2, 12) + 0.5
    x = x @ np.linalg.qr(random.normal(size=(12, 12)))[0]
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def test_axes_are_complete_and_orthonormal() -> None:
    axes = principal_axes(embeddings())
    assert axes.shape == (12, 12)
    np.testing.assert_allclose(axes @ axes.T, np.eye(12), atol=1e-5)


def test_leading_dimensions_carry_most() -> None:
    x = embeddings()
    energy = ((x @ principal_axes(x).T) ** 2).mean(0)
    assert (np.diff(energy) <= 1e-6).all()
    # No four directions hold more than the four leading ones (SVD as the oracle).
    best = np.linalg.svd(x, compute_uv=False) ** 2 / len(x)
    np.testing.assert_allclose(energy, best, rtol=1e-3)


def test_axes_are_fitted_once_for_a_run(tmp_path: Path) -> None:
    first = axes_of_run(tmp_path, "weights", lambda: principal_axes(embeddings()))

    def never() -> np.ndarray:
        raise AssertionError("fitted twice")

    np.testing.assert_array_equal(axes_of_run(tmp_path, "weights", never), first)
    assert [f.name for f in tmp_path.iterdir()] == [FILE]


def test_a_run_trained_further_gets_a_new_one(tmp_path: Path) -> None:
    axes_of_run(tmp_path, "old", lambda: principal_axes(embeddings()))
    other = axes_of_run(tmp_path, "new", lambda: np.eye(12, dtype=np.float32))
    np.testing.assert_array_equal(other, np.eye(12))


@pytest.mark.parametrize("damage", [b"", b"no zip", b"PK\x03\x04"])
def test_a_damaged_file_is_fitted_anew(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / FILE).write_bytes(damage)
    found = axes_of_run(tmp_path, "weights", lambda: np.eye(12, dtype=np.float32))
    np.testing.assert_array_equal(found, np.eye(12))


def test_a_run_that_cannot_be_written_is_exported_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "missing"
    found = axes_of_run(folder, "weights", lambda: np.eye(3, dtype=np.float32))
    np.testing.assert_array_equal(found, np.eye(3))


def test_space_depends_on_weights_axes_and_size(model: DrawingEncoder) -> None:
    weights, eye = weights_digest(model), np.eye(4, dtype=np.float32)
    spaces = {
        space_of(weights, eye, (224,)),
        space_of(weights, eye, (320,)),
        space_of("other", eye, (224,)),
        space_of(weights, eye[::-1], (224,)),
        own_space(space_of(weights, eye, (224,)), b"model"),
    }
    assert len(spaces) == 5
    assert space_of(weights, eye.copy(), (224,)) in spaces
