"""Image files of every kind → grey pages."""

import io
import struct
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile

from edgepatent_runtime.drawing.intact import check_jpeg, check_png
from edgepatent_runtime.drawing.light import even_out
from edgepatent_runtime.errors import DrawingError

Page = npt.NDArray[np.uint8]

# An A3 sheet at 600 dpi has 70 million; Pillow itself warns above 89 million.
MAX_PIXELS = 80_000_000

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
_CHECKS: dict[str, Callable[[bytes], None]] = {
    "PngImagePlugin": check_png,
    "JpegImagePlugin": check_jpeg,
}
_PDF = b"%PDF-"


def decode(source: Path | str | bytes, page: int = 0) -> Page:
    """One page of a file (or of its bytes) as a grey picture: uint8 [H, W], paper 255, ink 0.

    Reads PNG, JPEG, BMP, GIF, WebP, TIFF (page ``page``, from 0) and, with the pdf extra, PDF.
    Colour becomes luminance, transparency white; EXIF orientation is applied; white on black is
    turned round; the uneven light of a photograph is evened out.

    Raises `DrawingError`: missing, empty, unknown, damaged or truncated files, pages that are
    not there, and pictures of more than `MAX_PIXELS`, which are refused before they are decoded.
    """
    with _open(source) as file:
        if _starts_with_pdf(file):
            from edgepatent_runtime.sources.pdf import read_pdf_page

            return read_pdf_page(source if isinstance(source, bytes) else Path(source), page)
        try:
            image = _picture(file)
            _turn_to(image, page)
            _check_size(image)
            check = _CHECKS.get(type(image).__module__.rpartition(".")[2])
            if check:
                file.seek(0)
                check(file.read())
            return even_out(_gray(image))
        except DrawingError as error:
            raise _named(error, source) from error
        except _BROKEN as error:
            raise _named(DrawingError("damaged or truncated image", str(error)), source) from error
        except MemoryError as error:
            raise _named(DrawingError("image needs too much memory"), source) from error


def pages(source: Path | str | bytes) -> int:
    """How many pages a TIFF or PDF holds; 1 for every other image. Raises `DrawingError`."""
    with _open(source) as file:
        if _starts_with_pdf(file):
            from edgepatent_runtime.sources.pdf import count_pdf_pages

            return count_pdf_pages(source if isinstance(source, bytes) else Path(source))
        try:
            image = _picture(file)
            # The frames of a GIF are no pages.
            return int(getattr(image, "n_frames", 1)) if _is_tiff(image) else 1
        except DrawingError as error:
            raise _named(error, source) from error
        except _BROKEN as error:
            raise _named(DrawingError("damaged or truncated image", str(error)), source) from error


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
        file = path.open("rb")
    except FileNotFoundError as error:
        raise DrawingError("file not found", str(path)) from error
    except (OSError, ValueError) as error:
        raise DrawingError("file cannot be read", f"{path} ({error})") from error
    if not file.read(1):
        file.close()
        raise DrawingError("empty file", str(path))
    file.seek(0)
    return file


def _named(error: DrawingError, source: Path | str | bytes) -> DrawingError:
    """The same error, naming the file."""
    if isinstance(source, bytes):
        return error
    detail = f"{source} ({error.detail})" if error.detail else str(source)
    return DrawingError(error.reason, detail)


def _starts_with_pdf(file: IO[bytes]) -> bool:
    start = file.read(len(_PDF))
    file.seek(0)
    return start == _PDF


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
    raise DrawingError("not an image")


def _is_tiff(image: Image.Image) -> bool:
    return image.format == "TIFF"


def _turn_to(image: Image.Image, page: int) -> None:
    if page == 0:
        return
    count = getattr(image, "n_frames", 1) if _is_tiff(image) else 1
    if not 0 <= page < count:
        raise DrawingError("no such page", f"page {page + 1} of {count}")
    image.seek(page)


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise DrawingError(
            "image over the pixel limit", f"{width} × {height} is more than {MAX_PIXELS:,} pixels"
        )


def _gray(image: Image.Image) -> Image.Image:
    """Decode a picture and lay it on white: mode "1" or "L", upright."""
    if image.format == "JPEG" and image.mode in ("RGB", "L"):
        image.draft("L", image.size)
    image.load()
    if not _is_tiff(image):
        # Pillow turns a TIFF by itself as it loads.
        image = ImageOps.exif_transpose(image)
    if image.mode in ("1", "L"):
        return image if "transparency" not in image.info else _on_white(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _on_white(image)
    if image.mode.startswith("I") or image.mode == "F":
        return _from_numbers(image)
    if image.mode == "LAB":
        return image.getchannel("L")
    if image.mode == "CMYK":
        image = image.convert("RGB")
    return image.convert("L")


def _on_white(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    page = Image.new("RGBA", image.size, "white")
    page.alpha_composite(image)
    return page.convert("L")


def _from_numbers(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float pixels scaled to 8 bits.

    Scanners store 10 or 12 bits in 16 as well, and floats have any range: the smallest power of
    two that holds the largest value is white; negative values and NaN are black.
    """
    values = np.asarray(image, np.float32)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    top = float(values.max(initial=0.0))
    if top <= 0:
        return Image.fromarray(np.zeros(values.shape, np.uint8))
    white = 2.0 ** np.ceil(np.log2(top)) if top > 1 else 1.0
    white = white - 1 if white > 1 and top <= white - 1 else white
    return Image.fromarray((values.clip(0) * (255 / white) + 0.5).clip(0, 255).astype(np.uint8))
