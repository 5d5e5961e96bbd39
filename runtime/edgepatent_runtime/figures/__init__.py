"""Sheets of a patent taken apart into figures.

`read_sheet` finds the figures of a page, their captions and what is no drawing; `figures` is the
short form. Pieces of ink are joined across the narrowest paper, and parted into as many figures as
there are captions. Captions are rows of letters, found by shape and read by a network of 70 kB.
"""

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.figures.sheet import Figure, LeftOut, Sheet, read_sheet
from edgepatent_runtime.figures.turns import Box

__all__ = ["Box", "Figure", "LeftOut", "Sheet", "figures", "read_sheet", "without_captions"]

Page = npt.NDArray[np.uint8]


def figures(page: Page) -> list[Figure]:
    """The figures of a grey page, uint8 [H, W], paper 255, in reading order."""
    return list(read_sheet(page).figures)


def without_captions(page: Page, sheet: Sheet | None = None) -> Page:
    """A copy of a page with captions, header and sheet number painted white.

    Captions carry a font that is the patent's own: they must not decide what is found.
    """
    sheet = read_sheet(page) if sheet is None else sheet
    out = page.copy()
    for part in sheet.left_out:
        if part.kind in ("caption", "header", "sheet number"):
            x, y, width, height = part.box
            # The grey rim of a letter is lighter than ink.
            out[max(0, y - 2) : y + height + 2, max(0, x - 2) : x + width + 2] = 255
    return out
