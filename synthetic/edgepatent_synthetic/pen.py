"""How a patent is drawn and scanned: the settings, and what they do to lines."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_synthetic.draw import Draw

Page = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Style:
    """The hand and the scanner of one patent. Lengths are in pixels of a figure 448 pixels long.

    ``outline`` and ``inner`` are line widths, ``crease`` the angle (degrees) from which an edge is
    drawn; ``tangents`` draws smooth transitions too. ``shading`` is "none", "strokes" (oblique, on
    flat faces), "lines" (along curved surfaces too), "hatching" (on dark flat faces too) or
    "stipple", ``tone`` (0 … 1) how much of it, ``light`` (degrees, clockwise from the right) the
    direction that lies in shadow. ``dash`` and ``gap`` break the lines of what is not claimed.
    ``lettering`` numbers the face of the captions (None: no captions), ``header`` puts the
    office's line on top, ``landscape`` turns the sheet. ``skew`` (degrees), ``blur`` (σ),
    ``wobble`` (raggedness of lines, 0 … 1) and ``specks`` (in 10,000 pixels) are the scan's.
    """

    outline: float = 0.6
    inner: float = 0.5
    crease: float = 28.0
    tangents: bool = False
    shading: str = "none"
    tone: float = 0.5
    light: float = 35.0
    dash: float = 9.0
    gap: float = 5.0
    lettering: int | None = None
    header: bool = False
    landscape: bool = False
    skew: float = 0.0
    blur: float = 0.0
    wobble: float = 0.0
    specks: float = 0.0


# As often as they are seen in grants, roughly: most are shaded a little.
_SHADINGS = ("none",) * 2 + ("strokes",) * 2 + ("lines",) * 6 + ("hatching",) * 2 + ("stipple",)
# Lines of 3 to 5 pixels at 300 dpi are this wide in a figure of 448 pixels: quartiles of
# uspto-sheets are 0.4, 0.5 and 0.6.
_PENS = (0.33, 0.42, 0.48, 0.52, 0.55, 0.6, 0.7, 1.0)


def draw_style(draw: Draw) -> Style:
    """The style of one patent: all its sheets are drawn by one hand."""
    inner = draw.choice(_PENS)
    return Style(
        outline=inner * draw.choice((1.0, 1.0, 1.0, 1.6, 2.2)),
        inner=inner,
        crease=draw.real(22, 36),
        tangents=draw.chance(0.65),
        shading=draw.choice(_SHADINGS),
        tone=draw.real(0.4, 1.0),
        light=draw.real(10, 60),
        dash=draw.real(6, 13),
        gap=draw.real(3, 6),
        lettering=draw.whole(0, 1 << 20),
        header=draw.chance(0.02),
        landscape=draw.chance(0.12),
        skew=draw.real(-0.5, 0.5) if draw.chance(0.15) else 0.0,
        blur=draw.choice((0.0, 0.0, 0.4, 0.5)),
        wobble=draw.real(0.2, 0.8) if draw.chance(0.12) else 0.0,
        specks=draw.real(0.02, 0.2) if draw.chance(0.12) else 0.0,
    )


def plain(style: Style) -> Style:
    """The same lines without shading, captions or scanner."""
    return replace(
        style,
        shading="none",
        lettering=None,
        header=False,
        landscape=False,
        skew=0.0,
        blur=0.0,
        wobble=0.0,
        specks=0.0,
    )


def scanned(page: Page, style: Style, draw: Draw) -> Page:
    """A page [H, W] of ink on paper 255 as a scanner hands it back: skewed, ragged, specked.

    Lines thinner than a pixel are grey, as they are in a page of 300 dpi once it is shrunk.
    """
    height, width = page.shape
    noise = np.random.default_rng(draw.whole(0, 1 << 30))
    if style.skew:
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), style.skew, 1.0)
        turned = cv2.warpAffine(page, turn, (width, height), borderValue=255)
        page = np.asarray(turned, np.uint8)
    if style.wobble:
        # Ink that is stronger here and weaker there, with holes where it is weakest.
        coarse = noise.random((height // 2 + 1, width // 2 + 1), np.float32)
        grain = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
        ink = (255.0 - page) * np.clip(1.35 - 0.9 * style.wobble * grain, 0.0, 1.2)
        page = (255.5 - np.minimum(ink, 255.0)).astype(np.uint8)
    if style.blur:
        page = np.asarray(cv2.GaussianBlur(page, (0, 0), style.blur), np.uint8)
    if style.specks:
        count = int(style.specks * 1e-4 * height * width)
        page = page.copy()
        y = (noise.random(count) * (height - 1)).astype(int)
        x = (noise.random(count) * (width - 1)).astype(int)
        page[y, x] = 120
        page[y[::3], x[::3] + 1] = 60
    return page
