"""Sheets with their figures boxed in, side by side, for people to look at."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.figures import Box, Sheet

Page = npt.NDArray[np.uint8]
Picture = npt.NDArray[np.uint8]

# Blue, green, red: told apart by people who see red and green alike.
_FIGURES = ((178, 114, 0), (0, 94, 213), (115, 158, 0), (167, 121, 204), (0, 159, 230))
_LEFT_OUT = (150, 150, 150)
_TITLE = 22


def boxed(page: Page, sheet: Sheet, title: str, cell: int) -> Picture:
    """A page fitted into ``cell`` pixels with its boxes: uint8 [cell, cell, 3], BGR.

    A figure's box carries its number, or "?" where none was read; what was left out is grey.
    """
    scale = min(1.0, (cell - 12) / page.shape[1], (cell - 12 - _TITLE) / page.shape[0])
    width, height = (max(1, round(side * scale)) for side in page.shape[::-1])
    ink = 255 - cv2.resize(page, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    # Thin lines would fade as the page shrinks; boxes stand out against grey.
    small = 255 - np.minimum(ink * max(1.0, 0.8 / scale), 255) * 0.6
    picture = np.full((cell, cell, 3), 255, np.uint8)
    left, top = (cell - width) // 2, _TITLE + (cell - _TITLE - height) // 2
    picture[top : top + height, left : left + width] = small[..., None]

    def corners(box: Box) -> tuple[tuple[int, int], tuple[int, int]]:
        x, y, w, h = (round(value * scale) for value in box)
        return (left + x, top + y), (left + x + w, top + y + h)

    for part in sheet.left_out:
        cv2.rectangle(picture, *corners(part.box), _LEFT_OUT, 1)
    for index, figure in enumerate(sheet.figures):
        colour = _FIGURES[index % len(_FIGURES)]
        start, end = corners(figure.box)
        cv2.rectangle(picture, start, end, colour, 2)
        place = start[0] + 4, start[1] + 16
        cv2.putText(picture, figure.number or "?", place, 0, 0.5, colour, 1, cv2.LINE_AA)
    cv2.putText(picture, title, (6, 15), 0, 0.4, (60, 60, 60), 1, cv2.LINE_AA)
    return picture


def contact_sheet(pictures: Sequence[Picture], columns: int) -> Picture:
    """Pictures of one size in rows of ``columns``."""
    blank = np.full_like(pictures[0], 255)
    columns = min(columns, len(pictures))
    padded = [*pictures, *[blank] * (-len(pictures) % columns)]
    rows = [np.hstack(padded[at : at + columns]) for at in range(0, len(padded), columns)]
    out: Picture = np.vstack(rows)
    return out
