"""Large WebP pictures, in the memory that others take.

Pillow keeps four copies of four bytes a pixel while it decodes, OpenCV two of three or four: for
most pictures nobody notices, and OpenCV would have to be imported. What takes more even there is
refused.
"""

import struct

import numpy as np
from PIL import Image

from edgepatent_runtime.drawing.flat import in_strips
from edgepatent_runtime.errors import DrawingError

# From so many pixels on Pillow would take more than 320 MB.
_LARGE = 14_000_000
# So many pixels OpenCV decodes in 320 MB: without alpha, lossy and still, and all others.
_MOST_PLAIN, _MOST = 64_000_000, 30_000_000
_CHUNK = struct.Struct("<4sI")


def is_large(image: Image.Image) -> bool:
    """Whether a picture that is not loaded yet is one for `read`."""
    return image.format == "WEBP" and image.width * image.height > _LARGE


def read(image: Image.Image, data: bytes) -> Image.Image:
    """The picture in the file ``data``, of which ``image`` is the header: mode "L", on white.

    Of an animation it is the first frame. Raises `DrawingError` for a damaged file, and for one
    that would take too much memory.
    """
    kinds = _chunks(data)
    plain = image.mode == "RGB" and b"VP8L" not in kinds and b"ANIM" not in kinds
    if image.width * image.height > (_MOST_PLAIN if plain else _MOST):
        raise DrawingError(
            "image needs too much memory",
            f"a WebP of {image.width} × {image.height} pixels: save it as PNG or TIFF",
        )
    import cv2

    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION if plain else cv2.IMREAD_UNCHANGED
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if pixels is None or pixels.shape[:2] != (image.height, image.width):
        raise DrawingError("damaged or truncated image", "pixels of the WebP are missing")
    if pixels.ndim == 2:
        return Image.fromarray(pixels)
    order = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return in_strips(
        image.size, lambda box: Image.fromarray(cv2.cvtColor(pixels[box[1] : box[3]], order))
    )


def _chunks(data: bytes) -> set[bytes]:
    """The kinds of all chunks of a WebP file (RFC 9649, section 2.3)."""
    kinds = set()
    at = 12
    while at + _CHUNK.size <= len(data):
        kind, size = _CHUNK.unpack_from(data, at)
        kinds.add(kind)
        at += _CHUNK.size + size + size % 2
    return kinds
