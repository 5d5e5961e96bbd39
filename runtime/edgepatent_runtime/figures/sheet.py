"""A sheet taken apart: its figures, their captions, and what is no drawing."""

from typing import Literal

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime.figures.captions import chosen_captions
from edgepatent_runtime.figures.gaps import specks, tree_of
from edgepatent_runtime.figures.groups import grouped
from edgepatent_runtime.figures.ink import Ink, ink_of
from edgepatent_runtime.figures.leaders import leader_of
from edgepatent_runtime.figures.margins import header, is_sheet_number
from edgepatent_runtime.figures.order import reading_order
from edgepatent_runtime.figures.rows import Row, read_rows
from edgepatent_runtime.figures.seams import parted
from edgepatent_runtime.figures.turns import Box

Page = npt.NDArray[np.uint8]
Kind = Literal["caption", "header", "sheet number", "numeral", "leader"]

# Readings of numerals that are less certain are left alone.
_CERTAIN = 0.7
# Dots and tails of letters lie so close to their row, in its heights.
_CLOSE = 0.4
# So many figures, at most, are cut from others that they touch.
_TOUCHING = 3


class LeftOut(msgspec.Struct, frozen=True):
    """Something on a sheet that is no drawing.

    ``box`` is x, y, width, height in pixels of the page; ``text`` what was read, "" if nothing.
    """

    kind: Kind
    box: Box
    text: str = ""


class Figure(msgspec.Struct, frozen=True):
    """One figure of a sheet.

    ``box`` is x, y, width, height in pixels of the page; ``caption`` the text as it was read,
    ``number`` what it names ("3A"), both None where there is none. ``turned`` counts the quarter
    turns clockwise that set the figure upright.
    """

    box: Box
    caption: str | None = None
    number: str | None = None
    turned: int = 0


class Sheet(msgspec.Struct, frozen=True):
    """The figures of a page in reading order, what was left out, and how the page is turned."""

    figures: tuple[Figure, ...]
    left_out: tuple[LeftOut, ...] = ()
    turned: int = 0


def read_sheet(page: Page) -> Sheet:
    """Take a grey page apart, uint8 [H, W], paper 255.

    There are as many figures as captions, one where there is no caption, none on a blank page.
    """
    ink = ink_of(page)
    if not len(ink.boxes):
        return Sheet(())
    rows, level = read_rows(page, ink)
    mask = ink.drawn()
    left_out: list[LeftOut] = []

    def leave_out(kind: Kind, box: Box, text: str = "") -> None:
        box = _whole(ink, box)
        x, y, w, h = box
        mask[y : y + h, x : x + w] = 0
        left_out.append(LeftOut(kind, _on_page(box, ink, page), text))

    for box in header(ink.mask, level):
        leave_out("header", box)
    captions, others = chosen_captions(rows)
    for row in captions:
        leave_out("caption", row.box, row.text)
    for row in others:
        if is_sheet_number(row, ink.mask):
            leave_out("sheet number", row.box, row.text)
            continue
        if row.kind == "text" or len(row.text) < 2 or row.certainty < _CERTAIN:
            continue
        leader = leader_of(ink, row.box)
        if leader is not None:
            leave_out("numeral", row.box, row.text)
            x, y, w, h = ink.boxes[leader, :4].tolist()
            mask[y : y + h, x : x + w][ink.labels[y : y + h, x : x + w] == leader + 1] = 0
            left_out.append(LeftOut("leader", _on_page((x, y, w, h), ink, page)))
    turns = [row.turned for row in captions]
    turned = max(sorted(set(turns)), key=turns.count) if turns else 0
    figures = _figures(page, ink, mask, captions, turned)
    return Sheet(tuple(reading_order(figures, page.shape, turned)), tuple(left_out), turned)


def _figures(page: Page, ink: Ink, mask: Page, captions: list[Row], turned: int) -> list[Figure]:
    boxes = np.array([row.box for row in captions], np.int64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    around, owners = _parts(mask, boxes)
    if not around:
        return []
    # Captions left over belong to figures that touch others.
    for _ in range(min(len(captions) - len(around), _TOUCHING)):
        largest = max(around, key=lambda box: box[2] * box[3])
        apart = parted(mask, largest)
        if apart is None:
            break
        mask = apart
        around, owners = _parts(mask, boxes)
    figures = []
    for index, whole in enumerate(around):
        box = _on_page(_tight(mask, whole), ink, page)
        named = [row for row, owner in zip(captions, owners, strict=True) if owner == index]
        if named:
            first = named[0]
            figures.append(Figure(box, first.text, first.number, first.turned))
        else:
            figures.append(Figure(box, turned=turned))
    return figures


def _parts(mask: Page, captions: npt.NDArray[np.int64]) -> tuple[list[Box], list[int]]:
    """The boxes of the figures in a mask, and for each caption the figure that it belongs to."""
    side = max(mask.shape)
    tree = tree_of(mask)
    if not len(tree.boxes):
        return [], []
    labels, owners = grouped(tree, captions, side)
    kept = ~specks(tree, side)
    around = []
    for label in range(int(labels.max()) + 1):
        mine = tree.boxes[labels == label]
        if kept[labels == label].any():
            mine = tree.boxes[(labels == label) & kept]
        left, top = mine[:, :2].min(axis=0).tolist()
        right, bottom = mine[:, 2:].max(axis=0).tolist()
        around.append((left, top, right - left, bottom - top))
    return around, owners


def _whole(ink: Ink, row: Box) -> Box:
    """A row of letters with its dots and tails: what lies close to it as a whole."""
    x, y, w, h = row
    edge = _CLOSE * min(w, h)
    boxes = ink.boxes
    right, bottom = boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]
    close = (boxes[:, 0] >= x - edge) & (boxes[:, 1] >= y - edge)
    close &= (right <= x + w + edge) & (bottom <= y + h + edge)
    if not close.any():
        return row
    left, top = min(x, int(boxes[close, 0].min())), min(y, int(boxes[close, 1].min()))
    wide, high = max(x + w, int(right[close].max())), max(y + h, int(bottom[close].max()))
    return left, top, wide - left, high - top


def _tight(mask: Page, box: Box) -> Box:
    """A box of whole cells, cut to the ink in it."""
    left, top, width, height = box
    part = mask[top : top + height, left : left + width]
    x, y, width, height = cv2.boundingRect(np.ascontiguousarray(part))
    return left + x, top + y, width, height


def _on_page(box: Box, ink: Ink, page: Page) -> Box:
    x, y, width, height = (value * ink.factor for value in box)
    return x, y, min(width, page.shape[1] - x), min(height, page.shape[0] - y)
