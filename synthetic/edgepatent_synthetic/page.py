"""A sheet of drawings: figures, their captions, now and then a header, the scanner's traces."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_synthetic.camera import View
from edgepatent_synthetic.design import Catalogue
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.figure import FIGURE, draw_figure
from edgepatent_synthetic.lettering import draw_lettering, lettered
from edgepatent_synthetic.mesh import Mesh
from edgepatent_synthetic.pen import Style, scanned
from edgepatent_synthetic.photograph import photographer, take
from edgepatent_synthetic.reference import Reference

Page = npt.NDArray[np.uint8]

# Figures that share a sheet are drawn smaller, by their number.
_SHRUNK = {1: 1.0, 2: 0.72, 3: 0.6}
_MONTHS = [
    "JAN.",
    "FEB.",
    "MAR.",
    "APR.",
    "MAY",
    "JUN.",
    "JUL.",
    "AUG.",
    "SEP.",
    "OCT.",
    "NOV.",
    "DEC.",
]


@dataclass(frozen=True)
class Header:
    """What the office prints above the drawings: when, which sheet of how many, which patent."""

    granted: date
    sheet: int
    sheets: int
    number: int


def render(reference: str) -> Page:
    """Draw the page [H, W] uint8 (ink 0, paper 255), or the grey photograph, of a reference.

    The same reference gives the same page in every process. Raises `SourceError` where it names
    none.
    """
    wanted = Reference.parse(reference)
    catalogue = Catalogue(wanted.seed, wanted.folder)
    made = catalogue.design(wanted.design)
    if wanted.photograph:
        draw = Draw(wanted.seed, wanted.design, wanted.photograph, 10)
        taken = take(made.mesh, photographer(draw), draw, wanted.size)
        return np.asarray(cv2.cvtColor(taken, cv2.COLOR_RGB2GRAY), np.uint8)
    each = catalogue.figures_a_sheet(wanted.design, wanted.figures)
    first = wanted.view * each
    views = catalogue.views(wanted.design, first + each)[first:]
    header = Header(
        date.fromisoformat(catalogue.date(wanted.design)),
        wanted.view + 1,
        max(wanted.view + 1, -(-7 // each)),
        400_000 + (wanted.design * 7919 + wanted.seed * 104_729) % 600_000,
    )
    draw = Draw(wanted.seed, wanted.design, wanted.view, 9)
    style = made.style if wanted.captions else replace(made.style, lettering=None)
    return draw_page(made.mesh, views, style, draw, wanted.size, first + 1, header)


def draw_page(
    mesh: Mesh,
    views: Sequence[View],
    style: Style,
    draw: Draw,
    size: int = FIGURE,
    number: int = 1,
    header: Header | None = None,
) -> Page:
    """A page [H, W] uint8 with up to three figures one above the other, the first "FIG. number".

    ``size`` is the length in pixels of a figure that has the page to itself. Captions and header
    appear where the style has them.
    """
    scale = size * _SHRUNK[len(views)]
    blocks = []
    for index, view in enumerate(views):
        figure = draw_figure(mesh, view, style, draw, round(scale))
        if style.lettering is not None:
            figure = _captioned(figure, str(number + index), style.lettering, draw, size)
        blocks.append(figure)
    page = _stacked(blocks, round(size * draw.real(0.06, 0.16)))
    if style.header and header is not None and style.lettering is not None:
        page = _headed(page, header, style.lettering, draw, size)
    if style.landscape:
        page = np.rot90(page)
    return scanned(np.pad(page, size // 40, constant_values=255), style, draw)


def _stacked(blocks: list[Page], gap: int) -> Page:
    """Blocks one above the other, centred."""
    width = max(block.shape[1] for block in blocks)
    rows: list[Page] = []
    for block in blocks:
        left = (width - block.shape[1]) // 2
        sides = (left, width - block.shape[1] - left)
        rows.append(np.pad(block, ((gap if rows else 0, 0), sides), constant_values=255))
    return np.concatenate(rows)


def _captioned(figure: Page, number: str, lettering: int, draw: Draw, size: float) -> Page:
    """The figure with "FIG. n" below it."""
    hand = Draw(lettering)
    face = draw_lettering(hand, size * hand.real(0.02, 0.046))
    word = hand.choice(("FIG. ", "FIG.", "FIG. ", "Fig. ", "FIG ", "FIGURE "))
    caption = lettered(word + number, face, draw)
    gap = int(size * draw.real(0.03, 0.25))
    shift = draw.real(-0.12, 0.12)
    height = figure.shape[0] + gap + caption.shape[0]
    width = max(figure.shape[1], caption.shape[1] + 4)
    page = np.full((height, width), 255, np.uint8)
    left = (width - figure.shape[1]) // 2
    page[: figure.shape[0], left : left + figure.shape[1]] = figure
    x = int((width - caption.shape[1]) * (0.5 + shift))
    page[-caption.shape[0] :, x : x + caption.shape[1]] = caption
    return page


def _headed(page: Page, header: Header, lettering: int, draw: Draw, size: int) -> Page:
    """The page below a line such as "U.S. PATENT  NOV. 22, 2016  SHEET 3 OF 7  US D771,123 S"."""
    face = draw_lettering(Draw(lettering, 1), size * 0.022)
    # Not strftime: its months speak the language of the machine.
    month = _MONTHS[header.granted.month - 1]
    day = f"{month} {header.granted.day}, {header.granted.year}"
    number = f"US D{header.number // 1000},{header.number % 1000:03d} S"
    text = f"U.S. PATENT    {day}    SHEET {header.sheet} OF {header.sheets}    {number}"
    line = lettered(text, face, draw)
    return _stacked([line, page], size // 12)
