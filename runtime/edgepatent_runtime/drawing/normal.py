"""A grey page → the drawing a model takes."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgepatent_runtime.errors import DrawingError

Page = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]

# White around the ink, as a share of the finished drawing, on each side.
MARGIN = 1 / 32
# A page smaller than this, in pixels of its longer side, shows nothing.
SMALLEST = 16
BESIDE = 0.8
"""So large, as a share of the frame, is a figure that is drawn as one beside others."""

# How much darker than paper a cell of the page must be, on average, to hold ink: three of 25
# pixels of a 300-dpi sheet. Lone pixels of noise stay below, the thinnest line does not.
_INK = 24
# Cells along the longer side of a page on which ink is looked for.
_CELLS = 512
# The widest cell over which Pillow still takes an exact mean.
_LARGEST = 256
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
    left, top, right, bottom = ink_box(gray)
    part = gray[top:bottom, left:right]
    side = max(part.shape) / (1 - 2 * MARGIN)
    if side < size:
        # Too small: enlarged smoothly first, so that averaging leaves no blocks.
        factor = int(size // side) + 1
        height, width = part.shape
        small = Image.fromarray(np.ascontiguousarray(part))
        part = np.asarray(small.resize((width * factor, height * factor), Image.Resampling.BICUBIC))
        side *= factor
    # Whole cells first, in C, down to two or three times the target; the exact rest in floats.
    cell = min(max(1, int(side // (2 * size))), _LARGEST)
    # A strip thinner than a cell is not filled up to one: of 1 × 8,000,000 pixels, that is 140 GB.
    down, across = (cell if length >= cell else 1 for length in part.shape)
    ink = 255 - _reduced(part, down, across).astype(np.float32)
    return _drawn(
        ink, (part.shape[0] / down, part.shape[1] / across), size, side / down, side / across
    )


def beside(drawn: Page) -> Page:
    """A normalised drawing [S, S] as small in its frame as a figure is beside others on a sheet."""
    size = len(drawn)
    ink = 255 - drawn.astype(np.float32)
    return _drawn(ink, (size, size), size, size / BESIDE, size / BESIDE)


def averaged(drawn: Page, side: int) -> Page:
    """A drawing [S, S] brought down to [side, side] by area averaging, rounded."""
    size = len(drawn)
    rows = _averaged(drawn.astype(np.float32), size, side, size)
    columns = _averaged(np.ascontiguousarray(rows.T), size, side, size)
    return np.rint(columns.T).astype(np.uint8)


def _reduced(part: Page, down: int, across: int) -> Page:
    """Means over cells of ``down`` × ``across`` pixels; the last ones are filled up with white."""
    if down == across == 1:
        return part
    height, width = (
        -(-length // cell) * cell for length, cell in zip(part.shape, (down, across), strict=True)
    )
    whole = np.full((height, width), 255, np.uint8)
    whole[: part.shape[0], : part.shape[1]] = part
    return np.asarray(Image.fromarray(whole).reduce((across, down)))


def _drawn(ink: Floats, lengths: tuple[float, float], size: int, high: float, wide: float) -> Page:
    """Ink [H, W], of which ``lengths`` count, in the middle of a drawing [size, size].

    The drawing is ``high`` pixels of ink high and ``wide`` of them wide.
    """
    averaged = _averaged(ink, lengths[0], size, high)
    averaged = _averaged(np.ascontiguousarray(averaged.T), lengths[1], size, wide).T
    out: Page = (255.5 - averaged).clip(0, 255).astype(np.uint8)
    return out


def _averaged(ink: Floats, length: float, size: int, side: float) -> Floats:
    """[size, W]: rows of ink [ceil(length), W] by the share of each target row that they cover.

    The source, ``length`` rows long, lies in the middle of a target of ``side`` source rows;
    outside is nothing. A target row is the sum of the few source rows below it: a product with the
    matrix of all shares, most of them 0, takes twice as long here, and more on a small board.
    """
    edges = np.arange(size + 1) * (side / size) - (side - length) / 2
    last = int(np.ceil(length)) - 1
    first = np.floor(edges[:-1]).clip(0, last).astype(np.int64)
    out = np.zeros((size, ink.shape[1]), np.float32)
    for step in range(int(np.ceil(side / size)) + 1):
        at = first + step
        overlap = np.minimum(edges[1:], at + 1) - np.maximum(edges[:-1], at)
        shares = np.where(at > last, 0, overlap.clip(0) * (size / side)).astype(np.float32)
        out += shares[:, None] * ink[np.minimum(at, last)]
    return out


def ink_box(gray: Page) -> Box:
    """The box (left, top, right, bottom) of all ink on a page, uint8 [H, W], exact to the pixel.

    Lone specks and what a scanner leaves along the edges of a sheet are not ink; anything that
    could belong to the drawing is. Raises `DrawingError` for a page without ink.
    """
    cell = max(1, -(-max(gray.shape) // _CELLS))
    page = Image.fromarray(np.ascontiguousarray(gray))
    dark = np.asarray(page.reduce(cell)) <= 255 - _INK
    box = _without_rim(dark) or _bounds(dark)
    if box is None:
        raise DrawingError("blank page")
    # Ink may begin in the cell next door, where it is too little to count, or within its own.
    height, width = gray.shape
    left, top = (max(edge - 1, 0) * cell for edge in box[:2])
    right, bottom = min((box[2] + 1) * cell, width), min((box[3] + 1) * cell, height)
    part = gray[top:bottom, left:right]
    return (
        left + _clean(part.T, 3 * cell),
        top + _clean(part, 3 * cell),
        right - _clean(part.T[::-1], 3 * cell),
        bottom - _clean(part[::-1], 3 * cell),
    )


def _clean(part: Page, most: int) -> int:
    """How many rows, of the first ``most``, are without ink before the first that has some."""
    return int((part[:most].min(axis=1) <= 255 - _INK).argmax())


def _bounds(dark: npt.NDArray[np.bool_]) -> Box | None:
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _without_rim(dark: npt.NDArray[np.bool_]) -> Box | None:
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
    # Without the corners, which lie on two sides.
    middle = slice(rim, -rim)
    sides = (dark[:rim, middle], dark[-rim:, middle], dark[middle, :rim], dark[middle, -rim:])
    if sum(bool(side.any()) for side in sides) > 2:
        return None
    return left, top, right, bottom
