"""Whole files pass the checks for missing pixels, whatever wrote them; cut ones do not."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from edgepatent_runtime import drawing
from edgepatent_runtime.drawing.intact import check_png_pixels
from edgepatent_runtime.errors import DrawingError


def margins(height: int = 150, width: int = 203) -> np.ndarray:
    """A drawing with white below it: what is missing from a file may look just like that."""
    page = np.full((height, width), 255, np.uint8)
    page[20:90, 30:34] = page[20:24, 30:150] = page[86:90, 30:150] = 0
    page[np.arange(25, 85), np.arange(40, 100)] = 90
    return page


def file_of(page: np.ndarray, kind: str, mode: str = "L", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(page).convert(mode).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("quality", [5, 50, 75, 95, 100])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 3}])
@pytest.mark.parametrize("paper", [255, 128, 230])
def test_whole_jpegs_pass(quality: int, mode: str, options: dict[str, object], paper: int) -> None:
    page = np.minimum(margins(), paper).astype(np.uint8)
    data = file_of(page, "JPEG", mode, quality=quality, **options)
    assert drawing.decode(data).shape == page.shape
    # Bytes behind the end, as cameras leave them, do not matter.
    assert drawing.decode(data + b"\0" * 100).shape == page.shape


@pytest.mark.parametrize("quality", [5, 75, 100])
def test_whole_jpegs_of_opencv_pass(quality: int) -> None:
    done, data = cv2.imencode(".jpg", margins(), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    assert drawing.decode(data.tobytes()).shape == (150, 203)


@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 3}])
def test_jpegs_with_a_hole_are_refused(options: dict[str, object]) -> None:
    """A tenth of the coded pixels is taken out; header and end are left as they are."""
    rng = np.random.default_rng(0)
    page = rng.choice(np.array([0, 255], np.uint8), (160, 160))
    data = file_of(page, "JPEG", quality=75, **options)
    assert drawing.decode(data).shape == page.shape
    begin = data.index(b"\xff\xda") + 100
    with pytest.raises(DrawingError, match="damaged or truncated image"):
        drawing.decode(data[:begin] + data[begin + len(data) // 10 :])


def test_jpeg_taller_than_its_pixels_is_refused() -> None:
    data = file_of(margins(), "JPEG")
    size = struct.pack(">HH", 150, 203)
    assert data.count(size) == 1
    with pytest.raises(DrawingError, match="pixels of the JPEG are missing"):
        drawing.decode(data.replace(size, struct.pack(">HH", 900, 203)))


def png(page: np.ndarray, *, interlaced: bool, height: int | None = None) -> bytes:
    """A grey PNG, perhaps in seven passes, perhaps with another height in its header."""
    steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)]
    steps += [(0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b""
    for left, top, right, down in steps if interlaced else [(0, 0, 1, 1)]:
        for row in page[top::down, left::right]:
            rows += b"\0" + row.tobytes() if len(row) else b""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    size = (page.shape[1], height or page.shape[0])
    header = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, int(interlaced))
    body = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("shape", [(150, 203), (16, 17), (21, 16), (1, 40), (40, 1)])
def test_png_rows_are_counted(interlaced: bool, shape: tuple[int, int]) -> None:
    page = margins(*shape) if min(shape) > 40 else np.full(shape, 255, np.uint8)
    whole = png(page, interlaced=interlaced)
    check_png_pixels(whole)
    np.testing.assert_array_equal(drawing.decode(whole), page)
    with pytest.raises(DrawingError, match="rows of the PNG are missing"):
        check_png_pixels(png(page, interlaced=interlaced, height=shape[0] + 8))


def test_png_taller_than_its_rows_is_refused() -> None:
    for interlaced in (False, True):
        with pytest.raises(DrawingError, match="damaged or truncated image"):
            drawing.decode(png(margins(), interlaced=interlaced, height=300))


@pytest.mark.parametrize("rows", [30, 150, 1000])
@pytest.mark.parametrize("fill_order", [1, 2])
def test_group4_that_ends_early_is_refused(rows: int, fill_order: int) -> None:
    """An end mark in the middle: libtiff alone takes it for the end and leaves the rest white."""
    page = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (150, 130))
    data = file_of(page, "TIFF", "1", compression="group4", tiffinfo={278: rows, 266: fill_order})
    np.testing.assert_array_equal(drawing.decode(data), page)
    mark = np.frombuffer(b"\0\x10\x01", np.uint8)
    if fill_order == 2:
        mark = np.packbits(np.unpackbits(mark), bitorder="little")
    hurt = bytearray(data)
    middle = len(hurt) // 2
    hurt[middle : middle + 4] = b"\0" + mark.tobytes()
    with Image.open(io.BytesIO(hurt)) as image:
        assert np.asarray(image).shape == page.shape
    with pytest.raises(DrawingError, match="damaged or truncated image"):
        drawing.decode(bytes(hurt))
