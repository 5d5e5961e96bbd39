"""Pages of a PDF: rendered, told apart from text, and cut below their printed header.

PDFium works in a worker, with limits of memory and time: a few hundred bytes can ask for days.

Many patents as PDF are scans without a text layer, so pages are told apart by how they look: a
text page has many lines of letters, a drawing sheet has at most the printed header
("U.S. Patent   Mar. 13, 2007   Sheet 1 of 4   US D538,119 S") and its captions.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgepatent_runtime.drawing.light import even_out
from edgepatent_runtime.drawing.limits import MAX_PAGES, MAX_PIXELS
from edgepatent_runtime.errors import DrawingError, EdgepatentError, MissingExtraError
from edgepatent_runtime.unusable import unusable
from edgepatent_runtime.workers.pool import call
from edgepatent_runtime.workers.worker import WorkerError

R = TypeVar("R")
Page = npt.NDArray[np.uint8]
Components = npt.NDArray[np.int32]

# The resolution at which patent offices scan.
DPI = 300
# Letters are looked for at half of it: a quarter of the work.
LETTER_DPI = 150
# Heights of printed letters, in pixels at that resolution: 1 to 5 mm.
_LETTER = (6, 30)
# So many letters on one base line make a line of text. Captions are shorter.
_LINE = 12
# From so many lines on, a page is text. The real front and citation pages have 18 to 52, their
# drawing sheets one, the header.
_TEXT_PAGE = 8
# A page whose largest component is smaller than this, in pixels, shows nothing but letters.
_FIGURE = 60
# The header lies in the upper part of the page and spans a good part of its width.
_HEADER_DEPTH = 0.2
_HEADER_WIDTH = 0.4

# PDFium may be called by one thread at a time.
_pdfium = threading.Lock()


def count_pdf_pages(source: Path | bytes) -> int:
    """How many pages a PDF has. Raises `DrawingError`, `MissingExtraError` without pypdfium2."""
    return elsewhere(_count, source)


def read_pdf_page(source: Path | bytes, page: int = 0) -> Page:
    """One page (from 0) of a PDF at 300 dpi, without its header strip: uint8 [H, W], paper 255.

    A page too large for that is rendered as large as the pixel limit allows. Raises
    `DrawingError` for a damaged or encrypted PDF, a page that is not there, and one that takes
    too much memory or time; `MissingExtraError` without pypdfium2.
    """
    return elsewhere(partial(_read, page=page), source)


def elsewhere(function: Callable[[Path | bytes], R], source: Path | bytes) -> R:
    """``function`` of a PDF, carried out in a worker. Raises `DrawingError` whatever happens."""
    _import_pdfium()
    name = "a PDF" if isinstance(source, bytes) else str(source)
    try:
        return call(function, source)
    except WorkerError as error:
        detail = f"{name} ({error.detail})" if error.detail else name
        raise DrawingError(error.reason, detail) from error
    except EdgepatentError:
        raise
    except Exception as error:
        # What numpy or OpenCV make of a page that is a pixel high.
        raise unusable(error, name) from error


def _count(source: Path | bytes) -> int:
    with opened(source) as document:
        return len(document)


def _read(source: Path | bytes, page: int) -> Page:
    with opened(source) as document:
        pixels = render(document, page, DPI)
    return below_header(pixels)


def is_text(page: Page) -> bool:
    """Whether a page, at 150 dpi, is text: many lines of letters, or nothing but letters."""
    components = _components(page)
    lines = _lines(components, len(page))
    if len(lines) >= _TEXT_PAGE:
        return True
    return bool(lines) and not bool((components[:, 3] > _FIGURE).any())


def below_header(page: Page) -> Page:
    """The page from below its printed header on; all of it where there is none.

    The header is the first line of text, in the upper part of the page, wide, and with no figure
    above or beside it.
    """
    step = max(1, round(max(page.shape) / (11 * LETTER_DPI)))
    top = Image.fromarray(np.ascontiguousarray(page[: round(len(page) * _HEADER_DEPTH)]))
    small = np.asarray(top.reduce(step))
    components = _components(small)
    lines = _lines(components, len(small))
    if not lines:
        return page
    base = lines[0]
    left, upper, width, height = components[:, :4].T
    letters = np.abs(upper + height - base) <= 3
    span = (left + width)[letters].max() - left[letters].min()
    figures = (height > _LETTER[1]) & (upper < base)
    if span < _HEADER_WIDTH * small.shape[1] or figures.any():
        return page
    return page[(base + 4) * step :]


def _components(page: Page) -> Components:
    """[N, 5] left, top, width, height, area of the connected ink on a page."""
    # OpenCV only here: its import would cost every search 50 ms.
    import cv2

    ink = (page < 160).astype(np.uint8)
    _, _, statistics, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    return np.asarray(statistics[1:], np.int32)


def _lines(components: Components, height: int) -> list[int]:
    """The base lines (y in pixels, from the top) on which many letters stand."""
    low, high = _LETTER
    letters = (components[:, 3] >= low) & (components[:, 3] <= high)
    letters &= (components[:, 2] >= 2) & (components[:, 2] <= 2 * high)
    feet = np.bincount((components[:, 1] + components[:, 3])[letters], minlength=height + 1)
    standing = np.convolve(feet, np.ones(5, np.int64), "same")
    lines = []
    while standing.max(initial=0) >= _LINE:
        base = int(standing.argmax())
        lines.append(base)
        standing[max(0, base - low - 2) : base + low + 3] = 0
    return sorted(lines)


def render(document: Any, page: int, dpi: int) -> Page:
    """A page (from 0) of an `opened` document, header and all: uint8 [H, W]. `DrawingError`."""
    if not 0 <= page < len(document):
        raise DrawingError("no such page", f"page {page + 1} of {len(document)}")
    import pypdfium2

    try:
        leaf = document[page]
        width, height = leaf.get_size()
        if not (width > 0 and height > 0):
            raise DrawingError("damaged PDF page", f"{width} × {height} points")
        scale = min(dpi / 72, (MAX_PIXELS / max(width * height, 1)) ** 0.5)
        pixels = leaf.render(scale=scale, grayscale=True).to_numpy()
    except (pypdfium2.PdfiumError, ValueError) as error:
        raise DrawingError("damaged PDF page", str(error)) from error
    # The bitmap is freed with the document.
    return even_out(Image.fromarray(pixels.reshape(pixels.shape[:2]).copy()))[0]


def page_text(document: Any, page: int) -> str:
    """The text layer of a page (from 0); empty where there is none."""
    import pypdfium2

    try:
        return str(document[page].get_textpage().get_text_range())
    except pypdfium2.PdfiumError:
        return ""


@contextmanager
def opened(source: Path | bytes) -> Iterator[Any]:
    """A pypdfium2 document, closed on leaving. One at a time: PDFium takes one thread.

    Raises `DrawingError` for a file that is not there, damaged or encrypted, and
    `MissingExtraError` without pypdfium2.
    """
    pypdfium2 = _import_pdfium()
    name = "" if isinstance(source, bytes) else f"{source}: "
    with _pdfium:
        try:
            document = pypdfium2.PdfDocument(source)
        except FileNotFoundError as error:
            raise DrawingError("file not found", str(source)) from error
        except pypdfium2.PdfiumError as error:
            raise DrawingError("damaged or encrypted PDF", f"{name}{error}") from error
        try:
            if len(document) > MAX_PAGES:
                raise DrawingError("more pages than the limit", f"{name}{len(document):,}")
            yield document
        finally:
            document.close()


def _import_pdfium() -> Any:
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtraError("reading PDF", "pdf") from error
    return pypdfium2
