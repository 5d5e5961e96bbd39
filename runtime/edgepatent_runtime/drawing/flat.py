"""Pictures of any mode, laid on white paper: grey."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgepatent_runtime.drawing.light import strips
from edgepatent_runtime.errors import DrawingError

Box = tuple[int, int, int, int]


def flat(image: Image.Image) -> Image.Image:
    """A loaded picture of any mode on white: mode "1" or "L".

    Raises `DrawingError` for numbers that are no grey values.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return _from_numbers(image)
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return image
    return in_strips(image.size, image.crop)


def in_strips(size: tuple[int, int], part: Callable[[Box], Image.Image]) -> Image.Image:
    """A picture on white, mode "L", of which ``part`` gives any box.

    Four bytes a pixel would be there twice otherwise.
    """
    gray = Image.new("L", size)
    for box in strips(gray):
        gray.paste(_flat_part(part(box)), box[:2])
    return gray


def _flat_part(part: Image.Image) -> Image.Image:
    if "transparency" in part.info or part.mode in ("RGBA", "LA", "PA", "RGBa"):
        part = part.convert("RGBA")
        page = Image.new("RGBA", part.size, "white")
        page.alpha_composite(part)
        return page.convert("L")
    if part.mode == "LAB":
        return part.getchannel("L")
    if part.mode == "CMYK":
        return part.convert("RGB").convert("L")
    return part.convert("L")


def _from_numbers(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float pixels scaled to 8 bits.

    Scanners store 10 or 12 bits in 16 as well, and floats have any range: the smallest power of
    two that holds (nearly) all values is white. Raises `DrawingError` for values that no picture
    has.
    """

    def values(box: Box) -> npt.NDArray[np.float32]:
        return np.asarray(image.crop(box), np.float32)

    boxes = list(strips(image))
    parts = [(part.min(), part.max(), part[::3, ::3].ravel()) for part in map(values, boxes)]
    lows, highs, samples = zip(*parts, strict=True)
    top = float(np.percentile(np.concatenate(samples), 99.9))
    if not (np.min(lows) >= -abs(top) and np.max(highs) <= 2.0**32):
        raise DrawingError("damaged or truncated image", "numbers that are no grey values")
    gray = np.zeros((image.height, image.width), np.uint8)
    if top > 0:
        white = 2.0 ** np.ceil(np.log2(top)) if top > 1 else 1.0
        white = white - 1 if white > 1 and top <= white - 1 else white
        for box in boxes:
            gray[box[1] : box[3]] = (values(box).clip(0) * (255 / white) + 0.5).clip(0, 255)
    return Image.fromarray(gray)
