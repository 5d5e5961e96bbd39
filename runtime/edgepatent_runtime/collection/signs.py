"""One bit a dimension: candidates by Hamming distance, straight from a memory-mapped file.

The bits are sign(Q(x − μ)), with Q a random rotation and μ the mean of the rows. Signs of
dimensions that are ordered by variance would be bad codes (most bits would say almost nothing);
rows are stored rotated by Q already (see `rotation`), so that here only μ is left to subtract.
"""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgepatent_runtime import faults
from edgepatent_runtime.collection import pages
from edgepatent_runtime.collection.vectors import Floats, Rows

Words = npt.NDArray[np.uint64]

NEVER = 65535
"""A distance that `nearest` leaves out."""

_BLOCK = 1 << 15
_COUNTED = 1 << 18


def width(dimensions: int) -> int:
    """How many 64-bit words hold one row's signs."""
    return (dimensions + 63) // 64


def pack(vectors: Floats, mean: Floats) -> Words:
    """The signs of ``vectors`` [N, D] around ``mean`` [D] as words [N, ⌈D/64⌉]."""
    bits = np.packbits(vectors > mean, axis=1)
    out = np.zeros((len(vectors), width(vectors.shape[1]) * 8), np.uint8)
    out[:, : bits.shape[1]] = bits
    return out.view("<u8")


def write(path: Path, words: Words, start: int) -> None:
    """Write ``words`` as rows ``start``… of ``path``, which is made where it is missing; synced."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        file.seek(start * words.shape[1] * 8)
        file.write(words.tobytes())
        file.flush()
        faults.point("signs.written")
        os.fsync(file.fileno())
    faults.point("signs.synced")


def load(path: Path, dimensions: int, count: int) -> Words | None:
    """Map the first ``count`` rows [count, ⌈D/64⌉]; None where the file is missing or too short."""
    wide = width(dimensions)
    try:
        if path.stat().st_size < count * wide * 8:
            return None
        return np.memmap(path, "<u8", "r", 0, (count, wide)) if count else None
    except OSError:
        return None


def distances(words: Words, query: Words) -> npt.NDArray[np.uint16]:
    """Hamming distances [N] of stored signs [N, W] to those of one query [W]."""
    out = np.empty(len(words), np.uint16)
    for start in range(0, len(words), _BLOCK):
        counts = np.bitwise_count(words[start : start + _BLOCK] ^ query)
        part = out[start : start + _BLOCK]
        part[:] = counts[:, 0]
        # Column by column: numpy sums a short last axis ten times slower.
        for column in range(1, counts.shape[1]):
            part += counts[:, column]
        pages.give_back(words)
    return out


def nearest(distance: npt.NDArray[np.uint16], count: int) -> Rows:
    """The rows of the ``count`` smallest distances, and all that tie with the last of them.

    A distance of `NEVER` is not among them.
    """
    # Distances are small integers: counting them finds the limit faster than sorting.
    # In blocks: numpy makes numbers of eight bytes of all that it counts at once.
    tally = np.zeros(NEVER + 1, np.int64)
    for start in range(0, len(distance), _COUNTED):
        tally += np.bincount(distance[start : start + _COUNTED], minlength=NEVER + 1)
    tally = tally[:NEVER].cumsum()
    limit = int(np.searchsorted(tally, min(count, int(tally[-1]))))
    return np.flatnonzero(distance <= limit)
