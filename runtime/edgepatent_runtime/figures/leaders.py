"""Reference numerals and the lines that lead from them to the drawing."""

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.figures.ink import Ink
from edgepatent_runtime.figures.turns import Box

# A leader begins within this many heights of its numeral …
_NEAR = 1.0
# … is longer than this many, and shorter than this share of the page.
_LONG, _SHORT = 1.2, 0.3
# So thin, in heights: ink for each pixel of its length.
_THIN = 0.2


def leader_of(ink: Ink, box: Box) -> int | None:
    """The number of the connected component that leads away from a row; None without one.

    Digits without a leader may be part of the drawing: a dial, a keyboard.
    """
    left, top, width, height = box
    right, bottom = left + width, top + height
    height = min(width, height)
    reach = _NEAR * height
    boxes = ink.boxes
    x, y = boxes[:, 0], boxes[:, 1]
    across = np.maximum(np.maximum(left - x - boxes[:, 2], x - right), 0)
    down = np.maximum(np.maximum(top - y - boxes[:, 3], y - bottom), 0)
    inside = (x >= left) & (y >= top) & (x + boxes[:, 2] <= right) & (y + boxes[:, 3] <= bottom)
    length: npt.NDArray[np.float64] = np.hypot(boxes[:, 2], boxes[:, 3])
    fits = (np.maximum(across, down) <= reach) & ~inside
    fits &= (length >= _LONG * height) & (length <= _SHORT * max(ink.mask.shape))
    fits &= boxes[:, 4] <= _THIN * height * length
    found = np.flatnonzero(fits)
    # The nearest; a dash of the drawing may lie about as well.
    return int(found[np.argmin((across + down)[found])]) if len(found) else None
