"""Signs and graph, computed from the rows: what may be lost, and is made again."""

from pathlib import Path

import msgspec
import numpy as np

from edgepatent_runtime.collection import signs
from edgepatent_runtime.collection.entries import Derived
from edgepatent_runtime.collection.graph import SAMPLE_CANDIDATES, Graph, choose_leading
from edgepatent_runtime.collection.vectors import Floats, Rows, Vectors
from edgepatent_runtime.progress import Progress

_BLOCK = 16_384
_SAMPLE = 4_000
_RUN = 100


def _mean(rows: Vectors) -> Floats:
    total = np.zeros(rows.dimensions, np.float64)
    for start in range(0, rows.count, _BLOCK):
        stop = min(start + _BLOCK, rows.count)
        total += rows.read(np.arange(start, stop)).sum(axis=0, dtype=np.float64)
    return (total / max(rows.count, 1)).astype("<f4")


def _sample(count: int) -> Rows:
    """Some row numbers, in runs spread over all: drawings of a patent follow each other, and
    without its siblings a drawing has only far neighbours, which say little.
    """
    if count <= _SAMPLE:
        return np.arange(count)
    starts = np.linspace(0, count - _RUN, _SAMPLE // _RUN, dtype=np.int64)
    return np.unique(starts[:, None] + np.arange(_RUN))


def free_name(folder: Path, kind: str, vectors: str, rows: int) -> str:
    """A name for a new file of ``kind`` that nobody has mapped: it says what it was made from."""
    stem = f"{kind}-{vectors.removeprefix('vectors-').removesuffix('.rows')}-{rows}"
    name, number = stem, 1
    while (folder / name).exists():
        number += 1
        name = f"{stem}-{number}"
    return name


def extend_signs(folder: Path, rows: Vectors, old: Derived | None) -> Derived:
    """Signs of all ``rows``: appended to the file of ``old``, or written to a new one.

    The mean is fitted anew, and a new file written, whenever the rows have doubled since the last
    time: all in all each row is then written about three times.
    """
    count = rows.count
    if (
        old is not None
        and old.vectors == rows.path.name
        and old.mean is not None
        and len(old.mean) == 4 * rows.dimensions
        and count < 2 * (old.basis or 0)
        and signs.load(folder / old.file, rows.dimensions, old.rows) is not None
    ):
        mean, file, start = np.frombuffer(old.mean, "<f4"), old.file, old.rows
        derived = msgspec.structs.replace(old, rows=count)
    else:
        mean, start = _mean(rows), 0
        file = free_name(folder, "signs", rows.path.name, count)
        derived = Derived(file, rows.path.name, count, None, mean.tobytes(), count)
    for first in range(start, count, _BLOCK):
        block = rows.read(np.arange(first, min(first + _BLOCK, count)))
        signs.write(folder / file, signs.pack(block, mean), first)
    return derived


def extend_graph(
    folder: Path,
    rows: Vectors,
    rotation: Floats,
    old: Derived | None,
    threads: int,
    progress: Progress,
) -> Derived:
    """A graph of all ``rows`` in a new file, grown from that of ``old`` where it can be."""
    grown = None
    if old is not None and old.vectors == rows.path.name and old.digest and old.basis:
        grown = Graph.load(folder / old.file, old.basis, old.rows, old.digest)
    if grown is None:
        sample = rows.read(_sample(rows.count)) @ rotation
        dimensions = choose_leading(sample, SAMPLE_CANDIDATES)
        grown = Graph.empty(dimensions, rows.count)
    lead = rotation[:, : grown.leading]
    progress("building the graph", grown.count, rows.count)
    while grown.count < rows.count:
        stop = min(grown.count + _BLOCK, rows.count)
        grown.add(rows.read(np.arange(grown.count, stop)) @ lead, rows.count, threads)
        progress("building the graph", grown.count, rows.count)
    file = free_name(folder, "graph", rows.path.name, rows.count)
    digest = grown.save(folder / file)
    return Derived(file, rows.path.name, rows.count, digest, None, grown.leading)
