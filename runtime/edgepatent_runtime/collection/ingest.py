"""From records to stored rows: decoded in parallel, encoded in batches, committed."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edgepatent_runtime import sources
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import thumbnails
from edgepatent_runtime.collection.known import Job, Known
from edgepatent_runtime.collection.vectors import Floats
from edgepatent_runtime.collection.writer import Writer
from edgepatent_runtime.errors import DrawingError, InputError, SpaceMismatchError
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Record, Skipped

BATCH = 64
_EMBEDDINGS_BATCH = 8192
_TOLD = 4096

Drawing = npt.NDArray[np.uint8]


class Encodes(Protocol):
    """What turns drawings [N, 1, S, S] uint8 into unit embeddings [N, D]: an `Encoder`."""

    bundle: Bundle

    def encode(self, drawings: Drawing) -> Floats:
        """Embed drawings."""
        ...


@dataclass(frozen=True)
class Added:
    """How many drawings came in, and what became of those that were known."""

    added: int = 0
    replaced: int = 0
    renamed: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0

    def plus(self, **counts: int) -> "Added":
        """With some of the counts raised."""
        return replace(self, **{name: getattr(self, name) + n for name, n in counts.items()})

    def __add__(self, other: "Added") -> "Added":
        return self.plus(**asdict(other))


def add(
    writer: Writer,
    records: Iterable[Record],
    encoder: Encodes,
    *,
    root: str,
    skipped: Skipped,
    progress: Progress,
    prune: bool,
    keep_thumbnails: bool,
    total: int | None,
) -> Added:
    """Index the drawings of ``records``; ``root`` is the folder their paths are stored relative to.

    Unchanged files (size and mtime) cost a stat; renamed and copied ones are recognised by their
    content and not encoded again; changed ones are replaced. ``prune`` removes what is stored
    below ``root`` and has vanished. Each batch of 64 is committed, so that an interruption loses
    no more than that. ``total`` is only for ``progress``. What cannot be decoded is counted in
    ``skipped``; its stored version stays.

    Raises `SpaceMismatchError` where the encoder is not the collection's model.
    """
    if encoder.bundle.info.space != writer.state.space:
        raise SpaceMismatchError(
            f"{writer.folder} was made with another model: leave --model out to use its own, or "
            "run edgepatent index rebuild --model"
        )
    files = Known(writer, root)
    result = Added()
    size = encoder.bundle.info.size
    workers = os.cpu_count() or 1
    queue: deque[tuple[Job, Future[tuple[Drawing, bytes | None]]]] = deque()
    done = 0

    def flush(count: int) -> None:
        nonlocal result
        stored, replaced = _store(writer, encoder, queue, count, skipped, files)
        result = result.plus(added=stored - replaced, replaced=replaced)

    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        with writer.undone_on_failure():
            for record in records:
                fate, job = files.look_up(record, skipped)
                if job is not None:
                    future = pool.submit(_load, record, size, keep_thumbnails)
                    queue.append((job, future))
                    # Two batches ahead: the processor never waits for the disk, memory stays small.
                    if len(queue) >= 3 * BATCH:
                        flush(BATCH)
                elif fate:
                    result = result.plus(**{fate: 1})
                done += 1
                if done % BATCH == 0:
                    progress("indexing drawings", done - len(queue), total)
                if done % _TOLD == 0:
                    # Where nothing is new there are no batches: what was renamed or told anew.
                    writer.commit()
            while queue:
                flush(BATCH)
                progress("indexing drawings", done - len(queue), total)
            result = result.plus(removed=files.tidy(prune))
            writer.commit()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return result


def _load(record: Record, size: int, keep_thumbnail: bool) -> tuple[Drawing, bytes | None]:
    drawing = sources.load(record.image, size)
    return drawing, thumbnails.make(drawing) if keep_thumbnail else None


def _store(
    writer: Writer,
    encoder: Encodes,
    queue: "deque[tuple[Job, Future[tuple[Drawing, bytes | None]]]]",
    count: int,
    skipped: Skipped,
    files: "Known",
) -> tuple[int, int]:
    """Encode and commit the first ``count`` of ``queue``: how many were stored, and replaced."""
    jobs: list[Job] = []
    drawings: list[Drawing] = []
    pictures: list[bytes | None] = []
    for _ in range(min(count, len(queue))):
        job, future = queue.popleft()
        try:
            drawing, picture = future.result()
        except DrawingError as error:
            skipped.add(error.reason, job.record.image)
            files.failed(job.file)
            continue
        except OSError as error:
            skipped.add("unreadable file", f"{job.record.image} ({error.strerror})")
            files.failed(job.file)
            continue
        jobs.append(job)
        drawings.append(drawing)
        pictures.append(picture)
    if not jobs:
        return 0, 0
    rows = writer.quantise(encoder.encode(np.stack(drawings)[:, None]))
    return commit(writer, jobs, rows, pictures)


def commit(
    writer: Writer,
    jobs: list[Job],
    rows: npt.NDArray[np.void],
    pictures: list[bytes | None],
) -> tuple[int, int]:
    """Store and commit rows [N] for ``jobs``: how many were stored, and how many replaced."""
    old = np.array([job.replaces for job in jobs if job.replaces is not None], np.int64)
    with writer.edits.failures():
        writer.put(rows, [(job.file, job.part, job.record) for job in jobs], pictures)
        writer.edits.remove_drawings(old)
    writer.commit()
    return len(jobs), len(old)


def add_embeddings(
    writer: Writer,
    records: Iterable[Record],
    embeddings: Floats,
    *,
    root: str,
    skipped: Skipped,
    progress: Progress,
) -> Added:
    """Store ready embeddings [N, D] for as many ``records``; their files are not looked at.

    Known drawings whose rows are the same stay as they are, others are replaced. Raises
    `InputError` where the numbers do not match or the embeddings are not unit vectors.
    """
    if embeddings.ndim != 2 or embeddings.shape[1] != writer.state.dimensions:
        raise InputError(
            f"expected embeddings [N,{writer.state.dimensions}], got {list(embeddings.shape)}"
        )
    files = Known(writer, root)
    result = Added()
    stream = iter(records)
    with writer.undone_on_failure():
        for start in range(0, len(embeddings), _EMBEDDINGS_BATCH):
            part = np.asarray(embeddings[start : start + _EMBEDDINGS_BATCH], np.float32)
            lengths = np.linalg.norm(part, axis=1)
            if not np.allclose(lengths, 1, atol=0.01):
                wrong = start + int(np.argmax(~np.isclose(lengths, 1, atol=0.01)))
                raise InputError(f"embedding {wrong} is no unit vector: embed the drawings again")
            rows = writer.quantise(part)
            jobs: list[Job] = []
            wanted: list[int] = []
            for position, record in enumerate(_exactly(stream, len(part))):
                known, job = files.look_up_named(record, rows[position], skipped)
                if job is None:
                    result = result.plus(**({known: 1} if known else {}))
                else:
                    jobs.append(job)
                    wanted.append(position)
            stored, replaced = 0, 0
            if jobs:
                stored, replaced = commit(writer, jobs, rows[wanted], [None] * len(jobs))
            result = result.plus(added=stored - replaced, replaced=replaced)
            progress("storing embeddings", start + len(part), len(embeddings))
        if next(stream, None) is not None:
            raise InputError(f"there are more records than the {len(embeddings)} embeddings")
        writer.commit()
    return result


def _exactly(records: Iterator[Record], count: int) -> Iterator[Record]:
    for number in range(count):
        record = next(records, None)
        if record is None:
            raise InputError(f"there are fewer records than embeddings ({count - number} short)")
        yield record
