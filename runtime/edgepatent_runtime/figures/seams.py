"""Figures that touch: parted along the way that crosses the least ink.

A seam as in seam carving (Avidan & Shamir 2007): from one side of a box to the other, a cell to
the side at most from row to row, by dynamic programming.
"""

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.figures.turns import Box

Mask = npt.NDArray[np.uint8]

# Longest side of the box, in cells, on which the seam is sought.
_CELLS = 220
# The seam keeps to this middle part of the box.
_MIDDLE = 0.7
# One that crosses more ink, as a share of its length, parts no two figures.
_MOST = 0.12


def parted(mask: Mask, box: Box) -> Mask | None:
    """A copy of a mask, uint8 [h, w], with the ink along the best seam through ``box`` taken out.

    ``box`` is x, y, width, height. None where every seam would cross a figure.
    """
    left, top, width, height = box
    part = mask[top : top + height, left : left + width]
    cell = max(1, -(-max(part.shape) // _CELLS))
    size = max(1, part.shape[1] // cell), max(1, part.shape[0] // cell)
    if min(size) < 8:
        return None
    ink = cv2.resize(part * np.uint8(255), size, interpolation=cv2.INTER_AREA) > 0
    down, price = _seam(ink)
    across, other = _seam(ink.T)
    if min(price / len(ink), other / len(ink.T)) > _MOST:
        return None
    cut = np.zeros(ink.shape, np.uint8)
    if price / len(ink) <= other / len(ink.T):
        cut[np.arange(len(ink)), down] = 1
    else:
        cut[across, np.arange(len(ink.T))] = 1
    # Three cells wide, so that no diagonal holds the halves together.
    cut = np.asarray(cv2.dilate(cut, np.ones((3, 3), np.uint8)), np.uint8)
    whole = cv2.resize(cut, part.shape[::-1], interpolation=cv2.INTER_NEAREST)
    out = mask.copy()
    out[top : top + height, left : left + width][whole > 0] = 0
    return out


def _seam(ink: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], float]:
    """The column in each row of the cheapest seam from top to bottom, and the ink on it."""
    height, width = ink.shape
    edge = round(width * (1 - _MIDDLE) / 2)
    # A little for each step aside: straight where nothing else decides.
    price = np.where(ink, 1.0, 0.0)
    price[:, :edge] = price[:, width - edge :] = 1e6
    total = price[0]
    came = np.zeros((height, width), np.int64)
    columns = np.arange(width)
    for row in range(1, height):
        ways = np.full((3, width), np.inf)
        ways[0, 1:], ways[1], ways[2, :-1] = total[:-1] + 0.01, total, total[1:] + 0.01
        best = ways.argmin(axis=0)
        came[row] = columns + best - 1
        total = price[row] + ways[best, columns]
    seam = np.empty(height, np.int64)
    seam[-1] = int(total.argmin())
    for row in range(height - 1, 0, -1):
        seam[row - 1] = came[row, seam[row]]
    return seam, float(ink[np.arange(height), seam].sum())
