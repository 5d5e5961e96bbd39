"""Bytes or a file → one normalised drawing: the one and only preprocessing.

Training, calibration and search all come through here, so that a model always sees what it
learned from. `decode` gives the grey page, `normalise` the drawing a model takes, `read_drawing`
both; `pages` counts what a multi-page TIFF or PDF holds.

Pillow decodes, rather than OpenCV: it tells width and height before it touches a pixel, says so
when data end early, keeps alpha, palette, EXIF orientation and every page of a TIFF, reads a
group-4 sheet in about half the time (4.6 against 8.2 ms), and its import costs a third. One
plugin per format is imported by hand: `PIL.Image.open` would load forty, EPS and its Ghostscript
among them.
"""

from pathlib import Path

from edgepatent_runtime.drawing.files import (
    Page,
    content,
    decode,
    decode_as_taken,
    decode_photograph,
    pages,
)
from edgepatent_runtime.drawing.normal import averaged, beside, normalise
from edgepatent_runtime.errors import DrawingError

__all__ = [
    "Page", "averaged", "beside", "content", "decode", "decode_as_taken", "decode_photograph",
    "normalise", "pages", "read_drawing",
]  # fmt: skip

Box = tuple[int, int, int, int]


def read_drawing(
    source: Path | str | bytes, size: int, *, page: int = 0, box: Box | None = None
) -> Page:
    """The normalised drawing in a file (or in its bytes): uint8 [size, size], paper 255, ink 0.

    ``page`` counts from 0 in a TIFF or PDF; ``box`` (x, y, width, height, in pixels of the page)
    cuts one figure out of a sheet. Raises `DrawingError`.
    """
    return normalise(crop(decode(source, page), box), size)


def crop(gray: Page, box: Box | None) -> Page:
    """The part of a page that ``box`` (x, y, width, height) covers; all of it for None.

    A box that reaches over the page is cut to it. Raises `DrawingError` where nothing is left.
    """
    if box is None:
        return gray
    x, y, width, height = box
    part = gray[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    if part.size == 0:
        raise DrawingError("figure box outside the page", f"{box} of {gray.shape[::-1]}")
    return part
