"""Unit vectors as memory-mapped int8 rows, each with its own scale and checksum.

A file is a header of 64 bytes and then rows of D + 8 bytes: D codes (int8), the scale (float32)
and a CRC-32 of row number, codes and scale, so that a flipped bit and a row in the wrong place
are both found. Rows are only ever appended; how many of them exist is the catalog's to say.
"""

import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from edgepatent_runtime import faults
from edgepatent_runtime.collection import pages
from edgepatent_runtime.errors import CollectionError

HEADER = 64
_MAGIC = b"EPROWS1\0"
_HEAD = struct.Struct("<8sI")

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


def row_type(dimensions: int) -> np.dtype[np.void]:
    """The layout of one row on disk."""
    return np.dtype([("codes", "i1", (dimensions,)), ("scale", "<f4"), ("crc", "<u4")])


def quantise(vectors: Floats) -> npt.NDArray[np.void]:
    """Round vectors [N, D] to rows of int8 codes; checksums are left 0.

    Each row is stretched so that its largest component is ±127. The scale is ‖x‖ / ‖codes‖: it
    makes the stored vector as long as the one given, so that scores stay cosines. Raises
    `CollectionError` where a component is no number: embeddings are looked at as they come from the
    model, but some builds of numpy have failed to multiply them (under emulation).
    """
    if not np.isfinite(vectors).all():
        raise CollectionError(
            f"numpy {np.__version__} does not multiply rightly on this machine, so nothing was "
            "stored: install another version of it, and ask edgepatent doctor"
        )
    rows = np.zeros(len(vectors), row_type(vectors.shape[1]))
    peak = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    codes = np.rint(vectors * np.divide(127, peak, out=np.zeros_like(peak), where=peak > 0))
    rows["codes"] = codes
    length = np.linalg.norm(codes, axis=1)
    np.divide(np.linalg.norm(vectors, axis=1), length, out=rows["scale"], where=length > 0)
    return rows


def checksums(rows: npt.NDArray[np.void], numbers: Rows) -> npt.NDArray[np.uint32]:
    """CRC-32 of rows [N] stored as rows ``numbers`` [N]."""
    size = rows.dtype.itemsize
    raw = memoryview(rows.tobytes())
    crc32 = zlib.crc32
    return np.fromiter(
        (
            crc32(raw[at : at + size - 4], number)
            for at, number in zip(range(0, len(raw), size), numbers.tolist(), strict=True)
        ),
        np.uint32,
        len(rows),
    )


def create(path: Path, dimensions: int) -> None:
    """Start an empty file of rows and sync it. Raises `FileExistsError`, `OSError`."""
    with path.open("xb") as file:
        file.write(_HEAD.pack(_MAGIC, dimensions).ljust(HEADER, b"\0"))
        file.flush()
        faults.point("vectors.created")
        os.fsync(file.fileno())


def append(path: Path, rows: npt.NDArray[np.void], start: int) -> None:
    """Write ``rows`` as rows ``start``… and sync them; sets their checksums.

    What lay there was never committed. Raises `OSError` where the disk is full.
    """
    rows["crc"] = checksums(rows, np.arange(start, start + len(rows), dtype=np.int64))
    with path.open("r+b") as file:
        file.seek(HEADER + start * rows.dtype.itemsize)
        file.write(rows.tobytes())
        file.flush()
        faults.point("vectors.written")
        os.fsync(file.fileno())
    faults.point("vectors.synced")


# Less than one row in so many is few, and they lie far apart.
_FAR = 16


