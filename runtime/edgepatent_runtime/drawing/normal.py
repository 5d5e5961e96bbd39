"""A grey page → the drawing a model takes."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgepatent_runtime.errors import DrawingError

Page = npt.NDArray[np.uint8]

# White around the ink, as a share of the finished drawing, on each side.
MARGIN = 1 / 32
# A page smaller than this, in pixels of its longer side, shows nothing.
SMALLEST = 16
# How much darker than paper a cell of the page must be, on average, to hold ink: three of 25
# pixels of a 300-dpi sheet. Lone pixels of noise stay below, the thinnest line does not.
_INK = 24
# Cells along the longer side of a page on which ink is looked for.
_CELLS = 512
# Scanners leave lines and specks in this outer share of a page …
_RIM = 0.015
# … which count as such when everything else keeps at least this far from all four edges.
_CLEAR = 0.04


def normalise(gray: Page, size: int) -> Page:
    """Crop a page to its ink, pad it to a square, bring it to [size, size] by area averaging.

    ``gray`` is uint8 [H, W] with paper 255 (`decode`). The ink box sits in the middle with a
    margin of `MARGIN` of the side; grey values keep the exact share of ink in every pixel, so
    line widths survive. Raises `DrawingError` for a blank page and for one under `SMALLEST`.
    """
    if max(gray.shape) < SMALLEST:
        raise DrawingError("image too small", f"{gray.shape[1]} × {gray.shape[0]} pixels")
    page = Image.fromarray(np.ascontiguousarray(gray))
    box = ink_box(page)
    side = max(box[2] - box[0], box[3] - box[1]) / (1 - 2 * MARGIN)
    # Whole cells first, in C, down to two or three times the target; the exact rest in floats.
    cell = int(side // (2 * size))
    if cell > 1:
        part = page.reduce(cell, box)
    elif side >= size:
        cell, part = 1, page.crop(box)
    else:
        # Too small: enlarged smoothly first, so that averaging leaves no blocks.
        cell, part = 1, page.crop(box)
        factor = -(-size // max(int(side), 1)) + 1
        part = part.resize((part.width * factor, part.height * factor), Image.Resampling.BICUBIC)
        side *= factor
    ink = 255 - np.asarray(part).astype(np.float32)
    rows = _area_weights(ink.shape[0], size, side / cell)
    columns = _area_weights(ink.shape[1], size, side / cell)
    drawn = rows @ ink @ columns.T
    out: Page = (255.5 - drawn).clip(0, 255).astype(np.uint8)
    return out


def _area_weights(pixels: int, size: int, side: float) -> npt.NDArray[np.float32]:
    """[size, pixels]: the share of each target pixel that each source pixel covers.

    The source lies in the middle of a target of ``side`` source pixels; outside is nothing.
    """
    edges = np.arange(size + 1) * (side / size) - (side - pixels) / 2
    source = np.arange(pixels)
    overlap = np.minimum(edges[1:, None], source + 1) - np.maximum(edges[:-1, None], source)
    weights: npt.NDArray[np.float32] = (overlap.clip(0) * (size / side)).astype(np.float32)
    return weights


def ink_box(page: Image.Image) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) of all ink on a page of mode "L".

    Lone specks and what a scanner leaves along the edges of a sheet are not ink; anything that
    could belong to the drawing is. Raises `DrawingError` for a page without ink.
    """
    cell = max(1, -(-max(page.size) // _CELLS))
    dark = np.asarray(page.reduce(cell)) <= 255 - _INK
    box = _without_rim(dark) or _bounds(dark)
    if box is None:
        raise DrawingError("blank page")
    left, top, right, bottom = box
    # Ink may start in a cell next door that it hardly touches.
    reach = cell - 1
    return (
        max(left * cell - reach, 0),
        max(top * cell - reach, 0),
        min(right * cell + reach, page.width),
        min(bottom * cell + reach, page.height),
    )


def _bounds(dark: npt.NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _without_rim(dark: npt.NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """The bounds of all but the rim, where the rim holds what a scanner left; else None.

    A drawing cut out tightly has ink in its rim too, and the outline of a screen or a frame is
    nothing but rim: so the rest must keep clear of all four edges, and at most two sides of the
    rim may be marked.
    """
    height, width = dark.shape
    rim = max(1, round(_RIM * max(dark.shape)))
    if min(dark.shape) < 8 * rim:
        return None
    inner = _bounds(dark[rim:-rim, rim:-rim])
    if inner is None:
        return None
    left, top, right, bottom = (v + rim for v in inner)
    clear = _CLEAR * max(dark.shape)
    if min(left, top, width - right, height - bottom) < clear:
        return None
    sides = (dark[:rim], dark[-rim:], dark[:, :rim], dark[:, -rim:])
    # Marks in a corner lie on two sides.
    if sum(bool(side.any()) for side in sides) > 2:
        return None
    return left, top, right, bottom
