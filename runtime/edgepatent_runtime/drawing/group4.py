"""Group-4 fax pages, decoded with a proof that nothing is missing.

libtiff stops at the first end mark or at the end of the data, reports success and leaves the rest
of the page white. So a guard row is put behind the data of every strip, and the page is whole
exactly when it comes out where it belongs. The row is coded in horizontal mode only, which does
not depend on the row before it (ITU-T Recommendation T.6, section 2.2).
"""

import io
import struct
from typing import IO, TypeGuard

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from edgepatent_runtime.errors import DrawingError

Bits = npt.NDArray[np.uint8]

_END = np.array([int(bit) for bit in "000000000001" * 2], np.uint8)
# Horizontal mode, then a run of white and a run of black.
_WHITE_64_BLACK_1 = "001" + "11011" + "00110101" + "010"
_BLACK = {1: "001" + "00110101" + "010", 2: "001" + "00110101" + "11", 3: "001" + "00110101" + "10"}
# The end mark lies this many bytes before the end of a strip at most.
_TAIL = 64


def is_group4(image: Image.Image) -> TypeGuard[TiffImageFile]:
    """Whether a page of a TIFF is one bit a pixel, in strips, coded as group 4."""
    return (
        isinstance(image, TiffImageFile)
        and image.mode == "1"
        and image.tag_v2.get(259) == 4
        and 273 in image.tag_v2
        and image.tag_v2.get(277, 1) == 1
    )


def decode(image: TiffImageFile, file: IO[bytes]) -> Image.Image:
    """The picture (mode "1") of a group-4 page that is not loaded yet.

    Raises `DrawingError` where a strip does not hold all of its rows.
    """
    tags = image.tag_v2
    # As stored: the size that Pillow tells is that of the turned page.
    width, height = int(tags[256]), int(tags[257])
    strips = [_read(file, *at) for at in zip(tags[273], tags[279], strict=True)]
    if tags.get(266, 1) == 2:
        strips = [np.packbits(np.unpackbits(strip, bitorder="little")) for strip in strips]
    rows = min(int(tags.get(278, height)), height)
    if len(strips) != -(-height // max(rows, 1)):
        raise DrawingError("damaged or truncated image", "strips are missing")
    # Two guards in turn: rows that libtiff does not write keep what the strip before had there.
    guards = [_guard(width, first) for first in (0, 1)]
    codes = [guards[n % 2][0] for n in range(len(strips))]
    want = np.stack([guards[n % 2][1] for n in range(len(strips))])
    for ends in _ends(strips):
        parts = [_guarded(*strip) for strip in zip(strips, ends, codes, strict=True)]
        page = _tiff(parts, width, height + len(parts), rows + 1, int(tags.get(262, 0)))
        whole = TiffImageFile(io.BytesIO(page))
        at = [min(n * (rows + 1) + rows, height + len(parts) - 1) for n in range(len(parts))]
        seen = np.concatenate([np.asarray(whole.crop((0, row, width, row + 1))) for row in at])
        if (seen == (want ^ (tags.get(262, 0) == 0))).all():
            # Every strip moves up over the guards before it: no second page is needed for that.
            for n, row in enumerate(at[1:], 1):
                strip = whole.crop((0, at[n - 1] + 1, width, row))
                whole.paste(strip, (0, n * rows))
            return whole.crop((0, 0, width, height))
    raise DrawingError("damaged or truncated image", "rows of the fax are missing")


def _read(file: IO[bytes], offset: int, length: int) -> Bits:
    file.seek(offset)
    data = file.read(length)
    if len(data) < length:
        raise DrawingError("damaged or truncated image", "the TIFF ends early")
    return np.frombuffer(data, np.uint8)


def _ends(strips: list[Bits]) -> list[list[int]]:
    """Where the rows of every strip may end, in bits: before the end mark.

    Some encoders leave the mark out; then the rows end somewhere among the last zero bits.
    """
    ends: list[int] = []
    for strip in strips:
        tail = np.unpackbits(strip[-_TAIL:])
        before = 8 * max(len(strip) - _TAIL, 0)
        windows = np.lib.stride_tricks.sliding_window_view(tail, len(_END))
        found = np.flatnonzero((windows == _END).all(axis=1))
        if not len(found):
            ends = []
            break
        ends.append(before + int(found[-1]))
    if ends:
        return [ends]
    return [[8 * len(strip) - zeros for strip in strips] for zeros in range(8)]


def _guarded(strip: Bits, end: int, guard: Bits) -> bytes:
    """The strip's bits up to ``end``, the guard row, an end mark."""
    whole = end // 8
    bits = np.concatenate((np.unpackbits(strip[whole : whole + 1])[: end % 8], guard, _END))
    return strip[:whole].tobytes() + np.packbits(bits).tobytes()


def _guard(width: int, first: int) -> tuple[Bits, npt.NDArray[np.bool_]]:
    """The code of a guard row that begins with ``first`` black pixels; True where it is black."""
    dashes, rest = divmod(width - first, 65)
    code = _BLACK[1] * first + _WHITE_64_BLACK_1 * dashes + _BLACK[3] * (rest // 3)
    if rest % 3:
        code += _BLACK[rest % 3]
    row = np.zeros(width, np.bool_)
    row[:first] = True
    row[first + 64 : first + 65 * dashes : 65] = True
    row[first + 65 * dashes :] = True
    return np.array([int(bit) for bit in code], np.uint8), row


def _tiff(strips: list[bytes], width: int, height: int, rows: int, photometric: int) -> bytes:
    """A TIFF file of group-4 strips."""
    count = len(strips)
    offsets = np.cumsum([8, *map(len, strips)])
    arrays = int(offsets[-1])
    directory = arrays + 8 * count
    lengths = [len(strip) for strip in strips]
    # With one strip the values stand in the directory itself.
    first = (int(offsets[0]), lengths[0]) if count == 1 else (arrays, arrays + 4 * count)
    entries = (
        (256, 1, width),
        (257, 1, height),
        (258, 1, 1),
        (259, 1, 4),
        (262, 1, photometric),
        (273, count, first[0]),
        (277, 1, 1),
        (278, 1, rows),
        (279, count, first[1]),
    )
    return b"".join(
        (
            struct.pack("<2sHI", b"II", 42, directory),
            *strips,
            struct.pack(f"<{2 * count}I", *map(int, offsets[:-1]), *lengths),
            struct.pack("<H", len(entries)),
            *(struct.pack("<HHII", tag, 4, number, value) for tag, number, value in entries),
            struct.pack("<I", 0),
        )
    )
