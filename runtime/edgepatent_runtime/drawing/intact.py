"""Whether a compressed file is whole: decoders hand back half a picture without a word."""

import struct
import zlib

from edgepatent_runtime.errors import DrawingError


def check_png(data: bytes) -> None:
    """Walk the chunks of a PNG. Raises `DrawingError` for a wrong checksum or a missing end."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        end = at + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(data[at + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise DrawingError("damaged or truncated image", "a PNG checksum is wrong")
        if kind == b"IEND":
            return
        at = end + 4
    raise DrawingError("damaged or truncated image", "the PNG ends early")


def check_jpeg(data: bytes) -> None:
    """Look for the end of a JPEG. Raises `DrawingError` where it is missing."""
    # Cameras append previews and padding after the end marker.
    if b"\xff\xd9" not in data[-4096:] and b"\xff\xd9" not in data:
        raise DrawingError("damaged or truncated image", "the JPEG ends early")
