"""Patents as PDF: front page, citations, drawing sheets, claims. Only the sheets are drawings.

Many of these files are scans without a text layer, so pages are told apart by how they look:
a text page has many lines of letters, a drawing sheet has at most the printed header
("U.S. Patent   Mar. 13, 2007   Sheet 1 of 4   US D538,119 S") and its captions.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgepatent_runtime import dates, locarno
from edgepatent_runtime.drawing.files import MAX_PIXELS
from edgepatent_runtime.drawing.light import even_out
from edgepatent_runtime.drawing.normal import ink_box
from edgepatent_runtime.errors import DrawingError, MissingExtraError
from edgepatent_runtime.patent_id import canonical, parse_sheet
from edgepatent_runtime.record import ImageRef, Record, Skipped

Page = npt.NDArray[np.uint8]
Components = npt.NDArray[np.int32]

# The resolution at which patent offices scan.
DPI = 300
# Letters are looked for at half of it: a quarter of the work.
_LETTER_DPI = 150
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

_NUMBER = re.compile(r"\bUS\s*D\s?[0-9]{3},[0-9]{3}\s*S", re.ASCII)
_DATE = re.compile(r"\b[A-Z][a-z]{2,8}[.\s]\s*[0-9]{1,2},\s*[0-9]{4}\b", re.ASCII)
_LOCARNO = re.compile(r"LOC\s*\([0-9]+\)\s*Cl[^0-9]{1,100}([0-9]{2}-[0-9]{2})\b", re.ASCII)


class PdfSource:
    """Records of the drawing sheets of one PDF file.

    The patent is the one that the file is named after, or that its text names; date and Locarno
    code come from the text layer where there is one.
    """

    def __init__(self, path: Path, spec: str) -> None:
        self.spec = spec
        self._path = path
        self.root = str(path.parent)

    def records(self, skipped: Skipped) -> Iterator[Record]:
        """One record a drawing sheet, in order; text and blank pages are counted.

        Raises `DrawingError` for a file that is no PDF, `MissingExtraError` without pypdfium2.
        """
        with _opened(self._path) as document:
            pages = len(document)
            text = "\n".join(_text(document, page) for page in range(min(pages, 2)))
        code = locarno.parse(_first(_LOCARNO, text))
        klass, subclass = locarno.labels(code)
        for page in range(pages):
            name = f"{self._path}#page={page + 1}"
            try:
                with _opened(self._path) as document:
                    pixels = _render(document, page, _LETTER_DPI)
                if is_text(pixels):
                    skipped.add("text page", name)
                    continue
                ink_box(below_header(pixels))
            except DrawingError as error:
                skipped.add(error.reason, name)
                continue
            yield Record(
                image=ImageRef(str(self._path), page=page),
                patent_id=_patent(self._path, text),
                locarno=code,
                klass=klass,
                subclass=subclass,
                date=dates.parse(_first(_DATE, text)),
            )


def count_pdf_pages(source: Path | bytes) -> int:
    """How many pages a PDF has. Raises `DrawingError`, `MissingExtraError` without pypdfium2."""
    with _opened(source) as document:
        return len(document)


def read_pdf_page(source: Path | bytes, page: int = 0) -> Page:
    """One page (from 0) of a PDF at 300 dpi, without its header strip: uint8 [H, W], paper 255.

    A page too large for that is rendered as large as the pixel limit allows. Raises
    `DrawingError` for a damaged or encrypted PDF and a page that is not there, and
    `MissingExtraError` without pypdfium2.
    """
    with _opened(source) as document:
        pixels = _render(document, page, DPI)
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
    step = max(1, round(max(page.shape) / (11 * _LETTER_DPI)))
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


def _render(document: Any, page: int, dpi: int) -> Page:
    if not 0 <= page < len(document):
        raise DrawingError("no such page", f"page {page + 1} of {len(document)}")
    import pypdfium2

    try:
        leaf = document[page]
        width, height = leaf.get_size()
        scale = min(dpi / 72, (MAX_PIXELS / max(width * height, 1)) ** 0.5)
        pixels = leaf.render(scale=scale, grayscale=True).to_numpy()
    except (pypdfium2.PdfiumError, ValueError) as error:
        raise DrawingError("damaged PDF page", str(error)) from error
    # The bitmap is freed with the document.
    return even_out(Image.fromarray(pixels.reshape(pixels.shape[:2]).copy()))


def _text(document: Any, page: int) -> str:
    import pypdfium2

    try:
        return str(document[page].get_textpage().get_text_range())
    except pypdfium2.PdfiumError:
        return ""


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return match[match.lastindex or 0] if match else None


def _patent(path: Path, text: str) -> str:
    sheet = parse_sheet(path.stem)
    named = sheet.patent_id if sheet else canonical(path.stem)
    if named != path.stem or named.startswith("USD"):
        return named
    printed = _first(_NUMBER, text)
    return canonical(printed) if printed else named


@contextmanager
def _opened(source: Path | bytes) -> Iterator[Any]:
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtraError("reading PDF", "pdf") from error
    name = "" if isinstance(source, bytes) else f"{source}: "
    with _pdfium:
        try:
            document = pypdfium2.PdfDocument(source)
        except FileNotFoundError as error:
            raise DrawingError("file not found", str(source)) from error
        except pypdfium2.PdfiumError as error:
            raise DrawingError("damaged or encrypted PDF", f"{name}{error}") from error
        try:
            yield document
        finally:
            document.close()
