"""Patents as PDF: which pages are drawings, and what is cut from them."""

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import hostile
import numpy as np
import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont

from edgepatent_runtime import drawing
from edgepatent_runtime.drawing.pdf import (
    below_header,
    count_pdf_pages,
    is_text,
    read_pdf_page,
)
from edgepatent_runtime.errors import DrawingError, MissingExtraError
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources.folder import FolderSource
from edgepatent_runtime.sources.pdf import PdfSource

pytest.importorskip("pypdfium2")

FONT = ImageFont.load_default(24)


def page(*, lines: int = 0, figure: bool = True, header: bool = False) -> Image.Image:
    """A letter page at 150 dpi."""
    image = Image.new("L", (1275, 1650), 255)
    pen = ImageDraw.Draw(image)
    if header:
        pen.text((180, 115), "U.S. Patent", 0, FONT)
        pen.text((520, 115), "Mar. 13, 2007   Sheet 1 of 4", 0, FONT)
        pen.text((950, 115), "US D538,119 S", 0, FONT)
    for line in range(lines):
        pen.text((150, 250 + 40 * line), "The ornamental design for a chair as shown here", 0, FONT)
    if figure:
        pen.ellipse((400, 900, 900, 1500), outline=0, width=3)
        pen.text((600, 1540), "FIG. 1", 0, FONT)
    return image


def pdf(*pages: Image.Image) -> bytes:
    file = io.BytesIO()
    pages[0].save(file, "PDF", save_all=True, append_images=pages[1:], resolution=150)
    return file.getvalue()


def read(path: Path) -> tuple[list[Record], dict[str, int]]:
    skipped = Skipped()
    return list(PdfSource(path, str(path)).records(skipped)), dict(skipped.counts)


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (page(), False),
        (page(header=True), False),
        (page(lines=3, header=True), False),
        (page(lines=15), True),
        (page(lines=12, header=True), True),
        (page(lines=2, figure=False), True),
        (page(figure=False, header=True), True),
    ],
)
def test_is_text(image: Image.Image, text: bool) -> None:
    assert is_text(np.asarray(image)) == text


def test_header_is_cut_and_nothing_else() -> None:
    for scale in (1, 2):
        size = (1275 * scale, 1650 * scale)
        with_header = np.asarray(page(header=True).resize(size))
        without = np.asarray(page().resize(size))
        cut = below_header(with_header)
        assert 100 * scale < len(with_header) - len(cut) < 180 * scale
        np.testing.assert_array_equal(
            drawing.normalise(np.asarray(cut), 64), drawing.normalise(without, 64)
        )
        assert below_header(without) is without
    # A caption at the top is no header, nor is a line beside a figure.
    image = page(figure=False)
    pen = ImageDraw.Draw(image)
    pen.text((600, 100), "FIG. 1 and FIG. 2", 0, FONT)
    pen.ellipse((400, 300, 900, 900), outline=0)
    assert len(below_header(np.asarray(image))) == 1650
    image = page(header=True)
    ImageDraw.Draw(image).rectangle((20, 40, 160, 600), outline=0)
    assert len(below_header(np.asarray(image))) == 1650


def test_sheets_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "D907292.pdf"
    path.write_bytes(pdf(page(lines=15), page(header=True), page(figure=False), page(header=True)))
    records, skipped = read(path)
    assert [(r.patent_id, r.image.page) for r in records] == [("USD0907292", 1), ("USD0907292", 3)]
    assert skipped == {"text page": 1, "blank page": 1}
    assert count_pdf_pages(path) == drawing.pages(path) == 4
    np.testing.assert_array_equal(read_pdf_page(path, 1), drawing.decode(path.read_bytes(), page=1))
    assert read_pdf_page(path, 1).shape[1] == 2550


def test_pdf_in_a_folder_and_in_metadata(tmp_path: Path) -> None:
    (tmp_path / "any name.pdf").write_bytes(pdf(page(lines=15), page(header=True)))
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing else")
    skipped = Skipped()
    (record,) = FolderSource(tmp_path, "").records(skipped)
    assert (record.patent_id, record.image.page) == ("any name", 1)
    assert skipped.counts == {"text page": 1, "damaged or encrypted PDF": 1}
    (tmp_path / "metadata.csv").write_text(
        "file_name,patent_id,title\nany name.pdf,D907292,Chair\nbroken.pdf,D907293,\n"
    )
    skipped = Skipped()
    (record,) = FolderSource(tmp_path, "").records(skipped)
    assert (record.patent_id, record.title, record.image.page) == ("USD0907292", "Chair", 1)


