"""The drawings of many records, decoded on all cores."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt

from edgepatent_runtime.errors import DrawingError, EdgepatentError
from edgepatent_runtime.record import ImageRef, Record
from edgepatent_runtime.sources import load, worker

Drawing = npt.NDArray[np.uint8]
CHUNK = 32
# Starting a worker costs as much as decoding some fifty sheets (0.4 s).
_SERIAL_BELOW = 200


def load_all(
    records: Iterable[Record], size: int, *, workers: int | None = None
) -> Iterator[tuple[Record, Drawing | DrawingError]]:
    """Each record, in order, with its normalised drawing [S, S] or why there is none.

    ``workers`` processes decode (by default one a core; none where the records are few). Memory
    is flat: a few chunks are under way at any moment. Raises `EdgepatentError` where a worker is
    killed.
    """
    workers = workers or os.cpu_count() or 1
    stream = iter(records)
    first = list(islice(stream, _SERIAL_BELOW))
    if workers == 1 or len(first) < _SERIAL_BELOW:
        for record in chain(first, stream):
            yield record, _load_one(record.image, size)
        return
    # Not forked: the caller may hold threads and locks of other libraries.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=worker.begin)
    try:
        yield from _in_order(pool, chain(first, stream), size, workers)
    except BrokenProcessPool as error:
        raise EdgepatentError(
            "a process that decodes drawings was killed, probably for want of memory: close other "
            "programs and try again"
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _in_order(
    pool: ProcessPoolExecutor, stream: Iterator[Record], size: int, workers: int
) -> Iterator[tuple[Record, Drawing | DrawingError]]:
    under_way: deque[tuple[list[Record], Future[list[Drawing | DrawingError]]]] = deque()
    while True:
        while len(under_way) < 2 * workers and (batch := list(islice(stream, CHUNK))):
            under_way.append((batch, pool.submit(_load_chunk, [r.image for r in batch], size)))
        if not under_way:
            return
        batch, future = under_way.popleft()
        yield from zip(batch, future.result(), strict=True)


def _load_chunk(refs: Sequence[ImageRef], size: int) -> list[Drawing | DrawingError]:
    return [_load_one(ref, size) for ref in refs]


def _load_one(ref: ImageRef, size: int) -> Drawing | DrawingError:
    try:
        return load(ref, size)
    except DrawingError as error:
        return error
