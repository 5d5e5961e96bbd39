"""The rows of letters on a page, read."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.figures import reader
from edgepatent_runtime.figures.caption import Kind, kind_of
from edgepatent_runtime.figures.ink import Boxes, Ink
from edgepatent_runtime.figures.lines import continued, rows_of_letters
from edgepatent_runtime.figures.turns import Box, turn, turn_all

Page = npt.NDArray[np.uint8]

# Rows that are read first, level and upright each: real sheets have seven on average. Where most
# of them are captions, all others are read as well, up to this many.
_FIRST, _MOST = 24, 500
# A reading less certain than this is none.
_CERTAIN = 0.35


class Row(NamedTuple):
    """A row of letters.

    ``box`` is x, y, width, height in pixels of the mask; ``turned`` how many quarter turns
    clockwise set the letters upright; ``text`` what it says, ``certainty`` that of the reading.
    """

    box: Box
    turned: int
    text: str
    certainty: float
    kind: Kind
    number: str | None


def read_rows(page: Page, ink: Ink) -> tuple[list[Row], list[Box]]:
    """The rows of a page that could be read, and the boxes of all level ones."""
    level = rows_of_letters(ink)[:_MOST]
    upright = rows_of_letters(ink.turned(1))[:_MOST]
    rows = []
    for boxes, turned in ((level, 0), (upright, 1)):
        found = _read_held(page, ink, boxes[:_FIRST], turned)
        if 2 * sum(row.kind == "caption" for row in found) > _FIRST:
            found += _read_held(page, ink, boxes[_FIRST:], turned)
        rows += found
    if not any(row.kind == "caption" for row in rows):
        # Standing on its head, or turned to the other side: seldom.
        for boxes, turned in ((level, 2), (upright, 3)):
            over = turn_all(boxes[:_FIRST], ink.turned(turned).mask.shape, 2)
            found = _read_held(page, ink, over, turned)
            rows += [row for row in found if row.kind == "caption"]
    return rows, [(x, y, w, h) for x, y, w, h in level.tolist()]


def _read_held(page: Page, ink: Ink, boxes: Boxes, turned: int) -> list[Row]:
    """Read rows on the page turned clockwise, where ``boxes`` [N, 4] lie."""
    view, held = np.rot90(page, -turned), ink.turned(turned)
    rows = []
    for row in _read(view, ink.factor, [(x, y, w, h) for x, y, w, h in boxes.tolist()]):
        if row.kind == "caption" and row.number is None:
            # "FIG.", and its number after a space.
            longer = continued(held, row.box)
            again = _read(view, ink.factor, [longer]) if longer else []
            row = next((one for one in again if one.number is not None), row)
        rows.append(row._replace(box=turn(row.box, held.mask.shape, -turned), turned=turned))
    return rows


def _read(view: Page, factor: int, boxes: list[Box]) -> list[Row]:
    frames = []
    for box in boxes:
        x, y, w, h = (value * factor for value in box)
        edge = max(1, h // 16)
        part = view[max(0, y - edge) : y + h + edge, max(0, x - edge) : x + w + edge]
        frames.append(reader.framed(np.ascontiguousarray(part)))
    readings = reader.read(np.stack(frames)) if frames else []
    return [
        Row(box, 0, text, certainty, *kind_of(text))
        for box, (text, certainty) in zip(boxes, readings, strict=True)
        if text and certainty >= _CERTAIN
    ]
