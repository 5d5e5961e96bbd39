"""An HNSW graph over the leading dimensions, for a process that stays.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical
navigable small world graphs", 2016, as hnswlib implements it. Ids are row numbers.
"""

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from edgepatent_runtime.collection.vectors import Floats, Rows

try:
    import hnswlib
except ImportError:  # a source package everywhere: a machine without a compiler has none
    hnswlib = None

LEADING = 64
_LINKS = 16
_EF_BUILD = 120


def available() -> bool:
    """Whether hnswlib is installed."""
    return hnswlib is not None


def leading(vectors: Floats) -> Floats:
    """The first 64 dimensions of ``vectors`` [N, D], at unit length again: [N, min(64, D)].

    Export orders dimensions by variance, so these carry most of the distance. Without the
    renormalisation they find markedly less (.948 instead of .977 of the top 10).
    """
    part = vectors[:, :LEADING]
    length = np.linalg.norm(part, axis=1, keepdims=True)
    out: Floats = np.divide(part, length, out=np.zeros_like(part), where=length > 0)
    return out


def file_digest(path: Path) -> str:
    """SHA-256 of a file. Raises `OSError` where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Graph:
    """An hnswlib index of ``count`` rows."""

    def __init__(self, index: Any, count: int) -> None:
        self._index = index
        self.count = count

    @classmethod
    def empty(cls, dimensions: int, room: int) -> "Graph":
        """A graph without rows, with room for ``room`` of them."""
        index = hnswlib.Index(space="ip", dim=min(LEADING, dimensions))
        index.init_index(max_elements=room, M=_LINKS, ef_construction=_EF_BUILD, random_seed=1)
        return cls(index, 0)

    @classmethod
    def load(cls, path: Path, dimensions: int, count: int, digest: str) -> "Graph | None":
        """Read a saved graph; None where it is missing or its digest does not match.

        hnswlib's loader brings the process down on a damaged file, so it never gets one.
        """
        try:
            if file_digest(path) != digest:
                return None
        except OSError:
            return None
        index = hnswlib.Index(space="ip", dim=min(LEADING, dimensions))
        index.load_index(str(path), max_elements=count)
        return cls(index, count)

    def add(self, vectors: Floats, room: int, threads: int) -> None:
        """Append ``vectors`` [N, D] as rows ``count``…; ``room`` is how many there will be."""
        if self._index.get_max_elements() < room:
            self._index.resize_index(room)
        total = self.count + len(vectors)
        self._index.add_items(leading(vectors), np.arange(self.count, total), num_threads=threads)
        self.count = total

    def save(self, path: Path) -> str:
        """Write to ``path``, sync, and return the file's digest. Raises `OSError`."""
        self._index.save_index(str(path))
        # hnswlib says nothing when the disk is full.
        if path.stat().st_size != self._index.index_file_size():
            raise OSError(errno.ENOSPC, "the graph could not be written wholly", str(path))
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return file_digest(path)

    def nearest(self, query: Floats, count: int) -> Rows:
        """About ``count`` rows near ``query`` [D], nearest first; safe in several threads."""
        count = min(count, self.count)
        self._index.set_ef(count)
        labels, _ = self._index.knn_query(leading(query[None]), count, num_threads=1)
        return np.asarray(labels[0], np.int64)
