"""Drawings side by side: queries with their hits, and what augmentation did."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from edgepatent_train.data import DrawingSet
from edgepatent_train.report.gathered import HITS, Query

CELL = 168
GAP = 12
LINE = 18
COLOURS = {
    "query": "#1d1d1b",
    "same patent": "#1b7f4d",
    "same subclass": "#2f6f8f",
    "same class": "#8a6d12",
    "another class": "#b03a2e",
    "unknown class": "#85837c",
}
"""Of the frames; each caption says the same in words."""
REMOVED, ADDED = (214, 96, 20), (30, 96, 200)

Pixels = npt.NDArray[np.uint8]


def query_sheet(queries: Sequence[Query], held: DrawingSet) -> bytes:
    """A row for each query: itself, then its first hits, each with what it is and its score."""
    height = CELL + 2 * LINE + GAP
    sheet = Image.new(
        "RGB", (GAP + (HITS + 1) * (CELL + GAP), GAP + len(queries) * height), "white"
    )
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for line, query in enumerate(queries):
        top = GAP + line * height
        cells = [("query", query.row, query.patent, f"AP {query.average_precision:.2f}")]
        cells += [(h.relation, h.row, h.patent, f"{h.score:.2f}") for h in query.hits]
        for column, (relation, row, patent, number) in enumerate(cells):
            left = GAP + column * (CELL + GAP)
            sheet.paste(_fitted(held.pixels(row)), (left, top))
            draw.rectangle(
                (left - 3, top - 3, left + CELL + 2, top + CELL + 2),
                outline=COLOURS[relation],
                width=3,
            )
            for text, below in ((patent, 4), (f"{relation}, {number}", 4 + LINE - 2)):
                draw.text(
                    (left, top + CELL + below),
                    _cut(text, draw, font),
                    fill=COLOURS[relation],
                    font=font,
                )
    return _png(sheet)


def augmentation_sheet(
    before: Sequence[Pixels], after: Sequence[Pixels], columns: int = 6
) -> bytes:
    """Pairs of drawings [S, S]: as they are, and below as the network saw them.

    Ink that went is orange, ink that came is blue.
    """
    rows = -(-len(before) // columns)
    height = 2 * CELL + 2 * GAP
    sheet = Image.new("RGB", (GAP + columns * (CELL + GAP), GAP + rows * height), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        left = GAP + place % columns * (CELL + GAP)
        top = GAP + place // columns * height
        sheet.paste(_fitted(old), (left, top))
        sheet.paste(_changed(old, new), (left, top + CELL + 4))
        draw.rectangle((left - 1, top - 1, left + CELL, top + 2 * CELL + 4), outline="#c9c7bf")
    return _png(sheet)


def _fitted(drawing: Pixels) -> Image.Image:
    method = Image.Resampling.BOX if drawing.shape[0] > CELL else Image.Resampling.BICUBIC
    return Image.fromarray(drawing).resize((CELL, CELL), method)


def _changed(old: Pixels, new: Pixels) -> Image.Image:
    first, second = (np.asarray(_fitted(each)).astype(np.float32) / 255 for each in (old, new))
    page = np.repeat(np.maximum(first, second)[..., None], 3, axis=2)  # ink that both have
    for less, more, colour in ((second, first, ADDED), (first, second, REMOVED)):
        gone = np.clip(more - less, 0, 1)[..., None]
        page -= gone * (1 - np.array(colour, np.float32) / 255)
    return Image.fromarray((255 * np.clip(page, 0, 1)).astype(np.uint8))


def _cut(
    text: str, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> str:
    """``text`` cut to the width of a cell."""
    if draw.textlength(text, font) <= CELL:
        return text
    while text and draw.textlength(text + "…", font) > CELL:
        text = text[:-1]
    return text + "…"


def _png(sheet: Image.Image) -> bytes:
    out = io.BytesIO()
    sheet.quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
