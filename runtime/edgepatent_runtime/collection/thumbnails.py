"""Small pictures of the drawings, in a file of their own that may be lost.

Each is a CRC-32 (4 bytes) and a PNG; the catalog says where. A device that has only the index can
show its hits with them.
"""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from edgepatent_runtime import faults

SIDE = 128


def make(drawing: npt.NDArray[np.uint8]) -> bytes:
    """A PNG of at most 128 pixels a side, 16 greys, from a drawing [S, S].

    Sixteen greys look the same at this size and compress to half. OpenCV would write them with
    eight bits each: a fifth larger, and 35 MB of libraries for that alone.
    """
    # Only here: who searches by words reads no drawing.
    from edgepatent_runtime.drawing import averaged

    return _png(averaged(drawing, min(SIDE, len(drawing))) // np.uint8(17))


def _png(greys: npt.NDArray[np.uint8]) -> bytes:
    """A PNG of greys [H, W] from 0 to 15, four bits each (ISO/IEC 15948, 7.2 and 11.2.1)."""
    height, width = greys.shape
    # Each row begins with the number of its filter: none, which suits drawings.
    rows = np.zeros((height, 1 + (width + 1) // 2), np.uint8)
    rows[:, 1:] = greys[:, ::2] << 4
    rows[:, 1 : 1 + width // 2] |= greys[:, 1::2]
    header = struct.pack(">2I5B", width, height, 4, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def file_name(vectors: str) -> str:
    """The name of the file of thumbnails that belongs to a file of rows."""
    return vectors.replace("vectors", "thumbnails").replace(".rows", ".bin")


def append(path: Path, pictures: Sequence[bytes | None]) -> list[tuple[int, int] | None]:
    """Write pictures at the end of ``path``; where each lies (offset, size). Not synced."""
    if not any(pictures):
        return [None] * len(pictures)
    places: list[tuple[int, int] | None] = []
    with path.open("ab") as file:
        offset = file.tell()
        for picture in pictures:
            if not picture:
                places.append(None)
                continue
            file.write(struct.pack("<I", zlib.crc32(picture)) + picture)
            places.append((offset, len(picture) + 4))
            offset += len(picture) + 4
    faults.point("thumbnails.written")
    return places


def read(path: Path, place: tuple[int, int]) -> bytes | None:
    """The PNG at ``place``; None where it was lost."""
    return read_all(path, [place])[0]


def read_all(path: Path, places: Sequence[tuple[int, int]]) -> list[bytes | None]:
    """The PNGs at ``places``; None for each that was lost."""
    try:
        with path.open("rb") as file:
            return [_read(file, place) for place in places]
    except OSError:
        return [None] * len(places)


def _read(file: BinaryIO, place: tuple[int, int]) -> bytes | None:
    file.seek(place[0])
    data = file.read(place[1])
    if len(data) < 4 or struct.unpack_from("<I", data)[0] != zlib.crc32(data[4:]):
        return None
    return data[4:]
