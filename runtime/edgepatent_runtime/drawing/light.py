"""Paper to white, ink to black: what a scanner or a camera made of a page."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageFilter

from edgepatent_runtime.ordered import percentile

Page = npt.NDArray[np.uint8]
Light = npt.NDArray[np.float32]

# Longest side, in pixels, of the picture on which light is judged.
_JUDGED = 128
# The same where the corners of a sheet are looked for: the finer, the straighter it is laid.
_CORNERS = 512
# A page is inverted when its border and its whole are darker than this.
_DARK = 110
# Paper this bright needs no levelling.
_WHITE = 250
# Grey levels by which the light on a scanner's paper may vary along the border.
_EVEN = 12
# Noise of paper: what is darker than it by less than this share becomes white.
_NOISE = 0.04
# Paper is not darker than this share of the light around it: what is darker is a drawn thing.
_SHADOW = 0.8
# A sheet is mostly paper.
_BRIGHT = 0.6
# Pixels darker than this are ink, and ink whose darkest parts are lighter than that is faint.
_INK, _FAINT = 231, 64
# Pixels that are computed at a time.
_STRIP = 1 << 20
# Less ink than the one share of a page is noise, more than the other is no line drawing.
_LINES = (1e-5, 0.2)


def even_out(image: Image.Image, *, paper: bool = True) -> tuple[Page, Page | None]:
    """A page of mode "1" or "L" → uint8 [H, W] with paper at 255 and ink dark.

    White on black is turned round; paper that a scanner left grey is lifted to white; of a
    photograph, the uneven light is divided out, and where there is a table around the page, this is
    laid flat: then the other picture is what was photographed, as it was; without ``paper`` no
    page is looked for. Faint ink is darkened. Pages of one bit can only be inverted.
    """
    if image.mode == "1":
        page = pixels_of(image)
        dark = _is_dark(np.asarray(_judged(Image.fromarray(page))))
        return np.invert(page, out=page) if dark else page, None
    gray = image if image.mode == "L" else image.convert("L")
    small = _judged(gray)
    pixels = np.asarray(small)
    white = _border(pixels).min() >= _WHITE
    if paper and not white and _is_framed(pixels):
        flat = _laid_flat(gray)
        if flat is not None:
            return _darken(_lift(flat, _judged(flat), photograph=True)), pixels_of(gray)
        sheet = _sheet_on_table(pixels)
        if sheet is not None:
            return _darken(_cut_out(gray, pixels, sheet)), None
    if _is_dark(pixels):
        gray, small = ImageChops.invert(gray), ImageChops.invert(small)
    return _darken(gray if white else _lift(gray, small)), None


def pixels_of(image: Image.Image) -> Page:
    """A picture of any mode as grey values, uint8 [H, W].

    In strips: numpy asks Pillow for all of it at once, which then holds it three times.
    """
    page = np.empty((image.height, image.width), np.uint8)
    for box in strips(image):
        page[box[1] : box[3]] = np.asarray(image.crop(box).convert("L"))
    return page


def _is_dark(pixels: Page) -> bool:
    """Whether a picture is white on black."""
    return bool(percentile(_border(pixels), 50) < _DARK and percentile(pixels, 50) < _DARK)


def _judged(gray: Image.Image, side: int = _JUDGED) -> Image.Image:
    return gray.reduce(max(1, -(-max(gray.size) // side)))


def _border(pixels: Page | Light) -> Page | Light:
    return np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))


def _lift(gray: Image.Image, small: Image.Image, *, photograph: bool = False) -> Image.Image:
    """Scale grey values so that paper becomes 255, everywhere."""
    light = _without_ink(np.asarray(small))
    border = _border(light)
    low, paper, high = (percentile(border, percent) for percent in (5, 50, 95))
    if high - low > _EVEN or photograph:
        return _divide(gray, light, _surface(light, np.ones(light.shape, np.bool_)))
    if paper >= _WHITE or paper < 128:
        return gray
    scale = 255 / (paper * (1 - _NOISE))
    return gray.point([min(255, round(v * scale)) for v in range(256)])


def _without_ink(pixels: Page) -> Light:
    """The brightness of the paper: a closing (dilation, erosion) takes thin dark things away."""
    window = max(3, max(pixels.shape) // 10) | 1
    small = Image.fromarray(pixels)
    closed = small.filter(ImageFilter.MaxFilter(window)).filter(ImageFilter.MinFilter(window))
    return np.asarray(closed.filter(ImageFilter.GaussianBlur(window / 4))).astype(np.float32)


def _surface(light: Light | Page, where: npt.NDArray[np.bool_]) -> Light:
    """A quadratic surface through the brightness of paper.

    Ink and wide dark things pull it down; so it is fitted again without what lies well below it.
    """
    height, width = light.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    terms = np.stack((np.ones_like(x), x, y, x * x, x * y, y * y), axis=-1)
    surface = np.zeros(light.shape, np.float32)
    for _ in range(5):
        weights = np.linalg.lstsq(terms[where], light[where], rcond=None)[0]
        surface = (terms @ weights).astype(np.float32)
        paper = where & (light > 0.92 * surface)
        if paper.sum() < 0.05 * where.sum():
            break
        where = paper
    return surface


def _divide(gray: Image.Image, light: Light, surface: Light) -> Image.Image:
    """The picture under even light: every value relative to the paper's there.

    That is the smooth surface, or what was seen where it is little darker: a shadow, a fold.
    """
    paper = np.clip(light, _SHADOW * surface, surface)
    level = Image.fromarray((paper * (1 - _NOISE) - 2).clip(16, 255).astype(np.uint8))
    level = level.resize(gray.size, Image.Resampling.BILINEAR)
    page = np.empty((gray.height, gray.width), np.uint8)
    for box in strips(gray):
        even = np.asarray(gray.crop(box)).astype(np.uint16) * 255 // np.asarray(level.crop(box))
        page[box[1] : box[3]] = np.minimum(even, 255)
    return Image.fromarray(page)


def strips(image: Image.Image, pixels: int = _STRIP) -> Iterator[tuple[int, int, int, int]]:
    """Boxes of some rows each, of about so many pixels, from top to bottom.

    What is done to a page in strips takes no copy of it all. Rows begin at multiples of three.
    """
    rows = max(3, pixels // image.width // 3 * 3)
    for top in range(0, image.height, rows):
        yield 0, top, image.width, min(top + rows, image.height)


def _darken(gray: Image.Image) -> Page:
    """Stretch the values of a page whose ink is faint, so that its darkest parts become black."""
    counts = np.array(gray.histogram()[:_INK])
    ink = counts.sum()
    if _LINES[0] < ink / (gray.width * gray.height) < _LINES[1]:
        darkest = int(np.searchsorted(np.cumsum(counts), 0.02 * ink))
        if darkest > _FAINT:
            scale = 255 / (255 - darkest)
            gray = gray.point([max(0, round((v - darkest) * scale)) for v in range(256)])
    return pixels_of(gray)


def _is_framed(pixels: Page) -> bool:
    """Whether the border of a picture is darker than what it surrounds, as a table is."""
    return percentile(_border(pixels), 75) <= 0.75 * percentile(pixels, 95)


def _laid_flat(gray: Image.Image) -> Image.Image | None:
    """The sheet that lies on a table, seen from above; None where its corners are not seen."""
    from edgepatent_runtime.drawing import paper

    small = _judged(gray, _CORNERS)
    found = paper.corners(np.asarray(small))
    if found is None:
        return None
    flat = paper.flattened(gray, found * max(1, -(-max(gray.size) // _CORNERS)))
    pixels = np.asarray(_judged(flat))
    # A bright object without anything on it is no sheet.
    return flat if np.ptp(pixels) > 2 * _EVEN else None


def _sheet_on_table(pixels: Page) -> npt.NDArray[np.bool_] | None:
    """Where the sheet lies in a photograph with a table around it; None where there is none.

    The sheet is a bright part of a picture with a dark border: nearly a rectangle, not small, and
    filled but for the ink on it. It may be torn, or a hand may hold it.
    """
    # OpenCV only for photographs: its import would cost every search 50 ms.
    import cv2

    threshold, bright = cv2.threshold(pixels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines or percentile(_border(pixels), 75) > threshold:
        return None
    outline = max(outlines, key=cv2.contourArea)
    hull = cv2.convexHull(outline)
    (_, (width, height), _) = cv2.minAreaRect(hull)
    area = cv2.contourArea(outline)
    if (
        area < 0.2 * pixels.size
        or area < 0.9 * cv2.contourArea(hull)
        or area < 0.8 * width * height
    ):
        return None
    sheet = np.zeros(pixels.shape, np.uint8)
    cv2.fillConvexPoly(sheet, hull, 1)
    if np.mean(bright[sheet > 0] > 0) < _BRIGHT:
        return None
    # The rim of the sheet, where it casts its shadow, is left out.
    inner = cv2.erode(sheet, np.ones((5, 5), np.uint8), borderValue=0).astype(np.bool_)
    ink = inner & (pixels < threshold)
    # A bright object without anything on it is no sheet.
    return inner if ink.any() or np.ptp(pixels[inner]) > 2 * _EVEN else None


def _cut_out(gray: Image.Image, pixels: Page, sheet: npt.NDArray[np.bool_]) -> Image.Image:
    """The sheet of a photograph under even light, white around it."""
    surface = _surface(pixels, sheet)
    inside = np.where(sheet, pixels, surface.clip(0, 255).astype(np.uint8))
    page = _divide(gray, _without_ink(inside), surface)
    mask = Image.fromarray(sheet).convert("L").resize(gray.size, Image.Resampling.BILINEAR)
    mask = mask.point([255 * (v > 250) for v in range(256)])
    white = Image.new("L", gray.size, 255)
    white.paste(page, mask=mask)
    return white
