"""A photographed product: its background taken away where it is plain, its contours drawn.

Imported for photographs only: OpenCV would cost every search 50 ms. What was tried beside this, and
how much each finds, is in ``benchmarks/product.md``.
"""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Page = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float32]

SIDE = 448
"""The longer side, in pixels, of the picture that contours are drawn from, and of the drawing."""

# So many levels of grey a pixel may differ from a plain background, at least …
_PLAIN = 10.0
# … or so many deviations of the background itself.
_SPREAD = 4.0
# A background is plain whose border varies, around a smooth surface, by less than this …
_EVEN = 5.0
# … in at least so much of the border: the product may reach over it.
_BORDER = 0.8
# What is left covers at least, and at most, so much of the picture.
_COVERED = (0.01, 0.95)
# Parts smaller than this share of the largest one are crumbs of the background.
_CRUMB = 0.02
# The camera's noise is smoothed over so many pixels (σ), before slopes are taken.
_SMOOTH = 1.2
# Lines of patents are half a pixel wide in a figure of `SIDE` (`pen` of edgepatent-synthetic): a
# line of a pixel is as grey as that is wide, a faint crease fainter. This slope is darkest.
_BLACK, _INK = 150.0, (0.15, 0.6)
# Room around the product, as a share of the picture.
_MARGIN = 0.04
# Canny's two thresholds, on Sobel slopes of 8 bits: creases before a plain background, but in a
# cluttered room only what stands out.
_CREASES, _OUTLINES = (12, 30), (20, 50)


class Drawn(NamedTuple):
    """A photograph as it is searched with: ``page`` [H, W], and ``contours`` drawn from it.

    ``page`` is the photograph, or, where its background was ``plain``, the product on white.
    """

    page: Page
    contours: Page
    plain: bool


def drawn(photograph: Page) -> Drawn:
    """Take a plain background away and draw contours and creases, grey on white.

    ``photograph`` is grey, uint8 [H, W]; what comes of it has a longer side of `SIDE`.
    """
    small = _sized(photograph)
    product = silhouette(small)
    if product is None:
        return Drawn(small, contours(small, _OUTLINES), False)
    # The product alone as large as that, or the lines of a small one would be broad.
    photograph = photograph[_box(product, photograph.shape)]
    small = _sized(photograph)
    again = silhouette(small)
    if again is None:
        size = small.shape[::-1]
        product = product[_box(product, product.shape)]
        again = cv2.resize(product.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    # Outlines lie on both sides of the silhouette's rim.
    near = cv2.dilate(again.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    white = np.uint8(255)
    return Drawn(np.where(again, small, white), np.where(near, contours(small), white), True)


def _sized(pixels: Page) -> Page:
    """A picture whose longer side is `SIDE`."""
    scale = SIDE / max(pixels.shape)
    size = [max(1, round(length * scale)) for length in pixels.shape[::-1]]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)


def _box(product: Mask, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Where the product is in a picture of ``shape``, with a margin."""
    found = []
    for axis in (1, 0):
        inked = np.flatnonzero(product.any(axis=axis))
        length = product.shape[1 - axis]
        margin = max(3, round(_MARGIN * max(product.shape)))
        scale = shape[1 - axis] / length
        first, last = max(0, inked[0] - margin), min(length, inked[-1] + 1 + margin)
        found.append(slice(round(first * scale), round(last * scale)))
    return found[0], found[1]


def silhouette(pixels: Page) -> Mask | None:
    """Where the product is in a photograph [H, W]; None where the background is not plain.

    The background is a smooth surface (quadratic) through most of the border, and all that hangs
    together with the border and differs little from it.
    """
    smooth = cv2.GaussianBlur(pixels, (0, 0), _SMOOTH).astype(np.float32)
    height, width = smooth.shape
    edge = max(2, round(0.03 * max(smooth.shape)))
    ring = np.ones(smooth.shape, np.bool_)
    ring[edge:-edge, edge:-edge] = False
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack((np.ones_like(x), x, y, x * x, x * y, y * y), axis=-1)
    where, away, spread = ring, np.zeros_like(smooth), 0.0
    for _ in range(4):
        weights = np.linalg.lstsq(terms[where], smooth[where], rcond=None)[0]
        away = np.abs(smooth - terms @ weights)
        spread = max(1.0, 1.4826 * float(np.median(away[ring])))
        near = ring & (away < 3 * spread)
        if near.sum() < 0.4 * ring.sum():
            break
        where = near
    limit = max(_PLAIN, _SPREAD * spread)
    if spread > _EVEN or np.mean(away[ring] < limit) < _BORDER:
        return None
    # A frame joins all of the border that is background.
    like = np.pad((away < limit).astype(np.uint8), 1, constant_values=1)
    _, label = cv2.connectedComponents(like, connectivity=4)
    other = (label != label[0, 0])[1:-1, 1:-1].astype(np.uint8)
    other = cv2.morphologyEx(other, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, label, stats, _ = cv2.connectedComponentsWithStats(other)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.append(False, areas > _CRUMB * areas.max(initial=0))
    product: Mask = kept[label]
    least, most = _COVERED
    return product if least < product.mean() < most else None


def contours(pixels: Page, thresholds: tuple[int, int] = _CREASES) -> Page:
    """Lines of one pixel where brightness changes, uint8 [H, W], the darker the more it does.

    Canny, "A computational approach to edge detection", PAMI 1986, with its two ``thresholds``.
    """
    smooth = cv2.GaussianBlur(pixels, (0, 0), _SMOOTH)
    across, down = (cv2.Sobel(smooth, cv2.CV_16S, *axis) for axis in ((1, 0), (0, 1)))
    edges = cv2.Canny(across, down, *thresholds, L2gradient=True) > 0
    slope = cv2.magnitude(across.astype(np.float32), down.astype(np.float32))
    ink = np.where(edges, np.clip(slope / _BLACK, *_INK), 0)
    return (255.5 - 255 * ink).astype(np.uint8)
