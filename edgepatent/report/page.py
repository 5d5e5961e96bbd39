"""``search --html``: one self-contained page with the query beside its hits."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.drawing.normal import ink_box
from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.templates import template

# Longest sides in CSS pixels: what is compared is large, what belongs to it is smaller.
LARGE = 720
SMALL = 320


@dataclass(frozen=True)
class Picture:
    """A drawing on the page: ``uri`` is a data URI, None where its pixels cannot be had."""

    label: str
    where: str
    score: float | None = None
    uri: str | None = None
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Card:
    """One hit: its best drawing first, then all its other views.

    ``score`` is None where nothing was compared, ``verdict`` where nothing tells how good it is;
    ``facts`` are label and value of what else is known; ``left_out`` counts drawings that are not
    shown; ``decided`` and ``note`` come from a matter.
    """

    rank: int
    score: float | None
    patent_id: str
    locarno: str | None
    locarno_name: str | None
    title: str | None
    date: str | None
    index: str | None
    best: Picture
    others: Sequence[Picture]
    facts: Sequence[tuple[str, str]] = ()
    left_out: int = 0
    verdict: str | None = None
    decided: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class PageContent:
    """All that the page shows; ``facts`` are the label and the value of what was searched, how.

    ``folded`` are cards that nobody need see; ``order`` says why one card comes before another.
    ``running`` stands at the head of every printed page but the first; ``records`` are the
    appendix: a title and the lines of each.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    queries: Sequence[Picture]
    cards: Sequence[Card]
    folded: Sequence[Card] = ()
    order: str = "most similar first"
    one: str = "hit"
    running: str = ""
    records: Sequence[tuple[str, Sequence[str]]] = ()


def render(content: PageContent) -> str:
    """The page as HTML: no script, nothing fetched, every text escaped."""
    return template("edgepatent.report", "page.html.j2").render(page=content)


def thumbnail_picture(png: bytes, *, label: str, where: str, score: float | None) -> Picture:
    """A picture as an index keeps it, a PNG."""
    from PIL.PngImagePlugin import PngImageFile

    grey = np.asarray(PngImageFile(BytesIO(png)).convert("L"))
    return encoded(_png(255 - grey, 2.0), label=label, where=where, score=score)


def picture(
    pixels: npt.NDArray[np.uint8] | None,
    side: int,
    *,
    label: str,
    where: str,
    score: float | None = None,
) -> Picture:
    """A grey page [H, W] uint8 as a picture of at most ``side`` pixels; None: a placeholder."""
    if pixels is None:
        return Picture(label, where, score)
    return encoded(encode_png(pixels, side), label=label, where=where, score=score)


def encoded(
    png: tuple[bytes, int, int], *, label: str, where: str, score: float | None = None
) -> Picture:
    """A PNG with its width and height as a picture."""
    data, width, height = png
    return Picture(label, where, score, data_uri(data), width, height)


def data_uri(png: bytes) -> str:
    """A PNG as it stands in a page of its own."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def encode_png(
    pixels: npt.NDArray[np.uint8], side: int, *, photograph: bool = False
) -> tuple[bytes, int, int]:
    """A grey page, cropped to its ink, as a PNG of 16 greys; its width and height too.

    At most ``side`` pixels long. Sixteen levels look the same on line art and make the file a
    third as large. A ``photograph`` is neither cropped nor darkened.
    """
    import cv2

    ink = 255 - (pixels if photograph else cropped(pixels))
    factor = max(ink.shape) / side
    if factor > 1:
        height, width = (max(1, round(length / factor)) for length in ink.shape)
        ink = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    # Averaging leaves thin lines pale: up to twice the ink keeps them visible.
    return _png(ink, 1.0 if photograph else min(max(factor, 1.0), 2.0))


def _png(ink: npt.NDArray[np.uint8], times: float) -> tuple[bytes, int, int]:
    """So many times the ink [H, W] as a PNG of 16 greys; its width and height too."""
    from PIL import Image

    darker = np.minimum(ink * np.float32(times), 255)
    levels = np.rint((255 - darker) / 17).astype(np.uint8)
    paletted = Image.fromarray(levels, mode="P")
    paletted.putpalette([value for level in range(16) for value in (level * 17,) * 3])
    out = BytesIO()
    # More effort (optimize) takes five times as long, for a file that is a fifth smaller.
    paletted.save(out, "PNG", compress_level=6, bits=4)
    return out.getvalue(), levels.shape[1], levels.shape[0]


def cropped(page: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The part of a page that holds ink, so that drawings of all sheets compare in size."""
    left, top, right, bottom = inked(page)
    return page[top:bottom, left:right]


def inked(page: npt.NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part that holds ink, a rim around it included."""
    try:
        left, top, right, bottom = ink_box(page)
    except DrawingError:
        return 0, 0, page.shape[1], page.shape[0]
    rim = max(right - left, bottom - top) // 40
    height, width = page.shape
    return (
        max(left - rim, 0), max(top - rim, 0), min(right + rim, width), min(bottom + rim, height)
    )  # fmt: skip
