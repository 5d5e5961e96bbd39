"""What offices print on a sheet: the header above the drawings, the number of the sheet."""

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.figures.rows import Row
from edgepatent_runtime.figures.turns import Box

Mask = npt.NDArray[np.uint8]

# The header lies in this share of the page at its top, and spans that of its width.
_DEPTH, _WIDTH = 0.1, 0.4
# A sheet's number stands in this share of the page along its edges.
_EDGE = 0.12


def header(mask: Mask, level: list[Box]) -> list[Box]:
    """The rows, of all ``level`` ones, that make up a header: none where there is none.

    It is the first line of the page, wide, with nothing above it and nothing but letters in it.
    """
    height, width = mask.shape
    top = [box for box in level if box[1] + box[3] <= _DEPTH * height]
    if not top:
        return []
    _, y, _, high = min(top, key=lambda box: box[1])
    line = [box for box in top if min(box[1] + box[3], y + high) > max(box[1], y)]
    wide = max(box[0] + box[2] for box in line) - min(box[0] for box in line)
    if wide < _WIDTH * width or (len(line) < 2 and wide < 8 * high):
        return []
    bottom = max(box[1] + box[3] for box in line)
    ours = sum(int(mask[y : y + h, x : x + w].sum()) for x, y, w, h in line)
    return line if ours >= 0.9 * int(mask[:bottom].sum()) else []


def is_sheet_number(row: Row, mask: Mask) -> bool:
    """Whether a row such as "2/7" stands along an edge of the page."""
    height, width = mask.shape
    x, y, w, h = row.box
    near = min(x, y, width - x - w, height - y - h) <= _EDGE * max(mask.shape)
    return row.kind == "sheet number" and near
