"""Whether a compressed file is whole: decoders hand back half a picture without a word."""

import random
import re
import struct
import zlib
from collections.abc import Iterator

from edgepatent_runtime.errors import DrawingError

_EARLY = "damaged or truncated image"

# Channels by the colour type of a PNG, and its seven passes: first column and row, steps.
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)

_PIECE = 1 << 16
# What ends a stretch of coded pixels: any marker but a stuffed or a repeated 0xFF.
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_RESTART = range(0xD0, 0xD8)
_END_OF_IMAGE = 0xD9
_START_OF_SCAN = 0xDA
_STEPS = 0xDB
# Bytes that no decoder takes for a marker; enough to draw several blocks of any quality.
_PADDING = bytes(random.Random(1).choices(range(1, 255), k=2048))


def check_png(data: bytes) -> None:
    """Walk the chunks of a PNG. Raises `DrawingError` for a wrong checksum or a missing end."""
    for _ in _png_chunks(data):
        pass


def check_png_pixels(data: bytes) -> None:
    """Count the pixels' bytes. Raises `DrawingError` for fewer than the header speaks of.

    May raise zlib.error.
    """
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    bits = depth * _CHANNELS.get(colour, 1)
    want = 0
    for left, top, right, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        # Every row has a byte more, for its filter.
        want += rows * (1 + -(-columns * bits // 8)) if columns > 0 and rows > 0 else 0
    unpack = zlib.decompressobj()
    for kind, body in _png_chunks(data):
        # In small pieces: zlib copies what it has not come to yet.
        for start in range(0, len(body) if kind == b"IDAT" else 0, _PIECE):
            rest: bytes | memoryview = body[start : start + _PIECE]
            while rest and want > 0:
                want -= len(unpack.decompress(rest, 1 << 20))
                rest = unpack.unconsumed_tail
    if want - len(unpack.flush()) > 0:
        raise DrawingError(_EARLY, "rows of the PNG are missing")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and body of every chunk, to IEND or where the file ends."""
    at = 8
    kind = b""
    view = memoryview(data)
    while at + 12 <= len(data) and kind != b"IEND":
        (length,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(view[at + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise DrawingError(_EARLY, "a PNG checksum is wrong")
        yield kind, view[at + 8 : end]
        at = end + 4
    if kind != b"IEND":
        raise DrawingError(_EARLY, "the PNG ends early")


def cut_jpeg(data: bytes) -> bytes:
    """The same JPEG without the last 16 bytes of its first scan, which holds all brightness.

    A whole picture must change by that. Where a damaged code made the decoder arrive early, with
    data left over, it does not.
    """
    ends = _ends_of_pixels(data)
    end = next(end for end in ends if data[end + 1] not in _RESTART)
    return data[: end - 16] + data[end:]


def dimmed_jpeg(data: bytes) -> tuple[bytes, float]:
    """The same JPEG with about half the contrast around the middle grey, and the exact share.

    It shows what lies beyond white and black. No encoder goes there; a decoder does, from a
    damaged code on. The share is 1 where the file's steps are too fine to be halved.
    """
    dimmed = bytearray(data)
    share = 0.0
    at = 2
    # Segments in front of the pixels, the tables of steps (DQT) among them.
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _START_OF_SCAN:
        end = at + 2 + int(struct.unpack_from(">H", data, at + 2)[0])
        table = at + 4
        while data[at + 1] == _STEPS and table + 65 <= min(end, len(data)) and data[table] < 16:
            for step in range(table + 1, table + 65):
                dimmed[step] = max(data[step] // 2, 1)
            share = max(share, dimmed[table + 1] / max(data[table + 1], 1))
            table += 65
        at = end
    return bytes(dimmed), share or 1.0


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
