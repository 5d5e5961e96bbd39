"""How a patent is drawn and scanned: the settings, and what they do to lines."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.synthetic.draw import Draw

Page = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Style:
    """The hand and the scanner of one patent. Lengths are in pixels of a figure 448 pixels long.

    ``outline`` and ``inner`` are line widths; ``crease`` the angle (degrees) from which an edge is
    drawn; ``tangents`` draws smooth transitions too. ``shading`` is "none", "strokes" (oblique, on
    flat faces), "lines" (along curved surfaces too), "hatching" (on dark flat faces too) or
    "stipple", ``tone`` (0 … 1) how much of it, ``light`` (degrees, clockwise from the right) the
    direction that lies in shadow. ``dash`` and ``gap`` break the lines of what is not claimed.
    ``lettering`` numbers the face of the captions (None: no captions), ``header``
    puts the office's line on top. ``skew`` (degrees),
    ``wobble`` (line raggedness) and ``specks`` (a 10,000 pixels) are the
    scan's.
    """

    outline: float = 2.0
    inner: float = 1.0
    crease: float = 28.0
    tangents: bool = False
    shading: str = "none"
    tone: float = 0.5
    light: float = 35.0
    dash: float = 9.0
    gap: float = 5.0
    lettering: int | None = None
    header: bool = False
    skew: float = 0.0
    wobble: float = 0.0
    specks: float = 0.0


# As often as they are seen in grants, roughly: most are shaded a little.
_SHADINGS = ("none",) * 3 + ("strokes",) * 2 + ("lines",) * 4 + ("hatching", "stipple")


def draw_style(draw: Draw) -> Style:
    """The style of one patent: all its sheets are drawn by one hand."""
    inner = draw.choice((1.0, 1.0, 1.0, 2.0))
    return Style(
        outline=inner + draw.choice((0.0, 0.0, 1.0)),
        inner=inner,
        crease=draw.real(22, 36),
        tangents=draw.chance(0.45),
        shading=draw.choice(_SHADINGS),
        tone=draw.real(0.25, 1.0),
        light=draw.real(10, 60),
        dash=draw.real(6, 13),
        gap=draw.real(3, 6),
        lettering=draw.whole(0, 1 << 20),
        header=draw.chance(0.08),
        skew=draw.real(-0.6, 0.6) if draw.chance(0.4) else 0.0,
        wobble=draw.real(0.3, 1.0) if draw.chance(0.35) else 0.0,
        specks=draw.real(0.02, 0.3) if draw.chance(0.3) else 0.0,
    )


def plain(style: Style) -> Style:
    """The same lines without shading, captions or scanner."""
    return replace(
        style, shading="none", lettering=None, header=False, skew=0.0, wobble=0.0, specks=0.0
    )


def scanned(page: Page, style: Style, draw: Draw) -> Page:
    """A page [H, W] of ink 0 on paper 255 as a scanner hands it back: skewed, ragged, specked."""
    height, width = page.shape
    noise = np.random.default_rng(draw.whole(0, 1 << 30))
    if style.skew:
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), style.skew, 1.0)
        turned = cv2.warpAffine(page, turn, (width, height), borderValue=255)
        page = np.where(turned < 160, 0, 255).astype(np.uint8)
    if style.wobble:
        # Blurred ink cut at a level that wanders gives lines the ragged edge of toner.
        soft = cv2.GaussianBlur(page, (0, 0), 0.7).astype(np.float32)
        coarse = noise.random((height // 2 + 1, width // 2 + 1), np.float32)
        grain = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
        page = np.where(soft < 175 + 70 * style.wobble * (grain - 0.5), 0, 255).astype(np.uint8)
    if style.specks:
        count = int(style.specks * 1e-4 * height * width)
        page = page.copy()
        y = (noise.random(count) * (height - 1)).astype(int)
        x = (noise.random(count) * (width - 1)).astype(int)
        page[y, x] = 0
        page[y[::3], x[::3] + 1] = 0
    return page
