"""A drawing as a sheet holds it: the figure, its caption, the scanner's traces."""

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.synthetic.camera import View
from edgepatent_runtime.synthetic.design import Catalogue
from edgepatent_runtime.synthetic.draw import Draw
from edgepatent_runtime.synthetic.figure import FIGURE, draw_figure
from edgepatent_runtime.synthetic.lettering import draw_lettering, lettered
from edgepatent_runtime.synthetic.mesh import Mesh
from edgepatent_runtime.synthetic.pen import Style, scanned
from edgepatent_runtime.synthetic.reference import Reference, numbers, split

Page = npt.NDArray[np.uint8]


def render(reference: str) -> Page:
    """Draw the page [H, W] uint8 (ink 0, paper 255) that a reference names.

    The same reference gives the same page in every process. Raises `SourceError` where it names
    none.
    """
    folder, settings = split(reference)
    given = numbers(reference, settings, {"seed": 0, "design": 0, "view": 0, "size": FIGURE})
    wanted = Reference(**given, folder=folder)
    catalogue = Catalogue(wanted.seed, folder)
    made = catalogue.design(wanted.design)
    view = catalogue.views(wanted.design, wanted.view + 1)[-1]
    draw = Draw(wanted.seed, wanted.design, wanted.view, 9)
    return draw_page(made.mesh, view, made.style, f"{wanted.view + 1}", draw, wanted.size)


def draw_page(
    mesh: Mesh, view: View, style: Style, number: str, draw: Draw, size: int = FIGURE
) -> Page:
    """A page [H, W] uint8 with one figure, and its caption where the style letters them."""
    ink = draw_figure(mesh, view, style, draw, size)
    figure = np.where(ink, 0, 255).astype(np.uint8)
    if style.lettering is not None:
        figure = _captioned(figure, number, style.lettering, draw, size)
    return scanned(np.pad(figure, size // 40, constant_values=255), style, draw)


def _captioned(figure: Page, number: str, lettering: int, draw: Draw, size: int) -> Page:
    """The figure with "FIG. n" below it, or beside it now and then."""
    hand = Draw(lettering)
    face = draw_lettering(hand, size * hand.real(0.028, 0.065))
    word = hand.choice(("FIG. ", "FIG.", "FIG. ", "Fig. ", "FIG ", "FIGURE "))
    bold = hand.chance(0.1)
    caption = lettered(word + number, face, draw)
    gap = int(size * draw.real(0.03, 0.25))
    shift = draw.real(-0.12, 0.12)
    height = figure.shape[0] + gap + caption.shape[0]
    width = max(figure.shape[1], caption.shape[1] + 4)
    page = np.full((height, width), 255, np.uint8)
    left = (width - figure.shape[1]) // 2
    page[: figure.shape[0], left : left + figure.shape[1]] = figure
    x = int((width - caption.shape[1]) * min(max(0.5 + shift, 0), 1))
    page[-caption.shape[0] :, x : x + caption.shape[1]] = caption
    if bold:
        page[-caption.shape[0] - 1 : -1] = np.minimum(
            page[-caption.shape[0] - 1 : -1], page[-caption.shape[0] :]
        )
    return page
