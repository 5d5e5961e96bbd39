"""Contact sheets: many drawings side by side, for people to look at."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Page = npt.NDArray[np.uint8]


def contact_sheet(pages: Sequence[Page], columns: int = 8, cell: int = 300) -> Page:
    """Pages [H, W] uint8 in rows of ``columns``, each fitted into a square of ``cell`` pixels.

    Where a page shrinks, its ink is darkened by as much: thin lines would fade otherwise.
    """
    inner = cell - 12
    rows = -(-len(pages) // columns)
    sheet = np.full((rows * cell, columns * cell), 255, np.uint8)
    for index, page in enumerate(pages):
        scale = inner / max(page.shape)
        size = (max(1, round(page.shape[1] * scale)), max(1, round(page.shape[0] * scale)))
        small = 255 - cv2.resize(page, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        small = 255 - np.minimum(small * max(1.0, 0.8 / scale), 255)
        top = index // columns * cell + (cell - size[1]) // 2
        left = index % columns * cell + (cell - size[0]) // 2
        sheet[top : top + size[1], left : left + size[0]] = small
    return sheet
