"""Image files of every kind → grey pages."""

import io
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops
from PIL.ImageFile import ImageFile

from edgepatent_runtime.drawing import tiff, webp
from edgepatent_runtime.drawing.flat import flat
from edgepatent_runtime.drawing.group4 import decode as decode_group4
from edgepatent_runtime.drawing.group4 import is_group4
from edgepatent_runtime.drawing.intact import (
    check_png,
    check_png_pixels,
    cut_jpeg,
    dimmed_jpeg,
    padded_jpeg,
)
from edgepatent_runtime.drawing.light import even_out, pixels_of, strips
from edgepatent_runtime.drawing.limits import MAX_BYTES, MAX_PIXELS
from edgepatent_runtime.errors import DrawingError

Page = npt.NDArray[np.uint8]

# Leading bytes → Pillow's plugin module and the class in it that reads such a file.
_READERS: list[tuple[bytes, str, str]] = [
    (b"II*\0", "TiffImagePlugin", "TiffImageFile"),
    (b"MM\0*", "TiffImagePlugin", "TiffImageFile"),
    (b"II+\0", "TiffImagePlugin", "TiffImageFile"),
    (b"MM\0+", "TiffImagePlugin", "TiffImageFile"),
    (b"\x89PNG\r\n\x1a\n", "PngImagePlugin", "PngImageFile"),
    (b"\xff\xd8\xff", "JpegImagePlugin", "JpegImageFile"),
    (b"GIF8", "GifImagePlugin", "GifImageFile"),
    (b"BM", "BmpImagePlugin", "BmpImageFile"),
    (b"RIFF", "WebPImagePlugin", "WebPImageFile"),
]
# The grey that libjpeg paints where data are missing.
_MISSING = 128
# How far beyond white and black the coarsest steps of a JPEG may reach.
_STEP = 16
# What Pillow calls a JPEG within a TIFF.
_TIFF_JPEG = ("jpeg", "tiff_jpeg")
_PDF = b"%PDF-"
_TIFF = tuple(magic for magic, module, _ in _READERS if module == "TiffImagePlugin")
_BINARY = getattr(os, "O_BINARY", 0)
_ORIENTATION = 0x0112
# What turns a picture upright, by its orientation; 1 is upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(source: Path | str | bytes, page: int = 0) -> Page:
    """One page of a file (or of its bytes) as a grey picture: uint8 [H, W], paper 255, ink 0.

    Reads PNG, JPEG, BMP, GIF, WebP, TIFF (page ``page``, from 0) and, with an extra each, PDF, HEIC
    and SVG. Colour becomes luminance, transparency white; EXIF orientation is applied; white on
    black is turned round; the uneven light of a photograph is evened out, and a sheet on a table
    laid flat.

    Raises `DrawingError`: missing, empty, unknown, damaged or truncated files, pages that are
    not there, and pictures of more than `MAX_PIXELS`, which are refused before they are decoded.
    """
    return decode_photograph(source, page)[0]


def decode_photograph(
    source: Path | str | bytes, page: int = 0, *, paper: bool = True
) -> tuple[Page, Page | None]:
    """What `decode` gives, and the photograph [H, W] in which a sheet lay that was laid flat.

    None for all that is no photograph of a sheet on a table; without ``paper`` none is looked for.
    """
    return _read(source, page, partial(even_out, paper=paper))


def decode_as_taken(source: Path | str | bytes, page: int = 0) -> Page:
    """A picture as `decode` reads it, [H, W], in the light in which it was taken.

    Raises `DrawingError` as `decode` does.
    """
    return _read(source, page, lambda image: (pixels_of(image), None))[0]


def _read(
    source: Path | str | bytes, page: int, made: Callable[[Image.Image], tuple[Page, Page | None]]
) -> tuple[Page, Page | None]:
    """What is ``made`` of a picture, mode "1" or "L", its light as it is; a page of a PDF as is."""
    with _open(source) as file:
        if _starts_with(file, _PDF):
            from edgepatent_runtime.drawing.pdf import read_pdf_page

            pdf = source if isinstance(source, bytes) else Path(source)
            return read_pdf_page(pdf, page), None
        other = _other_kind(file)
        if other is not None and not page:
            from edgepatent_runtime.drawing import foreign

            return made(foreign.read(_named(source), other))
        with _explained(source):
            if page:
                _require_tiff(file, page)
                file = tiff.begun_at(_named(source), file, page)
            return made(read_gray(file))


