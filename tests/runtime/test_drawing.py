"""Decoding: every format gives the same page, every bad file its own short reason."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgepatent_runtime import drawing
from edgepatent_runtime.drawing.limits import MAX_PIXELS
from edgepatent_runtime.errors import DrawingError


def sketch(width: int = 240, height: int = 180) -> Image.Image:
    """A page with a frame, a diagonal and a mark in the upper left corner that tells its turn."""
    page = np.full((height, width), 255, np.uint8)
    page[20:24, 20:-20] = page[-24:-20, 20:-20] = 0
    page[20:-20, 20:24] = page[20:-20, -24:-20] = 0
    page[30:50, 30:60] = 0
    steps = np.arange(60, 140)
    for thick in range(3):
        page[steps, steps + thick + 20] = 0
    return Image.fromarray(page)


def file_of(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def black_on_clear(page: Image.Image) -> Image.Image:
    ink = page.point(lambda v: 255 - v)
    return Image.merge("LA", (Image.new("L", page.size, 0), ink))


PAGE = sketch()
COLOUR = PAGE.convert("RGB")
SAME: dict[str, bytes] = {
    "png": file_of(PAGE, "PNG"),
    "png one bit": file_of(PAGE.convert("1"), "PNG"),
    "png rgb": file_of(COLOUR, "PNG"),
    "png palette": file_of(COLOUR.quantize(4), "PNG"),
    "png 16 bit": file_of(Image.fromarray(np.asarray(PAGE, np.uint16) * 257), "PNG"),
    "png black on clear": file_of(black_on_clear(PAGE), "PNG"),
    "png clear, rgba": file_of(black_on_clear(PAGE).convert("RGBA"), "PNG"),
    "png inverted": file_of(PAGE.point(lambda v: 255 - v), "PNG"),
    "bmp": file_of(PAGE, "BMP"),
    "bmp one bit": file_of(PAGE.convert("1"), "BMP"),
    "gif": file_of(PAGE, "GIF"),
    "webp lossless": file_of(COLOUR, "WEBP", lossless=True),
    "webp clear": file_of(black_on_clear(PAGE).convert("RGBA"), "WEBP", lossless=True),
    "tiff": file_of(PAGE, "TIFF"),
    "tiff group 3": file_of(PAGE.convert("1"), "TIFF", compression="group3"),
    "tiff group 4": file_of(PAGE.convert("1"), "TIFF", compression="group4"),
    "tiff lzw": file_of(PAGE, "TIFF", compression="tiff_lzw"),
    "tiff packbits": file_of(PAGE, "TIFF", compression="packbits"),
    "tiff palette": file_of(COLOUR.quantize(4), "TIFF"),
    "tiff cmyk": file_of(COLOUR.convert("CMYK"), "TIFF"),
    "tiff 16 bit": file_of(Image.fromarray(np.asarray(PAGE, np.uint16) * 257), "TIFF"),
    "tiff 12 of 16 bit": file_of(Image.fromarray(np.asarray(PAGE, np.uint16) * 16), "TIFF"),
    "tiff float": file_of(Image.fromarray(np.asarray(PAGE, np.float32) / 255), "TIFF"),
}
NEARLY: dict[str, bytes] = {
    "jpeg": file_of(PAGE, "JPEG", quality=90),
    "jpeg rgb": file_of(COLOUR, "JPEG", quality=90),
    "jpeg progressive": file_of(PAGE, "JPEG", quality=90, progressive=True),
    "jpeg cmyk": file_of(COLOUR.convert("CMYK"), "JPEG", quality=90),
    "jpeg restarts": file_of(PAGE, "JPEG", quality=90, restart_marker_rows=2),
    "webp": file_of(COLOUR, "WEBP", quality=90),
    "tiff jpeg": file_of(PAGE, "TIFF", compression="jpeg"),
}


@pytest.mark.parametrize("name", SAME)
def test_lossless_formats_give_the_page(name: str) -> None:
    np.testing.assert_allclose(drawing.decode(SAME[name]), np.asarray(PAGE), atol=16)
    assert drawing.decode(SAME[name]).dtype == np.uint8


@pytest.mark.parametrize("name", NEARLY)
def test_lossy_formats_nearly_give_the_page(name: str) -> None:
    page = drawing.decode(NEARLY[name]).astype(int)
    assert page.shape == (180, 240)
    assert np.abs(page - np.asarray(PAGE)).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "mode"),
    [("group4", "1"), ("WEBP", "RGB"), ("WEBP", "RGBA")]
    + [("JPEG", mode) for mode in ("L", "RGB", "CMYK")]
    + [("PNG", mode) for mode in ("1", "L", "P", "LA", "RGB", "RGBA")]
    + [("TIFF", mode) for mode in ("L", "P", "LA", "RGB", "RGBA", "CMYK")],
)
def test_orientation_is_applied(orientation: int, kind: str, mode: str) -> None:
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = (PAGE.transpose(turn[orientation]) if orientation > 1 else PAGE).convert(mode)
    if kind in ("TIFF", "group4"):
        options = {"compression": "group4"} if kind == "group4" else {}
        data = file_of(stored, "TIFF", tiffinfo={274: orientation}, **options)
    else:
        exif = Image.Exif()
        exif[274] = orientation
        data = file_of(stored, kind, exif=exif)
    page = drawing.decode(data).astype(int)
    assert page.shape == (180, 240)
    assert np.abs(page - np.asarray(PAGE)).mean() < 8


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_does_not_matter(kind: str) -> None:
    for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"garbage"):
        assert drawing.decode(file_of(PAGE, kind, exif=exif)).shape == (180, 240)


def test_pages_of_a_tiff() -> None:
    other = PAGE.transpose(Image.Transpose.ROTATE_90)
    data = file_of(
        PAGE.convert("1"),
        "TIFF",
        compression="group4",
        save_all=True,
        append_images=[other.convert("1")],
    )
    assert drawing.pages(data) == 2
    np.testing.assert_array_equal(drawing.decode(data, 0), np.asarray(PAGE))
    np.testing.assert_array_equal(drawing.decode(data, page=1), np.asarray(other))
    with pytest.raises(DrawingError, match="no such page: page 3 of 2"):
        drawing.decode(data, page=2)
    with pytest.raises(DrawingError, match="no such page"):
        drawing.decode(data, page=-1)
    assert drawing.pages(SAME["png"]) == 1


def test_group4_in_many_strips_and_both_polarities() -> None:
    for photometric in (0, 1):
        data = file_of(
            PAGE.convert("1"),
            "TIFF",
            compression="group4",
            tiffinfo={278: 13, 262: photometric},
        )
        np.testing.assert_array_equal(drawing.decode(data), np.asarray(PAGE))


def test_path_bytes_and_string_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a drawing.png"
    path.write_bytes(SAME["png"])
    for source in (path, str(path), SAME["png"]):
        np.testing.assert_array_equal(drawing.decode(source), np.asarray(PAGE))


def reason(source: Path | bytes) -> str:
    with pytest.raises(DrawingError) as caught:
        drawing.read_drawing(source, 64)
    message = str(caught.value)
    assert "\n" not in message
    if isinstance(source, Path):
        assert str(source) in message or "blank" in message or "small" in message
    return caught.value.reason


def test_bad_files_have_reasons(tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("not a picture\n")
    empty = tmp_path / "empty.tif"
    empty.touch()
    assert reason(tmp_path / "absent.png") == "file not found"
    assert reason(tmp_path) == "not a file but a folder"
    assert reason(text) == "not an image"
    assert reason(empty) == "empty file"
    assert reason(b"") == "empty file"
    assert reason(b"RIFF\x00\x00\x00\x00WAVEfmt ") == "not an image"
    assert reason(file_of(Image.new("L", (300, 200), 255), "PNG")) == "blank page"
    assert reason(file_of(Image.new("1", (300, 200), 1), "TIFF")) == "blank page"
    assert reason(file_of(Image.new("L", (1, 1), 0), "PNG")) == "image too small"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "locked.png"
    path.write_bytes(SAME["png"])
    path.chmod(0)
    assert reason(path) == "file cannot be read"


@pytest.mark.parametrize("name", [*SAME, *NEARLY])
def test_truncated_files_are_refused(name: str) -> None:
    data = (SAME | NEARLY)[name]
    assert reason(data[: len(data) // 2]) == "damaged or truncated image"
    for share in (0.3, 0.7, 0.9, 0.97):
        try:
            page = drawing.decode(data[: int(len(data) * share)])
        except DrawingError:
            continue
        # Only what stands behind the pixels is gone.
        assert name.startswith("tiff")
        np.testing.assert_array_equal(page, drawing.decode(data))


def test_pixel_limit_comes_before_the_pixels() -> None:
    """A PNG that claims 10^10 pixels is refused by its header; there is nothing behind it."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 1, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(
        DrawingError, match=r"image over the pixel limit: 100000 × 100000"
    ) as caught:
        drawing.decode(bomb)
    assert f"{MAX_PIXELS:,}" in str(caught.value)


