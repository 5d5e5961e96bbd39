"""Rows of letters: where a page could hold words, told by shape alone."""

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.figures.ink import Boxes, Ink
from edgepatent_runtime.figures.turns import Box

# Heights of letters: from 1.5 mm, as a share of the page's longer side, up to 15 mm, as a share of
# a whole sheet: on sheets cut to their ink letters are as high as on whole ones.
_LOWEST, _HIGHEST = 0.0055, 0.055
_SHEET = 3300
# Letters of a word are so far apart, at most, in heights of the lower of two; a space counts.
_GAP = 1.4
# … and overlap in height by this share of the lower one.
_LEVEL = 0.55
# The space before a number is so wide, at most, in heights.
_SPACE = 3.5
# … and the number as high as so many.
_TALL = 1.4
# A row is this many times as wide as high.
_WIDTH = (1.2, 60.0)
# … a caption mostly so many.
_WORD = (2.0, 7.0)
# Around a word there is paper: in a rim of this share of its height …
_RIM = 0.3
# … there is at most this share of its own ink.
CLEAR = 0.12


def rows_of_letters(ink: Ink, clear: float = CLEAR) -> Boxes:
    """Boxes int32 [N, 4] (left, top, width, height in pixels of the mask) of level rows.

    Best first: the clearest of other ink. Rows that stand upright are found in a turned `Ink`.
    """
    side = max(ink.mask.shape)
    boxes = ink.boxes
    low, high = _LOWEST * max(side, 800), _HIGHEST * max(side, _SHEET / ink.factor)
    letters = (boxes[:, 3] >= low) & (boxes[:, 3] <= high)
    # Letters may touch, and a bar is a letter too; a dash is none.
    letters &= (boxes[:, 2] <= 6 * boxes[:, 3]) & (boxes[:, 2] >= 1)
    chosen = boxes[letters]
    if not len(chosen):
        return np.zeros((0, 4), np.int32)
    rows = _joined(chosen)
    across = rows[:, 2] / rows[:, 3]
    rows = rows[(across >= _WIDTH[0]) & (across <= _WIDTH[1]) & (rows[:, 3] <= 1.3 * high)]
    found: Boxes = rows[_standing_clear(ink, rows, clear)]
    return found


def _joined(letters: Boxes) -> Boxes:
    """The boxes of letters that stand in a row, each row as one box."""
    order = np.argsort(letters[:, 0], kind="stable")
    letters = letters[order]
    left, top, width, height = (letters[:, column].astype(np.float32) for column in range(4))
    # For each letter those that begin within reach of its right edge.
    first = np.arange(len(letters)) + 1
    last = np.searchsorted(left, left + width + _GAP * height, side="right")
    counts = np.minimum(np.maximum(last - first, 0), 60)
    one = np.repeat(np.arange(len(letters)), counts)
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    two = one + 1 + offsets
    lower = np.minimum(height[one], height[two])
    shared = np.minimum(top[one] + height[one], top[two] + height[two]) - np.maximum(
        top[one], top[two]
    )
    gap = left[two] - left[one] - width[one]
    near = (shared >= _LEVEL * lower) & (gap <= _GAP * lower)
    near &= np.maximum(height[one], height[two]) <= 2.2 * lower
    labels = _connected(len(letters), one[near], two[near])
    count = labels.max() + 1
    edges = np.full((count, 4), np.iinfo(np.int32).max, np.int64)
    right, bottom = letters[:, 0] + letters[:, 2], letters[:, 1] + letters[:, 3]
    for column, values in enumerate((letters[:, 0], letters[:, 1], -right, -bottom)):
        np.minimum.at(edges[:, column], labels, values)
    return np.stack(
        (edges[:, 0], edges[:, 1], -edges[:, 2] - edges[:, 0], -edges[:, 3] - edges[:, 1]), 1
    ).astype(np.int32)


def _connected(
    count: int, one: npt.NDArray[np.int64], two: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Number the connected parts of a graph of ``count`` nodes: int64 [count], from 0."""
    labels = np.arange(count)
    while len(one):
        low = np.minimum(labels[one], labels[two])
        before = labels.copy()
        np.minimum.at(labels, one, low)
        np.minimum.at(labels, two, low)
        labels = labels[labels]
        if np.array_equal(before, labels):
            break
    return np.unique(labels, return_inverse=True)[1]


def _standing_clear(ink: Ink, rows: Boxes, clear: float) -> npt.NDArray[np.int64]:
    """The numbers of rows with hardly any other ink around, the clearest first."""
    if not len(rows):
        return np.zeros(0, np.int64)
    total = cv2.integral(ink.mask)
    height, width = ink.mask.shape

    def ink_within(rim: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        left = np.clip(rows[:, 0] - rim, 0, width)
        top = np.clip(rows[:, 1] - rim, 0, height)
        right = np.clip(rows[:, 0] + rows[:, 2] + rim, 0, width)
        bottom = np.clip(rows[:, 1] + rows[:, 3] + rim, 0, height)
        found: npt.NDArray[np.int64] = (
            total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
        ).astype(np.int64)
        return found

    none = np.zeros(len(rows), np.int64)
    own = ink_within(none)
    around = ink_within(np.ceil(_RIM * rows[:, 3]).astype(np.int64)) - own
    share = around / np.maximum(own, 1)
    # "FIG. 1" to "FIGURE 12"; among as clear ones these come first.
    odd = (rows[:, 2] < _WORD[0] * rows[:, 3]) | (rows[:, 2] > _WORD[1] * rows[:, 3])
    order = np.lexsort((share, odd))
    return order[share[order] <= clear]


def continued(ink: Ink, row: Box) -> Box | None:
    """A row (left, top, width, height) with what stands to its right, after a space.

    None where nothing of its height stands there.
    """
    left, top, width, height = row
    right, bottom = left + width, top + height
    boxes = ink.boxes
    level = np.minimum(boxes[:, 1] + boxes[:, 3], bottom) - np.maximum(boxes[:, 1], top)
    letters = (level >= _LEVEL * height) & (boxes[:, 3] <= _TALL * height)
    following = boxes[letters & (boxes[:, 2] <= 2 * height) & (boxes[:, 0] >= right)]
    reach, gap = right, _SPACE * height
    chosen = [[left, top, width, height]]
    for box in following[np.argsort(following[:, 0], kind="stable")].tolist():
        if box[0] - reach > gap:
            break
        chosen.append(box[:4])
        # Letters after the space follow closely.
        reach, gap = max(reach, box[0] + box[2]), height
    if len(chosen) == 1:
        return None
    top = min(box[1] for box in chosen)
    return left, top, reach - left, max(box[1] + box[3] for box in chosen) - top