def _other_kind(file: IO[bytes]) -> str | None:
    """The kind of a picture that takes an extra to read; None for all others."""
    file.seek(0)
    start = file.read(16)
    file.seek(0)
    if start[4:8] != b"ftyp" and not start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return None
    from edgepatent_runtime.drawing import foreign

    start = file.read(foreign.HEAD)
    file.seek(0)
    return foreign.kind(start)


def read_gray(file: IO[bytes]) -> Image.Image:
    """The picture in an open image file, upright, mode "1" or "L", its light as it is.

    Of a TIFF it is the first page. Raises `DrawingError`, and whatever Pillow raises for a broken
    file.
    """
    if not _starts_with(file, *_TIFF):
        return _read_gray(file)
    with tiff.checked_codes():
        return _read_gray(file)


def _read_gray(file: IO[bytes]) -> Image.Image:
    image = _picture(file)
    _check_size(image)
    if is_group4(image):
        # Its guard rows prove that the page is whole; Pillow would turn it as it loads.
        return _turned(decode_group4(image, file), image.tag_v2.get(_ORIENTATION))
    if image.format == "PNG":
        check_png(_all(file))
    kind, mode, compression = image.format, image.mode, image.info.get("compression")
    gray = webp.read(image, _all(file)) if webp.is_large(image) else flat(_loaded(image))
    # Pillow turns a TIFF by itself as it loads.
    orientation = None if kind == "TIFF" else _orientation(image)
    # Its pixels take four times the memory of the grey ones.
    del image
    # What decoders leave behind, where they had to give up, is a last row of one value.
    low, high = _bottom(gray)
    if kind == "JPEG":
        _check_jpeg(gray, mode, low if low == high else None, _all(file))
    elif kind == "PNG" and low == high:
        check_png_pixels(_all(file))
    elif compression in _TIFF_JPEG and low == high == _MISSING:
        raise DrawingError("damaged or truncated image", "pixels of the JPEG are missing")
    return _turned(gray, orientation)


def content(path: Path) -> bytes:
    """The bytes of a file, for `decode`. Raises `DrawingError` where it would."""
    with _open(path) as file, _explained(path):
        return _all(file)


def pages(source: Path | str | bytes) -> int:
    """How many pages a TIFF or PDF holds; 1 for every other image. Raises `DrawingError`."""
    with _open(source) as file:
        if _starts_with(file, _PDF):
            from edgepatent_runtime.drawing.pdf import count_pdf_pages

            return count_pdf_pages(source if isinstance(source, bytes) else Path(source))
        with _explained(source):
            if _starts_with(file, *_TIFF):
                return tiff.count(_named(source), file)
            if _other_kind(file) is not None:
                return 1
            # The frames of a GIF are no pages.
            _picture(file)
            return 1


def _named(source: Path | str | bytes) -> Path | bytes:
    return source if isinstance(source, bytes) else Path(source)


# What Pillow's plugins raise on broken files; they share no base class.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    ZeroDivisionError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    AssertionError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def _open(source: Path | str | bytes) -> IO[bytes]:
    if isinstance(source, bytes):
        if not source:
            raise DrawingError("empty file")
        return io.BytesIO(source)
    path = Path(source)
    try:
        if path.is_dir():
            raise DrawingError("not a file but a folder", str(path))
        # A FIFO that nobody writes to would keep who opens it waiting for ever.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
        file = os.fdopen(number, "rb")
    except FileNotFoundError as error:
        raise DrawingError("file not found", str(path)) from error
    except (OSError, ValueError) as error:
        raise DrawingError("file cannot be read", f"{path} ({error})") from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        file.close()
        raise DrawingError("not a regular file", str(path))
    if not file.read(1):
        file.close()
        raise DrawingError("empty file", str(path))
    file.seek(0)
    return file


@contextmanager
def _explained(source: Path | str | bytes) -> Iterator[None]:
    """Turn what Pillow raises into a `DrawingError` that names the file."""
    name = "" if isinstance(source, bytes) else str(source)
    try:
        # Pillow warns of odd metadata; the pixels are what counts.
        with warnings.catch_warnings(action="ignore"):
            yield
    except DrawingError as error:
        details = (name, f"({error.detail})" if name and error.detail else error.detail)
        raise DrawingError(error.reason, " ".join(filter(None, details))) from error
    except MemoryError as error:
        raise DrawingError("image needs too much memory", name) from error
    except _BROKEN as error:
        details = (name, f"({error})" if name else str(error))
        raise DrawingError("damaged or truncated image", " ".join(details)) from error


