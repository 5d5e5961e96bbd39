"""Boxes on a page that is turned by quarters."""

import numpy as np
import numpy.typing as npt

Box = tuple[int, int, int, int]
Boxes = npt.NDArray[np.int32]


def turn(box: Box, shape: tuple[int, ...], turned: int) -> Box:
    """Where a box (x, y, width, height) lies once its page [H, W] is turned clockwise."""
    x, y, w, h = turn_all(np.array([box], np.int32), shape, turned)[0].tolist()
    return x, y, w, h


def turn_all(boxes: Boxes, shape: tuple[int, ...], turned: int) -> Boxes:
    """The same for boxes [N, 4 or more]; what follows the four stays as it is."""
    x, y, w, h = (boxes[:, column] for column in range(4))
    height, width = shape
    for _ in range(turned % 4):
        x, y, w, h = height - y - h, x, h, w
        height, width = width, height
    return np.column_stack((x, y, w, h, boxes[:, 4:])).astype(np.int32)