def test_bad_files_and_pages(tmp_path: Path) -> None:
    good = tmp_path / "good.pdf"
    good.write_bytes(pdf(page()))
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(good.read_bytes()[:300])
    for call in (read_pdf_page, count_pdf_pages, drawing.decode, drawing.pages):
        with pytest.raises(DrawingError, match="damaged or encrypted PDF") as caught:
            call(bad)
        assert str(bad) in str(caught.value)
    for number in (1, -1):
        with pytest.raises(DrawingError, match="no such page"):
            read_pdf_page(good, number)
    with pytest.raises(DrawingError, match="file not found"):
        read_pdf_page(tmp_path / "absent.pdf")
    with pytest.raises(DrawingError, match="damaged or encrypted PDF"):
        list(PdfSource(bad, "").records(Skipped()))


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "good.pdf"
    path.write_bytes(pdf(page()))
    (tmp_path / "also.png").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'edgepatent\[pdf\]'"):
        drawing.decode(path)
    skipped = Skipped()
    (record,) = FolderSource(tmp_path, "").records(skipped)
    assert record.image.path.endswith("also.png")
    assert list(skipped.counts) == ["reading PDF needs an extra: pip install 'edgepatent[pdf]'"]


def test_threads_share_pdfium(tmp_path: Path) -> None:
    path = tmp_path / "good.pdf"
    path.write_bytes(pdf(page(header=True), page(), page(lines=3)))
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda n: read_pdf_page(path, n % 3), range(6)))
    for number, pixels in enumerate(pages):
        np.testing.assert_array_equal(pixels, pages[number % 3])


def test_huge_pages_stay_below_the_pixel_limit(tmp_path: Path) -> None:
    file = io.BytesIO()
    # 200 inches wide: 60,000 pixels at 300 dpi.
    Image.new("L", (200, 200), 0).save(file, "PDF", resolution=1)
    pixels = read_pdf_page(file.getvalue())
    assert 70_000_000 < pixels.size < 81_000_000


def test_real_patents(shared: Path) -> None:
    """Six patents, half of them without a text layer: 19 sheets, 6 front pages, 1 citation page."""
    skipped = Skipped()
    records = list(FolderSource(shared / "data" / "uspto-pdf", "").records(skipped))
    counts: dict[str, list[int]] = {}
    for record in records:
        counts.setdefault(record.patent_id, []).append(record.image.page)
    assert counts == {
        "USD0538119": [1, 2, 3, 4],
        "USD0576693": [1, 2],
        "USD0584939": [1, 2, 3],
        "USD0587550": [1, 2, 3, 4],
        "USD0598801": [1, 2],
        "USD0659180": [2, 3, 4, 5],
    }
    assert skipped.counts == {"text page": 7}
    assert (records[0].locarno, records[0].date) == ("07-99", "2007-03-13")


def test_real_sheets_equal_those_cut_by_hand(shared: Path) -> None:
    folder = shared / "data" / "uspto-sheets" / "D538119"
    patent = shared / "data" / "uspto-pdf" / "D538119.pdf"
    for number in (1, 4):
        want = drawing.read_drawing(folder / f"D538119-S00{number}.png", 128).astype(int)
        got = drawing.normalise(read_pdf_page(patent, number), 128).astype(int)
        assert np.abs(got - want).mean() < 4


@pytest.mark.parametrize("name", ["flat.pdf", "image.pdf", "pages.pdf"])
def test_a_pdf_that_asks_for_much_is_read_elsewhere(name: str) -> None:
    """Refused or read, but this process's memory stays where it was."""
    before = psutil.Process().memory_info().rss
    with suppress(DrawingError):
        assert drawing.read_drawing(hostile.BUILDERS[name](), 64).shape == (64, 64)
    assert psutil.Process().memory_info().rss < before + (300 << 20)


@pytest.mark.slow
def test_a_pdf_that_would_draw_for_ever_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "forms.pdf"
    path.write_bytes(hostile.pdf_of_forms(12, 40))
    (tmp_path / "good.pdf").write_bytes(pdf(page()))
    skipped = Skipped()
    (record,) = FolderSource(tmp_path, "").records(skipped)
    assert record.patent_id == "good"
    # Which of its limits it meets first is PDFium's affair.
    (reason,) = skipped.counts
    assert reason in ("takes too long to read", "crashes the program that reads it")
    assert skipped.examples[reason][0].startswith(str(path))
