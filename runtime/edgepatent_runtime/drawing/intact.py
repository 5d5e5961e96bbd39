"""Whether a compressed file is whole: decoders hand back half a picture without a word."""

import random
import re
import struct
import zlib
from collections.abc import Iterator

from edgepatent_runtime.errors import DrawingError

_EARLY = "damaged or truncated image"

# What ends a stretch of coded pixels: any marker but a stuffed or a repeated 0xFF.
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_RESTART = range(0xD0, 0xD8)
_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA
# Bytes that no decoder takes for a marker; enough to draw several blocks of any quality.
_PADDING = bytes(random.Random(1).choices(range(1, 255), k=2048))


def check_png(data: bytes) -> None:
    """Walk the chunks of a PNG. Raises `DrawingError` for a wrong checksum or a missing end."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(data[at + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise DrawingError(_EARLY, "a PNG checksum is wrong")
        if data[at + 4 : at + 8] == b"IEND":
            return
        at = end + 4
    raise DrawingError(_EARLY, "the PNG ends early")


def cut_jpeg(data: bytes) -> bytes:
    """The same JPEG without the last 16 bytes of its first scan, which holds all brightness.

    A whole picture must change by that. Where a damaged code made the decoder arrive early, with
    data left over, it does not.
    """
    ends = _ends_of_pixels(data)
    end = next(end for end in ends if data[end + 1] not in _RESTART)
    return data[: end - 16] + data[end:]


def padded_jpeg(data: bytes) -> bytes:
    """The same JPEG with noise behind every stretch of coded pixels.

    A decoder that has all of its pixels skips the noise. One that ran out of data, and would have
    made the rest an even grey without a word, draws it: the two pictures differ. Raises
    `DrawingError` where the file has no end.
    """
    parts = []
    before = 0
    for end in _ends_of_pixels(data):
        parts += [data[before:end], _PADDING]
        before = end
    return b"".join((*parts, data[before:]))


def _ends_of_pixels(data: bytes) -> Iterator[int]:
    """Where a marker follows coded pixels (ITU-T Recommendation T.81, annex B)."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _END_OF_IMAGE:
            return
        at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
        if marker != _START_OF_SCAN:
            continue
        while True:
            match = _MARKER.search(data, at)
            if match is None:
                raise DrawingError(_EARLY, "the JPEG ends early")
            yield match.start()
            at = match.start()
            marker = data[at + 1]
            if marker not in _RESTART:
                break
            at += 2
        if marker == _END_OF_IMAGE:
            return
    raise DrawingError(_EARLY, "the JPEG ends early")
