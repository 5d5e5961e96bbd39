"""Patents as PDF: front page, citations, drawing sheets, claims. Only the sheets are drawings."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edgepatent_runtime import dates, locarno
from edgepatent_runtime.drawing.normal import ink_box
from edgepatent_runtime.drawing.pdf import (
    LETTER_DPI,
    below_header,
    elsewhere,
    is_text,
    opened,
    page_text,
    render,
)
from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.patent_id import canonical, parse_sheet
from edgepatent_runtime.record import ImageRef, Record, Skipped

_NUMBER = re.compile(r"\bUS\s*D\s?[0-9]{3},[0-9]{3}\s*S", re.ASCII)
_DATE = re.compile(r"\b[A-Z][a-z]{2,8}[.\s]\s*[0-9]{1,2},\s*[0-9]{4}\b", re.ASCII)
_LOCARNO = re.compile(r"LOC\s*\([0-9]+\)\s*Cl[^0-9]{1,100}([0-9]{2}-[0-9]{2})\b", re.ASCII)


class PdfSource:
    """Records of the drawing sheets of one PDF file.

    The patent is the one that the file is named after, or that its text names; date and Locarno
    code come from the text layer where there is one.
    """

    # What it holds are whole sheets, with several figures now and then.
    sheets = True

    def __init__(self, path: Path, spec: str) -> None:
        self.spec = spec
        self._path = path
        self.root = str(path.parent)

    def records(self, skipped: Skipped) -> Iterator[Record]:
        """One record a drawing sheet, in order; text and blank pages are counted.

        Raises `DrawingError` for a file that is no PDF, `MissingExtraError` without pypdfium2.
        """
        pages, text = elsewhere(_outside, self._path)
        code = locarno.parse(_first(_LOCARNO, text))
        klass, subclass = locarno.labels(code)
        for page in range(pages):
            name = f"{self._path}#page={page + 1}"
            try:
                elsewhere(partial(_require_drawing, page=page), self._path)
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


def _outside(path: Path | bytes) -> tuple[int, str]:
    """How many pages a PDF has, and what its first two say."""
    with opened(path) as document:
        pages = len(document)
        return pages, "\n".join(page_text(document, page) for page in range(min(pages, 2)))


def _require_drawing(path: Path | bytes, page: int) -> None:
    """Raise `DrawingError` for a page that shows no drawing."""
    with opened(path) as document:
        pixels = render(document, page, LETTER_DPI)
    if is_text(pixels):
        raise DrawingError("text page")
    ink_box(below_header(pixels))


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
