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

from edgepatent_runtime import faults
from edgepatent_runtime.collection.vectors import Floats, Rows

try:
    import hnswlib
except ImportError:  # a source package everywhere: a machine without a compiler has none
    hnswlib = None

GRAPH_CANDIDATES = 500
"""So many candidates a search asks the graph for; all of them are then scored exactly.

Where nothing near is stored (a new design, most shards of several) leading dimensions order what is
far but roughly: of the ten nearest 200 candidates held .978 in a shard of 25,000, 500 hold .993.
"""

SAMPLE_CANDIDATES = 200
"""So many candidates must hold the nearest in a sample: fewer, since that lies less densely."""

_LINKS = 16
_EF_BUILD = 120
_STEP = 64
_HELD = 0.97
_TOP = 10


def available() -> bool:
    """Whether hnswlib is installed."""
    return hnswlib is not None


def leading(vectors: Floats, dimensions: int) -> Floats:
    """The first ``dimensions`` of ``vectors`` [N, D], at unit length again.

    Without the renormalisation they find markedly less (.948 instead of .977 of the top 10).
    """
    part = vectors[:, :dimensions]
    length = np.linalg.norm(part, axis=1, keepdims=True)
    out: Floats = np.divide(part, length, out=np.zeros_like(part), where=length > 0)
    return out


def held(sample: Floats, dimensions: int, candidates: int) -> float:
    """The share of the ten nearest that are among the nearest by leading dimensions alone.

    Each row of ``sample`` [N, D] is looked for among the others; N ≤ a few thousand.
    """
    if len(sample) <= candidates + 1:
        return 1.0
    scores = sample @ sample.T
    np.fill_diagonal(scores, -np.inf)
    nearest = np.argpartition(-scores, _TOP, axis=1)[:, :_TOP]
    part = leading(sample, dimensions)
    scores = part @ part.T
    np.fill_diagonal(scores, -np.inf)
    # The score that a row needs to be a candidate.
    needed = np.partition(scores, -candidates, axis=1)[:, -candidates]
    return float((np.take_along_axis(scores, nearest, axis=1) >= needed[:, None]).mean())


def choose_leading(sample: Floats, candidates: int) -> int:
    """How many leading dimensions [64, 128, …, D] a graph needs, from a sample [N, D] of rows.

    Export orders dimensions by variance, so that 64 mostly do; a model whose head whitens spreads
    it. A sample lies less densely than the whole and asks for more than it: .97 is enough.
    """
    whole = int(sample.shape[1])
    for dimensions in range(_STEP, whole, _STEP):
        if held(sample, dimensions, candidates) >= _HELD:
            return dimensions
    return whole


def file_digest(path: Path) -> str:
    """SHA-256 of a file. Raises `OSError` where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Graph:
    """An hnswlib index over the ``leading`` dimensions of ``count`` rows."""

    def __init__(self, index: Any, leading: int, count: int) -> None:
        self._index = index
        self.leading = leading
        self.count = count

    @classmethod
    def empty(cls, leading: int, room: int) -> "Graph":
        """A graph without rows, with room for ``room`` of them."""
        index = hnswlib.Index(space="ip", dim=leading)
        index.init_index(max_elements=room, M=_LINKS, ef_construction=_EF_BUILD, random_seed=1)
        return cls(index, leading, 0)

    @classmethod
    def load(cls, path: Path, leading: int, count: int, digest: str) -> "Graph | None":
        """Read a saved graph; None where it is missing or its digest does not match.

        hnswlib's loader brings the process down on a damaged file, so it never gets one.
        """
        try:
            if file_digest(path) != digest:
                return None
        except OSError:
            return None
        index = hnswlib.Index(space="ip", dim=leading)
        try:
            index.load_index(str(path), max_elements=count)
        except RuntimeError:
            # The writer has put a newer graph in its place since the digest was taken.
            if path.exists():
                raise
            return None
        return cls(index, leading, count)

    def add(self, vectors: Floats, room: int, threads: int) -> None:
        """Append ``vectors`` [N, ≥ leading] as rows ``count``…; ``room`` is how many will come."""
        if self._index.get_max_elements() < room:
            self._index.resize_index(room)
        total = self.count + len(vectors)
        part = leading(vectors, self.leading)
        self._index.add_items(part, np.arange(self.count, total), num_threads=threads)
        self.count = total

    def save(self, path: Path) -> str:
        """Write to ``path``, sync, and return the file's digest. Raises `OSError`."""
        self._index.save_index(str(path))
        # hnswlib says nothing when the disk is full.
        if path.stat().st_size != self._index.index_file_size():
            raise OSError(errno.ENOSPC, "the graph could not be written wholly", str(path))
        faults.point("graph.written")
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        faults.point("graph.synced")
        return file_digest(path)

    def nearest(self, query: Floats, count: int) -> Rows:
        """About ``count`` rows near ``query`` [D], nearest first; safe in several threads."""
        count = min(count, self.count)
        self._index.set_ef(count)
        # No need for unit length here: a query's own length changes no order.
        part = query[None, : self.leading]
        labels, _ = self._index.knn_query(part, count, num_threads=1)
        return np.asarray(labels[0], np.int64)