class Vectors:
    """Rows of a file, mapped for reading."""

    def __init__(self, path: Path, rows: npt.NDArray[np.void]) -> None:
        self.path = path
        self.rows = rows

    @classmethod
    def open(cls, path: Path, dimensions: int, count: int) -> "Vectors":
        """Map the first ``count`` rows.

        Raises `CollectionError` where the file is missing, too short or not one of ours.
        """
        kind = row_type(dimensions)
        try:
            with path.open("rb") as file:
                head = file.read(HEADER)
                size = os.fstat(file.fileno()).st_size
                whole = HEADER + count * kind.itemsize
                # The file that was opened, not its name: a writer may unlink that meanwhile.
                rows = _map(file, kind, count) if size >= whole else None
        except OSError as error:
            raise CollectionError(
                f"{path} is missing ({error.strerror}): run edgepatent index verify --repair"
            ) from error
        if len(head) < HEADER or _HEAD.unpack_from(head) != (_MAGIC, dimensions):
            raise CollectionError(
                f"{path} is damaged (its header is not one of {dimensions} dimensions): "
                "run edgepatent index verify --repair"
            )
        if rows is None:
            raise CollectionError(
                f"{path} is truncated ({size} bytes instead of {whole}): "
                "run edgepatent index verify --repair"
            )
        return cls(path, rows)

    @classmethod
    def salvage(cls, path: Path, dimensions: int, count: int) -> "Vectors":
        """Map as many whole rows, up to ``count``, as a damaged file still holds; maybe none."""
        kind = row_type(dimensions)
        size = path.stat().st_size if path.is_file() else 0
        return cls(path, _map(path, kind, max(0, min(count, (size - HEADER) // kind.itemsize))))

    @property
    def count(self) -> int:
        """How many rows are mapped."""
        return len(self.rows)

    @property
    def dimensions(self) -> int:
        """D."""
        return int(self.rows.dtype["codes"].shape[0])

    def read(self, numbers: Rows) -> Floats:
        """The vectors [N, D] stored as rows ``numbers`` [N]."""
        rows = self._rows(numbers)
        vectors: Floats = rows["codes"].astype(np.float32)
        vectors *= rows["scale"][:, None]
        return vectors

    def _rows(self, numbers: Rows) -> npt.NDArray[np.void]:
        """A copy of the rows ``numbers`` [N]; pages of rows that lie far apart are given back."""
        if len(numbers) * _FAR > self.count:
            return self.rows[numbers]
        out = np.empty(len(numbers), self.rows.dtype)
        for start in range(0, len(numbers), pages.FEW):
            out[start : start + pages.FEW] = self.rows[numbers[start : start + pages.FEW]]
            pages.give_back(self.rows)
        return out

    def scores(self, queries: Floats, numbers: Rows | None = None) -> Floats:
        """Inner products [V, N] of ``queries`` [V, D] with rows ``numbers`` [N], or with all.

        In blocks that stay in the processor's cache: int8 becomes float32 on the way.
        """
        count = self.count if numbers is None else len(numbers)
        out = np.empty((len(queries), count), np.float32)
        for start in range(0, count, 8192):
            stop = min(start + 8192, count)
            rows = self.rows[start:stop] if numbers is None else self._rows(numbers[start:stop])
            np.matmul(queries, rows["codes"].astype(np.float32).T, out=out[:, start:stop])
            out[:, start:stop] *= rows["scale"]
        # A scale that is no number is damage: such a row comes first, so that it is reported.
        return out if np.isfinite(out).all() else np.nan_to_num(out, copy=False, nan=np.inf)

    def damaged(self, numbers: Rows) -> Rows:
        """Which of ``numbers`` [N] have a checksum that does not match."""
        rows = self._rows(numbers)
        wrong: npt.NDArray[np.bool_] = checksums(rows, numbers) != rows["crc"]
        return numbers[wrong]

    def require(self, numbers: Rows) -> None:
        """Raise `CollectionError` if one of the rows ``numbers`` is damaged."""
        damaged = self.damaged(numbers)
        if len(damaged):
            raise CollectionError(
                f"{self.path} is damaged (row {damaged[0]} does not match its checksum): "
                "run edgepatent index verify --repair"
            )


def _map(file: Path | BinaryIO, kind: np.dtype[np.void], count: int) -> npt.NDArray[np.void]:
    return np.memmap(file, kind, "r", HEADER, (count,)) if count else np.zeros(0, kind)
