"""Which parts of a drawing carry its score: told by an encoder that looks at one part only."""

import numpy as np
import pytest

from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.search.occlusion import CELLS, occlusion

SIZE = 64


def page() -> np.ndarray:
    """Ink in every cell of a wide frame; the frame makes the box."""
    paper = np.full((300, 500), 255, np.uint8)
    paper[50:250, 100:400] = 200
    paper[50:54, 100:400] = paper[246:250, 100:400] = 0
    paper[50:250, 100:104] = paper[50:250, 396:400] = 0
    return paper


def looks_at(rows: slice, columns: slice):
    """An encoder of two dimensions: the ink in one part of the drawing, and a constant."""

    def encode(drawings: np.ndarray) -> np.ndarray:
        ink = (255.0 - drawings[:, rows, columns]).mean(axis=(1, 2)) / 255
        found = np.stack([ink * 20, np.ones(len(drawings))], axis=1)
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)

    return encode


def test_the_part_that_is_looked_at_carries_the_score() -> None:
    encode = looks_at(slice(14, 22), slice(2, 16))
    found = occlusion(page(), np.array([1, 0], np.float32), encode, SIZE)
    assert found.box == (100, 50, 300, 200)
    assert found.cells.shape == (3, CELLS)
    assert np.unravel_index(found.cells.argmax(), found.cells.shape) == (0, 0)
    elsewhere = found.cells.copy()
    elsewhere[:, :2] = 0
    assert elsewhere.max() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("shape", [(400, 400), (30, 400), (400, 30), (400, 170)])
def test_no_more_than_seventeen_encodings(shape: tuple[int, int]) -> None:
    counted = []

    def encode(drawings: np.ndarray) -> np.ndarray:
        counted.append(len(drawings))
        return np.ones((len(drawings), 1), np.float32)

    paper = np.full((500, 500), 255, np.uint8)
    paper[50 : 50 + shape[0], 50 : 50 + shape[1]] = 0
    found = occlusion(paper, np.ones(1, np.float32), encode, SIZE)
    assert sum(counted) == found.cells.size + 1 <= 17


def test_cells_without_ink_are_not_encoded() -> None:
    paper = np.full((400, 400), 255, np.uint8)
    paper[0:40, 0:40] = paper[360:, 360:] = 0
    counted = []

    def encode(drawings: np.ndarray) -> np.ndarray:
        counted.append(len(drawings))
        return np.ones((len(drawings), 1), np.float32)

    occlusion(paper, np.ones(1, np.float32), encode, SIZE)
    assert counted == [3]


def test_paper_has_no_parts() -> None:
    with pytest.raises(DrawingError, match="blank page"):
        occlusion(np.full((99, 99), 255, np.uint8), np.ones(1, np.float32), len, SIZE)  # type: ignore[arg-type]
