"""Calls in workers: one, or many on all cores."""

import atexit
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from edgepatent_runtime.workers import child
from edgepatent_runtime.workers.worker import Worker, WorkerError

T = TypeVar("T")
R = TypeVar("R")
CHUNK = 32


def call(function: Callable[[T], R], argument: T) -> R:
    """``function`` of ``argument``, called in a worker; within a worker it is simply called.

    Raises `WorkerError` where it kills two workers, or one for taking too long, and whatever the
    function raises.
    """
    if child.serving:
        return function(argument)
    with _Crew() as crew:
        (result,) = crew.carry_out(function, [argument])
    if isinstance(result, WorkerError):
        raise result
    return result


def each(
    function: Callable[[T], R], arguments: Iterable[T], workers: int
) -> Generator[tuple[T, R | WorkerError]]:
    """Each of ``arguments``, in order, with what ``function`` returns for it in a worker.

    An argument that kills two workers, or one for taking too long, has a `WorkerError` instead.
    Memory is flat: a few chunks are under way at any moment. Raises whatever the function raises.
    """
    stream = iter(arguments)
    under_way: deque[tuple[list[T], Future[list[R | WorkerError]]]] = deque()
    with _Crew() as crew, ThreadPoolExecutor(workers, "edgepatent-reading") as threads:
        try:
            while True:
                while len(under_way) < 2 * workers and (chunk := list(islice(stream, CHUNK))):
                    under_way.append((chunk, threads.submit(crew.carry_out, function, chunk)))
                if not under_way:
                    return
                chunk, future = under_way.popleft()
                yield from zip(chunk, future.result(), strict=True)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            crew.stop()


class _Crew:
    """Workers that share one task. Left, all but one of them end; it waits for the next task."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[Worker] = []
        self._busy: set[Worker] = set()
        self._stopped = False

    def __enter__(self) -> "_Crew":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._free:
            _keep(worker)

    def carry_out(
        self, function: Callable[[T], R], arguments: Sequence[T]
    ) -> list[R | WorkerError]:
        """What ``function`` returns for each argument, or why there is nothing. From any thread."""
        results: list[R | WorkerError] = []
        killed_before = False
        while rest := arguments[len(results) :]:
            try:
                with self._lent() as worker:
                    for result in worker.answers(function, rest):
                        results.append(result)
                        killed_before = False
            except WorkerError as death:
                if self._stopped:
                    raise
                # The answers say whose fault it was. A kill may have come from outside: once more.
                if death.again and not killed_before:
                    killed_before = True
                else:
                    results.append(death)
                    killed_before = False
        return results

    def stop(self) -> None:
        """End the workers that are at work, from any thread."""
        with self._lock:
            self._stopped = True
            for worker in self._busy:
                worker.kill()

    @contextmanager
    def _lent(self) -> Iterator[Worker]:
        with self._lock:
            worker = self._free.pop() if self._free else None
        worker = worker or _kept() or Worker()
        with self._lock:
            self._busy.add(worker)
            if self._stopped:
                worker.kill()
        try:
            yield worker
        finally:
            with self._lock:
                self._busy.discard(worker)
                if worker.free:
                    self._free.append(worker)
                else:
                    worker.close()


# The worker that waits for the next task, by process: after a fork nothing of the parent's is used.
_waiting: dict[int, Worker] = {}


def _kept() -> Worker | None:
    worker = _waiting.pop(os.getpid(), None)
    if worker is not None and not worker.free:
        worker.close()
        return None
    return worker


def _keep(worker: Worker) -> None:
    if not worker.free or _waiting.setdefault(os.getpid(), worker) is not worker:
        worker.close()


@atexit.register
def _end() -> None:
    worker = _waiting.pop(os.getpid(), None)
    if worker is not None:
        worker.close()
