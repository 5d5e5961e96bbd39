"""From records to stored rows: decoded in parallel, encoded in batches, committed."""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edgepatent_runtime import sources
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import thumbnails
from edgepatent_runtime.collection.catalog import DIGEST, File, part_of
from edgepatent_runtime.collection.vectors import Floats
from edgepatent_runtime.collection.writer import Writer
from edgepatent_runtime.errors import DrawingError, InputError, SpaceMismatchError
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Record, Skipped

BATCH = 64
_EMBEDDINGS_BATCH = 8192

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


@dataclass(frozen=True)
class Job:
    """A drawing to be stored: its file and part, and the row that it replaces."""

    record: Record
    file: int
    part: str
    replaces: int | None


def content_digest(data: bytes | Path) -> bytes:
    """The first half (16 bytes) of the SHA-256 of a file's content: a renamed file is known by it.

    Raises `OSError` where the file cannot be read.
    """
    if isinstance(data, bytes):
        return hashlib.sha256(data).digest()[:DIGEST]
    with data.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()[:DIGEST]


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
    files = _Files(writer, root)
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
            if done % 64 == 0:
                progress("indexing drawings", done - len(queue), total)
        while queue:
            flush(BATCH)
            progress("indexing drawings", done - len(queue), total)
        result = result.plus(removed=files.tidy(prune))
        writer.commit()
    except BaseException:
        writer.rollback()
        raise
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
    files: "_Files",
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
    files = _Files(writer, root)
    result = Added()
    stream = iter(records)
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


@dataclass(frozen=True)
class _Found:
    """The stored file of a record, and older versions of it that lie under the same path."""

    file: File
    older: Sequence[File] = ()
    moved: bool = False


class _Files:
    """What is stored already, and what of it was seen in this run."""

    def __init__(self, writer: Writer, root: str) -> None:
        self._writer = writer
        self._edits = writer.edits
        # Generated drawings have no folder: their names are whole.
        self._root_path = str(Path(root).absolute()) if root and Path(root).exists() else ""
        with self._edits.failures():
            self._root = self._edits.root(self._root_path)
        self._seen: set[int | tuple[int, str]] = set()
        self._failed: set[int] = set()
        self._superseded: dict[int, list[int]] = {}
        # The drawings of one file mostly follow each other.
        self._last: tuple[str, _Found] | None = None

    def look_up(self, record: Record, skipped: Skipped) -> tuple[str | None, Job | None]:
        """What to do with ``record``: count it under a name of `Added`, or carry out a job."""
        with self._edits.failures():
            try:
                found = self._find(record.image.path)
            except OSError as error:
                skipped.add("unreadable file", f"{record.image} ({error.strerror})")
                return None, None
            key, part = found.file.key, part_of(record.image)
            if not self._see(key, part):
                skipped.add("listed twice", record.image)
                return None, None
            row = self._edits.drawing_at(key, part)
            if row is not None:
                if self._edits.update_drawing(row, record):
                    return "updated", None
                return ("renamed" if found.moved else "unchanged"), None
            rows = (self._edits.drawing_at(old.key, part) for old in found.older)
            return None, Job(record, key, part, next((r for r in rows if r is not None), None))

    def look_up_named(
        self, record: Record, new: npt.NDArray[np.void], skipped: Skipped
    ) -> tuple[str | None, Job | None]:
        """The same for a record that comes with its row: its file may be anywhere."""
        with self._edits.failures():
            path = self._relative(record.image.path)
            part = part_of(record.image)
            known = self._edits.files_at(self._root, path)
            if known:
                file = known[0]
            else:
                digest = content_digest(f"embedding of {path}".encode())
                file = self._edits.add_file(self._root, path, -1, 0, digest)
            if not self._see(file.key, part):
                skipped.add("listed twice", record.image)
                return None, None
            row = self._edits.drawing_at(file.key, part) if known else None
            if (
                row is not None
                and (self._writer.vectors().rows[row]["codes"] == new["codes"]).all()
            ):
                return "updated" if self._edits.update_drawing(row, record) else "unchanged", None
            return None, Job(record, file.key, part, row)

    def failed(self, file: int) -> None:
        """A drawing of ``file`` could not be decoded."""
        self._failed.add(file)

    def tidy(self, prune: bool) -> int:
        """Remove what changed files no longer hold and, with ``prune``, what has vanished."""
        with self._edits.failures():
            gone: list[int] = []
            for file, older in self._superseded.items():
                if file not in self._failed:
                    gone += [row for old in older for row, _ in self._edits.drawings_in(old)]
            if prune:
                for key, path in self._edits.files_below(self._root):
                    if key in self._seen:
                        gone += [
                            row
                            for row, part in self._edits.drawings_in(key)
                            if part and (key, part) not in self._seen
                        ]
                    elif self._root_path and not Path(self._root_path, path).exists():
                        gone += [row for row, _ in self._edits.drawings_in(key)]
            rows = np.unique(np.array(gone, np.int64))
            self._edits.remove_drawings(rows)
            self._edits.drop_unused([], sorted(self._failed))
            return len(rows)

    def _see(self, file: int, part: str) -> bool:
        """Remember a drawing; False where it was seen before."""
        # Most files are one drawing: their key alone is remembered.
        this = (file, part) if part else file
        if this in self._seen:
            return False
        self._seen.add(this)
        self._seen.add(file)
        return True

    def _relative(self, path: str) -> str:
        return os.path.relpath(Path(path).absolute(), self._root_path) if self._root_path else path

    def _find(self, path: str) -> _Found:
        if self._last is None or self._last[0] != path:
            found = self._look(path)
            if found.older:
                self._superseded[found.file.key] = [old.key for old in found.older]
            self._last = (path, found)
        return self._last[1]

    def _look(self, path: str) -> _Found:
        """The stored file of ``path``; stored now if it is new, moved if its content is known
        from a path that has vanished. Raises `OSError` where it cannot be read.
        """
        edits, root = self._edits, self._root
        relative = self._relative(path)
        if path.startswith(sources.GENERATED):
            size, mtime = 0, 0
        else:
            status = Path(path).stat()
            size, mtime = status.st_size, status.st_mtime_ns
        known = edits.files_at(root, relative)
        if known and (known[0].size, known[0].mtime_ns) == (size, mtime):
            return _Found(known[0], known[1:])
        if path.startswith(sources.GENERATED):
            return _Found(edits.add_file(root, relative, 0, 0, content_digest(path.encode())))
        digest = content_digest(Path(path))
        if known and known[0].digest == digest:
            edits.move_file(known[0].key, root, relative, size, mtime)
            return _Found(known[0], known[1:])
        for file, folder, name in edits.files_like(digest):
            if not Path(folder, name).exists():
                edits.move_file(file.key, root, relative, size, mtime)
                return _Found(file, known, moved=True)
        return _Found(edits.add_file(root, relative, size, mtime, digest), known)
