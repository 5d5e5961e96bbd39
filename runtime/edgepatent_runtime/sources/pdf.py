"""Patents as PDF."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.errors import DrawingError, MissingExtraError

Page = npt.NDArray[np.uint8]

# The resolution at which patent offices scan.
DPI = 300


def count_pdf_pages(source: Path | bytes) -> int:
    """How many pages a PDF has. Raises `DrawingError`, `MissingExtraError` without pypdfium2."""
    with _opened(source) as document:
        return len(document)


def read_pdf_page(source: Path | bytes, page: int = 0) -> Page:
    """One page (from 0) of a PDF, rendered at 300 dpi: uint8 [H, W], paper 255.

    Raises `DrawingError` for a damaged or encrypted PDF and a page that is not there, and
    `MissingExtraError` without pypdfium2.
    """
    with _opened(source) as document:
        if not 0 <= page < len(document):
            raise DrawingError("no such page", f"page {page + 1} of {len(document)}")
        pixels: Page = document[page].render(scale=DPI / 72, grayscale=True).to_numpy()
        return pixels.reshape(pixels.shape[:2]).copy()


@contextmanager
def _opened(source: Path | bytes) -> Iterator[Any]:
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtraError("reading PDF", "pdf") from error
    try:
        document = pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError as error:
        name = "" if isinstance(source, bytes) else f"{source}: "
        raise DrawingError("damaged or encrypted PDF", f"{name}{error}") from error
    try:
        yield document
    finally:
        document.close()
