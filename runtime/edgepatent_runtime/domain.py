"""Whether a page is a drawing at all, or a page of text, or a photograph.

An encoder gives an embedding for anything, and a search always finds something: a person should
hear that the query was no drawing instead of reading confident nonsense. Eight properties of the
page and a multinomial logistic regression tell the three kinds apart, without a model file and in
a few milliseconds. ``benchmarks/domain.py`` fits the coefficients below, measures them on pages
they were not fitted to, and says what the pages were (``benchmarks/domain.md``).
"""

from typing import Literal

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.errors import DrawingError

Kind = Literal["drawing", "text", "photograph"]
KINDS: tuple[Kind, ...] = ("drawing", "text", "photograph")
# How people call them in a message.
NAMES = {"drawing": "a drawing", "text": "a page of text", "photograph": "a photograph"}

# Longest side, in pixels, of the page that is looked at: letters of a dense page keep 8 or more.
SIDE = 1024
# Below this probability of being a drawing a page is called by its likeliest other kind.
THRESHOLD = 0.1

FEATURES = (
    "paper",
    "rim",
    "grey",
    "flat",
    "small",
    "letters",
    "lines",
    "longest",
)
# Rows: drawing, text, photograph; columns: FEATURES, then the constant.
COEFFICIENTS: npt.NDArray[np.float64] = np.array(
    [
        [10.915, 6.017, 5.980, 7.122, -2.777, -3.035, -6.935, 5.899, -2.918],
        [0.239, -31.791, -11.271, 15.979, 10.668, 5.949, 17.123, -4.907, -16.389],
        [-11.153, 25.774, 5.291, -23.101, -7.891, -2.914, -10.188, -0.992, 19.308],
    ]
)


class Assessment(msgspec.Struct, frozen=True):
    """What a page looks like; ``drawing`` is the probability that it is a drawing."""

    kind: Kind
    drawing: float


def assess(page: npt.NDArray[np.uint8]) -> Assessment:
    """Tell what a grey page [H, W] uint8 (paper 255, as `drawing.decode` gives it) looks like.

    Raises `DrawingError` for a blank page.
    """
    scores = COEFFICIENTS @ np.append(features(page), 1)
    odds = np.exp(scores - scores.max())
    drawing = float(odds[0] / odds.sum())
    if drawing >= THRESHOLD:
        return Assessment("drawing", drawing)
    return Assessment(KINDS[1 + int(np.argmax(scores[1:]))], drawing)


def features(page: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Eight properties of a page, each between 0 and 1 or nearly so, in the order of `FEATURES`.

    Raises `DrawingError` for a blank page.
    """
    factor = SIDE / max(page.shape)
    if factor < 1:
        page = cv2.resize(page, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    ink = page < 160
    if not ink.any():
        # Faint pencil is still ink; what is whiter than this everywhere is blank.
        ink = page < 240
        if not ink.any():
            raise DrawingError("blank page")
    height, width = page.shape
    side = max(height, width)
    paper = float((page > 235).mean())
    edge = max(2, side // 40)
    ring = np.ones(page.shape, bool)
    ring[edge:-edge, edge:-edge] = False
    rim = float((page[ring] < 200).mean())
    # Grey that is no edge of a line: neither paper nor ink all around it.
    middle = ((page > 50) & (page < 225)).astype(np.uint8)
    grey = float(cv2.erode(middle, np.ones((5, 5), np.uint8)).mean())
    flat = float(cv2.erode(ink.astype(np.uint8), np.ones((9, 9), np.uint8)).mean())

    _, _, stats, centres = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    boxes, centres = stats[1:], centres[1:]
    heights, widths = boxes[:, cv2.CC_STAT_HEIGHT], boxes[:, cv2.CC_STAT_WIDTH]
    areas = boxes[:, cv2.CC_STAT_AREA].astype(np.float64)
    longest = float(np.maximum(heights, widths).max() / side)
    # Letters are small, neither dots nor dashes, and fill a good part of their box.
    letter = (
        (heights >= 4)
        & (heights <= side * 0.06)
        & (widths <= heights * 3)
        & (heights <= widths * 5)
        & (areas >= 0.15 * heights * widths)
    )
    small = float(areas[np.maximum(heights, widths) <= side * 0.06].sum() / areas.sum())
    letters = float(min(1.0, np.log10(1 + letter.sum()) / 3.5))
    return np.array(
        [paper, rim, grey, flat, small, letters, _line_share(boxes[letter]), longest], np.float64
    )


def _line_share(letters: npt.NDArray[np.int32]) -> float:
    """The share of letters that stand in a line: a neighbour of like height close by, same base."""
    if len(letters) < 8:
        return 0.0
    letters = letters[np.argsort(letters[:, cv2.CC_STAT_LEFT], kind="stable")][:4000]
    left, top, width, height = (letters[:, column].astype(np.int64) for column in range(4))
    bottom = top + height
    order = np.lexsort((left, bottom // np.maximum(1, int(np.median(height)) // 2)))
    gap = left[order][1:] - (left + width)[order][:-1]
    tall = np.maximum(height[order][1:], height[order][:-1])
    level = np.abs(bottom[order][1:] - bottom[order][:-1]) <= 0.35 * tall
    like = np.minimum(height[order][1:], height[order][:-1]) >= 0.5 * tall
    near = (gap >= -0.3 * tall) & (gap <= 1.2 * tall)
    return float((level & like & near).mean())
