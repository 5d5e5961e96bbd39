"""Paper to white, ink to black: what a scanner or a camera made of a page."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter

# A page is inverted when its border and its whole are darker than this.
_DARK = 110
# Paper this bright needs no levelling.
_WHITE = 250
# Grey levels by which the border of a scan may vary; a photograph varies more.
_EVEN = 24
# Longest side, in pixels, of the picture on which light is judged.
_JUDGED = 128


def even_out(image: Image.Image) -> npt.NDArray[np.uint8]:
    """A page of mode "1" or "L" → uint8 [H, W] with paper at 255 and ink dark.

    White on black is turned round; paper that a scanner left grey is lifted to white; the uneven
    light of a photographed page is divided out.
    """
    bilevel = image.mode == "1"
    image = image.convert("L")
    small = image.reduce(max(1, -(-max(image.size) // _JUDGED)))
    pixels = np.asarray(small)
    edge = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    if np.median(edge) < _DARK and np.median(pixels) < _DARK:
        image, small, edge = ImageChops.invert(image), ImageChops.invert(small), 255 - edge
    if not bilevel:
        image = _lift(image, small, edge)
    return np.asarray(image)


def _lift(image: Image.Image, small: Image.Image, edge: npt.NDArray[np.uint8]) -> Image.Image:
    """Scale grey values so that paper becomes 255."""
    low, paper = (float(v) for v in np.percentile(edge, (10, 50)))
    if paper - low > _EVEN and paper < _WHITE:
        return _flatten(image, small)
    if paper >= _WHITE or paper < 128:
        return image
    return image.point([min(255, round(v * 255 / (paper - 2))) for v in range(256)])


def _flatten(image: Image.Image, small: Image.Image) -> Image.Image:
    """Divide by the paper's brightness, read off where there is no ink."""
    window = max(3, max(small.size) // 8) | 1
    paper = small.filter(ImageFilter.MaxFilter(window)).filter(ImageFilter.GaussianBlur(window / 2))
    light = np.asarray(paper.resize(image.size, Image.Resampling.BILINEAR), np.uint16)
    page = np.asarray(image, np.uint16) * 255 // np.maximum(light * 15 // 16, 1)
    return Image.fromarray(np.minimum(page, 255).astype(np.uint8))
