"""Whether a page is a drawing at all, or a page of text, or a photograph.

An encoder gives an embedding for anything, and a search always finds something: a person should
hear that the query was no drawing instead of reading confident nonsense. Properties of the
page and a multinomial logistic regression tell the three kinds apart, without a model file and in
a few milliseconds. ``benchmarks/looks.py`` fits the coefficients below, measures them on pages
they were not fitted to, and says what the pages were (``benchmarks/looks.md``).
"""

from typing import Literal

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.ordered import percentile

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
    "solid",
    "small",
    "letters",
    "lines",
    "grey rim",
    "grey page",
    "small letters",
    "longest",
    "solid rim",
    "wide rim",
)
# Rows: drawing, text, photograph; columns: FEATURES, then the constant.
COEFFICIENTS: npt.NDArray[np.float64] = np.array(
    [
        [-10.6, 6.6, -9.5, 4.3, 6.6, 3.6, -3.4, -2.8, 11.6, -10.4, 2.8, -2.7, 1.2, 12.3],
        [38.7, -12.6, 1.3, -1.5, -9.0, -16.8, 24.3, 2.4, 5.2, 23.8, -1.0, 3.9, -11.2, -32.3],
        [-28.1, 6.0, 8.3, -2.8, 2.4, 13.2, -20.9, 0.4, -16.8, -13.3, -1.8, -1.2, 10.0, 20.0],
    ]
)  # fmt: skip

# What is told from tones as well, where there are any: a photograph of a thing.
TONES = (
    "paper",
    "small",
    "longest",
    "tone",
    "tone at the rim",
    "tone in the middle",
    "tone of ink",
)
# A share of even grey above this says no more than it does.
_GREY = 0.05
# Below this share of even grey, of the page, there are none: lines are spared the question.
_TONE = 0.005
# In the order of `TONES`, then the constant. ``benchmarks/product.py --fit`` fits such; these were
# fitted with some more photographs of paper among the pages, and are what its tables measure.
PRODUCT: npt.NDArray[np.float64] = np.array([-5.1, -6.71, -8.29, 1.23, -5.18, -0.93, 2.63, 9.85])


class Assessment(msgspec.Struct, frozen=True):
    """What a page looks like; ``drawing`` is the probability that it is a drawing.

    ``product``: it is rather a photograph of a thing than anything drawn, printed or written.
    """

    kind: Kind
    drawing: float
    product: bool = False


def assess(page: npt.NDArray[np.uint8]) -> Assessment:
    """Tell what a grey page [H, W] uint8 (paper 255, as `drawing.decode` gives it) looks like.

    Raises `DrawingError` for a blank page.
    """
    page = _shrunk(page)
    values = features(page)
    scores = COEFFICIENTS @ np.append(values, 1)
    odds = np.exp(scores - scores.max())
    drawing = float(odds[0] / odds.sum())
    shades = tones(page, values)
    product = shades is not None and float(PRODUCT @ np.append(shades, 1)) > 0
    if drawing >= THRESHOLD:
        return Assessment("drawing", drawing, product)
    return Assessment(KINDS[1 + int(np.argmax(scores[1:]))], drawing, product)


def tones(
    page: npt.NDArray[np.uint8], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64] | None:
    """Properties of a page in the order of `TONES`; None for one without even grey.

    ``values`` are its `features`.
    """
    known = dict(zip(FEATURES, values.tolist(), strict=True))
    if known["grey"] * _GREY < _TONE:
        return None
    page = _shrunk(page)
    even = _even_grey(page)
    height, width = page.shape
    middle = even[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return np.array(
        [
            known["paper"],
            known["small"],
            known["longest"],
            even.mean(),
            even[_ring(page)].mean(),
            middle.mean() if middle.size else 0.0,
            even.sum() / max(int((page < 225).sum()), 1),
        ],
        np.float64,
    )


def _shrunk(page: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A page of at most `SIDE` pixels."""
    factor = SIDE / max(page.shape)
    if factor >= 1:
        return page
    size = round(page.shape[1] * factor) or 1, round(page.shape[0] * factor) or 1
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA), np.uint8)


def _ring(page: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """The border of a page."""
    edge = max(2, max(page.shape) // 40)
    ring = np.ones(page.shape, bool)
    ring[edge:-edge, edge:-edge] = False
    return ring


def _even_grey(page: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """1 for grey that is no edge of a line: neither paper nor ink all around it."""
    grey = ((page > 50) & (page < 225)).astype(np.uint8)
    return np.asarray(cv2.erode(grey, np.ones((5, 5), np.uint8)), np.uint8)


def features(page: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Properties of a page, each between 0 and 1 or nearly so, in the order of `FEATURES`.

    Raises `DrawingError` for a blank page.
    """
    page = _shrunk(page)
    ink = page < 160
    if not ink.any():
        # Faint pencil is still ink; what is whiter than this everywhere is blank.
        ink = page < 240
        if not ink.any():
            raise DrawingError("blank page")
    height, width = page.shape
    side = max(height, width)
    paper = float((page > 235).mean())
    ring = _ring(page)
    # Shares above these caps say no more than the caps do.
    marked = float((page[ring] < 200).mean())
    rim, wide = min(marked, 0.2) / 0.2, min(marked, 0.6) / 0.6
    grey = min(float(_even_grey(page).mean()), _GREY) / _GREY
    thick = cv2.erode(ink.astype(np.uint8), np.ones((9, 9), np.uint8))
    solid = min(float(thick.mean()), 0.1) / 0.1

    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    boxes = stats[1:]
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
    many = float(min(1.0, np.log10(1 + letter.sum()) / 3.5))
    return np.array(
        [
            paper,
            rim,
            grey,
            solid,
            small,
            many,
            many * _line_share(boxes[letter]),
            grey * rim,
            grey * (1 - paper),
            small * many,
            longest,
            solid * rim,
            wide,
        ],
        np.float64,
    )


def _line_share(letters: npt.NDArray[np.int32]) -> float:
    """The share of letters that stand in a line: a neighbour of like height close by, same base."""
    if len(letters) < 8:
        return 0.0
    letters = letters[np.argsort(letters[:, cv2.CC_STAT_LEFT], kind="stable")][:4000]
    left, top, width, height = (letters[:, column].astype(np.int64) for column in range(4))
    bottom = top + height
    order = np.lexsort((left, bottom // max(1, int(percentile(height, 50)) // 2)))
    gap = left[order][1:] - (left + width)[order][:-1]
    tall = np.maximum(height[order][1:], height[order][:-1])
    level = np.abs(bottom[order][1:] - bottom[order][:-1]) <= 0.35 * tall
    like = np.minimum(height[order][1:], height[order][:-1]) >= 0.5 * tall
    near = (gap >= -0.3 * tall) & (gap <= 1.2 * tall)
    return float((level & like & near).mean())
