"""The ink of a page, at a size at which its letters can still be read."""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.figures.turns import turn_all

Page = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.int32]

# Longest side, in pixels, of the page that is looked at: a caption of 2 mm on a sheet of 11 inches
# keeps letters of 10 pixels.
SIDE = 1700
# Darker than this is ink: thin lines of a reduced scan are grey.
DARK = 200

_TURNS = {1: cv2.ROTATE_90_CLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_COUNTERCLOCKWISE}


class Ink(NamedTuple):
    """Ink of a page, reduced by ``factor``: ``mask`` uint8 [h, w] of 0 and 1.

    ``labels`` int32 [h, w] number the connected components from 1, ``boxes`` int32 [N, 5] hold
    left, top, width, height and area of each, in pixels of the mask.
    """

    factor: int
    mask: Page
    labels: npt.NDArray[np.int32]
    boxes: Boxes

    def turned(self, quarters: int) -> "Ink":
        """As it lies once the page is turned clockwise, ``quarters`` times."""
        if not quarters % 4:
            return self
        return Ink(
            self.factor,
            # Ten times as fast as a copy of numpy's view: it goes by blocks that fit the cache.
            np.asarray(cv2.rotate(self.mask, _TURNS[quarters % 4]), np.uint8),
            np.rot90(self.labels, -quarters),
            turn_all(self.boxes, self.mask.shape, quarters),
        )

    def drawn(self) -> Page:
        """The mask without specks: pixels that touch no other."""
        out = self.mask.copy()
        if self.factor > 1:
            lone = self.boxes[self.boxes[:, 4] <= 1]
            out[lone[:, 1], lone[:, 0]] = 0
        return out


def ink_of(page: Page) -> Ink:
    """Find the ink of a grey page, uint8 [H, W], paper 255, and its connected components."""
    factor = max(1, -(-max(page.shape) // SIDE))
    if factor > 1:
        height, width = (max(1, side // factor) for side in page.shape)
        page = page[: height * factor, : width * factor]
        page = np.asarray(cv2.resize(page, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    mask = np.asarray(page < DARK, np.uint8)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return Ink(factor, mask, np.asarray(labels, np.int32), np.asarray(boxes[1:], np.int32))
