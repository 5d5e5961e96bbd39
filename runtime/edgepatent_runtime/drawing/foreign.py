"""Pictures that take an extra to read: HEIC (telephones) and SVG (drawing programs).

Both are read in a worker, with limits of memory and time: their decoders are large.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

import numpy as np
import numpy.typing as npt
from PIL import Image

from edgepatent_runtime.drawing.flat import Box, flat, in_strips
from edgepatent_runtime.drawing.limits import MAX_BYTES, MAX_PIXELS
from edgepatent_runtime.errors import DrawingError, EdgepatentError, MissingExtraError
from edgepatent_runtime.unusable import unusable
from edgepatent_runtime.workers.pool import call
from edgepatent_runtime.workers.worker import WorkerError

Page = npt.NDArray[np.uint8]

# The longest side, in pixels, that an SVG is drawn at: a sheet at 200 dpi.
SIDE = 2200
# Leading bytes that are looked through.
HEAD = 4096
# So many pixels with transparency libheif decodes in 320 MB.
_MOST_CLEAR = 40_000_000
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


class _Kind(NamedTuple):
    name: str
    package: str
    extra: str
    read: Callable[[bytes], Page]


def kind(start: bytes) -> str | None:
    """ "HEIC" or "SVG" by the leading bytes of a file; None for all others."""
    if start[4:8] == b"ftyp" and start[8:12] in _BRANDS:
        return "HEIC"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    begins = text.startswith((b"<?xml", b"<!--", b"<!DOCTYPE svg", b"<svg"))
    return "SVG" if begins and b"<svg" in text else None


def read(source: Path | bytes, name: str) -> Image.Image:
    """The picture of a file of kind ``name``, grey on white, upright.

    Raises `MissingExtraError` without what reads it, `DrawingError` for what cannot be read.
    """
    chosen = _KINDS[name]
    try:
        __import__(chosen.package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"reading {name}", chosen.extra) from error
    said = name if isinstance(source, bytes) else str(source)
    try:
        return Image.fromarray(call(partial(_read, name), source))
    except WorkerError as error:
        detail = f"{said} ({error.detail})" if error.detail else said
        raise DrawingError(error.reason, detail) from error
    except EdgepatentError:
        raise
    except Exception as error:
        raise unusable(error, said) from error


def _read(name: str, source: Path | bytes) -> Page:
    if isinstance(source, Path):
        with source.open("rb") as file:
            source = file.read(MAX_BYTES + 1)
    if len(source) > MAX_BYTES:
        raise DrawingError("file over the size limit", f"more than {MAX_BYTES:,} bytes")
    return _KINDS[name].read(source)


def _heic(data: bytes) -> Page:
    # What was decoded is let go of before the grey picture is copied.
    return np.asarray(_heic_picture(data))


def _heic_picture(data: bytes) -> Image.Image:
    import pillow_heif

    try:
        found = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
        width, height = found.size
        if width * height > MAX_PIXELS:
            raise DrawingError("image over the pixel limit", f"{width} × {height} pixels")
        if "A" in found.mode.upper() and width * height > _MOST_CLEAR:
            raise DrawingError(
                "image needs too much memory",
                f"a HEIC with transparency of {width} × {height} pixels: save it as PNG or TIFF",
            )
        pixels = memoryview(found.data)
        stride = found.stride

        def part(box: Box) -> Image.Image:
            rows = pixels[box[1] * stride : box[3] * stride]
            size = box[2], box[3] - box[1]
            return Image.frombytes(found.mode, size, rows, "raw", found.mode, stride)

        # The library turns the picture as it was held.
        return in_strips(found.size, part)
    except (ValueError, RuntimeError, EOFError, SyntaxError) as error:
        raise DrawingError("damaged or truncated image", str(error)) from error


def _svg(data: bytes) -> Page:
    import io

    import resvg_py
    from PIL.PngImagePlugin import PngImageFile

    width, height = _svg_size(data)
    wide = width >= height
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=data.decode("utf-8-sig"),
            width=SIDE if wide else None,
            height=None if wide else SIDE,
            dpi=96,
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise DrawingError("damaged or truncated image", str(error)) from error
    image = PngImageFile(io.BytesIO(bytes(png)))
    if image.width * image.height > MAX_PIXELS:
        raise DrawingError("image over the pixel limit", f"{image.width} × {image.height} pixels")
    return np.asarray(flat(image))


def _svg_size(data: bytes) -> tuple[float, float]:
    """Width and height that an SVG gives itself, whatever the unit.

    Raises `DrawingError` for what is no XML, and for what would read other files: what people send
    each other shows what is in it and nothing else.
    """
    sizes: list[tuple[float, float]] = []

    def begin(name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        if not sizes:
            sizes.append(_root_size(attributes))
        for key, value in attributes.items():
            inside = value.strip().startswith(("#", "data:"))
            if tag != "a" and key.rpartition(":")[2] == "href" and not inside:
                raise DrawingError("SVG that refers to other files", value[:80])

    def entity(*declared: object) -> None:
        raise DrawingError("SVG with entities", str(declared[0])[:80])

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DrawingError("damaged or truncated image", str(error)) from error
    return sizes[0]


def _root_size(attributes: dict[str, str]) -> tuple[float, float]:
    texts = attributes.get("viewBox", "").replace(",", " ").split()[2:4]
    if len(texts) < 2:
        texts = [attributes.get(name, "").rstrip("pxtcmin%") for name in ("width", "height")]
    try:
        width, height = (float(text) for text in texts)
    except ValueError:
        return 1.0, 1.0
    return (width, height) if width > 0 and height > 0 else (1.0, 1.0)


_KINDS = {
    "HEIC": _Kind("HEIC", "pillow_heif", "heif", _heic),
    "SVG": _Kind("SVG", "resvg_py", "svg", _svg),
}
