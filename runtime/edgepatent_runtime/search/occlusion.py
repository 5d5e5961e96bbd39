"""Where two drawings match: which parts of one carry its score with the other.

A part is painted over with paper, and what the score loses is what the part carried: occlusion
sensitivity (Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014,
section 4.2).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.drawing.normal import MARGIN, ink_box, normalise

Page = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

# Cells along the longer side of the ink: sixteen at most, so that seventeen encodings tell all.
CELLS = 4
_PAPER = 255


@dataclass(frozen=True, kw_only=True)
class Occlusion:
    """What each cell of a page carries of its score.

    ``cells`` [R, C] float32 is the cosine that is lost without the cell, 0 where it is better
    off; ``box`` is what the cells divide: x, y, width, height in pixels of the page. ``score`` is
    the cosine with nothing painted over.
    """

    cells: Floats
    box: tuple[int, int, int, int]
    score: float


def occlusion(page: Page, query: Floats, encode: Callable[[Page], Floats], size: int) -> Occlusion:
    """Paint over one cell of ``page`` [H, W] uint8 after the other, and compare with ``query`` [D].

    ``encode`` takes drawings [N, S, S] of ``size`` S and gives unit embeddings [N, D]. Cells
    without ink are not encoded. Raises `DrawingError` for a page without ink.
    """
    left, top, right, bottom = ink_box(page)
    width, height = right - left, bottom - top
    drawing = normalise(page, size)
    across, down = (_edges(length / max(width, height), size) for length in (width, height))
    drawings, places = [drawing], []
    for row in range(len(down) - 1):
        for column in range(len(across) - 1):
            cell = np.s_[down[row] : down[row + 1], across[column] : across[column + 1]]
            if drawing[cell].min() == _PAPER:
                continue
            hidden = drawing.copy()
            hidden[cell] = _PAPER
            drawings.append(hidden)
            places.append((row, column))
    scores = encode(np.stack(drawings)) @ query
    cells = np.zeros((len(down) - 1, len(across) - 1), np.float32)
    for place, score in zip(places, scores[1:], strict=True):
        cells[place] = max(float(scores[0] - score), 0.0)
    return Occlusion(cells=cells, box=(left, top, width, height), score=float(scores[0]))


def _edges(share: float, size: int) -> list[int]:
    """Where cells begin and end in a drawing of ``size`` pixels, whose ink has this ``share``."""
    count = max(1, round(CELLS * share))
    inked = share * (1 - 2 * MARGIN) * size
    edges = (size - inked) / 2 + np.arange(count + 1) * inked / count
    # Averaging spreads ink over the pixel that holds its edge.
    return [int(edges[0]), *np.rint(edges[1:-1]).astype(int).tolist(), int(np.ceil(edges[-1]))]