def _starts_with(file: IO[bytes], *magic: bytes) -> bool:
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    return start.startswith(magic)


def _picture(file: IO[bytes]) -> ImageFile:
    """Open a picture: its header is read, its pixels are not."""
    start = file.read(16)
    file.seek(0)
    for magic, module, name in _READERS:
        if start.startswith(magic) and (magic != b"RIFF" or start[8:12] == b"WEBP"):
            reader = getattr(import_module(f"PIL.{module}"), name)
            image = reader(file)
            assert isinstance(image, ImageFile)
            return image
    raise DrawingError(
        "not an image", "read are PNG, JPEG, BMP, GIF, WebP, TIFF, PDF, HEIC and SVG"
    )


def _require_tiff(file: IO[bytes], page: int) -> None:
    if not _starts_with(file, *_TIFF):
        _picture(file)
        raise DrawingError("no such page", f"page {page + 1} of 1")


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise DrawingError(
            "image over the pixel limit", f"{width} × {height} is more than {MAX_PIXELS:,} pixels"
        )


def _orientation(image: Image.Image) -> object:
    # Damaged metadata do not make a damaged picture.
    with suppress(*_BROKEN):
        return image.getexif().get(_ORIENTATION)
    return None


def _turned(gray: Image.Image, orientation: object) -> Image.Image:
    """The picture upright: an orientation (EXIF 2.32, 4.6.4) says how it lies in the file."""
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return gray if turn is None else gray.transpose(turn)


def _check_strips(image: ImageFile) -> None:
    """Raise `DrawingError` for a TIFF that does not account for all of it: the rest stays black."""
    covered = 0
    for _, extents, *_ in image.tile:
        left, top, right, bottom = extents or (0, 0, *image.size)
        covered += (right - left) * (bottom - top)
    if covered < image.width * image.height:
        raise DrawingError("damaged or truncated image", "strips are missing")


def _check_jpeg(gray: Image.Image, mode: str, even: int | None, data: bytes) -> None:
    """Raise `DrawingError` where the decoder ran out of data, or went astray in them.

    Telling that takes more decodings, which most files are spared: it shows in a last row of one
    value, ``even``, but for files with restart marks and in CMYK.
    """
    padded = padded_jpeg(data)
    suspect = even is not None or mode == "CMYK" or b"\xff\xdd" in data
    if suspect and not _same(gray, padded):
        raise DrawingError("damaged or truncated image", "pixels of the JPEG are missing")
    if even is None or even == _MISSING:
        return
    if _same(gray, cut_jpeg(data)):
        raise DrawingError("damaged or truncated image", "the JPEG holds more than its pixels")
    dimmed, share = dimmed_jpeg(data)
    distance = abs(_bottom(_loaded(_picture(io.BytesIO(dimmed))))[0] - _MISSING)
    if distance > _MISSING * share + _STEP:
        raise DrawingError("damaged or truncated image", "brighter than white or darker than black")


def _bottom(image: Image.Image) -> tuple[int, int]:
    """The least and the greatest grey value in the last row."""
    row = np.asarray(flat(image.crop((0, image.height - 1, *image.size))))
    return int(row.min()), int(row.max())


def _same(gray: Image.Image, data: bytes) -> bool:
    image = _loaded(_picture(io.BytesIO(data)))
    return not any(
        ImageChops.difference(gray.crop(box), flat(image.crop(box))).getbbox()
        for box in strips(gray)
    )


def _all(file: IO[bytes]) -> bytes:
    file.seek(0)
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DrawingError("file over the size limit", f"more than {MAX_BYTES:,} bytes")
    return data


def _loaded(image: ImageFile) -> Image.Image:
    if image.format == "JPEG" and image.mode in ("RGB", "L"):
        image.draft("L", image.size)
    if image.format == "TIFF":
        _check_strips(image)
    # The first frame of a GIF may be smaller than its canvas, which is no paper.
    frame = image.tile[0].extents if image.format == "GIF" and image.tile else None
    image.load()
    return image.crop(frame) if frame else image
