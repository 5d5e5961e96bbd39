"""Small pictures of the drawings, in a file of their own that may be lost.

Each is a CRC-32 (4 bytes) and a PNG; the catalog says where. A device that has only the index can
show its hits with them.
"""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import numpy.typing as npt

from edgepatent_runtime import faults

SIDE = 128


def make(drawing: npt.NDArray[np.uint8]) -> bytes:
    """A PNG of at most 128 pixels a side, 16 greys, from a drawing [S, S]."""
    side = min(SIDE, len(drawing))
    small = cv2.resize(drawing, (side, side), interpolation=cv2.INTER_AREA)
    # Sixteen greys look the same at this size and compress to half.
    small = (small // 17 * 17).astype(np.uint8)
    return cv2.imencode(".png", small, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()


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
