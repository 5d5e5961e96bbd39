"""Where a figure lies on its sheet: the sheet, small, with a box around the figure."""

from io import BytesIO

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.figures import Box

# The paper's share of what lies outside the box: paler, so that the figure stands out.
_PALE = 0.6
# Red, green, blue: the blue of the page, to be told from ink.
_COLOUR = (29, 98, 168)


def marked(page: npt.NDArray[np.uint8], box: Box, side: int) -> tuple[bytes, int, int]:
    """A grey page [H, W] as a PNG of at most ``side`` pixels, ``box`` drawn in; width, height.

    ``box`` is x, y, width, height in pixels of the page.
    """
    from PIL import Image, ImageDraw

    scale = min(1.0, side / max(page.shape))
    width, height = (max(1, round(length * scale)) for length in page.shape[::-1])
    small = Image.fromarray(np.ascontiguousarray(page))
    small = small.resize((width, height), Image.Resampling.BOX, reducing_gap=3)
    # Averaging leaves thin lines pale.
    ink = np.minimum((255 - np.asarray(small).astype(np.float32)) / max(scale, 0.3), 255)
    x, y, wide, high = (round(value * scale) for value in box)
    inside = np.full(ink.shape, 1 - _PALE, np.float32)
    inside[y : y + high, x : x + wide] = 1
    drawn = Image.fromarray((255 - ink * inside).astype(np.uint8)).convert("RGB")
    frame = max(2, round(side / 160))
    # Around the figure, not over its lines.
    edge = 2 * frame
    start = max(x - edge, 0), max(y - edge, 0)
    end = min(x + wide + edge, width - 1), min(y + high + edge, height - 1)
    ImageDraw.Draw(drawn).rectangle((start, end), outline=_COLOUR, width=frame)
    out = BytesIO()
    drawn.quantize(32).save(out, "PNG", optimize=True)
    return out.getvalue(), width, height