def test_box_cuts_a_figure_out() -> None:
    page = np.full((100, 200), 255, np.uint8)
    page[20:40, 30:50] = 0
    page[60:90, 120:180] = 0
    data = file_of(Image.fromarray(page), "PNG")
    alone = drawing.read_drawing(data, 32, box=(20, 10, 40, 40))
    np.testing.assert_array_equal(alone, drawing.normalise(page[10:50, 20:60], 32))
    # A box may reach over the page's edge, but not lie beside it.
    drawing.read_drawing(data, 32, box=(100, 50, 500, 500))
    with pytest.raises(DrawingError, match="figure box outside the page"):
        drawing.read_drawing(data, 32, box=(300, 0, 10, 10))


def photograph(page: Image.Image, *, dark: float, table: int | None) -> Image.Image:
    """A page under light that falls off to one side, with noise, perhaps on a table."""
    large = page.resize((page.width * 4, page.height * 4))
    pixels = np.asarray(large, np.float64).clip(25, 240)
    y, x = np.mgrid[0 : 1 : pixels.shape[0] * 1j, 0 : 1 : pixels.shape[1] * 1j]
    pixels *= dark + (0.95 - dark) * (0.7 * x + 0.3 * y)
    if table is not None:
        pixels = np.pad(pixels, 60, constant_values=table)
    pixels += np.random.default_rng(0).normal(0, 2, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("table", [None, 30])
@pytest.mark.parametrize("dark", [0.4, 0.7])
def test_photographs_look_like_the_page(dark: float, table: int | None) -> None:
    want = drawing.normalise(np.asarray(PAGE), 96).astype(int)
    image = photograph(PAGE, dark=dark, table=table)
    got = drawing.read_drawing(file_of(image, "JPEG", quality=90), 96).astype(int)
    assert np.abs(got - want).mean() < 6
    # What an even threshold would have made of it is far off.
    assert (want[0] == 255).all()
    assert (got[0] == 255).all()


def test_grey_paper_and_faint_ink() -> None:
    want = drawing.normalise(np.asarray(PAGE), 96).astype(int)
    for low, high in ((60, 200), (180, 255), (150, 230)):
        scan = PAGE.point(lambda v, low=low, high=high: low + v * (high - low) // 255)
        got = drawing.read_drawing(file_of(scan, "PNG"), 96).astype(int)
        assert np.abs(got - want).mean() < 6


def test_render_keeps_its_shading() -> None:
    """A shaded thing on an even ground is no page under uneven light."""
    y, x = np.mgrid[-1:1:300j, -1:1:400j]
    inside = x * x * 2 + y * y < 0.6
    shade = 60 + 120 * np.sqrt(np.clip(0.6 - x * x * 2 - y * y, 0, 1))
    render = np.stack([np.where(inside, shade * c, 243) for c in (1.0, 0.8, 0.5)], axis=-1)
    page = drawing.decode(file_of(Image.fromarray(render.astype(np.uint8)), "PNG"))
    assert (page[~inside] == 255).all()
    assert np.ptp(page[inside]) > 60
    assert page[inside].max() < 230


def test_real_formats_agree(shared: Path) -> None:
    stem = shared / "data" / "formats" / "USD0873711-20200128-D00000"
    png = drawing.read_drawing(stem.with_suffix(".png"), 224).astype(int)
    for suffix in (".jpg", ".tiff", ".pdf"):
        other = drawing.read_drawing(stem.with_suffix(suffix), 224).astype(int)
        assert np.abs(png - other).mean() < 3, suffix


def test_real_bad_files_are_refused(shared: Path) -> None:
    folder = shared / "data" / "formats"
    assert reason(folder / "corrupt.png") == "damaged or truncated image"
    assert reason(folder / "empty.png") == "blank page"


def test_real_grants_decode_as_libtiff_does(shared: Path) -> None:
    """The guard rows leave the picture as it is."""
    sheets = sorted((shared / "data" / "uspto-grants").glob("*/*.TIF"))[::40]
    assert sheets
    for sheet in sheets:
        with Image.open(sheet) as image:
            want = np.asarray(image.convert("L"))
        np.testing.assert_array_equal(drawing.decode(sheet), want)


def test_opencv_stays_out_of_reading_a_sheet(tmp_path: Path) -> None:
    """Its import would take a quarter of the time that a cold search may take."""
    path = tmp_path / "sheet.tif"
    path.write_bytes(SAME["tiff group 4"])
    code = (
        "import sys; from edgepatent_runtime import drawing;"
        f"drawing.read_drawing({str(path)!r}, 64); sys.exit('cv2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
